"""Generative adversarial networks: a generator and a discriminator in one model.

    model.generator(z, labels) -> (B, 1, S, S) in [-1, 1]
    model.discriminator(x, labels) -> (B,) logits, high for real
    model.z_size: how many numbers a sample starts from

labels: (B,) int64, NORMAL 0, PNEUMONIA 1; networks that know no classes ignore them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pneumo.models.registry import register
from pneumo.schema import CLASS_NAMES, ImageSpec, PneumoError

GROUP = 4  # images whose deviation is taken together
FIRST_SIDE = 4  # the smallest feature map of the convolutional networks, a side


class GAN(nn.Module):
    """Both networks and the number of inputs of the generator."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, z_size: int) -> None:
        super().__init__()
        self.generator, self.discriminator, self.z_size = generator, discriminator, z_size

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.generator(z, labels)


class FullyConnectedGenerator(nn.Module):
    """Linear layers with leaky ReLU, tanh at the end. z: (B, Z). Returns (B, 1, S, S) in [-1, 1]."""

    def __init__(self, size: int, z_size: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.size = size
        self.net = nn.Sequential(*_linear((z_size, *hidden, size * size), dropout=0), nn.Tanh())

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.net(z).view(-1, 1, self.size, self.size)


class FullyConnectedDiscriminator(nn.Module):
    """Linear layers with leaky ReLU and dropout. x: (B, 1, S, S). Returns logits (B,)."""

    def __init__(self, size: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), *_linear((size * size, *hidden, 1), dropout))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return self.net(x)[:, 0]


def _linear(widths: Sequence[int], dropout: float) -> list[nn.Module]:
    """Linear layers; leaky ReLU and dropout between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        if layers:
            layers += [nn.LeakyReLU(0.2), *([nn.Dropout(dropout)] if dropout else [])]
        layers.append(nn.Linear(inputs, outputs))
    return layers


@register(task="gan", family="gan")
def fc_gan(
    image: ImageSpec,
    z_size: int = 100,
    generator_hidden: Sequence[int] = (256, 512, 1024),
    discriminator_hidden: Sequence[int] = (1024, 512, 256),
    dropout: float = 0.3,
) -> nn.Module:
    """The fully connected GAN of the course projects: 1,732,352 and 1,705,985 parameters at 32 px."""
    _check_grey(image, "fc_gan")
    return GAN(
        FullyConnectedGenerator(image.size, z_size, generator_hidden),
        FullyConnectedDiscriminator(image.size, discriminator_hidden, dropout),
        z_size,
    )


class ConditionalNorm(nn.Module):
    """Batch norm whose scale and offset belong to the class (de Vries et al. 2017). x: (B, C, H, W)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Embedding.from_pretrained(torch.ones(classes, channels), freeze=False)
        self.offset = nn.Embedding.from_pretrained(torch.zeros(classes, channels), freeze=False)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return self.norm(x) * self.scale(labels)[:, :, None, None] + self.offset(labels)[:, :, None, None]


