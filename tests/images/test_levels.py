"""Grey levels of images that say nothing of their range."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from pneumo.images import levels

TYPES = ["u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8", "?"]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(TYPES).flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=2, max_dims=3, max_side=9)))
)
def test_any_numbers_become_greys_in_their_order(values: np.ndarray) -> None:
    grey, _ = levels.to_grey(values)
    assert grey.dtype == np.uint8
    assert grey.shape == values.shape
    finite = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
    order = np.argsort(values[finite].astype(np.float64), kind="stable")
    assert (np.diff(grey[finite][order].astype(int)) >= 0).all()


@pytest.mark.parametrize("bits", range(9, 16))
def test_words_of_fewer_bits_are_stretched_and_said(bits: int) -> None:
    values = np.linspace(0, (1 << bits) - 1, 600).astype(np.uint16).reshape(20, 30)
    grey, dark = levels.to_grey(values)
    assert dark
    assert grey.min() == 0 and grey.max() == 255


def test_words_of_the_full_range_stay_in_their_place() -> None:
    values = np.linspace(5000, 60000, 600).astype(np.uint16).reshape(20, 30)
    grey, dark = levels.to_grey(values)
    np.testing.assert_array_equal(grey, np.round(values / 257))
    assert not dark


@pytest.mark.parametrize("kind", ["u2", "u4", "i4", "f4", "f8"])
def test_one_hot_pixel_does_not_set_the_range(kind: str) -> None:
    values = np.linspace(100, 4000, 6000).reshape(60, 100).astype(kind)
    expected = levels.to_grey(values)[0]
    hot = values.copy()
    hot[30, 50] = np.iinfo(kind).max if hot.dtype.kind in "iu" else 1e30
    changed = levels.to_grey(hot)[0]
    changed[30, 50] = expected[30, 50]
    assert np.abs(changed.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_black(odd: float) -> None:
    values = np.linspace(-5, 5, 100).reshape(10, 10)
    values[3, 3] = odd
    grey = levels.to_grey(values)[0]
    assert grey[3, 3] == 0
    assert grey.max() == 255


def test_doubles_further_apart_than_a_double_holds() -> None:
    values = np.array([[-1.7e308, 0.0, 1.7e308]])
    assert levels.to_grey(values)[0].tolist() == [[0, 128, 255]]


def test_replacing_is_looking_up() -> None:
    values = np.array([[3, 5], [4, 3]], np.int16)
    np.testing.assert_array_equal(levels.replace(values, 3, np.array([7, 8, 9], np.uint8)), [[7, 9], [8, 7]])


def test_counting() -> None:
    counted = levels.count(np.array([[-2, 1], [1, 1]], np.int16))
    assert counted.low == -2
    assert counted.counts.tolist() == [1, 0, 0, 3]
    assert counted.values.tolist() == [-2, -1, 0, 1]
