"""Corruptions of radiographs in three severities, after Hendrycks and Dietterich 2019."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Corruption:
    """A way to corrupt an image. levels: its strength at severities 1, 2, 3; apply(planes (B, S, S) in 0..1, level, rng)."""

    title: str
    levels: tuple[float, ...]
    apply: Callable[[Tensor, float, np.random.Generator], Tensor]


def _jpeg(planes: Tensor, quality: float, rng: np.random.Generator) -> Tensor:
    out = []
    for plane in (planes * 255).round().to(torch.uint8).numpy():
        buffer = io.BytesIO()
        Image.fromarray(plane).save(buffer, "JPEG", quality=int(quality))
        out.append(np.asarray(Image.open(buffer)))
    return torch.from_numpy(np.stack(out)).float() / 255


def _affine(planes: Tensor, angle_deg: float, scale: float, rng: np.random.Generator) -> Tensor:
    angles = torch.from_numpy(rng.choice([-1, 1], len(planes)) * math.radians(angle_deg)).float()
    cos, sin, zero = angles.cos() * scale, angles.sin() * scale, torch.zeros(len(planes))
    theta = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
    grid = F.affine_grid(theta, [len(planes), 1, *planes.shape[1:]], align_corners=False)
    return F.grid_sample(planes[:, None], grid, padding_mode="zeros", align_corners=False)[:, 0]


def _blur(planes: Tensor, sigma: float, rng: np.random.Generator) -> Tensor:
    sigma = sigma * planes.shape[-1] / 128
    radius = math.ceil(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum())[None, None, None]
    padded = F.pad(planes[:, None], (radius,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel), kernel.transpose(2, 3))[:, 0]


def _noise(planes: Tensor, sigma: float, rng: np.random.Generator) -> Tensor:
    return (planes + sigma * torch.from_numpy(rng.standard_normal(planes.shape, dtype=np.float32))).clamp(0, 1)


def _outside(side: int, share: float) -> Tensor:
    """(S, S) bool: the outer frame, a share of the side wide."""
    at = (torch.arange(side) + 0.5) / side
    edge = (at < share) | (at > 1 - share)
    return edge[:, None] | edge[None, :]


def _border(planes: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    return planes.masked_fill(_outside(planes.shape[-1], share), 0)


def _marker_added(planes: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """A white plate in one of the upper corners, where side markers sit."""
    side, width = planes.shape[-1], max(1, round(share * planes.shape[-1]))
    margin, planes = side // 20, planes.clone()
    for plane, left in zip(planes, rng.random(len(planes)) < 0.5, strict=True):
        x = margin if left else side - margin - width
        plane[margin : margin + width, x : x + width] = 1
    return planes


def _marker_removed(planes: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Nearly white pixels of the outer frame become the frame's median grey."""
    outside = _outside(planes.shape[-1], share)
    median = planes[:, outside].median(1).values[:, None, None]
    return torch.where(outside & (planes > 0.9), median, planes)


CORRUPTIONS: dict[str, Corruption] = {
    "darker": Corruption("Darker (gamma above 1)", (1.3, 1.7, 2.2), lambda x, level, rng: x.pow(level)),
    "brighter": Corruption("Brighter (gamma below 1)", (0.77, 0.59, 0.45), lambda x, level, rng: x.pow(level)),
    "contrast": Corruption("Less contrast", (0.7, 0.5, 0.3), lambda x, level, rng: (x - 0.5) * level + 0.5),
    "blur": Corruption("Blur", (0.7, 1.2, 2.0), _blur),
    "noise": Corruption("Noise", (0.03, 0.06, 0.10), _noise),
    "jpeg": Corruption("JPEG compression", (40, 20, 10), _jpeg),
    "crop": Corruption("Cropped", (0.9, 0.8, 0.7), lambda x, level, rng: _affine(x, 0, level, rng)),
    "rotation": Corruption("Rotated", (5, 10, 20), lambda x, level, rng: _affine(x, level, 1, rng)),
    "marker_added": Corruption("Marker added", (0.06, 0.10, 0.15), _marker_added),
    "marker_removed": Corruption("Marker removed", (0.15, 0.20, 0.25), _marker_removed),
    "border": Corruption("Border masked", (0.05, 0.10, 0.15), _border),
    "inverted": Corruption("Inverted", (0.0,), lambda x, level, rng: 1 - x),
}


def corrupt(resized: np.ndarray, name: str, severity: int, seed: int = 0) -> Tensor:
    """(B, S, S) uint8 to float32 in 0..1 under one corruption, the same for the same seed. Severity 0 leaves them as they are."""
    planes = torch.from_numpy(resized.copy()).float() / 255  # the cache is read-only
    if severity == 0:
        return planes
    corruption = CORRUPTIONS[name]
    return corruption.apply(planes, corruption.levels[severity - 1], np.random.default_rng([seed, severity]))
