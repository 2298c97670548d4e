"""The classroom's computations against hand calculation."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pneumo.lessons import convolution

PLANE = np.arange(30, dtype=np.float32).reshape(5, 6)


def kernel(name: str) -> np.ndarray:
    return np.array(convolution.KERNELS[name].values, dtype=np.float32)


def test_the_numbers_of_the_course_notes():
    """1 to 16 with 1 0 / 0 1: the notes print 8 12 / 16 20, which no stride and no padding gives."""
    notes, kernel_2 = convolution.NOTES, convolution.NOTES_KERNEL
    assert convolution.convolve(notes, kernel_2).tolist() == [[7, 9, 11], [15, 17, 19], [23, 25, 27]]
    assert convolution.convolve(notes, kernel_2, stride=2).tolist() == [[7, 11], [23, 27]]
    assert (convolution.convolve(notes, kernel("horizontal")) == 24).all()
    assert (convolution.convolve(notes, kernel("vertical")) == 6).all()
    assert convolution.convolve(notes, kernel("horizontal"), padding=1)[0].tolist() == [11, 18, 21, 15]


def test_the_texts_numbers_are_those_of_the_course():
    facts = convolution.facts()
    assert facts["first"] == "7" and facts["side_128"] == "64" and facts["parameters"] == "18,496"
    assert facts["relu"] == "0 5 0 3 0 7" and facts["maxima"] == "6 8 / 9 7" and facts["means"] == "3.75 5.25 / 5.25 4"
    assert facts["normalised"] == "−1.2247, 0, 1.2247" and facts["dropped"] == "1.6"
    sizes = [convolution.output_size(*each) for each in ((128, 3, 1, 2), (24, 3, 0, 1), (224, 7, 3, 2))]
    assert sizes == [64, 22, 112]


def test_named_kernels_do_what_they_say():
    inside = PLANE[1:-1, 1:-1]
    np.testing.assert_allclose(convolution.convolve(PLANE, kernel("identity")), inside)
    np.testing.assert_allclose(convolution.convolve(PLANE, kernel("blur")), inside, atol=1e-5)
    np.testing.assert_allclose(convolution.convolve(PLANE, kernel("laplacian")), 0, atol=1e-4)
    assert (convolution.convolve(PLANE, kernel("vertical")) == 6).all()
    assert (convolution.convolve(PLANE, kernel("horizontal")) == 36).all()


@given(st.integers(3, 40), st.integers(0, 4), st.integers(1, 5))
def test_output_size_is_the_layers(side, padding, stride):
    output = convolution.convolve(np.zeros((side, side), np.float32), kernel("blur"), padding, stride)
    assert output.shape == (convolution.output_size(side, 3, padding, stride),) * 2


def test_relu_and_pooling():
    np.testing.assert_array_equal(convolution.relu(np.array([[-1.0, 2.0]])), [[0, 2]])
    np.testing.assert_array_equal(convolution.max_pool(PLANE), [[7, 9, 11], [19, 21, 23]])


def test_horizontal_edges_are_bright_below_and_dark_above():
    """As its description has it: the upper edge of what is bright."""
    plane = np.repeat([[0.0], [0.0], [1.0], [1.0], [0.0], [0.0]], 3, axis=1).astype(np.float32)
    assert convolution.convolve(plane, kernel("horizontal"))[:, 0].tolist() == [3, 3, -3, -3]


def test_first_layer_gives_one_map_a_kernel(small_run):
    maps = convolution.first_layer(small_run, np.full((50, 60), 77, np.uint8))
    assert maps.shape == (32, 32, 32)
    assert np.ptp(maps[:, 5:-5, 5:-5], axis=(1, 2)).max() < 1e-4  # an even image gives even maps


def test_the_first_kernel_is_that_of_the_stored_weights(small_run):
    weights = next(weight for weight in small_run.model.state_dict().values() if weight.ndim == 4)
    assert convolution.first_kernel(small_run) == tuple(weights.shape[-2:])


def test_the_first_layer_rebuilt_from_what_the_browser_gets_equals_the_models(small_run):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60), np.uint8)
    layer, maps = convolution.learned(small_run, pixels), convolution.first_layer(small_run, pixels)
    for number in (0, 7, 31):
        mine = (
            convolution.convolve(layer.plane, layer.kernels[number], layer.padding, layer.stride) + layer.bias[number]
        )
        np.testing.assert_allclose(mine, maps[number], atol=1e-5)
