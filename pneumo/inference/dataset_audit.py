"""The facade: a source of radiographs, audited and measured, as plain arrays that a page can draw."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pneumo import data, files
from pneumo.images import radiograph, transforms
from pneumo.schema import CLASS_NAMES, AugmentSpec, DataSpec, ImageSpec, Radiograph, Recipe
from pneumo.training import recipes

PHANTOMS = "phantom:240"  # about 115 patients of both classes, drawn in two seconds
SOURCE_VARIABLE = "PNEUMO_DATA"
MEASURED = ImageSpec(size=64)  # enough for grey levels; 5,000 images take 20 MB
LEVELS_A_BAND = 4  # smooth at 4,096 pixels an image


@dataclass(frozen=True, eq=False)
class Survey:
    """What is known of a source; every array has one entry per image, in the order of `names`.

    audit: as `data.audit` gives it. labels: (N,) int64. sizes: (N, 2) int64, width and height in pixels, 0 where
    the image could not be read. resized: (N, 64, 64) uint8. splits: the source's own, "" where it has none.
    counts, patients_in: images by class, and patients, in each split that `data.split_patients` makes.
    duplicates: indices of each group of identical files.
    """

    source: str
    audit: dict[str, Any]
    citation: str
    names: tuple[str, ...]
    patients: tuple[str, ...]
    splits: tuple[str, ...]
    labels: np.ndarray
    sizes: np.ndarray
    resized: np.ndarray
    counts: dict[str, dict[str, int]]
    patients_in: dict[str, int]
    duplicates: tuple[tuple[int, ...], ...]
    read: Callable[[int], np.ndarray]

    @property
    def readable(self) -> np.ndarray:
        """(N,) bool."""
        return self.sizes[:, 0] > 0

    @cached_property
    def brightness(self) -> np.ndarray:
        """(N,) float64, mean grey level of each image in 0..255; NaN where it could not be read."""
        return np.where(self.readable, self.resized.mean((1, 2)), np.nan)

    @cached_property
    def level_shares(self) -> np.ndarray:
        """(2, 64) float64: of an average image of each class, the share of pixels in each band of 4 grey levels.

        A row is 0 where a class has no readable image.
        """
        rows = []
        for label in range(len(CLASS_NAMES)):
            chosen = self.resized[(self.labels == label) & self.readable]
            counts = np.bincount(chosen.ravel() // LEVELS_A_BAND, minlength=transforms.LEVELS // LEVELS_A_BAND)
            rows.append(counts / max(1, chosen.size))
        return np.array(rows)


def named_source() -> str | None:
    """The SOURCE that whoever started the server named in PNEUMO_DATA: a hub set, or a folder that is there."""
    source = os.environ.get(SOURCE_VARIABLE, "")
    return source if source.startswith("hub:") or files.is_folder(source) else None


def title(source: str) -> str:
    """What to call a source on a page: of a folder the name only, its place on the disk is nobody's business.

    Raises PneumoError for a text that no folder has as a name.
    """
    data.check_source(source)
    if source.startswith("phantom"):
        return "Phantoms"
    return source if source.startswith("hub:") else Path(source).resolve().name


def take(source: str, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Opens a SOURCE and reads every image once. PneumoError with the remedy where there is none.

    progress(done, total) may raise to stop the work, as a page does when its visitor leaves: what is still
    queued is then dropped.
    """
    dataset = data.open_source(source)
    resized = np.zeros((len(dataset.items), MEASURED.size, MEASURED.size), dtype=np.uint8)
    sizes = np.zeros((len(dataset.items), 2), dtype=np.int64)
    stopped = threading.Event()

    def read(index: int) -> Radiograph:
        """For the audit, which reads every image: what else is to be known of it is noted on the way."""
        if stopped.is_set():
            raise radiograph.RadiographError("stopped", "not read: reading was stopped")
        image = dataset.radiograph(index)
        resized[index], sizes[index] = transforms.resize(image.pixels, MEASURED), image.pixels.shape[::-1]
        return image

    def report(done: int, total: int) -> None:
        try:
            if progress:
                progress(done, total)
        except BaseException:
            stopped.set()
            raise

    audit = data.audit(dataclasses.replace(dataset, radiograph=read), report)
    counts, patients_in = data.count_splits(dataset, data.split_patients(dataset, DataSpec()))
    return Survey(
        source=source,
        audit=audit,
        citation=dataset.citation,
        names=tuple(item.name for item in dataset.items),
        patients=tuple(item.patient for item in dataset.items),
        splits=tuple(item.split for item in dataset.items),
        labels=dataset.labels,
        sizes=sizes,
        resized=resized,
        counts=counts,
        patients_in=patients_in,
        duplicates=_duplicates(dataset),
        read=dataset.read,
    )


