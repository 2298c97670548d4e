"""What a link gives back: part, settings, image and model in the address, checked on their way in and out.

Nothing that comes from a browser or an address is trusted: a page says which values a setting may have, and the rest is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages import shared
from pneumo.runs import Run

SETTINGS = "classroom.settings"  # session_state: what components were left at, by name; the address loses it on the way to another page
LONGEST_SETTINGS = 4000  # letters of settings in an address; browsers end at some thousands


def put(name: str, value: str | None) -> None:
    """One value into the address; None takes it out."""
    if value is None:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = value


def settings(name: str) -> dict[str, Any]:
    """What the address says of a component's settings, or else what this visitor left them at; empty where neither says anything."""
    return _parsed(st.query_params.get(name, "")) or st.session_state.get(SETTINGS, {}).get(name, {})


def _parsed(text: str) -> dict[str, Any]:
    if not text or len(text) > LONGEST_SETTINGS:
        return {}
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def addressed(
    key: str, name: str, options: Sequence[str], default: str, private: Sequence[str] = ()
) -> Callable[[], None]:
    """Gives a selector, at its first drawing, the choice that the address has under `name`; returns what puts a new choice there.

    private: options that never stand in an address, such as names of the visitor's files.
    """
    asked = st.query_params.get(name)
    shared.keep(key, asked if asked in options and asked not in private else default, options)

    def callback() -> None:
        chosen = st.session_state[key]
        put(name, None if chosen in private else chosen)

    return callback


def pick_model(key: str, names: Sequence[str]) -> Run:
    """A selector over these runs, the first one at first; the choice stands in the address."""
    return shared.pick_loaded(key, list(names), on_change=addressed(key, "model", names, names[0]))


def remember(key: str, name: str, checked: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[], None]:
    """A callback for a component: puts the settings it sent into the address under `name`.

    key: of the component. checked: takes what came from the browser and returns what may stand in an address.
    """

    def callback() -> None:
        sent = (st.session_state.get(key) or {}).get("settings")
        good = checked(sent) if isinstance(sent, dict) else {}
        put_settings(name, good)

    return callback


def put_settings(name: str, good: dict[str, Any]) -> None:
    """Puts settings into the address under `name`; none, or too many for an address, take it out."""
    st.session_state.setdefault(SETTINGS, {})[name] = good
    written = json.dumps(good, separators=(",", ":"))
    put(name, written if good and len(written) <= LONGEST_SETTINGS else None)


# --- what a setting may be ---------------------------------------------------------------------------------------


def whole(value: object, low: int, high: int) -> bool:
    """Whether a value is a whole number from low to high, both included; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def number(value: object, low: float, high: float) -> bool:
    """Whether a value is a number from low to high, both included; NaN, true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def place(said: dict[str, Any], places: int) -> dict[str, int]:
    """{"row", "column"} of a grid of places x places, or nothing."""
    found = {name: said.get(name) for name in ("row", "column")}
    return found if all(whole(each, 0, places - 1) for each in found.values()) else {}
