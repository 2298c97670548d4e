"""Thresholds and errors: rates, predictive values and costs, as decisions.js computes them in the browser."""

from __future__ import annotations

import math
from statistics import NormalDist

from pneumo.metrics import classification

BELL = NormalDist()
SENSITIVITY, SPECIFICITY, PREVALENCE, MISS = 0.95, 0.90, 0.05, 20  # how the lesson opens
PREVALENCES = (0.625, 0.20, 0.05, 0.01)  # of the official test, of a ward, of a practice, of screening


# The three models of the course project's five tasks, on the official test set of 624 radiographs.
COURSE_MODELS = {
    "Model 1, VGG-like from scratch": {"tn": 122, "fp": 112, "fn": 7, "tp": 383},
    "Model 2, EfficientNet-B7 frozen": {"tn": 129, "fp": 105, "fn": 34, "tp": 356},
    "Model 3, EfficientNet-B7 fine-tuned": {"tn": 161, "fp": 73, "fn": 15, "tp": 375},
}


def cost(counts: dict[str, int], miss: float) -> float:
    """What the errors of a confusion matrix cost, in false alarms; a missed case counts as `miss` of them."""
    return miss * counts["fn"] + counts["fp"]


def ppv(sensitivity: float, specificity: float, prevalence: float) -> float:
    """The share of alarms that are right. NaN where nobody is called positive."""
    found, _ = classification.predictive_values(sensitivity, specificity, prevalence)
    return math.nan if found is None else found


def binormal(threshold: float, apart: float) -> tuple[float, float]:
    """Sensitivity and specificity of a threshold between two bell curves of width 1, around 0 and around `apart`."""
    return 1 - BELL.cdf(threshold - apart), BELL.cdf(threshold)


def opening() -> tuple[float, float]:
    """Threshold and distance of two bell curves at which sensitivity and specificity are those the lesson opens with."""
    threshold = BELL.inv_cdf(SPECIFICITY)
    return threshold, threshold + BELL.inv_cdf(SENSITIVITY)


def tie(one: dict[str, int], other: dict[str, int]) -> float:
    """The price of a miss, in false alarms, at which two models cost the same. ValueError where there is none."""
    if one["fn"] == other["fn"]:
        raise ValueError("both miss as many: no price of a miss makes them equal")
    return (other["fp"] - one["fp"]) / (one["fn"] - other["fn"])


def facts() -> dict[str, str]:
    """The numbers of the lesson's text."""
    one, _, three = COURSE_MODELS.values()
    rates, cases = classification.rates(one), sum(one.values())
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
        "precision": f"{rates['precision']:.1%}",
        "precision_elsewhere": f"{ppv(rates['sensitivity'], rates['specificity'], PREVALENCE):.1%}",
        "majority": f"{(one['tp'] + one['fn']) / cases:.1%}",
    }
