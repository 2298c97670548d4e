"""Options that several commands take, and the exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from pneumo.formatting import shortened

FINE, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
MAX_SEED = 2**32 - 1  # what NumPy, scikit-learn and torch all take
MAX_IMAGES = 10_000_000
SPLITS = ("train", "validation", "test")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout, and nothing else there")


def add_image_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        type=place,
        required=True,
        metavar="FILE",
        help="the ending says the format: .png, .jpg (quality 95), .webp, .tif or .bmp",
    )


def add_threshold(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threshold",
        type=probability,
        metavar="P",
        help="the probability from which PNEUMONIA counts as found, 0 to 1; default: the run's default operating point",
    )


def place(text: str) -> Path:
    """A file or folder to write to. An empty word would be the folder one is in; argparse shows the error and exits with 2."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError("expected a name; got an empty one, or one with a NUL character")
    return Path(text)


def whole(least: int, most: int) -> Callable[[str], int]:
    """A converter for argparse: a whole number from `least` to `most`, in the digits 0 to 9."""

    def convert(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= 30 and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(
                f"{shortened(text, 40)}: expected a whole number from {least:,} to {most:,}"
            )
        return int(text)

    return convert


def probability(text: str) -> float:
    """A number in 0..1; argparse shows the error and exits with 2."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a probability; expected a number from 0 to 1")
    return value
