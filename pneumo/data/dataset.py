"""A labelled data set: its items, how each is read, and what a file's name says of the patient."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pneumo.schema import CLASS_NAMES, Radiograph

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
    """One labelled image. label: of a radiograph 0 NORMAL, 1 PNEUMONIA. split: "" where the source has none.

    digest identifies the content: equal digests are the same image.
    """

    name: str
    label: int
    patient: str
    subtype: str
    split: str
    digest: str


@dataclass(frozen=True)
class Note:
    """What whoever uses a source should know of it.

    kind: "passed_over" (not read), "read" (read although its name is not quite right), or "missing".
    path: a folder, or one example of a kind of files, relative to the source. files: how many. suggestion: half a
    sentence, empty where there is nothing to do.
    """

    kind: Literal["passed_over", "read", "missing"]
    path: str
    reason: str
    files: int = 0
    suggestion: str = ""


@dataclass(frozen=True, eq=False)
class DataSet:
    """Labelled radiographs and a way to read each.

    radiograph: index -> pixels and what the reader noticed; raises radiograph.RadiographError. May be called from threads.
    notes: what was passed over, and the like. class_names: what labels stand for, by number.
    """

    source: str
    items: tuple[Item, ...]
    radiograph: Callable[[int], Radiograph]
    licence: str
    citation: str
    notes: tuple[Note, ...] = ()
    class_names: tuple[str, ...] = CLASS_NAMES

    def read(self, index: int) -> np.ndarray:
        """(H, W) uint8, the pixels alone. Raises radiograph.RadiographError."""
        return self.radiograph(index).pixels

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
