"""Grey cells whose numbers can be read and whose places can be clicked."""

import numpy as np
import pytest

from pneumo import plots
from pneumo.plots import lessons

PLANE = np.array([[-1.0, 3.0]])


def luminance(grey: float) -> float:
    """WCAG 2's relative luminance of a grey, 0..1."""
    return grey / 12.92 if grey <= 0.04045 else ((grey + 0.055) / 1.055) ** 2.4


def test_numbers_keep_zero_in_the_middle_when_there_are_negatives():
    figure = plots.numbers(PLANE, mark=(0, 1, 1))
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-3, 3)
    assert figure.layout.shapes[0].x0 == 0.5


def test_greys_are_in_proportion_to_the_values():
    """The ink is chosen for the grey that a value has on this scale."""
    figure = plots.numbers(np.array([[0.0, 0.5, 1.0]]))
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)
    assert figure.data[0].colorscale == ((0, "#000000"), (1, "#FFFFFF"))


@pytest.mark.parametrize("grey", np.linspace(0, 1, 101))
def test_every_number_has_the_contrast_of_aa(grey):
    ink = {"#000000": 0.0, "#FFFFFF": 1.0}[lessons.ink(float(grey))]
    light, dark = sorted((luminance(ink), luminance(float(grey))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_numbers_are_written_into_their_cells():
    [_, written] = plots.numbers(PLANE, text=True).data
    assert list(written.text) == ["-1.00", "3.00"]
    assert (list(written.x), list(written.y)) == ([0, 1], [0, 0])
    assert list(written.textfont.color) == ["#FFFFFF", "#000000"], "dark grey and white cells"


def test_cells_can_be_clicked_and_the_marks_stay_invisible():
    [_, marks] = plots.numbers(np.arange(6.0).reshape(2, 3), pick=True).data
    assert list(zip(marks.y, marks.x, strict=True)) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert (marks.marker.opacity, marks.selected.marker.opacity, marks.unselected.marker.opacity) == (0, 0, 0)
    assert marks.hoverinfo != "skip", "Plotly gives no clicks then"
