"""Heatmaps: which places of the picture spoke for a class, and whether a map can be trusted. Through `grad-cam`."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, RandomCAM, XGradCAM
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import BinaryClassifierOutputTarget, ClassifierOutputTarget
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.stats import spearmanr
from torch import Tensor, nn

from pneumo import evaluation, models
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, POSITIVE, PneumoError, nearest

NO_EVIDENCE = 0.05  # of the larger class's peak: below it a map is rounding, not a finding
MEMBERS = "mean of the members"  # the one layer of an ensemble: each member's own choice
MAX_STAGES = 12  # of the randomisation check: a deep model's layers are randomised in this many groups
TOLERANCE = 15 / 224  # of the side: the pointing game's 15 pixels, Zhang et al. 2016
BLUR_SIGMA = 1 / 10  # of the side: the 5 pixels of Petsiuk et al. at 224 would leave a consolidation visible
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


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
    """The layers one can look at, from the picture to the head: (h, w) cells by the module's name.

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


def _find_layer(run: Run, name: str | None) -> str:
    if name is None:
        return default_layer(run)
    known = layers(run)
    if name not in known:
        raise PneumoError(
            f"run {run.card.name!r} has no layer {name!r} to look at{nearest(name, known)}; it has: {', '.join(known)}"
        )
    return name


def _find_method(name: str) -> Method:
    if name not in METHODS:
        raise PneumoError(f"no heatmap method {name!r}{nearest(name, METHODS)}; there are: {', '.join(METHODS)}")
    return METHODS[name]


def grad_cam(run: Run, tensor: Tensor) -> dict[str, Heatmap]:
    """Grad-CAM at the model's own layer: `heatmaps` with nothing chosen."""
    return heatmaps(run, tensor)


def heatmaps(
    run: Run,
    tensor: Tensor,
    method: str = "gradcam",
    layer: str | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, Heatmap]:
    """The heatmap of each class, by class name.

    tensor: (C, S, S) float32, preprocessed. method: a key of METHODS. layer: a key of `layers(run)`; the model's own
    choice when left out. generator: draws the weights of `random`; seed 0 when left out. Float32, one picture at a
    time, under the run's lock: hooks and gradients live on the shared model, and without the lock sessions would see
    each other's maps. Unknown names raise PneumoError.
    """
    how, layer = _find_method(method), _find_layer(run, layer)
    if run.members:
        return _mean_of_members(run, tensor, method, generator)
    labels = range(len(CLASS_NAMES)) if how.by_class else [POSITIVE]
    with run.lock:
        raw = [_raw_map(run.model, tensor, how, layer, label, generator) for label in labels]
    positive = [np.maximum(each, 0) for each in raw]
    peak = max(float(each.max()) for each in positive)
    scaled = [each / peak if peak > 0 else each for each in positive]
    if not how.by_class:
        scaled = [scaled[0].copy() for _ in CLASS_NAMES]
    return {name: _heatmap(name, cells, tensor.shape[-2:]) for name, cells in zip(CLASS_NAMES, scaled, strict=True)}


def _mean_of_members(run: Run, tensor: Tensor, method: str, generator: torch.Generator | None) -> dict[str, Heatmap]:
    """Each member's map on its own scale, averaged: what several models agree on stays strong."""
    found = []
    for member in run.members:
        seen = models.member_input(tensor[None], member.card.image)[0]
        found.append(heatmaps(member, seen, method, None, generator))
    size = tuple(tensor.shape[-2:])
    means = {}
    for name in CLASS_NAMES:
        planes = [torch.from_numpy(each[name].values.copy())[None, None] for each in found]
        wide = [F.interpolate(plane, size, mode="bilinear", align_corners=False)[0, 0] for plane in planes]
        means[name] = _heatmap(name, torch.stack(wide).mean(0).numpy(), size)
    return means


def _raw_map(
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


def _heatmap(name: str, cells: np.ndarray, size: tuple[int, int]) -> Heatmap:
    values = F.interpolate(torch.from_numpy(cells)[None, None], size, mode="bilinear", align_corners=False)[
        0, 0
    ].numpy()
    values.setflags(write=False)
    cells.setflags(write=False)
    return Heatmap(name, values, cells)


# --- does the map depend on what was learned? ---------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of the randomisation check.

    layer: the lowest layer that is random by now. similarity: Spearman's rank correlation of the signed map with that
    of the trained model, -1..1; NaN where a map is the same everywhere. heatmap: on its own scale.
    """

    layer: str
    similarity: float
    heatmap: Heatmap


def randomisation_check(
    run: Run,
    tensor: Tensor,
    generator: torch.Generator,
    method: str = "gradcam",
    layer: str | None = None,
    class_name: str = CLASS_NAMES[POSITIVE],
    progress: Callable[[int, int], None] | None = None,
) -> list[Stage]:
    """Cascading randomisation (Adebayo et al. 2018): layers lose what they learned from the head down, on a copy.

    tensor: (C, S, S) float32. A map that stays as it was shows the picture, not the model. Layers that compute the map
    from below matter only once the cascade reaches them: for Eigen-CAM and `random` all above the looked-at layer do not.
    """
    if run.members:
        raise PneumoError(
            f"{run.card.name} is an ensemble: check the maps of its members, {', '.join(run.card.members)}"
        )
    how, layer, label = _find_method(method), _find_layer(run, layer), CLASS_NAMES.index(class_name)
    with run.lock:
        model = copy.deepcopy(run.model)
    trained = _raw_map(model, tensor, how, layer, label)
    steps = _cascade(model)
    found = []
    groups = np.array_split(np.arange(len(steps)), min(MAX_STAGES, len(steps)))
    for done, group in enumerate(groups, 1):
        for index in group:
            for module in steps[index][1]:
                _reinitialise(module, generator)
        raw = _raw_map(model, tensor, how, layer, label)
        cells = np.maximum(raw, 0) / max(float(np.abs(raw).max()), 1e-12)
        found.append(
            Stage(steps[group[-1]][0], _rank_correlation(trained, raw), _heatmap(class_name, cells, tensor.shape[-2:]))
        )
        if progress:
            progress(done, len(groups))
    return found


def _cascade(model: nn.Module) -> list[tuple[str, list[nn.Module]]]:
    """Every layer with a weight matrix from the head down, by name, with the normalisation that follows it."""
    found, pending = [], []
    for name, module in reversed(list(model.named_modules())):
        if not hasattr(module, "reset_parameters"):
            continue
        pending.append(module)
        if _has_matrix(module):
            found.append((name, pending))
            pending = []
    return found


def _has_matrix(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return weight is not None and weight.ndim > 1


def _reinitialise(module: nn.Module, generator: torch.Generator) -> None:
    """Fresh numbers by torch's own rules; its reset_parameters would draw from the global generator."""
    if not _has_matrix(module):
        module.reset_parameters()  # normalisation: ones and zeros, nothing is drawn
        return
    nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
    if module.bias is not None:
        bound = 1 / math.sqrt(module.weight[0].numel())
        nn.init.uniform_(module.bias, -bound, bound, generator=generator)


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other, axis=None).statistic)


