"""How a lesson ends: the sentence to keep, what to notice, exit questions, the worksheet, and the way on."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import shared
from pages.classroom import answers
from pages.menu import LESSONS
from pneumo.lessons import quiz, texts
from pneumo.lessons.texts import Lesson


def show(lesson: Lesson, *, details: bool) -> None:
    """What ends a lesson. details: whether teachers' notes are wanted."""
    front = lesson.front
    st.divider()
    st.markdown(f"**Keep this:** {front.sentence}")
    st.markdown(f"**Did you notice?** {front.notice}")
    if details:
        st.caption(f"For teachers: {front.trap}")
    _exit_questions(lesson)
    if front.next in LESSONS:
        follows = texts.title_of(front.next)
        st.page_link(f"pages/classroom/{front.next}.py", label=f"Next: {follows}", icon=":material/arrow_forward:")


@st.fragment
@shared.guarded
def _exit_questions(lesson: Lesson) -> None:
    asked = [quiz.load()[each] for each in lesson.front.exit]
    right = sum(
        quiz.judge(each, answers.given()[lesson.name, each.id]).right
        for each in asked
        if (lesson.name, each.id) in answers.given()
    )
    done = sum((lesson.name, each.id) in answers.given() for each in asked)
    if not asked:
        _worksheet(lesson)
        return
    title = f"Before you go: {len(asked)} {'question' if len(asked) == 1 else 'questions'}"
    with st.expander(f"{title}, {right} of {done} right" if done else title, icon=":material/quiz:", expanded=done > 0):
        for each in asked:
            _exit_question(lesson.name, each)
    _worksheet(lesson)


def _exit_question(name: str, asked: quiz.Question) -> None:
    key, given = f"{name}.{asked.id}", answers.given().get((name, asked.id))
    st.markdown(f"**{shared.plain(asked.question)}**" + (f" ({asked.unit})" if asked.unit else ""))
    if given is None:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            if asked.kind == "numeric":
                value = st.number_input(
                    "Your answer", value=None, key=key, step=None, format="%g", width=200, label_visibility="collapsed"
                )
            else:
                value = st.radio("Your answer", asked.options(), index=None, key=key, label_visibility="collapsed")
            st.button(
                "Answer", key=f"{key}.answer", disabled=value is None, on_click=_answer, args=(name, asked.id, value)
            )
        return
    reply = quiz.judge(asked, given)
    shown = shared.plain(answers.shown(given))
    if reply.right:
        st.success(f"**{shown}** is right. {shared.plain(reply.explanation)}", icon=":material/check:")
        return
    slip = f" Whoever answers this {shared.plain(reply.misconception)}." if reply.misconception else ""
    st.warning(f"**{shown}** is not it.{slip} {shared.plain(reply.explanation)}", icon=":material/lightbulb:")


def _answer(name: str, question: str, value: Any) -> None:
    if value is not None:
        answers.given()[name, question] = value


def worksheet(lesson: Lesson) -> str:
    """What this visitor predicted and answered in a lesson, as Markdown to keep or hand in."""
    front, given = lesson.front, answers.given().get((lesson.name, answers.PREDICTION))
    lines = [f"# {front.title}", "", front.question, ""]
    if front.prediction is not None:
        lines += [f"**Prediction.** {front.prediction.ask}", ""]
        if given is None:
            lines.append("Not yet predicted.")
        elif given == answers.SEEN:
            lines.append("Shown without a prediction.")
        else:
            shown = front.prediction.choices[given].text if front.prediction.choices else answers.shown(given)
            verdict = (
                "" if front.prediction.open else "right" if answers.is_right(front.prediction, given) else "not right"
            )
            lines += [
                f"I predicted: {shown}{verdict and f' ({verdict})'}.",
                "",
                front.prediction.reveal,
            ]
        lines.append("")
    for each in (quiz.load()[number] for number in front.exit):
        answer = answers.given().get((lesson.name, each.id))
        verdict = "" if answer is None else (" (right)" if quiz.judge(each, answer).right else " (not right)")
        shown = "-" if answer is None else answers.shown(answer)
        lines += [
            f"**Question.** {each.question}",
            "",
            f"I answered: {shown}{verdict}",
            "",
        ]
    return "\n".join([*lines, "**In one sentence:**", "", ""])


def _worksheet(lesson: Lesson) -> None:
    """Drawn with the exit questions, so that it always holds the last answer. A callable as data would run outside the visitor's session."""
    with st.popover("My worksheet", icon=":material/assignment:"):
        text = worksheet(lesson)
        st.markdown(text.partition("\n")[2])  # without the title, which the page has already
        st.download_button(
            "Download it",
            text,
            f"{lesson.name}.md",
            "text/markdown",
            key=f"{lesson.name}.worksheet",
            icon=":material/download:",
            on_click="ignore",
            help="To keep or hand in. Nothing is stored here.",
        )
