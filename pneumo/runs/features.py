"""What a classifier has computed just before it answers: one row of numbers a picture, to compare pictures by."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pneumo.images import transforms
from pneumo.runs.store import Run

BATCH = 128


def of_resized(run: Run, resized: np.ndarray) -> np.ndarray:
    """(B, F) float32: what goes into the run's last linear layer. squares: (B, S, S) uint8 of the run's size."""
    last = [module for module in run.model.modules() if isinstance(module, nn.Linear)][-1]
    seen: list[np.ndarray] = []
    with run.lock, torch.inference_mode():
        hook = last.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].numpy().copy()))
        try:
            for start in range(0, len(resized), BATCH):
                planes = torch.from_numpy(resized[start : start + BATCH].copy())
                run.model(transforms.normalise(planes, run.card.image))
        finally:
            hook.remove()
    return np.concatenate(seen)


def of_images(run: Run, images: np.ndarray) -> np.ndarray:
    """(N, F) float32. pictures: (N, H, W) uint8 of any size, resized as the run resizes radiographs."""
    return of_resized(run, np.stack([transforms.resize(each, run.card.image) for each in images]))
