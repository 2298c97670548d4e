"""Where a threshold comes from: operating points chosen on validation patients, and the indeterminate zone.

labels are (N,) int with 1 = PNEUMONIA, probabilities (N,) float in 0..1; an image counts as positive at or above the threshold.
scipy is imported where it computes: a card needs the points' titles alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pneumo.metrics.classification import confusion, rates
from pneumo.metrics.finite import finite
from pneumo.schema import Interval, OperatingPoint, PneumoError

INSIDE = (1e-9, 1 - 1e-9)
BAND_RATE = 0.995  # the indeterminate band's ends: 99.5% sensitivity below, 99.5% specificity above


def operating_points(
    labels: np.ndarray, probabilities: np.ndarray, chosen_on: str = "validation patients"
) -> tuple[OperatingPoint, ...]:
    """Youden, sensitivity 95%, specificity 95% and 0.5, with their rates on these labels.

    Each threshold lies half-way (in logit) between two neighbouring probabilities, so that no validation
    image sits on it. Raises PneumoError when one class is missing, or a probability is not finite.
    """
    labels = np.asarray(labels)
    probabilities = np.clip(
        finite(probabilities), *INSIDE
    )  # so that a threshold of 0 is below and one of 1 above every image
    if len(np.unique(labels)) < 2:
        raise PneumoError("operating points need NORMAL and PNEUMONIA images in the validation set")
    thresholds = _between(probabilities)
    positive, negative = np.sort(probabilities[labels == 1]), np.sort(probabilities[labels == 0])
    sensitivity = 1 - np.searchsorted(positive, thresholds, side="left") / len(positive)
    specificity = np.searchsorted(negative, thresholds, side="left") / len(negative)
    best = _middle(thresholds, sensitivity + specificity >= (sensitivity + specificity).max() - 1e-12)
    chosen = (
        ("youden", "Balanced", best),
        ("sensitivity95", "Sensitivity 95%", float(thresholds[sensitivity >= 0.95].max())),
        ("specificity95", "Specificity 95%", float(thresholds[specificity >= 0.95].min())),
        ("half", "0.5", 0.5),
    )
    return tuple(_point(name, title, t, labels, probabilities, chosen_on) for name, title, t in chosen)


def _between(probabilities: np.ndarray) -> np.ndarray:
    """Thresholds between neighbouring values, and 0 and 1, ascending. probabilities: inside 0..1."""
    from scipy.special import expit, logit

    logits = logit(np.unique(probabilities))
    return np.concatenate([[0.0], expit((logits[1:] + logits[:-1]) / 2), [1.0]])


def _middle(thresholds: np.ndarray, chosen: np.ndarray) -> float:
    """The middle one of the equally good thresholds."""
    return float(thresholds[np.flatnonzero(chosen)[chosen.sum() // 2]])


def _point(
    name: str, title: str, threshold: float, labels: np.ndarray, probabilities: np.ndarray, chosen_on: str
) -> OperatingPoint:
    result = rates(confusion(labels, probabilities, threshold))
    positives = int((labels == 1).sum())
    return OperatingPoint(
        name,
        title,
        threshold,
        result["sensitivity"],
        result["specificity"],
        positives,
        len(labels) - positives,
        chosen_on,
    )


def rates_at(
    points: Sequence[OperatingPoint], labels: np.ndarray, probabilities: np.ndarray
) -> tuple[OperatingPoint, ...]:
    """The same thresholds with the rates they have on these labels, wherever they were chosen."""
    return tuple(_point(p.name, p.title, p.threshold, labels, probabilities, p.chosen_on) for p in points)


def indeterminate_band(labels: np.ndarray, probabilities: np.ndarray) -> Interval | None:
    """Where validation cannot tell: from the threshold of 99.5% sensitivity up to that of 99.5% specificity.

    None where they cross: every threshold between them then tells nearly all of both classes apart. PneumoError where a
    probability is not finite.
    """
    labels, probabilities = np.asarray(labels), finite(probabilities)
    rule_out = float(np.quantile(probabilities[labels == 1], 1 - BAND_RATE))
    rule_in = float(np.quantile(probabilities[labels == 0], BAND_RATE))
    return Interval(rule_out, rule_in) if rule_out < rule_in else None


def titles(points: Sequence[OperatingPoint]) -> dict[str, str]:
    """What each operating point is for, by its name.

    Of the two points that hold a rate at 95%, the lower threshold misses fewer and the higher one alarms fewer; which of
    them that is depends on how well the run separates the classes.
    """
    held = sorted((p for p in points if p.name in ("sensitivity95", "specificity95")), key=lambda p: p.threshold)
    words = {"youden": "Balanced", "half": "Probability 0.5", "robust": "Robust"}
    words |= dict(zip((p.name for p in held), ("Miss few", "Few false alarms"), strict=False))
    return {p.name: words.get(p.name, p.title) for p in points}
