"""The quiz: rate how sure you are, answer, read the reply; confident errors come first in the summary. Nothing is stored or sent."""

from __future__ import annotations

import random
from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from pages import shared
from pages.menu import MENU
from pneumo.formatting import counted
from pneumo.lessons import quiz

GIVEN = "glossary.given"  # session_state: question -> (answer, how sure)
TURN = "glossary.turn"  # how often the quiz was begun anew: another order each time
LESSON = "glossary.lesson"
QUESTIONS = "questions"  # in the address: which of them, by their ids
ALL = "all lessons"
SURE = ("a guess", "fairly sure", "certain")
TITLES = {page.name: page.title for pages in MENU.values() for page in pages}
SHEET = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Quiz</title>
<style>body{{font:11pt/1.4 sans-serif;max-width:42em;margin:2em auto}}h1{{font-size:16pt}}li{{margin:0 0 .9em;break-inside:avoid}}
.right{{color:#005a00}}.wrong{{color:#8a2b00}}@media print{{body{{margin:0}}}}</style>
<h1>Quiz: {title}</h1><p>{score}</p><ol>{rows}</ol></html>"""


@st.fragment
@shared.guarded
def show() -> None:
    questions = quiz.load()
    lessons = [ALL, *dict.fromkeys(each.page for each in questions.values())]
    shared.keep(LESSON, ALL, lessons)
    lesson = st.selectbox(
        "Questions of", lessons, key=LESSON, format_func=lambda name: TITLES.get(name, name), width=360
    )
    asked = in_order([each for each in questions.values() if lesson in (ALL, each.page)], st.session_state.get(TURN, 0))
    if wanted := chosen(st.query_params.get(QUESTIONS, "")):
        asked = wanted
        st.caption(
            f"{counted(len(asked), 'question')} of the quiz, as the link asks for. Take `?{QUESTIONS}=…` out of the address for all of them."
        )
    given: dict[str, tuple[Any, str]] = st.session_state.setdefault(GIVEN, {})
    done = [each for each in asked if each.id in given]
    st.progress(len(done) / len(asked), f"{len(done)} of {len(asked)} answered")
    last = st.session_state.get("glossary.last")
    if last in given and last in questions:
        _reply(questions[last], *given[last])
    if len(done) < len(asked):
        _ask(next(each for each in asked if each.id not in given))
    if done:
        _summary(lesson, done, given)


def chosen(text: str) -> list[quiz.Question]:
    """The questions that an address names, "q01,q17"; what is none is left out."""
    known = quiz.load()
    return [known[each] for each in dict.fromkeys(text.split(",")) if each in known]


def number_of(asked: quiz.Question) -> str:
    """As it is called on paper."""
    return asked.id[1:].lstrip("0")


def in_order(asked: Sequence[quiz.Question], turn: int) -> list[quiz.Question]:
    """The questions in an order of their own each time the quiz is begun."""
    order = list(asked)
    random.Random(turn).shuffle(order)  # nosec B311: an order, not a secret
    return order


def _ask(asked: quiz.Question) -> None:
    with st.container(border=True):
        st.caption(f"Question {number_of(asked)}")
        st.markdown(f"**{shared.plain(asked.question)}**" + (f" ({asked.unit})" if asked.unit else ""))
        if asked.kind == "numeric":
            answer = st.number_input(
                "Your answer", value=None, key=f"glossary.{asked.id}", step=None, format="%g", width=220
            )
        else:
            answer = st.radio("Your answer", asked.options(), index=None, key=f"glossary.{asked.id}")
        sure = st.segmented_control(
            "How sure are you?", SURE, default=SURE[1], key=f"glossary.sure.{asked.id}", required=True
        )
        st.button(
            "Answer",
            key=f"glossary.answer.{asked.id}",
            type="primary",
            disabled=answer is None,
            on_click=_take,
            args=(asked.id, answer, sure),
        )


def _take(question: str, answer: Any, sure: str) -> None:
    if answer is not None:
        st.session_state[GIVEN][question] = (answer, sure)
        st.session_state["glossary.last"] = question


def _reply(asked: quiz.Question, answer: Any, sure: str) -> None:
    reply = quiz.judge(asked, answer)
    shown = f"{answer:g}" if isinstance(answer, int | float) else shared.plain(answer)
    slip = f" Whoever answers this {shared.plain(reply.misconception)}." if reply.misconception else ""
    (st.success if reply.right else st.warning)(
        f"{shared.plain(asked.question)} **{shown}** {'is right' if reply.right else 'is not it'} (you: {sure}).{slip} {shared.plain(reply.explanation)}",
        icon=":material/check:" if reply.right else ":material/lightbulb:",
    )


def worst_first(done: Sequence[quiz.Question], given: dict[str, tuple[Any, str]]) -> list[quiz.Question]:
    """Confident errors first, then the others, then what was right."""
    return sorted(done, key=lambda each: (quiz.judge(each, given[each.id][0]).right, -SURE.index(given[each.id][1])))


def _summary(lesson: str, done: Sequence[quiz.Question], given: dict[str, tuple[Any, str]]) -> None:
    right = sum(quiz.judge(each, given[each.id][0]).right for each in done)
    st.subheader(f"{right} of {len(done)} right", divider="gray")
    rows = [
        {
            "Question": each.question,
            "You": str(given[each.id][0]),
            "How sure": given[each.id][1],
            "Right": "yes" if quiz.judge(each, given[each.id][0]).right else "no",
            "Lesson": TITLES.get(each.page, each.page),
        }
        for each in worst_first(done, given)
    ]
    st.dataframe(rows, hide_index=True, width="stretch")
    wrong = [each.page for each in done if not quiz.judge(each, given[each.id][0]).right]
    if wrong:
        weakest = max(dict.fromkeys(wrong), key=wrong.count)
        page = next((page for pages in MENU.values() for page in pages if page.name == weakest), None)
        told = f"Most errors: {TITLES.get(weakest, weakest)} ({counted(wrong.count(weakest), 'question')})."
        if page:
            st.page_link(page.file, label=f"{told} Go there", icon=page.symbol)
        else:
            st.markdown(told)
    with st.container(horizontal=True):
        st.download_button(
            "Sheet to print", lambda: sheet(TITLES.get(lesson, lesson), done, given), "quiz.html", "text/html",
            key="glossary.sheet", icon=":material/print:", on_click="ignore",
        )  # fmt: skip
        st.button("Begin anew", key="glossary.anew", icon=":material/refresh:", on_click=_begin_anew)


def _begin_anew() -> None:
    st.session_state[GIVEN] = {}
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
    st.session_state.pop("glossary.last", None)


def sheet(title: str, done: Sequence[quiz.Question], given: dict[str, tuple[Any, str]]) -> str:
    """A page of HTML that stands alone: each question with the visitor's answer, the right one and why."""
    rows = []
    for each in worst_first(done, given):
        answer, sure = given[each.id]
        reply = quiz.judge(each, answer)
        verdict = "right" if reply.right else "wrong"
        rows.append(
            f'<li>{escape(each.question)}<br><span class="{verdict}">{escape(str(answer))}: {verdict} ({sure})</span>'
            + ("" if reply.right else f"; right is <b>{escape(str(each.answer))}</b>")
            + f"<br><small>{escape(each.explanation)}</small></li>"
        )
    right = sum(quiz.judge(each, given[each.id][0]).right for each in done)
    return SHEET.format(title=escape(title), score=f"{right} of {len(done)} right", rows="".join(rows))
