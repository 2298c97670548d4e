"""The methods of `grad-cam` that `explanation` offers, and the gradients they are given. Importing it takes two seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, RandomCAM, XGradCAM
from pytorch_grad_cam.activations_and_gradients import ActivationsAndGradients
from pytorch_grad_cam.utils.model_targets import BinaryClassifierOutputTarget, ClassifierOutputTarget
from torch import Tensor

from pneumo.schema import POSITIVE


class _ThinEigenCAM(EigenCAM):
    """The library's decomposition wants (h w)^2 numbers, 1 GiB at 128 x 128 cells, and leaves the sign to chance."""

    def get_cam_image(self, input_tensor, target_layer, targets, activations, grads, eigen_smooth=False):
        channels = activations[0].reshape(len(activations[0]), -1).T  # (C, h, w) -> (h w, C)
        centred = channels - channels.mean(0)
        projection = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
        # The larger extreme is called positive: Chung & Ying 2025.
        sign = 1 if projection.max() >= -projection.min() else -1
        return sign * projection.reshape(1, *activations.shape[2:])  # (h w,) -> (1, h, w)


class _SeededRandomCAM(RandomCAM):
    """The library draws from numpy's global generator."""

    generator: torch.Generator

    def get_cam_weights(self, input_tensor, target_layer, targets, activations, grads):
        return torch.rand(activations.shape[:2], generator=self.generator).numpy() * 2 - 1


KINDS = {  # keys: schema.HEATMAP_METHODS
    "gradcam": GradCAM,
    "gradcam++": GradCAMPlusPlus,
    "hirescam": HiResCAM,
    "layercam": LayerCAM,
    "xgradcam": XGradCAM,
    "eigencam": _ThinEigenCAM,
    "random": _SeededRandomCAM,
}


def target(output: Tensor, label: int) -> BinaryClassifierOutputTarget | ClassifierOutputTarget:
    """The logit of a class from either head; the single logit counts against NORMAL. output: (1, 1) or (1, 2)."""
    kind = BinaryClassifierOutputTarget if output.shape[-1] == 1 else ClassifierOutputTarget
    return kind(label)


def gradients(kept: ActivationsAndGradients, image: Tensor, output: Tensor, labels: Sequence[int]) -> list[np.ndarray]:
    """For each class its logit's gradient at the looked-at layer, (1, C, h, w) float32.

    image: (1, C, S, S), the input that output came from. The parameters' own gradients are not computed, half of the work of
    a backward pass. Nor is a second pass for a single logit: the other class's gradient is the negative, bit for bit.
    """
    if output.shape[-1] == 1:
        positive = _gradient(kept, image, target(output, POSITIVE)(output[0]))
        return [positive if label == POSITIVE else -positive for label in labels]
    return [_gradient(kept, image, target(output, label)(output[0])) for label in labels]


def _gradient(kept: ActivationsAndGradients, image: Tensor, logit: Tensor) -> np.ndarray:
    kept.gradients = []
    logit.backward(inputs=[image], retain_graph=True)
    return kept.gradients[0].numpy()
