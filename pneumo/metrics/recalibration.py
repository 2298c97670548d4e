"""A finished model made to fit another place: threshold, temperature and offset from a few labelled radiographs of that place.

The order of the images never changes, so AUROC stays as it is. All figures of what it gains are of images that took no part in the
fit: patients are drawn with replacement for fitting, and the others judge (out of bag).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pneumo.metrics import calibration, classification, resampling, thresholds
from pneumo.metrics.finite import finite
from pneumo.schema import Interval, PneumoError

LEAST_PER_CLASS = 5
ROUNDS = 200
AIMS = {"sensitivity95": "Miss at most 5% of the pneumonias", "youden": "Balance misses and false alarms"}
EVEN = 1e-6  # how near to 0 and 1 a probability may lie to have a logit


@dataclass(frozen=True)
class Rates:
    """At one threshold, of calibrated probabilities."""

    sensitivity: float
    specificity: float
    ece: float


@dataclass(frozen=True)
class Spread:
    """Mean over the rounds, and the middle 95% of them."""

    value: float
    ci95: Interval


@dataclass(frozen=True)
class Recalibration:
    """threshold: on the new probability, sigmoid(logit / temperature + bias). before, after: out of bag, at the old threshold
    and calibration, and at the new ones. *_spread: over the rounds. n, patients, positive: of what was given; rounds: that counted.
    """

    temperature: float
    bias: float
    threshold: float
    temperature_spread: Interval
    bias_spread: Interval
    threshold_spread: Interval
    before: dict[str, Spread]
    after: dict[str, Spread]
    auroc: float
    auroc_ci95: Interval
    n: int
    patients: int
    positive: int
    rounds: int


def on_todays_scale(result: Recalibration) -> float:
    """The new threshold as a probability of today: what is at or above it there is at or above the new one here."""
    limit = float(logits_of(np.array([result.threshold]))[0])
    return float(calibration.calibrated(np.array([(limit - result.bias) * result.temperature]))[0])


def logits_of(probabilities: np.ndarray) -> np.ndarray:
    """Of probabilities in 0..1; those of 0 and 1 as if they were a millionth away."""
    values = finite(probabilities).clip(EVEN, 1 - EVEN)
    return np.log(values / (1 - values))


def recalibrate(
    labels: np.ndarray,
    logits: np.ndarray,
    patients: Sequence[str] | np.ndarray,
    threshold: float,
    *,
    aim: str = "sensitivity95",
    seed: int = 0,
) -> Recalibration:
    """Fits temperature, offset and threshold, and says what they gain on others.

    labels: (N,) int, 1 = PNEUMONIA. logits: (N,) of the probabilities that are used today. patients: (N,), kept together. threshold:
    of today. aim: one of AIMS, what the new threshold is for. PneumoError where there are fewer than
    LEAST_PER_CLASS images of a class.
    """
    labels, logits, patients = np.asarray(labels), finite(logits, "logits"), np.asarray(patients)
    _check(labels)
    fits, before, after, areas = [], [], [], []
    everybody = np.arange(len(labels))
    for rows in itertools.islice(resampling.patient_draws(patients, seed), ROUNDS):
        others = np.setdiff1d(everybody, rows)
        if _classes(labels[rows]) < 2 or _classes(labels[others]) < 2:
            continue
        fitted = fit(labels[rows], logits[rows], aim)
        fits.append(fitted)
        before.append(rates(labels[others], calibration.calibrated(logits[others]), threshold))
        after.append(rates(labels[others], calibration.calibrated(logits[others], *fitted[:2]), fitted[2]))
        areas.append(classification.auroc(labels[rows], logits_to_order(logits[rows])))
    if len(fits) < ROUNDS // 10:
        raise PneumoError("too few patients of one class to judge a fit on others; give more radiographs of it")
    temperature, bias, chosen = fit(labels, logits, aim)
    return Recalibration(
        temperature=temperature,
        bias=bias,
        threshold=chosen,
        temperature_spread=resampling.interval([each[0] for each in fits]),
        bias_spread=resampling.interval([each[1] for each in fits]),
        threshold_spread=resampling.interval([each[2] for each in fits]),
        before=_spreads(before),
        after=_spreads(after),
        auroc=classification.auroc(labels, logits_to_order(logits)),
        auroc_ci95=resampling.interval(areas),
        n=len(labels),
        patients=len(set(patients.tolist())),
        positive=int(labels.sum()),
        rounds=len(fits),
    )


def fit(labels: np.ndarray, logits: np.ndarray, aim: str) -> tuple[float, float, float]:
    """(temperature, bias, threshold) of these images alone. Both classes must be there."""
    temperature, bias = calibration.fit_calibration(logits, labels)
    probabilities = calibration.calibrated(logits, temperature, bias)
    points = {point.name: point.threshold for point in thresholds.operating_points(labels, probabilities)}
    return temperature, bias, points[aim]


def rates(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> Rates:
    """Both classes must be there."""
    found = classification.rates(classification.confusion(labels, probabilities, threshold))
    return Rates(found["sensitivity"], found["specificity"], calibration.ece(labels, probabilities))


def learning(
    labels: np.ndarray,
    logits: np.ndarray,
    patients: Sequence[str] | np.ndarray,
    sizes: Sequence[int],
    *,
    aim: str = "sensitivity95",
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[int, dict[str, Spread]]:
    """What recalibration on so many radiographs gives on all other patients, by number of radiographs.

    Patients are drawn without replacement until their radiographs are as many as wanted; a draw without both classes is drawn again.
    """
    labels, logits = np.asarray(labels), finite(logits, "logits")
    rng = np.random.default_rng(seed)
    _, group = np.unique(np.asarray(patients), return_inverse=True)
    result = {}
    for size in sizes:
        found = []
        while len(found) < rounds:
            order = rng.permutation(group.max() + 1)
            rows = np.concatenate([np.flatnonzero(group == each) for each in order[:size]])[:size]
            others = ~np.isin(group, group[rows])
            if _classes(labels[rows]) < 2 or _classes(labels[others]) < 2:
                continue
            temperature, bias, threshold = fit(labels[rows], logits[rows], aim)
            found.append(rates(labels[others], calibration.calibrated(logits[others], temperature, bias), threshold))
        result[size] = _spreads(found)
    return result


def logits_to_order(logits: np.ndarray) -> np.ndarray:
    """Numbers of the same order within 0..1, as areas under curves take them."""
    return np.argsort(np.argsort(logits, kind="stable"), kind="stable") / max(1, len(logits) - 1)


def _spreads(found: Sequence[Rates]) -> dict[str, Spread]:
    return {
        name: Spread(float(np.mean(values)), resampling.interval(values))
        for name in ("sensitivity", "specificity", "ece")
        for values in ([getattr(each, name) for each in found],)
    }


def _classes(labels: np.ndarray) -> int:
    return len(np.unique(labels))


def _check(labels: np.ndarray) -> None:
    for label, name in enumerate(("NORMAL", "PNEUMONIA")):
        count = int((labels == label).sum())
        if count < LEAST_PER_CLASS:
            raise PneumoError(
                f"there {'is' if count == 1 else 'are'} {count or 'no'} {name} radiograph{'s' * (count != 1)}; at least "
                f"{LEAST_PER_CLASS} of each class are needed, and 20 of each give a usable result"
            )
