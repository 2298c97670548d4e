"""What is said of several models, and of the checks of a heatmap."""

from dataclasses import replace

import numpy as np
import pytest

from pneumo.inference import comparison
from pneumo.inference.comparison import HeatmapCheck, Verdict
from pneumo.inference.explanation import Heatmap
from pneumo.inference.heatmap_checks import Curves, Stage
from pneumo.schema import Interval

FRACTIONS = np.linspace(0, 1, 5)
BLANK = Heatmap("PNEUMONIA", np.zeros((4, 4), np.float32), np.zeros((2, 2), np.float32))


def curves(deletion: float, insertion: float) -> Curves:
    """Straight lines with these areas."""
    fall = np.linspace(2 * deletion, 0, 5)
    return Curves(FRACTIONS, fall, np.linspace(0, 2 * insertion, 5))


def check(mine: Curves, random: Curves, last: float = 0.0) -> HeatmapCheck:
    return HeatmapCheck([Stage("head", 0.9, BLANK), Stage("conv", last, BLANK)], mine, random, None)


def test_models_agree_differ_by_label_and_differ_by_probability():
    one, other = Verdict("A", 0.9, 0.5), Verdict("B", 0.8, 0.5)
    assert comparison.disagreement([one, other]) == []
    assert comparison.disagreement([one, replace(other, threshold=0.85)]) == ["A: PNEUMONIA; B: UNCERTAIN."]
    assert comparison.disagreement([one, replace(other, probability=0.6)]) == [
        "The probabilities of A and B differ by 0.30."
    ]
    assert comparison.disagreement([one, replace(other, zone=Interval(0.7, 0.85))]) == ["A: PNEUMONIA; B: UNCERTAIN."]


@pytest.mark.parametrize(
    ("deletion", "insertion", "said"),
    [
        (0.2, 0.45, "Better than random maps in both"),
        (0.4, 0.2, "No better than random maps"),
        (0.2, 0.2, "Better than random maps in deletion, not in insertion"),
    ],
)
def test_the_sentence_on_the_curves_follows_their_areas(deletion, insertion, said):
    assert said in comparison.curves_sentence(check(curves(deletion, insertion), curves(0.3, 0.3)))


@pytest.mark.parametrize(
    ("last", "said"), [(0.1, "becomes dissimilar"), (-0.8, "stays similar"), (float("nan"), "vanishes")]
)
def test_the_sentence_on_the_randomisation_follows_its_end(last, said):
    assert said in comparison.randomisation_sentence(check(curves(0.2, 0.2), curves(0.3, 0.3), last))


def test_curves_that_hardly_move_are_named():
    flat = Curves(FRACTIONS, np.full(5, 0.99), np.full(5, 0.98))
    assert comparison.flat_curves(check(flat, flat)) == ["deletion", "insertion"]
    assert comparison.flat_curves(check(curves(0.4, 0.4), flat)) == []


def test_the_spread_is_the_largest_difference():
    assert comparison.spread([Verdict("A", 0.011, 0.5), Verdict("B", 0.002, 0.5)]) == pytest.approx(0.009)
