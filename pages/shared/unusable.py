"""Runs and files that cannot be used: named once on a page, with the reason, while the others are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import streamlit as st

from pages.shared.wording import plain
from pneumo import runs
from pneumo.formatting import counted
from pneumo.schema import PneumoError

T = TypeVar("T")


def default_name() -> str:
    """The default run where its card can be read, else the first classifier, else any run: a page goes on, and
    `tell_unusable` says so. RunError where there is no run at all."""
    known = runs.available()
    try:
        name = runs.default_name()
    except PneumoError:
        if not known:
            raise
        name = ""
    if name in known:
        return name
    if not known:
        runs.resolve()  # says what is wrong
    return (runs.available("classification") or known)[0]


def those_that_work(names: Iterable[str], use: Callable[[str], T]) -> tuple[dict[str, T], dict[str, str]]:
    """What a function makes of each run or file, and why it could not of others, both by name."""
    results, reasons = {}, {}
    for name in names:
        try:
            results[name] = use(name)
        except PneumoError as error:
            reasons[name] = str(error)
    return results, reasons


def tell_unusable(more: Mapping[str, str] | None = None) -> None:
    """One folded note with every run that cannot be used; above it, which one takes the place of the default run.

    more: reasons by name that were found on the way, e.g. on loading. Nothing where all is well.
    """
    reasons = runs.unusable() | dict(more or {})
    _tell_default(reasons)
    if not reasons:
        return
    title = f"{counted(len(reasons), 'item')} in the weights folder cannot be used"
    with st.expander(title, icon=":material/heart_broken:"):
        st.markdown("\n".join(f"- **{plain(name)}**: {plain(_short(reason))}" for name, reason in reasons.items()))
        st.caption("Everything else is shown.")


def _tell_default(reasons: Mapping[str, str]) -> None:
    try:
        name = runs.default_name()
    except PneumoError as error:
        st.warning(plain(_short(str(error))), icon=":material/heart_broken:")
        return
    if name in reasons or name not in runs.available():
        why = "; the reason stands below" if name in reasons else ": there is no such run"
        st.warning(
            f"The default model, `{plain(name)}`, cannot be used{why}. Another one is chosen in its place.",
            icon=":material/heart_broken:",
        )


def _short(reason: str) -> str:
    """A visitor need not know where the weights folder lies."""
    return reason.replace(f"{runs.weights_folder()}/", "").replace(str(runs.weights_folder()), "the weights folder")
