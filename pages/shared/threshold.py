"""The threshold: a slider and its operating points, kept in step. One control for every page."""

from __future__ import annotations

import streamlit as st

from pages.shared.state import KEPT, keep
from pneumo.formatting import rate
from pneumo.metrics import thresholds
from pneumo.schema import RunCard

OWN = "own"  # stands in the selector where the visitor moved the slider


def set_threshold(card: RunCard, page: str, value: float) -> None:
    """What another page's control shall show when the visitor comes to it. page: as in `choose_threshold`."""
    kept = st.session_state.setdefault(KEPT, {})
    kept |= {f"{page}.threshold": round(value, 3), f"{page}.point": OWN, f"{page}.threshold_of": card.name}


def choose_threshold(card: RunCard, page: str, *, stacked: bool = False) -> float:
    """The threshold of a run, 0..1: its default operating point until the visitor chooses another one or moves the slider.

    page: begins the widgets' keys, `<page>.threshold` and `<page>.point`. Another run starts with its own default.
    stacked: the selector beneath the slider, for a narrow column.
    """
    slider, selector, of_run = f"{page}.threshold", f"{page}.point", f"{page}.threshold_of"
    points, titles = {point.name: point for point in card.operating_points}, thresholds.titles(card.operating_points)
    state = st.session_state
    if keep(of_run, "") != card.name:
        state[of_run] = card.name
        state[slider], state[selector] = card.point().threshold, card.default_point
    keep(of_run)
    keep(slider, card.point().threshold)
    keep(selector, card.default_point, [*points, OWN])

    def take_point() -> None:
        if state[selector] in points:
            state[slider] = points[state[selector]].threshold

    def leave_point() -> None:
        state[selector] = OWN

    def describe(name: str) -> str:
        if name == OWN:
            return "My own threshold"
        point = points[name]
        default = ", default" if name == card.default_point else ""
        return f"{titles[name]} ({point.threshold:.3f}{default})"

    left, right = (st, st) if stacked else st.columns([3, 2], vertical_alignment="bottom")
    threshold = left.slider(
        "Call it PNEUMONIA from this probability up",
        0.0,
        1.0,
        step=0.001,
        format="%.3f",
        key=slider,
        on_change=leave_point,
    )
    right.selectbox(
        "Operating point",
        [*points, OWN],
        format_func=describe,
        key=selector,
        on_change=take_point,
        help="\n\n".join(
            f"**{titles[name]}**: sensitivity {rate(point.sensitivity)}, specificity {rate(point.specificity)} "
            f"on {point.chosen_on}."
            for name, point in points.items()
        ),
    )
    return threshold
