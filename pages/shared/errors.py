"""One guard for every page: what a user can mend is said in words, what nobody expected goes to the log."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from pages.shared.wording import plain
from pneumo.schema import PneumoError

P = ParamSpec("P")


def guarded(section: Callable[P, None]) -> Callable[P, None]:
    """Shows a PneumoError of a page, a section or a fragment in its place; the sections beside it go on.

    Goes beneath `st.fragment`, so that it holds when the fragment alone runs again. Anything but a PneumoError passes:
    Streamlit writes it to the log and shows the visitor no detail (client.showErrorDetails).
    """

    @wraps(section)
    def safely(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            section(*args, **kwargs)
        except PneumoError as error:
            st.error(plain(str(error)), icon=":material/error:")

    return safely
