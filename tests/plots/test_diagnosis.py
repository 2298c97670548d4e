import numpy as np
import pytest

from pneumo import palette, plots
from pneumo.schema import Interval

GREY = np.full((6, 8), 100, np.uint8)


def test_probability_bar_marks_probability_and_threshold():
    figure = plots.probability_bar(0.7, 0.4, Interval(0.3, 0.5), Interval(0.6, 0.8))
    assert figure.data[1].x == (0.7,)
    assert figure.data[1].marker.color == palette.COLOURS["PNEUMONIA"]
    assert (
        plots.probability_bar(0.2, 0.4, Interval(0.3, 0.5), Interval(0.1, 0.3)).data[1].marker.color
        == palette.COLOURS["NORMAL"]
    )


def test_histogram_counts_every_image(scores):
    labels, probabilities = scores
    figure = plots.probability_histogram(labels, probabilities, 0.5, [0.3, 0.9])
    assert [sum(bar.y) for bar in figure.data[:2]] == [(labels == 0).sum(), (labels == 1).sum()]
    assert list(figure.data[2].x) == [0.3, 0.9]


@pytest.mark.parametrize(
    ("probability", "name"), [(0.4, "PNEUMONIA"), (np.float64(0.39), "NORMAL"), (np.float32(1), "PNEUMONIA")]
)
def test_the_threshold_itself_is_positive_whatever_kind_of_number(probability, name):
    figure = plots.probability_bar(probability, 0.4, Interval(0.3, 0.5), Interval(0, 1))
    assert figure.data[1].marker.color == palette.COLOURS[name]


def test_lines_mark_threshold_and_band():
    bar = plots.probability_bar(0.7, 0.4, Interval(0.3, 0.5), Interval(0.6, 0.8))
    assert list(bar.data[0].x) == [0.6, 0.8]
    assert {(s.x0, s.x1) for s in bar.layout.shapes} == {(0.3, 0.5), (0, 0.4), (0.4, 1), (0.4, 0.4)}


def test_marks_at_0_and_1_are_whole_and_claim_no_certainty(scores):
    histogram = plots.probability_histogram(*scores, 0.5, [0.0, 1.0])
    low, high = histogram.layout.xaxis.range
    assert low < 0 < 1 < high
    bar = plots.probability_bar(1.0, 0.5, None, Interval(0.9, 1))
    for threshold, side in ((0.02, "left"), (0.98, "right")):
        words = plots.probability_histogram(*scores, threshold).layout.annotations[0]
        assert (words.text, words.xanchor) == (f"threshold {threshold:.3f}", side)
    for trace in (histogram.data[2], bar.data[1]):
        assert trace.cliponaxis is False
    assert (histogram.data[2].hovertext, bar.data[1].hovertext) == (("<0.001", ">0.999"), (">0.999",))
