"""The X-ray that a lesson takes apart: the visitor's own, once uploaded on any page, or a built-in example."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages import shared
from pages.classroom import address
from pneumo.images import overlays, sheets
from pneumo.inference import examples
from pneumo.inference.examples import Example

UPLOAD = "classroom.upload"
CHOSEN = "classroom.image"  # one choice for all lessons


def offered(*, phantoms_first: bool = False) -> dict[str, Example]:
    """Title -> image. The visitor's own come first, then generated radiographs and phantoms; real cases where the hub is at hand."""
    own = shared.titled_own_files()
    real = {f"Real case {n}": each for n, each in enumerate(shared.real_cases(), 1)}
    return own | shared.titled_examples(phantoms_first=phantoms_first) | real


def choose(
    key: str = CHOSEN, *, more: Sequence[str] = (), phantoms_first: bool = False, opening: str = ""
) -> tuple[str, Example | None]:
    """A selector and a place to upload. Returns what was chosen, and the image; None for one of `more`, titles of the page's own.

    opening: what is chosen at first, where it is there. A built-in image stands in the address, the visitor's own never does.
    """
    found = offered(phantoms_first=phantoms_first)
    titles = [*found, *more]
    own = list(shared.titled_own_files())
    first = opening if opening in titles and not own else titles[0]
    chosen = address.addressed(key, "image", titles, first, private=own)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        title = st.selectbox("Image", titles, key=key, on_change=chosen)
        with st.popover("Use my X-ray", icon=":material/upload:"):
            st.file_uploader(
                "Upload a chest X-ray",
                key=UPLOAD,
                accept_multiple_files=True,
                on_change=_take,
                args=(key,),
                help="It stays in this session's memory, and is offered on every page until the session ends.",
            )
    return title, found.get(title)


def _take(key: str) -> None:
    files = st.session_state[UPLOAD]
    if files:
        shared.take_files(files)
        st.session_state[key] = next(iter(shared.titled_own_files()))


def url(image: np.ndarray) -> str:
    """An image as a data URL. image: (H, W) or (H, W, 3) uint8."""
    return shared.data_url(sheets.png(image, synthetic=False), "png")


def marked(image: np.ndarray, region: tuple[float, float, float, float] | None) -> np.ndarray:
    """(H, W, 3) uint8: an image with an ellipse around a region, (left, top, width, height) as shares of its sides."""
    height, width = image.shape
    if region is None:
        return np.stack([image] * 3, axis=-1)
    left, top, wide, high = region
    rows, columns = ((np.arange(side) + 0.5) / side for side in (height, width))
    inside = ((rows[:, None] - top - high / 2) / (high / 2)) ** 2 + ((columns - left - wide / 2) / (wide / 2)) ** 2 <= 1
    return overlays.outline(image, inside)


def pixels(example: Example) -> np.ndarray:
    """(H, W) uint8 of an image. RadiographError where an uploaded file cannot be read."""
    return examples.read_pixels(example.data, example.name)
