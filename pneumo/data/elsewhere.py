"""A folder of images from elsewhere: frontal chest radiographs of other hospitals, and images that are none.

Its labels.csv has a row for each image: file, part ("fit" or "test"), kind (for example "frontal_adult", "lateral", "ct"), source.
The input check is fitted to the part "fit" and measured on "test".
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pneumo.checks import PneumoError
from pneumo.images import radiograph
from pneumo.schema import Radiograph

LABELS, PARTS = "labels.csv", ("fit", "test")
COLUMNS = {"file", "part", "kind", "source"}
FRONTAL = "frontal"  # kinds that begin so are frontal chest radiographs


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """images: N radiographs as the reader gives them. kinds, sources: (N,) str."""

    images: tuple[Radiograph, ...]
    kinds: np.ndarray
    sources: np.ndarray

    @property
    def frontal(self) -> np.ndarray:
        """(N,) bool."""
        return np.char.startswith(self.kinds, FRONTAL)

    @property
    def groups(self) -> np.ndarray:
        """(N,) str, kind and source: what is left out together, e.g. "lateral, covid"."""
        return np.array(
            [f"{kind.replace('_', ' ')}, {source}" for kind, source in zip(self.kinds, self.sources, strict=True)]
        )


def read(folder: Path, part: str) -> Elsewhere:
    """One part of a folder. PneumoError where labels.csv is missing, lacks a column, has no image of this part, or names a file
    that cannot be read."""
    path = folder / LABELS
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PneumoError(f"{path} cannot be read ({error}); expected a folder with {LABELS} and images") from error
    missing = COLUMNS - set(rows[0] if rows else ())
    if missing:
        raise PneumoError(
            f"{path} lacks {', '.join(sorted(missing))}; expected the columns {', '.join(sorted(COLUMNS))}"
        )
    chosen = [row for row in rows if row["part"] == part]
    if not chosen:
        raise PneumoError(f"{path} has no image of the part {part!r}; expected {' or '.join(PARTS)}")
    images = tuple(_read(folder, row["file"]) for row in chosen)
    return Elsewhere(images, np.array([row["kind"] for row in chosen]), np.array([row["source"] for row in chosen]))


def _read(folder: Path, name: str) -> Radiograph:
    try:
        return radiograph.read(radiograph.file_bytes(folder / name), name)
    except PneumoError as error:
        raise PneumoError(f"{folder / name}, which {LABELS} names: {error}") from error
