"""Grad-CAM taken apart: what a layer says, what moves the logit, and what becomes of it; occlusion beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pneumo import models
from pneumo.images import transforms
from pneumo.runs import Run, forward
from pneumo.schema import PneumoError

TOY_MAPS = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 2]]], dtype=np.float32)
TOY_GRADIENTS = np.array([[[0.5] * 2] * 2, [[-0.25] * 2] * 2], dtype=np.float32)
PLACES = 15  # of the grey square along each side: 225 passes, a second or two
SQUARE = 0.2  # of the side


@dataclass(frozen=True, eq=False)
class Trace:
    """One pass forward and one back.

    seen: (S, S) uint8, the image as the model gets it. activations, gradients: (C, h, w) float32 at `layer`; the gradients are
    those of the logit of PNEUMONIA, and those of NORMAL are their negatives. logit: before calibration.
    """

    layer: str
    seen: np.ndarray
    activations: np.ndarray
    gradients: np.ndarray
    logit: float


@dataclass(frozen=True, eq=False)
class Occlusion:
    """What a grey square does wherever it lies.

    probabilities: (P, P) float64, of PNEUMONIA with the square's middle at (row + 1/2) / P, (column + 1/2) / P of the side;
    clean: without it; side: of the square, as a share of the image's.
    """

    probabilities: np.ndarray
    clean: float
    side: float


def trace(run: Run, pixels: np.ndarray) -> Trace:
    """The activations of the layer that Grad-CAM looks at, and the gradients of the logit there. pixels: (H, W) uint8.

    PneumoError for an ensemble, which has no layer of its own.
    """
    if run.members:
        raise PneumoError(f"{run.card.name} is an ensemble and has no layer of its own; choose one of its members")
    seen = transforms.resize(pixels, run.card.image)
    batch = transforms.normalise(torch.from_numpy(seen.copy())[None], run.card.image)
    with run.lock:
        module = models.cam_layer(run.card.model, run.model)
        activations, gradients, logit = _pass(run.model, module, batch)
    name = next(name for name, each in run.model.named_modules() if each is module)
    return Trace(name, seen, activations, gradients, logit)


def _pass(network: nn.Module, module: nn.Module, batch: Tensor) -> tuple[np.ndarray, np.ndarray, float]:
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        # Kept as a copy: a ReLU that works in place would change it afterwards.
        kept.append(output.clone())
        kept[0].retain_grad()
        return kept[0].clone()

    hook = module.register_forward_hook(keep)
    try:
        # A gradient at the input keeps the path alive in models whose layers are frozen.
        with torch.enable_grad():
            logit = models.positive_logit(network(batch.clone().requires_grad_(True)))
            (gradient,) = torch.autograd.grad(logit.sum(), kept[0])
    finally:
        hook.remove()
    return kept[0][0].detach().float().numpy(), gradient[0].float().numpy(), float(logit.detach().sum())


def signed_map(activations: np.ndarray, gradients: np.ndarray, method: str) -> np.ndarray:
    """The sum before ReLU, (h, w) float32. method: "gradcam", "hirescam" or "layercam"."""
    if method == "gradcam":
        return np.einsum("c,chw->hw", gradients.mean((1, 2)), activations)
    kept = np.maximum(gradients, 0) if method == "layercam" else gradients
    return (kept * activations).sum(0)


def seen(run: Run, pixels: np.ndarray) -> np.ndarray:
    """(S, S) uint8: a radiograph (H, W) uint8 as the run gets it."""
    found = transforms.resize(pixels, run.card.image)
    return found.reshape(-1, *found.shape[-2:])[0]


def gradcam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Grad-CAM (Selvaraju et al. 2017): channels weighted by their mean gradient, added, negatives cut off. (h, w) float32."""
    return np.maximum(signed_map(activations, gradients, "gradcam"), 0)


def occlusion(run: Run, pixels: np.ndarray, progress: Callable[[int, int], None] | None = None) -> Occlusion:
    """The probability of PNEUMONIA with a grey square at PLACES x PLACES places. pixels: (H, W) uint8; grey: the image's mean."""
    seen = transforms.resize(pixels, run.card.image)
    size = seen.shape[-1]
    side = max(2, round(SQUARE * size))
    images = np.repeat(seen[None], PLACES**2 + 1, axis=0)
    grey = round(float(seen.mean()))
    for number in range(PLACES**2):
        row, column = divmod(number, PLACES)
        top, left = (round((place + 0.5) / PLACES * size - side / 2) for place in (row, column))
        images[number, max(top, 0) : top + side, max(left, 0) : left + side] = grey
    found = forward.probabilities(run, images, progress=progress)
    return Occlusion(found[:-1].reshape(PLACES, PLACES), float(found[-1]), side / size)


def facts() -> dict[str, str]:
    """The numbers of the lesson's text that belong to no run."""
    toy = gradcam(TOY_MAPS, TOY_GRADIENTS)
    return {"toy": " / ".join(" ".join(f"{value:g}" for value in row) for row in toy)}
