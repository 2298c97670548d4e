"""Folding: fewer layers, the same numbers, and nothing folded where that would be wrong."""

import pytest
import torch
from torch import nn

from pneumo import models
from pneumo.models import folding
from pneumo.schema import ImageSpec

SIDE = 32
IMAGE = ImageSpec(size=SIDE)


def example(images=2, channels=1):
    return torch.randn(images, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def norms(model):
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def worked(model):
    """The model with batch norms that do something: statistics and weights as if trained."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.weight.data, module.bias.data):
                tensor.uniform_(-1, 1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return model.eval()


class Shared(nn.Module):
    """A convolution whose output goes two ways, so its batch norm must stay."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)

    def forward(self, images):
        found = self.convolution(images)
        return (found + self.norm(found)).mean((1, 2, 3))


class Twice(nn.Module):
    """One convolution before two batch norms."""

    def __init__(self):
        super().__init__()
        self.convolution, self.first, self.second = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.BatchNorm2d(2)

    def forward(self, images):
        return (self.first(self.convolution(images)) * self.second(self.convolution(images))).mean((1, 2, 3))


@pytest.mark.parametrize("name", ["resnet18", "regnet_y_400mf", "pneumonia_cnn"])
def test_the_same_numbers_of_other_images_from_fewer_layers(name):
    model = worked(models.build(name, IMAGE))
    result, images = folding.folded(model, example(1)), example(5)
    assert norms(result) < norms(model)
    with torch.inference_mode():
        expected = model(images)
        torch.testing.assert_close(result(images), expected, rtol=1e-4, atol=1e-5)
    assert norms(model) == norms(models.build(name, IMAGE))  # the model itself is as it was


def test_every_batch_norm_of_a_resnet_goes():
    assert norms(folding.folded(worked(models.build("resnet18", IMAGE)), example(1))) == 0


@pytest.mark.parametrize("kind", [Shared, Twice])
def test_what_would_change_the_output_is_not_folded(kind):
    model = worked(kind())
    result = folding.folded(model, example())
    assert norms(result) == norms(model)
    torch.testing.assert_close(result(example()), model(example()))


def test_a_model_that_gives_no_number_is_not_folded():
    model = worked(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
    model[0].weight.data.fill_(float("nan"))
    assert norms(folding.folded(model, example())) == 1
