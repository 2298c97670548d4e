"""Can a heatmap be trusted? Randomisation, deletion and insertion, and the pointing game."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.stats import spearmanr
from torch import Tensor, nn

from pneumo.inference.explanation import Heatmap, find_layer, find_method, heatmap_of, raw_map
from pneumo.runs import Run, forward
from pneumo.schema import CLASS_NAMES, POSITIVE, PneumoError

MAX_STAGES = 12  # of the randomisation check: a deep model's layers are randomised in this many groups
TOLERANCE = 15 / 224  # of the side: the pointing game's 15 pixels, Zhang et al. 2016
BLUR_SIGMA = 1 / 10  # of the side: the 5 pixels of Petsiuk et al. at 224 would leave a consolidation visible
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


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

    tensor: (C, S, S) float32. A map that stays as it was shows the image, not the model. Layers that compute the map
    from below matter only once the cascade reaches them: for Eigen-CAM and `random` all above the looked-at layer do not.
    """
    if run.members:
        raise PneumoError(
            f"{run.card.name} is an ensemble: check the maps of its members, {', '.join(run.card.members)}"
        )
    how, layer, label = find_method(method), find_layer(run, layer), CLASS_NAMES.index(class_name)
    with run.lock:
        model = copy.deepcopy(run.model)
    trained = raw_map(model, tensor, how, layer, label)
    steps = _cascade(model)
    result = []
    groups = np.array_split(np.arange(len(steps)), min(MAX_STAGES, len(steps)))
    for done, group in enumerate(groups, 1):
        for index in group:
            for module in steps[index][1]:
                _reinitialise(module, generator)
        raw = raw_map(model, tensor, how, layer, label)
        cells = np.maximum(raw, 0) / max(float(np.abs(raw).max()), 1e-12)
        result.append(
            Stage(
                steps[group[-1]][0], _rank_correlation(trained, raw), heatmap_of(class_name, cells, tensor.shape[-2:])
            )
        )
        if progress:
            progress(done, len(groups))
    return result


def forget(model: nn.Module, generator: torch.Generator) -> None:
    """Replaces all that a model learned by random weights, in place."""
    for _, modules in _cascade(model):
        for module in modules:
            _reinitialise(module, generator)


def _cascade(model: nn.Module) -> list[tuple[str, list[nn.Module]]]:
    """Every layer with a weight matrix from the head down, by name, with the normalisation that follows it."""
    result, pending = [], []
    for name, module in reversed(list(model.named_modules())):
        if not hasattr(module, "reset_parameters"):
            continue
        pending.append(module)
        if _has_matrix(module):
            result.append((name, pending))
            pending = []
    return result


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
    """Probability of the class while the image changes in the map's order; all (N,) float64.

    fractions: share of pixels changed, 0..1. deletion: marked pixels turned grey first; a map that marks what matters
    gives a small area. insertion: marked pixels put back into a blurred image first; there a large one.
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

    tensor: (C, S, S) float32. Deletion replaces pixels by the image's mean grey; insertion starts from a blurred
    image.
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
    positive = forward.probabilities(run, batch)
    return positive if class_name == CLASS_NAMES[POSITIVE] else 1 - positive


# --- does the map lie where the lesion is? ------------------------------------------------------------------


@dataclass(frozen=True)
class Pointing:
    """A heatmap against a true mask.

    hit: the peak lies in the mask or within TOLERANCE of it. energy: share of the map inside the mask, 0..1; None for
    an empty map. area: share of the image inside the mask, which is the energy of a map that is the same everywhere.
    """

    hit: bool
    energy: float | None
    area: float


def pointing_game(heatmap: Heatmap, mask: np.ndarray) -> Pointing:
    """The pointing game (Zhang et al. 2016) and the energy-based one (Wang et al. 2020, "Score-CAM").

    mask: (H, W) bool of any size, stretched over the image like the map. PneumoError for an empty one.
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
