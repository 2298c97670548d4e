"""The league table: every run beside what others reported, from cards alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pneumo.metrics.published import OFFICIAL_TEST_N, REPORTED
from pneumo.metrics.significance import wilson
from pneumo.schema import Interval, RunCard

FIGURES = (
    "auroc",
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "precision",
    "f1",
    "mcc",
    "auprc",
    "brier",
    "ece",
)


def rows(cards: Iterable[RunCard], split: str) -> list[dict[str, Any]]:
    """One row a run that has this part, best AUROC first: figures, intervals as text, n, parameters, minutes, megabytes."""
    result = []
    for card in cards:
        metrics = card.metrics.get(split)
        if metrics is None:
            continue
        row: dict[str, Any] = {"run": card.name, "set": split, "n": metrics.n, "patients": metrics.patients}
        row |= {name: getattr(metrics, name) for name in FIGURES}
        row["auroc_ci95"] = _text(metrics.ci95.get("auroc"))
        row["accuracy_ci95"] = _text(metrics.ci95.get("accuracy"))
        row |= {
            "parameters": card.weights.parameters,
            "image_px": card.image.size,
            "minutes": card.minutes,
            "megabytes": card.weights.size_bytes / 1e6,
            "trained_on": card.data.source,
        }
        result.append(row)
    return sorted(result, key=lambda row: -(row["auroc"] or 0))


def reported_rows() -> list[dict[str, Any]]:
    """What others reported on the official test part, with Wilson intervals of their accuracies at its n."""
    return [
        {
            "run": each.name,
            "source": each.source,
            "n": OFFICIAL_TEST_N,
            "auroc": each.auroc,
            "accuracy": each.accuracy,
            "accuracy_ci95": _text(wilson(round(each.accuracy * OFFICIAL_TEST_N), OFFICIAL_TEST_N)),
            "sensitivity": each.recall,
            "specificity": each.specificity,
            "precision": each.precision,
            "f1": each.f1,
        }
        for each in REPORTED
    ]


def _text(interval: Interval | None) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}" if interval else ""
