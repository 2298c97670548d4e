"""Intervals and tests for two classes: Wilson, DeLong, McNemar. Plain arrays in, numbers out.

Labels are (N,) int with 1 = PNEUMONIA, scores (N,) float. DeLong and McNemar take images as independent; where a patient
has several, the patient-level bootstrap of `evaluation` is the more honest interval. scipy.stats is imported where it
computes: it takes a second, and whoever reads a card reaches this module too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pneumo.metrics.finite import finite
from pneumo.schema import Interval, PneumoError

Z95 = 1.959963984540054  # scipy.stats.norm.ppf(0.975)


def wilson(split: int, whole: int) -> Interval | None:
    """Wilson's 95% interval of a share (Wilson 1927); None for an empty whole."""
    if not whole:
        return None
    from scipy.stats import binomtest

    interval = binomtest(split, whole).proportion_ci(0.95, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def delong_interval(labels: np.ndarray, scores: np.ndarray) -> Interval | None:
    """95% interval of an AUROC (DeLong, DeLong, Clarke-Pearson 1988), on the logit scale so that it stays inside 0..1.

    None when a class is missing, and for an AUROC of exactly 1 or 0, which has no variance to estimate.
    """
    from scipy.special import expit, logit

    labels = np.asarray(labels)
    if len(np.unique(labels)) < 2:
        return None
    areas, covariance = _delong(labels, finite(scores, "scores")[None])
    area, variance = float(areas[0]), float(covariance[0, 0])
    if area in (0.0, 1.0) or variance <= 0:
        return None
    reach = Z95 * np.sqrt(variance) / (area * (1 - area))  # delta method
    return Interval(float(expit(logit(area) - reach)), float(expit(logit(area) + reach)))


@dataclass(frozen=True)
class Difference:
    """Two runs on the same images. p: two-sided; ci95 of the difference where the test has one."""

    first: float
    second: float
    p: float
    ci95: Interval | None = None


def delong_test(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> Difference:
    """Whether two AUROCs on the same images differ. Raises PneumoError when a class is missing or sizes differ."""
    from scipy.stats import norm

    labels, first, second = np.asarray(labels), finite(first, "scores"), finite(second, "scores")
    _check_same(labels, first, second)
    if len(np.unique(labels)) < 2:
        raise PneumoError("DeLong's test needs NORMAL and PNEUMONIA images")
    areas, covariance = _delong(labels, np.stack([first, second]))
    gap = float(areas[0] - areas[1])
    spread = float(np.sqrt(max(0.0, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])))
    p = 1.0 if gap == 0 else 0.0 if spread == 0 else float(2 * norm.sf(abs(gap) / spread))
    return Difference(float(areas[0]), float(areas[1]), p, Interval(gap - Z95 * spread, gap + Z95 * spread))


def mcnemar_test(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> Difference:
    """Whether two runs' labels are right equally often, exactly (McNemar 1947, binomial form).

    first, second: (N,) bool, called PNEUMONIA. first and second of the result are the images only that run had right.
    """
    from scipy.stats import binomtest

    labels, first, second = (np.asarray(each).astype(bool) for each in (labels, first, second))
    _check_same(labels, first, second)
    only_first = int(((first == labels) & (second != labels)).sum())
    only_second = int(((first != labels) & (second == labels)).sum())
    p = float(binomtest(only_first, only_first + only_second).pvalue) if only_first + only_second else 1.0
    return Difference(only_first, only_second, p)


def _check_same(*arrays: np.ndarray) -> None:
    if len({len(array) for array in arrays}) > 1:
        raise PneumoError(f"expected the same images for both runs, got {[len(array) for array in arrays]}")


def _delong(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUROCs (K,) and their covariance (K, K) for K scores, by mid-ranks (Sun and Xu 2014). scores: (K, N)."""
    from scipy.stats import rankdata

    positive, negative = scores[:, labels == 1], scores[:, labels == 0]
    m, n = positive.shape[1], negative.shape[1]
    ranks = np.stack([rankdata(np.concatenate(pair)) for pair in zip(positive, negative, strict=True)])
    own_positive = np.stack([rankdata(row) for row in positive])
    own_negative = np.stack([rankdata(row) for row in negative])
    areas = (ranks[:, :m].sum(1) - m * (m + 1) / 2) / (m * n)
    above = (ranks[:, :m] - own_positive) / n  # (K, m): share of negatives below each positive
    below = 1 - (ranks[:, m:] - own_negative) / m  # (K, n): share of positives above each negative
    return areas, _covariance(above) / m + _covariance(below) / n


def _covariance(rows: np.ndarray) -> np.ndarray:
    """(K, K); zero where one column gives nothing to estimate from."""
    return np.atleast_2d(np.cov(rows)) if rows.shape[1] > 1 else np.zeros((len(rows), len(rows)))
