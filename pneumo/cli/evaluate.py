"""python -m pneumo evaluate: a run measured on a data set."""

from __future__ import annotations

import argparse
import sys

from pneumo.cli.arguments import FINE, SOME_FAILED, SPLITS, add_json, add_threshold
from pneumo.cli.printing import Warnings, print_json, print_metrics, print_unreadable, progress_bar
from pneumo.formatting import printable

SUMMARY = "measure a run on every image of a data set (on its test split if it has splits)"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="a name in weights/ or a folder; default: the default run"
    )
    parser.add_argument("--data", required=True, metavar="SOURCE")
    add_threshold(parser)
    parser.add_argument(
        "--split", "--part", dest="split", choices=SPLITS, help="only the patients that were in this split of the run"
    )
    parser.add_argument("--flip", action="store_true", help="average each image with its mirror image")
    parser.add_argument(
        "--save", metavar="NAME", help="also keep it beside the run, as this set: evaluations/NAME.json and .csv"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from datetime import date

    from pneumo import data, files, runs
    from pneumo.codec import encode
    from pneumo.inference import evaluation
    from pneumo.runs import evaluations

    run = runs.load(options.run, "classification")
    if options.save is not None:  # what cannot be written is said before the work
        evaluations.check_name(options.save)
        files.check_folder(run.folder / evaluations.FOLDER)
    result = evaluation.evaluate(
        run,
        options.data,
        threshold=options.threshold,
        split=options.split,
        flip=options.flip,
        progress=progress_bar("reading images"),
    )
    Warnings()(data.sentences(result.notes, result.noticed))
    print_unreadable(result.unreadable)
    if options.json:
        about = {"unreadable": result.unreadable, "notes": encode(result.notes), "warnings": encode(result.noticed)}
        first = {"run": run.card.name, "data": result.source}
        print_json(first | encode(result.metrics) | about)
    else:
        print_metrics(f"{run.card.name} on {result.source} ({result.split})", result.metrics)
    if options.save is not None:
        place = evaluation.save(run, options.save, result, date.today())
        print(f"kept as {printable(place)}", file=sys.stderr)
    return SOME_FAILED if result.unreadable else FINE
