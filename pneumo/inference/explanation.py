"""Heatmaps: which places of the image spoke for a class, and whether a map can be trusted. Through `grad-cam`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, RandomCAM, XGradCAM
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import BinaryClassifierOutputTarget, ClassifierOutputTarget
from torch import Tensor, nn

from pneumo import models
from pneumo.formatting import nearest
from pneumo.inference.heatmap_report import MEMBERS
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, POSITIVE, PneumoError

NO_EVIDENCE = 0.05  # of the larger class's peak: below it a map is rounding, not a finding


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Where evidence for one class lies.

    values: (S, S) float32 in 0..1, read-only. 1 is the strongest evidence for either class in this image, so the
    maps of the two classes can be compared and a weak one looks weak.
    cells: the map before smoothing, (h, w) float32, on the same scale.
    """

    class_name: str
    values: np.ndarray
    cells: np.ndarray

    @property
    def has_evidence(self) -> bool:
        """False where nothing in the image spoke for this class."""
        return bool(self.values.max() > NO_EVIDENCE)


@dataclass(frozen=True)
class Method:
    """A way to weigh a layer's channels. by_class: False where the class has no say and both get the same map."""

    title: str
    cam: type[BaseCAM]
    meaning: str
    by_class: bool = True


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


METHODS = {
    "gradcam": Method("Grad-CAM", GradCAM, "Channels weighted by their mean gradient (Selvaraju et al. 2017)."),
    "gradcam++": Method(
        "Grad-CAM++",
        GradCAMPlusPlus,
        "Positive gradients only, places with a strong one counting more (Chattopadhay et al. 2018).",
    ),
    "hirescam": Method(
        "HiResCAM",
        HiResCAM,
        "Gradient times activation in every cell, so no gradient is spread to other places (Draelos & Carin 2020).",
    ),
    "layercam": Method(
        "LayerCAM",
        LayerCAM,
        "Positive gradient times activation in every cell; made for early layers too (Jiang et al. 2021).",
    ),
    "xgradcam": Method(
        "XGrad-CAM", XGradCAM, "Channels weighted by their gradient where they are active (Fu et al. 2020)."
    ),
    "eigencam": Method(
        "Eigen-CAM",
        _ThinEigenCAM,
        "The layer's main pattern; no class is asked, so both get the same map (Muhammad & Yeasin 2020).",
        by_class=False,
    ),
    "random": Method(
        "Random-CAM",
        _SeededRandomCAM,
        "The baseline: channels weighted by chance, the same map for both classes. One that does no better explains nothing.",
        by_class=False,
    ),
}  # keys: HEATMAP_METHODS, which the command line can read without loading torch


def layers(run: Run) -> dict[str, tuple[int, int]]:
    """The layers one can look at, from the image to the head: (h, w) cells by the module's name.

    For each resolution the last convolution or batch norm; the model's own choice (`models.cam_layer`) in place of that
    of its resolution. An ensemble has one: the mean of its members' maps.
    """
    if run.members:
        sides = [layers(member)[default_layer(member)] for member in run.members]
        return {MEMBERS: max(sides)}
    chosen = models.cam_layer(run.card.model, run.model)
    seen: dict[str, tuple[int, int]] = {}  # in the order of computation

    def watch(name: str) -> Callable[[nn.Module, tuple, Tensor], None]:
        return lambda module, inputs, output: seen.update({name: tuple(output.shape[-2:])})

    with run.lock, torch.inference_mode():
        hooks = [
            module.register_forward_hook(watch(name))
            for name, module in run.model.named_modules()
            if module is chosen or isinstance(module, nn.Conv2d | nn.BatchNorm2d)
        ]
        try:
            run.model(torch.zeros(1, run.card.image.channels, run.card.image.size, run.card.image.size))
        finally:
            for hook in hooks:
                hook.remove()
    default = default_layer(run)
    last = {cells: name for name, cells in seen.items() if min(cells) > 1} | {seen[default]: default}
    return {name: cells for name, cells in seen.items() if last.get(cells) == name}


def default_layer(run: Run) -> str:
    """The name of the layer the model's own entry points to."""
    if run.members:
        return MEMBERS
    chosen = models.cam_layer(run.card.model, run.model)
    return next(name for name, module in run.model.named_modules() if module is chosen)


