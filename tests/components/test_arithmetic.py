"""What the browser computes equals torch to 1e-5: convolution with any kernel, padding, stride and dilation, and its neighbours."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pneumo.lessons import convolution, gradcam, thresholds
from pneumo.metrics import classification
from tests.components.node import called, needs_node

pytestmark = needs_node
CASES = 200


def geometry(kernel: int, padding: int, stride: int, dilation: int) -> dict[str, int]:
    return {"kernel": kernel, "padding": padding, "stride": stride, "dilation": dilation}


def test_convolution_equals_torch_for_random_kernels_paddings_strides_and_dilations():
    chance, calls, wanted = np.random.default_rng(0), [], []
    while len(calls) < CASES:
        side, channels = int(chance.integers(1, 14)), int(chance.integers(1, 4))
        shape = geometry(*(int(chance.integers(low, high)) for low, high in ((1, 8), (0, 4), (1, 5), (1, 4))))
        planes = chance.normal(0, 2, (channels, side, side)).astype(np.float32)
        kernels = chance.normal(0, 3, (channels, shape["kernel"], shape["kernel"])).astype(np.float32)
        bias = float(np.float32(chance.normal()))
        room = side + 2 * shape["padding"]
        if shape["dilation"] * (shape["kernel"] - 1) + 1 > room:
            continue
        calls.append(
            [
                "convolve",
                planes.reshape(channels, -1).tolist(),
                side,
                kernels.reshape(channels, -1).tolist(),
                shape,
                bias,
            ]
        )
        wanted.append(
            F.conv2d(
                torch.from_numpy(planes)[None],
                torch.from_numpy(kernels)[None],
                torch.tensor([bias]),
                stride=shape["stride"],
                padding=shape["padding"],
                dilation=shape["dilation"],
            )[0, 0].numpy()
        )
    for found, right in zip(called("arithmetic.js", calls), wanted, strict=True):
        assert len(found) == right.size
        np.testing.assert_allclose(np.reshape(found, right.shape), right, rtol=convolution.TOLERANCE, atol=1e-4)


def test_where_there_is_no_place_for_the_kernel_it_says_so_and_torch_refuses_it_too():
    for side, shape in ((2, geometry(3, 0, 1, 1)), (4, geometry(3, 0, 1, 3)), (5, geometry(7, 0, 2, 1))):
        problem, found = called(
            "arithmetic.js",
            [["problem", side, shape], ["convolve", [[0] * side**2], side, [[0] * shape["kernel"] ** 2], shape]],
        )
        assert "no place" in problem and found == []
        with pytest.raises(RuntimeError):
            F.conv2d(
                torch.zeros(1, 1, side, side),
                torch.zeros(1, 1, shape["kernel"], shape["kernel"]),
                dilation=shape["dilation"],
            )


def test_the_size_is_that_of_the_formula_and_of_torch():
    chance, calls, wanted = np.random.default_rng(1), [], []
    for _ in range(CASES):
        side, shape = (
            int(chance.integers(8, 40)),
            geometry(*(int(chance.integers(low, high)) for low, high in ((1, 4), (0, 4), (1, 5), (1, 3)))),
        )
        calls.append(["outputSide", side, shape])
        wanted.append(
            F.conv2d(
                torch.zeros(1, 1, side, side),
                torch.zeros(1, 1, shape["kernel"], shape["kernel"]),
                None,
                shape["stride"],
                shape["padding"],
                shape["dilation"],
            ).shape[-1]
        )
    assert called("arithmetic.js", calls) == wanted
    course = [(128, 3, 1, 2), (24, 3, 0, 1), (224, 7, 3, 2)]
    assert called(
        "arithmetic.js",
        [["outputSide", side, geometry(kernel, padding, stride, 1)] for side, kernel, padding, stride in course],
    ) == [64, 22, 112]


def test_the_other_steps_equal_torch():
    plane = np.random.default_rng(2).normal(0, 2, (9, 9)).astype(np.float32)
    flat, tensor = plane.ravel().tolist(), torch.from_numpy(plane)[None, None]
    relu, largest, mean, norm = called(
        "arithmetic.js",
        [["relu", flat], ["pool", flat, 9, 2, "max"], ["pool", flat, 9, 2, "mean"], ["normalise", flat]],
    )
    np.testing.assert_allclose(relu, F.relu(tensor).ravel(), atol=1e-6)
    np.testing.assert_allclose(largest, F.max_pool2d(tensor, 2).ravel(), atol=1e-6)
    np.testing.assert_allclose(mean, F.avg_pool2d(tensor, 2).ravel(), atol=1e-6)
    np.testing.assert_allclose(norm["values"], F.batch_norm(tensor, None, None, training=True).ravel(), atol=1e-5)


def test_dropout_is_the_same_for_the_same_seed_and_keeps_the_mean():
    ones = [1.0] * 4000
    one, again, other = called(
        "arithmetic.js", [["dropout", ones, 0.5, 1], ["dropout", ones, 0.5, 1], ["dropout", ones, 0.5, 2]]
    )
    assert one == again != other
    assert set(one["values"]) == {0, 2}
    assert abs(np.mean(one["values"]) - 1) < 0.1
    assert called("arithmetic.js", [["dropout", [0.8], 0, 1]])[0]["values"] == [0.8]


def test_the_maps_of_the_lesson_on_heatmaps_are_those_of_the_core():
    chance = np.random.default_rng(3)
    activations, gradients = chance.normal(size=(2, 6, 5, 5)).astype(np.float32)
    packed = [
        {"channels": 6, "height": 5, "width": 5, "values": each.ravel().tolist()} for each in (activations, gradients)
    ]
    for method in ("gradcam", "hirescam", "layercam"):
        (found,) = called("cam.js", [["weightedSum", *packed, method]])
        np.testing.assert_allclose(
            np.reshape(found, (5, 5)), gradcam.signed_map(activations, gradients, method), atol=1e-5
        )
    toy = [
        {"channels": 2, "height": 2, "width": 2, "values": each.ravel().tolist()}
        for each in (gradcam.TOY_MAPS, gradcam.TOY_GRADIENTS)
    ]
    (summed,) = called("cam.js", [["weightedSum", *toy, "gradcam"]])
    assert called("cam.js", [["positive", summed]])[0] == [0.5, 0, 0, 0]


def test_enlarging_equals_torchs_bilinear_interpolation():
    cells = np.random.default_rng(4).normal(size=(7, 5)).astype(np.float32)
    (found,) = called("cam.js", [["enlarge", cells.ravel().tolist(), 7, 5, 32]])
    right = F.interpolate(torch.from_numpy(cells)[None, None], (32, 32), mode="bilinear", align_corners=False)[0, 0]
    np.testing.assert_allclose(np.reshape(found, (32, 32)), right, atol=1e-5)


def test_half_floats_are_read_as_numpy_writes_them():
    import base64

    values = np.array([0, -0.0, 1, -2.5, 65504, 6e-8, 1e-5, np.inf, 0.333], dtype="<f2")
    (found,) = called("bytes.js", [["halves", base64.b64encode(values.tobytes()).decode()]])
    assert found[7] is None, "JSON has no infinity"
    np.testing.assert_array_equal(np.delete(np.array(found, dtype=float), 7), np.delete(values.astype(float), 7))


def test_rates_predictive_values_and_costs_are_those_of_the_core():
    chance = np.random.default_rng(5)
    drawn = chance.uniform((-4, 0), (7, 5), (60, 2)).tolist()
    found = called("decisions.js", [["binormal", threshold, apart] for threshold, apart in drawn])
    for rates, (threshold, apart) in zip(found, drawn, strict=True):
        sensitivity, specificity = thresholds.binormal(threshold, apart)
        assert rates["sensitivity"] == pytest.approx(sensitivity, abs=1e-9)
        assert rates["specificity"] == pytest.approx(specificity, abs=1e-9)
    rates = {"sensitivity": 0.95, "specificity": 0.9}
    both, people, cost = called(
        "decisions.js", [["predictive", rates, 0.05], ["counts", rates, 0.05, 1000], ["cost", rates, 0.05, 1000, 20]]
    )
    assert both["ppv"] == pytest.approx(thresholds.ppv(0.95, 0.9, 0.05)) and round(both["ppv"], 3) == 0.333
    assert both["npv"] == pytest.approx(classification.predictive_values(0.95, 0.9, 0.05)[1])
    assert sum(people.values()) == 1000 and people["tp"] + people["fn"] == 50
    assert cost == pytest.approx(20 * 2.5 + 95)
    area, cheapest_free, cheapest_dear = called(
        "decisions.js",
        [
            ["auroc", [0.7, 0.3, 0.2], [0.9, 0.8, 0.4]],
            ["empirical", 0.35, [0.2, 0.3, 0.7], [0.4, 0.8, 0.9]],
            ["empirical", 0.8, [0.2, 0.3, 0.7], [0.4, 0.8, 0.9]],
        ],
    )
    scores = np.array([0.7, 0.3, 0.2, 0.9, 0.8, 0.4])
    assert area == pytest.approx(8 / 9) == classification.auroc(np.array([0, 0, 0, 1, 1, 1]), scores)
    assert cheapest_free == {"sensitivity": 1, "specificity": pytest.approx(2 / 3)}
    assert cheapest_dear == {"sensitivity": pytest.approx(2 / 3), "specificity": 1}, (
        "at the threshold counts as above it"
    )
