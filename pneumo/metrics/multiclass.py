"""Metrics of many classes: a confusion matrix, the pairs that are taken for each other, accuracy by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pneumo.metrics.significance import wilson
from pneumo.schema import Interval


def confusion(labels: Sequence[int], predicted: Sequence[int], classes: int) -> np.ndarray:
    """(classes, classes) int64: row the truth, column what was read."""
    result = np.zeros((classes, classes), np.int64)
    np.add.at(result, (np.asarray(labels), np.asarray(predicted)), 1)
    return result


def confused_pairs(matrix: np.ndarray) -> list[tuple[int, int, int]]:
    """(one, other, how often either was read as the other), the most frequent first, then by number; pairs that never were are left out."""
    both = matrix + matrix.T
    rows, columns = np.triu_indices(len(matrix), 1)
    pairs = [(int(a), int(b), int(both[a, b])) for a, b in zip(rows, columns, strict=True) if both[a, b]]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))


def by_group(
    labels: Sequence[int], predicted: Sequence[int], groups: Sequence[str]
) -> dict[str, tuple[int, int, Interval]]:
    """Of each group, in alphabetical order: right, how many, and Wilson's interval of the share."""
    right = np.asarray(labels) == np.asarray(predicted)
    names = np.asarray(groups)
    result = {}
    for name in sorted(set(groups)):
        own = right[names == name]
        result[name] = (int(own.sum()), len(own), wilson(int(own.sum()), len(own)))
    return result
