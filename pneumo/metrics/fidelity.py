"""How near an image that was reconstructed is to the original: squared error, PSNR, SSIM.

torch and torchmetrics are imported where SSIM is computed: torchmetrics takes seconds, and most pages reach this module.
"""

from __future__ import annotations

import numpy as np

BATCH = 64
LEAST_ERROR = 1e-12  # an exact copy has 120 dB: infinity has no mean, and JSON has no infinity


def squared_errors(results: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """(N,) float64, mean over the pixels of each image. results, originals: (N, S, S) float in 0..1."""
    return np.square(results.astype(np.float64) - originals).mean((1, 2))


def psnr(errors: np.ndarray) -> np.ndarray:
    """(N,) peak signal-to-noise ratio in dB of mean squared errors (N,) at a peak of 1."""
    return -10 * np.log10(np.maximum(errors, LEAST_ERROR))


def ssim(results: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """(N,) float64 structural similarity, up to 1 (Wang et al. 2004). results, originals: (N, S, S) float in 0..1."""
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    out = [np.empty(0)]
    for start in range(0, len(results), BATCH):
        rows = slice(start, start + BATCH)
        pair = [torch.from_numpy(each[rows].astype(np.float64))[:, None] for each in (results, originals)]
        each = structural_similarity_index_measure(*pair, data_range=1.0, reduction="none")
        out.append(each.reshape(-1).numpy())
    return np.concatenate(out)
