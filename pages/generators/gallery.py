"""Images side by side, each with its text equivalent, as many in a row as the window has room for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

TILE_PX, SMALL_TILE_PX = 148, 104  # of either two or three stand in a row of a telephone


def show_image(image: np.ndarray | bytes, alt: str, caption: str | None = None, width: int | str = "stretch") -> None:
    """One image. alt: what it shows, for those who do not see it."""
    st.image(image, caption=caption, width=width, alt=alt)


def show_gallery(
    images: Sequence[np.ndarray], captions: Sequence[str] | None, alts: Sequence[str], width: int = TILE_PX
) -> None:
    """Images of one size in rows from the left, in one element of the page: thirty of their own would be slow to draw."""
    if len(images):
        st.image(list(images), caption=list(captions) if captions else None, width=width, alt=list(alts))
