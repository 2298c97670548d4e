"""python -m pneumo ensemble: several runs as one."""

from __future__ import annotations

import argparse
from pathlib import Path

from pneumo.cli.arguments import FINE, place
from pneumo.cli.printing import print_metrics, progress_bar
from pneumo.formatting import listed, printable

SUMMARY = "average the probabilities of several runs, as a new run"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="two runs or more, trained on the same patients")
    parser.add_argument("--data", required=True, metavar="SOURCE", help="the source that the runs were trained on")
    parser.add_argument("--out", type=place, metavar="DIR", help="default: runs/ensemble")


def run(options: argparse.Namespace) -> int:
    from pneumo import training

    folder = options.out or Path("runs") / "ensemble"
    card = training.make_ensemble(options.runs, options.data, folder, progress_bar("reading images"))
    print(f"{printable(folder)}: mean of {listed(list(card.members))}")
    for split, metrics in card.metrics.items():
        print_metrics(split, metrics)
    return FINE
