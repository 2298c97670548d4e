"""Course: one lesson of 90 minutes, or six; what to prepare, do and hand in; the rubric, and worksheets to print."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.classroom import address, values
from pages.menu import LESSONS, MENU
from pneumo.lessons import course, texts, worksheets
from pneumo.lessons.course import Lesson, Step

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
    put = address.addressed(PART, "part", list(TABS), "lesson")
    st.segmented_control(
        "Part", list(TABS), key=PART, required=True, format_func=TABS.get, label_visibility="collapsed", on_change=put
    )
    {"lesson": show_lesson, "course": show_course, "rubric": show_rubric, "sheets": show_sheets}[
        st.session_state[PART]
    ]()


# --- one lesson ---------------------------------------------------------------------------------------------------------


def show_lesson() -> None:
    lesson = course.load().lesson
    st.subheader(lesson.title)
    st.markdown(lesson.about)
    with st.container(border=True):
        st.markdown("**Before the class**\n\n" + "\n".join(f"- {line}" for line in lesson.prepare))
        pages = [step.page for step in lesson.steps if step.page in LESSONS]
        _downloads(
            "course.single", pages, "lesson-90-minutes", [number for step in lesson.steps for number in step.questions]
        )
    for number, step in enumerate(lesson.steps):
        _step(step, lesson.minutes(number))
    st.markdown(f"**Hand in:** {lesson.hand_in}")


def _step(step: Step, minutes: int) -> None:
    with st.container(border=True):
        time, what = st.columns([1, 5], gap="medium")
        time.markdown(f"### {step.start}′\n{minutes} minutes")
        with what:
            st.markdown(f"**{step.title}**  \n{step.do}")
            st.caption(f"For the teacher: {step.teach}")
            if step.page:
                _links(step.page, {"part": step.part} if step.part else {})
            else:
                st.page_link(PAGES["diagnose"].file, label=PAGES["diagnose"].title, icon=PAGES["diagnose"].symbol)


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
            st.caption(f"For the teacher: {lesson.teach}")
            _downloads(
                f"course.six.{number}",
                list(lesson.pages),
                f"lesson-{number}-{lesson.title.lower().replace(' ', '-')}",
                list(lesson.recall),
            )


def _recall(lesson: Lesson) -> None:
    if lesson.recall:
        numbers = ", ".join(each[1:].lstrip("0") for each in lesson.recall)
        st.markdown(f"10 minutes of recall: questions {numbers} of the quiz.")
        st.page_link(PAGES["glossary"].file, label=PAGES["glossary"].title, icon=PAGES["glossary"].symbol)


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
        _downloads("course.sheets", chosen, "worksheets", [])
        with st.expander("Look at it", expanded=True, key="course.preview"):
            teacher = st.toggle("The teacher's", key=TEACHER)
            st.iframe(_html(tuple(chosen), (), teacher), height=700)


def _downloads(key: str, names: list[str], file: str, questions: list[str]) -> None:
    """Student's and teacher's sheet, as PDF and to print from the browser. Made when they are asked for."""
    with st.container(horizontal=True, gap="small"):
        for kind in KINDS:
            teacher = kind == "Teacher"
            st.download_button(
                f"{kind}’s sheet (PDF)", _once(_pdf, names, questions, teacher), f"{file}{'-teacher' if teacher else ''}.pdf", "application/pdf",
                key=f"{key}.pdf.{kind}", icon=":material/picture_as_pdf:", on_click="ignore",
            )  # fmt: skip
            st.download_button(
                f"{kind}’s sheet (HTML)", _once(_html, names, questions, teacher), f"{file}{'-teacher' if teacher else ''}.html", "text/html",
                key=f"{key}.html.{kind}", icon=":material/print:", on_click="ignore", type="tertiary",
            )  # fmt: skip


def _once(make, names: list[str], questions: list[str], teacher: bool):
    """What a download button calls when it is pressed."""
    return lambda: make(tuple(names), tuple(questions), teacher)


def _blocks(names: tuple[str, ...], questions: tuple[str, ...], teacher: bool) -> list[worksheets.Block]:
    sheet = worksheets.blocks(names, teacher=teacher, measured=values.measured())
    if questions:
        sheet = [*sheet, worksheets.Block("title", "Questions"), *worksheets.quiz_blocks(questions, teacher=teacher)]
    return sheet


@st.cache_data(show_spinner=False, max_entries=32)
def _pdf(names: tuple[str, ...], questions: tuple[str, ...], teacher: bool) -> bytes:
    return worksheets.pdf(_blocks(names, questions, teacher))


@st.cache_data(show_spinner=False, max_entries=32)
def _html(names: tuple[str, ...], questions: tuple[str, ...], teacher: bool) -> str:
    return worksheets.html(_blocks(names, questions, teacher))


main()
