"""Pneumonia in a phantom: lobar, patchy or interstitial."""

from __future__ import annotations

import numpy as np

from pneumo.images.phantom.anatomy import Anatomy
from pneumo.images.phantom.fields import REACH, TABLE_STEPS, enlarged, ramp, smooth
from pneumo.images.phantom.film import Consolidation, View

_LESION_CELLS = 96  # a consolidation has no finer detail than 1% of the film


# --- pneumonia -----------------------------------------------------------------------------------------------

_PATTERNS = ("lobar", "patchy", "interstitial")
_PATTERN_SHARES = (0.40, 0.35, 0.25)


def draw_consolidation(rng: np.random.Generator, anatomy: Anatomy, view: View) -> Consolidation:
    """A random lesion: one lobe against its fissure, patches in one or both lungs, or streaks around both hila."""
    pattern = str(rng.choice(_PATTERNS, p=_PATTERN_SHARES))
    x, y = (_cells(v) for v in (view.x, view.y))
    rough = _rough(rng)
    amount = _FIELDS[pattern](rng, anatomy, x, y, rough)
    streaks = pattern == "interstitial"
    texture = _rough(rng, (24, 48)) * (0.07 if streaks else 0.035)
    return Consolidation(
        amount=enlarged(amount.astype(np.float32), view.size_px).clip(0, 1),
        density=rng.uniform(0.11, 0.20) if streaks else rng.uniform(0.15, 0.33),
        texture=enlarged(texture, view.size_px),
        swelling=rng.uniform(1.2, 1.6) if streaks else 1.0,
    )


def _cells(coordinate: np.ndarray) -> np.ndarray:
    """(LESION_CELLS, LESION_CELLS) a coordinate at the cells' centres; it is smooth, so the nearest pixel will do."""
    size = coordinate.shape[0]
    at = ((np.arange(_LESION_CELLS) + 0.5) / _LESION_CELLS * size).astype(int)
    return coordinate[at[:, None], at[None, :]]


def _rough(rng: np.random.Generator, octaves: tuple[int, ...] = (8, 16, 32)) -> np.ndarray:
    """(LESION_CELLS, LESION_CELLS) noise within -1..1."""
    layers = (
        enlarged(rng.standard_normal((cells, cells), np.float32), _LESION_CELLS) * np.float32(0.8 * 0.7**octave)
        for octave, cells in enumerate(octaves)
    )
    return np.clip(sum(layers), -1, 1)


def _focus(rng: np.random.Generator, anatomy: Anatomy, side: int, low: float, high: float) -> tuple[float, float]:
    """A point well inside one lung whose height lies between the shares low and high of the lung's height."""
    for_side = -1 if side == 0 else 1
    top, bottom = anatomy.rib_top + 0.10, float(anatomy.diaphragm[_entry_x(for_side * 0.22)]) - 0.06
    y = top + (bottom - top) * rng.uniform(low, high)
    row = int((y + REACH) * TABLE_STEPS)
    inner, outer = float(anatomy.inner[side, row]), float(anatomy.outer[side, row])
    return for_side * (inner + (outer - inner) * rng.uniform(0.15, 0.8)), y


def _entry_x(x: float) -> int:
    return int((x + 0.5 + REACH) * TABLE_STEPS)


def _blob(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, centre: tuple[float, float], radius: float):
    """A tilted Gaussian hill of height 1, `radius` its standard deviation."""
    angle, stretch = rng.uniform(0, np.pi), np.exp(rng.uniform(-0.3, 0.3))
    right, down = x - centre[0], y - centre[1]
    along = (right * np.cos(angle) + down * np.sin(angle)) / (radius * stretch)
    across = (down * np.cos(angle) - right * np.sin(angle)) / (radius / stretch)
    return np.exp(-0.5 * (along * along + across * across))


def _solid(hill: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Turn a hill into a ragged region with soft edges; at least half filled at the hill's top."""
    return smooth(ramp(hill * (1 + 0.6 * rough) - 0.42, 0.8))


def _lobar(rng: np.random.Generator, anatomy: Anatomy, x: np.ndarray, y: np.ndarray, rough: np.ndarray) -> np.ndarray:
    side = int(rng.integers(2))
    upper = rng.random() < 0.4
    centre = _focus(rng, anatomy, side, *((0.15, 0.45) if upper else (0.55, 0.85)))
    radius = rng.uniform(0.065, 0.11)
    amount = _solid(_blob(rng, x, y, centre, radius), rough)
    fissure = centre[1] + (0.5 if upper else -0.5) * radius + rng.uniform(-0.3, 0.3) * (x - centre[0])
    return amount * ramp(fissure - y if upper else y - fissure, 0.025)


def _patchy(rng: np.random.Generator, anatomy: Anatomy, x: np.ndarray, y: np.ndarray, rough: np.ndarray) -> np.ndarray:
    first = int(rng.integers(2))
    hills = [
        _blob(rng, x, y, _focus(rng, anatomy, (first + patch) % 2, 0.15, 0.9), rng.uniform(0.045, 0.075))
        for patch in range(int(rng.integers(1, 5)))
    ]
    return np.max([_solid(hill, rough) for hill in hills], axis=0)


def _interstitial(
    rng: np.random.Generator, anatomy: Anatomy, x: np.ndarray, y: np.ndarray, rough: np.ndarray
) -> np.ndarray:
    radius = rng.uniform(0.09, 0.13)
    centres = anatomy.hila + np.array([[-0.05, 0.06], [0.08, 0.04]])
    hill = sum(_blob(rng, x, y, (cx, cy), radius) for cx, cy in centres)
    streaks = np.abs(_rough(rng, (14, 28, 40)))  # the folds of |noise| are lines
    return smooth(ramp(hill * (1.15 + 0.35 * rough) - 0.25 - 0.5 * streaks, 0.7))


_FIELDS = {"lobar": _lobar, "patchy": _patchy, "interstitial": _interstitial}
