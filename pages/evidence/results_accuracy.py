"""The Accuracy tab of Results: conclusion, leaderboard, everything that a threshold moves, and differences between runs."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pages.evidence.results_common import Chosen, conclude, measured_on, note_of, table
from pages.evidence.results_threshold import show_threshold
from pneumo import runs
from pneumo.inference import diagnosis
from pneumo.metrics import classification, conclusions, leaderboard, significance
from pneumo.runs.evaluations import OFFICIAL, title_of
from pneumo.runs.names import name_of
from pneumo.schema import Predictions

LEADERBOARD = (
    "model", "auroc", "auroc_ci95", "sensitivity", "sensitivity_ci95", "specificity", "specificity_ci95", "accuracy", "f1",
    "mcc", "ece", "n", "patients", "minutes", "parameters", "megabytes", "image_px", "run",
)  # fmt: skip


@shared.guarded
def show(chosen: Chosen) -> None:
    split = chosen.choose_patients()
    predictions = chosen.predictions(split)
    if predictions:
        show_conclusion(chosen, predictions, split)
    show_leaderboard(split)
    if predictions:
        show_threshold(chosen, predictions, split)
        show_differences(chosen, predictions)


def show_conclusion(chosen: Chosen, predictions: dict[str, Predictions], split: str) -> None:
    """What the first run misses and alarms at its default threshold, which kind it misses, and why the threshold is so."""
    name, result = next(iter(predictions.items()))
    card = chosen.cards[name]
    threshold = card.point().threshold
    counts = classification.confusion(result.labels, result.probabilities, threshold)
    kinds = classification.subgroups(result.labels, result.probabilities, result.subtypes.tolist(), threshold)
    conclude(
        " ".join((conclusions.accuracy(chosen.bold(name), counts), conclusions.kinds(kinds))),
        diagnosis.three_labels_text(
            diagnosis.label_counts(result.labels, result.probabilities, threshold, card.indeterminate)
        ),
        shared.plain(conclusions.default_point(card)),
        f"Measured on {measured_on(result, split, name)}. {note_of(split)} {shared.plain(card.limits[0]) if card.limits else ''} "
        "Expect worse results elsewhere, especially more false alarms.",
    )


def show_leaderboard(split: str) -> None:
    """Every run trained on people, best AUROC first, and what others published."""
    st.subheader("Leaderboard", divider="gray")
    cards = [shared.card_with_sets(name) for name in runs.available("classification")]
    cards = [card for card in cards if not card.data.source.startswith("phantom")]
    default = shared.default_name()
    titles = {card.name: name_of(card) + (" (default)" if card.name == default else "") for card in cards}
    official = split == OFFICIAL
    rows = leaderboard.ranked_with_reported(cards, split) if official else leaderboard.rows(cards, split)
    rows = [row | {"model": titles.get(row.get("run"), row.get("model"))} for row in rows]
    if not rows:
        st.info("No model was measured on these patients.")
        return
    table(
        rows,
        "results.leaderboard",
        column_order=(*LEADERBOARD[:1], "source", *LEADERBOARD[1:]) if official else LEADERBOARD,
    )
    st.caption(
        f"{title_of(split)}, each model at its default threshold, with 95% intervals. Intervals that overlap widely are a tie. "
        "The minutes and megabytes of an ensemble are those of its members together."
    )
    if official:
        st.caption(
            "Rows with another source than this project are from the literature, on the same 624 radiographs, and were not checked by us. "
            "Some of their authors chose models or thresholds on these radiographs; ours were fixed before."
        )


def show_differences(chosen: Chosen, predictions: dict[str, Predictions]) -> None:
    """Whether the first run differs from each of the others, on the images they share."""
    if len(predictions) < 2:
        return
    st.subheader("Are the differences more than chance?", divider="gray")
    first, *others = predictions
    rows = []
    for other in others:
        one, two = _on_shared_images(predictions[first], predictions[other])
        if len(np.unique(one.labels)) < 2:
            continue
        areas = significance.delong_test(one.labels, one.probabilities, two.probabilities)
        labels = significance.mcnemar_test(
            one.labels,
            one.probabilities >= chosen.cards[first].point().threshold,
            two.probabilities >= chosen.cards[other].point().threshold,
        )
        rows.append(
            {
                "compared": f"{chosen.title(first)} – {chosen.title(other)}",
                "n": len(one.labels),
                "difference": areas.first - areas.second,
                "interval": f"{areas.ci95.low:+.3f} to {areas.ci95.high:+.3f}",
                "p_delong": areas.p,
                "only_first": int(labels.first),
                "only_second": int(labels.second),
                "p_mcnemar": labels.p,
            }
        )
    if not rows:
        st.info("These models share no images of both classes.")
        return
    titles = {
        "difference": "Difference in AUROC",
        "interval": "95% (DeLong)",
        "p_delong": "p (DeLong)",
        "only_first": "Only the first right",
        "only_second": "Only the second right",
        "p_mcnemar": "p (McNemar)",
    }
    table(rows, "results.differences", titles)
    st.caption(
        "DeLong’s test compares the rankings, McNemar’s the labels, each model at its default threshold. Both take images as "
        "independent, which several images of one patient are not, so the true p values are higher."
    )


def _on_shared_images(one: Predictions, two: Predictions) -> tuple[Predictions, Predictions]:
    """Both, cut to the images both have, in the same order."""
    _, first, second = np.intersect1d(one.names, two.names, return_indices=True)

    def cut(result: Predictions, rows: np.ndarray) -> Predictions:
        return Predictions(*(column[rows] for column in vars(result).values()))

    return cut(one, first), cut(two, second)
