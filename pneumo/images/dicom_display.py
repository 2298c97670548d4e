"""From a DICOM file's stored values to the grey levels that a radiology viewer shows (PS3.3, C.7.6.3 and C.11).

A private helper of `dicom`. The steps: stored bits, padding, modality (rescale or table), window or table of values of interest,
presentation. Each step is worked out once for every possible value. A step whose tags are broken, or that would leave nothing to be
seen, is left out and named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from pneumo.images import levels
from pneumo.images.dicom_tags import FRAME_GROUPS, FRAME_VALUES, FRAME_WINDOW, SHARED_GROUPS, Tags
from pneumo.images.levels import Counted

PADDING, PADDING_LIMIT = 0x00280120, 0x00280121
WINDOW_CENTER, WINDOW_WIDTH, WINDOW_FUNCTION = 0x00281050, 0x00281051, 0x00281056
INTERCEPT, SLOPE, MODALITY_TABLE, VALUES_TABLE = 0x00281052, 0x00281053, 0x00283000, 0x00283010
TABLE_DESCRIPTOR, TABLE_DATA = 0x00283002, 0x00283006
PRESENTATION_SHAPE = 0x20500020
LEAST_SHOWN = 0.005  # of the pixels: a window that makes all but these one grey misses the image


@dataclass
class Shown:
    """grey: (H, W) uint8, 255 is white. codes: what was done that a reader should know, as in `radiograph.WARNINGS`."""

    grey: np.ndarray
    codes: set[str] = field(default_factory=set)


def unpacked(stored: np.ndarray, bits: int, high_bit: int, signed: bool) -> np.ndarray:
    """Stored words as numbers: shifted down from a high bit above, without what lies in unused bits, with their sign.

    stored: (H, W) uint8 or uint16. bits, high_bit: as stated, 1..16 and 0..15. Unused bits may hold an overlay, or the stated bits
    may be too few for the image; the smoother of the two pictures is the right one, for either mistake makes jumps.
    """
    width = 8 * stored.dtype.itemsize
    bits = bits if 1 <= bits <= width else width
    shift = high_bit + 1 - bits
    if 0 < shift <= width - bits and int(stored.max()) >= 1 << bits:  # else the values lie low whatever the high bit
        stored = stored >> shift
    if bits == width:
        return stored.view(np.dtype(f"i{stored.dtype.itemsize}")) if signed else stored
    if signed:
        numbers = stored.view(np.dtype(f"i{stored.dtype.itemsize}"))
        fit = int(numbers.min()) >= -(1 << (bits - 1)) and int(numbers.max()) < 1 << bits
        return numbers << (width - bits) >> (width - bits) if fit else numbers
    if int(stored.max()) < 1 << bits:
        return stored
    masked = stored & ((1 << bits) - 1)
    return stored if _roughness(stored) < _roughness(masked) else masked


def _roughness(numbers: np.ndarray) -> float:
    """Mean step between neighbours in a row over the spread of all values, on a few hundred rows: about 1 for noise, infinite where all is one."""
    rows = numbers[:: max(1, len(numbers) // 256)].astype(np.float64)
    spread = rows.std()
    return float(np.abs(np.diff(rows, axis=1)).mean() / spread) if rows.shape[1] > 1 and spread > 0 else np.inf


def show(values: np.ndarray, tags: Tags, *, negative: bool, eight_bits: bool) -> Shown:
    """values: (H, W) whole numbers of up to 16 bits. negative: the lowest is white. eight_bits: without a window they are grey levels."""
    counted = levels.count(values)
    padding = _padding(counted, tags, values.dtype)
    counts = np.where(padding, 0, counted.counts)
    shown = Shown(values)
    modal, changed = _modality(counted, tags)
    share = _of_interest(modal, counts, tags, shown.codes)
    if share is None:
        share = counted.values / levels.WHITE if eight_bits and not changed else _whole_range(modal, counts)
    table = np.round(np.clip(share, 0, 1) * levels.WHITE).astype(np.uint8)
    if negative or tags.text(PRESENTATION_SHAPE) == "INVERSE":
        table = levels.WHITE - table
    table[padding] = 0  # background, whichever end is white
    shown.grey = levels.replace(values, counted.low, table)
    return shown


def _padding(counted: Counted, tags: Tags, dtype: np.dtype) -> np.ndarray:
    """(N,) bool: which values stand for "no image here". All False where nothing else would be left."""
    first = tags.whole(PADDING)
    if first is None:
        return np.zeros(len(counted.counts), bool)
    last = tags.whole(PADDING_LIMIT)
    ends = sorted(_as_stored(end, dtype) for end in (first, first if last is None else last))
    inside = (counted.values >= ends[0]) & (counted.values <= ends[1])
    return inside if (counted.counts[~inside] > 0).any() else np.zeros(len(inside), bool)


def _as_stored(number: int, dtype: np.dtype) -> int:
    """-2000 and 63536 are the same word: files say either."""
    limits, period = np.iinfo(dtype), 1 << 8 * dtype.itemsize
    return number if limits.min <= number <= limits.max else (number - limits.min) % period + limits.min


def _modality(counted: Counted, tags: Tags) -> tuple[np.ndarray, bool]:
    """(N,) float64 values after the table or the line that gives them their meaning, and whether there was one."""
    values = counted.values.astype(np.float64)
    for item in tags.items(MODALITY_TABLE, 1):
        table = _table(item, signed=counted.low < 0)
        if table is not None:
            return table.of(values), True
        tags.broken.add("ModalityLUTSequence")
    source = tags if SLOPE in tags or INTERCEPT in tags else _of_frame(tags, FRAME_VALUES)
    slope, intercept = source.number(SLOPE), source.number(INTERCEPT)
    if slope == 0:
        tags.broken.add("RescaleSlope")
        slope = None
    slope, intercept = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    rescaled = values * slope + intercept
    if not np.isfinite(rescaled).all() or len(np.unique(rescaled)) < len(values):
        tags.broken |= {"RescaleSlope", "RescaleIntercept"}  # so extreme that different values become one
        return values, False
    return rescaled, slope != 1 or intercept != 0


def _of_frame(tags: Tags, wanted: int) -> Tags:
    """The item of an enhanced object's functional groups that describes its one frame; empty where there is none."""
    for groups in (SHARED_GROUPS, FRAME_GROUPS):
        for group in tags.items(groups, 1):
            for item in group.items(wanted, 1):
                return item
    return Tags(tags.order, {})


