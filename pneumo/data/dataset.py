"""A labelled data set: its items, how each is read, and what a file's name says of the patient."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pneumo.formatting import printable as printable  # names of files, for all of this wing

SPLITS = ("train", "validation", "test")
DECODE_THREADS = min(8, os.cpu_count() or 1)  # Pillow releases the interpreter lock while it decodes
GUANGZHOU_LICENCE = "CC BY 4.0"
GUANGZHOU_CITATION = (
    "Kermany, Zhang, Goldbaum (2018), Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for "
    "Classification, Mendeley Data v2, doi:10.17632/rscbjbr9sj.2"
)
GUANGZHOU_NAME = re.compile(r"(person\d+_(?:bacteria|virus)_|IM-\d+-)")


@dataclass(frozen=True)
class Item:
    """One labelled radiograph. label: 0 NORMAL, 1 PNEUMONIA. split: "" where the source has none.

    digest identifies the content: equal digests are the same image.
    """

    name: str
    label: int
    patient: str
    subtype: str
    split: str
    digest: str


@dataclass(frozen=True, eq=False)
class DataSet:
    """Labelled radiographs and a way to read each.

    read: index -> (H, W) uint8 pixels; raises radiograph.RadiographError. May be called from threads.
    """

    source: str
    items: tuple[Item, ...]
    read: Callable[[int], np.ndarray]
    licence: str
    citation: str

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64."""
        return np.array([item.label for item in self.items], dtype=np.int64)


def patient_of(name: str) -> str:
    """The patient in a Guangzhou file name: personN for pneumonia, IM-N for normal studies; else the path without its end.

    name: relative to the source, so that NORMAL/1.png and PNEUMONIA/1.png are two people. NORMAL2-IM-N counts as the same
    patient as IM-N: merging two people costs nothing, dividing one does.
    """
    file = name.rsplit("/", 1)[-1]
    person = re.search(r"(person\d+)_", file)
    normal = re.search(r"(IM-\d+)-", file)
    return (person or normal).group(1) if person or normal else name.removesuffix(Path(file).suffix)


def subtype_of(name: str) -> str:
    """ "bacteria" or "virus" where the file name says so, else an empty string."""
    kind = re.search(r"person\d+_(bacteria|virus)_", name)
    return kind.group(1) if kind else ""
