"""How often a map's peak meets the lesion of a phantom, measured while one waits; a run's heatmap.json holds the larger measurement."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch

from pneumo.images import phantom, transforms
from pneumo.inference import explanation
from pneumo.inference.heatmap_checks import forget, pointing_game
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, POSITIVE

UNTRAINED = "untrained"  # in place of a method: Grad-CAM of the same network with random weights
METHODS = ("gradcam", "hirescam", "layercam", UNTRAINED)
SEED, SIZE_PX = 40, 224


def hit_rates(run: Run, count: int = 40, progress: Callable[[int, int], None] | None = None) -> dict[str, int]:
    """Hits among `count` phantoms with a lesion, by method. run: a single model."""
    with run.lock:
        forgotten = copy.deepcopy(run.model)
    forget(forgotten, torch.Generator().manual_seed(SEED))
    layer, hits = explanation.default_layer(run), dict.fromkeys(METHODS, 0)
    for number in range(count):
        drawn = phantom.draw(number, 0, POSITIVE, size_px=SIZE_PX, seed=SEED)
        tensor = transforms.preprocess(drawn.pixels, run.card.image)[1]
        for method in METHODS:
            if method == UNTRAINED:
                raw = explanation.raw_map(forgotten, tensor, explanation.find_method("gradcam"), layer, POSITIVE)
                found = explanation.heatmap_of(CLASS_NAMES[POSITIVE], raw.clip(min=0), tensor.shape[-2:])
            else:
                found = explanation.heatmaps(run, tensor, method)[CLASS_NAMES[POSITIVE]]
            hits[method] += pointing_game(found, drawn.lesion).hit
        if progress:
            progress(number + 1, count)
    return hits
