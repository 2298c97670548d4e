"""Autoencoders: an image to a code and back.

model.encode(x) -> code                 x: (B, C, S, S) float32 in [0, 1]
model.decode(code) -> the image (B, C, S, S); it may leave [0, 1] a little
model(x) -> model.decode(model.encode(x))
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pneumo.models.registry import register
from pneumo.schema import ImageSpec, PneumoError

PLAIN_CHANNELS = (64, 128, 256)
FIRST_SIDE = 4
LINEAR_SIDE = 64  # principal components of radiographs are smooth: at twice the side they explain hardly more
FIRST_LOG_VARIANCE = (
    -3.0
)  # codes are drawn a little off the mean at first, so that reconstruction is learned before noise


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
    """Two ways to `code` numbers and back, added up: principal components, and convolutions for what they miss.

    The components are computed from the training images, not learned (`start_from_components`); until then they are
    zero and the convolutions are alone. Without them the same convolutions stay a tenth of a decibel or more below
    principal components of the same size after a quarter of an hour (docs/training-notes.md).
    variational: the encoder gives a mean and a log variance for each number (Kingma and Welling 2014).
    """

    def __init__(self, image: ImageSpec, code: int, width: int, *, variational: bool) -> None:
        super().__init__()
        levels = int(math.log2(image.size // FIRST_SIDE))
        channels = tuple(min(width * 2**level, 8 * width) for level in range(levels))
        self.code_size, self.variational, self.size = code, variational, image.size
        self.linear_side = min(image.size, LINEAR_SIDE)
        cells = image.channels * self.linear_side**2
        self.register_buffer("mean", torch.zeros(cells))
        self.register_buffer("components", torch.zeros(code, cells))
        self.register_buffer("deviations", torch.ones(code))
        down: list[nn.Module] = []
        for a, b in pairwise((image.channels, *channels)):
            down += [nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.1)]
        cells = channels[-1] * FIRST_SIDE**2
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(cells, code * (2 if variational else 1)))
        up: list[nn.Module] = [nn.Linear(code, cells), nn.Unflatten(1, (channels[-1], FIRST_SIDE, FIRST_SIDE))]
        for a, b in pairwise((*channels[::-1], width)):
            up += [nn.BatchNorm2d(a), nn.LeakyReLU(0.1), nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)]
        last = nn.Conv2d(width, image.channels, 3, padding=1)
        self.decoder = nn.Sequential(*up, nn.BatchNorm2d(width), nn.LeakyReLU(0.1), last)

    @torch.no_grad()
    def start_from_components(self, mean: Tensor, components: Tensor, deviations: Tensor) -> None:
        """Sets the principal components and lets the convolutions begin at nothing.

        mean: (D,), components: (K, D) orthonormal, deviations: (K,) along them, of training images as `small` gives
        them. Each number of the code then has variance 1. With K below the code's size the last numbers have none.
        """
        count = min(len(components), self.code_size)
        self.mean.copy_(mean)
        self.components[:count] = components[:count]
        self.deviations[:count] = deviations[:count].clamp(min=1e-6)
        for layer in (self.encoder[-1], self.decoder[-1]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        if self.variational:
            nn.init.constant_(self.encoder[-1].bias[self.code_size :], FIRST_LOG_VARIANCE)

    def small(self, x: Tensor) -> Tensor:
        """(B, D), D = C * linear_side ** 2: what the components see of images (B, C, S, S)."""
        return F.avg_pool2d(x, self.size // self.linear_side).flatten(1)

    def _linear_code(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):  # small differences of large sums
            return (self.small(x.float()) - self.mean) @ self.components.T / self.deviations

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, (B, code) each; the log variance held to what can be drawn from."""
        if not self.variational:
            raise PneumoError("a plain autoencoder has no distribution over codes; choose the model vae")
        mean, log_variance = self.encoder(x).float().chunk(2, 1)
        return mean + self._linear_code(x), log_variance.clamp(-10, 10)

    def encode(self, x: Tensor) -> Tensor:
        return self.posterior(x)[0] if self.variational else self.encoder(x).float() + self._linear_code(x)

    def decode(self, code: Tensor) -> Tensor:
        with torch.autocast(code.device.type, enabled=False):
            small = self.mean + (code.float() * self.deviations) @ self.components
        small = small.unflatten(1, (-1, self.linear_side, self.linear_side))
        return self.decoder(code) + F.interpolate(small, (self.size, self.size), mode="bilinear")

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
        raise PneumoError(f"{name} works on images in [0, 1]: image.mean must be 0 and image.std 1")


def sample_code(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """mean + exp(log_variance / 2) * noise, all (B, code): the reparameterisation trick."""
    return mean + torch.exp(log_variance / 2) * noise
