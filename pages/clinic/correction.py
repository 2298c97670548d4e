"""A chest radiograph that is turned, inverted or in wide margins, read again as it should lie, on request; the upload itself stays as it was."""

from __future__ import annotations

import streamlit as st

from pneumo.inference import diagnosis
from pneumo.inference.examples import Example
from pneumo.schema import Diagnosis


def _kept(page: str) -> dict[str, Example]:
    """Of this visitor: digest of an upload -> what is read in its place."""
    return st.session_state.setdefault(f"{page}.corrected", {})


def applied(page: str, files: list[Example]) -> list[Example]:
    """The files, those that this visitor had put right in the place of what was uploaded; what is gone is forgotten."""
    kept, here = _kept(page), {file.digest for file in files}
    for digest in kept.keys() - here:
        del kept[digest]
    return [kept.get(file.digest, file) for file in files]


def offer(page: str, file: Example, result: Diagnosis) -> None:
    """A button for a refused radiograph that only has to be turned, inverted or cropped."""
    if file.label >= 0 or not diagnosis.can_put_right(result):
        return
    found = result.assessment
    what = diagnosis.in_words(found, ("turn", "invert", "crop"))
    if st.button(
        f"{what.capitalize()} the image and read it again",
        key=f"{page}.correct.{file.digest[:12]}",
        icon=":material/rotate_left:"
        if found.turned_deg
        else ":material/invert_colors:"
        if found.inverted
        else ":material/crop:",
        type="primary",
    ):
        name, data = diagnosis.put_right(result)
        _kept(page)[file.digest] = Example(name, data, -1, synthetic=False)
        st.rerun()  # the whole page: another file is read


def offer_undo(page: str, file: Example) -> None:
    """The way back to the image as it was uploaded."""
    kept = _kept(page)
    digest = next((digest for digest, each in kept.items() if each.digest == file.digest), None)
    if digest is None:
        return
    if st.button(
        "Show the image as uploaded",
        key=f"{page}.as_uploaded.{file.digest[:12]}",
        icon=":material/undo:",
        type="tertiary",
    ):
        del kept[digest]
        st.rerun()
