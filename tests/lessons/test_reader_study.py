"""A reader's statistics against the numbers of the course, and the cases: the same for everyone with a link."""

import numpy as np
import pytest

from pneumo.inference import study
from pneumo.lessons import reader_study
from pneumo.lessons.reader_study import Reading
from pneumo.schema import PneumoError


def reading(case, called, model, truth, final=None, confidence=0.8):
    return Reading(case, called, confidence, model, truth, called if final is None else final)


def test_intervals_are_those_of_the_course():
    truths = [1] * 5 + [0] * 5
    (share, interval) = reader_study.rates(truths, truths).sensitivity
    assert share == 1 and interval.low == pytest.approx(0.566, abs=1e-3) and interval.high == 1
    four = reader_study.rates([1, 1, 1, 1, 0] + [0] * 5, truths).sensitivity[1]
    assert (four.low, four.high) == pytest.approx((0.376, 0.964), abs=1e-3)
    eight = reader_study.rates([1, 1, 1, 1, 0, 0, 0, 0, 0, 1], truths).right[1]
    assert (eight.low, eight.high) == pytest.approx((0.490, 0.943), abs=1e-3)
    assert reader_study.rates([1], [1]).specificity == (None, None)


def test_agreement_beyond_chance():
    assert reader_study.kappa([1, 1, 0, 0], [1, 1, 0, 0]) == 1
    assert reader_study.kappa([1, 0, 1, 0], [0, 1, 0, 1]) == -1
    assert reader_study.kappa([1, 1, 0, 0], [1, 0, 1, 0]) == 0
    assert reader_study.kappa([1, 1], [1, 1]) is None, "chance alone is complete"
    assert reader_study.kappa([], []) is None


def test_who_was_swayed():
    found = reader_study.swayed(
        [
            reading(0, 1, 0, 1, final=0),  # gave up a right call
            reading(1, 0, 1, 1, final=1),  # took over a right one
            reading(2, 1, 0, 1),  # held to a right one
            reading(3, 0, 1, 1),  # held to a wrong one
            reading(4, 1, 1, 0, final=0),  # the model had no other opinion
        ]
    )
    assert (found.disagreed, found.to_wrong, found.to_right, found.held_right) == (4, 1, 1, 1)


def test_confidence_becomes_a_score():
    assert reading(0, 1, 1, 1, confidence=0.9).score == 0.9
    assert reading(0, 0, 1, 1, confidence=0.9).score == pytest.approx(0.1)


def test_cases_are_half_and_half_and_the_same_for_the_same_seed():
    one, again, other = (study.draw(study.PHANTOMS, seed) for seed in (3, 3, 4))
    assert [each.digest for each in one] == [each.digest for each in again] != [each.digest for each in other]
    assert sum(each.label for each in one) == 5 and len(one) == reader_study.CASES
    assert [each.label for each in one] != sorted(each.label for each in one), "the order says nothing"
    assert all(each.name == f"Case {n}" for n, each in enumerate(one, 1)), "the name says nothing"
    assert all((each.lesion is not None and each.lesion.any()) == bool(each.label) for each in one)


def test_generated_cases_say_whose_word_their_label_is():
    cases = study.draw(study.GENERATED, 1)
    assert sum(each.label for each in cases) == 5 and all(each.generated for each in cases)
    assert "asked for" in cases[0].told


def test_real_cases_need_enough_of_both():
    images = [(np.full((20, 20), n, np.uint8), n % 2) for n in range(12)]
    assert sum(each.label for each in study.draw(study.REAL, 1, images)) == 5
    with pytest.raises(PneumoError, match="5 are needed"):
        study.draw(study.REAL, 1, images[:4])
    with pytest.raises(PneumoError, match="no cases of the kind"):
        study.draw("other", 1)
