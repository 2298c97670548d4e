"""The classroom's computations against hand calculation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.lessons import convolution
from pneumo.schema import PneumoError

PLANE = np.arange(30, dtype=np.float32).reshape(5, 6)


def kernel(name: str) -> np.ndarray:
    return np.array(convolution.KERNELS[name].values, dtype=np.float32)


def test_a_step_is_one_cell_of_the_convolution():
    for name in convolution.KERNELS:
        output = convolution.convolve(PLANE, kernel(name))
        taken = convolution.step(PLANE, kernel(name), 1, 2)
        np.testing.assert_array_equal(taken.patch, PLANE[1:4, 2:5])
        assert taken.total == pytest.approx(taken.products.sum()) == pytest.approx(output[1, 2], abs=1e-4)


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


@pytest.mark.parametrize("rows", [[[1, 2]], [[1, 2, None]] * 3, [[1, 2, float("nan")]] * 3, [["a", 1, 1]] * 3])
def test_a_kernel_with_holes_is_refused(rows):
    with pytest.raises(PneumoError, match="nine numbers"):
        convolution.as_kernel(rows)


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
