"""A radiograph through an autoencoder: code, reconstruction, error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from pneumo.generators.sampling import check_task, finite
from pneumo.images import transforms
from pneumo.metrics import fidelity
from pneumo.runs import Run, forward


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What an autoencoder made of a radiograph.

    original, result: (S, S) uint8. error: (S, S) float32, absolute, 0..1. psnr in dB, ssim up to 1 (Wang et al. 2004).
    """

    original: np.ndarray
    result: np.ndarray
    error: np.ndarray
    psnr: float
    ssim: float


def reconstruct(run: Run, pixels: np.ndarray) -> Reconstruction:
    """A radiograph through an autoencoder. pixels: (H, W) uint8."""
    check_task(run, "reconstruction")
    resized_image = transforms.resize(pixels, run.card.image)
    return compare(resized_image, reconstructed(run, resized_image))


def reconstructed(run: Run, seen: np.ndarray) -> np.ndarray:
    """(S, S) float32 in 0..1. seen: (S, S) uint8 or float32 in 0..1. PneumoError where the result is not finite."""
    [result] = finite(run, torch.from_numpy(forward.reconstructions(run, seen[None]))).numpy()
    return result


def compare(resized_image: np.ndarray, result: np.ndarray) -> Reconstruction:
    """resized_image: (S, S) uint8; result: (S, S) float32 in 0..1."""
    original = resized_image.astype(np.float32) / 255
    [psnr] = fidelity.psnr(fidelity.squared_errors(result[None], original[None]))
    [ssim] = fidelity.ssim(result[None], original[None])
    result_uint8 = (result * 255).round().astype(np.uint8)
    return Reconstruction(resized_image, result_uint8, np.abs(result - original), float(psnr), float(ssim))


def resized_image(run: Run, pixels: np.ndarray) -> np.ndarray:
    """(S, S) uint8: an image (H, W) uint8 as the run sees it."""
    return transforms.resize(pixels, run.card.image)


def changed(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """An image (H, W) uint8 in ways in which no radiograph should come, by what was done to it."""
    return {
        "inverted": 255 - pixels,
        "rotated by 90 degrees": np.rot90(pixels),
        "upside down": pixels[::-1],
        "halves exchanged": np.roll(pixels, pixels.shape[1] // 2, axis=1),
    }


def code_size(run: Run) -> int:
    """How many numbers an autoencoder's code has."""
    check_task(run, "reconstruction")
    return run.model.code_size


def codes(run: Run, resized: np.ndarray) -> np.ndarray:
    """(N, code) float32. resized: (N, S, S) uint8 of the run's size."""
    check_task(run, "reconstruction")
    return finite(run, torch.from_numpy(forward.codes(run, resized))).numpy()


def decode(run: Run, result: np.ndarray) -> np.ndarray:
    """(N, S, S) uint8 from codes (N, code) float32; for networks whose code is a row of numbers."""
    check_task(run, "reconstruction")
    with run.lock, torch.inference_mode():
        images = finite(run, run.model.decode(torch.from_numpy(np.ascontiguousarray(result, dtype=np.float32))))
    return (images.mean(1).clamp(0, 1) * 255).round().byte().numpy()
