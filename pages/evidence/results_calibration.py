"""The Calibration tab of Results: whether the probabilities can be trusted."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.evidence.results_common import NO_BAR, Chosen, conclude, measured_on, note_of, table
from pneumo import plots
from pneumo.formatting import listed
from pneumo.metrics import calibration, conclusions


@shared.guarded
def show(chosen: Chosen) -> None:
    split = chosen.choose_patients()
    predictions = chosen.predictions(split)
    if not predictions:
        return
    name, result = next(iter(predictions.items()))
    conclude(
        conclusions.calibrated(chosen.bold(name), result.labels, result.probabilities),
        conclusions.undecided(result.probabilities),
        f"Measured on {measured_on(result, split, name)}. {note_of(split)}",
    )
    st.subheader("Can you trust the probabilities?", divider="gray")
    scores, titles = chosen.scores(predictions), listed([chosen.title(each) for each in predictions])
    left, right = st.columns(2)
    left.plotly_chart(
        plots.reliability_curves(scores),
        key="results.reliability",
        config=NO_BAR,
        alt=f"Reliability curves of {titles}: observed share of pneumonia against the predicted probability. The table "
        "below gives their calibration errors.",
    )
    left.caption(
        "On the dotted line, predictions match reality. The larger a marker, the more radiographs it stands for."
    )
    right.plotly_chart(
        plots.decision_curves(scores, chosen.cards[name].point().threshold),
        key="results.decision",
        config=NO_BAR,
        alt=f"Decision curves of {titles}: net benefit per 100 radiographs at each threshold, beside treating everybody "
        "and treating nobody.",
    )
    right.caption(
        "Decision curve: where a model lies above both grey lines, acting on it does more good than treating everybody or "
        f"nobody. Dashed: the default threshold of {shared.plain(chosen.title(name))}."
    )
    rows = [
        {
            "model": chosen.title(each),
            "n": len(p.labels),
            "ece": calibration.ece(p.labels, p.probabilities),
            "before": calibration.ece(p.labels, calibration.calibrated(p.logits)),
            "brier": calibration.brier(p.labels, p.probabilities),
            "temperature": chosen.cards[each].temperature,
            "bias": chosen.cards[each].bias,
            "run": each,
        }
        for each, p in predictions.items()
    ]
    table(rows, "results.calibration", {"before": "Before calibration"})
    st.caption(
        "Calibration error: the mean distance between predicted probability and observed share, over ten equally wide bins. "
        "Calibration divides the logit by the temperature and adds the bias; both were fitted on validation patients."
    )
