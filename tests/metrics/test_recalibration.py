"""Recalibration: what was moved is found, judged on others, and what has no order is not repaired."""

import numpy as np
import pytest

from pneumo.metrics import calibration, classification, recalibration
from pneumo.schema import PneumoError


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(recalibration, "ROUNDS", 40)


def cases(n: int = 300, shift: float = 2.0, seed: int = 0):
    """Labels, logits that are `shift` too high, and patients with two images each; true logits are calibrated."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 3, n)
    labels = (rng.random(n) < calibration.calibrated(true)).astype(int)
    return labels, true + shift, np.repeat(np.arange((n + 1) // 2), 2)[:n].astype(str)


def test_a_shift_is_found_and_taken_back():
    labels, logits, patients = cases(2000)
    result = recalibration.recalibrate(labels, logits, patients, 0.5)
    assert result.temperature == pytest.approx(1, abs=0.15)
    assert result.bias == pytest.approx(-2, abs=0.3)
    assert result.bias_spread.low <= result.bias <= result.bias_spread.high
    assert result.after["ece"].value < result.before["ece"].value / 2
    assert result.after["specificity"].value != result.before["specificity"].value
    assert result.after["sensitivity"].value == pytest.approx(0.95, abs=0.03)
    assert (result.n, result.patients, result.positive, result.rounds) == (2000, 1000, labels.sum(), 40)


def test_the_threshold_on_todays_scale_draws_the_same_line():
    labels, logits, patients = cases()
    result = recalibration.recalibrate(labels, logits, patients, 0.5, aim="youden")
    today = calibration.calibrated(logits) >= recalibration.on_todays_scale(result)
    new = calibration.calibrated(logits, result.temperature, result.bias) >= result.threshold
    assert (today == new).mean() > 0.99


def test_what_has_no_order_gets_probabilities_near_the_share_and_no_more():
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat([0, 1], 150))
    result = recalibration.recalibrate(labels, rng.normal(3, 2, 300), np.arange(300), 0.5)
    assert result.auroc_ci95.low < 0.5 < result.auroc_ci95.high
    assert result.after["ece"].value < result.before["ece"].value
    assert result.after["sensitivity"].value + result.after["specificity"].value == pytest.approx(1, abs=0.1)


def test_more_local_cases_give_less_spread():
    labels, logits, patients = cases(1000)
    found = recalibration.learning(labels, logits, patients, (20, 200), rounds=30)
    widths = {n: each["specificity"].ci95.high - each["specificity"].ci95.low for n, each in found.items()}
    assert widths[200] < widths[20]


def test_the_same_numbers_again():
    labels, logits, patients = cases(120)
    assert recalibration.recalibrate(labels, logits, patients, 0.5) == recalibration.recalibrate(
        labels, logits, patients, 0.5
    )


@pytest.mark.parametrize("labels", [[0] * 20, [1] * 20, [0] * 16 + [1] * 4, []])
def test_too_few_of_a_class_are_refused(labels):
    with pytest.raises(PneumoError, match="at least 5 of each class"):
        recalibration.recalibrate(np.array(labels, dtype=int), np.zeros(len(labels)), np.arange(len(labels)), 0.5)


def test_one_patient_with_all_images_cannot_be_judged_on_others():
    labels = np.repeat([0, 1], 10)
    with pytest.raises(PneumoError, match="too few patients"):
        recalibration.recalibrate(labels, np.linspace(-1, 1, 20), np.full(20, "one"), 0.5)


def test_the_order_of_numbers_is_kept_within_0_to_1():
    labels, logits, _ = cases(50)
    order = recalibration.logits_to_order(logits)
    assert order.min() == 0 and order.max() == 1
    assert classification.auroc(labels, order) == pytest.approx(
        classification.auroc(labels, calibration.calibrated(logits))
    )
