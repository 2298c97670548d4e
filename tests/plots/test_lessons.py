import numpy as np

from pneumo import plots

GREY = np.full((6, 8), 100, np.uint8)


def test_numbers_keep_zero_in_the_middle_when_there_are_negatives():
    figure = plots.numbers(np.array([[-1.0, 3.0]]), mark=(0, 1, 1))
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-3, 3)
    assert figure.layout.shapes[0].x0 == 0.5
