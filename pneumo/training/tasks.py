"""What is learned: a task names its modules, its ordered phases with their losses, and its metrics.

A classifier has one phase, an autoencoder one, a GAN two (discriminator, generator). The trainer knows nothing else.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pneumo import models
from pneumo.images import transforms
from pneumo.metrics import calibration, classification
from pneumo.schema import AugmentSpec, Recipe
from pneumo.training import precision

EVALUATION_BATCH = 256  # no gradients are kept, so eight times the usual batch fits anywhere
COPIES = 4  # changed copies whose features are kept for a frozen backbone; each costs one pass over the data
Batch = dict[str, Tensor]
Predict = Callable[[Callable[[nn.Module], Tensor]], Tensor]


@dataclass(frozen=True)
class Phase:
    """What one optimiser does in a step.

    loss: batch -> losses by name; "loss" is the one that is minimised, a scalar.
    rate: factor on the recipe's learning rate.
    """

    name: str
    parameters: Callable[[], Iterable[nn.Parameter]]
    loss: Callable[[Batch], dict[str, Tensor]]
    rate: float = 1.0


class Task(ABC):
    """What the trainer needs to know of a learning task.

    modules: everything with weights, by name; the trainer may wrap them, so losses look them up here at each step.
    averaged: the name of the module whose weights are averaged, evaluated and kept.
    shared: the trainer seeds it for every step, alike in all processes that train together; for what they must decide alike.
    Everything else draws from torch's global generator, which every process seeds for itself.
    """

    modules: dict[str, nn.Module]
    averaged: str
    shared: torch.Generator

    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """The phases of one step, in order."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of training images."""

    @abstractmethod
    def fetch(self, indices: list[int]) -> Batch:
        """The raw batch for these positions in the training set, on the CPU."""

    def prepare(self, batch: Batch, generator: torch.Generator) -> Batch:
        """The batch as the losses want it (augmented, normalised), on the device it comes on."""
        return batch

    def sampling_weights(self) -> np.ndarray | None:
        """(N,) relative frequency of each training image; None draws each once an epoch."""
        return None

    def assemble(self, best: dict[str, Tensor]) -> dict[str, Tensor]:
        """The whole model's state from the kept weights of the averaged module."""
        return best

    def record(self, epoch: int, predict: Predict, folder: Path) -> None:  # noqa: B027  most tasks leave nothing
        """What the task leaves in the run's folder after an epoch, beside the history."""

    @abstractmethod
    def metrics(self, predict: Predict) -> dict[str, float]:
        """One row of the history. predict(f) runs f(averaged module) without gradients, in eval mode."""


