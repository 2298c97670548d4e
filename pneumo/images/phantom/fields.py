"""Ramps, bells and resampling that the phantom is painted with."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

# Curve tables: x and y reach beyond the film because it may be shifted and rotated.
TABLE = 2048  # finer than a pixel at 1024 px
REACH = 0.4
TABLE_Y = np.linspace(-REACH, 1 + REACH, TABLE, dtype=np.float32)
TABLE_X = np.linspace(-0.5 - REACH, 0.5 + REACH, TABLE, dtype=np.float32)
TABLE_STEPS = (TABLE - 1) / (1 + 2 * REACH)  # entries per image side
TREE_CELLS = 144  # the vessels' canvas: a cell is as wide as a small vessel


# --- small tools ------------------------------------------------------------------------------------------


def ramp(distance: np.ndarray, width: float) -> np.ndarray:
    """0 outside, 1 inside, a straight edge `width` wide around distance 0."""
    ramp = np.asarray(distance * np.float32(1 / width))
    ramp += np.float32(0.5)
    return np.clip(ramp, 0, 1, out=ramp)


def smooth(ramp: np.ndarray) -> np.ndarray:
    """Round off both ends of a 0..1 ramp."""
    slope = np.asarray(3 - 2 * ramp)
    slope *= ramp
    slope *= ramp
    return slope


def bell(distance: np.ndarray) -> np.ndarray:
    """Gaussian bump of height 1."""
    return np.exp(-0.5 * distance * distance)


@lru_cache(maxsize=64)
def _enlarge(cells: int, size_px: int) -> csr_array:
    """(size_px, cells) float32 cubic B-spline weights, four to a row: M @ field @ M.T enlarges a field.

    Sparse, because small dense products wait for idle BLAS threads on a busy machine.
    """
    at = (np.arange(size_px) + 0.5) / size_px * cells - 0.5  # pixel centres, in cells
    away = np.abs(at[:, None] - np.arange(cells)[None, :])
    near, far = 2 / 3 - away**2 + away**3 / 2, (2 - away) ** 3 / 6
    weights = np.where(away < 1, near, np.where(away < 2, far, 0.0))
    return csr_array((weights / weights.sum(1, keepdims=True)).astype(np.float32))


def enlarged(field: np.ndarray, size_px: int) -> np.ndarray:
    """(size_px, size_px) from a square field, smoothly."""
    matrix = _enlarge(field.shape[0], size_px)
    return matrix @ (matrix @ field.T).T  # across, then down


def shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """Average over blocks of factor x factor pixels."""
    if factor == 1:
        return image
    side = image.shape[0] // factor
    return image.astype(np.float32).reshape(side, factor, side, factor).mean(axis=(1, 3))  # (side, f, side, f)
