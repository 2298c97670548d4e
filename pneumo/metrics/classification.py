"""Metrics with intervals, calibration, operating points. Works on arrays; runs no model.

Throughout, labels are (N,) int with 1 = PNEUMONIA, probabilities (N,) float in 0..1, and an image counts as
positive when its probability is at or above the threshold.

scikit-learn is imported where a curve or an area is computed: its two seconds are not for those who count or read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pneumo.metrics import resampling
from pneumo.metrics.calibration import brier, calibrated, ece
from pneumo.metrics.finite import finite
from pneumo.metrics.significance import delong_interval, wilson
from pneumo.schema import Interval, Metrics, PneumoError, Predictions, Subgroup


def confusion(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, int]:
    """Counts {tn, fp, fn, tp} at a threshold. PneumoError where a probability is not finite."""
    called, truth = finite(probabilities) >= threshold, np.asarray(labels).astype(bool)
    return {
        "tn": int((~called & ~truth).sum()),
        "fp": int((called & ~truth).sum()),
        "fn": int((~called & truth).sum()),
        "tp": int((called & truth).sum()),
    }


def rates(counts: dict[str, int]) -> dict[str, float | None]:
    """accuracy, sensitivity, specificity, precision, f1, balanced accuracy from a confusion matrix; None where undefined."""
    tn, fp, fn, tp = (counts[key] for key in ("tn", "fp", "fn", "tp"))
    both = tp + fn and tn + fp
    return {
        "accuracy": _share(tp + tn, tn + fp + fn + tp),
        "sensitivity": _share(tp, tp + fn),
        "specificity": _share(tn, tn + fp),
        "precision": _share(tp, tp + fp),
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "balanced_accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2 if both else None,
    }


def _mcc(counts: dict[str, int]) -> float | None:
    """Matthews' correlation from counts; None when a class is missing. As scikit-learn's, without its cost in a bootstrap."""
    tn, fp, fn, tp = (counts[key] for key in ("tn", "fp", "fn", "tp"))
    if not (tp + fn and tn + fp):
        return None
    return (tp * tn - fp * fn) / max(1.0, float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5


def _share(split: int, whole: int) -> float | None:
    return split / whole if whole else None


def auroc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Area under the ROC curve; None when one class is missing. PneumoError where a probability is not finite."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, finite(probabilities))) if len(np.unique(labels)) == 2 else None


def auprc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Average precision; None when one class is missing. PneumoError where a probability is not finite."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, finite(probabilities))) if len(np.unique(labels)) == 2 else None


def evaluate(
    labels: np.ndarray,
    probabilities: np.ndarray,
    patients: list[str],
    threshold: float,
    seed: int = 0,
    *,
    subtypes: Sequence[str] = (),
    uncalibrated: np.ndarray | None = None,
) -> Metrics:
    """Every metric of the documented table, with 95% intervals.

    Raises PneumoError on an empty set, and where a probability is not finite. patients: one name per image; the bootstrap draws
    whole patients. subtypes: one per image, for the sensitivity to each kind of pneumonia. uncalibrated: (N,) probabilities before calibration, for their ECE.
    """
    labels, probabilities = np.asarray(labels, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    if not len(labels):
        raise PneumoError("there is no image to evaluate; check that the files can be read as radiographs")
    counts = confusion(labels, probabilities, threshold)
    tn, fp, fn, tp = (counts[key] for key in ("tn", "fp", "fn", "tp"))
    drawn = _bootstrap(labels, probabilities, patients, threshold, seed)
    intervals = {
        "accuracy": wilson(tp + tn, len(labels)),
        "sensitivity": wilson(tp, tp + fn),
        "specificity": wilson(tn, tn + fp),
        "precision": wilson(tp, tp + fp),
        **drawn,
        "auroc": delong_interval(labels, probabilities),
        "auroc_by_patient": drawn.get("auroc"),
    }
    return Metrics(
        n=len(labels),
        patients=len(set(patients)),
        threshold=float(threshold),
        **rates(counts),
        mcc=_mcc(counts),
        auroc=auroc(labels, probabilities),
        auprc=auprc(labels, probabilities),
        brier=brier(labels, probabilities),
        ece=ece(labels, probabilities),
        ece_uncalibrated=None if uncalibrated is None else ece(labels, uncalibrated),
        majority_accuracy=float(max(labels.mean(), 1 - labels.mean())),
        confusion=counts,
        subgroups=subgroups(labels, probabilities, subtypes, threshold) if len(subtypes) else (),
        ci95={key: value for key, value in intervals.items() if value is not None},
    )


def measure(predictions: Predictions, threshold: float) -> dict[str, Metrics]:
    """Metrics of each split at one threshold."""
    result = {}
    for split in dict.fromkeys(predictions.splits.tolist()):
        chosen = predictions.split(split)
        result[split] = evaluate(
            chosen.labels,
            chosen.probabilities,
            chosen.patients.tolist(),
            threshold,
            subtypes=chosen.subtypes.tolist(),
            uncalibrated=calibrated(chosen.logits),
        )
    return result


def subgroups(
    labels: np.ndarray, probabilities: np.ndarray, subtypes: Sequence[str], threshold: float
) -> tuple[Subgroup, ...]:
    """Sensitivity to each kind of pneumonia (bacteria, virus ...), in alphabetical order."""
    labels, called, kinds = np.asarray(labels), np.asarray(probabilities) >= threshold, np.asarray(subtypes)
    result = []
    for kind in sorted({str(kind) for kind in kinds[labels == 1] if kind}):
        chosen = (kinds == kind) & (labels == 1)
        right = int(called[chosen].sum())
        result.append(
            Subgroup(kind, "sensitivity", int(chosen.sum()), right / chosen.sum(), wilson(right, chosen.sum()))
        )
    return tuple(result)


def _bootstrap(
    labels: np.ndarray, probabilities: np.ndarray, patients: list[str], threshold: float, seed: int
) -> dict[str, Interval]:
    """Percentile intervals of f1, balanced accuracy, mcc, auroc, auprc and brier; patients are drawn with replacement.

    None where every draw gives the same: a few images that are all right say little, not everything. None for the
    calibration error: drawn with replacement it comes out too high, so its percentiles would miss it.
    """
    drawn: dict[str, list[float]] = {name: [] for name in ("f1", "balanced_accuracy", "mcc", "auroc", "auprc", "brier")}
    for picked in resampling.patient_draws(patients, seed):
        y, p = labels[picked], probabilities[picked]
        counts = confusion(y, p, threshold)
        result = rates(counts)
        values = {
            "f1": result["f1"],
            "balanced_accuracy": result["balanced_accuracy"],
            "mcc": _mcc(counts),
            "auroc": auroc(y, p),
            "auprc": auprc(y, p),
            "brier": brier(y, p),
        }
        for key, value in values.items():
            if value is not None:
                drawn[key].append(value)
    ends = {key: resampling.interval(values) for key, values in drawn.items() if values}
    return {key: each for key, each in ends.items() if each.low < each.high}


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float | None, float | None]:
    """(PPV, NPV) by Bayes' rule at a prevalence in 0..1; None where nothing would be called so."""
    called_positive = sensitivity * prevalence + (1 - specificity) * (1 - prevalence)
    called_negative = specificity * (1 - prevalence) + (1 - sensitivity) * prevalence
    ppv = sensitivity * prevalence / called_positive if called_positive else None
    npv = specificity * (1 - prevalence) / called_negative if called_negative else None
    return ppv, npv


def roc(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(false positive rate, true positive rate, thresholds) of the ROC curve."""
    from sklearn.metrics import roc_curve

    return roc_curve(labels, probabilities)


def precision_recall(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(recall, precision) of the precision-recall curve."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(labels, probabilities)
    return recall, precision


def net_benefit(labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Net benefit of treating at each threshold (decision curve analysis, Vickers and Elkin 2006), per image.

    At threshold t a false positive counts t / (1 - t) as much as a true positive. thresholds: in 0..1, below 1.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    called = probabilities[None] >= np.asarray(thresholds)[:, None]
    true, false = (called & (labels == 1)).mean(1), (called & (labels == 0)).mean(1)
    return true - false * thresholds / (1 - thresholds)
