"""A data set in numbers, without one of its images: computed once, kept in weights/datasets/<name>.json, shown anywhere.

What a page plots of a data set comes from here, both for the set of the shipped runs, whose images do not travel with
them, and for a source that is at hand. `dataset_measures` computes it, `dataset_findings` puts it into sentences.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pneumo import runs
from pneumo.codec import encode
from pneumo.formatting import nearest
from pneumo.runs import RunError, measured
from pneumo.schema import CLASS_NAMES, DataInfo, Interval, PneumoError, RunCard

SCHEMA_VERSION = 1
FOLDER = "datasets"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
RESERVED = Path(runs.CARD_FILE).stem  # weights/datasets/card.json would be taken for a run
UNUSED = "unused"  # the split of an image that is in none
LEVELS_A_BIN = 4
BRIGHTNESS_EDGES = tuple(range(0, 257, LEVELS_A_BIN))  # grey levels; the same for all sets, so that two can be compared


@dataclass(frozen=True)
class SizeCells:
    """The sizes that occur, one entry per cell: width and height in pixels at the cell's centre, and its images."""

    width: tuple[int, ...] = ()
    height: tuple[int, ...] = ()
    images: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sizes:
    """distinct: how many sizes occur. step_px: side of a cell; 1 is the exact size. median: width and height, by class.

    cells: by class, readable images only.
    """

    distinct: int
    step_px: int
    cells: dict[str, SizeCells]
    median: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Duplicates:
    """So many groups of identical files that are alike in the rest. splits: the run's, or UNUSED."""

    groups: int
    copies: int
    classes: tuple[str, ...]
    patients: int
    splits: tuple[str, ...]


@dataclass(frozen=True)
class RandomSplit:
    """What to expect where every image is drawn by itself, with the run's own shares, instead of whole patients.

    held_out: share of the images outside the training set. patients: expected number on both sides. seen: expected share of the
    held-out images whose patient has another image in the training set. duplicate_groups: expected number on both sides.
    """

    held_out: float
    patients: float
    seen: float
    duplicate_groups: float


@dataclass(frozen=True)
class Brightness:
    """The mean grey level (0..255) of the readable images of a class. counts: in the bins between BRIGHTNESS_EDGES."""

    mean: float
    deviation: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Cue:
    """How well one number separates the classes: .5 not at all, 1 entirely.

    auroc: of the number, or of its negative where NORMAL has the larger values. higher_in: the class that has them.
    ci95: over patients drawn with replacement; None where every draw gives the same. n: readable images.
    """

    name: str
    auroc: float
    ci95: Interval | None
    n: int
    higher_in: str


@dataclass(frozen=True)
class DataSetSummary:
    """Everything that is shown of a data set without an image of it.

    name: the file's. data: as in the card of a run that was trained on it; counts and patients by split (train, validation,
    test), unreadable files left out. one_class_digests: by class, the digest of the same split with that class alone.
    images, patients, classes: of all files, readable or not. patients_shared: patients in more than one of the splits.
    own_splits, patients_in_several_own: as the source itself is divided, "none" where it is not.
    subtypes: images by kind of pneumonia. families: NORMAL images by the series their file names belong to.
    images_per_patient: by class; entry k is the number of patients with k + 1 images. duplicates: largest first.
    levels: by class, share of pixels in each band of 4 grey levels of an average image, at 64 x 64 pixels.
    brightness: by class. cues: how well single numbers separate the classes.
    """

    schema_version: int
    name: str
    title: str
    data: DataInfo
    one_class_digests: dict[str, str]
    images: int
    unreadable: int
    patients: int
    patients_shared: int
    classes: dict[str, int]
    own_splits: dict[str, dict[str, int]]
    patients_in_several_own: int
    subtypes: dict[str, int]
    families: dict[str, int]
    images_per_patient: dict[str, tuple[int, ...]]
    random_split: RandomSplit
    sizes: Sizes
    duplicates: tuple[Duplicates, ...]
    levels: dict[str, tuple[float, ...]]
    brightness: dict[str, Brightness]
    cues: tuple[Cue, ...]

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise PneumoError(f"schema_version is {self.schema_version}; this version reads {SCHEMA_VERSION}")
        by_class = {
            "classes": self.classes,
            "images_per_patient": self.images_per_patient,
            "sizes.cells": self.sizes.cells,
            "levels": self.levels,
            "brightness": self.brightness,
        } | {f"data.counts.{split}": count for split, count in self.data.counts.items()}
        for where, value in by_class.items():
            if tuple(value) != CLASS_NAMES:
                raise PneumoError(f"{where} has the classes {', '.join(value)}; expected {', '.join(CLASS_NAMES)}")
        bins = len(BRIGHTNESS_EDGES) - 1
        for label, spread in self.brightness.items():
            if len(spread.counts) != bins or len(self.levels[label]) != bins:
                raise PneumoError(f"brightness.{label} or levels.{label} is too long or short; expected {bins} values")
        self._check_sums()

    def _check_sums(self) -> None:
        """Counts of the same images must agree."""
        readable = self.images - self.unreadable
        sums = {
            "classes": (sum(self.classes.values()), self.images),
            "own_splits": (sum(sum(count.values()) for count in self.own_splits.values()), self.images),
            "images_per_patient": (
                sum((k + 1) * n for counts in self.images_per_patient.values() for k, n in enumerate(counts)),
                self.images,
            ),
            "brightness": (sum(sum(spread.counts) for spread in self.brightness.values()), readable),
            "sizes.cells": (sum(sum(cells.images) for cells in self.sizes.cells.values()), readable),
        }
        for where, (result, expected) in sums.items():
            if result != expected:
                raise PneumoError(f"{where} adds up to {result} images; expected {expected}")

    @property
    def readable(self) -> int:
        """Images that could be decoded."""
        return self.images - self.unreadable

    @property
    def duplicate_groups(self) -> int:
        """Groups of identical files."""
        return sum(kind.groups for kind in self.duplicates)

    @property
    def surplus_images(self) -> int:
        """Images that are a copy of another."""
        return sum(kind.groups * (kind.copies - 1) for kind in self.duplicates)

    def cue(self, name: str) -> Cue | None:
        """A cue by its name in `dataset_cues.TITLES`; None where it was not to be had."""
        return next((cue for cue in self.cues if cue.name == name), None)


