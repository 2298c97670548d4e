"""Metrics of many classes, against counting by hand and scikit-learn."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pneumo.metrics import multiclass
from pneumo.metrics.significance import wilson

READINGS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from(["a", "b", "c"])), min_size=1)


def test_by_hand():
    matrix = multiclass.confusion([0, 0, 1, 2, 2, 2], [0, 1, 1, 0, 0, 2], 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 1]], "row the truth, column what was read"
    assert multiclass.confused_pairs(matrix) == [(0, 2, 2), (0, 1, 1)]


def test_pairs_count_both_ways_and_those_as_frequent_come_by_number():
    matrix = multiclass.confusion([3, 1, 0, 2], [1, 3, 2, 2], 4)
    assert multiclass.confused_pairs(matrix) == [(1, 3, 2), (0, 2, 1)]
    assert multiclass.confused_pairs(multiclass.confusion([3, 0, 2], [1, 2, 2], 4)) == [(0, 2, 1), (1, 3, 1)]
    assert multiclass.confused_pairs(np.diag([4, 2])) == []


@given(READINGS)
def test_as_scikit_learn_counts(readings):
    from sklearn.metrics import confusion_matrix

    labels, predicted, _ = zip(*readings, strict=True)
    matrix = multiclass.confusion(labels, predicted, 5)
    np.testing.assert_array_equal(matrix, confusion_matrix(labels, predicted, labels=range(5)))
    wrong = sum(n for _, _, n in multiclass.confused_pairs(matrix))
    assert wrong == sum(a != b for a, b in zip(labels, predicted, strict=True))


@given(READINGS)
def test_groups_are_counted_apart(readings):
    labels, predicted, groups = zip(*readings, strict=True)
    found = multiclass.by_group(labels, predicted, groups)
    assert list(found) == sorted(set(groups))
    for name, (right, count, interval) in found.items():
        own = [(a, b) for a, b, group in readings if group == name]
        assert (right, count) == (sum(a == b for a, b in own), len(own))
        assert interval == wilson(right, count) and interval.low <= right / count <= interval.high
