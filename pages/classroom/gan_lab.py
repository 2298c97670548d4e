"""GAN lab: a generator and a discriminator of two dimensions, computed in bursts and played in the browser."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import address, answers, stage
from pages.menu import MENU
from pneumo.lessons import gan_lab
from pneumo.lessons.gan_lab import DISTRIBUTIONS, LOSSES, PRESETS, Frame, Lab, Settings
from pneumo.schema import PneumoError

LAB, DRAWN = "gan_lab.lab", "gan_lab.drawn"  # session_state: the lab with its frames, and the visitor's drawing
RATES = (1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 1e-2, 3e-2)
OWN = "own"
KEY = "gan_lab.component"
KEPT_FRAMES = 400
MOST_STEPS = 500  # of one press; a longer burst would keep the others waiting


def main() -> None:
    stage.show("gan_lab", {"lab": show_lab, "kinds": show_kinds}, _facts())


@st.cache_resource(show_spinner=False)
def _facts() -> dict[str, str]:
    return gan_lab.facts()


@st.fragment
@shared.guarded
def show_lab() -> None:
    settings = choose()
    state = _state(settings)
    lab: Lab = state["lab"]
    frames: list[Frame] = state["frames"]
    broken = frames[-1].broken
    bounded = settings.loss in ("non_saturating", "saturating")
    components.mount(
        "ganlab",
        key=KEY,
        data={
            "identity": state["identity"],
            "extent": gan_lab.EXTENT,
            "grid": gan_lab.GRID,
            "real": components.packed(lab.truth.numpy()),
            "frames": [_sent(each) for each in state["sent"]],
            "first": state["first"],
            "drawing": settings.distribution == "drawn",
            "points": st.session_state.get(DRAWN, []),
            "ln2": gan_lab.LN2 if bounded else 0,
            "broken": broken,
        },
        default={"points": None},
        on_act_change=_act,
        on_points_change=_draw,
    )
    if broken:
        st.warning(
            "The numbers are no numbers any more (NaN): the training has diverged. A learning rate was too high. Lower it, or press *Start again*.",
            icon=":material/error:",
        )
    st.button(
        "Start again",
        key="gan_lab.again",
        icon=":material/restart_alt:",
        on_click=_forget,
        help="The same settings, the same seed: the same numbers.",
    )


def choose() -> Settings:
    """What the visitor chose, from the address at first; a preset sets everything at once."""
    said = checked(address.settings("lab"))
    for name, value in asdict(Settings()).items():
        shared.keep(f"gan_lab.{name}", said.get(name, value))
    shared.keep("gan_lab.preset", OWN, (OWN, *PRESETS))
    st.segmented_control(
        "Preset", [*PRESETS, OWN], key="gan_lab.preset", required=True, on_change=_take_preset,
        format_func=lambda name: PRESETS[name].title if name in PRESETS else "My own settings",
    )  # fmt: skip
    preset = PRESETS.get(st.session_state["gan_lab.preset"])
    if preset and answers.committed("gan_lab"):
        st.caption(preset.notice)
    elif preset:
        st.caption("What goes right or wrong here? Predict above; then this line tells.")
    one, two, three = st.columns(3)
    one.selectbox(
        "True distribution",
        list(DISTRIBUTIONS),
        key="gan_lab.distribution",
        format_func=DISTRIBUTIONS.get,
        on_change=_own,
    )
    two.selectbox("Loss", list(LOSSES), key="gan_lab.loss", format_func=LOSSES.get, on_change=_own)
    three.number_input("Seed", 0, 10**6 - 1, key="gan_lab.seed", on_change=_own)
    one.select_slider(
        "Learning rate of D", RATES, key="gan_lab.rate_d", on_change=_own, format_func=lambda rate: f"{rate:g}"
    )
    two.select_slider(
        "Learning rate of G", RATES, key="gan_lab.rate_g", on_change=_own, format_func=lambda rate: f"{rate:g}"
    )
    three.slider("Steps of D for each of G", 1, 10, key="gan_lab.steps_d", on_change=_own)
    return Settings(**{name: st.session_state[f"gan_lab.{name}"] for name in asdict(Settings())})


def checked(said: dict[str, Any]) -> dict[str, Any]:
    """Of settings from an address, those that the widgets can take."""
    good: dict[str, Any] = {}
    for name, allowed in (("distribution", DISTRIBUTIONS), ("loss", LOSSES), ("rate_g", RATES), ("rate_d", RATES)):
        if isinstance(said.get(name), str | float | int) and said[name] in allowed:
            good[name] = said[name]
    for name, low, high in (("steps_d", 1, 10), ("seed", 0, 10**6 - 1)):
        if address.whole(said.get(name), low, high):
            good[name] = said[name]
    return good


def _take_preset() -> None:
    preset = PRESETS.get(st.session_state["gan_lab.preset"])
    if preset:
        for name, value in asdict(replace(preset.settings, seed=st.session_state["gan_lab.seed"])).items():
            st.session_state[f"gan_lab.{name}"] = value
    _remember()


def _own() -> None:
    st.session_state["gan_lab.preset"] = OWN
    _remember()


def _remember() -> None:
    address.put_settings("lab", {name: st.session_state[f"gan_lab.{name}"] for name in asdict(Settings())})


def _state(settings: Settings) -> dict[str, Any]:
    """The lab of these settings in this session, begun anew where they have changed."""
    drawn = st.session_state.get(DRAWN) if settings.distribution == "drawn" else None
    if settings.distribution == "drawn" and not drawn:
        drawn = [[0.0, 0.0]]  # until something is drawn: one point in the middle
    identity = f"{settings} {hash(str(drawn))} {st.session_state.get('gan_lab.turn', 0)}"
    state = st.session_state.get(LAB)
    if not state or state["identity"] != identity:
        lab = Lab(settings, drawn)
        first = lab.frame()
        state = {"identity": identity, "lab": lab, "frames": [first], "sent": [first], "first": 0, "count": 1}
        st.session_state[LAB] = state
    return state


def _act() -> None:
    """A step or a burst that was asked for in the browser; what is no such thing is left alone."""
    sent, state = (st.session_state.get(KEY) or {}).get("act"), st.session_state.get(LAB)
    if not state or not isinstance(sent, dict) or state["frames"][-1].broken:
        return
    what, count = sent.get("what"), sent.get("count")
    if what not in ("d", "g", "both") or not address.whole(count, 1, MOST_STEPS):
        return
    frames = state["lab"].burst(what, count)
    state["sent"], state["first"] = frames, state["count"]
    state["count"] += len(frames)
    state["frames"] = (state["frames"] + frames)[-KEPT_FRAMES:]


def _draw() -> None:
    sent = (st.session_state.get(KEY) or {}).get("points")
    try:
        points = gan_lab.checked_points(sent)
    except PneumoError:
        return
    if points is not None:
        st.session_state[DRAWN] = points.tolist()


def _forget() -> None:
    st.session_state["gan_lab.turn"] = st.session_state.get("gan_lab.turn", 0) + 1


def _sent(frame: Frame) -> dict[str, Any]:
    """A frame as it travels. Numbers that are none travel as null."""

    def number(value: float) -> float | None:
        return round(float(value), 5) if np.isfinite(value) else None

    return {
        "d": frame.step_d,
        "g": frame.step_g,
        "lossD": number(frame.loss_d),
        "lossG": number(frame.loss_g),
        "fakes": components.packed(np.nan_to_num(frame.fakes).clip(-9, 9)),
        "arrows": components.packed(np.nan_to_num(frame.arrows)),
        "surface": components.packed(np.round(255 * np.nan_to_num(frame.surface, nan=0.5)).astype(np.uint8)),
        "distance": number(frame.distance) or 0.0,
        "modes": frame.modes,
    }


def show_kinds() -> None:
    page = next(page for page in MENU["Generators"] if page.name == "gan")
    st.page_link(page.file, label="See three trainings replayed, and play against one", icon=page.symbol)


main()
