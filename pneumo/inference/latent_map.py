"""The map of an autoencoder's code: where its measurement lies, and thumbnails made in the background for all visitors."""

from __future__ import annotations

import base64
import io
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pneumo import runs
from pneumo.generators import latent_report, reconstruction
from pneumo.generators.latent_report import Space
from pneumo.images import sheets, transforms
from pneumo.inference import dataset_audit
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, ImageSpec, PneumoError

log = logging.getLogger(__name__)
BATCH = 64  # thumbnails between two reports: a third of a second on one core
JPEG_QUALITY = 85  # a quarter of the bytes of a PNG, which travel to every visitor


def written_at(name: str) -> int | None:
    """When what is known of a run's code was measured (ns); None where nothing was. A key for caches."""
    try:
        return (runs.resolve(name) / latent_report.FILE).stat().st_mtime_ns
    except FileNotFoundError:
        return None
    except OSError:  # a loop of links: there is something, and reading it says what
        return 0


def held_out(space: Space, per_class: int) -> dict[str, tuple[np.ndarray, int]]:
    """The first held-out radiographs of either class by name, (H, W) uint8 with the class; empty without PNEUMO_DATA."""
    chosen = np.concatenate([np.flatnonzero(space.labels == label)[:per_class] for label in range(len(CLASS_NAMES))])
    labels = {space.about.names[n]: int(space.labels[n]) for n in chosen}
    images = dataset_audit.case_images(list(labels))
    return {name: (pixels, labels[name]) for name, pixels in images.items()}


def at_hand(space: Space) -> bool:
    """Whether the radiographs of every point of the map lie in the folder that PNEUMO_DATA names."""
    source = dataset_audit.named_source()
    if source is None or source.startswith("hub:"):
        return False
    return all((Path(source) / name).is_file() for name in space.about.names)


def images_of(run: Run, space: Space, numbers: Sequence[int], *, real: bool) -> np.ndarray:
    """(N, S, S) uint8 of some points of the map: the radiographs themselves, or decoded from their codes.

    PneumoError where a radiograph is not there or cannot be read.
    """
    if not real:
        return reconstruction.decode(run, space.codes[list(numbers)].astype(np.float32))
    names = [space.about.names[n] for n in numbers]
    images = dataset_audit.case_images(names)
    for name in names:
        if name not in images:
            raise PneumoError(f"{name} cannot be read any more; restore the folder that PNEUMO_DATA names")
    return np.stack([transforms.resize(images[name], run.card.image) for name in names])


def sheet_url(thumbnails: np.ndarray, columns: int) -> str:
    """All thumbnails (N, side, side) uint8 as one image, row by row without gaps: a data URL for a browser."""
    buffer = io.BytesIO()
    Image.fromarray(sheets.grid(thumbnails, columns=columns, gap=0)).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


class Thumbnails:
    """Thumbnails of every point of a map, (N, side, side) uint8, filled from the first on by a thread of its own.

    Up to `done` they can be read; `real`: they are the radiographs themselves, not decoded codes.
    """

    def __init__(self, run: Run, space: Space, side_px: int, *, real: bool) -> None:
        self.images = np.zeros((space.about.n, side_px, side_px), dtype=np.uint8)
        self.done, self.total, self.real, self.failed = 0, space.about.n, real, False
        threading.Thread(target=self._fill, args=(run, space, side_px), name="thumbnails", daemon=True).start()

    @property
    def complete(self) -> bool:
        return self.done == self.total

    def _fill(self, run: Run, space: Space, side_px: int) -> None:
        spec = ImageSpec(size=side_px)
        try:
            for start in range(0, self.total, BATCH):
                numbers = range(start, min(start + BATCH, self.total))
                images = images_of(run, space, numbers, real=self.real)
                self.images[numbers.start : numbers.stop] = np.stack([transforms.resize(each, spec) for each in images])
                self.done = numbers.stop
        except (PneumoError, OSError, RuntimeError):  # nobody waits for this thread: the page says so instead
            log.exception("thumbnails of %s stopped at %d of %d", run.card.name, self.done, self.total)
            self.failed = True
