"""The network laid open: fields, parameters and sums are those of the course and of the model itself."""

import numpy as np
import pytest
import torch
from torch import nn

from pneumo import models, runs
from pneumo.images import phantom
from pneumo.lessons import network
from pneumo.schema import ImageSpec, PneumoError

PIXELS = phantom.draw(3, 0, 1, size_px=200, seed=7).pixels


@pytest.fixture(
    scope="module",
    params=["pneumonia_cnn", "resnet18_fine_tuned", "vgg_cnn", "lite0_fine_tuned", "regnet", "simple_cnn"],
)
def run(request):
    return runs.load(request.param)


def test_fields_and_parameters_are_those_of_the_course():
    facts = network.facts()
    assert facts["fields"] == "3 4 8 10 18 22 38 46" and facts["field"] == "46"
    assert facts["heavy"] == "4,194,560" and facts["total"] == "4,617,153" and facts["share"] == "90.8%"
    model = models.build("pneumonia_cnn", ImageSpec(size=128))
    convolutions = [
        sum(p.numel() for p in each.parameters()) for each in model.modules() if isinstance(each, nn.Conv2d)
    ]
    assert convolutions == [320, 18_496, 73_856, 295_168]
    assert models.count_parameters(models.build("vgg_cnn", ImageSpec(size=64))) == 4_688_577
    colour = ImageSpec(size=64, channels=3, mean=(0.5,) * 3, std=(0.5,) * 3)
    assert models.count_parameters(models.build("vgg_cnn", colour)) == 4_689_729
    assert network.fields(models.build("vgg_cnn", ImageSpec(size=64)))[-1] == 68


def test_every_parameter_belongs_to_a_layer(run):
    found = {each.name.split(network.AGAIN)[0]: each.parameters for each in network.layers(run)}
    assert sum(found.values()) == models.count_parameters(run.model)


def test_feature_maps_are_the_models_own(run):
    _, batch = network.prepared(run, PIXELS)
    names = [each.name for each in network.layers(run) if each.kind == "convolution"]
    modules, kept = dict(run.model.named_modules()), {}
    chosen = [names[0], names[len(names) // 2], names[-1]]
    hooks = [
        modules[name].register_forward_hook(lambda _m, _i, out, name=name: kept.update({name: out.clone()}))
        for name in chosen
    ]
    with torch.inference_mode():
        run.model(batch)
    for hook in hooks:
        hook.remove()
    for name in chosen:
        np.testing.assert_allclose(network.output_of(run, batch, name), kept[name].numpy(), atol=1e-6)


def test_a_pixel_is_the_sum_that_it_is_said_to_be(run):
    _, batch = network.prepared(run, PIXELS)
    whole = [each for each in network.layers(run) if each.kind == "convolution" and each.shape[-1] > 1]
    for layer in (whole[0], whole[len(whole) // 2], whole[-1]):
        output = network.output_of(run, batch, layer.name)[0]
        for channel, row, column in ((0, 0, 0), (layer.shape[0] - 1, layer.shape[1] - 1, 1)):
            found = network.pixel(run, batch, layer.name, channel, row, column)
            assert found.total == pytest.approx(output[channel, row, column], abs=1e-3, rel=1e-4)
            assert found.partial.sum() + found.bias == pytest.approx(found.total)


def test_the_last_sum_is_the_logit(run):
    found = network.last_sum(run, network.prepared(run, PIXELS)[1])
    assert found.terms.sum() + found.bias == pytest.approx(found.logit, abs=1e-4)


@pytest.mark.parametrize(("block", "size"), [(0, 4), (1, 10), (2, 22), (3, 46)])
def test_a_field_is_what_a_number_really_depends_on(block, size):
    """By gradient, with mean pooling in the place of max pooling, which lets one of four pass."""
    model = models.build("pneumonia_cnn", ImageSpec(size=128)).eval().blocks[: block + 1]
    for part in model:
        part[3] = nn.AvgPool2d(2)
        part[2] = nn.Identity()
        nn.init.constant_(part[0].weight, 1.0)
    image = torch.zeros(1, 1, 128, 128, requires_grad=True)
    output = model(image)
    middle = output.shape[-1] // 2
    output[0, 0, middle, middle].backward()
    rows = torch.nonzero(image.grad[0, 0].abs().sum(1)).ravel()
    assert int(rows.max() - rows.min()) + 1 == size
    run_field = next(
        each.field for each in network.layers(runs.load("pneumonia_cnn")) if each.name == f"blocks.{block}.3"
    )
    assert run_field.size == size
    assert run_field.start + middle * run_field.jump == pytest.approx((rows.max() + rows.min() + 1).item() / 2)


def test_shortcuts_add_up_and_leave_the_model_as_it_was():
    run = runs.load("resnet18_fine_tuned")
    _, batch = network.prepared(run, PIXELS)
    before = network.last_sum(run, batch).logit
    blocks = network.skips(run, batch)
    assert len(blocks) == 8
    for block in blocks:
        np.testing.assert_allclose(np.maximum(block.shortcut + block.residual, 0), block.after, atol=1e-5)
    assert network.last_sum(run, batch).logit == before
    assert any(abs(block.without - before) > 0.1 for block in blocks), "cutting a shortcut matters"
    assert network.skips(runs.load("simple_cnn"), network.prepared(runs.load("simple_cnn"), PIXELS)[1]) == []


def test_the_untrained_network_is_the_seeds_and_disturbs_no_other_draw():
    run = runs.load("pneumonia_cnn")
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    one = network.untrained(run)
    assert torch.rand(1) == expected
    for a, b in zip(one.parameters(), network.untrained(run).parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(next(one.parameters()), next(run.model.parameters()))


def test_what_excites_a_channel_stands_first():
    run = runs.load("simple_cnn")
    batch = network.stacked(
        [network.prepared(run, phantom.draw(n, 0, 1, size_px=128, seed=1).pixels)[1] for n in range(4)]
    )
    order, places = network.exciting(run, batch, "0.3")
    output = network.output_of(run, batch, "0.3")
    for channel in (0, 9):
        best = order[channel][0]
        assert output[best, channel].max() == output[:, channel].max()
        row, column = places[best, channel]
        assert output[best, channel, row, column] == output[best, channel].max()


def test_what_does_not_exist_is_named():
    run = runs.load("simple_cnn")
    _, batch = network.prepared(run, PIXELS)
    for name in ("nowhere", "0.3:9", "0.3:x", ""):
        with pytest.raises(PneumoError, match="no layer"):
            network.output_of(run, batch, name)
    with pytest.raises(PneumoError, match="no convolution"):
        network.pixel(run, batch, "0.1", 0, 0, 0)
    with pytest.raises(PneumoError, match="ensemble"):
        network.prepared(runs.load("ensemble"), PIXELS)
