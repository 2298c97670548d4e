"""Cues: single numbers of an image, and how well each separates the classes without looking at a lung.

What lies far above .5 is open to a model as a shortcut. It need not be one: pneumonia itself makes a lung whiter.
scipy and scikit-learn are imported where they compute, seconds after the page that shows the cues.
"""

from __future__ import annotations

import numpy as np

from pneumo import data
from pneumo.inference.dataset_audit import Survey
from pneumo.inference.dataset_summary import Cue
from pneumo.metrics import resampling
from pneumo.schema import CLASS_NAMES, Interval

TITLES = {  # the first eight in the order of `data.grey_statistics`
    "brightness": "mean grey level",
    "contrast": "standard deviation of the grey levels",
    "level_1": "1st percentile of the grey levels",
    "level_10": "10th percentile of the grey levels",
    "level_50": "median grey level",
    "level_90": "90th percentile of the grey levels",
    "level_99": "99th percentile of the grey levels",
    "margin": "mean grey level of the margin",
    "pixels": "number of pixels",
    "aspect": "width divided by height",
    "grey_levels": "logistic regression on the eight grey-level statistics",
}
GREY = 8  # statistics
FOLDS = 5
FEWEST_PATIENTS = 2 * FOLDS  # of each class: two in every fold
DIGITS = 6


def measure(result: Survey) -> tuple[Cue, ...]:
    """All cues of a source; none where a class has no readable image.

    Sizes are left out where all are the same, the regression where a class has fewer than ten patients.
    """
    rows = np.flatnonzero(result.readable)
    labels, patients = result.labels[rows], np.array(result.patients)[rows]
    if len(np.unique(labels)) < len(CLASS_NAMES):
        return ()
    grey = data.grey_statistics(result.resized[rows])
    columns = dict(zip(list(TITLES)[:GREY], grey.T, strict=True))
    width, height = result.sizes[rows].T.astype(np.float64)
    if len(np.unique(result.sizes[rows], axis=0)) > 1:
        columns |= {"pixels": width * height, "aspect": width / height}
    predicted = _held_out_scores(grey, labels, patients)
    if predicted is not None:
        columns["grey_levels"] = predicted
    scores = np.stack(list(columns.values()))
    areas = _areas(labels, scores)
    ends = _ends(labels, scores, patients)
    return tuple(
        _cue(name, float(area), low_high, len(rows))
        for name, area, low_high in zip(columns, areas, ends.T, strict=True)
    )


def _held_out_scores(grey: np.ndarray, labels: np.ndarray, patients: np.ndarray) -> np.ndarray | None:
    """(N,) log odds of PNEUMONIA, each from a regression that saw nothing of the image's patient; None with too few patients."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if min(len(np.unique(patients[labels == label])) for label in range(len(CLASS_NAMES))) < FEWEST_PATIENTS:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    return cross_val_predict(model, grey, labels, groups=patients, cv=folds, method="decision_function")


def _areas(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """AUROCs by mid-ranks. labels: (N,), scores: (C, N). Returns (C,)."""
    from scipy.stats import rankdata

    positive = labels == 1
    m, n = positive.sum(), (~positive).sum()
    return (rankdata(scores, axis=1)[:, positive].sum(1) - m * (m + 1) / 2) / (m * n)


def _ends(labels: np.ndarray, scores: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """(2, C) float64: 2.5th and 97.5th percentile over draws of whole patients that hold both classes; NaN without any."""
    drawn = [
        _areas(labels[picked], scores[:, picked])
        for picked in resampling.patient_draws(patients.tolist(), seed=0)
        if 0 < labels[picked].sum() < len(picked)
    ]
    return np.percentile(drawn, [2.5, 97.5], axis=0) if drawn else np.full((2, len(scores)), np.nan)


def _cue(name: str, area: float, ends: np.ndarray, n: int) -> Cue:
    low, high = ends.tolist()
    higher_in = CLASS_NAMES[int(area >= 0.5)]
    if area < 0.5:
        area, low, high = 1 - area, 1 - high, 1 - low
    interval = Interval(round(low, DIGITS), round(high, DIGITS)) if low < high else None
    return Cue(name, round(area, DIGITS), interval, n, higher_in)
