"""Training room: recorded trainings to diagnose, a live one to steer, and a ball on a slope."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import components, shared
from pages.classroom import address, answers, stage, training_curves
from pages.classroom.training_live import show_room
from pneumo.lessons import gallery, gallery_texts, training_sums

FIRST = "by_heart"  # the exhibit that the prediction is about
EXHIBIT, GUESS = "training_room.exhibit", "training_room.guess"
SUSPECTS = ("good", "rare", "by_heart", "too_low")  # one overfits
STARTS = (-3.0, 3.0)


def main() -> None:
    parts = {"gallery": show_gallery, "which": show_which, "room": show_room, "descent": show_descent}
    stage.show("training_room", parts, _facts())


@st.cache_resource(show_spinner=False)
def _facts() -> dict[str, str]:
    return training_sums.facts()


@st.fragment
@shared.guarded
def show_gallery() -> None:
    names = list(gallery_texts.load())
    put = address.addressed(EXHIBIT, "exhibit", names, FIRST)
    texts = gallery_texts.load()
    st.selectbox(
        "Recorded training",
        names,
        key=EXHIBIT,
        format_func=lambda name: f"Recording {names.index(name) + 1}",  # its title would say what is wrong
        on_change=put,
    )
    name = st.session_state[EXHIBIT]
    text, recording = texts[name], gallery.recorded(name)
    hidden = name == FIRST and not answers.committed("training_room")
    until = int(_facts()["best"]) + 1 if hidden else None
    training_curves.show(
        "training_room.gallery",
        f"{name} {until}",
        [training_curves.recorded(each, recording["extra"], until) for each in recording["trainings"]],
        rate=8,
    )
    if hidden:
        st.caption(f"The first {until - 1} epochs. Predict above; then the rest is shown.")
        return
    with st.expander("What happened here?", icon=":material/lightbulb:", key=f"training_room.seen.{name}"):
        st.markdown(
            f"**{text.title}.** {text.done}\n\n{text.notice}\n\n**A student said:** “{text.says}”\n\n**What helps:** {text.fix}"
        )
        st.caption(
            f"Measured: {recording['found']}. Seed {recording['seed']}; {recording['seconds']} seconds on one core."
        )


@st.fragment
@shared.guarded
def show_which() -> None:
    if not stage.unlocked("training_room"):
        return
    trainings = [gallery.recorded(name)["trainings"][0] for name in SUSPECTS]
    letters = "ABCD"
    data = [
        training_curves.recorded(each, {}, None, title=f"Training {letters[n]}", bare=True)
        for n, each in enumerate(trainings)
    ]
    training_curves.show("training_room.suspects", "suspects", data, rate=8)
    given = answers.given().get(("training_room", "which"))
    if given is None:
        chosen = st.radio(
            "Which one overfits?",
            range(len(SUSPECTS)),
            index=None,
            key=GUESS,
            horizontal=True,
            format_func=lambda n: letters[n],
        )
        st.button(
            "Commit", key="training_room.which.commit", type="primary", disabled=chosen is None, on_click=_guess, args=(chosen,)
        )  # fmt: skip
        return
    texts, right = gallery_texts.load(), SUSPECTS.index(FIRST)
    (st.success if given == right else st.warning)(
        f"You chose **{letters[given]}**. {'That is right.' if given == right else f'It is {letters[right]}:'} "
        "its training loss goes to zero while its validation loss turns up.",
        icon=":material/check:" if given == right else ":material/lightbulb:",
    )
    for n, name in enumerate(SUSPECTS):
        st.markdown(f"**{letters[n]}: {texts[name].title}.** {texts[name].notice}")


def _guess(chosen: int | None) -> None:
    if chosen is not None:
        answers.given()["training_room", "which"] = chosen


@st.fragment
@shared.guarded
def show_descent() -> None:
    key = "training_room.descent"
    components.mount(
        "descent",
        key=key,
        data={"settings": checked(address.settings("ball"))},
        on_settings_change=address.remember(key, "ball", checked),
    )


def checked(said: dict[str, Any]) -> dict[str, Any]:
    """Of settings from a browser or an address, those that the ball can take."""
    good: dict[str, Any] = {}
    if address.number(said.get("w"), *STARTS):
        good["w"] = said["w"]
    if address.number(said.get("rate"), 0.001, 2):
        good["rate"] = said["rate"]
    return good


main()
