"""A table of local cases, as a hospital or a spreadsheet writes it: a probability and the truth for each radiograph.

CSV in UTF-8, with commas, semicolons or tabs between columns and a point or a comma in numbers. Nothing is guessed about the truth.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pneumo.formatting import counted, listed, shortened
from pneumo.metrics import recalibration
from pneumo.schema import PneumoError

MOST_ROWS, MOST_BYTES = 20_000, 5_000_000
PROBABILITY = ("probability", "prob", "p", "score", "probability of pneumonia")
LOGIT = ("logit",)
TRUTH = ("truth", "true", "actual", "diagnosis", "target", "y", "class")
LABEL = ("label",)  # the truth too, but in a table of Diagnose it is what the model said
PATIENT = ("patient", "patient id", "patient_id", "patientid", "subject")
OURS = ("threshold", "weights_sha256")  # columns that only a table of Diagnose has
POSITIVE = {"1", "1.0", "pneumonia", "positive", "pos", "yes", "true"}
NEGATIVE = {"0", "0.0", "normal", "negative", "neg", "no", "false"}


@dataclass(frozen=True, eq=False)
class Cases:
    """labels: (N,) int, 1 = PNEUMONIA. logits: (N,) float64, of today's probabilities. patients: (N,) str. left_out: rows without a truth."""

    labels: np.ndarray
    logits: np.ndarray
    patients: np.ndarray
    left_out: int = 0


def read(blob: bytes) -> Cases:
    """Cases from a CSV file's bytes. PneumoError says what is missing or where the first wrong value stands."""
    names, rows = _table(blob)
    probability, logit = _column(names, PROBABILITY), _column(names, LOGIT)
    truth = _column(names, TRUTH)
    if truth is None and not any(_column(names, (each,)) is not None for each in OURS):
        truth = _column(names, LABEL)
    if truth is None and _column(names, LABEL) is not None:
        raise PneumoError(
            "this is a table of Diagnose: its column “label” is what the model said. Add a column “truth” with NORMAL or PNEUMONIA"
        )
    if truth is None:
        raise PneumoError(f"no column with the truth; name one “truth”. {_there_are(names)}")
    if probability is None and logit is None:
        raise PneumoError(f"no column with the probability; name one “probability”. {_there_are(names)}")
    patient = _column(names, PATIENT)
    labels, logits, patients, left_out = [], [], [], 0
    for number, row in enumerate(rows, 2):
        if not row[truth].strip() or not row[probability if logit is None else logit].strip():
            left_out += 1
            continue
        labels.append(_label(row[truth], number))
        logits.append(_number(row[logit], number, "logit") if logit is not None else _logit(row[probability], number))
        patients.append(row[patient].strip() or f"row {number}" if patient is not None else f"row {number}")
    if not labels:
        raise PneumoError("no row has both a truth and a probability")
    return Cases(np.array(labels), np.array(logits, dtype=np.float64), np.array(patients), left_out)


def _table(blob: bytes) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and the rows, all as long as they."""
    if len(blob) > MOST_BYTES:
        raise PneumoError(f"the file has {len(blob) / 1e6:.0f} MB; expected up to {MOST_BYTES // 1_000_000}")
    try:
        text = blob.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PneumoError("the file is no text in UTF-8; save the table as CSV (UTF-8)") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    try:
        found = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise PneumoError(f"the file is no CSV table: {error}") from error
    if len(found) < 2:
        raise PneumoError(
            "the file has no rows below its header; expected the names of the columns, then a row a radiograph"
        )
    names, *rows = found
    if len(rows) > MOST_ROWS:
        raise PneumoError(f"the table has {len(rows):,} rows; expected up to {MOST_ROWS:,}")
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise PneumoError(
                f"row {number} has {counted(len(row), 'cell')}, the header has {len(names)}; a decimal comma needs semicolons between cells"
            )
    return [name.strip().lower() for name in names], rows


def _column(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(each) for each in wanted if each in names), None)


def _there_are(names: Sequence[str]) -> str:
    return f"The columns are {listed([shortened(name, 40) for name in names[:12]])}"


def _label(text: str, number: int) -> int:
    word = text.strip().lower()
    if word in POSITIVE or word in NEGATIVE:
        return int(word in POSITIVE)
    raise PneumoError(f"row {number} has the truth {shortened(text, 40)}; expected PNEUMONIA or NORMAL, or 1 or 0")


def _number(text: str, number: int, what: str) -> float:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise PneumoError(f"row {number} has the {what} {shortened(text, 40)}, which is no number")
    return value


def _logit(text: str, number: int) -> float:
    plain = text.strip()
    value = _number(plain.removesuffix("%"), number, "probability") / (100 if plain.endswith("%") else 1)
    if not 0 <= value <= 1:
        raise PneumoError(
            f"row {number} has the probability {shortened(text, 40)}; expected 0 to 1, or a percentage with %"
        )
    return float(recalibration.logits_of(np.array([value]))[0])
