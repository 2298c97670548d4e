"""Classifiers of printed characters: one logit for each of 36 classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from pneumo.models.registry import register
from pneumo.models.resnet import ResNet18
from pneumo.schema import ImageSpec

CLASSES = 36
HALVINGS = 2


def _plain(
    image: ImageSpec, blocks: Sequence[Sequence[int]], units: int, dropout: float, classes: int, norm: bool = False
) -> nn.Sequential:
    """Blocks of 3x3 convolutions with ReLU, each with a max pool; then two linear layers. x: (B, C, S, S) normalised.

    blocks: channels of the convolutions of each. Returns logits (B, classes).
    """
    layers: list[nn.Module] = []
    before = image.channels
    for block in blocks:
        for channels_in, channels_out in pairwise((before, *block)):
            layers.append(nn.Conv2d(channels_in, channels_out, 3, padding=1))
            layers += [nn.BatchNorm2d(channels_out)] if norm else []
            layers.append(nn.ReLU())
        layers.append(nn.MaxPool2d(2))
        before = block[-1]
    side = image.size // 2**HALVINGS
    return nn.Sequential(
        nn.Sequential(*layers),
        nn.Flatten(),  # (B, C, S/4, S/4) -> (B, C * (S/4)^2)
        nn.Linear(before * side * side, units),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(units, classes),
    )


@register(task="characters", family="characters")
def ocr_cnn(image: ImageSpec, dropout: float = 0.5, classes: int = CLASSES) -> nn.Module:
    """Conv 32, pool, conv 64, pool, linear 256, linear 36: 4,222,628 parameters at 1 x 64 x 64, 99.6% of them in the linear layers."""
    return _plain(image, ((32,), (64,)), 256, dropout, classes)


@register(task="characters", family="characters")
def ocr_cnn_deep(image: ImageSpec, dropout: float = 0.5, classes: int = CLASSES) -> nn.Module:
    """Conv 32 twice, pool, conv 64 twice, pool, linear 512, linear 36: 8,472,580 parameters at 1 x 64 x 64."""
    return _plain(image, ((32, 32), (64, 64)), 512, dropout, classes)


@register(task="characters", family="characters")
def ocr_cnn_bn(image: ImageSpec, dropout: float = 0.5, classes: int = CLASSES) -> nn.Module:
    """As `ocr_cnn`, with batch norm after each convolution: 4,222,820 parameters at 1 x 64 x 64."""
    return _plain(image, ((32,), (64,)), 256, dropout, classes, norm=True)


@register(task="characters", family="characters")
def ocr_resnet18(image: ImageSpec, classes: int = CLASSES) -> nn.Module:
    """ResNet-18 with a stem for as many channels as the image has: 11,188,708 parameters with one."""
    model = ResNet18()
    model.conv1 = nn.Conv2d(image.channels, model.conv1.out_channels, 7, stride=2, padding=3, bias=False)
    model.fc = nn.Linear(model.fc.in_features, classes)
    return model
