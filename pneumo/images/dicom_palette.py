"""PALETTE COLOR: stored numbers by their colours (PS3.3, C.7.6.3.1.5 and C.7.9.2).

A private helper of `dicom`.
"""

from __future__ import annotations

import numpy as np

from pneumo.images import levels
from pneumo.images.dicom_display import table_entries
from pneumo.images.dicom_tags import Tags
from pneumo.images.refusals import RadiographError

DESCRIPTORS = (0x00281101, 0x00281102, 0x00281103)
TABLES, SEGMENTED = (0x00281201, 0x00281202, 0x00281203), (0x00281221, 0x00281222, 0x00281223)
DISCRETE, LINEAR = 0, 1
MAX_SEGMENTS = 20_000


def applied(stored: np.ndarray, tags: Tags) -> np.ndarray:
    """(H, W, 3) uint8. stored: (H, W) uint8 or uint16. RadiographError where the palette is missing or damaged."""
    tables = [_table(tags, *each) for each in zip(DESCRIPTORS, TABLES, SEGMENTED, strict=True)]
    if any(table is None for table in tables):
        raise RadiographError(
            "damaged", "the palette of the DICOM file (PALETTE COLOR) is missing or damaged; export it as PNG"
        )
    # Entries of 8 bits in words of 16 are common, whatever the descriptor says.
    surplus = max(0, max(int(entries.max()) for _, entries in tables).bit_length() - 8)
    low, high = int(stored.min()), int(stored.max())
    numbers = np.arange(low, high + 1)
    channels = []
    for first, entries in tables:
        colours = (entries[np.clip(numbers - first, 0, len(entries) - 1)] >> surplus).astype(np.uint8)
        channels.append(levels.replace(stored, low, colours))
    return np.stack(channels, axis=2)


def _table(tags: Tags, descriptor: int, plain: int, segmented: int) -> tuple[int, np.ndarray] | None:
    """The number that the first entry is for, and the entries (N,) uint16; None where there are none."""
    stated = tags.numbers(descriptor)
    if len(stated) != 3:
        return None
    length, first = int(stated[0]) & 0xFFFF or 65536, int(stated[1])
    if plain in tags:
        entries = table_entries(tags.blob(plain), length, tags.order)
    elif segmented in tags:
        entries = _expanded(tags.blob(segmented), length, tags.order, wide=int(stated[2]) > 8)
    else:
        return None
    return (first, entries.astype(np.uint16)) if len(entries) else None


def _expanded(data: bytes, length: int, order: str, *, wide: bool) -> np.ndarray:
    """(N,) entries of a segmented table, N at most `length`. Segments that point at others are not followed: it ends there."""
    dtype = np.dtype(f"{order}u2") if wide else np.dtype(np.uint8)
    words = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype).astype(np.int64)
    parts, total, at = [np.zeros(0, np.int64)], 0, 0
    while at + 2 <= len(words) and total < length and len(parts) < MAX_SEGMENTS:
        kind, count = (int(word) for word in words[at : at + 2])
        if kind == DISCRETE:
            parts.append(words[at + 2 : at + 2 + count])
            at += 2 + count
        elif kind == LINEAR and at + 2 < len(words) and len(parts[-1]):
            parts.append(np.linspace(parts[-1][-1], words[at + 2], count + 1)[1:].round().astype(np.int64))
            at += 3
        else:
            break
        total += len(parts[-1])
    return np.concatenate(parts)[:length]