# --- for plots --------------------------------------------------------------------------------------------


def patient_values(summary: DataSetSummary) -> dict[str, np.ndarray]:
    """By class: the number of images of each of its patients, (P,) int64, as `dataset_audit.images_per_patient` gives it."""
    return {
        name: np.repeat(np.arange(1, len(counts) + 1), np.array(counts, dtype=np.int64))
        for name, counts in summary.images_per_patient.items()
    }


def brightness_values(summary: DataSetSummary) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """By class one grey level an image, at the middle of its bin; and the edges of the bins from the first to the last in use."""
    edges = np.array(BRIGHTNESS_EDGES)
    middles = (edges[1:] + edges[:-1]) / 2
    values = {name: np.repeat(middles, spread.counts) for name, spread in summary.brightness.items()}
    total = np.sum([spread.counts for spread in summary.brightness.values()], axis=0)
    used = np.flatnonzero(total)
    return values, edges[used[0] : used[-1] + 2] if len(used) else edges


def size_values(summary: DataSetSummary) -> tuple[np.ndarray, np.ndarray]:
    """Width and height of each readable image, (N, 2) int64, at the middle of its cell, and its label, (N,) int64."""
    sizes, labels = [np.empty((0, 2), np.int64)], [np.empty(0, np.int64)]
    for label, cells in enumerate(summary.sizes.cells.values()):
        each = np.repeat(np.array([cells.width, cells.height], dtype=np.int64).T, cells.images, axis=0)
        sizes.append(each)
        labels.append(np.full(len(each), label))
    return np.concatenate(sizes), np.concatenate(labels)


def level_shares(summary: DataSetSummary) -> np.ndarray:
    """(2, 64) float64, as `Survey.level_shares`."""
    return np.array(list(summary.levels.values()))


# --- on disk ----------------------------------------------------------------------------------------------


def folder() -> Path:
    """weights/datasets."""
    return runs.weights_folder() / FOLDER


def available() -> list[str]:
    """Names of the stored summaries in alphabetical order."""
    return sorted(path.stem for path in folder().glob("*.json"))


def read(name: str) -> DataSetSummary:
    """A stored summary; RunError names the file and the remedy."""
    path = folder() / f"{name}.json"
    known = available()
    if name not in known:
        raise RunError(
            f"no summary of a data set {name!r}{nearest(name, known)}; there are: {', '.join(known) or 'none'}"
        )
    remedy = f"write it again with `python -m pneumo data SOURCE --save {name}`"
    return replace(measured.read_json(path, DataSetSummary, remedy), name=name)


def for_run(card: RunCard) -> DataSetSummary | None:
    """The set a run was trained on, of both classes even where the run used one; None where no summary of it is stored.

    A summary that cannot be read is passed over; where no other is the run's, it might have been: RunError.
    """
    damaged: RunError | None = None
    for name in available():
        try:
            summary = read(name)
        except RunError as error:
            damaged = error
            continue
        if card.data.split_digest in (summary.data.split_digest, *summary.one_class_digests.values()):
            return summary
    if damaged:
        raise damaged
    return None


def save(place: Path, summary: DataSetSummary) -> Path:
    """Writes <name>.json into a folder, which is made where it is missing. Returns the file's path."""
    check_name(summary.name)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PneumoError(f"{place} cannot be made: {error.strerror}; choose another place") from error
    path = place / f"{summary.name}.json"
    runs.write(path, _as_json(summary).encode())
    return path


def _as_json(summary: DataSetSummary) -> str:
    """Indented, but every list of numbers on one line: a difference can be read, and the file stays small."""
    text = json.dumps(encode(summary), indent=1)
    return re.sub(r"\[\n[\s\d.,eE+-]*\]", lambda result: "[" + "".join(result.group()[1:-1].split()) + "]", text) + "\n"


def check_name(name: str) -> None:
    """Raises PneumoError for a name no file of weights/datasets may have."""
    if not NAME.fullmatch(name) or name == RESERVED:
        raise PneumoError(
            f"{name!r} cannot name a data set; expected small letters, digits, - and _, other than {RESERVED!r}"
        )
