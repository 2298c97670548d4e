"""The base of all errors that a user can mend, and what a number in a dataclass may be."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any


class PneumoError(ValueError):
    """Base of the errors a user can mend: the message says what came, what was expected, and the remedy."""


@dataclass(frozen=True)
class Range:
    """What a number may be: in words, as in "expected 1 or more", and as a check."""

    words: str
    fits: Callable[[float], bool]


def up_to(high: float) -> Range:
    """0 to high, both included."""
    return Range(f"0 to {high:g}", lambda value: 0 <= value <= high)


ONE_OR_MORE = Range("1 or more", lambda value: value >= 1)
NOT_NEGATIVE = Range("0 or more", lambda value: value >= 0)
ABOVE_ZERO = Range("a number above 0", lambda value: value > 0)
BELOW_ONE = Range("0 up to, not including, 1", lambda value: 0 <= value < 1)
SHARE = up_to(1)


def check_ranges(spec: Any, place: str = "") -> None:
    """Raises PneumoError for the first field of a dataclass that is outside its range. place: a prefix, e.g. "image."."""
    for name, limit in ranges(type(spec)).items():
        value = getattr(spec, name)
        if not limit.fits(value):
            raise PneumoError(f"{place}{name} is {value}; expected {limit.words}")


@cache
def ranges(kind: type) -> dict[str, Range]:
    """The ranges of a dataclass by field, from annotations of the form Annotated[int, Range(...)]."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {name: each.__metadata__[0] for name, each in hints.items() if hasattr(each, "__metadata__")}
