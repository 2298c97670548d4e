"""Dataclasses to plain JSON values and back; what comes back is checked, and the place of a mistake is named.

pydantic does the checking, strictly: nothing is converted but a whole number where a float is meant. `pneumo.schema` stays
plain dataclasses, so only what reads files pays for the import.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import reprlib
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from pneumo.formatting import nearest
from pneumo.schema import PneumoError

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
EXPECTED = {  # pydantic's error type: what people are told
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "an object",
    "dataclass_type": "an object",
}
UNKNOWN_KEY = "unexpected_keyword_argument"


def encode(value: Any) -> Any:
    """Dataclasses, tuples and dicts as plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    return value


def decode(kind: type, value: Any) -> Any:
    """The reverse of `encode`: an instance of the dataclass `kind` from plain JSON values, checked.

    Unknown keys, missing keys, wrong types and numbers that are not finite raise PneumoError naming the place, e.g.
    "recipe.image.size".
    """
    try:
        [result] = _adapter(kind).validate_json(_text(kind, value))
    except ValidationError as error:
        raise PneumoError(_message(kind, error)) from None
    return result


def parse(blob: bytes) -> Any:
    """JSON values from bytes in UTF-8. PneumoError where they are no JSON, have too many levels, or have a key twice, where it
    would depend on the reader which of the two values counts."""
    try:
        return json.loads(blob, object_pairs_hook=_once)
    except RecursionError:
        raise PneumoError("it has too many levels; expected a few") from None
    except PneumoError:
        raise
    except ValueError as error:  # no JSON, no UTF-8, a number of too many digits
        raise PneumoError(f"it cannot be read as JSON ({error})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise PneumoError(f"the key {reprlib.repr(key)} is there twice; expected it once")
        result[key] = value
    return result


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    """Of a tuple with one `kind`: a plain dataclass takes the settings of what is around it."""
    return TypeAdapter(tuple[kind], config=STRICT)


def _text(kind: type, value: Any) -> str:
    try:
        return json.dumps([value], allow_nan=False)
    except RecursionError:
        raise PneumoError(f"{kind.__name__} has too many levels; expected a few") from None
    except ValueError:  # NaN or Infinity, which pydantic would let pass where anything is allowed
        for place, number in _not_finite(value):
            raise PneumoError(f"{_place(place) or kind.__name__} is {number!r}; expected a finite number") from None
        raise PneumoError(f"{kind.__name__} holds a number of too many digits") from None


def _not_finite(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], float]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield place, value
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, item in inside:
        yield from _not_finite(item, (*place, key))


def _message(kind: type, error: ValidationError) -> str:
    """The first mistake in words; unknown keys before others, because a misspelt key is also a missing one."""
    first = min(error.errors(include_url=False), key=lambda each: each["type"] != UNKNOWN_KEY)
    steps, came = first["loc"][1:], reprlib.repr(first["input"])
    place = _place(steps)
    if first["type"] == UNKNOWN_KEY:
        return f"unknown key {place}{nearest(str(steps[-1]), _fields_at(kind, steps[:-1]))}"
    if first["type"] == "missing":
        return f"missing key {place}"
    if first["type"] == "value_error":  # a check of the dataclass's own, which names the place
        return str(first["ctx"]["error"])
    if first["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return f"{place} is {came}; expected one of {', '.join(map(repr, known))}{nearest(str(first['input']), known)}"
    if first["type"] == "json_invalid":  # half a surrogate pair, or hundreds of levels
        return f"{kind.__name__} cannot be read as JSON: {first['ctx']['error']}"
    return f"{place or kind.__name__} is {came}; expected {EXPECTED.get(first['type'], first['msg'])}"


def _place(steps: tuple[Any, ...]) -> str:
    """("image", "mean", 0) as "image.mean[0]"."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _fields_at(kind: Any, steps: tuple[Any, ...]) -> list[str]:
    """The fields of the dataclass at a place inside `kind`."""
    for step in steps:
        if dataclasses.is_dataclass(kind):
            kind = typing.get_type_hints(kind)[step]
        else:  # tuple[X, ...] or dict[str, X]
            kind = typing.get_args(kind)[0 if isinstance(step, int) else 1]
        if type(None) in typing.get_args(kind):
            kind = next(each for each in typing.get_args(kind) if each is not type(None))
    return [f.name for f in dataclasses.fields(kind)]
