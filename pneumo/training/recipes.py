"""The table of named recipes, and changing single fields of one from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pneumo.codec import decode, encode
from pneumo.formatting import nearest
from pneumo.schema import PneumoError, Recipe
from pneumo.training.recipes_characters import READERS
from pneumo.training.recipes_classifiers import CLASSIFIERS
from pneumo.training.recipes_generators import GENERATORS

NUMBER = re.compile(r"[+-]?(\.[0-9]+|[0-9]+\.)")  # the two forms that JSON does not take

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (*CLASSIFIERS, *GENERATORS, *READERS)}


def get(name: str) -> Recipe:
    """The recipe of that name; PneumoError with the nearest name otherwise."""
    if name not in RECIPES:
        raise PneumoError(f"no recipe named {name!r}{nearest(name, RECIPES)}; there are: {', '.join(sorted(RECIPES))}")
    return RECIPES[name]


def override(recipe: Recipe, assignments: Iterable[str]) -> Recipe:
    """A copy with fields changed by `key=value` texts.

    A key is a field (`epochs`), or a field within one, by dot or underscore (`image.size`, `image_size`,
    `augment.rotation_deg`). Values are JSON, or plain words. Unknown keys and wrong types raise PneumoError.
    """
    plain = encode(recipe)
    paths = dict(_paths(plain))
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise PneumoError(f"{assignment!r} is no key=value; for example: epochs=5")
        _assign(plain, _resolve(key.strip(), paths), _parse(text.strip()))
    return decode(Recipe, plain)


def _paths(plain: dict[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every spelling of every field, with its path: ("image.size", ("image", "size")), ("image_size", ...)."""
    for key, value in plain.items():
        path = (*prefix, key)
        if isinstance(value, dict) and key != "model_args":
            yield from _paths(value, path)
            continue
        yield ".".join(path), path
        yield "_".join(path), path


def _resolve(key: str, paths: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if key.startswith("model_args."):
        return tuple(key.split(".", 1))
    if key not in paths:
        raise PneumoError(f"unknown key {key!r}{nearest(key, paths)}")
    return paths[key]


def _assign(plain: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        plain = plain[key]
        if not isinstance(plain, dict):
            raise PneumoError(f"{key} is {plain!r}; expected an object before {'.'.join(path)} can be set")
    plain[path[-1]] = value


def _parse(text: str) -> Any:
    """JSON; numbers as people write them (.5, 1.); and anything else as a word."""
    if NUMBER.fullmatch(text):
        return float(text)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except PneumoError:
        raise
    except (ValueError, RecursionError):  # no JSON, a number of over 4,300 digits, or endless brackets
        return text


def _refuse_constant(word: str) -> None:
    raise PneumoError(f"{word} is no usable number")
