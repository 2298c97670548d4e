"""The course around the pages: content/<language>/course.json, checked."""

from __future__ import annotations

from functools import cache

from pydantic import Field, ValidationError

from pneumo.lessons.texts import FOLDER, LANGUAGE, Strict
from pneumo.schema import PneumoError

MINUTES = 90


class Step(Strict):
    """A stretch of a lesson. start: minute. page, part: of the classroom, "" for none. query: what more the link says. teach: for the teacher.
    questions: of the quiz."""

    start: int = Field(ge=0, lt=MINUTES)
    page: str
    part: str
    title: str
    do: str
    teach: str
    query: dict[str, str] = Field(default_factory=dict)
    questions: tuple[str, ...] = ()


class Single(Strict):
    title: str
    about: str
    prepare: tuple[str, ...]
    hand_in: str
    steps: tuple[Step, ...]

    def minutes(self, number: int) -> int:
        """How long a step lasts."""
        ends = [*(each.start for each in self.steps[1:]), MINUTES]
        return ends[number] - self.steps[number].start


class Lesson(Strict):
    """One of the six. recall: questions of the quiz about the lesson before."""

    title: str
    pages: tuple[str, ...]
    recall: tuple[str, ...]
    task: str
    hand_in: str
    teach: str


class Six(Strict):
    title: str
    about: str
    lessons: tuple[Lesson, ...]


class Line(Strict):
    name: str
    levels: tuple[str, ...]


class Rubric(Strict):
    model_config = Strict.model_config | {"populate_by_name": True}
    about: str
    passed: int = Field(alias="pass")
    lines: tuple[Line, ...]


class Course(Strict):
    lesson: Single
    course: Six
    rubric: Rubric


@cache
def load(language: str = LANGUAGE) -> Course:
    """PneumoError that names what does not fit."""
    path = FOLDER / language / "course.json"
    try:
        return Course.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise PneumoError(f"{path.name} cannot be read: {error}") from error
