"""python -m pneumo predict: one result a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pneumo.cli.arguments import FINE, SOME_FAILED, add_json, add_threshold
from pneumo.cli.printing import print_json, progress_bar
from pneumo.formatting import probability

SUMMARY = "print a result for every file; an unreadable file does not stop the others"
NO_DEVICE = "For teaching and demonstration only. Do not use it for diagnosis or treatment."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument("--run", metavar="RUN", help="a name in weights/ or a folder; default: the default run")
    add_threshold(parser)
    parser.add_argument(
        "--override-input-check",
        action="store_true",
        help="give a label even to images that the input check refuses; the output says so",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.inference import batch, input_check

    run = runs.load(options.run, "classification")  # a wrong name is refused before any folder is listed
    paths = batch.files_below(options.paths)
    threshold = run.card.point().threshold if options.threshold is None else options.threshold
    check = input_check.load()
    if check is None:
        print(f"no input check in {input_check.folder()}: any image gets a result", file=sys.stderr)
    rows, bar = [], progress_bar("reading", "file")
    results = batch.diagnose_files(run, paths, check=check, overridden=options.override_input_check)
    for done, (path, result) in enumerate(results, 1):
        rows.append(_row(path, result, threshold))
        bar(done, len(paths))
    if options.json:
        print_json(rows)
    else:
        print_rows(rows)
    return SOME_FAILED if any(row["error"] for row in rows) else FINE


def _row(path: Path, result: Any, threshold: float) -> dict[str, Any]:
    """The documented row of a Diagnosis."""
    from pneumo.codec import encode
    from pneumo.inference import diagnosis

    return {
        "path": str(path),
        "probability": result.probability,
        "label": diagnosis.label_for(result, threshold),
        "threshold": threshold,
        "warnings": diagnosis.warnings_of(result),
        "error": result.error or _refusal(result),
        "input_check": result.assessment and encode(result.assessment) | {"overridden": result.overridden},
    }


def _refusal(result: Any) -> str | None:
    """An image that the input check refused has an error, as a file that cannot be read has, unless a person overrode it."""
    from pneumo.inference import diagnosis

    if not diagnosis.is_refused(result) or result.overridden:
        return None
    way_out = ". If it is a chest radiograph, add --override-input-check" if diagnosis.can_override(result) else ""
    return f"{diagnosis.no_result(result)}{way_out}"


def print_rows(rows: list[dict[str, Any]]) -> None:
    """One line a file, its warnings below it."""
    for row in rows:
        if row["error"]:
            print(f"{row['path']}: {'refused' if row['input_check'] else 'not read'}: {row['error']}")
            continue
        said = (
            "no result"
            if row["label"] is None
            else f"{row['label']} (probability {probability(row['probability'])}, threshold {probability(row['threshold'])})"
        )
        print(f"{row['path']}: {said}")
        for warning in row["warnings"]:
            print(f"  warning: {warning}")
    print(NO_DEVICE, file=sys.stderr)
