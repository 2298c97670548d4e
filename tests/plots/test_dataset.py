import numpy as np
import pytest

from pneumo import plots


def test_class_bars_have_a_bar_a_split_and_room_for_its_number():
    figure = plots.class_bars({"train": {"NORMAL": 1000, "PNEUMONIA": 3}, "test": {"NORMAL": 0, "PNEUMONIA": 2}})
    assert [(t.name, list(t.x), list(t.text)) for t in figure.data] == [
        ("NORMAL", [1000, 0], ["1,000", "0"]),
        ("PNEUMONIA", [3, 2], ["3", "2"]),
    ]
    assert figure.layout.xaxis.range[1] > 1000


def test_class_histograms_are_shares_of_their_class():
    values = {"NORMAL": np.array([1, 1, 2]), "PNEUMONIA": np.array([])}
    figure = plots.class_histogram(values, np.array([0.5, 1.5, 2.5]), "images", "patients", beside=True)
    assert list(figure.data[0].y) == pytest.approx([2 / 3, 1 / 3])
    assert list(figure.data[1].y) == [0, 0]
    assert figure.data[0].name == "NORMAL (n = 3)"


def test_level_curves_and_sizes_count_what_is_there():
    curves = plots.level_curves(np.array([[0.5, 0.5], [0.1, 0.9]]))
    assert list(curves.data[0].x) == [63.5, 191.5]
    assert list(curves.data[1].y) == [0.1, 0.9]
    sizes = plots.image_sizes(np.array([[4, 5], [4, 5], [6, 7]]), np.array([0, 0, 1]))
    assert list(sizes.data[0].customdata) == [2]
    assert (list(sizes.data[1].x), list(sizes.data[1].y)) == ([6], [7])


def test_cues_are_points_with_their_intervals_beside_chance():
    figure = plots.cue_areas({"all together": (0.9, 0.85, 0.92), "mean": (0.52, 0.52, 0.52)})
    [points] = figure.data
    assert (list(points.y), list(points.x)) == (["all together", "mean"], [0.9, 0.52])
    assert list(points.text) == ["0.900", "0.520"]
    assert list(points.error_x.array) == pytest.approx([0.02, 0])
    assert list(points.error_x.arrayminus) == pytest.approx([0.05, 0])
    assert figure.layout.shapes[0].x0 == figure.layout.shapes[0].x1 == 0.5
