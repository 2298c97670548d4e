"""Options that several commands take, and the exit codes."""

from __future__ import annotations

import argparse

FINE, SOME_FAILED, USAGE = 0, 1, 2
SPLITS = ("train", "validation", "test")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout, and nothing else there")


def add_threshold(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threshold",
        type=probability,
        metavar="P",
        help="the probability from which PNEUMONIA counts as found, 0 to 1; default: the run's default operating point",
    )


def probability(text: str) -> float:
    """A number in 0..1; argparse shows the error and exits with 2."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a probability; expected a number from 0 to 1")
    return value
