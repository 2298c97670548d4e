"""How an exhibit of the gallery is trained and watched: by the project's own trainer, on phantoms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from pneumo import data
from pneumo.lessons import watched
from pneumo.lessons.watched import Watch
from pneumo.schema import AugmentSpec, DataSpec, ImageSpec, PneumoError, Recipe
from pneumo.training.tasks import ClassificationTask
from pneumo.training.trainer import Trainer

SIDE, SEED = 64, 42
SMALL = Recipe(
    name="gallery",
    model="small_cnn",
    image=ImageSpec(size=SIDE),
    data=DataSpec(source="phantom:800", validation=0.25, test=0.0),
    epochs=15,
    optimiser="adam",
    criterion="last",
    precision="float32",
    seed=SEED,
)
LIGHT = AugmentSpec(rotation_deg=5, shift=0.05, zoom=0.05)


@dataclass(frozen=True, eq=False)
class Films:
    """Images to train on: resized (N, S, S) uint8, labels (N,) int64, rows by split."""

    resized: np.ndarray
    labels: np.ndarray
    splits: dict[str, np.ndarray]


@dataclass
class Recorded:
    """One training as it is shown. line: what it is called where two stand side by side."""

    line: str
    cases: list[dict[str, Any]]
    looks: list[dict[str, Any]]
    diverged: str = ""


@dataclass
class Exhibit:
    """What a recording consists of. found: what the check looked at, in words; extra: columns of the history beside the usual ones."""

    trainings: list[Recorded]
    holds: bool
    found: str
    extra: dict[str, str] = field(default_factory=dict)


# --- training -----------------------------------------------------------------------------------------------------


def train(
    recipe: Recipe,
    films: Films,
    line: str = "",
    kind: type[ClassificationTask] = ClassificationTask,
    trainer: type[Trainer] = Trainer,
    more: Callable[[Any, Any], dict[str, float]] | None = None,
) -> tuple[Recorded, Any, Trainer]:
    """Trains with the project's own trainer. more(task, predict): further numbers for each row of the history."""
    watch = Watch()

    class Told(watched.task(watch, kind)):  # type: ignore[misc]
        def record(self, epoch: int, predict: Any, folder: Path) -> None:
            super().record(epoch, predict, folder)
            if more and watch.looks:
                watch.looks[-1].row |= {key: round(float(value), 5) for key, value in more(self, predict).items()}

    torch.manual_seed(recipe.seed)
    task = Told(recipe, films.resized, films.labels, films.splits, recipe.seed)
    cases = watched.cases(task)
    diverged = ""
    with TemporaryDirectory() as folder:
        running = trainer(task, recipe, Path(folder), checkpoint_every_s=1e9)
        try:
            diverged = running.fit().diverged
        except PneumoError as error:
            diverged = str(error)
    looks = [
        {"row": each.row, "matrix": each.matrix, "cases": each.cases, "kernels": each.kernels} for each in watch.looks
    ]
    return Recorded(line, cases, looks, diverged), task, running


@cache
def phantoms(source: str = "phantom:800", side: int = SIDE, few: int = 0) -> Films:
    """The films of a source, split by patient. few: so many to train with, half of each class."""
    dataset = data.open_source(source)
    recipe = replace(SMALL, image=ImageSpec(size=side), data=replace(SMALL.data, source=source))
    resized = data.resized(dataset, recipe.image)
    splits = data.training_splits(dataset, recipe, resized.errors)
    labels = dataset.labels
    if few:
        of = [splits["train"][labels[splits["train"]] == label][: few // 2] for label in (0, 1)]
        splits = {**splits, "train": np.sort(np.concatenate(of))}
    return Films(np.asarray(resized.array), labels, splits)


def column(recorded: Recorded, name: str) -> np.ndarray:
    return np.array([np.nan if each["row"].get(name) is None else each["row"][name] for each in recorded.looks])
