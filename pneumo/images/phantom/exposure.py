"""From density to grey levels: exposure, noise and the side marker."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pneumo.images.phantom.fields import smooth
from pneumo.images.phantom.film import Acquisition

_MARKER = np.array(
    [[int(c) for c in row] for row in ("11110", "10001", "10001", "11110", "10100", "10010", "10001")], np.float32
)  # the letter R, 7 x 5


# --- exposure ------------------------------------------------------------------------------------------------


_TONES = 2048  # entries of the tone curve: finer than grey levels by far
_DENSEST = 1.5  # denser than any overlap of bones


def expose(density: np.ndarray, acquisition: Acquisition, rng: np.random.Generator) -> np.ndarray:
    """(S, S) uint8 film: tone curve, vignette, grain, side marker."""
    size_px = density.shape[0]
    curve, grain = _tone_curve(acquisition)
    at = np.clip(density * np.float32(_TONES / _DENSEST), 0, _TONES - 1).astype(np.int32)
    film = curve.take(at)
    film *= 1 - np.float32(acquisition.vignette) * _distance_squared(size_px)
    film += rng.standard_normal(film.shape, np.float32) * grain.take(at)
    if acquisition.marker:
        _stamp(film, acquisition.marker)
    return np.clip(film * 255 + np.float32(0.5), 0, 255).astype(np.uint8)


def _tone_curve(acquisition: Acquisition) -> tuple[np.ndarray, np.ndarray]:
    """(TONES,) film grey and (TONES,) standard deviation of its grain, over density; dense parts are grainier."""
    density = np.linspace(0, _DENSEST, _TONES, dtype=np.float32)
    tone = acquisition.contrast * (density - 0.5) + 0.51 + acquisition.brightness
    tone = np.clip(tone * smooth(np.clip(density * 8, 0, 1)), 0, None)  # air stays black
    film = 1.2 * np.tanh(1.15 * tone ** (1.22 * acquisition.gamma))
    grain = np.sqrt((0.15 + np.minimum(film, 1)) / acquisition.photons)  # fewer photons pass where it is dense
    return film.astype(np.float32), grain.astype(np.float32)


@lru_cache(maxsize=8)
def _distance_squared(size_px: int) -> np.ndarray:
    """(S, S) squared distance from the film's centre, 1 at the corners."""
    along = ((np.arange(size_px, dtype=np.float32) + 0.5) / size_px - 0.5) ** 2
    return 2 * (along[:, None] + along[None, :])


def _stamp(film: np.ndarray, marker: tuple[float, float, float]) -> None:
    """Write the side marker R into the film, on the patient's right."""
    size_px = film.shape[0]
    left, top = int(marker[0] * size_px), int(marker[1] * size_px)
    height = max(round(marker[2] * size_px), 5)
    width = max(round(height * 5 / 7), 4)
    rows = (np.arange(height) * 7) // height
    columns = (np.arange(width) * 5) // width
    glyph = _MARKER[rows[:, None], columns[None, :]]
    place = film[top : top + height, left : left + width]
    np.maximum(place, glyph[: place.shape[0], : place.shape[1]] * np.float32(0.93), out=place)
