"""What a run loses when held-out radiographs are corrupted, and whether its features tell which files they came from.

Needs no second hospital: the corruptions are made from the run's own held-out patients, in three severities each. The
results lie beside the run as robustness.json, so pages need no model. scikit-learn is imported where features are probed, for the
same reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pneumo import data, models, runs
from pneumo.images.corruptions import CORRUPTIONS, corrupt
from pneumo.metrics import classification, thresholds
from pneumo.runs import forward, measured
from pneumo.schema import OperatingPoint, PneumoError

FILE = "robustness.json"
PROBE_FOLDS = 5
FAMILY = re.compile(r"(NORMAL2-|IM-)")
# Severe enough to find limits, too far from practice to choose a threshold by.
NOT_FOR_CHOOSING = {"inverted"}


@dataclass(frozen=True)
class CorruptionRow:
    """One corruption at one severity: ranking, and the rates at the run's fixed threshold. Severity 0 is the clean set."""

    corruption: str
    severity: int
    auroc: float
    auroc_lost: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True)
class FamilyProbe:
    """Whether a linear probe on the run's features tells which family of files (IM-, NORMAL2-) a NORMAL image is of.

    auroc: .5 knows nothing; from five folds over patients. baseline: the same probe on eight grey-level statistics.
    """

    n: int
    auroc: float
    baseline: float


@dataclass(frozen=True)
class Robustness:
    """robustness.json. split: which patients; threshold: the run's default operating point at the time.

    best_threshold: the one with the best mean Youden index over clean and corrupted sets, up to severity 2.
    """

    run: str
    weights_sha256: str
    split: str
    n: int
    patients: int
    threshold: float
    best_threshold: float
    rows: tuple[CorruptionRow, ...]
    family_probe: FamilyProbe | None


