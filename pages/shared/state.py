"""What a page keeps of one visitor while the visitor looks at other pages, and what it keeps for all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import wraps
from threading import Lock
from typing import Any, TypeVar

import streamlit as st

from pneumo import runs

OVERRIDDEN = "input_check.overridden"
T = TypeVar("T")
KEPT = "kept"  # session_state: the values of this visitor's widgets, by key, for as long as the session lasts


def keep(key: str, default: Any = None, among: Collection[Any] | None = None) -> Any:
    """Holds a widget's value while the visitor is on another page. Returns the value.

    Streamlit drops the keys of widgets that are not drawn. The widget takes its value from session_state, so it gets none of
    its own. Call it only where the widget is drawn in the same run: a key set without its widget stays, and would hide what
    the visitor chose later. among: the options there are now; the default replaces a value that is no longer one of them.
    """
    kept = st.session_state.setdefault(KEPT, {})
    value = st.session_state[key] if key in st.session_state else kept.get(key, default)
    if among is not None and value not in among:
        value = default
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    kept[key] = value
    return value


def keep_all(defaults: dict[str, Any]) -> None:
    """`keep` for several widgets, by key."""
    for key, default in defaults.items():
        keep(key, default)


@dataclass
class SharedCache:
    """Where something that takes long stands for all visitors; the lock lets one of them make it while the others wait.

    A cached function of Streamlit could not show progress. Keep the cache itself in such a function.
    """

    lock: Lock = field(default_factory=Lock)
    result: Any = None


def kept_for_run(show_spinner: str | bool = False) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Keeps what a function makes of a run's folder, for all sessions; the kept function takes the run's name.

    By folder, not by name: two weights folders may each have a run of that name.
    """

    def keep_it(function: Callable[[str], T]) -> Callable[[str], T]:
        cached = st.cache_resource(show_spinner=show_spinner)(function)

        @wraps(function)
        def by_name(name: str) -> T:
            return cached(str(runs.resolve(name)))

        return by_name

    return keep_it


def overridden() -> set[str]:
    """Digests of the files that this visitor wants an answer for although the input check refused them."""
    return st.session_state.setdefault(OVERRIDDEN, set())
