"""You first: what ten readings say of the reader and of the model, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages import shared
from pages.classroom import answers
from pneumo import plots
from pneumo.formatting import with_interval
from pneumo.lessons import reader_study
from pneumo.lessons.reader_study import Reading
from pneumo.runs import Run


def show_result(readings: Sequence[Reading], run: Run) -> None:
    truths = [each.truth for each in readings]
    rows = {
        "You, before you saw the model": [each.called for each in readings],
        "You, afterwards": [each.final for each in readings],
        shared.title(run.card.name): [each.model for each in readings],
    }
    st.subheader("How it went", divider="gray")
    predicted = answers.given().get(("you_first", answers.PREDICTION))
    right = sum(each.called == each.truth for each in readings)
    if isinstance(predicted, int | float):
        st.markdown(f"You predicted **{predicted:g}** of {len(readings)} right. You got **{right}** right.")
    st.dataframe([_row(name, calls, truths) for name, calls in rows.items()], hide_index=True, width="stretch")
    st.caption(
        f"n = {len(readings)} cases, {sum(truths)} with pneumonia; 95% intervals (Wilson). They are wide: nobody can be ranked by ten cases."
    )
    left, middle = st.columns([3, 2], gap="large")
    with left:
        scores = {
            "You, by confidence": (np.array(truths), np.array([each.score for each in readings])),
        }
        st.plotly_chart(plots.roc_curves(scores, 0.5), key="you_first.roc", config={"displayModeBar": False})
        st.caption("Your confidence, read as a score: a ROC curve of your own. The dot is your call.")
    with middle:
        first, _, model = rows.values()
        kappa = reader_study.kappa(first, model)
        st.metric("Agreement with the model (Cohen's kappa)", "-" if kappa is None else f"{kappa:.2f}", border=True)
        found = reader_study.swayed(readings)
        st.markdown(_swayed(found))


def _row(name: str, calls: Sequence[int], truths: Sequence[int]) -> dict[str, str]:
    found = reader_study.rates(calls, truths)
    return {
        "Reader": name,
        "Right": with_interval(*found.right),
        "Sensitivity": with_interval(*found.sensitivity),
        "Specificity": with_interval(*found.specificity),
    }


def _swayed(found: reader_study.Swayed) -> str:
    if not found.disagreed:
        return "You and the model never disagreed, so it had no chance to mislead you."
    return (
        f"You disagreed with the model **{found.disagreed}** {'time' if found.disagreed == 1 else 'times'}. "
        f"You gave up a right call for its wrong one **{found.to_wrong}** times (automation bias), took over its right one **{found.to_right}** times, "
        f"held to your right call **{found.held_right}** times, and to a wrong one **{found.disagreed - found.to_wrong - found.to_right - found.held_right}** times."
    )
