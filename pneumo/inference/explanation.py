"""Heatmaps: which places of the image spoke for a class, and whether a map can be trusted. Through `grad-cam`,
which `cams` imports when the first map is asked for: a result needs none, and it takes two seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
import torch.nn.functional as F
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

    name: str
    title: str
    meaning: str
    by_class: bool = True


METHODS = {
    "gradcam": Method("gradcam", "Grad-CAM", "Channels weighted by their mean gradient (Selvaraju et al. 2017)."),
    "gradcam++": Method(
        "gradcam++",
        "Grad-CAM++",
        "Positive gradients only, places with a strong one counting more (Chattopadhay et al. 2018).",
    ),
    "hirescam": Method(
        "hirescam",
        "HiResCAM",
        "Gradient times activation in every cell, so no gradient is spread to other places (Draelos & Carin 2020).",
    ),
    "layercam": Method(
        "layercam",
        "LayerCAM",
        "Positive gradient times activation in every cell; made for early layers too (Jiang et al. 2021).",
    ),
    "xgradcam": Method(
        "xgradcam", "XGrad-CAM", "Channels weighted by their gradient where they are active (Fu et al. 2020)."
    ),
    "eigencam": Method(
        "eigencam",
        "Eigen-CAM",
        "The layer's main pattern; no class is asked, so both get the same map (Muhammad & Yeasin 2020).",
        by_class=False,
    ),
    "random": Method(
        "random",
        "Random-CAM",
        "The baseline: channels weighted by chance, the same map for both classes. One that does no better explains nothing.",
        by_class=False,
    ),
}  # keys: HEATMAP_METHODS, which the command line can read without loading torch


def layers(run: Run) -> dict[str, tuple[int, int]]:
    """The layers one can look at, from the image to the head: (h, w) cells by the module's name.

    For each resolution the last convolution or batch norm; the model's own choice (`models.cam_layer`) in place of that
    of its resolution. An ensemble has one: the mean of its members' maps.
    """
    if run not in _layers:
        _layers[run] = _find_layers(run)
    return dict(_layers[run])


# A pass through the model finds them, and every heatmap asks for them.
_layers: WeakKeyDictionary[Run, dict[str, tuple[int, int]]] = WeakKeyDictionary()


def _find_layers(run: Run) -> dict[str, tuple[int, int]]:
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
        raw = raw_maps(run.model, tensor, how, layer, labels, generator)
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
    """The map of one class, as from `raw_maps`."""
    return raw_maps(model, tensor, method, layer, [label], generator)[0]


def raw_maps(
    model: nn.Module,
    tensor: Tensor,
    method: Method,
    layer: str,
    labels: Sequence[int],
    generator: torch.Generator | None = None,
) -> list[np.ndarray]:
    """The weighted sum of the layer's channels for each class of `labels`, (h, w) float32, signed; of one forward pass.

    The library's own call would scale every map to 0..1: a full-red peak on nothing.
    """
    from pneumo.inference import cams

    module = model.get_submodule(layer)
    # A gradient at the input keeps the path alive in models whose layers are frozen.
    batch = tensor[None].clone().requires_grad_(True)
    # Cloned, because a ReLU that works in place would change what the hook has kept.
    with torch.enable_grad(), cams.KINDS[method.name](model, [module], reshape_transform=torch.clone) as cam:
        cam.generator = generator or torch.Generator().manual_seed(0)
        output = cam.activations_and_grads(batch)
        activations = cam.activations_and_grads.activations[0].numpy()
        found = [None] * len(labels)
        if method.by_class:
            found = cams.gradients(cam.activations_and_grads, batch, output, labels)
        raw = [
            cam.get_cam_image(batch, module, [cams.target(output, label)], activations, gradients, False)[0]
            for label, gradients in zip(labels, found, strict=True)
        ]
    # some methods divide by sums that may be zero
    return [np.nan_to_num(each.astype(np.float32), posinf=0, neginf=0) for each in raw]


def heatmap_of(name: str, cells: np.ndarray, size: tuple[int, int]) -> Heatmap:
    values = F.interpolate(torch.from_numpy(cells)[None, None], size, mode="bilinear", align_corners=False)[
        0, 0
    ].numpy()
    values.setflags(write=False)
    cells.setflags(write=False)
    return Heatmap(name, values, cells)
