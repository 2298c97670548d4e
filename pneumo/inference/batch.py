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
    NO_RESULT,
    REFUSED,
    SYNTHETIC,
    diagnose,
    is_indeterminate,
    is_refused,
    label_for,
    no_result,
    warnings_of,
)
from pneumo.inference.explanation import Heatmap
from pneumo.inference.input_check import InputCheck
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
VERDICT_NOTES = {  # in a few words, for a table
    "unusual": "Unusual for the training population.",
    "phantom": "Looks like a drawn phantom.",
}


# --- many files -------------------------------------------------------------------------------------------


def files_below(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and every file in the folders, in order; hidden files of folders are left out.

    Raises PneumoError for a path that is not there.
    """
    result: list[Path] = []
    for path in paths:
        if not path.exists():
            raise PneumoError(f"no file or folder {str(path)!r}")
        inside = sorted(p for p in path.rglob("*") if p.is_file() and p.name[0] != ".") if path.is_dir() else [path]
        result += inside
    return result


def diagnose_files(
    run: Run, paths: Iterable[Path], *, check: InputCheck | None = None, overridden: bool = False
) -> Iterator[tuple[Path, Diagnosis]]:
    """One Diagnosis a file; files that are too large are refused unread. gate, overridden: as in `diagnose`."""
    for path in paths:
        yield path, _diagnose_file(run, path, check, overridden)


def _diagnose_file(run: Run, path: Path, check: InputCheck | None, overridden: bool) -> Diagnosis:
    try:
        blob = radiograph.file_bytes(path)
    except PneumoError as error:
        return Diagnosis(path.name, error=str(error))
    return diagnose(run, blob, path.name, check=check, overridden=overridden)


# --- what a page or a file shows of many ------------------------------------------------------------------


def table(run: Run, results: Iterable[Diagnosis], threshold: float) -> list[dict[str, str | float | None]]:
    """One row a file: file, probability, label, threshold, model, weights_sha256, gate, warnings, error, and a note of a few words.

    gate: the verdict, "overridden" where a refusal was, empty where no gate was asked. label: None where the file was refused or has no answer. note: the reason of a refusal is in error alone.
    """
    return [
        {
            "file": result.name,
            "probability": result.probability,
            "label": label_for(result, threshold),
            "threshold": threshold,
            "model": run.card.name,
            "weights_sha256": run.card.weights.sha256,
            "input_check": input_check_verdict(result),
            "warnings": " ".join(warnings_of(result)),
            "error": result.error or "",
            "note": "Not read." if result.error else _note(run, result),
        }
        for result in results
    ]


def input_check_verdict(result: Diagnosis) -> str:
    """The gate's verdict in a word; "overridden" where it refused and a person went on."""
    if result.assessment is None:
        return ""
    return "overridden" if is_refused(result) and result.overridden else result.assessment.verdict


def _note(run: Run, result: Diagnosis) -> str:
    reason = no_result(result)
    short = "no chest radiograph" if reason and reason.startswith(REFUSED) else reason
    words = [f"No answer: {short}."] if reason else []
    if not reason and is_indeterminate(run.card.indeterminate, result.probability):
        words.append("Indeterminate.")
    if result.overridden and is_refused(result):
        words.append("Answered against the gate.")
    others = [warning for warning in result.warnings if warning.code not in NO_RESULT]
    if result.assessment and not any(warning.code == SYNTHETIC.code for warning in others):
        words += [VERDICT_NOTES[result.assessment.verdict]] if result.assessment.verdict in VERDICT_NOTES else []
    return " ".join(words + [NOTES.get(warning.code, warning.message) for warning in others])


def table_csv(rows: list[dict[str, str | float | None]]) -> bytes:
    """The rows as UTF-8 CSV with a byte order mark, as spreadsheets want it."""
    columns = (
        "file",
        "probability",
        "label",
        "threshold",
        "model",
        "weights_sha256",
        "input_check",
        "warnings",
        "error",
    )
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


def overlays_zip(images: Iterable[tuple[Diagnosis, dict[str, Heatmap]]]) -> bytes:
    """A zip with one PNG per file: the radiograph under the heatmap for PNEUMONIA; plain where it has no evidence."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed already
        for number, (result, heatmaps) in enumerate(images, 1):
            heat = heatmaps[CLASS_NAMES[POSITIVE]]
            painted = overlay(result.radiograph.pixels, heat.values) if heat.has_evidence else result.radiograph.pixels
            stem = re.sub(r"[^\w.-]+", "_", Path(result.name).stem)[:80]
            archive.writestr(f"{number:03d}-{stem}.png", radiograph.encode_png(painted))
    return buffer.getvalue()
