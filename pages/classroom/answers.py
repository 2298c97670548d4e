"""What a visitor predicted and answered, in the session alone, and whether it was right."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pneumo.lessons.texts import Prediction

ANSWERS = "classroom.answers"  # session_state: (lesson, what) -> what this visitor answered
SEEN = "see"  # instead of an answer: "show me anyway"
PREDICTION = "prediction"  # in place of a question's number


def given() -> dict[tuple[str, str], Any]:
    """What this visitor answered so far."""
    return st.session_state.setdefault(ANSWERS, {})


def committed(name: str) -> bool:
    """Whether this visitor predicted, or asked to be shown anyway."""
    return (name, PREDICTION) in given()


def is_right(wanted: Prediction, given: Any) -> bool:
    """Whether a committed prediction is right."""
    if wanted.choices:
        return given == wanted.right
    return abs(float(given) - float(wanted.answer)) <= max(wanted.tolerance, 1e-9)


def shown(answer: float | str) -> str:
    """An answer as it is written: "46", "6 8 / 9 7"."""
    return f"{answer:g}" if isinstance(answer, int | float) else answer
