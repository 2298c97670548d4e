"""You first with a class: a code to join by, and what the class called, counted in memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from pages import shared
from pneumo.formatting import counted, with_interval
from pneumo.inference.examples import Example
from pneumo.lessons import reader_study
from pneumo.lessons.reader_study import CASES, Reading
from pneumo.lessons.rooms import CODE_LENGTH, FEWEST, Rooms
from pneumo.schema import PneumoError

MINE, JOINED = "you_first.mine", "you_first.joined"  # session_state: the room one opened, the room one reads in
ROOM = "room"  # in the address
POLL_S = 2.0


@dataclass(frozen=True)
class Mine:
    """A room this visitor opened."""

    code: str
    key: str


@dataclass(frozen=True)
class Joined:
    """A room this visitor reads in. reader: a secret that stands for the visitor, and nothing else."""

    code: str
    reader: str
    kind: str
    seed: int


@st.cache_resource(show_spinner=False)
def rooms() -> Rooms:
    """Of this server, for all visitors."""
    return Rooms()


def joined() -> Joined | None:
    """The room that this visitor reads in; one that the address names is joined at the first look."""
    code = st.query_params.get(ROOM)
    if code and JOINED not in st.session_state and MINE not in st.session_state:
        try:
            _join(code)
        except PneumoError as error:
            st.session_state[JOINED] = None
            st.warning(shared.plain(str(error)), icon=":material/group_off:")
    return st.session_state.get(JOINED)


def _join(code: str) -> None:
    reader, kind, seed = rooms().join(code)
    st.session_state[JOINED] = Joined(code.strip().upper(), reader, kind, seed)


def leave() -> None:
    st.session_state.pop(JOINED, None)
    st.query_params.pop(ROOM, None)


def add(reading: Reading) -> None:
    """Counts a reading in the room, if one is joined; a room that has closed meanwhile is left."""
    if room := st.session_state.get(JOINED):
        try:
            rooms().add(room.code, room.reader, reading)
        except PneumoError:
            leave()


def show(kind: str, seed: int, cases: Callable[[], list[Example]]) -> None:
    mine: Mine | None = st.session_state.get(MINE)
    if mine:
        st.fragment(_show_mine, run_every=POLL_S)(mine, cases)
        return
    if room := joined():
        st.success(
            f"You are in room **{room.code}**. Read the cases in part 1; your calls are counted without your name."
        )
        st.button("Leave the room", key="you_first.leave", on_click=leave)
        return
    left, right = st.columns(2, gap="large")
    with left, st.container(border=True):
        st.markdown("**You teach.** Open a room for the cases of part 1.")
        st.button("Open a room", key="you_first.open", type="primary", on_click=_open, args=(kind, seed))
    with right, st.container(border=True), st.form("you_first.join", border=False):
        code = st.text_input("**You take part.** Code of the room", max_chars=CODE_LENGTH, key="you_first.code")
        if st.form_submit_button("Join"):
            _join(code)
            st.rerun()


def _open(kind: str, seed: int) -> None:
    try:
        st.session_state[MINE] = Mine(*rooms().open(kind, seed))
    except PneumoError as error:
        st.warning(shared.plain(str(error)))


def _close(mine: Mine) -> None:
    with suppress(PneumoError):  # it may have ended by itself
        rooms().close(mine.code, mine.key)
    st.session_state.pop(MINE, None)


@shared.guarded
def _show_mine(mine: Mine, cases: Callable[[], list[Example]]) -> None:
    if st.session_state.get(MINE) != mine:  # closed just now
        st.rerun()
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.markdown(f"## Room {mine.code}")
    right.button("Close the room", key="you_first.close", on_click=_close, args=(mine,))
    st.caption(
        f"Students open *You first* and join with this code, or add `?{ROOM}={mine.code}` to the page's address. Closing the room deletes everything in it."
    )
    try:
        report = rooms().report(mine.code, mine.key)
    except PneumoError as error:
        st.warning(shared.plain(str(error)))
        return
    st.markdown(f"{counted(report.joined, 'reader')} joined, {report.done} of them have read all {CASES} cases.")
    if not report.tallies:
        st.info(
            f"Calls are shown from {FEWEST} readers of a case on, so that nobody's answer can be told apart.",
            icon=":material/groups:",
        )
        return
    shared.keep("you_first.truth", False)
    truth = st.toggle("Show the truth", key="you_first.truth")
    labels = [each.label_name for each in cases()]
    st.dataframe(
        [
            {
                "Case": each.case + 1,
                "Readers": each.readers,
                "Called PNEUMONIA": each.called / each.readers,
                "After seeing the model": each.final / each.readers,
            }
            | ({"Truth": labels[each.case]} if truth else {})
            for each in report.tallies
        ],
        hide_index=True,
        width="stretch",
        column_config={
            name: st.column_config.ProgressColumn(name, format="percent", min_value=0, max_value=1)
            for name in ("Called PNEUMONIA", "After seeing the model")
        },
    )
    if truth:
        for column, (name, place) in zip(st.columns(2), (("before", 0), ("after", 1)), strict=True):
            found = reader_study.rates([each[place] for each in report.calls], [each[2] for each in report.calls])
            column.markdown(
                f"**The class, {name} it saw the model:** sensitivity {with_interval(*found.sensitivity)}, specificity {with_interval(*found.specificity)}."
            )
        st.caption(
            f"{len(report.calls)} calls, and still only {len(report.tallies)} cases: the intervals count calls as if each had a case of its own, so they are too narrow."
        )
