"""Convolutional classifiers trained from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from pneumo.models.registry import register
from pneumo.schema import ImageSpec, PneumoError

BLOCK_CHANNELS = (32, 64, 128, 256)


class PneumoniaCNN(nn.Module):
    """Four convolution blocks, then three linear layers.

    A block: conv 3x3, batch norm, ReLU, max pool 2, spatial dropout. x: (B, C, S, S) float32, normalised.
    Returns logits (B, 1).
    """

    def __init__(
        self,
        image: ImageSpec,
        channels: Sequence[int] = BLOCK_CHANNELS,
        spatial_dropout: float = 0.25,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        sides = image.size // 2 ** len(channels)
        widths = (image.channels, *channels)
        self.blocks = nn.Sequential(*(_block(a, b, spatial_dropout) for a, b in pairwise(widths)))
        self.head = nn.Sequential(
            nn.Flatten(),  # (B, 256, S/16, S/16) -> (B, 256 * (S/16)^2)
            *_dense(channels[-1] * sides * sides, 256, dropout),
            *_dense(256, 128, dropout),
            nn.Linear(128, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x))


def _block(channels_in: int, channels_out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout2d(dropout),
    )


def _dense(features_in: int, features_out: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(features_in, features_out), nn.BatchNorm1d(features_out), nn.ReLU(), nn.Dropout(dropout)]


@register(task="classification", family="cnn", cam_layer=lambda model: model.blocks[-1][1])
def pneumonia_cnn(image: ImageSpec, spatial_dropout: float = 0.25, dropout: float = 0.5) -> nn.Module:
    """A compact CNN from scratch: 4,617,153 parameters at 1 x 128 x 128.

    Grad-CAM looks at the last convolution's normalised output, before ReLU and pooling: S/8 cells a side. After the ReLU the
    flattened head's gradients, averaged over places, cancel: on 40 confident pneumonias only 60% had any evidence left.
    """
    if image.size % 16:
        near = max(16, round(image.size / 16) * 16)
        raise PneumoError(
            f"pneumonia_cnn halves the image four times: image_size must be a multiple of 16, got {image.size}; "
            f"the nearest is {near}"
        )
    return PneumoniaCNN(image, spatial_dropout=spatial_dropout, dropout=dropout)


VGG_CHANNELS = (64, 128, 256, 512)


@register(task="classification", family="cnn", cam_layer=lambda model: model[0][-1])
def vgg_cnn(image: ImageSpec) -> nn.Module:
    """Conv, batch norm, ReLU twice at 64, 128, 256 (max pool after each pair) and 512 channels, average pool, linear.

    4,689,729 parameters at three channels, whatever the image size. x: (B, C, S, S). Returns logits (B, 1).
    """
    layers: list[nn.Module] = []
    for channels_in, channels_out in pairwise((image.channels, *VGG_CHANNELS)):
        if layers:
            layers.append(nn.MaxPool2d(2))
        for each in (channels_in, channels_out):
            layers += [nn.Conv2d(each, channels_out, 3, padding=1), nn.BatchNorm2d(channels_out), nn.ReLU()]
    return nn.Sequential(nn.Sequential(*layers), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(VGG_CHANNELS[-1], 1))


SMALL_CHANNELS = (8, 16, 32)


@register(task="classification", family="cnn", cam_layer=lambda model: model[0][-2])
def small_cnn(
    image: ImageSpec,
    channels: Sequence[int] = SMALL_CHANNELS,
    batch_norm: bool = True,
    flatten: bool = False,
    dense: int = 256,
    dropout: float = 0.0,
) -> nn.Module:
    """A net to train while one watches: conv, batch norm, ReLU, pool for each of `channels`; 6,033 parameters as it is.

    flatten: places are kept and a linear layer of `dense` units sees them all; otherwise they are averaged away.
    x: (B, C, S, S). Returns logits (B, 1). Grad-CAM looks at the last ReLU.
    """
    if image.size < 2 ** len(channels):
        raise PneumoError(
            f"small_cnn halves the image once for each of {len(channels)} blocks: image_size must be {2 ** len(channels)} or more, "
            f"got {image.size}"
        )
    layers: list[nn.Module] = []
    for channels_in, channels_out in pairwise((image.channels, *channels)):
        layers.append(nn.Conv2d(channels_in, channels_out, 3, padding=1))
        layers += [nn.BatchNorm2d(channels_out)] if batch_norm else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    side = image.size // 2 ** len(channels)
    head: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels[-1], 1)]
    if flatten:
        wide = nn.Linear(channels[-1] * side * side, dense)
        head = [nn.Flatten(), wide, nn.ReLU(), nn.Dropout(dropout), nn.Linear(dense, 1)]
    return nn.Sequential(nn.Sequential(*layers), *head)


SIMPLE_CHANNELS = (16, 32, 64, 128)


@register(task="classification", family="cnn", cam_layer=lambda model: model[0][-2])
def simple_cnn(image: ImageSpec, dense: int = 128, dropout: float = 0.0) -> nn.Module:
    """The net to start with: conv and pool four times, flatten, one dense layer, one unit. 1,145,985 parameters at 1 x 128 x 128.

    x: (B, C, S, S). Returns logits (B, 1). Grad-CAM looks at the last ReLU, S/8 cells a side.
    """
    if image.size < 2 ** len(SIMPLE_CHANNELS):
        raise PneumoError(f"simple_cnn halves the image four times: image_size must be 16 or more, got {image.size}")
    layers: list[nn.Module] = []
    for channels_in, channels_out in pairwise((image.channels, *SIMPLE_CHANNELS)):
        layers += [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    side = image.size // 2 ** len(SIMPLE_CHANNELS)
    return nn.Sequential(
        nn.Sequential(*layers),
        nn.Flatten(),  # (B, 128, S/16, S/16) -> (B, 128 * (S/16)^2)
        nn.Linear(SIMPLE_CHANNELS[-1] * side * side, dense),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(dense, 1),
    )
