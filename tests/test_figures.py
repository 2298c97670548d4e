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