def measure(
    run: runs.Run,
    source: str,
    split: str = "validation",
    limit: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Robustness:
    """Every corruption on a split of the run's own data, and the threshold that does best over all of them.

    limit: at most so many images, drawn evenly; 0 takes all. Raises PneumoError where the source is another one.
    """
    dataset, indices, resized = _held_out(run, source, split, limit)
    labels, threshold = dataset.labels[indices], run.card.point().threshold
    todo = [("clean", 0)] + [(name, n) for name, s in CORRUPTIONS.items() for n in range(1, len(s.levels) + 1)]
    result: dict[tuple[str, int], np.ndarray] = {}
    for done, (name, severity) in enumerate(todo, 1):
        result[name, severity] = _probabilities(run, resized, name, severity)
        if progress:
            progress(done, len(todo))
    clean = classification.auroc(labels, result["clean", 0])
    rows = tuple(_row(name, n, labels, p, threshold, clean) for (name, n), p in result.items())
    patients = {dataset.items[i].patient for i in indices}
    usable = [p for (name, n), p in result.items() if n <= 2 and name not in NOT_FOR_CHOOSING]
    return Robustness(
        run.card.name,
        run.card.weights.sha256,
        split,
        len(indices),
        len(patients),
        threshold,
        _best_threshold(labels, usable),
        rows,
        _family_probe(run, dataset, indices, resized),
    )


def _held_out(run: runs.Run, source: str, split: str, limit: int) -> tuple[data.DataSet, np.ndarray, np.ndarray]:
    """The run's data set, indices (N,) of its own patients of that split, and their images (N, S, S) uint8."""
    own = data.open_as_trained(run.card, source)
    indices = own.rows(split)
    if limit and limit < len(indices):
        indices = indices[np.linspace(0, len(indices) - 1, limit).astype(int)]
    return own.dataset, indices, own.resized[indices]


def _row(
    name: str, severity: int, labels: np.ndarray, probabilities: np.ndarray, threshold: float, clean: float
) -> CorruptionRow:
    area = classification.auroc(labels, probabilities)
    rates = classification.rates(classification.confusion(labels, probabilities, threshold))
    return CorruptionRow(name, severity, area, clean - area, rates["sensitivity"], rates["specificity"])


def _probabilities(run: runs.Run, resized: np.ndarray, name: str, severity: int) -> np.ndarray:
    """In bfloat16 where the machine computes it: thirty-five passes over the set, and a corruption costs far more."""
    bf16 = models.native_bf16(torch.device("cpu"))
    return forward.probabilities(
        run, resized, change=lambda batch, start: corrupt(batch, name, severity, seed=start), bf16=bf16
    )


def _best_threshold(labels: np.ndarray, sets: Sequence[np.ndarray]) -> float:
    """The threshold with the best mean Youden index over the sets. sets: (N,) probabilities of the same images."""
    candidates = np.unique(np.quantile(np.concatenate(sets), np.linspace(0.002, 0.998, 499)))
    positive = [np.sort(p[labels == 1]) for p in sets]
    negative = [np.sort(p[labels == 0]) for p in sets]
    sensitivity = np.mean([1 - np.searchsorted(p, candidates) / len(p) for p in positive], axis=0)
    specificity = np.mean([np.searchsorted(p, candidates) / len(p) for p in negative], axis=0)
    return float(candidates[np.argmax(sensitivity + specificity)])


def _family_probe(run: runs.Run, dataset: data.DataSet, indices: np.ndarray, resized: np.ndarray) -> FamilyProbe | None:
    """None where the file names tell no families, or the run has no features to probe (an ensemble)."""
    if run.members:
        return None
    result = [FAMILY.search(Path(dataset.items[i].name).name) for i in indices]
    rows = np.array([n for n, i in enumerate(indices) if dataset.items[i].label == 0 and result[n]], dtype=int)
    families = np.array([result[n].group(1) == "NORMAL2-" for n in rows])
    patients = [dataset.items[indices[n]].patient for n in rows]
    if len(np.unique(families)) < 2 or len(set(patients)) < PROBE_FOLDS:
        return None
    return FamilyProbe(
        len(rows),
        _probe(forward.features(run, resized[rows]), families, patients),
        _probe(data.grey_statistics(resized[rows]), families, patients),
    )


def _probe(columns: np.ndarray, families: np.ndarray, patients: Sequence[str]) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    folds = GroupKFold(PROBE_FOLDS)
    scores = cross_val_predict(probe, columns, families, groups=patients, cv=folds, method="decision_function")
    return float(roc_auc_score(families, scores))


def save(folder: Path, result: Robustness) -> None:
    """Writes robustness.json into a run's folder."""
    measured.save(folder, FILE, result)


def adopt(folder: Path, result: Robustness) -> OperatingPoint:
    """Makes the threshold that does best under corruption the run's default: in the card, and in its metrics.

    Clean validation alone would put the threshold where the slightest blur or noise raises false alarms. Sensitivity on clean
    validation stays at 95% or above. Only for results of validation patients; others raise PneumoError.
    """
    if result.split != "validation":
        raise PneumoError(f"a threshold is chosen on validation patients, not on the {result.split} set")
    card, predictions = runs.read_card(folder), runs.read_predictions(folder)
    known = predictions.split("validation")
    threshold = min(result.best_threshold, card.point("sensitivity95").threshold)
    chosen_on = "validation patients, clean and corrupted"
    plain = OperatingPoint("robust", "Robust", threshold, 0.0, 0.0, 0, 0, chosen_on)
    [point] = thresholds.rates_at([plain], known.labels, known.probabilities)
    kept = tuple(each for each in card.operating_points if each.name != point.name)
    metrics = classification.measure(predictions, point.threshold)
    runs.write_card(folder, replace(card, operating_points=(*kept, point), default_point=point.name, metrics=metrics))
    return point


def read(folder: Path) -> Robustness | None:
    """robustness.json of a run, or None where it was not measured or belongs to other weights."""
    return measured.read(folder, FILE, Robustness)
