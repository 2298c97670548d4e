"""Where radiographs come from.

A SOURCE is a folder with NORMAL/ and PNEUMONIA/ (with or without train/ val/ test/ above them),
`hub:<dataset id>` read through `datasets`, or `phantom[:count[:seed]]`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pneumo.data.dataset import DataSet, Item
from pneumo.data.folders import open_folder
from pneumo.data.hub import open_hub
from pneumo.images import phantom
from pneumo.schema import PneumoError

PHANTOM_COUNT = 1200  # enough for a first model in minutes
PHANTOM_SIZE_PX = 224


def open_source(source: str) -> DataSet:
    """The data set behind a SOURCE. Raises PneumoError with the remedy when there is none."""
    if source == "phantom" or source.startswith("phantom:"):
        return _open_phantom(source)
    if source.startswith("hub:"):
        return open_hub(source.removeprefix("hub:"))
    return open_folder(Path(source))


# --- phantoms ---------------------------------------------------------------------------------------------


def _open_phantom(source: str) -> DataSet:
    count, seed = _phantom_arguments(source)
    drawn = tuple(phantom.draw_set(count, size_px=PHANTOM_SIZE_PX, seed=seed))
    items = tuple(
        Item(p.name, p.label, p.patient, "phantom" if p.label else "", "", hashlib.sha256(p.pixels).hexdigest())
        for p in drawn
    )
    return DataSet(source, items, lambda i: drawn[i].pixels, "Apache-2.0 (generated)", "pneumo.phantom")


def _phantom_arguments(source: str) -> tuple[int, int]:
    try:
        numbers = [int(text) for text in source.split(":")[1:]]
        count, seed = [*numbers, *(PHANTOM_COUNT, 0)[len(numbers) :]]
    except ValueError:
        raise PneumoError(
            f"{source!r} is no phantom source; write phantom, phantom:COUNT or phantom:COUNT:SEED"
        ) from None
    if count < 4:
        raise PneumoError(f"{source!r} asks for {count} phantoms; 4 is the least that has both classes")
    return count, seed