def _of_interest(modal: np.ndarray, counts: np.ndarray, tags: Tags, codes: set[str]) -> np.ndarray | None:
    """(N,) float64, 0 black to 1 white, by the first table or window that shows something; None where none does."""
    for item in tags.items(VALUES_TABLE):
        table = _table(item, signed=bool(modal.min() < 0))
        if table is None:
            tags.broken.add("VOILUTSequence")
            continue
        share = table.of(modal) / table.white
        if _shows(share, counts):
            return share
        codes.add("window")
    source = tags if WINDOW_WIDTH in tags else _of_frame(tags, FRAME_WINDOW)
    windows = list(zip(source.numbers(WINDOW_CENTER), source.numbers(WINDOW_WIDTH), strict=False))
    function = source.text(WINDOW_FUNCTION)
    for center, width in windows:
        share = _window(modal, center, width, function)
        if share is not None and _shows(share, counts):
            return share
    if windows:
        codes.add("window")
    return None


def _window(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray | None:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3; a function that the standard does not know counts as LINEAR. None without a width."""
    if function == "SIGMOID":
        return None if width <= 0 else 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    if function == "LINEAR_EXACT":
        return None if width <= 0 else (values - center) / width + 0.5
    if width < 1:
        return None
    return (values > center - 0.5).astype(float) if width == 1 else (values - (center - 0.5)) / (width - 1) + 0.5


def _shows(share: np.ndarray, counts: np.ndarray) -> bool:
    """Whether more than one grey is left of an image that has more than one value."""
    greys = np.round(np.clip(share, 0, 1) * levels.WHITE).astype(np.int64)
    most = np.bincount(greys, counts).max() / counts.sum()
    return 1 - most >= LEAST_SHOWN or np.count_nonzero(counts) == 1


def _whole_range(modal: np.ndarray, counts: np.ndarray) -> np.ndarray:
    order = np.argsort(modal)  # a negative slope, or a table, may turn them round
    low, high = levels.ends(modal[order], counts[order])
    return (modal - low) / (high - low) if high > low else np.zeros(len(modal))


@dataclass(frozen=True)
class _Table:
    """A look-up table. first: the value that its first entry is for; white: the highest entry that its bits allow."""

    first: float
    entries: np.ndarray
    white: float

    def of(self, values: np.ndarray) -> np.ndarray:
        at = np.clip(np.round(values - self.first), 0, len(self.entries) - 1).astype(np.int64)
        return self.entries[at]


def _table(item: Tags, *, signed: bool) -> _Table | None:
    """A LUT Descriptor with its LUT Data; None where they cannot be used. signed: the values to look up go below 0.

    The data decides, not the descriptor: entries of 14 bits under a descriptor of 16 reach white at the highest of 14.
    """
    stated, data = item.numbers(TABLE_DESCRIPTOR), item.blob(TABLE_DATA)
    if len(stated) < 2 or not data:
        return None
    length = int(stated[0]) & 0xFFFF or 65536
    entries = table_entries(data, length, item.order)
    if len(entries) < 2 or entries.max() == 0:
        return None
    first = stated[1]
    if signed and first > 32767:
        first -= 65536
    white = (1 << math.ceil(math.log2(int(entries.max()) + 1))) - 1
    return _Table(first, entries.astype(np.float64), float(white))


def table_entries(data: bytes, length: int, order: str) -> np.ndarray:
    """(N,) entries of a table, N at most `length`: bytes where there are no more than that, else words."""
    if len(data) <= length + length % 2:
        return np.frombuffer(data, np.uint8)[:length]
    words = np.frombuffer(data[: len(data) // 2 * 2], f"{order}u2")[:length]
    return words.astype(np.uint16)
