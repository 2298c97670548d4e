"""Every registered model: shapes, gradients, saving, learning; and the registry itself."""

import pytest
import torch
from safetensors.torch import load, save

from pneumo import models
from pneumo.models.registry import register
from pneumo.schema import ImageSpec, PneumoError

IMAGE = ImageSpec(size=32)
CLASSIFIERS = models.names("classification")


def build(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return models.build(name, IMAGE)


def batch(count: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 1, 32, 32, generator=generator) * 2 - 1, (torch.arange(count) % 2).float()


@pytest.mark.parametrize(("size", "channels", "count"), [(128, 1, 4_617_153), (64, 1, 1_471_425), (128, 3, 4_617_729)])
def test_pneumonia_cnn_counts(size, channels, count):
    image = ImageSpec(size=size, channels=channels, mean=(0.5,) * channels, std=(0.5,) * channels)
    assert models.count_parameters(models.build("pneumonia_cnn", image)) == count


@pytest.mark.parametrize(("size", "near"), [(100, 96), (8, 16), (127, 128), (30, 32)])
def test_pneumonia_cnn_refuses_sizes_it_cannot_halve_and_names_the_nearest(size, near):
    with pytest.raises(PneumoError, match=f"multiple of 16, got {size}; the nearest is {near}$"):
        models.build("pneumonia_cnn", ImageSpec(size=size))
    assert models.build("pneumonia_cnn", ImageSpec(size=near)) is not None


@pytest.mark.parametrize("size", [16, 48])
def test_grad_cam_looks_at_eighths(size):
    model = models.build("pneumonia_cnn", ImageSpec(size=size)).eval()
    shapes = []
    hook = models.cam_layer("pneumonia_cnn", model).register_forward_hook(lambda m, i, out: shapes.append(out.shape))
    model(torch.zeros(2, 1, size, size))
    hook.remove()
    assert shapes == [(2, 256, size // 8, size // 8)]


@pytest.mark.parametrize("dropout", [7, -0.1, "much", None])
def test_arguments_a_layer_refuses_are_named(dropout):
    with pytest.raises(PneumoError, match=r"'pneumonia_cnn' cannot be built with \{'dropout': "):
        models.build("pneumonia_cnn", IMAGE, dropout=dropout)


def test_building_is_decided_by_the_global_generator():
    one, two = build("pneumonia_cnn"), build("pneumonia_cnn")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_forward_gives_one_logit_an_image_and_gradients_reach_every_parameter(name):
    model, (images, labels) = build(name), batch()
    logits = models.positive_logit(model(images))
    assert logits.shape == (8,)
    torch.nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()
    without = [key for key, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    # A bias before batch norm is taken out again by the mean: its gradient is zero but for rounding.
    assert [key for key in without if not key.endswith("bias")] == []
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_saved_and_loaded_gives_the_same_logits(name):
    model, (images, _) = build(name).eval(), batch()
    blob = save({key: value.contiguous() for key, value in model.state_dict().items()})
    torch.manual_seed(99)
    other = models.build(name, IMAGE).eval()
    assert not torch.equal(model(images), other(images))
    other.load_state_dict(load(blob))
    assert torch.equal(model(images), other(images))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_overfits_one_batch(name):
    model, (images, labels) = build(name), batch()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout | torch.nn.Dropout2d):
            module.p = 0.0
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(40):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(models.positive_logit(model(images)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.02


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_one_image_does_not_change_anothers_logit_in_eval_mode(name):
    model, (images, _) = build(name).eval(), batch()
    changed = images.clone()
    changed[1:] = 0
    torch.testing.assert_close(model(images)[0], model(changed)[0])


def test_registry_refuses_a_second_model_of_a_name():
    with pytest.raises(ValueError, match="registered already"):

        @register(task="classification", family="cnn")
        def pneumonia_cnn(image):
            """Never built."""

    assert models.count_parameters(build("pneumonia_cnn")) > 1000  # the first one stays


def test_registry_names_mistakes():
    with pytest.raises(PneumoError, match="did you mean 'pneumonia_cnn'"):
        models.build("pneumonia_cn", IMAGE)
    with pytest.raises(PneumoError, match="no argument 'dropuot'; did you mean 'dropout'"):
        models.build("pneumonia_cnn", IMAGE, dropuot=0.1)


def test_both_heads_give_the_logit_of_pneumonia():
    assert models.positive_logit(torch.tensor([[2.0], [-1.0]])).tolist() == [2, -1]
    assert models.positive_logit(torch.tensor([[1.0, 4.0]])).tolist() == [3]
    with pytest.raises(ValueError, match="expected outputs"):
        models.positive_logit(torch.zeros(2, 3))


def test_a_model_without_a_layer_for_grad_cam_says_so(monkeypatch):
    monkeypatch.setattr("pneumo.models.registry._entries", {})

    @register(task="other", family="test")
    def plain(image):
        return torch.nn.Identity()

    assert (models.names(), models.names("other"), models.names("classification")) == (["plain"], ["plain"], [])
    with pytest.raises(PneumoError, match="has no layer for Grad-CAM"):
        models.cam_layer("plain", models.build("plain", IMAGE))


def test_frozen_parameters_are_counted_apart():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    model[0].weight.requires_grad_(False)
    assert (models.count_parameters(model), models.count_parameters(model, trainable_only=True)) == (12, 6)
