"""Train on generated and test on real radiographs, and the reverse: whether a generator keeps what separates the classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from pneumo import data, models, runs
from pneumo.generators import sampling
from pneumo.metrics import classification, significance
from pneumo.schema import CLASS_NAMES, PneumoError, SyntheticTransfer
from pneumo.training import recipes
from pneumo.training.tasks import ClassificationTask
from pneumo.training.trainer import Progress, Trainer

RECIPE, EPOCHS = "pneumonia_cnn", 8
VALIDATION_SHARE = 0.15  # of the generated ones, to choose the epoch by


def tstr(
    gan: runs.Run, source: str, *, seed: int = 0, progress: Callable[[Progress], None] | None = None
) -> tuple[SyntheticTransfer, ...]:
    """Generated to real, real to generated, and real to real for comparison.

    Real ones to learn from are the training set, to be tested on validation and internal test; weights are chosen on
    images of the kind that is learned from, never on those that are tested on.
    """
    if sampling.classes(gan) != CLASS_NAMES:
        raise PneumoError(f"{gan.card.name!r} generates one class; a classifier needs both")
    own = data.open_as_trained(gan.card, source)
    real, labels = own.resized, own.dataset.labels
    train, held_out = own.rows("train"), own.rows("validation", "test")
    kinds = labels[train]
    made = sampling.draw(gan, sampling.start(gan, len(kinds), seed), torch.from_numpy(kinds))
    asked = labels[held_out]
    tested = sampling.draw(gan, sampling.start(gan, len(asked), seed + 1), torch.from_numpy(asked))
    generated, plain = (made, kinds), (real[train], kinds)
    tests = {"real": (real[held_out], asked), "generated": (tested, asked)}
    result = []
    for trained_on, (images, classes), tested_ons in (
        ("generated", generated, ("real",)),
        ("real", plain, ("generated", "real")),
    ):
        task = _learn(gan, images, classes, seed, progress)
        for tested_on in tested_ons:
            result.append(_score(task, trained_on, tested_on, len(classes), *tests[tested_on]))
    return tuple(result)


def _learn(
    gan: runs.Run, resized: np.ndarray, labels: np.ndarray, seed: int, progress: Callable[[Progress], None] | None
) -> ClassificationTask:
    recipe = recipes.get(RECIPE)
    recipe = replace(recipe, image=replace(recipe.image, size=gan.card.image.size), epochs=EPOCHS, seed=seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    cut = int(VALIDATION_SHARE * len(labels))
    torch.manual_seed(seed)
    task = ClassificationTask(recipe, resized, labels, {"train": order[cut:], "validation": order[:cut]}, seed)
    with TemporaryDirectory() as folder:
        trainer = Trainer(task, recipe, Path(folder), progress=progress)
        trainer.fit()
    model = models.build(recipe.model, recipe.image, **recipe.model_args)
    model.load_state_dict(trainer.best)
    task.modules = {"classifier": model.eval()}
    return task


def _score(
    task: ClassificationTask, trained_on: str, tested_on: str, count: int, resized: np.ndarray, labels: np.ndarray
) -> SyntheticTransfer:
    task.resized = resized
    with torch.inference_mode():
        logits = task.logits(task.modules["classifier"], np.arange(len(labels)), torch.device("cpu")).double().numpy()
    area = classification.auroc(labels, logits)
    return SyntheticTransfer(
        trained_on, tested_on, count, len(labels), area, significance.delong_interval(labels, logits)
    )
