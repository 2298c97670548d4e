"""Figures against scikit-learn, scipy and hand calculation."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from sklearn import metrics as sk
from torchmetrics.functional.classification import binary_calibration_error

from pneumo.metrics import calibration, classification, significance, thresholds
from pneumo.schema import PneumoError

probability = st.floats(0, 1, allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 1), probability), min_size=2, max_size=60), probability)
def test_rates_are_scikit_learns(rows, threshold):
    labels, probabilities = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    called = probabilities >= threshold
    counts = classification.confusion(labels, probabilities, threshold)
    assert list(counts.values()) == sk.confusion_matrix(labels, called, labels=[0, 1]).ravel().tolist()
    result = classification.rates(counts)
    assert result["accuracy"] == pytest.approx(sk.accuracy_score(labels, called))
    for name, score in (("sensitivity", sk.recall_score), ("precision", sk.precision_score), ("f1", sk.f1_score)):
        expected = score(labels, called, zero_division=np.nan)
        assert math.isnan(expected) if result[name] is None else result[name] == pytest.approx(expected)
    assert calibration.brier(labels, probabilities) == pytest.approx(
        sk.brier_score_loss(labels, probabilities, labels=[0, 1])
    )


def test_evaluate_has_every_metric_with_its_interval_around_it(scores):
    labels, probabilities = scores
    result = classification.evaluate(labels, probabilities, [str(i // 2) for i in range(300)], 0.5)
    assert (result.n, result.patients) == (300, 150)
    assert result.auroc == pytest.approx(sk.roc_auc_score(labels, probabilities))
    assert result.auprc == pytest.approx(sk.average_precision_score(labels, probabilities))
    for name in ("accuracy", "sensitivity", "specificity", "precision", "f1", "auroc", "auprc", "brier"):
        interval = result.ci95[name]
        assert interval.low < getattr(result, name) < interval.high, name


def test_bootstrap_draws_whole_patients(scores):
    labels, probabilities = scores
    one_each = classification.evaluate(labels, probabilities, list(map(str, range(300))), 0.5).ci95["auroc_by_patient"]
    doubled = classification.evaluate(
        np.repeat(labels, 4), np.repeat(probabilities, 4), [str(i // 4) for i in range(1200)], 0.5
    ).ci95["auroc_by_patient"]
    as_if_new = classification.evaluate(
        np.repeat(labels, 4), np.repeat(probabilities, 4), list(map(str, range(1200))), 0.5
    ).ci95["auroc_by_patient"]
    # Four copies of every patient say nothing new; counting them as new patients would halve the interval.
    assert doubled.high - doubled.low == pytest.approx(one_each.high - one_each.low, rel=0.2)
    assert as_if_new.high - as_if_new.low < 0.7 * (one_each.high - one_each.low)


def test_one_class_leaves_undefined_what_is_undefined():
    result = classification.evaluate(np.ones(5), np.linspace(0.1, 0.9, 5), list("abcde"), 0.5)
    assert (result.auroc, result.auprc, result.specificity) == (None, None, None)
    assert result.sensitivity == pytest.approx(3 / 5)
    assert "specificity" not in result.ci95


def test_an_empty_set_is_refused():
    with pytest.raises(PneumoError, match="no image to evaluate"):
        classification.evaluate(np.array([]), np.array([]), [], 0.5)


@pytest.mark.parametrize(
    ("count", "whole", "low", "high"), [(579, 624, 0.905, 0.946), (0, 10, 0, 0.278), (10, 10, 0.722, 1)]
)
def test_wilson_by_published_values(count, whole, low, high):
    result = significance.wilson(count, whole)
    assert (round(result.low, 3), round(result.high, 3)) == (low, high)
    assert significance.wilson(0, 0) is None


def test_calibration_finds_a_known_temperature_and_bias():
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, 40_000)
    labels = (rng.random(40_000) < calibration.calibrated(true)).astype(int)
    temperature, bias = calibration.fit_calibration((true - 0.7) * 3, labels)
    assert temperature == pytest.approx(3, rel=0.05)
    assert bias == pytest.approx(0.7, abs=0.05)


def test_calibration_keeps_the_order_and_lowers_the_error(scores):
    labels, probabilities = scores
    logits = 5 * np.log(probabilities / (1 - probabilities)) + 2
    better = calibration.calibrated(logits, *calibration.fit_calibration(logits, labels))
    assert (np.argsort(better, kind="stable") == np.argsort(logits, kind="stable")).all()
    assert calibration.ece(labels, better) < calibration.ece(labels, calibration.calibrated(logits))
    assert calibration.brier(labels, better) < calibration.brier(labels, calibration.calibrated(logits))


def test_ece_by_hand():
    labels, probabilities = np.array([0, 1, 1, 1]), np.array([0.05, 0.05, 0.95, 1.0])
    assert calibration.ece(labels, probabilities) == pytest.approx((abs(1 - 0.1) + abs(2 - 1.95)) / 4)


def test_operating_points_keep_their_promises(scores):
    labels, probabilities = scores
    points = {p.name: p for p in thresholds.operating_points(labels, probabilities)}
    assert points["sensitivity95"].sensitivity >= 0.95
    assert points["specificity95"].specificity >= 0.95
    assert points["half"].threshold == 0.5
    false_positive, true_positive, _ = sk.roc_curve(labels, probabilities)
    youden = points["youden"]
    assert youden.sensitivity + youden.specificity - 1 == pytest.approx((true_positive - false_positive).max())
    assert (youden.n_positive, youden.n_negative) == (labels.sum(), 300 - labels.sum())
    for point in points.values():
        result = classification.rates(classification.confusion(labels, probabilities, point.threshold))
        assert (result["sensitivity"], result["specificity"]) == (point.sensitivity, point.specificity)
        assert point.threshold == 0.5 or point.threshold not in probabilities


@given(st.lists(st.tuples(st.integers(0, 1), probability), min_size=2, max_size=40))
def test_operating_points_and_band_for_any_scores(rows):
    labels, probabilities = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    if len(set(labels)) < 2:
        with pytest.raises(PneumoError, match="need NORMAL and PNEUMONIA"):
            thresholds.operating_points(labels, probabilities)
        return
    assert len(thresholds.operating_points(labels, probabilities)) == 4
    band = thresholds.indeterminate_band(labels, probabilities)
    assert band is None or 0 <= band.low < band.high <= 1


def test_thresholds_read_on_other_patients_keep_their_thresholds(scores):
    labels, probabilities = scores
    points = thresholds.operating_points(labels[:150], probabilities[:150])
    elsewhere = thresholds.rates_at(points, labels[150:], probabilities[150:])
    assert [p.threshold for p in points] == [p.threshold for p in elsewhere]
    assert [p.sensitivity for p in points] != [p.sensitivity for p in elsewhere]


def test_similar_cases_are_the_nearest(scores):
    labels, probabilities = scores
    result = calibration.similar_cases(labels, probabilities, 0.97)
    assert result.n == calibration.NEIGHBOURS
    assert result.low <= 0.97 <= result.high
    inside = (probabilities >= result.low) & (probabilities <= result.high)
    assert labels[inside].sum() == result.positive


@given(probability, probability, st.floats(0.001, 0.999))
def test_predictive_values_are_bayes(sensitivity, specificity, prevalence):
    ppv, npv = classification.predictive_values(sensitivity, specificity, prevalence)
    n_positive, well = 1000 * prevalence, 1000 * (1 - prevalence)
    positive, negative = (
        n_positive * sensitivity + well * (1 - specificity),
        n_positive * (1 - sensitivity) + well * specificity,
    )
    if positive > 1e-6:
        assert ppv == pytest.approx(n_positive * sensitivity / positive, abs=1e-6)
    if negative > 1e-6:
        assert npv == pytest.approx(well * specificity / negative, abs=1e-6)


def test_nothing_called_positive_has_no_ppv():
    assert classification.predictive_values(0, 1, 0.3) == (None, 0.7)


def test_the_same_seed_gives_the_same_intervals(scores):
    labels, probabilities = scores
    patients = [str(i // 3) for i in range(300)]
    one, same, other = (
        classification.evaluate(labels[:90], probabilities[:90], patients[:90], 0.5, seed).ci95 for seed in (1, 1, 2)
    )
    assert one == same
    assert one["auroc_by_patient"] != other["auroc_by_patient"]
    assert one["auroc"] == other["auroc"]  # DeLong's draws nothing
    assert one["sensitivity"] == other["sensitivity"]  # Wilson's draws nothing


@pytest.mark.parametrize("threshold", [0.0, 1.1])
def test_everything_called_alike_leaves_undefined_what_is_undefined(scores, threshold):
    labels, probabilities = scores
    result = classification.rates(classification.confusion(labels, probabilities, threshold))
    assert (result["precision"] is None) == (threshold > 1)
    assert result["sensitivity"] == (threshold == 0)
    assert result["specificity"] == (threshold > 1)


def test_no_counts_have_no_rates():
    assert set(classification.rates({"tn": 0, "fp": 0, "fn": 0, "tp": 0}).values()) == {None}


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson_is_the_formula(split, whole):
    split = min(split, whole)
    result = significance.wilson(split, whole)
    share, z = split / whole, 1.959963984540054
    centre = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    reach = z / (1 + z * z / whole) * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    assert result.low == pytest.approx(max(0, centre - reach), abs=1e-9)
    assert result.high == pytest.approx(min(1, centre + reach), abs=1e-9)
    assert 0 <= result.low <= share + 1e-12
    assert share - 1e-12 <= result.high <= 1


@given(st.lists(st.tuples(st.integers(0, 1), probability), min_size=1, max_size=30))
def test_areas_are_scikit_learns_or_none(rows):
    labels, probabilities = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    if len(set(labels)) == 1:
        assert classification.auroc(labels, probabilities) is classification.auprc(labels, probabilities) is None
        return
    pairs = probabilities[labels == 1][:, None] - probabilities[labels == 0][None]
    assert classification.auroc(labels, probabilities) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert classification.auprc(labels, probabilities) == pytest.approx(
        sk.average_precision_score(labels, probabilities)
    )


@given(st.lists(st.tuples(st.integers(0, 1), probability), min_size=1, max_size=40))
def test_ece_is_the_sum_over_bins(rows):
    labels, probabilities = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    expected = 0.0
    for b in range(10):
        inside = np.minimum((probabilities * 10).astype(int), 9) == b
        if inside.any():
            expected += inside.mean() * abs(labels[inside].mean() - probabilities[inside].mean())
    assert calibration.ece(labels, probabilities) == pytest.approx(expected)
    assert 0 <= calibration.ece(labels, probabilities) <= 1


@pytest.mark.parametrize(("scale", "offset"), [(0.2, 0.0), (1.0, 1.0), (4.0, -2.0), (10.0, 0.5)])
def test_calibration_is_logistic_regression_without_a_penalty(scale, offset):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 800)
    logits = scale * (rng.normal(1.5 * labels - 0.75, 1.0) + offset)
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logits[:, None], labels)
    temperature, bias = calibration.fit_calibration(logits, labels)
    np.testing.assert_allclose(
        calibration.calibrated(logits, temperature, bias), reference.predict_proba(logits[:, None])[:, 1], atol=2e-3
    )


def test_calibration_of_a_perfect_or_an_inverse_model_stays_in_its_limits():
    labels = np.array([0] * 20 + [1] * 20)
    for logits in (10.0 * labels - 5, 5 - 10.0 * labels, np.zeros(40)):
        temperature, bias = calibration.fit_calibration(logits, labels)
        low, high = calibration.TEMPERATURE_RANGE
        assert low * 0.999 <= temperature <= high * 1.001
        assert abs(bias) <= calibration.BIAS_LIMIT


@given(st.lists(st.tuples(st.integers(0, 1), probability), min_size=2, max_size=40))
def test_operating_points_keep_their_promises_for_any_scores(rows):
    labels, probabilities = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    if len(set(labels)) < 2:
        return
    points = {p.name: p for p in thresholds.operating_points(labels, probabilities)}
    assert points["sensitivity95"].sensitivity >= 0.95
    assert points["specificity95"].specificity >= 0.95
    for point in points.values():
        assert 0 <= point.threshold <= 1
        assert (
            point.sensitivity + point.specificity <= points["youden"].sensitivity + points["youden"].specificity + 1e-9
        )


def test_sensitivity_95_gives_away_no_specificity():
    """The highest threshold that keeps 95%: of 20 positives one may be missed, not none and not two."""
    labels = np.array([1] * 20 + [0] * 5)
    probabilities = np.concatenate([np.linspace(0.3, 0.9, 20), [0.1, 0.2, 0.31, 0.32, 0.35]])
    point = next(p for p in thresholds.operating_points(labels, probabilities) if p.name == "sensitivity95")
    assert (point.sensitivity, point.specificity) == (19 / 20, 4 / 5)


def test_the_band_is_where_the_classes_overlap():
    labels = np.array([0] * 201 + [1] * 201)
    overlapping = np.concatenate([np.linspace(0, 0.6, 201), np.linspace(0.4, 1, 201)])
    band = thresholds.indeterminate_band(labels, overlapping)
    assert (band.low, band.high) == pytest.approx((0.403, 0.597))
    apart = np.concatenate([np.linspace(0, 0.2, 201), np.linspace(0.8, 1, 201)])
    assert thresholds.indeterminate_band(labels, apart) is None  # nothing lies where they could not be told apart


def test_what_was_rated_far_away_is_not_alike():
    labels, probabilities = np.arange(40) % 2, np.concatenate([np.linspace(0, 0.02, 20), np.linspace(0.9, 1, 20)])
    assert calibration.similar_cases(labels, probabilities, 0.5) is None
    result = calibration.similar_cases(labels, probabilities, 0.01)
    assert (result.n, result.positive, result.high) == (20, 10, 0.02)
    assert result.ci95 == significance.wilson(10, 20)
    assert calibration.similar_cases(labels[:9], probabilities[:9], 0.01) is None  # too few


def test_all_right_on_a_few_images_is_no_certainty():
    result = classification.evaluate(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]), list("abcd"), 0.5)
    assert result.auroc == 1
    assert {"auroc", "auroc_by_patient", "f1", "ece"}.isdisjoint(result.ci95)
    assert result.ci95["accuracy"].low < 0.6


def test_metrics_agree_with_scikit_learn(scores):
    labels, probabilities = scores
    called = probabilities >= 0.4
    result = classification.evaluate(
        labels, probabilities, list(map(str, range(300))), 0.4, uncalibrated=probabilities**2
    )
    assert result.mcc == pytest.approx(sk.matthews_corrcoef(labels, called))
    assert result.balanced_accuracy == pytest.approx(sk.balanced_accuracy_score(labels, called))
    assert result.majority_accuracy == pytest.approx(max(labels.mean(), 1 - labels.mean()))
    assert result.ece_uncalibrated == pytest.approx(calibration.ece(labels, probabilities**2))
    assert {"mcc", "balanced_accuracy", "auroc_by_patient"} <= result.ci95.keys()


def test_ece_is_torchmetrics(scores):
    labels, probabilities = scores
    theirs = binary_calibration_error(torch.from_numpy(probabilities), torch.from_numpy(labels), n_bins=10)
    assert calibration.ece(labels, probabilities) == pytest.approx(float(theirs), abs=1e-6)


def test_subgroups_count_those_with_pneumonia_of_each_kind():
    labels, probabilities = np.array([1, 1, 1, 0, 1]), np.array([0.9, 0.2, 0.8, 0.9, 0.7])
    result = classification.subgroups(labels, probabilities, ["virus", "virus", "bacteria", "", ""], 0.5)
    assert [(each.name, each.n, each.value) for each in result] == [("bacteria", 1, 1.0), ("virus", 2, 0.5)]


def test_net_benefit_by_hand():
    labels, probabilities = np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1])
    # At .5: one true and one false positive of four, weighed alike. At .2: two true, one false at a quarter.
    result = classification.net_benefit(labels, probabilities, np.array([0.5, 0.2]))
    assert result == pytest.approx([0.25 - 0.25, 0.5 - 0.25 * 0.25])


def test_precision_recall_ends_at_precision_one(scores):
    recall, precision = classification.precision_recall(*scores)
    assert (recall[0], recall[-1], precision[-1]) == (1, 0, 1)


def test_calibrated_is_the_sigmoid_wherever_numbers_end():
    logits = np.array([-np.inf, -800.0, -40.0, -1.5, 0.0, 1e-9, 3.0, 40.0, 800.0, np.inf, np.nan])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = calibration.calibrated(logits)
    np.testing.assert_allclose(found, special.expit(logits), rtol=1e-14, atol=0)
