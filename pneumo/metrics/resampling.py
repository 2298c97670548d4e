"""Intervals from resampling: patients are drawn with replacement, with all their images (Efron's percentile bootstrap)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pneumo.schema import Interval

ROUNDS = 500  # the 2.5% points then move by about .001 from seed to seed at n = 500


def patient_draws(patients: Sequence[str] | np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Rows (int64) of as many patients as there are, drawn with replacement, whole patients each: once a bootstrap round."""
    rng = np.random.default_rng(seed)
    _, group = np.unique(patients, return_inverse=True)
    order = np.argsort(group, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(group))[:-1])
    for _ in range(ROUNDS):
        yield np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])


def interval(drawn: Sequence[float]) -> Interval:
    """The middle 95% of what the rounds gave."""
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(low), float(high))
