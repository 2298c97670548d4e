"""Tables of experiments that are shown as evidence: weights/experiments/<name>.csv with a title and a note in <name>.json.

They come from results.csv of `python -m pneumo train ... seeds= folds= sweep.FIELD=`; docs/training-notes.md says how.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from pneumo.runs import store

FOLDER = "experiments"


@dataclass(frozen=True)
class Table:
    """kind: "labels" is drawn as a curve over the share of labels, "table" is shown as it is."""

    title: str
    kind: str
    note: str
    rows: tuple[dict[str, Any], ...]


def available() -> list[str]:
    """Names in alphabetical order."""
    return sorted(path.stem for path in (store.weights_folder() / FOLDER).glob("*.csv"))


def read(name: str) -> Table:
    """A table; RunError where it does not fit."""
    folder = store.weights_folder() / FOLDER
    try:
        about = json.loads((folder / f"{name}.json").read_text())
        rows = csv.DictReader(io.StringIO((folder / f"{name}.csv").read_text()))
        cells = tuple({key: _value(text) for key, text in row.items()} for row in rows)
        return Table(about["title"], about["kind"], about["note"], cells)
    except (OSError, ValueError, KeyError) as error:
        raise store.RunError(
            f"{folder / name}: the experiment's table does not fit ({error}); restore its two files"
        ) from error


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
