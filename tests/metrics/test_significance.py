"""Wilson, DeLong and McNemar against hand-made and simulated cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from pneumo.metrics import significance
from pneumo.schema import PneumoError


def draw(n: int, gap: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 3 > 0).astype(int)
    return labels, rng.normal(gap * labels, 1)


@given(st.integers(6, 80), st.floats(-1, 3), st.integers(0, 1000))
def test_delongs_area_is_scikit_learns(n, gap, seed):
    labels, scores = draw(n, gap, seed)
    scores = scores.round(1)  # ties too
    result = significance.delong_test(labels, scores, -scores)
    assert result.first == pytest.approx(roc_auc_score(labels, scores))
    assert result.second == pytest.approx(1 - result.first)
    interval = significance.delong_interval(labels, scores)
    assert (interval is not None) or result.first in (0, 1) or n < 10
    assert interval is None or 0 <= interval.low <= result.first <= interval.high <= 1


def test_delongs_interval_covers_the_truth():
    """The true area for a gap of 1.5 deviations is Phi(1.5 / sqrt 2) = .8556; 95% of intervals should hold it."""
    inside = [
        i.low <= 0.8556 <= i.high for i in (significance.delong_interval(*draw(150, 1.5, seed)) for seed in range(300))
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.035)


def test_delongs_test_keeps_its_level_and_finds_a_difference():
    same, different = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        labels = (np.arange(150) % 2).astype(int)
        common = rng.normal(labels, 1)
        one, two = common + rng.normal(0, 1, 150), common + rng.normal(0, 1, 150)
        same.append(significance.delong_test(labels, one, two).p < 0.05)
        different.append(significance.delong_test(labels, common * 3 + one, rng.normal(0, 1, 150)).p < 0.05)
    assert np.mean(same) < 0.1
    assert np.mean(different) > 0.95


def test_equal_scores_differ_in_nothing():
    labels, scores = draw(40, 1, 0)
    result = significance.delong_test(labels, scores, scores * 2)
    assert (result.p, result.first) == (1, result.second)


def test_a_perfect_ranking_has_no_variance_to_estimate():
    assert significance.delong_interval(np.array([0, 0, 1, 1]), np.array([1, 2, 3, 4])) is None
    assert significance.delong_interval(np.array([1, 1]), np.array([1, 2])) is None


def test_mcnemar_by_hand():
    labels = np.array([1] * 12)
    first, second = np.array([1] * 10 + [0, 0]), np.array([0] * 8 + [1, 1, 1, 0])
    result = significance.mcnemar_test(labels, first, second)
    assert (result.first, result.second) == (8, 1)
    assert result.p == pytest.approx(2 * (1 + 9) / 2**9)  # the binomial tail of 0 or 1 in 9, both sides
    assert significance.mcnemar_test(labels, first, first).p == 1


def test_different_images_are_refused():
    with pytest.raises(PneumoError, match="same images"):
        significance.delong_test(np.array([0, 1]), np.array([1, 2]), np.array([1, 2, 3]))
    with pytest.raises(PneumoError, match="needs NORMAL and PNEUMONIA"):
        significance.delong_test(np.array([1, 1]), np.array([1, 2]), np.array([1, 2]))


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_holds_the_share(split, whole):
    if split > whole:
        split, whole = whole, split
    result = significance.wilson(split, whole)
    assert 0 <= result.low <= split / whole <= result.high <= 1
