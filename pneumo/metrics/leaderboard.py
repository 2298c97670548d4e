"""The leaderboard: every run beside what others published, from cards alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pneumo.formatting import score, span
from pneumo.metrics.published import OFFICIAL_TEST_N, REPORTED
from pneumo.metrics.significance import wilson
from pneumo.schema import RunCard

RATES = ("sensitivity", "specificity", "accuracy", "balanced_accuracy", "precision")  # shares, written as 93.4%
OURS = "this project"
SCORES = ("auroc", "auprc", "f1", "mcc", "brier", "ece")  # no share of anything, written as 0.997


def rows(cards: Iterable[RunCard], split: str) -> list[dict[str, Any]]:
    """One row a run that was measured on this split, best AUROC first; runs without an AUROC last.

    Rates and scores are numbers in 0..1, intervals text ("90.3% to 95.5%"); n counts radiographs.
    """
    result = []
    for card in cards:
        metrics = card.metrics.get(split)
        if metrics is None:
            continue
        intervals = metrics.ci95
        row: dict[str, Any] = {"run": card.name, "set": split, "n": metrics.n, "patients": metrics.patients}
        row |= {name: getattr(metrics, name) for name in (*RATES, *SCORES)}
        row["auroc_ci95"] = span(intervals.get("auroc"), score)
        row |= {f"{name}_ci95": span(intervals.get(name)) for name in ("sensitivity", "specificity", "accuracy")}
        row |= {
            "parameters": card.weights.parameters,
            "image_px": card.image.size,
            "minutes": card.minutes,
            "megabytes": card.weights.size_bytes / 1e6,
            "trained_on": card.data.source,
        }
        result.append(row)
    return sorted(result, key=lambda row: -(row["auroc"] or 0))


def ranked_with_reported(cards: Iterable[RunCard], split: str) -> list[dict[str, Any]]:
    """Our runs and what others published on the official test set, best AUROC first; without an AUROC by accuracy, at the end.

    source: "this project", or where it was published.
    """
    own = [{"model": row["run"], "source": OURS} | row for row in rows(cards, split)]
    return sorted(own + reported_rows(), key=lambda row: (-(row["auroc"] or 0), -row["accuracy"]))


def reported_rows() -> list[dict[str, Any]]:
    """What others published on the official test set, best accuracy first, with Wilson intervals of it at that set's n."""
    result = [
        {
            "model": each.name,
            "source": each.source,
            "n": OFFICIAL_TEST_N,
            "auroc": each.auroc,
            "accuracy": each.accuracy,
            "accuracy_ci95": span(wilson(round(each.accuracy * OFFICIAL_TEST_N), OFFICIAL_TEST_N)),
            "sensitivity": each.recall,
            "specificity": each.specificity,
            "precision": each.precision,
            "f1": each.f1,
        }
        for each in REPORTED
    ]
    return sorted(result, key=lambda row: -row["accuracy"])
