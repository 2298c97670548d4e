"""From a recipe to a run on disk: data, task, trainer, calibration, operating points, card."""

from __future__ import annotations

import importlib.metadata
import platform
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pneumo import data, evaluation, models, runs
from pneumo.schema import CLASS_NAMES, DataInfo, Metrics, PneumoError, Recipe, RunCard, nearest
from pneumo.training.tasks import ClassificationTask
from pneumo.training.trainer import CHECKPOINT_EVERY_S, CHECKPOINT_FILE, Progress, State, Trainer

TASKS = {"classification": ClassificationTask}
PACKAGES = ("torch", "torchvision", "accelerate", "numpy", "scikit-learn", "pillow", "pydicom")
INTENDED_USE = (
    "Teaching and demonstration of neural networks on chest radiographs. Not a medical device; "
    "no diagnosis or treatment may rest on it."
)
LIMITS = (
    "Trained on frontal radiographs of children aged one to five, from one hospital (Guangzhou).",
    "Knows two answers only, NORMAL and PNEUMONIA; every other finding is forced into one of them.",
    "Adults, lateral views, other scanners and other hospitals: expect it to be wrong more often than stated here.",
    "The share of pneumonia in the training set (74%) is that of a collected set, not of a ward.",
)
PHANTOM_LIMITS = ("Trained on procedural phantoms, not on patients: it says nothing about real radiographs.",)


@dataclass(frozen=True)
class Outcome:
    """A finished training: where the run is, its card, and what could not be read (error by file name)."""

    folder: Path
    card: RunCard
    unreadable: dict[str, str]


def train(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
    decoding: Callable[[int, int], None] | None = None,
    stop: threading.Event | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
) -> Outcome:
    """Trains and saves a run in `folder`. Raises PneumoError before any work when it cannot end well.

    The internal test is read once, after the weights, the temperature and the thresholds are fixed.
    """
    _check_folder(folder, resume)
    if recipe.task not in TASKS:
        raise PneumoError(f"no task named {recipe.task!r}{nearest(recipe.task, TASKS)}; there are: {', '.join(TASKS)}")
    models.build(recipe.model, recipe.image, **recipe.model_args)  # what cannot be built is found before reading
    dataset = data.open_source(recipe.data.source)
    squares = data.squares(dataset, recipe.image, decoding)
    parts = _readable(data.divide(dataset, recipe.data), squares.errors)
    _check_parts(dataset.labels, parts)
    torch.manual_seed(recipe.seed)
    task = TASKS[recipe.task](recipe, squares.array, dataset.labels, parts, recipe.seed)
    trainer = Trainer(task, recipe, folder, progress=progress, stop=stop, checkpoint_every_s=checkpoint_every_s)
    state = trainer.fit(resume=resume)
    card = _save(recipe, folder, dataset, parts, task, trainer, state)
    for checkpoint in (
        folder / CHECKPOINT_FILE,
        *folder.glob(f".{CHECKPOINT_FILE}.*"),
    ):  # a kill leaves half-written ones
        checkpoint.unlink(missing_ok=True)
    return Outcome(folder, card, {dataset.items[i].name: error for i, error in squares.errors.items()})


def _check_folder(folder: Path, resume: bool) -> None:
    if (folder / runs.CARD_FILE).exists():
        raise PneumoError(f"{folder} holds a finished run; choose another --out, or delete it")
    if (folder / CHECKPOINT_FILE).exists() and not resume:
        raise PneumoError(f"{folder} holds an unfinished training; add --resume to go on, or choose another --out")


def _readable(parts: dict[str, np.ndarray], errors: dict[int, str]) -> dict[str, np.ndarray]:
    return {part: indices[~np.isin(indices, list(errors))] for part, indices in parts.items()}


def _check_parts(labels: np.ndarray, parts: dict[str, np.ndarray]) -> None:
    for part in ("train", "validation"):
        missing = [name for label, name in enumerate(CLASS_NAMES) if not (labels[parts[part]] == label).any()]
        if missing:
            raise PneumoError(
                f"the {part} part has no {' and no '.join(missing)} images; give more patients of that class, "
                "or a larger data.validation"
            )


