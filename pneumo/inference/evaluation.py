"""A run measured on a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from pneumo import data, models, runs
from pneumo.images import transforms
from pneumo.metrics import calibration, classification
from pneumo.runs import Run
from pneumo.schema import Metrics, PneumoError, Predictions


@dataclass(frozen=True, eq=False)
class DataSetEvaluation:
    """A run measured on a source. unreadable: error by file name."""

    source: str
    split: str
    metrics: Metrics
    unreadable: dict[str, str]


def evaluate(
    run: Run,
    source: str,
    *,
    threshold: float | None = None,
    split: str | None = None,
    flip: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> DataSetEvaluation:
    """The run on every image of a source, or on its test part where it has one.

    part: "train", "validation" or "test" divides the source as the run's recipe did and takes that part; the split's
    digest must then be the one in the card. threshold: the run's default operating point when left out. flip: the mean logit
    of each picture and its mirror image (test-time augmentation); the calibration stays that of single pictures.
    """
    dataset = data.open_source(source)
    indices, taken = _choose(run, dataset, split)
    resized = data.resized(dataset, run.card.image, progress)
    readable = np.array([i for i in indices if i not in resized.errors], dtype=np.int64)
    items = [dataset.items[i] for i in readable]
    logits = _logits(run, resized.array, readable)
    if flip:
        logits = (logits + _logits(run, resized.array[..., ::-1], readable)) / 2
    metrics = classification.evaluate(
        dataset.labels[readable],
        calibration.calibrated(logits, run.card.temperature, run.card.bias),
        [item.patient for item in items],
        run.card.point().threshold if threshold is None else threshold,
        subtypes=[item.subtype for item in items],
        uncalibrated=calibration.calibrated(logits),
    )
    chosen = set(indices.tolist())
    unreadable = {dataset.items[i].name: error for i, error in resized.errors.items() if i in chosen}
    return DataSetEvaluation(source, taken, metrics, unreadable)


def _choose(run: Run, dataset: data.DataSet, split: str | None) -> tuple[np.ndarray, str]:
    if split is None:
        own = np.array([i for i, item in enumerate(dataset.items) if item.split == "test"], dtype=np.int64)
        return (own, "its test part") if len(own) else (np.arange(len(dataset.items)), "every image")
    splits = data.split_patients(dataset, run.card.recipe.data)
    if data.split_digest(dataset, splits) != run.card.data.split_digest:
        raise PneumoError(
            f"{dataset.source} is not the data set {run.card.name!r} was trained on (its split has another digest), so "
            f"its {split} patients are not known; leave out --part"
        )
    return splits[split], f"the run's {split} patients"


def _logits(run: Run, resized: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """(len(indices),) float64 logits, 64 images at a time."""
    logits = [np.empty(0)]
    for start in range(0, len(indices), 64):
        batch = torch.from_numpy(resized[indices[start : start + 64]].copy())  # without the mirror's negative steps
        with run.lock, torch.inference_mode():
            logits.append(models.positive_logit(run.model(transforms.normalise(batch, run.card.image))).numpy())
    return np.concatenate(logits).astype(np.float64)


def validation_predictions(run: Run) -> Predictions:
    """The run's own validation patients: what its thresholds and its calibration come from."""
    return runs.read_predictions(run.folder).split("validation")
