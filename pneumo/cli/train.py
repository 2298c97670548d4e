"""python -m pneumo train: a recipe becomes a run, or several with folds, seeds and sweeps."""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pneumo.cli.arguments import FINE, SOME_FAILED, place
from pneumo.cli.printing import TrainingBar, Warnings, print_metrics, print_unreadable, progress_bar
from pneumo.formatting import counted, printable, shortened
from pneumo.schema import PneumoError

MOST_FOLDS = 100  # folds or seeds: each is a training of its own
SUMMARY = "train a recipe and save the run"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's name; an unknown name lists them all")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="settings to change, e.g. epochs=5 image_size=64; folds=5 or seeds=3 trains several times, and "
        "sweep.SETTING=A,B,C once for every value, with a table of results",
    )
    parser.add_argument("--data", metavar="SOURCE", help="default: the recipe's own source, which is phantom")
    parser.add_argument("--out", type=place, metavar="DIR", help="default: runs/RECIPE")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in --out, if there is one")


def take_overrides(options: argparse.Namespace, rest: Sequence[str]) -> list[str]:
    """Adds key=value words that stood between options to options.overrides; returns what is none."""
    options.overrides += [word for word in rest if "=" in word and word[0] != "-"]
    return [word for word in rest if "=" not in word or word[0] == "-"]


def run(options: argparse.Namespace) -> int:
    from pneumo.training import recipes

    overrides = list(options.overrides)
    if options.data:
        overrides.append(f"data.source={json.dumps(options.data)}")
    overrides, plan = _plan(overrides)
    recipe = recipes.override(recipes.get(options.recipe), overrides)
    folder = options.out or Path("runs") / recipe.name
    stop = _stop_on_signals()
    if plan:
        return _train_several(recipe, plan, folder, options.resume, stop)
    return _train_once(recipe, folder, options.resume, stop)


def _train_once(recipe: Any, folder: Path, resume: bool, stop: threading.Event) -> int:
    from pneumo import training

    if resume and not training.has_checkpoint(folder):
        print(f"no checkpoint in {printable(folder)}: training starts from the beginning", file=sys.stderr)
    try:
        outcome = training.train(
            recipe,
            folder,
            resume=resume,
            progress=TrainingBar(),
            decoding=progress_bar("reading images"),
            stop=stop,
            warn=Warnings(),
        )
    except training.Interrupted:
        print(
            f"stopped; {printable(folder)} holds the checkpoint. To continue, add --resume to the same command",
            file=sys.stderr,
        )
        return SOME_FAILED
    speaks = training.is_main_process()
    training.finish_processes()
    if not speaks:  # one of several processes under `accelerate launch`
        return FINE
    print_unreadable(outcome.unreadable)
    card = outcome.card
    print(f"{printable(folder)}: best epoch {card.best_epoch} of {card.epochs_run}, {card.minutes} minutes")
    if outcome.diverged:
        print(f"warning: {outcome.diverged}", file=sys.stderr)
    for split, metrics in card.metrics.items():
        print_metrics(split, metrics)
    return FINE


def _plan(words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Settings to change, and what asks for several trainings: folds=K, seeds=K, sweep.SETTING=A,B,C."""
    plain, plan = [], {}
    for word in words:
        key, _, text = word.partition("=")
        if key in ("folds", "seeds"):
            if not re.fullmatch("[0-9]{1,9}", text) or not 2 <= int(text) <= MOST_FOLDS:
                raise PneumoError(f"{shortened(word)}: expected a whole number from 2 to {MOST_FOLDS}, e.g. {key}=3")
            plan[key] = int(text)
        elif key.startswith("sweep."):
            plan.setdefault("sweep", {})[key.removeprefix("sweep.")] = text.split(",")
        else:
            plain.append(word)
    return plain, plan


def _train_several(recipe: Any, plan: dict[str, Any], folder: Path, resume: bool, stop: threading.Event) -> int:
    from pneumo import training
    from pneumo.training import experiments

    planned = experiments.variations(recipe, **plan)

    def started(number: int, total: int, variation: Any) -> None:
        print(f"training {number} of {total}: {variation.name}", file=sys.stderr)

    try:
        rows = experiments.run_all(
            planned,
            folder,
            resume=resume,
            started=started,
            progress=TrainingBar(),
            decoding=progress_bar("reading images"),
            stop=stop,
            warn=Warnings(),
        )
    except training.Interrupted:
        print(
            f"stopped; {printable(folder)} holds what is done. To continue, add --resume to the same command",
            file=sys.stderr,
        )
        return SOME_FAILED
    print(
        f"{printable(folder / experiments.RESULTS_FILE)}: {counted(len(rows), 'training')}, measured on validation patients"
    )
    for row in experiments.summarise(rows):
        print("  " + ", ".join(f"{key} {_cell(value)}" for key, value in row.items() if value is not None))
    if plan.get("folds") and not plan.get("seeds") and not plan.get("sweep"):
        print_metrics("all folds together", experiments.pooled(experiments.out_of_fold(folder, planned)))
    return FINE


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else printable(value)


def _stop_on_signals() -> threading.Event:
    """Set by the first Ctrl-C or termination request; a second Ctrl-C stops at once."""
    stop = threading.Event()

    def request(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("\nstopping after this step; a checkpoint will be written ...", file=sys.stderr)

    signal.signal(signal.SIGINT, request)
    signal.signal(signal.SIGTERM, request)
    return stop
