"""Learning to read characters: one logit for each class, cross-entropy; and what such a run is measured by."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pneumo import data, models, runs
from pneumo.metrics.significance import wilson
from pneumo.runs import character_report
from pneumo.schema import CLASS_NAMES, PneumoError, Recipe, RunCard
from pneumo.training.tasks import Batch, ImageTask, Phase, Predict, in_batches

STORAGES = ("float32", "float16", "int8")
LIKELIEST = 5


class CharacterTask(ImageTask):
    """Which of many characters an image shows."""

    averaged = "classifier"

    def build(self, model: nn.Module, seed: int, start: dict[str, Tensor] | None) -> dict[str, nn.Module]:
        return {"classifier": model}

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("classifier", self.modules["classifier"].parameters, self._loss),)

    def _loss(self, batch: Batch) -> dict[str, Tensor]:
        logits = self.modules["classifier"](batch["image"]).float()
        return {"loss": self.loss(logits, batch["label"], self.recipe.label_smoothing)}

    def loss(self, logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
        """Cross-entropy. logits: (B, K); labels: (B,) int64."""
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)

    def logits(self, model: nn.Module, indices: np.ndarray, device: torch.device) -> Tensor:
        """(len(indices), K) float32 on the CPU."""
        return torch.cat([model(self.normalised(rows, device)).float().cpu() for rows in in_batches(indices)])

    def metrics(self, predict: Predict) -> dict[str, float]:
        """Loss and accuracy, without augmentation, on validation and on as many fixed training images. The loss is unsmoothed."""
        row: dict[str, float] = {}
        device = self.device()
        for split, indices in self.measured.items():
            logits = predict(lambda model, indices=indices: self.logits(model, indices, device))
            labels = torch.from_numpy(self.labels[indices])
            loss = float(self.loss(logits, labels))
            row[f"{split}_loss"] = loss
            row[f"{split}_accuracy"] = (
                float((logits.argmax(1) == labels).float().mean()) if math.isfinite(loss) else 0.0
            )
        return row


def check(recipe: Recipe, dataset: data.DataSet) -> None:
    """Raises PneumoError where classes and model do not fit each other, before anything is read."""
    reads = recipe.task == "characters"
    if reads and dataset.class_names == CLASS_NAMES:
        raise PneumoError(f"{recipe.data.source} holds radiographs; a model of characters needs --data characters")
    if not reads and dataset.class_names != CLASS_NAMES:
        known = ", ".join(models.names("characters"))
        raise PneumoError(
            f"{recipe.data.source} holds characters, the recipe's task is {recipe.task}; models that read them: {known}"
        )


def keep_report(
    folder: Path, card: RunCard, dataset: data.DataSet, task: CharacterTask, full: dict[str, Tensor]
) -> None:
    """Reads the source's own test images once, with the weights in every storage, and keeps what came out beside the run.

    full: the weights as they were trained. Nothing is kept where the source has no test images.
    """
    rows = np.array([i for i, item in enumerate(dataset.items) if item.split == "test"], dtype=np.int64)
    if not len(rows):
        return
    labels, cpu = dataset.labels[rows], torch.device("cpu")
    model = models.build(card.model, card.image, **card.model_args).eval()
    logits, stored = {}, {}
    for storage in STORAGES:
        blob = runs.serialise(full, storage)
        model.load_state_dict(runs.deserialise(blob))
        with torch.inference_mode():
            logits[storage] = task.logits(model, rows, cpu)
        right = int((logits[storage].argmax(1).numpy() == labels).sum())
        stored[storage] = character_report.Stored(len(blob), right, right / len(rows), wilson(right, len(rows)))
    kept, before = logits[card.recipe.storage], logits["float32"]
    changed = tuple(
        character_report.Changed(int(i), _likeliest(before[i], card.class_names), _likeliest(kept[i], card.class_names))
        for i in torch.nonzero(kept.argmax(1) != before.argmax(1))[:, 0].tolist()
    )
    report = character_report.Report(
        card.weights.sha256,
        len(rows),
        tuple(labels.tolist()),
        tuple(kept.argmax(1).tolist()),
        tuple(dataset.items[i].patient for i in rows),
        stored,
        changed,
    )
    character_report.save(folder, report, np.asarray(task.resized[rows]))


def _likeliest(logits: Tensor, names: tuple[str, ...]) -> dict[str, float]:
    """The likeliest classes of logits (K,), with their probabilities."""
    top = logits.softmax(0).topk(min(LIKELIEST, len(names)))
    return {names[i]: round(p, 6) for p, i in zip(top.values.tolist(), top.indices.tolist(), strict=True)}
