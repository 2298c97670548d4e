"""Metrics with intervals, calibration, operating points. Works on arrays; runs no model.

Throughout, labels are (N,) int with 1 = PNEUMONIA, probabilities (N,) float in 0..1, and an image counts as
positive when its probability is at or above the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from pneumo.schema import Interval, Metrics, OperatingPoint, PneumoError, Predictions, Subgroup
from pneumo.significance import delong_interval, wilson

BOOTSTRAP_ROUNDS = 500  # the 2.5% points then move by about .001 from seed to seed at n = 500
CALIBRATION_BINS = 10
TEMPERATURE_RANGE = (0.05, 20.0)
BIAS_LIMIT = 10.0  # in logits: beyond it a probability is 0 or 1 for all purposes
INSIDE = (1e-9, 1 - 1e-9)
BAND_RATE = 0.995  # the indeterminate band's ends: 99.5% sensitivity below, 99.5% specificity above
NEIGHBOURS = 60  # the most validation images that count as similar to a probability
SIMILAR_WITHIN = 0.1  # of the probability; what was rated further away is not alike
FEWEST_SIMILAR = 10  # fewer say nothing: their interval is half the scale


def confusion(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, int]:
    """Counts {tn, fp, fn, tp} at a threshold."""
    called, truth = np.asarray(probabilities) >= threshold, np.asarray(labels).astype(bool)
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


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def auroc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Area under the ROC curve; None when one class is missing."""
    return float(roc_auc_score(labels, probabilities)) if len(np.unique(labels)) == 2 else None


def auprc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Average precision; None when one class is missing."""
    return float(average_precision_score(labels, probabilities)) if len(np.unique(labels)) == 2 else None


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared error of the probability (Brier 1950), 0 best, 1 worst."""
    return float(np.mean((np.asarray(probabilities) - labels) ** 2))


