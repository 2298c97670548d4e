"""A run measured on a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pneumo import data, runs
from pneumo.metrics import calibration, classification
from pneumo.runs import Run, forward
from pneumo.schema import Metrics, PneumoError, Predictions


@dataclass(frozen=True, eq=False)
class DataSetEvaluation:
    """A run measured on a source. unreadable: error by file name. notes, noticed: of the source, and what the reader
    noticed in the images that were measured."""

    source: str
    split: str
    metrics: Metrics
    unreadable: dict[str, str]
    notes: tuple[data.Note, ...] = ()
    noticed: tuple[data.Noticed, ...] = ()


def evaluate(
    run: Run,
    source: str,
    *,
    threshold: float | None = None,
    split: str | None = None,
    flip: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> DataSetEvaluation:
    """The run on every image of a source, or on its test set where it has one.

    split: "train", "validation", "test" or "left_out" of the run's own data set; PneumoError where the source is another one.
    threshold: the run's default operating point when left out. flip: the mean logit of each image and its mirror image
    (test-time augmentation); the calibration stays that of single images.
    """
    dataset = data.open_source(source)
    resized = data.resized(dataset, run.card.image, progress)
    indices, taken = _choose(run, dataset, resized.errors, split)
    readable = np.array([i for i in indices if i not in resized.errors], dtype=np.int64)
    items = [dataset.items[i] for i in readable]
    logits = forward.logits(run, resized.array, rows=readable)
    if flip:
        logits = (logits + forward.logits(run, resized.array[..., ::-1], rows=readable)) / 2
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
    noticed = data.noticed(dataset.items, resized.warnings, chosen)
    return DataSetEvaluation(source, taken, metrics, unreadable, dataset.notes, noticed)


def _choose(run: Run, dataset: data.DataSet, errors: dict[int, str], split: str | None) -> tuple[np.ndarray, str]:
    """Indices, unreadable images among them where the source's own split is taken, and what they are in words."""
    if split is None:
        own = np.array([i for i, item in enumerate(dataset.items) if item.split == "test"], dtype=np.int64)
        return (own, "its test set") if len(own) else (np.arange(len(dataset.items)), "every image")
    splits = data.splits_as_trained(run.card, dataset, errors)
    if split not in splits:
        raise PneumoError(f"{run.card.name!r} has no split {split!r}; it has: {', '.join(splits)}")
    whole = data.split_patients(dataset, run.card.recipe.data).get(split, ())
    unreadable = [i for i in whole if i in errors]  # the run was not trained on them, but they are named in the result
    return np.append(splits[split], unreadable).astype(np.int64), f"the run's {split} patients"


def validation_predictions(run: Run) -> Predictions:
    """The run's own validation patients: what its thresholds and its calibration come from."""
    return runs.read_predictions(run.folder).split("validation")
