"""Which heatmap a run shows first: the finest one that does at least as well as Grad-CAM in every check.

Grad-CAM at a network's last layer is coarse: 4 x 4 cells for ResNet-18 at 128 px. Earlier layers and finer methods have
more cells, but more cells are not more truth. So every candidate is measured beside Grad-CAM on the same images, and the
result lies beside the run as heatmap.json, so pages need not measure anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pneumo import models, runs
from pneumo.inference import explanation
from pneumo.inference.explanation import Heatmap
from pneumo.inference.heatmap_report import MARGINS, OWN, SMOOTHING, TAUGHT, Row, read
from pneumo.schema import CLASS_NAMES, POSITIVE, PneumoError, RunCard

METHODS = ("gradcam", "hirescam", "layercam")
FINEST = 20  # cells a side: smoothed as below, a map with more cells looks no finer


# --- the maps themselves ------------------------------------------------------------------------------------


def for_run(run: runs.Run) -> tuple[str, str]:
    """Method and layer of a run's default heatmap: as measured, or Grad-CAM as taught where nothing was measured, or where
    that cannot be read, which the model's card says."""
    try:
        result = read(run.folder, run.card)
    except runs.RunError:
        result = None
    fits = result is not None and _has(run, result.method, result.layer)
    return (result.method, result.layer) if fits else (TAUGHT, explanation.default_layer(run))


def _has(run: runs.Run, method: str, layer: str) -> bool:
    """Whether this model has that layer; a file may name one of another model."""
    if run.members:
        return method == OWN or layer == explanation.MEMBERS
    return method != OWN and layer in dict(run.model.named_modules())


def default_maps(run: runs.Run, tensor: Tensor) -> dict[str, Heatmap]:
    """The heatmap of each class that a page shows first. tensor: (C, S, S) float32, preprocessed."""
    method, layer = for_run(run)
    try:
        return maps(run, tensor, method, layer)
    except PneumoError:  # a layer that this model does not have: heatmap.json is as good as damaged
        return maps(run, tensor, TAUGHT, explanation.default_layer(run))


def maps(run: runs.Run, tensor: Tensor, method: str, layer: str) -> dict[str, Heatmap]:
    """The heatmap of each class by one candidate: Grad-CAM as it comes, other methods smoothed, OWN for an ensemble."""
    if method == OWN:
        return _mean_of_members(run, tensor)
    result = explanation.heatmaps(run, tensor, method, layer)
    return result if method == TAUGHT else smooth(result, signed=method == "hirescam")


def smooth(result: dict[str, Heatmap], signed: bool) -> dict[str, Heatmap]:
    """Evidence averaged over the neighbourhood of each cell.

    signed: what speaks against a class is taken off first. For HiResCAM and one logit that is the method's own signed map,
    whose sum over all cells smoothing keeps; LayerCAM has no negative evidence.
    """
    from scipy.ndimage import gaussian_filter  # with the first map, as `explanation` does with its library

    planes = [result[name].cells for name in CLASS_NAMES]
    if signed:
        planes = [planes[0] - planes[1], planes[1] - planes[0]]
    blurred = [gaussian_filter(each, SMOOTHING * each.shape[-1], mode="constant") for each in planes]
    peak = max(1e-12, *(float(each.max()) for each in blurred))
    size = result[CLASS_NAMES[POSITIVE]].values.shape
    return {
        name: _heatmap(name, np.maximum(each, 0) / peak, size) for name, each in zip(CLASS_NAMES, blurred, strict=True)
    }


def _mean_of_members(run: runs.Run, tensor: Tensor) -> dict[str, Heatmap]:
    """Each member's default on its own scale, averaged: what several models agree on stays strongest.

    Scaled again, because fine maps rarely peak in the same cell and their mean would be too faint to see.
    """
    result = [default_maps(each, models.member_input(tensor[None], each.card.image)[0]) for each in run.members]
    size = tuple(tensor.shape[-2:])
    means = {name: np.mean([_resized(each[name].values, size) for each in result], axis=0) for name in CLASS_NAMES}
    peak = max(1e-12, *(float(mean.max()) for mean in means.values()))
    return {name: _heatmap(name, mean / peak, size) for name, mean in means.items()}


def _resized(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    plane = torch.from_numpy(values.copy())[None, None]
    return F.interpolate(plane, size, mode="bilinear", align_corners=False)[0, 0].numpy()


def _heatmap(name: str, cells: np.ndarray, size: tuple[int, ...]) -> Heatmap:
    values = _resized(cells, size)
    values.setflags(write=False)
    cells.setflags(write=False)
    return Heatmap(name, values, cells)


# --- the rule ---------------------------------------------------------------------------------------------------------


def decide(rows: Sequence[Row], checks: Sequence[str], phantoms: int) -> Row:
    """The rule: the finest map that is at least as good as Grad-CAM in every check, else Grad-CAM (first).

    Among equally fine ones, Grad-CAM included, the one with the largest sum of share of lesions met and insertion, less
    deletion. checks: which of them count; phantoms: how many lesions there were.
    """
    good = [rows[0], *(row for row in rows[1:] if not set(row.worse_in) & set(checks))]
    return max(good, key=lambda row: (row.cells, row.hits / max(1, phantoms) + row.insertion - row.deletion))


def checks_for(card: RunCard) -> tuple[str, ...]:
    """The checks that a map of this run has to pass, keys of MARGINS.

    For a run trained on phantoms the true lesion is known in its own kind of image, so deletion and insertion, which stand
    in for it, are only reported: grey and blur look like a phantom's consolidation, and `first_steps` calls a fully grey
    image PNEUMONIA. The members of an ensemble are randomised, not the ensemble.
    """
    left_out = {"deletion", "insertion"} if card.data.source.startswith("phantom") else set()
    left_out |= {"randomisation"} if card.members else set()
    return tuple(name for name in MARGINS if name not in left_out)


def lost(means: dict[str, float], taught: dict[str, float]) -> list[str]:
    """The checks in which a map is worse than Grad-CAM by more than the margin. By check, more is better."""
    return [name for name, value in means.items() if taught[name] - value > MARGINS[name]]