class Up(nn.Module):
    """Twice the side: transposed convolution, norm, ReLU, convolution, norm, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, classes: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels_in, channels_out, 4, stride=2, padding=1, bias=False)
        self.conv = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(ConditionalNorm(channels_out, classes) for _ in range(2))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        x = self.norms[0](self.up(x), labels).relu()
        return self.norms[1](self.conv(x), labels).relu()


class ConvGenerator(nn.Module):
    """From 4 x 4 cells upwards, the class in every norm. z: (B, Z). Returns (B, 1, S, S) in [-1, 1]."""

    def __init__(self, size: int, z_size: int, width: int, classes: int) -> None:
        super().__init__()
        channels = _channels(size, width)[::-1]  # few cells, many channels first
        self.first = nn.Linear(z_size, channels[0] * FIRST_SIDE**2)
        self.norm = ConditionalNorm(channels[0], classes)
        self.ups = nn.ModuleList(Up(a, b, classes) for a, b in pairwise(channels))
        self.last = nn.Conv2d(channels[-1], 1, 3, padding=1)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        x = self.first(z).unflatten(1, (-1, FIRST_SIDE, FIRST_SIDE))
        x = self.norm(x, labels).relu()
        for up in self.ups:
            x = up(x, labels)
        return self.last(x).tanh()


class MinibatchDeviation(nn.Module):
    """One more channel: how far the images of a class differ from each other (Karras et al. 2018).

    A generator that draws one image for all z is exposed by it. Groups of GROUP neighbours; x: (B, C, H, W).
    """

    def forward(self, x: Tensor) -> Tensor:
        count, _, height, width = x.shape
        group = math.gcd(count, GROUP)
        grouped = x.float().unflatten(0, (group, -1))  # (G, B/G, C, H, W)
        spread = (grouped.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))  # (B/G,)
        plane = spread.repeat(group)[:, None, None, None].expand(-1, 1, height, width)
        return torch.cat([x, plane.to(x.dtype)], 1)


class ConvDiscriminator(nn.Module):
    """Convolutions and a projection of the class (Miyato and Koyama 2018).

    x: (B, 1, S, S). Returns logits (B,). spectral: normalised by their largest singular value (Miyato et al. 2018); without,
    a penalty on the verdict's gradient has to keep it in bounds (`gan_r1` of a recipe).
    """

    def __init__(self, size: int, width: int, classes: int, *, spectral: bool, deviation: bool) -> None:
        super().__init__()
        norm = spectral_norm if spectral else _start_strong
        channels = (1, *_channels(size, width)[1:])
        layers: list[nn.Module] = []
        for a, b in pairwise(channels):
            layers += [norm(nn.Conv2d(a, b, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
            layers += [norm(nn.Conv2d(b, b, 3, padding=1)), nn.LeakyReLU(0.2)]
        if deviation:
            layers += [
                MinibatchDeviation(),
                norm(nn.Conv2d(channels[-1] + 1, channels[-1], 3, padding=1)),
                nn.LeakyReLU(0.2),
            ]
        self.features = nn.Sequential(*layers, nn.Flatten())
        cells = channels[-1] * FIRST_SIDE**2
        self.verdict = norm(nn.Linear(cells, 1))
        per_class = nn.Embedding.from_pretrained(torch.randn(classes, cells) / math.sqrt(cells), freeze=False)
        self.classes = norm(per_class)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        features = self.features(x)
        return self.verdict(features)[:, 0] + (features * self.classes(labels)).sum(1)


def _start_strong(layer: nn.Module) -> nn.Module:
    """He's initialisation: torch's own lets nine layers shrink a verdict to nothing, and learning with it."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, a=0.2)
        nn.init.zeros_(layer.bias)
    return layer


def _channels(size: int, width: int) -> tuple[int, ...]:
    """Channels from the full side down to 4 x 4: width at the image, doubled with every halving, at most 16 widths."""
    levels = int(math.log2(size // FIRST_SIDE))
    return tuple(min(width * 2**level, 16 * width) for level in range(levels + 1))


@register(task="gan", family="gan")
def conv_gan(
    image: ImageSpec,
    z_size: int = 128,
    width: int = 16,
    classes: int = len(CLASS_NAMES),
    spectral: bool = True,
    deviation: bool = True,
) -> nn.Module:
    """A convolutional GAN that is told the class. deviation: the discriminator sees how far samples differ."""
    _check_grey(image, "conv_gan")
    if image.size < 2 * FIRST_SIDE or image.size & (image.size - 1):
        raise PneumoError(f"conv_gan doubles 4 x 4 cells: image_size must be 8, 16, 32, 64 or 128, got {image.size}")
    judge = ConvDiscriminator(image.size, width, classes, spectral=spectral, deviation=deviation)
    return GAN(ConvGenerator(image.size, z_size, width, classes), judge, z_size)


def _check_grey(image: ImageSpec, name: str) -> None:
    if image.channels != 1 or image.mean != (0.5,) or image.std != (0.5,):
        raise PneumoError(
            f"{name} draws grey images in [-1, 1]: image.channels must be 1, image.mean and image.std 0.5"
        )
