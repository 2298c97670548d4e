"""The stage of every lesson: question, commit, do, reveal, consolidate, exit question, and the way to the next page.

    stage.show("convolution", {"slide": show_window, ...}, values)

Parts are sections of the lesson's text (content/en/<name>.md) and the functions that show what one does there. One part is on
screen at a time. Part, details, presenting and every setting stand in the address, so that a link gives the state back; images
never do. What a visitor answered is kept in the session and goes nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages import components, shared
from pages.classroom import address, answers, ending
from pages.menu import LESSONS
from pneumo.lessons import texts
from pneumo.lessons.texts import Lesson, Prediction

DETAILS, PRESENT, PART = "details", "present", "part"
PRESENTING = """<style>
[data-testid=stSidebar], [data-testid=stSidebarCollapsedControl], [data-testid=stExpandSidebarButton], [data-testid=stHeader] { display: none; }
html { font-size: 125%; }
[data-testid=stMainBlockContainer] { max-width: 100%; padding: 1.2rem 2.5rem 5rem; }
.st-key-classroom-steps { position: fixed; left: 0; right: 0; bottom: 0; z-index: 100; padding: 0.5rem 2.5rem; background: color-mix(in srgb, Canvas 88%, transparent); }
</style>"""


@shared.guarded
def show(name: str, parts: Mapping[str, Callable[[], None]], values: Mapping[str, object] | None = None) -> None:
    """The whole page of a lesson. parts: section name -> what shows it; values: what fills the braces of its text."""
    lesson = texts.lesson(name, values)
    presenting = st.query_params.get(PRESENT) == "1"
    if presenting:
        st.html(PRESENTING)
    _head(lesson, presenting)
    # On a wall the prediction belongs to the first part: it would fill the screen of each.
    at_first = st.session_state.get(f"{name}.section", st.query_params.get(PART)) in (None, next(iter(parts)))
    if not presenting or at_first:
        _predict(lesson)
    chosen = _choose_part(lesson, list(parts))
    section = lesson.sections[chosen]
    st.markdown(section.text)
    if section.details and details():
        with st.container(border=True):
            st.markdown(section.details)
    shared.guarded(parts[chosen])()
    ending.show(lesson, details=details())
    if presenting:
        components.mount(
            "totop", key="classroom.totop", data={"place": f"{name} {chosen}"}, html='<div class="root" hidden></div>'
        )
        _steps(name, list(parts), chosen)


def details() -> bool:
    """Whether this visitor wants to see what beginners need not."""
    return bool(st.session_state.get(f"classroom.{DETAILS}", st.query_params.get(DETAILS) == "1"))


# --- head and prediction ------------------------------------------------------------------------------------


def _head(lesson: Lesson, presenting: bool) -> None:
    left, right = st.columns([5, 3], vertical_alignment="bottom")
    left.title(lesson.front.title)
    with right.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"):
        shared.keep(f"classroom.{DETAILS}", st.query_params.get(DETAILS) == "1")
        st.toggle(
            "Details", key=f"classroom.{DETAILS}", on_change=_remember_details, help="Formulas and shapes as well."
        )
        st.button(
            "Stop presenting" if presenting else "Present",
            key="classroom.present",
            icon=":material/slideshow:",
            on_click=_present,
            args=(not presenting,),
            help="Large type, without the menu. The address of this page holds all settings: copy it for your students.",
        )
    st.markdown(f"##### {lesson.front.question}")


def _remember_details() -> None:
    address.put(DETAILS, "1" if st.session_state[f"classroom.{DETAILS}"] else None)


def _present(wanted: bool) -> None:
    address.put(PRESENT, "1" if wanted else None)


def unlocked(name: str) -> bool:
    """Whether a part that would give the reveal away may be shown; says why not where it may not."""
    if answers.committed(name):
        return True
    st.info("Predict first, above: this part shows the result.", icon=":material/lock:")
    return False


@st.fragment
@shared.guarded
def _predict(lesson: Lesson) -> None:
    wanted, given = lesson.front.prediction, answers.given().get((lesson.name, answers.PREDICTION))
    if wanted is None:
        return
    with st.container(border=True, key=f"{lesson.name}.prediction"):
        st.markdown(f"**Predict first.** {wanted.ask}")
        if given is None:
            _ask(lesson.name, wanted)
        else:
            _reveal(wanted, given)


def _ask(name: str, wanted: Prediction) -> None:
    key = f"{name}.predicted"
    if wanted.choices:
        answer = st.radio(
            "Your prediction",
            range(len(wanted.choices)),
            index=None,
            key=key,
            format_func=lambda n: wanted.choices[n].text,
            label_visibility="collapsed",
        )
    else:
        answer = st.number_input("Your prediction", value=None, key=key, width=220, step=None, format="%g")
    with st.container(horizontal=True, gap="small"):
        if st.button("Commit", key=f"{name}.commit", type="primary", disabled=answer is None):
            answers.given()[(name, answers.PREDICTION)] = answer
            st.rerun()  # the page too: parts of it may wait for the prediction
        if st.button("Show me anyway", key=f"{name}.anyway", type="tertiary"):
            answers.given()[(name, answers.PREDICTION)] = answers.SEEN
            st.rerun()


def _reveal(wanted: Prediction, given: Any) -> None:
    if given == answers.SEEN:
        st.caption("Shown without a prediction; your worksheet says so.")
    elif wanted.open:
        st.markdown(f"You predicted **{given:g}**.")
    else:
        right = answers.is_right(wanted, given)
        shown = wanted.choices[given].text if wanted.choices else f"{given:g}"
        reply = _reply(wanted, given)
        (st.success if right else st.warning)(
            f"You predicted **{shown}**. {'That is right.' if right else 'That is not right.'} {reply}",
            icon=":material/check:" if right else ":material/lightbulb:",
        )
    st.markdown(wanted.reveal)


def _reply(wanted: Prediction, given: Any) -> str:
    if wanted.choices:
        return wanted.choices[given].reply
    near = [reply for number, reply in wanted.replies.items() if abs(float(number) - float(given)) < 1e-6]
    return near[0] if near else ""


# --- parts ----------------------------------------------------------------------------------------------------


def _choose_part(lesson: Lesson, parts: list[str]) -> str:
    key = f"{lesson.name}.section"
    asked = st.query_params.get(PART)
    shared.keep(key, asked if asked in parts else parts[0], parts)
    if len(parts) > 1:
        st.segmented_control(
            "Part",
            parts,
            key=key,
            required=True,
            format_func=lambda part: f"{parts.index(part) + 1}  {lesson.sections[part].title}",
            label_visibility="collapsed",
        )
    chosen = st.session_state[key]
    if asked != chosen and (asked or chosen != parts[0]):
        address.put(PART, chosen)
    return chosen


# --- presenting -------------------------------------------------------------------------------------------------


def _steps(name: str, parts: list[str], chosen: str) -> None:
    """Back and next: through the parts of this lesson, then to the lesson before or after it."""
    at, place = parts.index(chosen), LESSONS.index(name)
    with st.container(horizontal=True, horizontal_alignment="distribute", key="classroom.steps"):
        if at > 0:
            st.button(
                "Back", key="classroom.back", icon=":material/arrow_back:", on_click=_go, args=(name, parts[at - 1])
            )
        elif place > 0:
            _lesson_link(LESSONS[place - 1], "Back", ":material/arrow_back:")
        if at + 1 < len(parts):
            st.button(
                "Next", key="classroom.next", icon=":material/arrow_forward:", on_click=_go, args=(name, parts[at + 1])
            )
        elif place + 1 < len(LESSONS):
            _lesson_link(LESSONS[place + 1], "Next", ":material/arrow_forward:")


def _go(name: str, part: str) -> None:
    st.session_state[f"{name}.section"] = part


def _lesson_link(name: str, word: str, icon: str) -> None:
    st.page_link(
        f"pages/classroom/{name}.py",
        label=f"{word}: {texts.title_of(name)}",
        icon=icon,
        query_params={PRESENT: "1"},
    )
