"""Autoencoders: a picture to a code and back.

model.encode(x) -> code                 x: (B, C, S, S) float32 in [0, 1]
model.decode(code) -> logits (B, C, S, S), or the picture itself where `logits` is False
model(x) -> the reconstruction in [0, 1]; the plain one may leave this range a little
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from pneumo.models.registry import register
from pneumo.schema import ImageSpec, PneumoError

PLAIN_CHANNELS = (64, 128, 256)
FIRST_SIDE = 4


class ConvAutoencoder(nn.Module):
    """Three convolutions with pooling, three with upsampling. Its code (256, S/8, S/8) is larger than a grey input."""

    def __init__(self, image: ImageSpec) -> None:
        super().__init__()
        down: list[nn.Module] = []
        for a, b in pairwise((image.channels, *PLAIN_CHANNELS)):
            down += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        up: list[nn.Module] = []
        widths = PLAIN_CHANNELS[::-1]
        for a, b in pairwise((PLAIN_CHANNELS[-1], *widths)):
            up += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)]
        self.encoder = nn.Sequential(*down)
        self.decoder = nn.Sequential(*up, nn.Conv2d(widths[-1], image.channels, 3, padding=1))
        self.code_size = PLAIN_CHANNELS[-1] * (image.size // 8) ** 2

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode(self, code: Tensor) -> Tensor:
        return self.decoder(code)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


@register(task="reconstruction", family="autoencoder")
def conv_autoencoder(image: ImageSpec) -> nn.Module:
    """The autoencoder of the course project: 1,331,459 parameters at three channels, whatever the image size."""
    _check_unit(image, "conv_autoencoder")
    if image.size % 8:
        raise PneumoError(
            f"conv_autoencoder halves the image three times: image_size must be a multiple of 8, got {image.size}"
        )
    return ConvAutoencoder(image)


class Bottleneck(nn.Module):
    """Strided convolutions to 4 x 4 cells, then `code` numbers; and the way back.

    variational: the encoder gives a mean and a log variance for each number (Kingma and Welling 2014).
    """

    def __init__(self, image: ImageSpec, code: int, width: int, *, variational: bool) -> None:
        super().__init__()
        levels = int(math.log2(image.size // FIRST_SIDE))
        channels = tuple(min(width * 2**level, 8 * width) for level in range(levels))
        self.code_size, self.variational = code, variational
        down: list[nn.Module] = []
        for a, b in pairwise((image.channels, *channels)):
            down += [nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.1)]
        cells = channels[-1] * FIRST_SIDE**2
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(cells, code * (2 if variational else 1)))
        up: list[nn.Module] = [nn.Linear(code, cells), nn.Unflatten(1, (channels[-1], FIRST_SIDE, FIRST_SIDE))]
        for a, b in pairwise((*channels[::-1], width)):
            up += [nn.BatchNorm2d(a), nn.LeakyReLU(0.1), nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)]
        self.decoder = nn.Sequential(
            *up, nn.BatchNorm2d(width), nn.LeakyReLU(0.1), nn.Conv2d(width, image.channels, 3, padding=1), nn.Sigmoid()
        )

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, (B, code) each; the log variance held to what can be drawn from."""
        if not self.variational:
            raise PneumoError("a plain autoencoder has no distribution over codes; choose the model vae")
        mean, log_variance = self.encoder(x).chunk(2, 1)
        return mean, log_variance.float().clamp(-10, 10)

    def encode(self, x: Tensor) -> Tensor:
        return self.posterior(x)[0] if self.variational else self.encoder(x)

    def decode(self, code: Tensor) -> Tensor:
        return self.decoder(code)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """The reconstruction; in training a variational one draws its code, and gives mean and log variance too."""
        if not (self.variational and self.training):
            return self.decode(self.encode(x))
        mean, log_variance = self.posterior(x)
        return self.decode(sample_code(mean, log_variance, torch.randn_like(mean))), mean, log_variance


@register(task="reconstruction", family="autoencoder")
def bottleneck_autoencoder(image: ImageSpec, code: int = 32, width: int = 16) -> nn.Module:
    """An autoencoder whose code is `code` numbers."""
    return _bottleneck(image, code, width, variational=False, name="bottleneck_autoencoder")


@register(task="reconstruction", family="autoencoder")
def vae(image: ImageSpec, code: int = 32, width: int = 16) -> nn.Module:
    """A variational autoencoder whose code is `code` numbers, near a standard normal distribution."""
    return _bottleneck(image, code, width, variational=True, name="vae")


def _bottleneck(image: ImageSpec, code: int, width: int, *, variational: bool, name: str) -> nn.Module:
    _check_unit(image, name)
    if image.size < 2 * FIRST_SIDE or image.size & (image.size - 1):
        raise PneumoError(
            f"{name} halves the image down to 4 x 4: image_size must be 8, 16, 32, 64, 128 or 256, got {image.size}"
        )
    if code < 1:
        raise PneumoError(f"{name} needs a code of 1 number or more, got {code}")
    return Bottleneck(image, code, width, variational=variational)


def _check_unit(image: ImageSpec, name: str) -> None:
    if set(image.mean) != {0.0} or set(image.std) != {1.0}:
        raise PneumoError(f"{name} works on pictures in [0, 1]: image.mean must be 0 and image.std 1")


def sample_code(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """mean + exp(log_variance / 2) * noise, all (B, code): the reparameterisation trick."""
    return mean + torch.exp(log_variance / 2) * noise