def warnings_of(result: Survey) -> list[str]:
    """What was passed over, and what the reader noticed, one sentence each."""
    return data.audit_warnings(result.audit)


def _duplicates(dataset: data.DataSet) -> tuple[tuple[int, ...], ...]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(dataset.items):
        groups[item.digest].append(index)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


# --- measures ---------------------------------------------------------------------------------------------


def images_per_patient(result: Survey) -> dict[str, np.ndarray]:
    """By class: the number of images of each of its patients, int64."""
    counted = Counter(zip(result.labels.tolist(), result.patients, strict=True))
    return {
        name: np.array([n for (of, _), n in counted.items() if of == label], dtype=np.int64)
        for label, name in enumerate(CLASS_NAMES)
    }


def duplicate_table(result: Survey) -> list[dict[str, Any]]:
    """One row a group of identical files: copies, patients, classes, splits, files."""
    return [
        {
            "copies": len(group),
            "classes": _several(CLASS_NAMES[result.labels[i]] for i in group),
            "patients": _several(result.patients[i] for i in group),
            "splits": _several(result.splits[i] or "none" for i in group),
            "files": ", ".join(result.names[i] for i in group),
        }
        for group in sorted(result.duplicates, key=len, reverse=True)
    ]


def _several(words: Any) -> str:
    return ", ".join(dict.fromkeys(words))


# --- images ---------------------------------------------------------------------------------------------


def picks(result: Survey, per_class: int, seed: int) -> dict[str, list[int]]:
    """By class: indices of readable images drawn by the seed, without repetition; fewer where there are fewer."""
    generator = np.random.default_rng(seed)
    drawn = {}
    for label, name in enumerate(CLASS_NAMES):
        there = np.flatnonzero((result.labels == label) & result.readable)
        drawn[name] = generator.permutation(there)[:per_class].tolist()
    return drawn


def resized_image(result: Survey, index: int, image: ImageSpec) -> np.ndarray:
    """One image as a model sees it. Returns (S, S) uint8. RadiographError where it cannot be read."""
    return transforms.resize(result.read(index), image)


def recipe_table() -> dict[str, Recipe]:
    """The named recipes, whose image and augment fields the preview follows."""
    return dict(recipes.RECIPES)


def augmented(image: np.ndarray, spec: AugmentSpec, count: int, seed: int) -> np.ndarray:
    """An image changed `count` times by the function that changes training batches, `transforms.augment`.

    image: (S, S) uint8. Returns (count, S, S) uint8.
    """
    batch = torch.from_numpy(np.repeat(image[None], count, axis=0))
    changed = transforms.augment(batch, spec, torch.Generator().manual_seed(seed))
    return changed.mul(transforms.LEVELS - 1).round().to(torch.uint8).numpy()


def case_images(names: Sequence[str]) -> dict[str, np.ndarray]:
    """The radiographs of these names in the folder that PNEUMO_DATA names; what is not there is left out.

    names: as in predictions.csv. Returns (H, W) uint8 by name.
    """
    source = named_source()
    folder = Path(source) if source and not source.startswith("hub:") else None
    if folder is None:
        return {}
    result = {}
    for name in names:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            continue
        try:
            result[name] = radiograph.read(path.read_bytes(), path.name).pixels
        except (OSError, radiograph.RadiographError):
            continue
    return result


def thumbnails(names: Sequence[str], side_px: int) -> np.ndarray | None:
    """(N, side, side) uint8 of the radiographs of these names; None where any of them is not at hand."""
    result = case_images(names)
    if len(result) < len(set(names)):
        return None
    return np.stack([transforms.resize(result[name], ImageSpec(size=side_px)) for name in names])
