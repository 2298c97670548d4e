"""Our ResNet-18 beside torchvision's: nothing may differ but where it is imported from."""

import pytest
import torch
from torchvision import models as zoo

from pneumo.models.resnet import ResNet18


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(5)
    ours = ResNet18()
    after = torch.rand(1)
    torch.manual_seed(5)
    theirs = zoo.resnet18(weights=None)
    assert torch.equal(torch.rand(1), after)  # as many random numbers were drawn
    return ours, theirs


def test_the_same_seed_gives_the_same_tensors_under_the_same_names(pair):
    ours, theirs = (model.state_dict() for model in pair)
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_parameters_and_modules_come_in_the_same_order(pair):
    """Fine-tuning freezes the first two thirds of the parameters; a heatmap names a layer."""
    ours, theirs = pair
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_outputs_and_gradients_are_equal_bit_for_bit(pair, training):
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    outputs = []
    for model in pair:
        model.train(training).zero_grad()
        output = model(images)
        output.square().mean().backward()
        outputs.append(output)
    assert torch.equal(*outputs)
    for ours, theirs in zip(*(model.parameters() for model in pair), strict=True):
        assert torch.equal(ours.grad, theirs.grad)
