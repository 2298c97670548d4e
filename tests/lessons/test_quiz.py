"""The questions: their formulas give their answers, no wrong answer would count as right, each mistake gets its reply."""

import ast
import math

import pytest

from pneumo.lessons import quiz

QUESTIONS = list(quiz.load().values())
NUMERIC = [each for each in QUESTIONS if each.kind == "numeric"]


def computed(formula: str) -> float:
    """The value of a formula of numbers, + - * / // **, round and functions of math; nothing else is evaluated."""
    allowed = (
        ast.Expression,
        ast.BinOp,
        ast.UnaryOp,
        ast.Constant,
        ast.Call,
        ast.Attribute,
        ast.Name,
        ast.Load,
        ast.operator,
        ast.unaryop,
    )
    tree = ast.parse(formula, mode="eval")
    assert all(isinstance(node, allowed) for node in ast.walk(tree)), formula
    return eval(compile(tree, "quiz", "eval"), {"__builtins__": {}, "math": math, "round": round})


@pytest.mark.parametrize("question", [each for each in NUMERIC if each.check], ids=lambda each: each.id)
def test_the_formula_gives_the_answer(question):
    assert computed(question.check) == pytest.approx(question.answer, abs=max(question.tolerance, 1e-9))


@pytest.mark.parametrize("question", NUMERIC, ids=lambda each: each.id)
def test_no_wrong_answer_counts_as_right(question):
    for each in question.distractors:
        reply = quiz.judge(question, each.value)
        assert not reply.right and reply.misconception == each.misconception
    assert quiz.judge(question, question.answer).right
    assert not quiz.judge(question, float("nan")).right
    assert not quiz.judge(question, 1e300).right


@pytest.mark.parametrize("question", [each for each in QUESTIONS if each.kind == "choice"], ids=lambda each: each.id)
def test_choices_hold_the_answer_once_in_an_order_that_stays(question):
    options = question.options()
    assert options.count(question.answer) == 1 and len(set(options)) == len(options) >= 3
    assert options == question.options()
    assert quiz.judge(question, question.answer).right
    for each in question.distractors:
        assert quiz.judge(question, each.value).misconception == each.misconception


def test_the_right_choice_does_not_always_stand_first():
    places = {each.options().index(each.answer) for each in QUESTIONS if each.kind == "choice"}
    assert len(places) > 1
