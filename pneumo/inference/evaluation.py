"""A run measured on a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from pneumo import data, runs
from pneumo.metrics import calibration, classification
from pneumo.runs import Run, evaluations, forward
from pneumo.runs.evaluations import Evaluation
from pneumo.schema import Metrics, PneumoError, Predictions


@dataclass(frozen=True, eq=False)
class DataSetEvaluation:
    """A run measured on a source. unreadable: error by file name. notes, noticed: of the source, and what the reader
    noticed in the images that were measured."""

    source: str
    split: str
    metrics: Metrics
    unreadable: dict[str, str]
    predictions: Predictions
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
    probabilities = calibration.calibrated(logits, run.card.temperature, run.card.bias)
    metrics = classification.evaluate(
        dataset.labels[readable],
        probabilities,
        [item.patient for item in items],
        run.card.point().threshold if threshold is None else threshold,
        subtypes=[item.subtype for item in items],
        uncalibrated=calibration.calibrated(logits),
    )
    chosen = set(indices.tolist())
    unreadable = {dataset.items[i].name: error for i, error in resized.errors.items() if i in chosen}
    noticed = data.noticed(dataset.items, resized.warnings, chosen)
    predictions = Predictions(
        names=np.array([item.name for item in items]),
        splits=np.full(len(items), split or ""),
        patients=np.array([item.patient for item in items]),
        labels=dataset.labels[readable],
        subtypes=np.array([item.subtype or "" for item in items]),
        logits=logits,
        probabilities=probabilities,
    )
    return DataSetEvaluation(source, taken, metrics, unreadable, predictions, dataset.notes, noticed)


def save(run: Run, name: str, result: DataSetEvaluation, measured: date) -> Path:
    """Keeps an evaluation beside the run, as the set `name`; returns the JSON file. PneumoError for a name that cannot be used.

    The folder's own name goes into it, not the path to it.
    """
    origin = f"{source_name(result.source)} ({result.split}), measured by `evaluate`."
    about = Evaluation(
        schema_version=evaluations.SCHEMA_VERSION,
        set=evaluations.check_name(name),
        title=name.replace("_", " ").capitalize(),
        origin=origin,
        weights_sha256=run.card.weights.sha256,
        predictions_sha256="",
        data_digest=evaluations.data_digest(result.predictions),
        measured=measured.isoformat(),
        metrics=result.metrics,
    )
    evaluations.save(run.folder, about, evaluations.as_csv(result.predictions))
    return run.folder / evaluations.FOLDER / f"{name}.json"


def source_name(source: str) -> str:
    """A folder by its name alone: what is kept may be published, the layout of somebody's disk is not."""
    return source if source.startswith(("phantom", "hub:")) else Path(source).resolve().name


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
