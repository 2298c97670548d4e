"""Dataclasses to plain JSON values and back; what comes back is checked, and the place of a mistake is named."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from typing import Any, Literal

from pneumo.formatting import nearest
from pneumo.schema import PneumoError


def encode(value: Any) -> Any:
    """Dataclasses, tuples and dicts as plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    return value


def decode(kind: Any, value: Any, where: str = "") -> Any:
    """The reverse of `encode`: a value of type `kind` from plain JSON, checked.

    Unknown keys, missing keys and wrong types raise PneumoError naming the place, e.g. "recipe.image.size".
    """
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, value, where)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return decode(next(a for a in args if a is not type(None)), value, where)
    if origin is Literal:
        if value not in args:
            hint = nearest(str(value), [str(a) for a in args])
            raise PneumoError(f"{where} is {value!r}; expected one of {', '.join(map(repr, args))}{hint}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise PneumoError(f"{where} is {value!r}; expected a list")
        return tuple(decode(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise PneumoError(f"{where} is {value!r}; expected an object")
        return {key: decode(args[1], item, f"{where}.{key}") for key, item in value.items()}
    return _decode_scalar(kind, value, where)


def _decode_scalar(kind: type, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= sys.float_info.max:  # JSON as Python reads it has NaN, Infinity and 1e999
            raise PneumoError(f"{where} is {value!r}; expected a finite number")
        return float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise PneumoError(f"{where} is {value!r} ({type(value).__name__}); expected {kind.__name__}")
    return value


def _decode_dataclass(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise PneumoError(f"{where or kind.__name__} is {value!r}; expected an object")
    hints = typing.get_type_hints(kind)
    prefix = f"{where}." if where else ""
    known = {f.name: f for f in dataclasses.fields(kind)}
    for key in value:
        if key not in known:
            raise PneumoError(f"unknown key {prefix}{key}{nearest(key, known)}")
    for name, f in known.items():
        has_default = f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
        if name not in value and not has_default:
            raise PneumoError(f"missing key {prefix}{name}")
    return kind(**{key: decode(hints[key], item, f"{prefix}{key}") for key, item in value.items()})
