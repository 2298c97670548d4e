"""Where radiographs come from.

A SOURCE is a folder with NORMAL/ and PNEUMONIA/ (with or without train/ val/ test/ above them),
`hub:<dataset id>` read through `datasets`, or `phantom[:count[:seed[:percent]]]`, percent of them with PNEUMONIA; `phantom-marked[:count[:seed]]` are phantoms whose side
marker gives the class away, to teach a model a shortcut. `characters[:count[:seed]]` are no radiographs but printed characters.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pneumo.data import cache, split
from pneumo.data.characters import open_characters
from pneumo.data.dataset import DataSet, Item
from pneumo.data.folders import open_folder
from pneumo.data.hub import open_hub
from pneumo.formatting import shortened
from pneumo.images import phantom
from pneumo.schema import PneumoError, Progress, Radiograph, RunCard

PHANTOM_COUNT = 1200  # enough for a first model in minutes
PHANTOM_SIZE_PX = 224
PHANTOM_PERCENT = 74  # with PNEUMONIA, as in the public paediatric training set
PHANTOM_LIMITS = (4, 20_000)  # the least that has both classes; at most 1 GB of pixels, and three minutes to draw them
PHANTOM_SEED_MOST = 2**32 - 1
LONGEST_SOURCE = 4096  # characters: no system has longer paths


def open_source(source: str) -> DataSet:
    """The data set behind a SOURCE. Raises PneumoError with the remedy when there is none."""
    check_source(source)
    if re.match(r"phantom(-marked)?(:|$)", source):
        return _open_phantom(source)
    if re.match(r"characters(:|$)", source):
        return open_characters(source)
    if source.startswith("hub:"):
        return open_hub(source.removeprefix("hub:"))
    try:
        return open_folder(Path(source))
    except (OSError, RecursionError) as error:  # a name too long for this system, a drive that is gone
        why = getattr(error, "strerror", None) or "too many levels"
        raise PneumoError(
            f"{shortened(source)} cannot be read: {why}; check the name, and that the drive is connected"
        ) from error


def check_source(source: str) -> None:
    """Raises PneumoError for a text that no system takes as a name: empty, endless, or with characters no name has."""
    what = "a SOURCE is a folder, hub:<dataset id> or phantom"
    if not source.strip():
        raise PneumoError(f"the SOURCE is empty; {what}")
    if len(source) > LONGEST_SOURCE:
        raise PneumoError(f"the SOURCE has {len(source):,} characters; expected up to {LONGEST_SOURCE:,}. {what}")
    try:
        os.fsencode(source)
        nul = "\0" in source
    except UnicodeError:
        nul = True
    if nul:
        raise PneumoError(f"{shortened(source)} has a character that no name of a folder has; {what}")


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The data set of a run. resized: (N, S, S) uint8 as the run sees it; errors: by index of what could not be read;
    splits: indices of readable images by split, as the run was trained on them."""

    dataset: DataSet
    resized: np.ndarray
    errors: dict[int, str]
    splits: dict[str, np.ndarray]

    def rows(self, *names: str) -> np.ndarray:
        """(M,) indices of the images of these splits, e.g. "validation", "test". PneumoError for a split there is not."""
        for name in names:
            if name not in self.splits:
                raise PneumoError(f"there is no split {name!r}; there are: {', '.join(self.splits)}")
        return np.concatenate([self.splits[name] for name in names])


def open_as_trained(
    card: RunCard, source: str, progress: Progress | None = None, *, both_classes: bool = False
) -> TrainingData:
    """A run's own data set. Raises PneumoError where the source is another one. both_classes: as in `splits_as_trained`.

    progress(done, total) is called while images are decoded.
    """
    dataset = open_source(source)
    resized = cache.resized(dataset, card.image, progress)
    splits = split.splits_as_trained(card, dataset, resized.errors, both_classes=both_classes)
    return TrainingData(dataset, resized.array, resized.errors, splits)


# --- phantoms ---------------------------------------------------------------------------------------------


def _open_phantom(source: str) -> DataSet:
    marked, count, seed, prevalence = _phantom_arguments(source)
    drawn = tuple(phantom.draw_set(count, size_px=PHANTOM_SIZE_PX, seed=seed, prevalence=prevalence, marked=marked))
    items = tuple(
        Item(p.name, p.label, p.patient, "phantom" if p.label else "", "", hashlib.sha256(p.pixels).hexdigest())
        for p in drawn
    )
    return DataSet(source, items, lambda i: Radiograph(drawn[i].pixels), "Apache-2.0 (generated)", "pneumo.phantom")


def _phantom_arguments(source: str) -> tuple[bool, int, int, float]:
    number = r"(?::([0-9]{1,30}))?"
    words = re.fullmatch(rf"phantom(-marked)?{number}{number}{number}", source)
    if not words:
        raise PneumoError(
            f"{shortened(source)} is no phantom source; write phantom, phantom:COUNT, phantom:COUNT:SEED or phantom:COUNT:SEED:PERCENT in whole "
            f"numbers, COUNT from {PHANTOM_LIMITS[0]} to {PHANTOM_LIMITS[1]:,}"
        )
    count, seed, percent = int(words[2] or PHANTOM_COUNT), int(words[3] or 0), int(words[4] or PHANTOM_PERCENT)
    least, most = PHANTOM_LIMITS
    if not least <= count <= most:
        raise PneumoError(
            f"{source!r} asks for {count} phantoms; expected {least} to {most:,} (4 is the least that has both classes)"
        )
    if seed > PHANTOM_SEED_MOST:
        raise PneumoError(f"{source!r} has the seed {seed}; expected 0 to {PHANTOM_SEED_MOST:,}")
    if not 1 <= percent <= 99:
        raise PneumoError(f"{source!r} asks for {percent}% with PNEUMONIA; expected 1 to 99")
    return bool(words[1]), count, seed, percent / 100
