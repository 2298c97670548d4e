"""The stage of every lesson: question, commit, do, reveal, consolidate, exit question, and the way to the next page.

    stage.show("convolution", {"slide": show_window, ...}, values)

Parts are sections of the lesson's text (content/en/<name>.md) and the functions that show what one does there. One part is on
screen at a time. Part, details, presenting and every setting stand in the address, so that a link gives the state back; images
never do. What a visitor answered is kept in the session and goes nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from pages import components, shared
from pages.menu import LESSONS
from pneumo.lessons import quiz, texts
from pneumo.lessons.texts import Lesson, Prediction
from pneumo.runs import Run

ANSWERS = "classroom.answers"  # session_state: (lesson, what) -> what this visitor answered
SEEN = "see"  # instead of an answer: "show me anyway"
SETTINGS = "classroom.settings"  # session_state: what components were left at, by name; the address loses it on the way to another page
DETAILS, PRESENT, PART = "details", "present", "part"
LONGEST_SETTINGS = 4000  # letters of settings in an address; browsers end at some thousands
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
    _foot(lesson)
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
    _put(DETAILS, "1" if st.session_state[f"classroom.{DETAILS}"] else None)


def _present(wanted: bool) -> None:
    _put(PRESENT, "1" if wanted else None)


def _put(name: str, value: str | None) -> None:
    if value is None:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = value


def answers() -> dict[tuple[str, str], Any]:
    """What this visitor answered so far."""
    return st.session_state.setdefault(ANSWERS, {})


def committed(name: str) -> bool:
    """Whether this visitor predicted, or asked to be shown anyway."""
    return (name, "prediction") in answers()


def unlocked(name: str) -> bool:
    """Whether a part that would give the reveal away may be shown; says why not where it may not."""
    if committed(name):
        return True
    st.info("Predict first, above: this part shows the result.", icon=":material/lock:")
    return False


@st.fragment
@shared.guarded
def _predict(lesson: Lesson) -> None:
    wanted, given = lesson.front.prediction, answers().get((lesson.name, "prediction"))
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
            answers()[(name, "prediction")] = answer
            st.rerun()  # the page too: parts of it may wait for the prediction
        if st.button("Show me anyway", key=f"{name}.anyway", type="tertiary"):
            answers()[(name, "prediction")] = SEEN
            st.rerun()


def _reveal(wanted: Prediction, given: Any) -> None:
    if given == SEEN:
        st.caption("Shown without a prediction; your worksheet says so.")
    elif wanted.open:
        st.markdown(f"You predicted **{given:g}**.")
    else:
        right = is_right(wanted, given)
        shown = wanted.choices[given].text if wanted.choices else f"{given:g}"
        reply = _reply(wanted, given)
        (st.success if right else st.warning)(
            f"You predicted **{shown}**. {'That is right.' if right else 'That is not right.'} {reply}",
            icon=":material/check:" if right else ":material/lightbulb:",
        )
    st.markdown(wanted.reveal)


def is_right(wanted: Prediction, given: Any) -> bool:
    """Whether a committed prediction is right."""
    if wanted.choices:
        return given == wanted.right
    return abs(float(given) - float(wanted.answer)) <= max(wanted.tolerance, 1e-9)


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
        _put(PART, chosen)
    return chosen


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
        _put(name, None if chosen in private else chosen)

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
    _put(name, written if good and len(written) <= LONGEST_SETTINGS else None)


# --- what ends a lesson ---------------------------------------------------------------------------------------


def _foot(lesson: Lesson) -> None:
    front = lesson.front
    st.divider()
    st.markdown(f"**Keep this:** {front.sentence}")
    st.markdown(f"**Did you notice?** {front.notice}")
    if details():
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
        quiz.judge(each, answers()[lesson.name, each.id]).right for each in asked if (lesson.name, each.id) in answers()
    )
    done = sum((lesson.name, each.id) in answers() for each in asked)
    if not asked:
        _worksheet(lesson)
        return
    title = f"Before you go: {len(asked)} {'question' if len(asked) == 1 else 'questions'}"
    with st.expander(f"{title}, {right} of {done} right" if done else title, icon=":material/quiz:", expanded=done > 0):
        for each in asked:
            _exit_question(lesson.name, each)
    _worksheet(lesson)


def _exit_question(name: str, asked: quiz.Question) -> None:
    key, given = f"{name}.{asked.id}", answers().get((name, asked.id))
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
    shown = f"{given:g}" if isinstance(given, float | int) else shared.plain(given)
    if reply.right:
        st.success(f"**{shown}** is right. {shared.plain(reply.explanation)}", icon=":material/check:")
        return
    slip = f" Whoever answers this {shared.plain(reply.misconception)}." if reply.misconception else ""
    st.warning(f"**{shown}** is not it.{slip} {shared.plain(reply.explanation)}", icon=":material/lightbulb:")


def _answer(name: str, question: str, value: Any) -> None:
    if value is not None:
        answers()[name, question] = value


def worksheet(lesson: Lesson) -> str:
    """What this visitor predicted and answered in a lesson, as Markdown to keep or hand in."""
    front, given = lesson.front, answers().get((lesson.name, "prediction"))
    lines = [f"# {front.title}", "", front.question, ""]
    if front.prediction is not None:
        lines += [f"**Prediction.** {front.prediction.ask}", ""]
        if given is None:
            lines.append("Not yet predicted.")
        elif given == SEEN:
            lines.append("Shown without a prediction.")
        else:
            shown = front.prediction.choices[given].text if front.prediction.choices else f"{given:g}"
            verdict = "" if front.prediction.open else "right" if is_right(front.prediction, given) else "not right"
            lines += [
                f"I predicted: {shown}{verdict and f' ({verdict})'}.",
                "",
                front.prediction.reveal,
            ]
        lines.append("")
    for each in (quiz.load()[number] for number in front.exit):
        answer = answers().get((lesson.name, each.id))
        verdict = "" if answer is None else (" (right)" if quiz.judge(each, answer).right else " (not right)")
        shown = "-" if answer is None else f"{answer:g}" if isinstance(answer, int | float) else answer
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
