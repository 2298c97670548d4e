"""The terms of the course: content/<language>/glossary.json, with their Arabic and Persian names beside the English ones."""

from __future__ import annotations

import json
import unicodedata
from functools import cache

from pydantic import Field, ValidationError

from pneumo.lessons.texts import FOLDER, LANGUAGE, Strict
from pneumo.schema import PneumoError

FILE = "glossary.json"
SIMILAR = {
    "ي": "ی",
    "ك": "ک",
    "ة": "ه",
    "أ": "ا",
    "إ": "ا",
    "آ": "ا",
}  # letters that Arabic and Persian keyboards write differently
MOST_WORDS = 25


class Term(Strict):
    """definition: at most MOST_WORDS words. page: the lesson in which it can be seen. *_from_course: whether the translation is the course's own."""

    term: str
    definition: str
    ar: str
    ar_from_course: bool
    fa: str
    fa_from_course: bool
    page: str


class _File(Strict):
    version: int
    terms: tuple[Term, ...] = Field(min_length=1)


@cache
def load(language: str = LANGUAGE) -> tuple[Term, ...]:
    """All terms, in alphabetical order. PneumoError where the file cannot be used."""
    try:
        read = _File.model_validate(json.loads((FOLDER / language / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise PneumoError(f"the glossary cannot be read: {FILE} ({type(error).__name__})") from error
    return tuple(sorted(read.terms, key=lambda each: each.term.lower()))


def search(wanted: str, language: str = LANGUAGE) -> tuple[Term, ...]:
    """Terms in whose names or definition every word of `wanted` occurs, those that begin with it first; all for an empty one."""
    words = _plain(wanted).split()
    found = [
        each
        for each in load(language)
        if all(word in _plain(f"{each.term} {each.definition} {each.ar} {each.fa}") for word in words)
    ]
    whole = " ".join(words)
    return tuple(
        sorted(found, key=lambda each: (not _plain(each.term).startswith(whole), whole not in _plain(each.term)))
    )


def _plain(text: str) -> str:
    """Letters as they are compared: no case, no accents and vowel signs, no joiners, Arabic and Persian forms alike."""
    letters = unicodedata.normalize("NFKD", text.lower())
    kept = "".join(" " if each in "\u200c-" else each for each in letters if not unicodedata.combining(each))
    return "".join(SIMILAR.get(each, each) for each in kept)
