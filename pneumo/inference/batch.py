"""Many files at once: diagnoses, their table, CSV and overlays."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from pneumo.images import radiograph
from pneumo.images.overlays import overlay
from pneumo.inference.diagnosis import (
    NO_ANSWER,
    REFUSED,
    SYNTHETIC,
    answer,
    diagnose,
    is_indeterminate,
    is_refused,
    no_answer,
    warnings_of,
)
from pneumo.inference.explanation import Heatmap
from pneumo.inference.input_check import Gate
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, POSITIVE, Diagnosis, PneumoError

NOTES = {  # cautions in a few words, for a table
    "synthetic": "A drawn phantom.",
    "generated": "Synthetic, drawn by a GAN.",
    "colour": "Was in colour.",
    "dark16": "Dark 16-bit values, stretched.",
    "uniform": "Nearly uniform.",
    "small": "Small picture.",
    "aspect": "Unusual proportions.",
    "inverted": "Looks inverted.",
    "burned_in": "Check for burned-in text.",
}
GATE_NOTES = {  # in a few words, for a table
    "unusual": "Unusual for the training population.",
    "phantom": "Looks like a drawn phantom.",
}


# --- many files -------------------------------------------------------------------------------------------


def files_below(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and every file in the folders, in order; hidden files of folders are left out.

    Raises PneumoError for a path that is not there.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise PneumoError(f"no file or folder {str(path)!r}")
        inside = sorted(p for p in path.rglob("*") if p.is_file() and p.name[0] != ".") if path.is_dir() else [path]
        found += inside
    return found


def diagnose_files(
    run: Run, paths: Iterable[Path], *, gate: Gate | None = None, overridden: bool = False
) -> Iterator[tuple[Path, Diagnosis]]:
    """One Diagnosis a file; files that are too large are refused unread. gate, overridden: as in `diagnose`."""
    for path in paths:
        yield path, _diagnose_file(run, path, gate, overridden)


def _diagnose_file(run: Run, path: Path, gate: Gate | None, overridden: bool) -> Diagnosis:
    try:
        blob = radiograph.file_bytes(path)
    except PneumoError as error:
        return Diagnosis(path.name, error=str(error))
    return diagnose(run, blob, path.name, gate=gate, overridden=overridden)


# --- what a page or a file shows of many ------------------------------------------------------------------


def table(run: Run, results: Iterable[Diagnosis], threshold: float) -> list[dict[str, str | float | None]]:
    """One row a file: file, probability, label, threshold, model, weights_sha256, gate, warnings, error, and a note of a few words.

    gate: the verdict, "overridden" where a refusal was, empty where no gate was asked. label: None where the file was refused or has no answer. note: the reason of a refusal is in error alone.
    """
    return [
        {
            "file": found.name,
            "probability": found.probability,
            "label": answer(found, threshold),
            "threshold": threshold,
            "model": run.card.name,
            "weights_sha256": run.card.weights.sha256,
            "gate": gate_word(found),
            "warnings": " ".join(warnings_of(found)),
            "error": found.error or "",
            "note": "Not read." if found.error else _note(run, found),
        }
        for found in results
    ]


def gate_word(found: Diagnosis) -> str:
    """The gate's verdict in a word; "overridden" where it refused and a person went on."""
    if found.admission is None:
        return ""
    return "overridden" if is_refused(found) and found.overridden else found.admission.verdict


def _note(run: Run, found: Diagnosis) -> str:
    reason = no_answer(found)
    short = "no chest radiograph" if reason and reason.startswith(REFUSED) else reason
    words = [f"No answer: {short}."] if reason else []
    if not reason and is_indeterminate(run.card.indeterminate, found.probability):
        words.append("Indeterminate.")
    if found.overridden and is_refused(found):
        words.append("Answered against the gate.")
    others = [caution for caution in found.cautions if caution.code not in NO_ANSWER]
    if found.admission and not any(caution.code == SYNTHETIC.code for caution in others):
        words += [GATE_NOTES[found.admission.verdict]] if found.admission.verdict in GATE_NOTES else []
    return " ".join(words + [NOTES.get(caution.code, caution.message) for caution in others])


def table_csv(rows: list[dict[str, str | float | None]]) -> bytes:
    """The rows as UTF-8 CSV with a byte order mark, as spreadsheets want it."""
    columns = ("file", "probability", "label", "threshold", "model", "weights_sha256", "gate", "warnings", "error")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return buffer.getvalue().encode("utf-8-sig")


def _cell(value: str | float | None) -> str:
    """A file name that a spreadsheet would run as a formula gets an apostrophe in front."""
    if isinstance(value, float):
        return f"{value:.6f}"
    text = value or ""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def overlays_zip(pictures: Iterable[tuple[Diagnosis, dict[str, Heatmap]]]) -> bytes:
    """A zip with one PNG per file: the radiograph under the heatmap for PNEUMONIA; plain where it has no evidence."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed already
        for number, (found, heatmaps) in enumerate(pictures, 1):
            heat = heatmaps[CLASS_NAMES[POSITIVE]]
            painted = overlay(found.radiograph.pixels, heat.values) if heat.has_evidence else found.radiograph.pixels
            stem = re.sub(r"[^\w.-]+", "_", Path(found.name).stem)[:80]
            archive.writestr(f"{number:03d}-{stem}.png", radiograph.encode_png(painted))
    return buffer.getvalue()
