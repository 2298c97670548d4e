"""No measurement takes a number that is none for a healthy patient."""

import numpy as np
import pytest

from pneumo.metrics import calibration, classification, significance, thresholds
from pneumo.metrics.finite import finite
from pneumo.schema import PneumoError

LABELS = np.array([0, 1] * 20)
MEASURES = {
    "confusion": lambda p: classification.confusion(LABELS, p, 0.5),
    "auroc": lambda p: classification.auroc(LABELS, p),
    "auprc": lambda p: classification.auprc(LABELS, p),
    "evaluate": lambda p: classification.evaluate(LABELS, p, [str(n) for n in range(40)], 0.5),
    "operating points": lambda p: thresholds.operating_points(LABELS, p),
    "indeterminate band": lambda p: thresholds.indeterminate_band(LABELS, p),
    "ece": lambda p: calibration.ece(LABELS, p),
    "brier": lambda p: calibration.brier(LABELS, p),
    "calibration": lambda p: calibration.fit_calibration(p, LABELS),
    "DeLong's interval": lambda p: significance.delong_interval(LABELS, p),
    "DeLong's test": lambda p: significance.delong_test(LABELS, np.linspace(0, 1, 40), p),
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_named_and_not_counted(measure, value):
    probabilities = np.tile(np.linspace(0.1, 0.9, 20), 2)
    measure(probabilities)  # without it all is well
    probabilities[7] = value
    with pytest.raises(PneumoError, match=r"1 of 40 .* are not finite"):
        measure(probabilities)


def test_what_is_finite_comes_back_as_it_was():
    assert finite(np.array([0, 1])).tolist() == [0.0, 1.0]
    assert finite([]).size == 0
