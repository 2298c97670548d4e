"""python -m pneumo robustness: a run on corrupted radiographs."""

from __future__ import annotations

import argparse
from typing import Any

from pneumo import files
from pneumo.cli.arguments import FINE, MAX_IMAGES, SPLITS, add_json, whole
from pneumo.cli.printing import print_json, progress_bar
from pneumo.formatting import printable, probability, rate, score

SUMMARY = "apply twelve corruptions to held-out radiographs and measure what the run loses"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="a name in weights/ or a folder; default: the default run"
    )
    parser.add_argument("--data", required=True, metavar="SOURCE", help="the source that the run was trained on")
    parser.add_argument("--split", "--part", dest="split", choices=SPLITS[1:], default="validation")
    parser.add_argument(
        "--images", type=whole(0, MAX_IMAGES), default=0, metavar="N", help="at most N images; default: all"
    )
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="write robustness.json into the run's folder and make the threshold that was found its default",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.inference import robustness

    run = runs.load(options.run, "classification")
    if options.adopt:
        files.check_folder(run.folder)
    result = robustness.measure(
        run, options.data, options.split, options.images, progress_bar("corruptions", "corruption")
    )
    point = None
    if options.adopt:
        point = robustness.adopt(run.folder, result)
        robustness.save(run.folder, result)
    if options.json:
        print_json(result)
    else:
        _print_result(result, point)
    return FINE


def _print_result(result: Any, point: Any) -> None:
    """result: a Robustness; point: the operating point that was adopted, or None."""
    print(
        f"{printable(result.run)}: n = {result.n:,} {result.split} images of {result.patients:,} patients, "
        f"threshold {probability(result.threshold)}"
    )
    for row in result.rows:
        print(
            f"  {row.corruption:<15} {row.severity}  AUROC {score(row.auroc, 4)} (loss {row.auroc_lost:+.4f})  "
            f"sensitivity {rate(row.sensitivity):>6}  specificity {rate(row.specificity):>6}"
        )
    print(f"threshold that does best over all corruptions: {probability(result.best_threshold)}")
    if point:
        print(
            f"adopted threshold {probability(point.threshold)}: sensitivity {rate(point.sensitivity)}, "
            f"specificity {rate(point.specificity)} on validation patients"
        )
    if result.family_probe:
        probe = result.family_probe
        print(
            f"telling the two kinds of file names apart: AUROC {score(probe.auroc)} from the run's features, "
            f"{score(probe.baseline)} from grey-level statistics (n = {probe.n:,})"
        )
