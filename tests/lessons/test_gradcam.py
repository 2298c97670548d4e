"""Grad-CAM taken apart: the steps give the very maps that Diagnose shows, and the numbers of the lesson."""

import numpy as np
import pytest
import torch

from pneumo import models, runs
from pneumo.images import phantom, transforms
from pneumo.inference import comparison, explanation, pointing
from pneumo.lessons import gradcam
from pneumo.runs import forward
from pneumo.schema import PneumoError

PIXELS = phantom.draw(3, 0, 1, size_px=200, seed=7).pixels


def tensor(run):
    return transforms.preprocess(PIXELS, run.card.image)[1]


def test_the_worked_example_of_the_lesson():
    assert gradcam.facts()["toy"] == "0.5 0 / 0 0"


@pytest.mark.parametrize("name", ["first_steps", "resnet18_fine_tuned", "simple_cnn", "vgg_cnn"])
@pytest.mark.parametrize("method", ["gradcam", "hirescam", "layercam"])
def test_the_steps_add_up_to_the_map_of_diagnose(name, method):
    run = runs.load(name)
    found = gradcam.trace(run, PIXELS)
    assert found.layer == explanation.default_layer(run)
    wanted = explanation.raw_map(run.model, tensor(run), explanation.find_method(method), found.layer, 1)
    mine = gradcam.signed_map(found.activations, found.gradients, method)
    scale = max(float(np.abs(wanted).max()), 1e-6)
    np.testing.assert_allclose(mine / scale, wanted / scale, atol=2e-5)


def test_before_an_average_pool_and_one_linear_layer_the_weight_is_the_layers_own():
    run = runs.load("vgg_cnn")
    found = gradcam.trace(run, PIXELS)
    cells = found.gradients.shape[1] * found.gradients.shape[2]
    weight = run.model[-1].weight.detach()[0].numpy()
    np.testing.assert_allclose(found.gradients.mean((1, 2)), weight / cells, atol=1e-6)
    assert np.ptp(found.gradients, axis=(1, 2)).max() < 1e-6, "the same in every cell"


def test_a_trace_leaves_the_model_as_it_was_and_its_logit_is_the_models():
    run = runs.load("first_steps")
    before = forward.logits(run, gradcam.seen(run, PIXELS)[None])[0]
    assert gradcam.trace(run, PIXELS).logit == pytest.approx(before, abs=1e-4)
    assert forward.logits(run, gradcam.seen(run, PIXELS)[None])[0] == before
    assert all(each.grad is None for each in run.model.parameters())


def test_forgetting_begins_with_the_map_of_diagnose_and_touches_only_a_copy():
    run = runs.load("first_steps")
    weights = [each.clone() for each in run.model.parameters()]
    trained, stages = comparison.forgetting(run, PIXELS, "hirescam")
    np.testing.assert_array_equal(
        trained.values, explanation.heatmaps(run, tensor(run), "hirescam")["PNEUMONIA"].values
    )
    assert all(torch.equal(a, b) for a, b in zip(weights, run.model.parameters(), strict=True))
    assert stages[-1].layer == "blocks.0.0", "down to the first convolution"
    assert abs(stages[-1].similarity) < 0.6, "a map of what was learned does not survive"


def test_the_square_lies_where_it_is_said_to_and_its_answers_are_the_models():
    run = runs.load("first_steps")
    found = gradcam.occlusion(run, PIXELS)
    seen = gradcam.seen(run, PIXELS)
    assert found.clean == pytest.approx(forward.probabilities(run, seen[None])[0])
    side, size = round(found.side * seen.shape[0]), seen.shape[0]
    for row, column in ((0, 0), (7, 7), (14, 3)):
        covered = seen.copy()
        top, left = (round((place + 0.5) / gradcam.PLACES * size - side / 2) for place in (row, column))
        covered[max(top, 0) : top + side, max(left, 0) : left + side] = round(float(seen.mean()))
        assert found.probabilities[row, column] == pytest.approx(forward.probabilities(run, covered[None])[0], abs=1e-6)


def test_a_lesion_that_is_covered_lowers_the_probability():
    run = runs.load("first_steps")
    found = gradcam.occlusion(run, PIXELS)
    assert found.clean > 0.9 > found.probabilities.min()


def test_an_ensemble_is_refused_with_the_remedy():
    with pytest.raises(PneumoError, match="one of its members"):
        gradcam.trace(runs.load("ensemble"), PIXELS)


def test_hits_are_counted_for_every_method():
    hits = pointing.hit_rates(runs.load("first_steps"), 6)
    assert tuple(hits) == pointing.METHODS
    assert hits["hirescam"] >= 5 and hits["gradcam"] <= 3, "the lesson's point, on a few"


def test_random_weights_forget_everything():
    from pneumo.inference.heatmap_checks import forget

    model = models.build("simple_cnn", runs.load("simple_cnn").card.image)
    before = [each.clone() for each in model.parameters() if each.ndim > 1]
    forget(model, torch.Generator().manual_seed(0))
    assert not any(
        torch.equal(a, b) for a, b in zip(before, (p for p in model.parameters() if p.ndim > 1), strict=True)
    )
