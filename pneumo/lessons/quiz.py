"""The questions that end a lesson: content/<language>/quiz.json. Each wrong answer on offer is a known misconception and gets its own reply."""

from __future__ import annotations

import json
import math
import random
from functools import cache
from typing import Literal

from pydantic import Field, ValidationError

from pneumo.lessons.texts import FOLDER, LANGUAGE, Strict
from pneumo.schema import PneumoError

FILE = "quiz.json"


class Distractor(Strict):
    """A wrong answer, and the mistake in thinking that leads to it, as a clause: "takes the largest product, ..."."""

    value: float | str
    misconception: str


class Question(Strict):
    """tolerance: of a numeric answer, both ways. check: the formula that gives it. page: the lesson that answers it.
    origin: the numbers of the course projects it comes from."""

    id: str
    kind: Literal["numeric", "choice"]
    question: str
    answer: float | str
    distractors: tuple[Distractor, ...]
    explanation: str
    page: str
    origin: tuple[int, ...]
    tolerance: float = Field(default=0.0, ge=0)
    unit: str = ""
    check: str = ""

    def options(self) -> list[str]:
        """The answers to choose from, in an order that says nothing and is always the same."""
        offered = [str(self.answer), *(str(each.value) for each in self.distractors)]
        random.Random(self.id).shuffle(offered)  # nosec B311: an order, not a secret
        return offered


class _File(Strict):
    version: int
    language: str
    pages: tuple[str, ...]
    questions: tuple[Question, ...]


class Reply(Strict):
    """What is said to an answer. misconception: empty where the answer is right or nobody thought of it."""

    right: bool
    misconception: str
    explanation: str


@cache
def load(language: str = LANGUAGE) -> dict[str, Question]:
    """All questions by id. PneumoError where the file cannot be used."""
    try:
        read = _File.model_validate(json.loads((FOLDER / language / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise PneumoError(f"the questions cannot be read: {FILE} ({type(error).__name__})") from error
    return {each.id: each for each in read.questions}


def judge(question: Question, given: float | str) -> Reply:
    """Whether an answer is right, and what is said to it. given: a number, or the text of a choice."""
    if question.kind == "choice":
        right = given == question.answer
        near = [each for each in question.distractors if each.value == given]
    else:
        number = float(given)
        slack = max(question.tolerance, 1e-9)
        right = math.isfinite(number) and abs(number - float(question.answer)) <= slack
        near = [each for each in question.distractors if abs(float(each.value) - number) <= slack]
    said = "" if right or not near else near[0].misconception
    return Reply(right=right, misconception=said, explanation=question.explanation)