def _save(
    recipe: Recipe,
    folder: Path,
    dataset: data.DataSet,
    parts: dict[str, np.ndarray],
    task: ClassificationTask,
    trainer: Trainer,
    state: State,
) -> RunCard:
    model = models.build(recipe.model, recipe.image, **recipe.model_args)
    model.load_state_dict(trainer.best)
    predictions, (temperature, bias) = _predict(dataset, parts, task, model.eval())
    validation = predictions.part("validation")
    points = evaluation.operating_points(validation.labels, validation.probabilities)
    metrics = _measure(predictions, points[0].threshold)
    blob = runs.serialise(trainer.best)
    images, patients = data.count_parts(dataset, parts)
    phantoms = recipe.data.source.startswith("phantom")
    card = RunCard(
        schema_version=runs.SCHEMA_VERSION,
        name=folder.name,
        task=recipe.task,
        model=recipe.model,
        model_args=recipe.model_args,
        image=recipe.image,
        class_names=CLASS_NAMES,
        recipe=replace(recipe, data=replace(recipe.data, source=_public_source(recipe.data.source))),
        data=DataInfo(
            source=_public_source(recipe.data.source),
            counts=images,
            patients=patients,
            split_digest=data.split_digest(dataset, parts),
            licence=dataset.licence,
            citation=dataset.citation,
        ),
        metrics=metrics,
        operating_points=points,
        default_point=points[0].name,
        indeterminate=evaluation.indeterminate_band(validation.labels, validation.probabilities),
        temperature=temperature,
        bias=bias,
        best_epoch=state.best_epoch,
        epochs_run=state.epoch - 1,
        seed=recipe.seed,
        versions={"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES},
        hardware=_hardware(trainer),
        minutes=round(state.seconds / 60, 2),
        weights=runs.weights_info(blob, models.count_parameters(model)),
        intended_use=INTENDED_USE,
        limits=PHANTOM_LIMITS if phantoms else LIMITS,
    )
    runs.save(folder, card, blob, state.history, predictions)
    return card


def _predict(
    dataset: data.DataSet, parts: dict[str, np.ndarray], task: ClassificationTask, model: torch.nn.Module
) -> tuple[runs.Predictions, tuple[float, float]]:
    """Validation and internal test in float32 on the CPU, as in service; temperature and bias fitted on validation alone."""
    names = [part for part in ("validation", "test") if len(parts[part])]
    with torch.inference_mode():
        logits = {part: task.logits(model, parts[part], torch.device("cpu")).double().numpy() for part in names}
    calibration = evaluation.fit_calibration(logits["validation"], dataset.labels[parts["validation"]])
    rows = [(dataset.items[i], part) for part in names for i in parts[part]]
    flat = np.concatenate([logits[part] for part in names])
    predictions = runs.Predictions(
        names=np.array([item.name for item, _ in rows]),
        parts=np.array([part for _, part in rows]),
        patients=np.array([item.patient for item, _ in rows]),
        labels=np.array([item.label for item, _ in rows], dtype=np.int64),
        subtypes=np.array([item.subtype for item, _ in rows]),
        logits=flat,
        probabilities=evaluation.calibrated(flat, *calibration),
    )
    return predictions, calibration


def _measure(predictions: runs.Predictions, threshold: float) -> dict[str, Metrics]:
    found = {}
    for part in dict.fromkeys(predictions.parts.tolist()):
        chosen = predictions.part(part)
        found[part] = evaluation.evaluate(chosen.labels, chosen.probabilities, chosen.patients.tolist(), threshold)
    return found


def _public_source(source: str) -> str:
    """A folder by its name alone: a card is published, the layout of somebody's disk is not."""
    return source if source.startswith(("phantom", "hub:")) else Path(source).resolve().name


def _hardware(trainer: Trainer) -> str:
    kind = torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else "CPU"
    precision = "bfloat16 autocast" if trainer.bf16 else "float32"
    return f"{kind}, {torch.get_num_threads()} threads, {platform.machine()}, {precision}"
