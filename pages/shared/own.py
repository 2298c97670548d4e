"""The visitor's own X-rays: uploaded on one page, offered on all of them, in this session's memory only."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pneumo.inference.examples import Example

FILES = "own.files"  # session_state: they outlast a look at another page, the uploader does not


def own_files() -> list[Example]:
    """What this visitor uploaded last, on whichever page."""
    return st.session_state.get(FILES, [])


def add_file(upload: Any) -> None:
    """Puts one upload in front of what is kept; the same file is not kept twice."""
    new = Example(upload.name, upload.getvalue(), -1, synthetic=False)
    st.session_state[FILES] = [new, *(each for each in own_files() if each.digest != new.digest)]


def titled_own_files() -> dict[str, Example]:
    """What a selector offers: "Your X-ray 1: chest.png" -> image."""
    return {f"Your X-ray {n}: {each.name}": each for n, each in enumerate(own_files(), 1)}


def take_files(uploads: list[Any]) -> None:
    """Keeps what an uploader holds, in place of what was there."""
    st.session_state[FILES] = [Example(file.name, file.getvalue(), -1, synthetic=False) for file in uploads]


def forget_files() -> None:
    st.session_state.pop(FILES, None)
