"""From a recipe to a run on disk: data, task, trainer, calibration, operating points, card."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState

from pneumo import data, files, models, runs
from pneumo.formatting import nearest, rate
from pneumo.metrics import calibration
from pneumo.schema import (
    CLASS_NAMES,
    DataInfo,
    PneumoError,
    Recipe,
    RunCard,
)
from pneumo.training import checkpoint, measurement, pretrained, recognition
from pneumo.training.adversarial import GanTask
from pneumo.training.contrastive import ContrastiveTask
from pneumo.training.measurement import Measurement
from pneumo.training.recognition import CharacterTask
from pneumo.training.reconstruction import ReconstructionTask
from pneumo.training.tasks import ClassificationTask, FrozenBackboneTask, Task
from pneumo.training.trainer import CHECKPOINT_EVERY_S, Progress, State, Trainer

TASKS: dict[str, type[Task]] = {
    "characters": CharacterTask,
    "classification": ClassificationTask,
    "contrastive": ContrastiveTask,
    "gan": GanTask,
    "reconstruction": ReconstructionTask,
}
PACKAGES = ("torch", "torchvision", "accelerate", "numpy", "scikit-learn", "pillow", "pydicom")
INTENDED_USE = (
    "Teaching and demonstration of neural networks on chest radiographs. It is not a medical device. "
    "Do not use it for diagnosis or treatment."
)
GUANGZHOU_LIMITS = (
    "Trained on frontal radiographs of children aged one to five, from one hospital (Guangzhou).",
    "Expect more errors than stated here for adults, lateral views, other scanners and other hospitals.",
)
UNKNOWN_LIMITS = (
    "Nothing is known about the patients whose radiographs it was trained on. Expect more errors for other patients.",
)
TWO_CLASSES = "It knows two classes only, NORMAL and PNEUMONIA, and puts every other finding into one of them."
GENERATED = "Its images look like the training radiographs at low resolution. Rare findings are missing, and a shadow in them means nothing."
CHARACTER_LIMITS = (
    "It reads single printed characters, 0 to 9 and A to Z. It knows no lower case, and calls whatever else it is shown a character.",
    "Trained on characters drawn by a computer in free fonts, not on scans. Expect more errors on handwriting and photographs.",
)
PHANTOM_LIMITS = ("Trained on computer-drawn phantoms, not on patients: it says nothing about real radiographs.",)


@dataclass(frozen=True)
class Outcome:
    """A finished training: where the run is, its card, what could not be read (error by file name), and how it ended where
    it diverged, a sentence."""

    folder: Path
    card: RunCard
    unreadable: dict[str, str]
    diverged: str = ""


def train(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
    decoding: Callable[[int, int], None] | None = None,
    stop: threading.Event | None = None,
    warn: Callable[[list[str]], None] | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    dataset: data.DataSet | None = None,
    task: type[Task] | None = None,
    began: Callable[[Trainer], None] | None = None,
) -> Outcome:
    """Trains and saves a run in `folder`. Raises PneumoError before any work when it cannot end well.

    warn: told, before training begins, what was passed over in the source and what the reader noticed, a sentence each.
    resume: goes on from the checkpoint in `folder`; where there is none, training starts from the beginning.
    dataset, task: in place of those that the recipe names, for lessons. began: told the trainer before it begins.
    The internal test is read once, after the weights, the temperature and the thresholds are fixed.
    """
    with only_writer(folder):
        return _train(recipe, folder, resume, progress, decoding, stop, warn, checkpoint_every_s, dataset, task, began)


def _train(
    recipe: Recipe,
    folder: Path,
    resume: bool,
    progress: Callable[[Progress], None] | None,
    decoding: Callable[[int, int], None] | None,
    stop: threading.Event | None,
    warn: Callable[[list[str]], None] | None,
    checkpoint_every_s: float,
    dataset: data.DataSet | None,
    kind: type[Task] | None,
    began: Callable[[Trainer], None] | None,
) -> Outcome:
    """As `train`, in a folder that nobody else writes to."""
    _check_folder(folder, resume)
    if recipe.task not in TASKS:
        raise PneumoError(f"no task named {recipe.task!r}{nearest(recipe.task, TASKS)}; there are: {', '.join(TASKS)}")
    if models.entry(recipe.model).task != recipe.task:
        raise PneumoError(
            f"model {recipe.model!r} is for {models.entry(recipe.model).task}, the recipe's task is {recipe.task}; "
            f"for {recipe.task} there are: {', '.join(models.names(recipe.task))}"
        )
    models.check(recipe.model, recipe.image, **recipe.model_args)  # what cannot be built is found before reading
    start = pretrained.tensors(recipe)
    dataset = dataset or data.open_source(recipe.data.source)
    recognition.check(recipe, dataset)
    resized = data.resized(dataset, recipe.image, decoding)
    if warn and _is_first_process():
        warn(data.sentences(dataset.notes, data.noticed(dataset.items, resized.warnings)))
    splits = data.training_splits(dataset, recipe, resized.errors)
    _check_splits(dataset, splits, recipe)
    torch.manual_seed(recipe.seed)
    task = (kind or _task(recipe))(recipe, resized.array, dataset.labels, splits, recipe.seed, start)
    trainer = Trainer(task, recipe, folder, progress=progress, stop=stop, checkpoint_every_s=checkpoint_every_s)
    if began:
        began(trainer)
    state = trainer.fit(resume=resume)
    if trainer.accelerator.is_main_process:
        card = _save(recipe, folder, dataset, splits, task, trainer, state)
        checkpoint.remove(folder)
        for name in (runs.WEIGHTS_FILE, runs.HISTORY_FILE, runs.PREDICTIONS_FILE, runs.CARD_FILE):
            files.remove_leftovers(folder / name, older_s=0)  # of kills; nobody else writes here
    trainer.accelerator.wait_for_everyone()
    if not trainer.accelerator.is_main_process:
        card = runs.read_card(folder)
    return Outcome(folder, card, {dataset.items[i].name: error for i, error in resized.errors.items()}, state.diverged)


def only_writer(folder: Path) -> AbstractContextManager[None]:
    """Holds a run's folder against other trainings; of several processes of one training the first does."""
    return files.only_writer(folder) if _is_first_process() else nullcontext()