def ece(labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error over equally wide bins (Naeini et al. 2015)."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    total = np.zeros(bins)
    np.add.at(total, index, labels - probabilities)
    return float(np.abs(total).sum() / len(labels))


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
    """Every figure of the documented table, with 95% intervals.

    Raises PneumoError on an empty set. patients: one name per image; the bootstrap draws whole patients. subtypes: one per
    image, for the sensitivity to each kind of pneumonia. uncalibrated: (N,) probabilities before calibration, for their ECE.
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
    """Metrics of each part at one threshold."""
    found = {}
    for part in dict.fromkeys(predictions.parts.tolist()):
        chosen = predictions.part(part)
        found[part] = evaluate(
            chosen.labels,
            chosen.probabilities,
            chosen.patients.tolist(),
            threshold,
            subtypes=chosen.subtypes.tolist(),
            uncalibrated=calibrated(chosen.logits),
        )
    return found


def subgroups(
    labels: np.ndarray, probabilities: np.ndarray, subtypes: Sequence[str], threshold: float
) -> tuple[Subgroup, ...]:
    """Sensitivity to each kind of pneumonia (bacteria, virus ...), in alphabetical order."""
    labels, called, kinds = np.asarray(labels), np.asarray(probabilities) >= threshold, np.asarray(subtypes)
    found = []
    for kind in sorted({str(kind) for kind in kinds[labels == 1] if kind}):
        chosen = (kinds == kind) & (labels == 1)
        right = int(called[chosen].sum())
        found.append(
            Subgroup(kind, "sensitivity", int(chosen.sum()), right / chosen.sum(), wilson(right, chosen.sum()))
        )
    return tuple(found)


def _bootstrap(
    labels: np.ndarray, probabilities: np.ndarray, patients: list[str], threshold: float, seed: int
) -> dict[str, Interval]:
    """Percentile intervals of f1, balanced accuracy, mcc, auroc, auprc and brier; patients are drawn with replacement.

    None where every draw gives the same: a few images that are all right say little, not everything. None for the
    calibration error: drawn with replacement it comes out too high, so its percentiles would miss it.
    """
    drawn: dict[str, list[float]] = {name: [] for name in ("f1", "balanced_accuracy", "mcc", "auroc", "auprc", "brier")}
    for picked in patient_draws(patients, seed):
        y, p = labels[picked], probabilities[picked]
        counts = confusion(y, p, threshold)
        found = rates(counts)
        figures = {
            "f1": found["f1"],
            "balanced_accuracy": found["balanced_accuracy"],
            "mcc": _mcc(counts),
            "auroc": auroc(y, p),
            "auprc": auprc(y, p),
            "brier": brier(y, p),
        }
        for key, value in figures.items():
            if value is not None:
                drawn[key].append(value)
    ends = {key: np.percentile(values, [2.5, 97.5]) for key, values in drawn.items() if values}
    return {key: Interval(float(low), float(high)) for key, (low, high) in ends.items() if low < high}


def patient_draws(patients: Sequence[str], seed: int) -> Iterator[np.ndarray]:
    """Rows (int64) of as many patients as there are, drawn with replacement, whole patients each: once a bootstrap round."""
    rng = np.random.default_rng(seed)
    _, group = np.unique(patients, return_inverse=True)
    order = np.argsort(group, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(group))[:-1])
    for _ in range(BOOTSTRAP_ROUNDS):
        yield np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])


def fit_calibration(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """(temperature, bias) that make sigmoid(logit / temperature + bias) likeliest on these labels.

    Temperature scaling (Guo et al. 2017) with the offset of Platt (1999): augmentation and sampling move the logits as a
    whole, which a temperature alone cannot undo. Neither changes the order of the images.
    """
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)

    def loss(parameters: np.ndarray) -> float:
        scaled = logits / np.exp(parameters[0]) + parameters[1]
        return float(np.mean(np.logaddexp(0, scaled) - labels * scaled))

    limits = [np.log(TEMPERATURE_RANGE), (-BIAS_LIMIT, BIAS_LIMIT)]
    log_temperature, bias = minimize(loss, np.zeros(2), bounds=limits, method="L-BFGS-B").x
    return float(np.exp(log_temperature)), float(bias)


def calibrated(logits: np.ndarray, temperature: float = 1.0, bias: float = 0.0) -> np.ndarray:
    """Probabilities from logits: sigmoid(logit / temperature + bias), float64."""
    return expit(np.asarray(logits, dtype=np.float64) / temperature + bias)


def operating_points(
    labels: np.ndarray, probabilities: np.ndarray, chosen_on: str = "validation patients"
) -> tuple[OperatingPoint, ...]:
    """Youden, sensitivity 95%, specificity 95% and 0.5, with their rates on these labels.

    Each threshold lies half-way (in logit) between two neighbouring probabilities, so that no validation
    image sits on it. Raises PneumoError when one class is missing.
    """
    labels = np.asarray(labels)
    probabilities = np.clip(probabilities, *INSIDE)  # so that a threshold of 0 is below and one of 1 above every image
    if len(np.unique(labels)) < 2:
        raise PneumoError("operating points need NORMAL and PNEUMONIA images in the validation part")
    thresholds = _between(probabilities)
    positive, negative = np.sort(probabilities[labels == 1]), np.sort(probabilities[labels == 0])
    sensitivity = 1 - np.searchsorted(positive, thresholds, side="left") / len(positive)
    specificity = np.searchsorted(negative, thresholds, side="left") / len(negative)
    best = _middle(thresholds, sensitivity + specificity >= (sensitivity + specificity).max() - 1e-12)
    chosen = (
        ("youden", "Best balance", best),
        ("sensitivity95", "Sensitivity 95%", float(thresholds[sensitivity >= 0.95].max())),
        ("specificity95", "Specificity 95%", float(thresholds[specificity >= 0.95].min())),
        ("half", "0.5", 0.5),
    )
    return tuple(_point(name, title, t, labels, probabilities, chosen_on) for name, title, t in chosen)


def _between(probabilities: np.ndarray) -> np.ndarray:
    """Thresholds between neighbouring values, and 0 and 1, ascending. probabilities: inside 0..1."""
    logits = logit(np.unique(probabilities))
    return np.concatenate([[0.0], expit((logits[1:] + logits[:-1]) / 2), [1.0]])


def _middle(thresholds: np.ndarray, chosen: np.ndarray) -> float:
    """The middle one of the equally good thresholds."""
    return float(thresholds[np.flatnonzero(chosen)[chosen.sum() // 2]])


def _point(
    name: str, title: str, threshold: float, labels: np.ndarray, probabilities: np.ndarray, chosen_on: str
) -> OperatingPoint:
    found = rates(confusion(labels, probabilities, threshold))
    positives = int((labels == 1).sum())
    return OperatingPoint(
        name,
        title,
        threshold,
        found["sensitivity"],
        found["specificity"],
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

    None where they cross: every threshold between them then tells nearly all of both classes apart.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    rule_out = float(np.quantile(probabilities[labels == 1], 1 - BAND_RATE))
    rule_in = float(np.quantile(probabilities[labels == 0], BAND_RATE))
    return Interval(rule_out, rule_in) if rule_out < rule_in else None


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


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float | None, float | None]:
    """(PPV, NPV) by Bayes' rule at a prevalence in 0..1; None where nothing would be called so."""
    called_positive = sensitivity * prevalence + (1 - specificity) * (1 - prevalence)
    called_negative = specificity * (1 - prevalence) + (1 - sensitivity) * prevalence
    ppv = sensitivity * prevalence / called_positive if called_positive else None
    npv = specificity * (1 - prevalence) / called_negative if called_negative else None
    return ppv, npv


def roc(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(false positive rate, true positive rate, thresholds) of the ROC curve."""
    return roc_curve(labels, probabilities)


def precision_recall(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(recall, precision) of the precision-recall curve."""
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
