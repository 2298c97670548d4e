"""Calibration: temperature and bias, expected calibration error, and what was true of similar cases.

labels are (N,) int with 1 = PNEUMONIA, probabilities (N,) float in 0..1. scipy is imported where it computes: who only reads
a card reaches this module too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pneumo.metrics.finite import finite
from pneumo.metrics.significance import wilson
from pneumo.schema import Interval

CALIBRATION_BINS = 10
TEMPERATURE_RANGE = (0.05, 20.0)
BIAS_LIMIT = 10.0  # in logits: beyond it a probability is 0 or 1 for all purposes
NEIGHBOURS = 60  # the most validation images that count as similar to a probability
SIMILAR_WITHIN = 0.1  # of the probability; what was rated further away is not alike
FEWEST_SIMILAR = 10  # fewer say nothing: their interval is half the scale


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared error of the probability (Brier 1950), 0 best, 1 worst."""
    return float(np.mean((finite(probabilities) - labels) ** 2))


def ece(labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error over equally wide bins (Naeini et al. 2015)."""
    labels, probabilities = np.asarray(labels), finite(probabilities)
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    total = np.zeros(bins)
    np.add.at(total, index, labels - probabilities)
    return float(np.abs(total).sum() / len(labels))


def fit_calibration(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """(temperature, bias) that make sigmoid(logit / temperature + bias) likeliest on these labels.

    Temperature scaling (Guo et al. 2017) with the offset of Platt (1999): augmentation and sampling move the logits as a
    whole, which a temperature alone cannot undo. Neither changes the order of the images. PneumoError where a logit is not
    finite.
    """
    from scipy.optimize import minimize

    logits, labels = finite(logits, "logits"), np.asarray(labels)

    def loss(parameters: np.ndarray) -> float:
        scaled = logits / np.exp(parameters[0]) + parameters[1]
        return float(np.mean(np.logaddexp(0, scaled) - labels * scaled))

    limits = [np.log(TEMPERATURE_RANGE), (-BIAS_LIMIT, BIAS_LIMIT)]
    log_temperature, bias = minimize(loss, np.zeros(2), bounds=limits, method="L-BFGS-B").x
    return float(np.exp(log_temperature)), float(bias)


def calibrated(logits: np.ndarray, temperature: float = 1.0, bias: float = 0.0) -> np.ndarray:
    """Probabilities from logits: sigmoid(logit / temperature + bias), float64."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature + bias
    with np.errstate(invalid="ignore"):  # what is not finite stays so
        return np.exp(-np.logaddexp(0, -scaled))  # as scipy's expit, whose import takes as long as the first results


@dataclass(frozen=True)
class SimilarCases:
    """Validation images whose probability was nearest to a given one, and how many had pneumonia."""

    n: int
    positive: int
    low: float
    high: float
    ci95: Interval


def similar_cases(labels: np.ndarray, probabilities: np.ndarray, probability: float) -> SimilarCases | None:
    """What was true of the images the model rated alike: an honest reading of a probability.

    The nearest 60 within .1 of it; None where there are fewer than 10.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    away = np.abs(probabilities - probability)
    nearest = np.argsort(away, kind="stable")[:NEIGHBOURS]
    nearest = nearest[away[nearest] <= SIMILAR_WITHIN]
    if len(nearest) < FEWEST_SIMILAR:
        return None
    positive, near = int(labels[nearest].sum()), probabilities[nearest]
    return SimilarCases(len(nearest), positive, float(near.min()), float(near.max()), wilson(positive, len(nearest)))
