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

    cards = {name: runs.read_card(runs.weights_folder() / name) for name in runs.available()}
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
    metrics = card.metrics.get("test") or next(iter(card.metrics.values()), None)
    return (
        f"{printable(name):<24} {card.model:<22} {card.weights.parameters:>10,} parameters  {card.image.size:>3} px  "
        f"{_area(metrics) if metrics else card.task}{'  (default)' if default else ''}"
    )


def _area(metrics: Metrics) -> str:
    return f"AUROC {with_interval(metrics.auroc, metrics.ci95.get('auroc'), score)}, n = {metrics.n:,}"
