"""Pretraining without labels: SimCLR (Chen et al. 2020) on radiographs.

Two changed copies of an image should lie close to each other and far from all others. The labels are never used for
learning or for choosing weights; one metric, the AUROC of nearest neighbours, uses them.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from pneumo import models
from pneumo.images import transforms
from pneumo.metrics import classification
from pneumo.training.tasks import Batch, ImageTask, Phase, Predict, in_batches, subset

NEIGHBOURS = 20  # of a validation image among training images; their labels vote
VIEWS_SEED = 0  # the changes of the validation images are the same at every epoch


class ContrastiveTask(ImageTask):
    """Two views of each radiograph. Labels only measure."""

    averaged = "encoder"

    def build(self, model: nn.Module, seed: int, start: dict[str, Tensor] | None) -> dict[str, nn.Module]:
        if start:
            models.load_backbone(model, start)
        self.neighbours = subset(self.splits["train"], 2 * len(self.splits["validation"]), seed)
        return {"encoder": model}

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("encoder", self.modules["encoder"].parameters, self._loss),)

    def prepare(self, batch: Batch, generator: torch.Generator) -> Batch:
        """(2B, C, S, S): first views, then second views in the same order."""
        views = [transforms.augment(batch["image"], self.recipe.augment, generator) for _ in range(2)]
        return {"image": transforms.normalise(torch.cat(views), self.recipe.image)}

    def _loss(self, batch: Batch) -> dict[str, Tensor]:
        similarity = self._similarity(self.modules["encoder"](batch["image"]))
        return {"loss": F.cross_entropy(similarity, _partners(len(similarity), similarity.device))}

    def _similarity(self, codes: Tensor) -> Tensor:
        """(2B, 2B) cosine similarities over the temperature; nothing is compared with itself. codes: (2B, D), unit length."""
        similarity = codes @ codes.T / self.recipe.contrastive_temperature
        return similarity.fill_diagonal_(-math.inf)

    def metrics(self, predict: Predict) -> dict[str, float]:
        """Contrastive loss and how often the nearest image is the other view, on validation images; and the AUROC of 20
        nearest training neighbours, which alone looks at labels."""
        device = self.device()
        losses, result = [], []
        generator = torch.Generator().manual_seed(VIEWS_SEED)
        validation = self.splits["validation"]
        size = min(self.recipe.batch_size, len(validation))
        for rows in np.split(validation[: len(validation) // size * size], len(validation) // size):
            images = self.prepare({"image": torch.from_numpy(self.resized[rows]).to(device)}, generator)["image"]
            similarity = self._similarity(predict(lambda model, images=images: model(images)).float())
            partners = _partners(len(similarity), similarity.device)
            losses.append(F.cross_entropy(similarity, partners).item())
            result.append((similarity.argmax(1) == partners).float().mean().item())
        return {
            "validation_loss": float(np.mean(losses)),
            "validation_accuracy": float(np.mean(result)),
            "validation_neighbour_auroc": self._neighbour_auroc(predict, device),
        }

    def _neighbour_auroc(self, predict: Predict, device: torch.device) -> float:
        features = [
            F.normalize(predict(lambda model, rows=rows: self._features(model, rows, device))).numpy()
            for rows in (self.neighbours, self.splits["validation"])
        ]
        count = min(NEIGHBOURS, len(self.neighbours))
        _, nearest = NearestNeighbors(n_neighbors=count).fit(features[0]).kneighbors(features[1])
        area = classification.auroc(
            self.labels[self.splits["validation"]], self.labels[self.neighbours][nearest].mean(1)
        )
        return math.nan if area is None else area

    def _features(self, model: nn.Module, indices: np.ndarray, device: torch.device) -> Tensor:
        """(len(indices), F) float32 features of the backbone, on the CPU, images unchanged."""
        return torch.cat([model.backbone(self.normalised(rows, device)).float().cpu() for rows in in_batches(indices)])


def _partners(count: int, device: torch.device) -> Tensor:
    """(2B,) for each view the index of the other view of the same image."""
    return torch.arange(count, device=device).roll(count // 2)
