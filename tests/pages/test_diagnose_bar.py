"""The result in one glance: what its HTML says, and where its marks stand."""

import re
from dataclasses import replace

import pytest

from pages.clinic import diagnose_bar
from pneumo.inference import diagnosis
from pneumo.palette import COLOURS
from pneumo.schema import Interval


@pytest.fixture(scope="module")
def result(small_run, examples):
    return replace(
        diagnosis.diagnose(small_run, examples[0].data, "x.png"),
        probability=0.951, stability=Interval(0.9, 0.97), indeterminate=Interval(0.074, 0.876),
    )  # fmt: skip


def test_the_bar_says_all_its_marks_in_words(result):
    said = re.search('aria-label="([^"]*)"', diagnose_bar.bar(result, 0.968)).group(1)
    assert said == (
        "Probability 0.951 on a bar from 0 to 1: NORMAL below 0.074, UNCERTAIN up to 0.968, PNEUMONIA above. "
        "Threshold 0.968. Under small changes 0.900 to 0.970."
    )


def test_segments_fill_the_bar_in_the_colours_of_the_labels(result):
    found = re.findall(
        r"left:([\d.]+)%;width:([\d.]+)%;[^\"]*background:(#\w+);opacity", diagnose_bar.bar(result, 0.968)
    )
    assert [(colour, float(left), float(width)) for left, width, colour in found] == [
        (COLOURS["NORMAL"], 0.0, 7.4),
        (COLOURS["UNCERTAIN"], 7.4, 89.4),
        (COLOURS["PNEUMONIA"], 96.8, 3.2),
    ]


@pytest.mark.parametrize(("threshold", "label"), [(0.968, "UNCERTAIN"), (0.9, "PNEUMONIA")])
def test_the_badge_names_the_label_by_word_shape_and_colour(result, threshold, label):
    html = diagnose_bar.verdict(result, threshold)
    assert f"background:{COLOURS[label]}" in html and f"</span>{label}</span>" in html
    assert "Probability of pneumonia" in html and ">0.951</strong>" in html


def test_no_certainty_is_claimed_and_no_markup_breaks(result):
    html = diagnose_bar.verdict(replace(result, probability=1.0, stability=Interval(0.0, 1.0)), 0.5)
    assert "&gt;0.999" in html and "1.000 on a bar" not in html and "&lt;0.001 to &gt;0.999" in html


def test_a_run_without_a_zone_has_a_bar(result):
    html = diagnose_bar.bar(replace(result, indeterminate=None), 0.5)
    assert "repeating-linear-gradient" not in html and "NORMAL below 0.500" in html


def test_a_result_without_stability_has_a_bar_without_a_spread(result):
    html = diagnose_bar.bar(replace(result, stability=None), 0.5)
    assert "Threshold 0.500." in html and "Under small changes" not in html and "None" not in html
