"""What is said of a source before its images are used: what was passed over, and what the reader noticed in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pneumo.data.dataset import Item, Note
from pneumo.data.scan import sentence
from pneumo.formatting import counted
from pneumo.schema import ImageWarning


@dataclass(frozen=True)
class Noticed:
    """A warning of the reader, and how many images of a source have it. example: the name of the first."""

    code: str
    message: str
    images: int
    example: str


def noticed(
    items: Sequence[Item], warnings: Mapping[int, Iterable[ImageWarning]], rows: Iterable[int] | None = None
) -> tuple[Noticed, ...]:
    """The reader's warnings by code, the most frequent first. warnings: by index. rows: of these images alone."""
    chosen = sorted(warnings) if rows is None else sorted(set(rows) & set(warnings))
    found: dict[str, tuple[ImageWarning, list[int]]] = {}
    for index in chosen:
        for warning in warnings[index]:
            found.setdefault(warning.code, (warning, []))[1].append(index)
    by_code = [
        Noticed(code, warning.message, len(indices), items[indices[0]].name)
        for code, (warning, indices) in found.items()
    ]
    return tuple(sorted(by_code, key=lambda each: (-each.images, each.code)))


def sentences(notes: Iterable[Note], warnings: Iterable[Noticed] = ()) -> list[str]:
    """Both in words, one sentence each, for a terminal or a page."""
    of_images = [
        f"{counted(each.images, 'image')} ({each.example}{', ...' if each.images > 1 else ''}): {each.message}"
        for each in warnings
    ]
    return [f"{sentence(note)}." for note in notes] + of_images
