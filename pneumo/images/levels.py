"""From values of any type to 256 grey levels: counting, the range that becomes black to white, and the change itself.

A private helper of `radiograph` and `dicom`. Images are walked in bands: all at once, a large one would take over a gigabyte.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

WHITE = 255
FULL_16_BIT = 65535.0
DARK_SHARE = 1 / 2  # of the 16-bit range: detectors of up to 15 bits stay below it
BAND_VALUES = 1_000_000  # 8 MB of float64
OUTLYING_SHARE = 0.005  # of the pixels at either end: defective pixels, dead lines, lead letters
OUTLYING_GAP = 0.5  # of the range of all others: no value lies between them and an outlier
SAMPLE_VALUES = 1_000_000  # of an image whose values are too many to count


@dataclass(frozen=True)
class Counted:
    """How often each whole number occurs: counts[n] pixels have the value low + n."""

    low: int
    counts: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """(N,) int64, every number from the lowest to the highest."""
        return np.arange(self.low, self.low + len(self.counts))


def count(values: np.ndarray) -> Counted:
    """Of integers of up to 16 bits. values: any shape, not empty."""
    low, high = int(values.min()), int(values.max())
    counts = np.zeros(high - low + 1, np.int64)
    for band in _bands(values.reshape(-1)):
        counts += np.bincount(values.reshape(-1)[band].astype(np.int64) - low, minlength=len(counts))
    return Counted(low, counts)


def replace(values: np.ndarray, low: int, table: np.ndarray) -> np.ndarray:
    """Every value by its entry of a table that begins with that of `low`. Returns the table's type in the shape of values."""
    flat, result = values.reshape(-1), np.empty(values.size, table.dtype)
    for band in _bands(flat):
        result[band] = table[flat[band].astype(np.int64) - low]
    return result.reshape(values.shape)


def ends(values: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """The range of an image: its lowest and highest value, but for a few that lie far off, with nothing in between.

    values: (N,) ascending; counts: (N,), how many pixels have each. One hot pixel would otherwise leave the image black.
    """
    present = counts > 0
    if not present.any():
        return 0.0, 0.0
    values, shares = values[present], np.cumsum(counts[present]) / counts.sum()
    last = len(values) - 1
    low, high = (min(int(np.searchsorted(shares, share)), last) for share in (OUTLYING_SHARE, 1 - OUTLYING_SHARE))
    apart = float(values[high]) - float(values[low])
    if apart > 0:
        with np.errstate(over="ignore"):  # doubles may lie further apart than a double holds
            gaps = np.flatnonzero(np.diff(values.astype(np.float64)) > OUTLYING_GAP * apart)  # after these values
        low, high = max(gaps[gaps < low] + 1, default=0), min(gaps[gaps >= high], default=last)
    else:
        low, high = 0, last
    return float(values[low]), float(values[high])


def to_grey(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """Grey levels of an image that says nothing of its range, and whether few of 16 bits were used and were stretched.

    values: (H, W) or (H, W, C), any real type. bool and uint8 stay as they are. 16 bits come from their full range, or from lowest
    to highest where the upper half of it is empty; floats in 0..1 from that; others from lowest to highest. NaN and infinities
    become black. Returns uint8 in the same shape.
    """
    if values.dtype == bool:
        return values.astype(np.uint8) * WHITE, False
    if values.dtype == np.uint8:
        return values, False
    whole = values.dtype.kind in "iu"
    if whole and values.dtype.itemsize <= 2:
        counted = count(values)
        low, high, dark = _range_of_words(*ends(counted.values, counted.counts))
        return replace(values, counted.low, spread(counted.values, low, high)), dark
    low, high = _range_of_sample(values)
    if whole:
        low, high, dark = _range_of_words(low, high)
    else:
        low, high, dark = (0.0, 1.0, False) if low >= 0 and high <= 1 else (low, high, False)
    return _spread_in_bands(values, low, high), dark


def _range_of_words(low: float, high: float) -> tuple[float, float, bool]:
    if low < 0 or high > FULL_16_BIT:
        return low, high, False
    return (low, high, True) if 0 < high < DARK_SHARE * FULL_16_BIT else (0.0, FULL_16_BIT, False)


def _range_of_sample(values: np.ndarray) -> tuple[float, float]:
    """`ends` of values that are too many to count: decided on a sample, and then looked up in all."""
    flat = values.reshape(-1)
    sample = _finite(flat[:: max(1, flat.size // SAMPLE_VALUES)])
    low, high = ends(*np.unique(sample, return_counts=True)) if sample.size else (0.0, 0.0)
    apart = high - low
    for band in _bands(flat):
        numbers = _finite(flat[band])
        # The sample may have missed the very ends, as long as they are no outliers.
        near = numbers[(numbers >= low - apart / 8) & (numbers <= high + apart / 8)]
        if near.size:
            low, high = min(low, float(near.min())), max(high, float(near.max()))
    return low, high


def _finite(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # signalling NaN; local to this thread
        numbers = values.astype(np.float64)
    return numbers[np.isfinite(numbers)]


def _spread_in_bands(values: np.ndarray, low: float, high: float) -> np.ndarray:
    flat, result = values.reshape(-1), np.empty(values.size, np.uint8)
    for band in _bands(flat):
        with np.errstate(invalid="ignore", over="ignore"):
            numbers = flat[band].astype(np.float64)
        result[band] = spread(np.where(np.isfinite(numbers), numbers, low), low, high)
    return result.reshape(values.shape)


def spread(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """(N,) uint8: low becomes 0, high 255, what lies outside is clipped. All 0 where there is no range."""
    if not high > low:
        return np.zeros(len(values), np.uint8)
    halves = values / 2 - low / 2  # the difference of two doubles may be more than a double holds
    return np.round(np.clip(halves / (high / 2 - low / 2), 0, 1) * WHITE).astype(np.uint8)


def _bands(flat: np.ndarray) -> Iterator[slice]:
    for start in range(0, flat.size, BAND_VALUES):
        yield slice(start, start + BAND_VALUES)