def find_layer(run: Run, name: str | None) -> str:
    if name is None:
        return default_layer(run)
    known = layers(run)
    if name not in known:
        raise PneumoError(
            f"run {run.card.name!r} has no layer {name!r} to look at{nearest(name, known)}; it has: {', '.join(known)}"
        )
    return name


def find_method(name: str) -> Method:
    if name not in METHODS:
        raise PneumoError(f"no heatmap method {name!r}{nearest(name, METHODS)}; there are: {', '.join(METHODS)}")
    return METHODS[name]


def heatmaps(
    run: Run,
    tensor: Tensor,
    method: str = "gradcam",
    layer: str | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, Heatmap]:
    """The heatmap of each class, by class name.

    tensor: (C, S, S) float32, preprocessed. method: a key of METHODS. layer: a key of `layers(run)`; the model's own
    choice when left out. generator: draws the weights of `random`; seed 0 when left out. Float32, one image at a
    time, under the run's lock: hooks and gradients live on the shared model, and without the lock sessions would see
    each other's maps. Unknown names raise PneumoError.
    """
    how, layer = find_method(method), find_layer(run, layer)
    if run.members:
        return _mean_of_members(run, tensor, method, generator)
    labels = range(len(CLASS_NAMES)) if how.by_class else [POSITIVE]
    with run.lock:
        raw = [raw_map(run.model, tensor, how, layer, label, generator) for label in labels]
    positive = [np.maximum(each, 0) for each in raw]
    peak = max(float(each.max()) for each in positive)
    scaled = [each / peak if peak > 0 else each for each in positive]
    if not how.by_class:
        scaled = [scaled[0].copy() for _ in CLASS_NAMES]
    return {name: heatmap_of(name, cells, tensor.shape[-2:]) for name, cells in zip(CLASS_NAMES, scaled, strict=True)}


def _mean_of_members(run: Run, tensor: Tensor, method: str, generator: torch.Generator | None) -> dict[str, Heatmap]:
    """Each member's map on its own scale, averaged: what several models agree on stays strong."""
    result = []
    for member in run.members:
        seen = models.member_input(tensor[None], member.card.image)[0]
        result.append(heatmaps(member, seen, method, None, generator))
    size = tuple(tensor.shape[-2:])
    means = {}
    for name in CLASS_NAMES:
        planes = [torch.from_numpy(each[name].values.copy())[None, None] for each in result]
        wide = [F.interpolate(plane, size, mode="bilinear", align_corners=False)[0, 0] for plane in planes]
        means[name] = heatmap_of(name, torch.stack(wide).mean(0).numpy(), size)
    return means


def raw_map(
    model: nn.Module, tensor: Tensor, method: Method, layer: str, label: int, generator: torch.Generator | None = None
) -> np.ndarray:
    """The weighted sum of the layer's channels, (h, w) float32, signed.

    The library's own call would scale every map to 0..1: a full-red peak on nothing.
    """
    module = model.get_submodule(layer)
    # A gradient at the input keeps the path alive in models whose layers are frozen.
    batch = tensor[None].clone().requires_grad_(True)
    target = _Target(label)
    # Cloned, because a ReLU that works in place would change what the hook has kept.
    with torch.enable_grad(), method.cam(model, [module], reshape_transform=torch.clone) as cam:
        cam.generator = generator or torch.Generator().manual_seed(0)
        output = cam.activations_and_grads(batch)
        if method.by_class:
            target(output[0]).backward()
        kept = cam.activations_and_grads
        gradients = kept.gradients[0].numpy() if method.by_class else None
        raw = cam.get_cam_image(batch, module, [target], kept.activations[0].numpy(), gradients, False)[0]
    model.zero_grad(set_to_none=True)
    return np.nan_to_num(raw.astype(np.float32), posinf=0, neginf=0)  # some methods divide by sums that may be zero


class _Target:
    """The logit of a class from either head; the single logit counts against NORMAL."""

    def __init__(self, label: int) -> None:
        self.label = label

    def __call__(self, output: Tensor) -> Tensor:
        kind = BinaryClassifierOutputTarget if output.shape[-1] == 1 else ClassifierOutputTarget
        return kind(self.label)(output)


def heatmap_of(name: str, cells: np.ndarray, size: tuple[int, int]) -> Heatmap:
    values = F.interpolate(torch.from_numpy(cells)[None, None], size, mode="bilinear", align_corners=False)[
        0, 0
    ].numpy()
    values.setflags(write=False)
    cells.setflags(write=False)
    return Heatmap(name, values, cells)
