"""history.csv and predictions.csv of a run: written, and read with every row checked."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pneumo.runs.reading import AGAIN, RunError, read_file
from pneumo.schema import CLASS_NAMES, Predictions

FORMER_COLUMNS = {"part": "split"}  # of runs trained before the split had its name; they stay readable
PREDICTION_COLUMNS = ("name", "split", "patient", "label", "subtype", "logit", "probability")
Result = TypeVar("Result")


def history_as_csv(history: list[dict[str, Any]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(
        buffer, fieldnames=list(dict.fromkeys(key for row in history for key in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in history)
    return buffer.getvalue().encode()


def predictions_as_csv(predictions: Predictions) -> bytes:
    """ValueError where a probability is none, so that nothing is written that could not be read again."""
    _check(predictions)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(PREDICTION_COLUMNS)
    for *words, logit, probability in zip(*vars(predictions).values(), strict=True):
        writer.writerow([*words, f"{logit:.5f}", f"{probability:.6f}"])
    return buffer.getvalue().encode()


def read_history(path: Path) -> list[dict[str, float]]:
    """One row an epoch, epoch 0 is before training; empty cells are NaN. RunError where it does not fit."""

    def epochs(cells: list[dict[str, str]]) -> list[dict[str, float]]:
        table = [{key: float(value) if value else float("nan") for key, value in row.items()} for row in cells]
        for number, row in enumerate(table, 1):
            if not 0 <= row["epoch"] < 1e9 or row["epoch"] % 1:
                raise ValueError(f"row {number} has the epoch {row['epoch']}; expected a whole number of 0 or more")
        return table

    return _parse(read_file(path), path, ("epoch",), epochs)


def read_predictions(path: Path) -> Predictions:
    """RunError where a column is missing, a row is too short or long, or a label or a probability is none."""
    return parse_predictions(read_file(path), path, PREDICTION_COLUMNS)


def parse_predictions(blob: bytes, path: Path, names: Sequence[str], split: str = "") -> Predictions:
    """Predictions from the bytes of a CSV file. path: for the message. split: what `splits` holds where there is no such column."""

    def columns(cells: list[dict[str, str]]) -> Predictions:
        texts = {name: [row.get(name, split) for row in cells] for name in PREDICTION_COLUMNS}
        result = Predictions(
            *(np.array(texts[name]) for name in ("name", "split", "patient")),
            np.array(texts["label"], dtype=np.int64),
            np.array(texts["subtype"]),
            np.array(texts["logit"], dtype=np.float64),
            np.array(texts["probability"], dtype=np.float64),
        )
        _check(result)
        return result

    return _parse(blob, path, names, columns)


def _check(predictions: Predictions) -> None:
    """ValueError that names the first row with a label, logit or probability outside its range."""
    with np.errstate(invalid="ignore"):
        for name, values, fits, words in (
            ("label", predictions.labels, np.isin(predictions.labels, range(len(CLASS_NAMES))), "0 or 1"),
            ("logit", predictions.logits, np.isfinite(predictions.logits), "a finite number"),
            ("probability", predictions.probabilities, abs(predictions.probabilities - 0.5) <= 0.5, "0 to 1"),
        ):
            if not fits.all():
                first = int(np.argmin(fits))
                raise ValueError(f"row {first + 1} has the {name} {values[first]}; expected {words}")


def _parse(blob: bytes, path: Path, columns: Sequence[str], parse: Callable[[list[dict[str, str]]], Result]) -> Result:
    try:
        return parse(rows(blob, columns))
    except (ValueError, OverflowError) as error:  # no UTF-8, no CSV, no number, one of too many digits
        raise RunError(f"{path} does not fit its schema: {error}. Restore the file, or {AGAIN}") from error


def rows(blob: bytes, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file in UTF-8, one or more, all as long as its header; ValueError otherwise.

    A byte order mark and the line ends of any system are taken as they come: spreadsheets write them.
    """
    reader = csv.DictReader(io.StringIO(blob.decode("utf-8-sig"), newline=""), strict=True)
    try:
        names, found = list(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    for former, name in FORMER_COLUMNS.items():
        if former in names and name in columns:
            found = [{name if key == former else key: value for key, value in row.items()} for row in found]
            names = [name if key == former else key for key in names]
    for column in columns:
        if column not in names:
            raise ValueError(f"missing column {column}")
    if len(set(names)) < len(names):
        raise ValueError("a column is there twice")
    if not found:
        raise ValueError("it has no rows")
    for number, row in enumerate(found, 1):
        if None in row or None in row.values():
            raise ValueError(f"row {number} is not as long as the header")
    return found
