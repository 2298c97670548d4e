"""python -m pneumo evaluate: a run measured on a data set."""

from __future__ import annotations

import argparse

from pneumo.cli.arguments import FINE, SOME_FAILED, SPLITS, add_json, add_threshold
from pneumo.cli.printing import Warnings, print_json, print_metrics, print_unreadable, progress_bar

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
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo import data, runs
    from pneumo.codec import encode
    from pneumo.inference import evaluation

    run = runs.load(options.run, "classification")
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
    return SOME_FAILED if result.unreadable else FINE
