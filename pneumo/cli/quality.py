"""python -m pneumo quality: a GAN's samples against real radiographs."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from pneumo import files
from pneumo.cli.arguments import FINE, MAX_IMAGES, add_json, whole
from pneumo.cli.printing import TrainingBar, print_json, progress_bar
from pneumo.formatting import printable, probability, rate, score, span, with_interval

MAX_SETS = 100  # of samples: each takes a minute
SUMMARY = "compare a GAN's samples with held-out and with training radiographs"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run of a GAN")
    parser.add_argument("--data", required=True, metavar="SOURCE", help="the source that the run was trained on")
    parser.add_argument(
        "--encoder", metavar="RUN", help="the run whose features are compared; default: resnet18_frozen"
    )
    parser.add_argument("--classifier", metavar="RUN", help="the run that classifies samples; default: the default run")
    parser.add_argument(
        "--seeds", type=whole(1, MAX_SETS), default=3, metavar="N", help=f"sets of samples, 1 to {MAX_SETS}; default: 3"
    )
    parser.add_argument(
        "--images",
        type=whole(0, MAX_IMAGES),
        default=0,
        metavar="N",
        help="at most N images of each kind; default: all",
    )
    parser.add_argument(
        "--tstr",
        "--crossed",
        dest="tstr",
        action="store_true",
        help="also train a classifier on samples and test it on real radiographs (TSTR), and the reverse (TRTS)",
    )
    parser.add_argument("--save", action="store_true", help="write quality.json into the run's folder")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo import runs, training
    from pneumo.generators import quality, quality_report

    gan = runs.load(options.run, "gan")
    if options.save:
        files.check_folder(gan.folder)
    result = quality.measure(
        gan,
        runs.load(options.encoder or quality_report.ENCODER, "classification"),
        runs.load(options.classifier, "classification"),
        options.data,
        seeds=options.seeds,
        limit=options.images,
        progress=progress_bar("measuring", "step"),
    )
    if options.tstr:
        result = replace(result, tstr=training.tstr(gan, options.data, progress=TrainingBar()))
    if options.save:
        quality_report.save(gan.folder, result)
    if options.json:
        print_json(result)
    else:
        _print_quality(gan.card.name, result)
    return FINE


def _print_quality(name: str, result: Any) -> None:
    """result: a Quality."""
    near, memory = result.distances, result.memory
    print(
        f"{printable(name)}: n = {near.n:,}, {result.seeds} seeds, features of {result.encoder}; lowest and highest in brackets"
    )
    for each in ("frechet", "kernel", "precision", "recall"):
        value, floor = getattr(near, each), getattr(near, f"{each}_floor")
        print(f"  {each:<10} {_range(value, score):<24} real against real {score(floor)}")
    for where, each, places in (("pixels", memory.pixel, 4), ("features", memory.feature, 3)):

        def write(value: float, places: int = places) -> str:
            return score(value, places)

        print(
            f"  nearest training radiograph, {where:<8} {_range(each.generated, write)}; "
            f"held-out radiographs {write(each.held_out)} (95% {span(each.held_out_ci95, write)})"
        )
    print(f"  nearer to one, in pixels, than 99% of the held-out radiographs are: {rate(memory.copies.mean, 2)}")
    for each in result.asked:
        print(
            f"  asked for {each.wanted}: {result.classifier} agrees on {rate(each.agreed.mean)} (n = {each.n:,}), "
            f"median probability {probability(each.probability.mean)}"
        )
    for each in result.tstr:
        print(
            f"  trained on {each.trained_on}, tested on {each.tested_on}: "
            f"AUROC {with_interval(each.auroc, each.ci95, score)}, n = {each.n:,}"
        )


def _range(value: Any, write: Any) -> str:
    """Mean, lowest and highest over the seeds."""
    return f"{write(value.mean)} ({write(value.low)} to {write(value.high)})"
