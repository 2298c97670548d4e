"""Learning to reconstruct the input: autoencoders, plain and variational, denoising where the recipe asks for it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor, nn

from pneumo.images import transforms
from pneumo.metrics import fidelity
from pneumo.training.tasks import Batch, ImageTask, Phase, Predict, in_batches


class ReconstructionTask(ImageTask):
    """Images in [0, 1] through a code and back. Labels are not used."""

    averaged = "autoencoder"

    def build(self, model: nn.Module, seed: int, start: dict[str, Tensor] | None) -> dict[str, nn.Module]:
        if hasattr(model, "start_from_components"):
            model.start_from_components(*self._components(model))
        return {"autoencoder": model}

    def _components(self, model: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
        """Mean (D,), principal components (K, D) and deviations along them (K,) of the training images."""
        cpu = torch.device("cpu")
        small = np.concatenate(
            [model.small(self.normalised(rows, cpu)).numpy() for rows in in_batches(self.splits["train"])]
        )
        count = min(model.code_size, *small.shape)
        result = PCA(count, svd_solver="randomized", random_state=self.recipe.seed).fit(small)
        arrays = (result.mean_, result.components_, np.sqrt(result.explained_variance_))
        return tuple(torch.from_numpy(array.astype(np.float32)) for array in arrays)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("autoencoder", self.modules["autoencoder"].parameters, self._loss),)

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

    def metrics(self, predict: Predict) -> dict[str, float]:
        """Mean squared error and PSNR (dB, mean over images) on validation and on as many fixed training images."""
        row: dict[str, float] = {}
        for split, indices in self.measured.items():
            errors = []
            for rows in in_batches(indices):
                images = self.normalised(rows)
                result = predict(lambda model, images=images: model(images)).float()
                errors.append((result - images).square().mean((1, 2, 3)).cpu())
            each = torch.cat(errors).double()
            row |= {
                f"{split}_loss": each.mean().item(),
                f"{split}_psnr": float(fidelity.psnr(each.numpy()).mean()),
            }
        return row
