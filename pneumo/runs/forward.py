"""The one forward pass through a loaded run: in batches, under the run's lock, without gradients.

    logits           (N,) float64, before calibration
    probabilities    (N,) float64, calibrated probability of PNEUMONIA
    features         (N, F) float32, what goes into the last linear layer
    codes            (N, K) float32, what an autoencoder's encoder makes of each image
    reconstructions  (N, S, S) float32 in 0..1

Images come as (N, S, S) uint8, resized to the run's size; as (N, S, S) float32 in 0..1; or as (N, C, S, S) float32 that are
normalised already. The lock is taken for each batch anew, so that a long measurement does not keep visitors waiting.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from pneumo import models
from pneumo.images import transforms
from pneumo.metrics import calibration
from pneumo.runs.store import Run
from pneumo.schema import Progress

BATCH = 64  # the largest model at 224 px needs 1 GB for its activations then
Images = np.ndarray | Tensor
Change = Callable[[np.ndarray, int], Images]  # what becomes of a batch of images, given the position of its first one


def logits(
    run: Run,
    images: Images,
    *,
    rows: np.ndarray | None = None,
    change: Change | None = None,
    bf16: bool = False,
    progress: Progress | None = None,
) -> np.ndarray:
    """(N,) float64 logits of PNEUMONIA.

    rows: which of the images, and in which order; all by default. A memory-mapped array is then read a batch at a time.
    change: applied to each batch before the model sees it, e.g. a corruption. bf16: bfloat16 autocast, for measurements
    in which a third decimal does not matter. progress(done, total) is called after each batch.
    """
    options = {"rows": rows, "change": change, "bf16": bf16, "progress": progress}
    return _concatenated(_passes(run, images, lambda model, planes: models.positive_logit(model(planes)), **options), 0)


def probabilities(run: Run, images: Images, **options: object) -> np.ndarray:
    """(N,) float64 calibrated probabilities of PNEUMONIA. options: as for `logits`."""
    return calibration.calibrated(logits(run, images, **options), run.card.temperature, run.card.bias)


def features(run: Run, images: Images, progress: Progress | None = None) -> np.ndarray:
    """(N, F) float32: what goes into the run's last linear layer, to compare images by."""
    last = [module for module in run.model.modules() if isinstance(module, nn.Linear)][-1]

    def seen(model: nn.Module, planes: Tensor) -> Tensor:
        kept: list[Tensor] = []
        hook = last.register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0]))
        try:
            model(planes)
        finally:
            hook.remove()
        return kept[0]

    return _concatenated(_passes(run, images, seen, progress=progress))


def codes(run: Run, images: Images) -> np.ndarray:
    """(N, K) float32 codes of an autoencoder."""
    return _concatenated(_passes(run, images, lambda model, planes: model.encode(planes).flatten(1)))


def reconstructions(run: Run, images: Images) -> np.ndarray:
    """(N, S, S) float32 in 0..1: what an autoencoder makes of each image; channels are averaged."""
    return _concatenated(_passes(run, images, lambda model, planes: model(planes).mean(1).clamp(0, 1)))


def _passes(
    run: Run,
    images: Images,
    through: Callable[[nn.Module, Tensor], Tensor],
    *,
    rows: np.ndarray | None = None,
    change: Change | None = None,
    bf16: bool = False,
    progress: Progress | None = None,
) -> Iterator[np.ndarray]:
    """One batch after the other. through: (model, (B, C, S, S) float32) -> (B, ...)."""
    total = len(images) if rows is None else len(rows)
    for start in range(0, total, BATCH):
        chosen = slice(start, start + BATCH)
        batch = images[chosen] if rows is None else images[rows[chosen]]
        planes = _normalised(run, change(batch, start) if change else batch)
        with run.lock, torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            outputs = through(run.model, planes).float().numpy()
        yield outputs
        if progress:
            progress(min(start + BATCH, total), total)


def _normalised(run: Run, batch: Images) -> Tensor:
    """(B, C, S, S) float32."""
    if isinstance(batch, np.ndarray):
        batch = torch.from_numpy(
            np.array(batch)
        )  # a copy: caches are read-only, and mirrored views have negative steps
    return batch if batch.ndim == 4 else transforms.normalise(batch, run.card.image)


def _concatenated(batches: Iterator[np.ndarray], *empty: int) -> np.ndarray:
    """float64 where `empty`, the shape of no result, is given; a measurement on no image at all is up to the caller."""
    parts = list(batches)
    if empty:
        return np.concatenate([np.empty(empty), *parts])
    return np.concatenate(parts)


def share_cores() -> None:
    """For a server: one pass takes half of the cores, so that two visitors do not fight for all of them.

    With both of two cores busy, a pass on two threads took three to twenty times as long as one on a single thread.
    """
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
