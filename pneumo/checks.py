"""The base of all errors that a user can mend, what a number in a dataclass may be, and what may name a folder."""

from __future__ import annotations

import math
import re
import reprlib
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any


class PneumoError(ValueError):
    """Base of the errors a user can mend: the message says what came, what was expected, and the remedy."""


FOLDER_NAME = re.compile(r"\w[\w .,+=-]{0,99}")
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}  # of Windows


@dataclass(frozen=True)
class Range:
    """What a number may be: in words, as in "expected 1 or more", and as a check."""

    words: str
    fits: Callable[[float], bool]


def from_to(low: float, high: float, unit: str = "") -> Range:
    """low to high, both included. unit: what is counted, for people, e.g. "pixels"."""
    words = f"{_written(low)} to {_written(high)}{f' {unit}' if unit else ''}"
    return Range(words, lambda value: low <= value <= high)


def up_to(high: float, unit: str = "") -> Range:
    """0 to high, both included."""
    return from_to(0, high, unit)


def above_zero(high: float) -> Range:
    """Above 0, up to high."""
    return Range(f"a number above 0, up to {_written(high)}", lambda value: 0 < value <= high)


def _written(number: float) -> str:
    """ "4,294,967,295", "0.9"."""
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


ABOVE_ZERO = Range("a finite number above 0", lambda value: 0 < value < math.inf)
BELOW_ONE = Range("0 up to, not including, 1", lambda value: 0 <= value < 1)
SHARE = up_to(1)
EPOCHS = up_to(100_000)
INTENSITY = from_to(-1000, 1000)  # of means, in units of intensity / 255; ImageNet's are below 1
MOST_NUMBERS = 1000  # in a list
MOST_BATCH_VALUES = 2**28  # a gigabyte in float32, before the first layer has seen it
SEED = up_to(2**32 - 1)  # what NumPy, scikit-learn and torch all take


def check_ranges(spec: Any, place: str = "") -> None:
    """Raises PneumoError for the first field of a dataclass that is outside its range, or has a value outside it.

    place: a prefix, e.g. "image.".
    """
    for name, limit in ranges(type(spec)).items():
        value = getattr(spec, name)
        if isinstance(value, tuple):
            _check_each(value, limit, place + name)
        elif not limit.fits(value):
            raise PneumoError(f"{place}{name} is {_short(value)}; expected {limit.words}")


def _check_each(values: tuple[float, ...], limit: Range, place: str) -> None:
    """Raises PneumoError for the first of many numbers that is outside its range, or where there are over MOST_NUMBERS."""
    if len(values) > MOST_NUMBERS:
        raise PneumoError(f"{place} has {len(values):,} numbers; expected up to {MOST_NUMBERS:,}")
    for value in values:
        if not limit.fits(value):
            raise PneumoError(f"{place} has {_short(value)}; expected {limit.words}")


def check_batch(batch_size: int, channels: int, size: int) -> None:
    """Raises PneumoError for batches of (channels, size, size) images that no usual memory holds."""
    values = batch_size * channels * size**2
    if values > MOST_BATCH_VALUES:
        raise PneumoError(
            f"a batch of {batch_size} images with {channels} x {size} x {size} values has {values:,} of them; expected up "
            f"to {MOST_BATCH_VALUES:,}, or there is not enough memory. Choose a smaller batch_size or image_size"
        )


def check_folder_name(name: str, what: str) -> None:
    """Raises PneumoError for a name that would not make one folder below runs/, on every system. what: the name's name."""
    device = name.split(".")[0].rstrip().upper()
    if not FOLDER_NAME.fullmatch(name) or name[-1] in ". " or device in DEVICES or len(name.encode()) > 200:
        raise PneumoError(
            f"{what} is {reprlib.repr(name)}; expected 1 to 100 letters, digits, blanks and _ - + = , . that name one folder: "
            "beginning with a letter, a digit or _, not ending with a dot, and not reserved by a system (CON, NUL, COM1)"
        )


def _short(value: Any) -> str:
    """A number as a message repeats it, the middle of one with hundreds of digits left out."""
    try:
        return reprlib.repr(value) if isinstance(value, int) else str(value)
    except ValueError:  # over 4,300 digits, which Python does not write
        return "a number of thousands of digits"


@cache
def ranges(kind: type) -> dict[str, Range]:
    """The ranges of a dataclass by field, from annotations of the form Annotated[int, Range(...)]."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {name: each.__metadata__[0] for name, each in hints.items() if hasattr(each, "__metadata__")}
