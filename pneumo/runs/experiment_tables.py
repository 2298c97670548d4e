"""Tables of experiments that are shown as evidence: weights/experiments/<name>.csv with a title and a note in <name>.json.

They come from results.csv of `python -m pneumo train ... seeds= folds= sweep.FIELD=`; docs/training-notes.md says how.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from pneumo.codec import decode, parse
from pneumo.runs import store, tables
from pneumo.runs.reading import RunError, read_file
from pneumo.schema import PneumoError

FOLDER = "experiments"
COLUMNS = {"labels": ("arm", "labels", "auroc"), "table": ()}  # that a kind must have
NUMBERS = {"labels": ("labels", "auroc"), "table": ()}  # of these: what is drawn
AGAIN = "remove the table's two files"


@dataclass(frozen=True)
class About:
    """<name>.json. kind: "labels" is drawn as a curve over the share of labels, "table" is shown as it is."""

    title: str
    kind: Literal["labels", "table"]
    note: str


@dataclass(frozen=True)
class Table:
    """A table with its title and note; kind as in `About`."""

    title: str
    kind: str
    note: str
    rows: tuple[dict[str, Any], ...]


def available() -> list[str]:
    """Names in alphabetical order."""
    return sorted(path.stem for path in (store.weights_folder() / FOLDER).glob("*.csv"))


def read(name: str) -> Table:
    """A table; RunError where it does not fit."""
    place = store.weights_folder() / FOLDER / name
    about_blob = read_file(place.with_name(f"{name}.json"), AGAIN)
    table_blob = read_file(place.with_name(f"{name}.csv"), AGAIN)
    try:
        about = decode(About, parse(about_blob))
        rows = tables.rows(table_blob, COLUMNS[about.kind])
        cells = tuple({key: _value(text) for key, text in row.items()} for row in rows)
        _check_numbers(cells, NUMBERS[about.kind])
    except (PneumoError, ValueError) as error:
        raise RunError(f"{place}: the experiment's table does not fit ({error}); restore its two files") from error
    return Table(about.title, about.kind, about.note, cells)


def _check_numbers(cells: tuple[dict[str, Any], ...], columns: tuple[str, ...]) -> None:
    for number, row in enumerate(cells, 1):
        for column in columns:
            if not isinstance(row[column], float):
                raise ValueError(f"row {number} has {row[column]!r} under {column}; expected a number")


def _value(text: str) -> float | str:
    """A cell as a finite number, or as it stands."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text
