"""The words of a lesson: Markdown with front matter in content/<language>/, for a teacher to edit and a translation to stand beside.

Above the line: title, minutes, question, prediction, sentence, notice, trap, exit (numbers of quiz.json), next. Below it one
section for each part of the page, `## Its title {#name}`. What stands between `::: details` and `:::` is for those who switch
details on. `{name}` is filled in with a computed value: a number is never typed into a text.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import frontmatter
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pneumo.schema import PneumoError

FOLDER = Path(__file__).parent / "content"
LANGUAGE = "en"
HEADING = re.compile(r"^## +(?P<title>.+?) +\{#(?P<name>[\w-]+)\} *$", re.MULTILINE)
DETAILS = re.compile(r"^::: *details *\n(?P<text>.*?)^::: *$\n?", re.MULTILINE | re.DOTALL)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(Strict):
    """One thing to predict. reply: what is said to whoever chose it."""

    text: str
    reply: str


class Prediction(Strict):
    """What a student commits to before the reveal.

    choices: for a choice, with `right` the number of the right one from 0; otherwise a number is asked for, and `answer` (a
    name in braces, filled in) is right within `tolerance`. replies: number as text -> what is said to whoever gave it.
    open: where nobody can say yet what is right, as for "how many will you get right?".
    """

    ask: str
    reveal: str
    choices: tuple[Choice, ...] = ()
    right: int = 0
    answer: str = ""
    tolerance: float = 0.0
    replies: dict[str, str] = Field(default_factory=dict)
    open: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page. text: its Markdown; details: what more there is for those who want it."""

    name: str
    title: str
    text: str
    details: str


class Front(Strict):
    title: str
    minutes: int = Field(ge=1, le=90)
    question: str
    prediction: Prediction | None = None
    sentence: str
    notice: str
    trap: str
    exit: tuple[str, ...] = ()
    next: str = ""


@dataclass(frozen=True)
class Lesson:
    """A lesson's texts, filled in."""

    name: str
    front: Front
    sections: dict[str, Section]


def lesson(name: str, values: Mapping[str, object] | None = None, language: str = LANGUAGE) -> Lesson:
    """The texts of a lesson with `{name}` replaced by values. PneumoError that names the file and what is wrong in it."""
    path = FOLDER / language / f"{name}.md"
    front, body = _read(path)
    given: Mapping[str, str] = (
        values if hasattr(values, "__missing__") else {key: str(value) for key, value in (values or {}).items()}
    )
    try:
        filled = Front.model_validate(_filled(front, given))
        sections = {each.name: each for each in _sections(_fill(body, given))}
    except ValidationError as error:
        first = error.errors()[0]
        raise PneumoError(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except KeyError as error:
        raise PneumoError(f"{path.name}: nothing to fill in for {{{error.args[0]}}}") from error
    return Lesson(name, filled, sections)


def has(name: str, language: str = LANGUAGE) -> bool:
    """Whether there is a lesson of that name."""
    return (FOLDER / language / f"{name}.md").is_file()


@cache
def _read(path: Path) -> tuple[dict[str, object], str]:
    try:
        post = frontmatter.loads(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        # A teacher who edits a text is told where; line 1 is the first below the opening ---.
        line = (
            f"line {error.problem_mark.line + 1} of what stands above the second ---"
            if error.problem_mark
            else "the front matter"
        )
        raise PneumoError(
            f"{path.name}: {line} cannot be read ({error.problem}); put a text with a colon in quotes"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PneumoError(f"the text of this lesson cannot be read: {path.name} ({type(error).__name__})") from error
    return post.metadata, post.content


def _filled(value: object, given: Mapping[str, str]) -> object:
    """The front matter with every text in it filled in."""
    if isinstance(value, str):
        return _fill(value, given)
    if isinstance(value, list):
        return [_filled(each, given) for each in value]
    if isinstance(value, dict):
        return {_filled(str(key), given): _filled(each, given) for key, each in value.items()}
    return value


class _Names(string.Template):
    """`{name}` at the beginning of a word. The braces of formulas stay, `\\frac{1}{hw}`: they follow a letter, a brace, ^ or _."""

    delimiter, flags = "{", re.ASCII
    pattern = r"(?<![\w}^\\])\{(?:(?P<named>[a-z][a-z0-9_]*)\}|(?P<escaped>(?!))|(?P<braced>(?!))|(?P<invalid>(?!)))"


def _fill(text: str, given: Mapping[str, str]) -> str:
    return _Names(text).substitute(given)


def _sections(body: str) -> list[Section]:
    found = list(HEADING.finditer(body))
    ends = [each.start() for each in found[1:]] + [len(body)]
    sections = []
    for heading, end in zip(found, ends, strict=True):
        text = body[heading.end() : end]
        details = "\n".join(each["text"].strip() for each in DETAILS.finditer(text))
        sections.append(Section(heading["name"], heading["title"], DETAILS.sub("", text).strip(), details))
    return sections


def title_of(name: str, language: str = LANGUAGE) -> str:
    """A lesson's title. PneumoError where it has no text."""
    return str(_read(FOLDER / language / f"{name}.md")[0].get("title", name))
