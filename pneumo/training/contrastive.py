"""Pretraining without labels: SimCLR (Chen et al. 2020) on radiographs.

Two changed copies of a picture should lie close to each other and far from all others. The labels are never used
for learning or for choosing weights; one figure, the AUROC of nearest neighbours, uses them to watch.
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
from pneumo.schema import Recipe
from pneumo.training.tasks import EVALUATION_BATCH, Batch, Phase, Predict, Task, subset

NEIGHBOURS = 20  # of a validation image among training images; their labels vote
WATCHED_SEED = 0  # the changes of the validation pictures are the same at every epoch


class ContrastiveTask(Task):
    """Two views of each radiograph. squares: (N, S, S) uint8; labels: (N,) int64, watched only; parts: indices by name."""

    averaged = "encoder"

    def __init__(
        self,
        recipe: Recipe,
        resized: np.ndarray,
        labels: np.ndarray,
        splits: dict[str, np.ndarray],
        seed: int,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        self.recipe, self.resized, self.labels, self.splits = recipe, resized, labels, splits
        encoder = models.build(recipe.model, recipe.image, **recipe.model_args)
        if start:
            models.load_backbone(encoder, start)
        self.modules = {"encoder": encoder}
        self.watched = subset(splits["train"], 2 * len(splits["validation"]), seed)

    def __len__(self) -> int:
        return len(self.splits["train"])

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("encoder", self.modules["encoder"].parameters, self._loss),)

    def fetch(self, indices: list[int]) -> Batch:
        return {"image": torch.from_numpy(self.resized[self.splits["train"][indices]])}

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

    def figures(self, predict: Predict) -> dict[str, float]:
        """Contrastive loss and how often the nearest picture is the other view, on validation pictures; and the AUROC of
        20 nearest training neighbours, which alone looks at labels."""
        device = next(self.modules["encoder"].parameters()).device
        losses, result = [], []
        generator = torch.Generator().manual_seed(WATCHED_SEED)
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
            for rows in (self.watched, self.splits["validation"])
        ]
        count = min(NEIGHBOURS, len(self.watched))
        _, nearest = NearestNeighbors(n_neighbors=count).fit(features[0]).kneighbors(features[1])
        area = classification.auroc(self.labels[self.splits["validation"]], self.labels[self.watched][nearest].mean(1))
        return math.nan if area is None else area

    def _features(self, model: nn.Module, indices: np.ndarray, device: torch.device) -> Tensor:
        """(len(indices), F) float32 features of the backbone, on the CPU, pictures unchanged."""
        out = []
        for rows in np.array_split(indices, max(1, math.ceil(len(indices) / EVALUATION_BATCH))):
            images = transforms.normalise(torch.from_numpy(self.resized[rows]).to(device), self.recipe.image)
            out.append(model.backbone(images).float().cpu())
        return torch.cat(out)


def _partners(count: int, device: torch.device) -> Tensor:
    """(2B,) for each view the index of the other view of the same picture."""
    return torch.arange(count, device=device).roll(count // 2)
