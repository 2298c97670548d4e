"""What is said of each exhibit of the gallery: content/<language>/gallery.json."""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter, ValidationError

from pneumo.lessons.texts import FOLDER, LANGUAGE, Strict
from pneumo.schema import PneumoError


class Text(Strict):
    """done: how it was trained. says: what a student may say of it. fix: what helps."""

    title: str
    done: str
    notice: str
    says: str
    fix: str


@cache
def load(language: str = LANGUAGE) -> dict[str, Text]:
    """By exhibit, in the order they are shown. PneumoError that names what does not fit."""
    path = FOLDER / language / "gallery.json"
    try:
        return TypeAdapter(dict[str, Text]).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise PneumoError(f"{path.name} cannot be read: {error}") from error