class ImageTask(Task):
    """What tasks on the images of a data set have in common: training images with their labels, augmented and normalised.

    resized: (N, S, S) uint8; labels: (N,) int64; splits: indices by name, "train" and "validation" at least.
    measured: the rows whose metrics make the history, all of validation and as many fixed training images.
    """

    def __init__(
        self,
        recipe: Recipe,
        resized: np.ndarray,
        labels: np.ndarray,
        splits: dict[str, np.ndarray],
        seed: int,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        """start: the pretrained backbone's tensors under torchvision's names; random weights without."""
        self.recipe, self.resized, self.labels, self.splits = recipe, resized, labels, splits
        self.train_labels = labels[splits["train"]]
        self.shared = torch.Generator().manual_seed(seed)
        self.measured = {
            "train": subset(splits["train"], len(splits["validation"]), seed),
            "validation": splits["validation"],
        }
        self.modules = self.build(models.build(recipe.model, recipe.image, **recipe.model_args), seed, start)

    @abstractmethod
    def build(self, model: nn.Module, seed: int, start: dict[str, Tensor] | None) -> dict[str, nn.Module]:
        """The task's modules from a model with random weights; what else a task needs is set up here."""

    def __len__(self) -> int:
        return len(self.train_labels)

    def fetch(self, indices: list[int]) -> Batch:
        rows = self.splits["train"][indices]
        return {"image": torch.from_numpy(self.resized[rows]), "label": torch.from_numpy(self.labels[rows])}

    def prepare(self, batch: Batch, generator: torch.Generator) -> Batch:
        planes = transforms.augment(batch["image"], self.recipe.augment, generator)
        return {"image": transforms.normalise(planes, self.recipe.image), "label": batch["label"]}

    def sampling_weights(self) -> np.ndarray | None:
        if self.recipe.sampling == "shuffle":
            return None
        count = np.bincount(self.train_labels, minlength=2)
        return (1 / np.maximum(count, 1))[self.train_labels]

    def device(self) -> torch.device:
        """Where the module lies that is averaged and evaluated."""
        return next(self.modules[self.averaged].parameters()).device

    def normalised(self, rows: np.ndarray, device: torch.device | None = None) -> Tensor:
        """(len(rows), C, S, S) float32, not augmented. device: the task's own by default."""
        planes = torch.from_numpy(self.resized[rows]).to(device or self.device())
        return transforms.normalise(planes, self.recipe.image)


def in_batches(indices: np.ndarray) -> list[np.ndarray]:
    """Indices in batches for evaluation, at least one."""
    return np.array_split(indices, max(1, math.ceil(len(indices) / EVALUATION_BATCH)))


class ClassificationTask(ImageTask):
    """NORMAL against PNEUMONIA."""

    averaged = "classifier"

    def build(self, model: nn.Module, seed: int, start: dict[str, Tensor] | None) -> dict[str, nn.Module]:
        if start:
            models.load_backbone(model, start)
        if self.recipe.initial_bias == "prior":
            _start_at_prior(model, self.train_labels)
        self.class_weights = self._class_weights()
        return {"classifier": model}

    def _class_weights(self) -> Tensor:
        """(2,) factors on the loss of NORMAL and PNEUMONIA images."""
        count = np.bincount(self.train_labels, minlength=2)
        weights = np.ones(2)
        if self.recipe.class_weights == "balanced":
            weights = count.sum() / (2 * np.maximum(count, 1))
        factor = self.recipe.positive_weight or count[0] / max(1, count[1])
        return torch.tensor([weights[0], weights[1] * factor], dtype=torch.float32)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("classifier", self.modules["classifier"].parameters, self._loss),)

    def _loss(self, batch: Batch) -> dict[str, Tensor]:
        logits = models.positive_logit(self.modules["classifier"](batch["image"])).float()
        return {"loss": self.loss(logits, batch["label"], self.recipe.label_smoothing) + self._penalty()}

    def _penalty(self) -> Tensor | float:
        """L1 on kernels and matrices, which draws the useless ones to zero; 0.0 where the recipe asks for none."""
        if not self.recipe.l1:
            return 0.0
        weights = (p for p in self.modules[self.averaged].parameters() if p.ndim > 1 and p.requires_grad)
        return self.recipe.l1 * torch.stack([each.abs().sum() for each in weights]).sum()

    def loss(self, logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
        """Weighted binary cross-entropy. logits, labels: (B,). Smoothed targets are s/2 and 1 - s/2."""
        targets = labels.float() * (1 - smoothing) + smoothing / 2
        weights = self.class_weights.to(logits.device)[labels]
        return F.binary_cross_entropy_with_logits(logits, targets, weight=weights)

    def logits(self, model: nn.Module, indices: np.ndarray, device: torch.device) -> Tensor:
        """(len(indices),) float32 logits on the CPU."""
        batches = (self.normalised(rows, device) for rows in in_batches(indices))
        return torch.cat([models.positive_logit(model(images)).float().cpu() for images in batches])

    def metrics(self, predict: Predict) -> dict[str, float]:
        """Loss, accuracy, precision, recall, specificity, F1 and AUROC, without augmentation, on validation and on as
        many fixed training images; at probability 0.5. The loss is unsmoothed."""
        row: dict[str, float] = {}
        for split, indices in self.measured.items():
            logits = self._measure(split, predict)
            labels = self.labels[indices]
            loss = float(self.loss(logits, torch.from_numpy(labels)))
            row |= {f"{split}_{key}": value for key, value in _row(loss, labels, logits.numpy()).items()}
        return row

    def _measure(self, split: str, predict: Predict) -> Tensor:
        device = self.device()
        return predict(lambda model: self.logits(model, self.measured[split], device))


def _row(loss: float, labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    if not math.isfinite(loss):  # nothing can be measured; the trainer ends the training
        return {"loss": loss}
    probabilities = calibration.calibrated(logits, 1.0)
    result = classification.rates(classification.confusion(labels, probabilities, 0.5))
    result = {key: math.nan if value is None else value for key, value in result.items()}
    area = classification.auroc(labels, probabilities)
    return {
        "loss": loss,
        "accuracy": result["accuracy"],
        "precision": result["precision"],
        "recall": result["sensitivity"],
        "specificity": result["specificity"],
        "f1": result["f1"],
        "auroc": math.nan if area is None else area,
    }


def subset(indices: np.ndarray, count: int, seed: int) -> np.ndarray:
    """At most `count` of the indices, the same ones for the same seed."""
    return np.sort(np.random.default_rng(seed).permutation(indices)[:count])


def _start_at_prior(model: nn.Module, labels: np.ndarray) -> None:
    """The last linear layer's bias at log(positives / negatives), so that the first epochs need not learn the prior."""
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    prior = math.log(max(1, (labels == 1).sum()) / max(1, (labels == 0).sum()))
    with torch.no_grad():  # with two units, their difference is the logit
        last.bias.copy_(torch.tensor([prior] if len(last.bias) == 1 else [-prior / 2, prior / 2]))


class FrozenBackboneTask(ClassificationTask):
    """A head on a frozen backbone: the features are computed once, so an epoch takes a second.

    With augmentation the features of a few changed copies of each training image are kept beside the plain one, and
    every step draws among them.
    """

    averaged = "head"

    def build(self, model: nn.Module, seed: int, start: dict[str, Tensor] | None) -> dict[str, nn.Module]:
        super().build(model, seed, start)
        self.whole = model.eval()
        generator = torch.Generator().manual_seed(self.recipe.seed)
        copies = COPIES if self.recipe.augment != AugmentSpec() else 0
        self.features = [self._features(self.splits["train"], generator if n else None) for n in range(1 + copies)]
        self.measured_features = {split: self._features(rows) for split, rows in self.measured.items()}
        return {"head": model.head}

    def _features(self, indices: np.ndarray, generator: torch.Generator | None = None) -> Tensor:
        """(len(indices), F) float32; of changed images where a generator is given."""
        # Not timed for "auto": a resumed training computes the features again, and they must be the same.
        bf16 = (precision.fixed(self.recipe.precision, torch.device("cpu")) or precision.Precision(False)).bf16
        out = []
        for rows in in_batches(indices):
            planes = torch.from_numpy(self.resized[rows])
            if generator:
                planes = transforms.augment(planes, self.recipe.augment, generator)
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                out.append(self.whole.backbone(transforms.normalise(planes, self.recipe.image)).float())
        return torch.cat(out).clone()  # a plain tensor again, so that gradients can pass the head

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("head", self.modules["head"].parameters, self._loss),)

    def fetch(self, indices: list[int]) -> Batch:
        features = torch.stack([copy[indices] for copy in self.features], 1)  # (B, copies, F)
        return {"features": features, "label": torch.from_numpy(self.train_labels[indices])}

    def prepare(self, batch: Batch, generator: torch.Generator) -> Batch:
        features, device = batch["features"], batch["features"].device
        chosen = torch.randint(features.shape[1], (len(features),), generator=generator).to(device)
        rows = torch.arange(len(features), device=device)
        return {"features": features[rows, chosen], "label": batch["label"]}

    def _loss(self, batch: Batch) -> dict[str, Tensor]:
        logits = models.positive_logit(self.modules["head"](batch["features"])).float()
        return {"loss": self.loss(logits, batch["label"], self.recipe.label_smoothing) + self._penalty()}

    def _measure(self, split: str, predict: Predict) -> Tensor:
        features = self.measured_features[split].to(self.device())
        return predict(lambda head: models.positive_logit(head(features)).float().cpu())

    def assemble(self, best: dict[str, Tensor]) -> dict[str, Tensor]:
        state = dict(self.whole.state_dict())
        return state | {f"head.{key}": value for key, value in best.items()}
