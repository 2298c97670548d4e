"""Figures and overlays from plain data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo import evaluation, figures
from pneumo.schema import Interval

GREY = np.full((6, 8), 100, np.uint8)


def test_overlay_is_clear_where_nothing_was_found_and_follows_the_map():
    heat = np.zeros((6, 8), np.float32)
    heat[2, 3], heat[4, 5] = 1.0, 0.5
    painted = figures.overlay(GREY, heat, opacity=0.6, floor=0.15)
    assert painted.shape == (6, 8, 3)
    assert (painted[heat == 0] == 100).all()
    expected = 100 * 0.4 + figures.heat_colours()[255] * 0.6
    np.testing.assert_allclose(painted[2, 3], expected, atol=1)
    alpha = 0.6 * (0.5 - 0.15) / 0.85
    np.testing.assert_allclose(painted[4, 5], 100 * (1 - alpha) + figures.heat_colours()[128] * alpha, atol=1)


@given(st.floats(0, 1), st.floats(0, 0.9), st.integers(1, 9), st.integers(1, 9))
def test_overlay_takes_any_map_size_and_setting(opacity, floor, height, width):
    heat = np.random.default_rng(0).random((height, width), dtype=np.float32)
    assert figures.overlay(GREY, heat, opacity, floor).shape == (6, 8, 3)


def test_no_opacity_is_the_picture():
    assert (figures.overlay(GREY, np.ones((3, 3), np.float32), opacity=0.0) == 100).all()


def test_heat_colours_get_brighter_all_the_way():
    brightness = figures.heat_colours() @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(brightness) > -1).all()
    assert brightness[-1] - brightness[0] > 200


def test_window_spreads_and_inverts():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(figures.windowed(ramp, 0, 255), ramp)
    np.testing.assert_array_equal(figures.windowed(ramp, 0, 255, invert=True), 255 - ramp)
    spread = figures.windowed(ramp, 100, 150).ravel()
    assert (spread[:101] == 0).all()
    assert (spread[150:] == 255).all()
    assert figures.windowed(ramp, 100, 100).max() == 255


def test_probability_bar_marks_probability_and_threshold():
    figure = figures.probability_bar(0.7, 0.4, Interval(0.3, 0.5), Interval(0.6, 0.8))
    assert figure.data[1].x == (0.7,)
    assert figure.data[1].marker.color == figures.COLOURS["PNEUMONIA"]
    assert (
        figures.probability_bar(0.2, 0.4, Interval(0.3, 0.5), Interval(0.1, 0.3)).data[1].marker.color
        == figures.COLOURS["NORMAL"]
    )


def test_histogram_counts_every_image(scores):
    labels, probabilities = scores
    figure = figures.probability_histogram(labels, probabilities, 0.5, [0.3, 0.9])
    assert [sum(bar.y) for bar in figure.data[:2]] == [(labels == 0).sum(), (labels == 1).sum()]
    assert list(figure.data[2].x) == [0.3, 0.9]


def test_evidence_figures_carry_their_data(scores):
    labels, probabilities = scores
    points = evaluation.operating_points(labels, probabilities)
    false_positive, true_positive, _ = evaluation.roc(labels, probabilities)
    roc = figures.roc_curve(false_positive, true_positive, points, "run")
    assert len(roc.data) == 5
    matrix = figures.confusion_matrix({"tn": 1, "fp": 3, "fn": 0, "tp": 5})
    np.testing.assert_allclose(matrix.data[0].z, [[0.25, 0.75], [0, 1]])
    reliability = figures.reliability(labels, probabilities)
    assert sum(reliability.data[0].customdata) == 300
    history = [{"epoch": float(n), "train_loss": 1 / (n + 1), "validation_loss": 1.0} for n in range(3)]
    assert list(figures.training_curves(history, "loss", 1).data[0].y) == pytest.approx([1, 1 / 2, 1 / 3])


def test_numbers_keep_zero_in_the_middle_when_there_are_negatives():
    figure = figures.numbers(np.array([[-1.0, 3.0]]), mark=(0, 1, 1))
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-3, 3)
    assert figure.layout.shapes[0].x0 == 0.5


def test_mosaic_places_maps_row_by_row():
    maps = np.stack([np.eye(4, dtype=np.float32) * n for n in range(1, 11)])
    grid = figures.mosaic(maps, columns=8)
    assert grid.shape == (2 * 6, 8 * 6)
    np.testing.assert_array_equal(grid[1:5, 1:5], np.eye(4) * 255)
    assert (grid[6:, 12:] == 128).all()


def test_a_small_map_lies_where_it_was_seen():
    heat = np.zeros((2, 2), np.float32)
    heat[0, 1] = 1
    changed = (figures.overlay(np.full((40, 60), 100, np.uint8), heat) != 100).any(2)
    assert changed[:10, 45:].all()
    assert not changed[30:].any()
    assert not changed[:, :15].any()


@given(st.integers(1, 9), st.integers(1, 9))
def test_a_stretched_map_is_torchs(height, width):
    import torch

    heat = np.random.default_rng(height * 10 + width).random((height, width), dtype=np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(heat)[None, None], (6, 8), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(figures._resize(heat, (6, 8)), expected[0, 0].numpy(), atol=1e-5)


@given(st.integers(0, 255), st.integers(0, 255), st.booleans())
def test_any_window_is_monotone(low, high, invert):
    levels = figures.windowed(np.arange(256, dtype=np.uint8)[None], low, high, invert)[0].astype(int)
    steps = np.diff(levels)
    assert ((steps <= 0) if invert else (steps >= 0)).all()
    assert {levels[0], levels[-1]} <= set(range(256))


@pytest.mark.parametrize(
    ("probability", "name"), [(0.4, "PNEUMONIA"), (np.float64(0.39), "NORMAL"), (np.float32(1), "PNEUMONIA")]
)
def test_the_threshold_itself_is_positive_whatever_kind_of_number(probability, name):
    figure = figures.probability_bar(probability, 0.4, Interval(0.3, 0.5), Interval(0, 1))
    assert figure.data[1].marker.color == figures.COLOURS[name]


def test_lines_mark_threshold_band_and_the_epoch_that_was_kept():
    bar = figures.probability_bar(0.7, 0.4, Interval(0.3, 0.5), Interval(0.6, 0.8))
    assert list(bar.data[0].x) == [0.6, 0.8]
    assert {(s.x0, s.x1) for s in bar.layout.shapes} == {(0.3, 0.5), (0, 0.4), (0.4, 1), (0.4, 0.4)}
    history = [{"epoch": n, "train_loss": 1.0, "validation_loss": 2.0 - n} for n in range(3)]
    curves = figures.training_curves(history, "loss", 2)
    assert [s.x0 for s in curves.layout.shapes] == [2]
    assert list(curves.data[1].y) == [2, 1, 0]


def test_roc_points_lie_on_the_curve(scores):
    labels, probabilities = scores
    points = evaluation.operating_points(labels, probabilities)
    roc = figures.roc_curve(*evaluation.roc(labels, probabilities)[:2], points, "run")
    for trace, point in zip(roc.data[1:], points, strict=True):
        assert (trace.x[0], trace.y[0]) == (1 - point.specificity, point.sensitivity)
        assert trace.y[0] == pytest.approx(np.interp(trace.x[0], roc.data[0].x, roc.data[0].y), abs=0.02)
    assert len({trace.marker.symbol for trace in roc.data[1:]}) == 4


def test_reliability_says_what_was_stated_and_observed():
    figure = figures.reliability(np.array([0, 1, 1, 1]), np.array([0.02, 0.04, 0.96, 1.0]))
    assert list(figure.data[0].x) == pytest.approx([0.03, 0.98])
    assert list(figure.data[0].y) == [0.5, 1.0]
    assert list(figure.data[0].customdata) == [2, 2]


def test_an_empty_row_of_a_confusion_matrix_is_zero():
    np.testing.assert_array_equal(
        figures.confusion_matrix({"tn": 0, "fp": 0, "fn": 1, "tp": 1}).data[0].z, [[0, 0], [0.5, 0.5]]
    )


def test_a_contact_sheet_leaves_the_grey_levels_alone():
    sheet = figures.contact_sheet(np.stack([np.full((4, 4), 30 * n, np.uint8) for n in range(5)]), columns=3)
    assert sheet.shape == (12, 18)
    assert [sheet[3, 3], sheet[3, 9], sheet[9, 9], sheet[9, 15]] == [0, 30, 120, 128]


def test_class_bars_have_a_bar_a_part_and_room_for_its_number():
    figure = figures.class_bars({"train": {"NORMAL": 1000, "PNEUMONIA": 3}, "test": {"NORMAL": 0, "PNEUMONIA": 2}})
    assert [(t.name, list(t.x), list(t.text)) for t in figure.data] == [
        ("NORMAL", [1000, 0], ["1,000", "0"]),
        ("PNEUMONIA", [3, 2], ["3", "2"]),
    ]
    assert figure.layout.xaxis.range[1] > 1000


def test_class_histograms_are_shares_of_their_class():
    values = {"NORMAL": np.array([1, 1, 2]), "PNEUMONIA": np.array([])}
    figure = figures.class_histogram(values, np.array([0.5, 1.5, 2.5]), "images", "patients", beside=True)
    assert list(figure.data[0].y) == pytest.approx([2 / 3, 1 / 3])
    assert list(figure.data[1].y) == [0, 0]
    assert figure.data[0].name == "NORMAL (n = 3)"


def test_level_curves_and_sizes_count_what_is_there():
    curves = figures.level_curves(np.array([[0.5, 0.5], [0.1, 0.9]]))
    assert list(curves.data[0].x) == [63.5, 191.5]
    assert list(curves.data[1].y) == [0.1, 0.9]
    sizes = figures.picture_sizes(np.array([[4, 5], [4, 5], [6, 7]]), np.array([0, 0, 1]))
    assert list(sizes.data[0].customdata) == [2]
    assert (list(sizes.data[1].x), list(sizes.data[1].y)) == ([6], [7])


def test_cells_keep_their_hard_edges():
    heat = np.array([[0, 1], [0.5, 0]], np.float32)
    painted = figures.overlay(np.full((6, 8), 100, np.uint8), heat, floor=0, smooth=False)
    for rows, columns in ((0, 0), (0, 1), (1, 0), (1, 1)):
        block = painted[3 * rows : 3 * rows + 3, 4 * columns : 4 * columns + 4]
        assert (block == block[0, 0]).all()
    assert (painted[0, 0] == 100).all()
    assert (painted[0, 4] != painted[3, 0]).any()


@pytest.mark.parametrize("picture", [np.full((40, 40), 90, np.uint8), np.full((40, 40, 3), 90, np.uint8)])
def test_outline_goes_round_the_mask_and_leaves_it_clear(picture):
    mask = np.zeros((40, 40), bool)
    mask[10:20, 10:20] = True
    painted = figures.outline(picture, mask)
    changed = (painted != 90).any(-1)
    assert changed.sum() == 40, "four sides of ten pixels"
    assert not changed[mask].any()
    assert (picture == 90).all()
    assert (figures.outline(picture, np.zeros_like(mask)) == 90).all()


def test_check_figures_carry_names_and_areas():
    chart = figures.randomisation(["head", "conv"], [0.4, float("nan")])
    assert chart.layout.xaxis.ticktext == ("trained", "head", "conv")
    assert chart.data[0].y[:2] == (1, 0.4)
    at = np.linspace(0, 1, 5)
    chart = figures.deletion_insertion(at, 1 - at, at, 0.25, 0.5, "Deletion")
    assert [trace.name for trace in chart.data] == ["this heatmap: area 0.25", "random maps: area 0.50"]


def test_marks_at_0_and_1_are_whole_and_claim_no_certainty(scores):
    histogram = figures.probability_histogram(*scores, 0.5, [0.0, 1.0])
    low, high = histogram.layout.xaxis.range
    assert low < 0 < 1 < high
    bar = figures.probability_bar(1.0, 0.5, None, Interval(0.9, 1))
    reliability = figures.reliability(*scores)
    for threshold, side in ((0.02, "left"), (0.98, "right")):
        words = figures.probability_histogram(*scores, threshold).layout.annotations[0]
        assert (words.text, words.xanchor) == (f"threshold {threshold:.3f}", side)
    for trace in (histogram.data[2], bar.data[1], reliability.data[0]):
        assert trace.cliponaxis is False
    assert (histogram.data[2].hovertext, bar.data[1].hovertext) == (("<0.001", ">0.999"), (">0.999",))
