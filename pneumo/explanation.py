"""Grad-CAM: which places of the picture spoke for a class (Selvaraju et al. 2017), through `grad-cam`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import BinaryClassifierOutputTarget, ClassifierOutputTarget
from torch import Tensor

from pneumo import models
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES

NO_EVIDENCE = 0.05  # of the larger class's peak: below it a map is rounding, not a finding


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Where evidence for one class lies.

    values: (S, S) float32 in 0..1, read-only. 1 is the strongest evidence for either class in this picture, so the
    maps of the two classes can be compared and a weak one looks weak.
    cells: the map before smoothing, (h, w) float32, on the same scale.
    """

    class_name: str
    values: np.ndarray
    cells: np.ndarray

    @property
    def has_evidence(self) -> bool:
        """False where nothing in the picture spoke for this class."""
        return bool(self.values.max() > NO_EVIDENCE)


class _SignedGradCAM(GradCAM):
    """Keeps the weighted sum as it is: the library scales every map to 0..1, a full-red peak on nothing."""

    raw: np.ndarray

    def get_cam_image(self, *args: Any, **kwargs: Any) -> np.ndarray:
        self.raw = super().get_cam_image(*args, **kwargs)
        return self.raw


def grad_cam(run: Run, tensor: Tensor) -> dict[str, Heatmap]:
    """The heatmap of each class, by class name.

    tensor: (C, S, S) float32, preprocessed. Float32, one picture at a time, under the run's lock: hooks and gradients
    live on the shared model, and without the lock sessions would see each other's maps.
    """
    with run.lock:
        raw = [_raw_map(run, tensor, label) for label in range(len(CLASS_NAMES))]
    positive = [np.maximum(each, 0) for each in raw]
    peak = max(float(each.max()) for each in positive)
    scaled = [each / peak if peak > 0 else each for each in positive]
    return {name: _heatmap(name, cells, tensor.shape[-2:]) for name, cells in zip(CLASS_NAMES, scaled, strict=True)}


def _raw_map(run: Run, tensor: Tensor, label: int) -> np.ndarray:
    """The gradient-weighted sum of the layer's channels, (h, w) float32, signed."""
    layer = models.cam_layer(run.card.model, run.model)
    # A gradient at the input keeps the path alive in models whose layers are frozen.
    batch = tensor[None].clone().requires_grad_(True)
    with torch.enable_grad(), _SignedGradCAM(model=run.model, target_layers=[layer]) as cam:
        cam(input_tensor=batch, targets=[_Target(label)])
        raw = cam.raw[0].astype(np.float32)
    run.model.zero_grad(set_to_none=True)
    return raw


class _Target:
    """The logit of a class from either head; the single logit counts against NORMAL."""

    def __init__(self, label: int) -> None:
        self.label = label

    def __call__(self, output: Tensor) -> Tensor:
        kind = BinaryClassifierOutputTarget if output.shape[-1] == 1 else ClassifierOutputTarget
        return kind(self.label)(output)


def _heatmap(name: str, cells: np.ndarray, size: tuple[int, int]) -> Heatmap:
    values = F.interpolate(torch.from_numpy(cells)[None, None], size, mode="bilinear", align_corners=False)[
        0, 0
    ].numpy()
    values.setflags(write=False)
    cells.setflags(write=False)
    return Heatmap(name, values, cells)
