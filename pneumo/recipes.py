"""The table of named recipes, and changing single fields of one from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pneumo.schema import AugmentSpec, DataSpec, ImageSpec, PneumoError, Recipe, decode, encode, nearest

NUMBER = re.compile(r"[+-]?(\.\d+|\d+\.)")  # the two forms that JSON does not take

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="pneumonia_cnn_origin",
            summary="PneumoniaCNN exactly as the course project trained it: Adam, plateau schedule, balanced sampling.",
            augment=AugmentSpec(rotation_deg=15, shift=0.10, flip=0.5),
            batch_size=32,
            epochs=25,
            optimiser="adam",
            learning_rate=1e-3,
            schedule="plateau",
            gamma=0.5,
            plateau_patience=3,
            patience=5,
            criterion="loss",
            sampling="balanced",
            seed=42,
        ),
        Recipe(
            name="pneumonia_cnn",
            summary="The same network made robust: strong augmentation, one cycle, label smoothing, averaged weights.",
            # Strong augmentation regularises already: with the origin's dropout (.25 and .5) validation AUROC was .9956.
            model_args={"spatial_dropout": 0.1, "dropout": 0.4},
            augment=AugmentSpec(
                rotation_deg=15,
                shift=0.08,
                zoom=0.15,
                stretch=0.15,
                shear_deg=5,
                flip=0.5,
                gamma=0.4,
                contrast=0.3,
                brightness=0.1,
                equalise=0.3,
                blur=0.2,
                noise=0.3,
                border=0.3,
                marker=0.3,
            ),
            batch_size=32,
            epochs=20,
            optimiser="adamw",
            learning_rate=2e-3,
            weight_decay=0.02,
            schedule="onecycle",
            label_smoothing=0.05,
            ema_decay=0.998,
            clip_norm=1.0,
            criterion="auroc",
            seed=42,
        ),
        Recipe(
            name="first_steps",
            summary="A few minutes on phantoms: small images, few epochs; for a first look at training.",
            model_args={"spatial_dropout": 0.05, "dropout": 0.3},
            image=ImageSpec(size=96),
            augment=AugmentSpec(rotation_deg=5, shift=0.05, flip=0.5, gamma=0.1),
            data=DataSpec(source="phantom:1200"),
            batch_size=32,
            epochs=15,
            learning_rate=2e-3,
            schedule="onecycle",
            ema_decay=0.98,
            clip_norm=1.0,
        ),
    )
}


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