def _is_first_process() -> bool:
    """As `accelerate launch` says it in the environment: before the processes meet."""
    return os.environ.get("RANK", "0") == "0"


def is_main_process() -> bool:
    """False in all but one of several processes that train together; only that one speaks."""
    return PartialState().is_main_process


def finish_processes() -> None:
    """Lets go of the other processes at the end of a program; alone it does nothing."""
    PartialState().destroy_process_group()


def _task(recipe: Recipe) -> type[Task]:
    """A frozen backbone has its own way: its features are computed once."""
    frozen = recipe.task == "classification" and recipe.model_args.get("trainable") == "head"
    return FrozenBackboneTask if frozen else TASKS[recipe.task]


def check_free(folder: Path) -> None:
    """Raises PneumoError where a finished run would be overwritten."""
    if (folder / runs.CARD_FILE).exists():
        raise PneumoError(f"{folder} holds a finished run; choose another --out, or delete it")


def _check_folder(folder: Path, resume: bool) -> None:
    check_free(folder)
    if checkpoint.exists(folder) and not resume:
        raise PneumoError(f"{folder} holds an unfinished training; add --resume to go on, or choose another --out")


def _check_splits(dataset: data.DataSet, splits: dict[str, np.ndarray], recipe: Recipe) -> None:
    if recipe.data.only and recipe.task == "classification":
        raise PneumoError(f"data.only is {recipe.data.only!r}, but a classifier needs both classes; leave it empty")
    names, labels = dataset.class_names, dataset.labels
    wanted = [recipe.data.only] if recipe.data.only else names
    for split in ("train", "validation"):
        missing = [name for name in wanted if not (labels[splits[split]] == names.index(name)).any()]
        if missing:
            raise PneumoError(
                f"the {split} set has no {' and no '.join(missing)} images; give more patients of that class, "
                "or a larger data.validation"
            )


