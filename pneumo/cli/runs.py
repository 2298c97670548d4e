"""python -m pneumo runs: what is in weights/."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pneumo.cli.arguments import FINE, SOME_FAILED, add_json
from pneumo.cli.printing import print_json
from pneumo.formatting import printable, score, with_interval
from pneumo.schema import Metrics

SUMMARY = "list the runs in weights/"


def add_options(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.runs import evaluations

    cards = {name: runs.read_card(runs.weights_folder() / name) for name in runs.available()}
    sets = {name: evaluations.look(runs.resolve(name), card) for name, card in cards.items()}
    cards = {name: evaluations.with_sets(card, sets[name].current) for name, card in cards.items()}
    default, reasons = "", runs.unusable()
    try:
        default = runs.default_name() if cards or reasons else ""
    except runs.RunError as error:
        reasons[runs.DEFAULT_FILE] = str(error)
    if default and default not in cards and default not in reasons:
        reasons[default] = (
            f"{runs.DEFAULT_FILE} names it, and there is no such run; there are: {', '.join(cards) or 'none'}"
        )
    if options.json:
        print_json([_row(card, name, name == default) for name, card in cards.items()])
    else:
        for name, card in cards.items():
            print(_line(card, name, name == default))
    for name, found in sets.items():
        reasons |= {f"{name}, {each}": reason for each, reason in found.broken.items()}
    for name, reason in reasons.items():
        print(f"{printable(name)} cannot be used: {reason}", file=sys.stderr)
    return SOME_FAILED if reasons else FINE


def _row(card: Any, name: str, default: bool) -> dict[str, Any]:
    return {
        "name": name,
        "model": card.model,
        "default": default,
        "task": card.task,
        "parameters": card.weights.parameters,
        "size_bytes": card.weights.size_bytes,
        "image_size": card.image.size,
        "metrics": card.metrics,
    }


def _line(card: Any, name: str, default: bool) -> str:
    from pneumo.runs.evaluations import in_order

    metrics = card.metrics[in_order(card.metrics)[0]] if card.metrics else None
    return (
        f"{printable(name):<24} {card.model:<22} {card.weights.parameters:>10,} parameters  {card.image.size:>3} px  "
        f"{_area(metrics) if metrics else card.task}{'  (default)' if default else ''}"
    )


def _area(metrics: Metrics) -> str:
    return f"AUROC {with_interval(metrics.auroc, metrics.ci95.get('auroc'), score)}, n = {metrics.n:,}"
