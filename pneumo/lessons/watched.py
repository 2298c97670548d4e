"""A training that can be watched: after every epoch its confusion matrix, its first kernels, and what it says of a few images.

The project's own trainer and tasks do the training; this only looks.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pneumo.images import sheets
from pneumo.metrics import calibration, classification
from pneumo.training.tasks import ClassificationTask, Predict

EACH = 3  # validation images of each class that are followed
KERNELS = 8
CURVES = (
    "train_loss",
    "validation_loss",
    "train_accuracy",
    "validation_accuracy",
    "train_auroc",
    "validation_auroc",
    "learning_rate",
)
SHOWN_PX = 56  # of a followed image


@dataclass
class Look:
    """How a training stands after an epoch.

    row: of the history, the CURVES and the epoch. matrix: tn, fp, fn, tp on validation at probability 0.5. cases: the
    uncalibrated probability of each followed image. kernels: (KERNELS, side * side) of the first convolution.
    """

    row: dict[str, float | None]
    matrix: list[int]
    cases: list[float]
    kernels: list[list[float]]


@dataclass
class Watch:
    """What is collected of one training. told: called with each look as it comes."""

    told: Callable[[Look], None] | None = None
    looks: list[Look] = field(default_factory=list)

    def add(self, look: Look) -> None:
        self.looks.append(look)
        if self.told:
            self.told(look)


def task(watch: Watch, kind: type[ClassificationTask] = ClassificationTask) -> type[ClassificationTask]:
    """A task that tells `watch` how it stands after every epoch."""

    class Watched(kind):  # type: ignore[valid-type,misc]
        def _measure(self, split: str, predict: Predict) -> Tensor:
            result = super()._measure(split, predict)
            self.last = {**getattr(self, "last", {}), split: result}
            return result

        def metrics(self, predict: Predict) -> dict[str, float]:
            self.row = super().metrics(predict)
            return self.row

        def record(self, epoch: int, predict: Predict, folder: Path) -> None:
            if "validation" not in self.last:
                return
            rows, logits = self.measured["validation"], self.last["validation"].double().numpy()
            kernels: list[list[float]] = []
            predict(lambda model: kernels.extend(first_kernels(model)) or torch.zeros(1))
            watch.add(look_of(epoch, self.row, self.labels[rows], logits, followed(self.labels[rows]), kernels))

    return Watched


def look_of(
    epoch: int,
    row: dict[str, float],
    labels: np.ndarray,
    logits: np.ndarray,
    cases: Sequence[int],
    kernels: list[list[float]],
) -> Look:
    """labels (N,), logits (N,): of the validation images. cases: which of them are followed."""
    finite = np.isfinite(logits).all()
    probabilities = calibration.calibrated(logits, 1.0) if finite else np.full(len(logits), 0.5)
    counts = classification.confusion(labels, probabilities, 0.5)
    return Look(
        {"epoch": float(epoch)} | {name: _number(row.get(name)) for name in CURVES},
        [counts[key] for key in ("tn", "fp", "fn", "tp")],
        [round(float(probabilities[n]), 4) for n in cases],
        kernels,
    )


def _number(value: float | None) -> float | None:
    return round(float(value), 5) if value is not None and math.isfinite(value) else None


def followed(labels: np.ndarray) -> list[int]:
    """Positions of the first EACH images of each class, NORMAL first."""
    return [int(n) for label in (0, 1) for n in np.flatnonzero(labels == label)[:EACH]]


def first_kernels(model: nn.Module) -> list[list[float]]:
    """The first kernels of the first convolution, over its first channel, row by row."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            chosen = module.weight.detach().float()[:KERNELS, 0].flatten(1)
            return [[round(value, 3) for value in each] for each in torch.nan_to_num(chosen).tolist()]
    return []


def address(pixels: np.ndarray) -> str:
    """(S, S) uint8 as a small data URL."""
    blob = sheets.for_screen(pixels, SHOWN_PX, SHOWN_PX, quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(blob).decode()}"


def cases(task: Any) -> list[dict[str, Any]]:
    """The followed images of a task: address and label."""
    rows = task.measured["validation"]
    return [
        {"address": address(np.asarray(task.resized[rows[n]])), "label": int(task.labels[rows[n]])}
        for n in followed(task.labels[rows])
    ]