def _save(
    recipe: Recipe,
    folder: Path,
    dataset: data.DataSet,
    splits: dict[str, np.ndarray],
    task: Task,
    trainer: Trainer,
    state: State,
) -> RunCard:
    """Weights as they are stored, what they show, and the card."""
    model = models.build(recipe.model, recipe.image, **recipe.model_args)
    blob = runs.serialise(task.assemble(trainer.best), recipe.storage)
    model.load_state_dict(runs.deserialise(blob))  # what is measured is what was stored
    classifies = isinstance(task, ClassificationTask)
    measured = _measured(dataset, splits, task, model.eval()) if classifies else Measurement()
    counts, patients = data.count_splits(dataset, splits)
    card = RunCard(
        schema_version=runs.SCHEMA_VERSION,
        name=folder.name,
        task=recipe.task,
        model=recipe.model,
        model_args=recipe.model_args,
        image=recipe.image,
        class_names=dataset.class_names,
        recipe=published(recipe),
        data=DataInfo(
            source=_public_source(recipe.data.source),
            counts=counts,
            patients=patients,
            split_digest=data.split_digest(dataset, splits),
            licence=dataset.licence,
            citation=dataset.citation,
        ),
        metrics=measured.metrics,
        operating_points=measured.points,
        default_point=measured.points[0].name if measured.points else "",
        indeterminate=measured.indeterminate,
        temperature=measured.temperature,
        bias=measured.bias,
        best_epoch=state.best_epoch,
        epochs_run=state.epoch - 1,
        seed=recipe.seed,
        versions=versions(),
        hardware=_hardware(trainer),
        minutes=round(state.seconds / 60, 2),
        weights=runs.weights_info(blob, models.count_parameters(model)),
        intended_use=INTENDED_USE,
        limits=limits_of(dataset, counts, recipe.task) + ((state.diverged,) if state.diverged else ()),
    )
    runs.save(folder, card, blob, state.history, measured.predictions)
    if isinstance(task, CharacterTask):
        recognition.keep_report(folder, card, dataset, task, task.assemble(trainer.best))
    return card


def limits_of(
    dataset: data.DataSet, images: dict[str, dict[str, int]], task: str = "classification"
) -> tuple[str, ...]:
    """What the card says against the run, from what it was trained on. images: counts by split and class."""
    if task == "characters":
        return CHARACTER_LIMITS
    results = TWO_CLASSES if task == "classification" else GENERATED
    if dataset.source.startswith(("phantom", "generated")):
        return PHANTOM_LIMITS if task == "classification" else (*PHANTOM_LIMITS, results)
    normal, pneumonia = (images["train"][name] for name in CLASS_NAMES)
    share = (
        f"{rate(pneumonia / (normal + pneumonia), 0)} of its training images show pneumonia. That is the share in the collected data set, not on a ward."
        if normal and pneumonia
        else f"It was trained on images of one class only, {CLASS_NAMES[1 if pneumonia else 0]}."
    )
    known = GUANGZHOU_LIMITS if dataset.citation == data.GUANGZHOU_CITATION else UNKNOWN_LIMITS
    return (known[0], results, *(known[1:] if task == "classification" else ()), share)


def versions() -> dict[str, str]:
    """Python and the packages that decide a result."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def _measured(
    dataset: data.DataSet, splits: dict[str, np.ndarray], task: ClassificationTask, model: torch.nn.Module
) -> Measurement:
    """Validation and internal test in float32 on the CPU, as in service; calibrated on validation patients alone."""
    chosen = measurement.measured_splits(splits)
    with torch.inference_mode():
        logits = {
            split: task.logits(model, rows, torch.device("cpu")).double().numpy() for split, rows in chosen.items()
        }
    fitted = calibration.fit_calibration(logits["validation"], dataset.labels[splits["validation"]])
    return measurement.measure(dataset, splits, logits, *fitted)


def published(recipe: Recipe) -> Recipe:
    """The recipe as a card may show it: folders by their name alone."""
    source = _public_source(recipe.data.source)
    return replace(recipe, pretrained=pretrained.published(recipe.pretrained), data=replace(recipe.data, source=source))


def _public_source(source: str) -> str:
    """A folder by its name alone: a card is published, the layout of somebody's disk is not."""
    return source if source.startswith(("phantom", "generated", "characters", "hub:")) else Path(source).resolve().name


def _hardware(trainer: Trainer) -> str:
    kind = torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else "CPU"
    threads = torch.get_num_threads()
    return f"{kind}, {threads} thread{'s' * (threads != 1)}, {platform.machine()}, {trainer.state.precision.text}"
