"""python -m pneumo predict: one result a file, printed as soon as it is ready."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pneumo.cli.arguments import FINE, SOME_FAILED, add_json, add_threshold
from pneumo.formatting import counted, printable, probability

SUMMARY = "print a result for every file; an unreadable file does not stop the others"
NO_DEVICE = "Not a medical device. For teaching and demonstration only: do not use it for diagnosis or treatment."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument("--run", metavar="RUN", help="a name in weights/ or a folder; default: the default run")
    add_threshold(parser)
    parser.add_argument(
        "--override-input-check",
        action="store_true",
        help="give a label even to images that the input check refuses; the output says so",
    )
    parser.add_argument(
        "--stability",
        action="store_true",
        help="also how far eight small changes of each image move its probability; takes several times as long",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.inference import batch, input_check, input_check_report

    run = runs.load(options.run, "classification")  # a wrong name is refused before any folder is listed
    found = batch.files_below(options.paths)
    threshold = run.card.point().threshold if options.threshold is None else options.threshold
    check, told = None, False
    try:
        check = input_check.load()
    except runs.RunError as error:
        told = True
        print(f"the input check cannot be used, so any image gets a result: {error}", file=sys.stderr)
    if check is None and not told:
        print(f"no input check in {input_check_report.folder()}: any image gets a result", file=sys.stderr)
    if found.passed_over:
        print(
            f"passed over {counted(found.passed_over, 'file')} in the folders that are no images by their names (hidden, Thumbs.db, "
            "DICOMDIR and the like)",
            file=sys.stderr,
        )
    results = batch.diagnose_files(run, found.files, check=check, overridden=options.override_input_check, pixels=False)
    rows = (_row(run, path, result, threshold, options.stability) for path, result in results)
    shown = _shown(rows, len(found.files))
    failed = print_document(shown) if options.json else print_rows(shown)
    return SOME_FAILED if failed else FINE


def _shown(rows: Iterable[dict[str, Any]], total: int) -> Iterator[dict[str, Any]]:
    """The rows, each with the bar out of its way; the bar has files a second and the time left."""
    from tqdm import tqdm

    with tqdm(total=total, desc="reading", unit="file", leave=False, disable=None, file=sys.stderr) as bar:
        for row in rows:
            with tqdm.external_write_mode(file=sys.stdout):
                yield row
            bar.update()


def _row(run: Any, path: Path, result: Any, threshold: float, stability: bool) -> dict[str, Any]:
    """The documented row of a Diagnosis; `stability` is in it only where it was asked for."""
    from pneumo.codec import encode
    from pneumo.inference import diagnosis

    told, more = [], {}
    if stability:
        result = diagnosis.with_stability(run, result)
        more = {"stability": result.stability and encode(result.stability)}
        told = [diagnosis.UNSTABLE] if diagnosis.is_unstable(result, threshold) else []
    return {
        "path": str(path),
        "probability": result.probability,
        "label": diagnosis.label_for(result, threshold),
        "threshold": threshold,
        "warnings": diagnosis.warnings_of(result) + told,
        "error": result.error or _refusal(result),
        "input_check": result.assessment and encode(result.assessment) | {"overridden": result.overridden},
    } | more


def _refusal(result: Any) -> str | None:
    """An image that the input check refused has an error, as a file that cannot be read has, unless a person overrode it."""
    from pneumo.inference import diagnosis

    if not diagnosis.is_refused(result) or result.overridden:
        return None
    if not diagnosis.can_override(result):
        way_out = ""
    elif diagnosis.can_put_right(result):
        what = diagnosis.in_words(result.assessment, diagnosis.TO_PUT_RIGHT).capitalize()
        way_out = f". {what}, or add --override-input-check to read it as it is"
    else:
        way_out = ". If it is a frontal chest radiograph, add --override-input-check"
    return f"{diagnosis.no_result(result)}{way_out}"


def print_document(rows: Iterable[dict[str, Any]]) -> bool:
    """One JSON document, a row at a time, so that a long list is never held. Returns whether some row has an error."""
    failed, before = False, "[\n"
    try:
        for row in rows:
            print(before + textwrap.indent(json.dumps(row, indent=2, allow_nan=False), "  "), end="")
            failed, before = failed or bool(row["error"]), ",\n"
    finally:  # interrupted, it is still a document
        print("[]" if before == "[\n" else "\n]")
    return failed


def print_rows(rows: Iterable[dict[str, Any]]) -> bool:
    """One line a file, its warnings below it, at once. Returns whether some row has an error."""
    failed = False
    for row in rows:
        print("\n".join(_lines(row)), flush=True)
        failed = failed or bool(row["error"])
    print(NO_DEVICE, file=sys.stderr)
    return failed


def _lines(row: dict[str, Any]) -> Iterator[str]:
    """A name that breaks lines, or is no UTF-8, is escaped."""
    path = printable(row["path"])
    if row["error"]:
        yield f"{path}: {'refused' if row['input_check'] else 'not read'}: {row['error']}"
        return
    spread = row.get("stability")
    under = f", {probability(spread['low'])} to {probability(spread['high'])} under small changes" if spread else ""
    yield f"{path}: " + (
        "no result"
        if row["label"] is None
        else f"{row['label']} (probability {probability(row['probability'])}{under}, threshold {probability(row['threshold'])})"
    )
    yield from (f"  warning: {warning}" for warning in row["warnings"])
