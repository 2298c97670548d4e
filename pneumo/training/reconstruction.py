"""Learning to give back what came in: autoencoders, plain and variational, denoising where the recipe asks for it."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor, nn

from pneumo import models
from pneumo.images import transforms
from pneumo.metrics import fidelity
from pneumo.schema import Recipe
from pneumo.training.tasks import EVALUATION_BATCH, Batch, Phase, Predict, Task, subset


class ReconstructionTask(Task):
    """Pictures in [0, 1] through a code and back. squares: (N, S, S) uint8; labels are not used; parts: indices by name."""

    averaged = "autoencoder"

    def __init__(
        self,
        recipe: Recipe,
        resized: np.ndarray,
        labels: np.ndarray,
        splits: dict[str, np.ndarray],
        seed: int,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        self.recipe, self.resized, self.splits = recipe, resized, splits
        model = models.build(recipe.model, recipe.image, **recipe.model_args)
        if hasattr(model, "start_from_components"):
            model.start_from_components(*self._components(model))
        self.modules = {"autoencoder": model}
        self.measured = {
            "train": subset(splits["train"], len(splits["validation"]), seed),
            "validation": splits["validation"],
        }

    def _components(self, model: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
        """Mean (D,), principal components (K, D) and deviations along them (K,) of the training pictures."""
        rows = []
        for indices in np.array_split(self.splits["train"], max(1, len(self.splits["train"]) // EVALUATION_BATCH)):
            images = transforms.normalise(torch.from_numpy(self.resized[indices]), self.recipe.image)
            rows.append(model.small(images).numpy())
        small = np.concatenate(rows)
        count = min(model.code_size, *small.shape)
        result = PCA(count, svd_solver="randomized", random_state=self.recipe.seed).fit(small)
        splits = (result.mean_, result.components_, np.sqrt(result.explained_variance_))
        return tuple(torch.from_numpy(split.astype(np.float32)) for split in splits)

    def __len__(self) -> int:
        return len(self.splits["train"])

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("autoencoder", self.modules["autoencoder"].parameters, self._loss),)

    def fetch(self, indices: list[int]) -> Batch:
        return {"image": torch.from_numpy(self.resized[self.splits["train"][indices]])}

    def prepare(self, batch: Batch, generator: torch.Generator) -> Batch:
        planes = transforms.augment(batch["image"], self.recipe.augment, generator)
        images = transforms.normalise(planes, self.recipe.image)
        noise = torch.zeros((), device=images.device)
        if self.recipe.denoise:
            noise = self.recipe.denoise * torch.randn(images.shape, generator=generator).to(images.device)
        return {"image": images, "noisy": (images + noise).clamp(0, 1)}

    def _loss(self, batch: Batch) -> dict[str, Tensor]:
        model, images = self.modules["autoencoder"], batch["image"]
        result = model(batch["noisy"])
        if not isinstance(result, tuple):
            return {"loss": F.mse_loss(result.float(), images)}
        reconstruction, mean, log_variance = result
        error = F.mse_loss(reconstruction.float(), images)
        mean, log_variance = mean.float(), log_variance.float()
        # Per pixel, as the error is: kl_weight 1 would be the exact bound for a pixel variance of 1/2.
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / images[0].numel()
        return {"loss": error + self.recipe.kl_weight * kl, "error": error.detach(), "kl": kl.detach()}

    def figures(self, predict: Predict) -> dict[str, float]:
        """Mean squared error and PSNR (dB, mean over images) on validation and on as many fixed training images."""
        device = next(self.modules["autoencoder"].parameters()).device
        row: dict[str, float] = {}
        for split, indices in self.measured.items():
            errors = []
            for rows in np.array_split(indices, max(1, math.ceil(len(indices) / EVALUATION_BATCH))):
                images = transforms.normalise(torch.from_numpy(self.resized[rows]).to(device), self.recipe.image)
                result = predict(lambda model, images=images: model(images)).float()
                errors.append((result - images).square().mean((1, 2, 3)).cpu())
            each = torch.cat(errors).double()
            row |= {
                f"{split}_loss": each.mean().item(),
                f"{split}_psnr": float(fidelity.psnr(each.numpy()).mean()),
            }
        return row
