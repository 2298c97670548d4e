"""The sentences on top of the tabs of Results: true of whatever numbers they are made from."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pneumo import runs
from pneumo.metrics import calibration, classification, conclusions
from pneumo.metrics.significance import wilson
from pneumo.schema import Interval, Subgroup

COUNTS = st.fixed_dictionaries({cell: st.integers(0, 2000) for cell in ("tn", "fp", "fn", "tp")})
SHARE = st.floats(0, 1)


@dataclass(frozen=True)
class Row:
    corruption: str
    severity: int
    auroc: float
    auroc_lost: float
    sensitivity: float
    specificity: float


def card():
    return runs.read_card(runs.resolve())


def numbers(text: str) -> list[float]:
    """All numbers of a sentence, in order; "1,300" is one."""
    return [float(each.replace(",", "")) for each in re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w.]*\d)", text)]


# --- accuracy ---------------------------------------------------------------------------------------------


def test_the_default_run_in_the_words_of_the_page():
    """Computed once by hand from its confusion matrix: 24 of 361 missed, 0 of 140 false alarms."""
    text = conclusions.accuracy("It", {"tn": 140, "fp": 0, "fn": 24, "tp": 337})
    assert text == (
        "It misses 24 of 361 radiographs with pneumonia (6.6%, 95% interval 4.5% to 9.7%) and raises a false alarm on none of "
        "140 NORMAL radiographs (at most 2.7%) at its default threshold."
    )


@given(COUNTS)
def test_misses_come_first_and_every_number_is_right(counts):
    assume(any(counts.values()))
    text = conclusions.accuracy("It", counts, "there")
    for verb, k, n in (
        ("misses", counts["fn"], counts["fn"] + counts["tp"]),
        ("raises a false alarm on", counts["fp"], counts["fp"] + counts["tn"]),
    ):
        if n == 0:
            assert verb not in text
            continue
        interval = wilson(k, n)
        if k == 0:
            assert f"{verb} none of {n:,} " in text and f"(at most {interval.high:.1%})" in text
        else:
            assert f"{verb} {k:,} of {n:,} " in text
            assert f"({k / n:.1%}, 95% interval {interval.low:.1%} to {interval.high:.1%})" in text
    if "misses" in text and "raises" in text:
        assert text.index("misses") < text.index("raises")
    assert text.endswith(" there.")


def test_the_kind_that_is_missed_most_comes_first():
    interval = Interval(0.0, 1.0)
    groups = (Subgroup("bacteria", "sensitivity", 210, 204 / 210, interval), Subgroup("virus", "sensitivity", 151, 133 / 151, interval))  # fmt: skip
    text = "Viral pneumonia is missed most often: 18 of 151 (11.9%), against 6 of 210 (2.9%) bacterial."
    assert conclusions.kinds(groups) == conclusions.kinds(groups[::-1]) == text
    assert conclusions.kinds(groups[:1]) == "", "one kind cannot be missed most often"


@given(st.lists(st.tuples(st.integers(1, 500), SHARE), min_size=2, max_size=4))
def test_most_often_is_said_of_the_lowest_sensitivity_alone(groups):
    kinds = [Subgroup(f"k{i}", "sensitivity", n, round(n * s) / n, Interval(0, 1)) for i, (n, s) in enumerate(groups)]
    text, values = conclusions.kinds(kinds), sorted(each.value for each in kinds)
    worst = min(kinds, key=lambda each: each.value)
    assert text.startswith(f"{worst.name.capitalize()} pneumonia is missed")
    assert ("most often" in text) == (values[0] < values[1])
    for each in kinds:
        assert f"{round((1 - each.value) * each.n)} of {each.n} ({1 - each.value:.1%})" in text


def test_people_are_counted_in_words():
    counts = {"tp": 280, "fp": 0, "fn": 20, "tn": 700}
    text = conclusions.people(counts, {"tp": 271, "fp": 19, "fn": 29, "tn": 681})
    assert numbers(text) == [300, 20, 700, 29, 19]
    assert "of 700 without pneumonia none would get a false alarm" in text
    assert "sick" not in text and "healthy" not in text


# --- the default operating point --------------------------------------------------------------------------


def test_the_default_point_says_its_rule_and_its_price():
    default = card()
    text, point, balanced = conclusions.default_point(default), default.point(), default.point("youden")
    assert default.default_point == "robust"
    assert text.startswith(f"The default threshold is {point.threshold:.3f} (“Robust”)")
    assert "best mean Youden index over clean and corrupted validation sets, with at least 95% sensitivity" in text
    assert point.sensitivity >= 0.95, "as the sentence says"
    assert f"misses {1 - point.sensitivity:.1%} of pneumonias at {1 - point.specificity:.1%} false alarms" in text
    assert f"misses {1 - balanced.sensitivity:.1%} at {1 - balanced.specificity:.1%}" in text
    assert f"n = {point.n_positive + point.n_negative}" in text


def test_a_robust_point_held_back_by_sensitivity_says_so():
    default = card()
    held = default.point("sensitivity95").threshold
    points = [replace(p, threshold=held) if p.name == "robust" else p for p in default.operating_points]
    text = conclusions.default_point(replace(default, operating_points=tuple(points)))
    assert "lies higher, but would cost more than 5% of the pneumonias" in text
    assert "it has the best mean" not in text


@pytest.mark.parametrize("name", [each.name for each in card().operating_points])
def test_every_operating_point_can_be_the_default(name):
    text = conclusions.default_point(replace(card(), default_point=name))
    assert f"{card().point(name).threshold:.3f}" in text
    assert ("On clean validation patients" in text) == (name != "youden"), "balanced is not set against itself"


# --- calibration ------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), SHARE), min_size=1, max_size=60))
def test_calibration_says_the_error_and_n(cases):
    labels = np.array([int(label) for label, _ in cases])
    probabilities = np.array([probability for _, probability in cases])
    error = calibration.ece(labels, probabilities)
    text = conclusions.calibrated("It", labels, probabilities)
    assert (
        f"by {100 * error:.1f} percentage points" in text and f"calibration error {error:.3f}, {len(cases):,} " in text
    )
    between = int(((probabilities > 0.1) & (probabilities < 0.9)).sum())
    assert numbers(conclusions.undecided(probabilities))[:2] == [between, len(cases)]


# --- robustness -------------------------------------------------------------------------------------------

ROWS = st.lists(
    st.builds(Row, st.sampled_from(["blur", "noise"]), st.integers(1, 3), SHARE, SHARE, SHARE, SHARE),
    min_size=1,
    max_size=9,
    unique_by=lambda row: (row.corruption, row.severity),
)


@given(ROWS)
def test_the_worst_corruption_is_the_worst(rows):
    clean = Row("clean", 0, 0.99, 0.0, 0.97, 0.98)
    titles = {"blur": "Blur", "noise": "Noise"}
    text = conclusions.robust("It", [clean, *rows], titles, 0.5)
    worst = min(rows, key=lambda row: row.sensitivity + row.specificity)
    assert f"“{titles[worst.corruption]}, severity {worst.severity}”" in text
    assert f"{1 - worst.specificity:.1%} of NORMAL radiographs (clean: 2.0%)" in text
    assert f"misses {1 - worst.sensitivity:.1%} of pneumonias (clean: 3.0%)" in text
    held = sum(min(row.sensitivity, row.specificity) >= 0.9 for row in rows)
    assert f"at 90% or more in {held} of {len(rows)} tests" in conclusions.withstood([clean, *rows], titles)


def test_next_worst_corruptions_are_named_by_their_lower_rate():
    rows = [Row("clean", 0, 1, 0, 1, 1), Row("a", 1, 1, 0, 0.1, 0.2), Row("b", 2, 1, 0, 0.95, 0.3), Row("c", 1, 1, 0, 0.5, 0.99)]  # fmt: skip
    text = conclusions.withstood(rows, {})
    assert text.endswith("next worst: “b, severity 2” (specificity 30.0%) and “c, severity 1” (sensitivity 50.0%).")


def test_without_corruptions_nothing_is_claimed():
    clean = Row("clean", 0, 0.99, 0.0, 0.97, 0.98)
    assert conclusions.robust("It", [clean], {}, 0.5) == "It was not measured on corrupted images."
    assert conclusions.withstood([clean], {}) == ""


# --- training ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("training", "validation", "verdict"),
    [
        (0.99, 0.995, "does as well on validation patients"),
        (0.999, 0.996, "does as well on validation patients"),
        (0.999, 0.985, "does slightly worse on validation patients"),
        (0.999, 0.9, "it overfits"),
    ],
)
def test_training_is_judged_by_the_gap_at_the_kept_epoch(training, validation, verdict):
    rows = [
        {"epoch": 1.0, "train_auroc": 0.6, "validation_auroc": 0.6},
        {"epoch": 2.0, "train_auroc": training, "validation_auroc": validation},
    ]
    text = conclusions.trained("It", rows, 2)
    assert verdict in text
    assert f"(AUROC {validation:.3f} and {training:.3f}, epoch 2, the one kept)" in text
    assert conclusions.trained("It", rows, 3) == "It left no AUROC of its kept epoch."


def test_effort_names_what_the_minutes_leave_out():
    default = card()
    assert "23 minutes" in conclusions.effort(default)
    assert conclusions.effort(default).endswith("not counting the pretraining of resnet18_encoder.")
    scratch = runs.read_card(runs.resolve("resnet18_scratch"))
    assert "pretraining" not in conclusions.effort(scratch)
    assert "less than a minute" in conclusions.effort(replace(default, minutes=0.04))


# --- what the page says of itself -------------------------------------------------------------------------


@pytest.mark.parametrize("name", runs.available("classification"))
def test_metrics_are_those_of_the_saved_predictions(name):
    """ "All metrics of our models are computed from their saved predictions"."""
    folder = runs.resolve(name)
    for split, metrics in runs.read_card(folder).metrics.items():
        saved = runs.read_predictions(folder).split(split)
        assert metrics.confusion == classification.confusion(saved.labels, saved.probabilities, metrics.threshold)
        assert metrics.auroc == pytest.approx(classification.auroc(saved.labels, saved.probabilities), abs=1e-9)
        assert metrics.ece == pytest.approx(
            calibration.ece(saved.labels, saved.probabilities), abs=1e-6
        )  # rounded in the file
