"""Images side by side, each with its text equivalent, as many in a row as the window has room for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st

from pages import shared
from pneumo.images import sheets

TILE_PX, SMALL_TILE_PX = 124, 88  # the least width: of either two or three stand in a row of a telephone
FIGURE = "margin:0;min-width:0"
IMAGE = "width:100%;display:block;border-radius:6px"
TEXT = "font-size:0.875rem;line-height:1.4;margin-top:4px;overflow-wrap:anywhere"


@dataclass(frozen=True, eq=False)
class Tile:
    """image: (H, W) or (H, W, 3) uint8. alt: what it shows, for those who do not see it. lines: below it, the first one
    in bold where there are several."""

    image: np.ndarray
    alt: str
    lines: tuple[str, ...] = ()


def show_gallery(tiles: Iterable[Tile], width: int = TILE_PX) -> None:
    """A grid of images of one size, from the left. width: of a tile at the least, in CSS pixels.

    One element of the page: thirty of Streamlit's own would be slow to draw, and its lists of images leave no gaps.
    """
    figures = "".join(map(_figure, tiles))
    if figures:
        columns = f"repeat(auto-fill,minmax(min({width}px,100%),1fr))"
        st.html(f'<div class="gallery" style="display:grid;grid-template-columns:{columns};gap:14px">{figures}</div>')


def _figure(tile: Tile) -> str:
    first, *others = [escape(line) for line in tile.lines] or [""]
    text = "<br>".join([f"<strong>{first}</strong>", *others]) if others else first
    address = shared.data_url(sheets.png(tile.image, synthetic=False), "png")
    return (
        f'<figure style="{FIGURE}"><img src="{address}" alt="{escape(tile.alt)}" style="{IMAGE}">'
        f'<figcaption style="{TEXT}">{text}</figcaption></figure>'
    )


def show_image(image: np.ndarray | bytes, alt: str, caption: str | None = None, width: int | str = "stretch") -> None:
    """One image. alt: what it shows, for those who do not see it."""
    shown = sheets.showable(image) if isinstance(image, np.ndarray) else image
    st.image(shown, caption=caption, width=width, alt=alt)
