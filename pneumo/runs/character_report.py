"""What was measured of a run that reads characters, on fonts it never saw: characters.json and characters.webp beside it.

The sheet holds the test images themselves: whoever has no fonts can still look at every mistake, and try the model on them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from pneumo.images import sheets
from pneumo.metrics import multiclass
from pneumo.metrics.significance import wilson
from pneumo.runs import measured, store
from pneumo.runs.model_card import Section
from pneumo.runs.reading import RunError, read_file
from pneumo.schema import CHARACTERS, Interval, PneumoError

FILE, SHEET_FILE = "characters.json", "characters.webp"
COLUMNS = 36  # of the sheet: one for each character, as the test set is ordered
QUALITY = 80  # of WebP: a third of a megabyte instead of two; what noise it drops changed no answer of the shipped run
REMEDY = "train the run again"


@dataclass(frozen=True)
class Stored:
    """The same weights in one kind of storage. bytes: of the file; right: test images that are read as what they are."""

    bytes: int
    right: int
    accuracy: float
    ci95: Interval


@dataclass(frozen=True)
class Changed:
    """A test image that the stored weights read otherwise than the full ones. full, stored: the likeliest classes, by probability."""

    index: int
    full: dict[str, float]
    stored: dict[str, float]


@dataclass(frozen=True)
class Report:
    """characters.json. labels, predicted, fonts: of each test image, in the order of the sheet; fonts by name.

    predicted: by the weights as they are stored. stored: by kind of storage, "float32" as they were trained.
    """

    weights_sha256: str
    n: int
    labels: tuple[int, ...]
    predicted: tuple[int, ...]
    fonts: tuple[str, ...]
    stored: dict[str, Stored]
    changed: tuple[Changed, ...]

    def __post_init__(self) -> None:
        if not (self.n == len(self.labels) == len(self.predicted) == len(self.fonts) > 0):
            raise PneumoError(f"n is {self.n}; expected 1 or more, and a label, a prediction and a font for each")
        if not all(0 <= each < len(CHARACTERS) for each in (*self.labels, *self.predicted)):
            raise PneumoError("labels and predicted hold a number that is no class; expected 0 and up")
        if any(not 0 <= each.index < self.n for each in self.changed):
            raise PneumoError(f"changed names an image that is not there; expected 0 to {self.n - 1}")

    @property
    def right(self) -> int:
        return sum(a == b for a, b in zip(self.labels, self.predicted, strict=True))


def card_sections(folder: Path) -> list[Section]:
    """What a model card says of a reader's results; nothing where none were measured."""
    report = read(folder)
    if report is None:
        return []
    interval = wilson(report.right, report.n)
    groups = multiclass.by_group(report.labels, report.predicted, report.fonts)
    rows = "\n".join(f"| {name} | {right} of {count} |" for name, (right, count, _) in groups.items())
    about = Section(
        "Results",
        f"Accuracy {100 * report.right / report.n:.1f}% on {report.n:,} images in {len(groups)} fonts that were not trained on (95% interval "
        f"{100 * interval.low:.1f} to {100 * interval.high:.1f}%). By font:\n\n| font | read as what they are |\n|---|---|\n{rows}",
    )
    return [about]


def read(folder: Path) -> Report | None:
    """What was measured of the run in a folder; None where nothing was, or of other weights. RunError where it does not fit."""
    return measured.read(folder, FILE, Report, REMEDY)


def save(folder: Path, report: Report, images: np.ndarray) -> None:
    """Report and test images (n, S, S) uint8 into a run's folder."""
    buffer = io.BytesIO()
    Image.fromarray(sheets.grid(images, COLUMNS, gap=0)).save(buffer, "WEBP", quality=QUALITY, method=6)
    store.write(folder / SHEET_FILE, buffer.getvalue())
    measured.save(folder, FILE, report, indent=None)


def sheet(folder: Path, count: int, side: int) -> np.ndarray:
    """(count, side, side) uint8: the test images of a run. RunError where the file does not fit."""
    path = folder / SHEET_FILE
    try:
        with Image.open(io.BytesIO(read_file(path, REMEDY))) as image:
            expected = (COLUMNS * side, -(-count // COLUMNS) * side)
            if image.size != expected:
                raise RunError(
                    f"{path} has {image.size[0]} x {image.size[1]} pixels; expected {expected[0]} x {expected[1]}"
                )
            pixels = np.asarray(image.convert("L"))
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}; {REMEDY}") from error
    rows = pixels.shape[0] // side
    tiles = pixels.reshape(rows, side, COLUMNS, side).swapaxes(1, 2)  # rows, columns, side, side
    return tiles.reshape(-1, side, side)[:count]
