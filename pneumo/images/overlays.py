"""Heatmaps and outlines painted over a radiograph, and its grey levels windowed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from plotly.colors import hex_to_rgb, sample_colorscale, unlabel_rgb
from torch.nn import functional

from pneumo.palette import COLOURS, HEAT_SCALE


def overlay(
    pixels: np.ndarray, heat: np.ndarray, opacity: float = 0.6, floor: float = 0.15, smooth: bool = True
) -> np.ndarray:
    """A heatmap over a radiograph; the opacity follows the map, so nothing is painted where nothing was found.

    pixels: (H, W) uint8. heat: (h, w) float32 in 0..1, stretched over the image. floor: what is at or below it stays
    clear. smooth: False gives each cell its hard edges. Returns (H, W, 3) uint8.
    """
    heat = _resize(heat, pixels.shape, "bilinear" if smooth else "nearest-exact")
    alpha = opacity * np.clip((heat - floor) / max(1e-6, 1 - floor), 0, 1)
    colours = heat_colours()[np.round(heat * 255).astype(np.uint8)]
    blended = pixels[..., None] * (1 - alpha[..., None]) + colours * alpha[..., None]
    return np.round(blended).astype(np.uint8)


@lru_cache(maxsize=1)
def heat_colours() -> np.ndarray:
    """(256, 3) float32, the colour of each heat level in 0..255."""
    sampled = sample_colorscale(HEAT_SCALE, np.linspace(0, 1, 256).tolist())
    return np.array([unlabel_rgb(colour) for colour in sampled], dtype=np.float32)


def heat_image(values: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 in the heatmap's colours. values: (H, W), 0 dark to 1 bright; what lies outside is cut off."""
    return heat_colours()[np.round(values.clip(0, 1) * 255).astype(np.uint8)].astype(np.uint8)


def _resize(heat: np.ndarray, shape: tuple[int, int], mode: str) -> np.ndarray:
    """(h, w) float32 to `shape`, pixel centres at (i + 1/2) / n as in the resized image that the model saw."""
    return functional.interpolate(torch.tensor(heat)[None, None], shape, mode=mode)[0, 0].numpy()


def outline(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The border of a mask drawn into an image, for what is known to be true.

    image: (H, W) or (H, W, 3) uint8. mask: (H, W) bool. Returns (H, W, 3) uint8.
    """
    from scipy.ndimage import binary_dilation  # for phantoms alone

    painted = np.stack([image] * 3, axis=-1) if image.ndim == 2 else image.copy()
    width = max(1, min(mask.shape) // 150)  # two pixels where a page shows some 300
    painted[binary_dilation(mask, iterations=width) & ~mask] = hex_to_rgb(COLOURS["truth"])
    return painted


def windowed(pixels: np.ndarray, low: int, high: int, invert: bool = False) -> np.ndarray:
    """The image with grey levels low..high spread over 0..255, inverted on request. (H, W) uint8 in and out."""
    levels = np.clip((np.arange(256) - low) / max(1, high - low), 0, 1) * 255
    table = np.round(255 - levels if invert else levels).astype(np.uint8)
    return table[pixels]
