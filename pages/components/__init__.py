"""Browser-side parts: plain ES modules and CSS beside this file, and the one way to put one on a page.

A module may import another of this folder (`import { Player } from "./player.js"`). Streamlit loads a component's script from
memory, where a relative address leads nowhere; so each imported file travels as a `data:` address inside the one that needs it.
There is no build step, and Node reads the same files in tests.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

FOLDER = Path(__file__).parent
IMPORT = re.compile(r'(?<=from )"\./([\w-]+\.js)"')
LARGEST_DATA = 3_000_000  # characters of one component's data; more makes a page slow to open on a telephone


def script(name: str) -> str:
    """The JavaScript of a module with all that it imports, as one text."""

    def inlined(found: re.Match[str]) -> str:
        encoded = base64.b64encode(script(found[1]).encode()).decode()
        return f'"data:text/javascript;base64,{encoded}"'

    return IMPORT.sub(inlined, (FOLDER / name).read_text(encoding="utf-8"))


def style(*names: str) -> str:
    """The CSS of several files of this folder."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


@st.cache_resource(show_spinner=False)
def _registered(name: str, html: str, css: str, js: str) -> Callable[..., Any]:
    return st.components.v2.component(f"pneumo_{name}", html=html, css=css, js=js)


def packed(numbers: np.ndarray) -> str:
    """Numbers as they travel, base64 of little-endian bytes; bytes.js reads them. numbers: uint8, float16 or float32 of any shape."""
    kind = numbers.dtype.newbyteorder("<")
    return base64.b64encode(np.ascontiguousarray(numbers, dtype=kind).tobytes()).decode()


def mount(name: str, *, key: str, data: dict[str, Any], html: str = '<div class="root"></div>', **options: Any) -> Any:
    """Shows the component `name`: name.js, and base.css with name.css.

    key: of the widget. data: what its default function gets as `data`. options: default values and callbacks as Streamlit
    takes them, e.g. on_settings_change. The server hears of nothing but the states that the component sets.
    """
    css = style("base.css", *([f"{name}.css"] if (FOLDER / f"{name}.css").exists() else []))
    return _registered(name, html, css, script(f"{name}.js"))(key=key, data=data, **options)
