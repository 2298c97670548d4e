"""A number that is none is never counted: compared with a threshold, NaN would look like a healthy patient."""

from __future__ import annotations

import numpy as np

from pneumo.schema import PneumoError


def finite(values: np.ndarray, what: str = "probabilities") -> np.ndarray:
    """The values as float64. PneumoError where one is NaN or infinite. what: e.g. "logits"."""
    values = np.asarray(values, dtype=np.float64)
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise PneumoError(
            f"{bad:,} of {values.size:,} {what} are not finite numbers, so nothing is measured; the weights or the learning rate "
            "are the likely cause: use another run, or train again at a lower rate"
        )
    return values
