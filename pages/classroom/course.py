"""Course: one lesson of 90 minutes, or six; what to prepare, do and hand in; the rubric, and worksheets to print."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages import shared
from pages.classroom import address, glossary_quiz, values
from pages.menu import LESSONS, MENU
from pneumo.lessons import course, texts, worksheets
from pneumo.lessons.course import Lesson, Step

TEACHING = "course.teaching"  # session_state: whether notes and sheets for the teacher are shown
TABS = {"lesson": "One lesson", "course": "Six lessons", "rubric": "Rubric", "sheets": "Worksheets"}
PART, CHOSEN, TEACHER = "course.part", "course.chosen", "course.teacher"
PAGES = {page.name: page for pages in MENU.values() for page in pages}
KINDS = ("Student", "Teacher")


@shared.guarded
def main() -> None:
    st.title("Course")
    st.markdown(
        "Everything for a class: what to prepare, when to do what, what to ask, and what to hand in. Thirty students can open the pages at once; nothing about them is stored."
    )
    shared.keep(TEACHING, st.query_params.get("teacher") == "1")
    st.toggle(
        "For the teacher", key=TEACHING, on_change=_remember_teaching,
        help="Notes, and sheets with what is right. Off, so that this page can be shown to a class.",
    )  # fmt: skip
    put = address.addressed(PART, "part", list(TABS), "lesson")
    st.segmented_control(
        "Part", list(TABS), key=PART, required=True, format_func=TABS.get, label_visibility="collapsed", on_change=put
    )
    {"lesson": show_lesson, "course": show_course, "rubric": show_rubric, "sheets": show_sheets}[
        st.session_state[PART]
    ]()


def _remember_teaching() -> None:
    address.put("teacher", "1" if st.session_state[TEACHING] else None)


def _note(text: str) -> None:
    """What is for the teacher alone."""
    if st.session_state[TEACHING]:
        st.caption(f"For the teacher: {text}")


# --- one lesson ---------------------------------------------------------------------------------------------------------


def show_lesson() -> None:
    lesson = course.load().lesson
    st.subheader(lesson.title)
    st.markdown(lesson.about)
    with st.container(border=True):
        st.markdown("**Before the class**\n\n" + "\n".join(f"- {line}" for line in lesson.prepare))
        _downloads("course.single", (), "lesson-90-minutes")
    for number, step in enumerate(lesson.steps):
        _step(step, lesson.minutes(number))
    st.markdown(f"**Hand in:** {lesson.hand_in}")


def _step(step: Step, minutes: int) -> None:
    with st.container(border=True):
        time, what = st.columns([1, 5], gap="medium")
        time.markdown(f"### {step.start}′\n{minutes} minutes")
        with what:
            st.markdown(f"**{step.title}**  \n{step.do}")
            _note(step.teach)
            query = dict(step.query) | ({"part": step.part} if step.part else {})
            if step.questions:
                query[glossary_quiz.QUESTIONS] = ",".join(step.questions)
            _links(step.page, query)


def _links(name: str, query: dict[str, str]) -> None:
    """To a page, and to the same page in large type."""
    page = PAGES[name]
    with st.container(horizontal=True, gap="medium"):
        st.page_link(page.file, label=page.title, icon=page.symbol, query_params=query)
        if name in LESSONS:
            st.page_link(
                page.file, label="Present", icon=":material/slideshow:", query_params={**query, "present": "1"}
            )


# --- six lessons ------------------------------------------------------------------------------------------------------------


def show_course() -> None:
    six = course.load().course
    st.subheader(six.title)
    st.markdown(six.about)
    for number, lesson in enumerate(six.lessons, 1):
        with st.container(border=True):
            st.markdown(f"#### {number}  {lesson.title}")
            _recall(lesson)
            for name in lesson.pages:
                minutes = texts.lesson(name, worksheets.values(name)).front.minutes
                left, right = st.columns([3, 1], vertical_alignment="center")
                with left:
                    _links(name, {})
                right.caption(f"about {minutes} minutes alone")
            st.markdown(f"**Task.** {lesson.task}\n\n**Hand in.** {lesson.hand_in}")
            _note(lesson.teach)
            file = f"lesson-{number}-{lesson.title.lower().replace(' ', '-')}"
            _downloads(f"course.six.{number}", lesson.pages, file, lesson.recall)


def _recall(lesson: Lesson) -> None:
    if lesson.recall:
        numbers = ", ".join(each[1:].lstrip("0") for each in lesson.recall)
        st.markdown(f"10 minutes of recall: questions {numbers} of the quiz.")
        _links("glossary", {glossary_quiz.QUESTIONS: ",".join(lesson.recall)})


# --- rubric --------------------------------------------------------------------------------------------------------------------


def show_rubric() -> None:
    rubric = course.load().rubric
    st.subheader("Rubric")
    st.markdown(rubric.about)
    head = "| | 0 | 1 | 2 | 3 |\n|---|---|---|---|---|\n"
    st.markdown(head + "\n".join(f"| **{line.name}** | {' | '.join(line.levels)} |" for line in rubric.lines))
    total = 0
    with st.container(horizontal=True):
        for line in rubric.lines:
            total += st.number_input(line.name, 0, 3, 0, key=f"course.points.{line.name}", width=150)
    st.markdown(
        f"**{total} of {3 * len(rubric.lines)} points**: {'passed' if total >= rubric.passed else 'not passed yet'}."
    )


# --- worksheets ------------------------------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_sheets() -> None:
    st.subheader("Worksheets")
    st.markdown(
        "Made from the texts of the pages: whoever edits a text there finds it here. A teacher's sheet has the reveals and what is right."
    )
    shared.keep(CHOSEN, list(LESSONS[:2]))
    chosen = st.multiselect("Lessons", LESSONS, key=CHOSEN, format_func=texts.title_of)
    if chosen:
        _downloads("course.sheets", tuple(chosen), "worksheets")
        with st.expander("Look at it", expanded=True, key="course.preview"):
            teacher = st.session_state[TEACHING] and st.toggle("The teacher's", key=TEACHER)
            st.iframe(_html(tuple(chosen), (), teacher), height=700)


def _downloads(key: str, names: tuple[str, ...], file: str, questions: tuple[str, ...] = ()) -> None:
    """The student's sheet, and the teacher's, as PDF and to print from the browser. Made when they are asked for. names: of lessons;
    without any it is the sheet of the one lesson."""
    with st.container(horizontal=True, gap="small"):
        for kind in KINDS if st.session_state[TEACHING] else KINDS[:1]:
            teacher = kind == "Teacher"
            wanted, ending = (names, questions, teacher), "-teacher" if teacher else ""
            st.download_button(
                f"{kind}’s sheet (PDF)", partial(_pdf, *wanted), f"{file}{ending}.pdf", "application/pdf",
                key=f"{key}.pdf.{kind}", icon=":material/picture_as_pdf:", on_click="ignore",
            )  # fmt: skip
            st.download_button(
                f"{kind}’s sheet (HTML)", partial(_html, *wanted), f"{file}{ending}.html", "text/html",
                key=f"{key}.html.{kind}", icon=":material/print:", on_click="ignore", type="tertiary",
            )  # fmt: skip


def _blocks(names: tuple[str, ...], questions: tuple[str, ...], teacher: bool) -> list[worksheets.Block]:
    if not names:
        return worksheets.single(course.load().lesson, teacher=teacher, measured=values.measured())
    return worksheets.blocks(names, teacher=teacher, measured=values.measured(), questions=questions)


@st.cache_data(show_spinner=False, max_entries=32)
def _pdf(names: tuple[str, ...], questions: tuple[str, ...], teacher: bool) -> bytes:
    return worksheets.pdf(_blocks(names, questions, teacher))


@st.cache_data(show_spinner=False, max_entries=32)
def _html(names: tuple[str, ...], questions: tuple[str, ...], teacher: bool) -> str:
    return worksheets.html(_blocks(names, questions, teacher))


main()
