"""A reader study: what a reader called, how sure, and whether the model changed the reader's mind; statistics with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pneumo.metrics import classification, significance
from pneumo.schema import Interval

CASES = 10
LEAST_SURE, MOST_SURE = 0.5, 1.0  # half is guessing


@dataclass(frozen=True)
class Reading:
    """One reader, one case. called, model, truth: 1 for PNEUMONIA. confidence: in what was called, 0.5..1, before the model was seen.
    final: what the reader stood by after seeing the model. region: (left, top, width, height) as shares of the image, or None."""

    case: int
    called: int
    confidence: float
    model: int
    truth: int
    final: int
    region: tuple[float, float, float, float] | None = None

    @property
    def score(self) -> float:
        """How much the reader leant towards PNEUMONIA, 0..1: a confidence turned into a score for a ROC curve."""
        return self.confidence if self.called else 1 - self.confidence


@dataclass(frozen=True)
class Rates:
    """Counts and shares with Wilson's 95% intervals; None where a class is missing."""

    found: int
    positives: int
    cleared: int
    negatives: int

    @property
    def sensitivity(self) -> tuple[float | None, Interval | None]:
        return _share(self.found, self.positives)

    @property
    def specificity(self) -> tuple[float | None, Interval | None]:
        return _share(self.cleared, self.negatives)

    @property
    def right(self) -> tuple[float | None, Interval | None]:
        return _share(self.found + self.cleared, self.positives + self.negatives)


def _share(part: int, whole: int) -> tuple[float | None, Interval | None]:
    return (part / whole if whole else None), significance.wilson(part, whole)


def rates(calls: Sequence[int], truths: Sequence[int]) -> Rates:
    """calls, truths: 1 for PNEUMONIA, 0 for NORMAL."""
    counts = classification.confusion(np.asarray(truths), np.asarray(calls, dtype=float), 0.5)
    return Rates(counts["tp"], counts["tp"] + counts["fn"], counts["tn"], counts["tn"] + counts["fp"])


def kappa(one: Sequence[int], other: Sequence[int]) -> float | None:
    """Cohen's kappa of two readers (Cohen 1960): agreement beyond chance, 1 is complete. None where chance alone is complete."""
    from sklearn.metrics import cohen_kappa_score  # where it is used: it takes a second

    if len({*one, *other}) < 2:
        return None
    return float(cohen_kappa_score(one, other))


@dataclass(frozen=True)
class Swayed:
    """Changes of mind after the model was seen. to_wrong: given up although right, because the model said otherwise."""

    disagreed: int
    to_wrong: int
    to_right: int
    held_right: int


def swayed(readings: Sequence[Reading]) -> Swayed:
    """How often a reader followed the model, among the cases in which both disagreed."""
    against = [each for each in readings if each.called != each.model]
    return Swayed(
        len(against),
        sum(each.called == each.truth != each.final for each in against),
        sum(each.called != each.truth == each.final for each in against),
        sum(each.called == each.truth == each.final for each in against),
    )


def facts() -> dict[str, str]:
    """The numbers of the lesson's text."""

    def written(part: int, whole: int) -> str:
        interval = significance.wilson(part, whole)
        return f"{interval.low:.1%} to {interval.high:.1%}"

    return {
        "cases": str(CASES),
        "half": str(CASES // 2),
        "five": written(5, 5),
        "four": written(4, 5),
        "eight": written(8, 10),
        "readers": "30",
        "calls": str(30 * CASES),
    }
