"""Thresholds and errors: rates, predictive values and costs, as decisions.js computes them in the browser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

BELL = NormalDist()
SENSITIVITY, SPECIFICITY, PREVALENCE, MISS = 0.95, 0.90, 0.05, 20  # how the lesson opens
PREVALENCES = (0.625, 0.20, 0.05, 0.01)  # of the official test, of a ward, of a practice, of screening


@dataclass(frozen=True)
class Matrix:
    """Counts of a confusion matrix; positive is PNEUMONIA."""

    tn: int
    fp: int
    fn: int
    tp: int

    @property
    def sensitivity(self) -> float:
        return self.tp / (self.tp + self.fn)

    @property
    def specificity(self) -> float:
        return self.tn / (self.tn + self.fp)

    @property
    def precision(self) -> float:
        return self.tp / (self.tp + self.fp)

    @property
    def f1(self) -> float:
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn)

    @property
    def accuracy(self) -> float:
        return (self.tp + self.tn) / (self.tn + self.fp + self.fn + self.tp)

    def cost(self, miss: float) -> float:
        """In false alarms; a missed case counts as `miss` of them."""
        return miss * self.fn + self.fp


# The three models of the course project's five tasks, on the official test set of 624 radiographs.
COURSE_MODELS = {
    "Model 1, VGG-like from scratch": Matrix(122, 112, 7, 383),
    "Model 2, EfficientNet-B7 frozen": Matrix(129, 105, 34, 356),
    "Model 3, EfficientNet-B7 fine-tuned": Matrix(161, 73, 15, 375),
}


def ppv(sensitivity: float, specificity: float, prevalence: float) -> float:
    """The share of alarms that are right (Bayes). NaN where nobody is called positive."""
    right, wrong = prevalence * sensitivity, (1 - prevalence) * (1 - specificity)
    return right / (right + wrong) if right + wrong > 0 else math.nan


def npv(sensitivity: float, specificity: float, prevalence: float) -> float:
    """The share of those sent home who are well. NaN where nobody is called negative."""
    right, wrong = (1 - prevalence) * specificity, prevalence * (1 - sensitivity)
    return right / (right + wrong) if right + wrong > 0 else math.nan


def binormal(threshold: float, apart: float) -> tuple[float, float]:
    """Sensitivity and specificity of a threshold between two bell curves of width 1, around 0 and around `apart`."""
    return 1 - BELL.cdf(threshold - apart), BELL.cdf(threshold)


def opening() -> tuple[float, float]:
    """Threshold and distance of two bell curves at which sensitivity and specificity are those the lesson opens with."""
    threshold = BELL.inv_cdf(SPECIFICITY)
    return threshold, threshold + BELL.inv_cdf(SENSITIVITY)


def tie(one: Matrix, other: Matrix) -> float:
    """The price of a miss, in false alarms, at which two models cost the same. ValueError where there is none."""
    if one.fn == other.fn:
        raise ValueError("both miss as many: no price of a miss makes them equal")
    return (other.fp - one.fp) / (one.fn - other.fn)


def auroc(without: list[float], with_it: list[float]) -> float:
    """The chance that a case with pneumonia scores higher than one without; ties count half."""
    return sum((one > other) + (one == other) / 2 for one, other in product(with_it, without)) / (
        len(with_it) * len(without)
    )


def facts() -> dict[str, str]:
    """The numbers of the lesson's text."""
    one, _, three = COURSE_MODELS.values()
    return {
        "alarms": f"{100 * ppv(SENSITIVITY, SPECIFICITY, PREVALENCE):.0f}",
        "sensitivity": f"{SENSITIVITY:.0%}",
        "specificity": f"{SPECIFICITY:.0%}",
        "prevalence": f"{PREVALENCE:.0%}",
        "ppvs": ", ".join(f"{ppv(SENSITIVITY, SPECIFICITY, each):.1%} at {100 * each:g}%" for each in PREVALENCES),
        "right": f"{1000 * PREVALENCE * SENSITIVITY:.1f}",
        "wrong": f"{1000 * (1 - PREVALENCE) * (1 - SPECIFICITY):.1f}",
        "affected": f"{1000 * PREVALENCE:.0f}",
        "well": f"{1000 * (1 - PREVALENCE):.0f}",
        "tie": f"{tie(one, three):g}",
        "precision": f"{one.precision:.1%}",
        "precision_elsewhere": f"{ppv(one.sensitivity, one.specificity, PREVALENCE):.1%}",
        "majority": f"{(one.tp + one.fn) / 624:.1%}",
    }
