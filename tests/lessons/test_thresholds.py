"""Thresholds and errors: the numbers of the course, computed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.lessons import thresholds
from pneumo.lessons.thresholds import COURSE_MODELS
from pneumo.metrics import classification

SHARE = st.floats(0, 1)


def test_the_three_models_of_the_course():
    models = list(COURSE_MODELS.values())
    rates = [classification.rates(each) for each in models]
    assert [round(each["specificity"], 3) for each in rates] == [0.521, 0.551, 0.688]
    assert [round(each["f1"], 3) for each in rates] == [0.866, 0.837, 0.895]
    assert [thresholds.cost(each, 20) for each in models] == [252, 785, 373]
    assert all(sum(each.values()) == 624 for each in models)
    assert thresholds.tie(models[0], models[2]) == 4.875
    assert thresholds.cost(models[0], 4.875) == thresholds.cost(models[2], 4.875)
    with pytest.raises(ValueError, match="as many"):
        thresholds.tie({"tn": 1, "fp": 1, "fn": 1, "tp": 1}, {"tn": 2, "fp": 3, "fn": 1, "tp": 1})


def test_predictive_values_fall_with_prevalence():
    found = [round(thresholds.ppv(0.95, 0.9, each), 3) for each in (0.625, 0.2, 0.05, 0.01)]
    assert found == [0.941, 0.704, 0.333, 0.088]
    one = classification.rates(COURSE_MODELS["Model 1, VGG-like from scratch"])
    assert round(one["precision"], 3) == 0.774
    assert round(thresholds.ppv(one["sensitivity"], one["specificity"], 0.05), 3) == 0.097
    assert thresholds.ppv(0.934, 0.973, 0.05) == pytest.approx(0.645, abs=2e-3), "the trap: 140 of 140 begins at .973"


def test_the_lesson_opens_where_it_says():
    sensitivity, specificity = thresholds.binormal(*thresholds.opening())
    assert sensitivity == pytest.approx(0.95) and specificity == pytest.approx(0.90)
    facts = thresholds.facts()
    assert facts["alarms"] == "33" and facts["tie"] == "4.875" and facts["majority"] == "62.5%"


@given(SHARE, SHARE, SHARE)
def test_bayes_holds(sensitivity, specificity, prevalence):
    positive = thresholds.ppv(sensitivity, specificity, prevalence)
    # Sensitivity is the probability of an alarm with pneumonia, not of pneumonia after an alarm: equal only by accident.
    alarms = prevalence * sensitivity + (1 - prevalence) * (1 - specificity)
    assert math.isnan(positive) or positive * alarms == pytest.approx(prevalence * sensitivity, abs=1e-12)