# --- does the model's answer depend on what the map marks? ------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Curves:
    """Probability of the class while the picture changes in the map's order; all (N,) float64.

    fractions: share of pixels changed, 0..1. deletion: marked pixels turned grey first; a map that marks what matters
    gives a small area. insertion: marked pixels put back into a blurred picture first; there a large one.
    """

    fractions: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def deletion_area(self) -> float:
        """Area under the deletion curve, 0..1; smaller is better."""
        return float(np.trapezoid(self.deletion, self.fractions))

    @property
    def insertion_area(self) -> float:
        """Area under the insertion curve, 0..1; larger is better."""
        return float(np.trapezoid(self.insertion, self.fractions))


def deletion_insertion(run: Run, tensor: Tensor, heatmap: Heatmap, steps: int = 20) -> Curves:
    """Deletion and insertion (Petsiuk et al. 2018, "RISE") for the heatmap's class, calibrated probabilities.

    tensor: (C, S, S) float32. Deletion replaces pixels by the picture's mean grey; insertion starts from a blurred
    picture.
    """
    rank = _ranks(heatmap.values)
    fractions = np.linspace(0, 1, steps + 1)
    changed = torch.from_numpy(rank[None] < fractions[:, None, None])[:, None]  # (N, 1, S, S)
    blurred = torch.from_numpy(gaussian_filter(tensor.numpy(), BLUR_SIGMA * tensor.shape[-1], axes=(1, 2)))
    return Curves(
        fractions,
        deletion=_probabilities(run, torch.where(changed, tensor.mean(), tensor), heatmap.class_name),
        insertion=_probabilities(run, torch.where(changed, tensor, blurred), heatmap.class_name),
    )


def _ranks(values: np.ndarray) -> np.ndarray:
    """(S, S) float64 in 0..1: 0 for the strongest place. Equals are scattered: row by row, the top would go first."""
    scatter = np.arange(values.size) * GOLDEN_RATIO % 1
    order = np.lexsort((scatter, -values.ravel()))
    rank = np.empty(values.size)
    rank[order] = np.arange(values.size) / values.size
    return rank.reshape(values.shape)


def _probabilities(run: Run, batch: Tensor, class_name: str) -> np.ndarray:
    with run.lock, torch.inference_mode():
        logits = models.positive_logit(run.model(batch)).numpy()
    positive = evaluation.calibrated(logits, run.card.temperature, run.card.bias)
    return positive if class_name == CLASS_NAMES[POSITIVE] else 1 - positive


# --- does the map lie where the lesion is? ------------------------------------------------------------------


@dataclass(frozen=True)
class Pointing:
    """A heatmap against a true mask.

    hit: the peak lies in the mask or within TOLERANCE of it. energy: share of the map inside the mask, 0..1; None for
    an empty map. area: share of the picture inside the mask, which is the energy of a map that is the same everywhere.
    """

    hit: bool
    energy: float | None
    area: float


def pointing_game(heatmap: Heatmap, mask: np.ndarray) -> Pointing:
    """The pointing game (Zhang et al. 2016) and the energy-based one (Wang et al. 2020, "Score-CAM").

    mask: (H, W) bool of any size, stretched over the picture like the map. PneumoError for an empty one.
    """
    if not mask.any():
        raise PneumoError("the mask is empty; the pointing game needs a lesion to point at")
    values = heatmap.values
    share = F.adaptive_avg_pool2d(torch.from_numpy(mask.astype(np.float32))[None], values.shape)[0].numpy()
    row, column = np.unravel_index(values.argmax(), values.shape)
    away = distance_transform_edt(share < 0.5) if (share >= 0.5).any() else distance_transform_edt(share == 0)
    total = float(values.sum())
    return Pointing(
        hit=bool(total > 0 and away[row, column] <= TOLERANCE * values.shape[0]),
        energy=float((values * share).sum()) / total if total > 0 else None,
        area=float(mask.mean()),
    )
