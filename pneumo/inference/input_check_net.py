"""The input check's network: what kind of image it is shown, how that lies, and whether it is of the training population.

Half a million weights on 64 x 64 px: .5 ms of one core for an image. It has its own weights because those of a classifier that was
trained on one hospital's children know little of anybody else (docs/adr/0018), and because no change of a run can spoil it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

KINDS = ("frontal", "lateral", "phantom", "other")
FRONTAL, LATERAL, PHANTOM, OTHER = range(len(KINDS))
TURNS = (0, 90, 180, 270)  # degrees to the left by which a radiograph is turned
SIDE_PX = 64
WIDTH = 20  # channels of the first layer
EMBEDDING = 128
LEAST_DEVIATION = 0.02  # of grey levels in 0..1, so that a uniform image is not blown up to noise
BATCH = 64


@dataclass(frozen=True, eq=False)
class Answers:
    """What the network says of N images, in logits.

    kinds: (N, 4) of KINDS. turns: (N, 4) of TURNS. inverted, mirrored, elsewhere: (N,). embedding: (N, 128), before them.
    """

    kinds: Tensor
    turns: Tensor
    inverted: Tensor
    mirrored: Tensor
    elsewhere: Tensor
    embedding: Tensor

    def of(self, rows: slice | Tensor) -> Answers:
        return Answers(*(getattr(self, field.name)[rows] for field in fields(self)))


class Layer(nn.Module):
    """Convolution, batch norm, ReLU; once `fuse` has gone over it, the norm is part of the convolution."""

    def __init__(self, channels: int, out: int, stride: int, *, normed: bool, relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, stride, 1, bias=not normed)
        self.norm = nn.BatchNorm2d(out) if normed else nn.Identity()
        self.relu = relu

    def forward(self, planes: Tensor) -> Tensor:
        found = self.norm(self.conv(planes))
        return F.relu_(found) if self.relu else found  # in place: a fifth of the time


class Block(nn.Module):
    def __init__(self, channels: int, *, normed: bool) -> None:
        super().__init__()
        self.first = Layer(channels, channels, 1, normed=normed)
        self.second = Layer(channels, channels, 1, normed=normed, relu=False)

    def forward(self, planes: Tensor) -> Tensor:
        return F.relu_(self.second(self.first(planes)).add_(planes))


class Network(nn.Module):
    """(N, 1, 64, 64) float32 in 0..1 -> Answers. normed: with batch norms, as it is trained."""

    def __init__(self, *, normed: bool = True) -> None:
        super().__init__()
        w = WIDTH
        self.body = nn.Sequential(
            Layer(1, w, 2, normed=normed),  # 32 x 32
            Layer(w, 2 * w, 2, normed=normed),  # 16 x 16
            Block(2 * w, normed=normed),
            Layer(2 * w, 4 * w, 2, normed=normed),  # 8 x 8
            Block(4 * w, normed=normed),
            Layer(4 * w, 6 * w, 2, normed=normed),  # 4 x 4
        )
        # Positions are kept: where the heart and the diaphragm lie tells how an image is turned.
        self.embed = nn.Linear(6 * w * (SIDE_PX // 16) ** 2, EMBEDDING)
        self.head = nn.Linear(EMBEDDING, len(KINDS) + len(TURNS) + 3)
        self.drop = nn.Dropout(0.2)

    def forward(self, planes: Tensor) -> Answers:
        # Exposure and contrast say nothing of what an image shows.
        centred = planes - planes.mean((2, 3), keepdim=True)
        deviation = centred.square().mean((2, 3), keepdim=True).sqrt().clamp(min=LEAST_DEVIATION)
        embedding = F.relu(self.embed(self.drop(self.body(centred / deviation).flatten(1))))
        found = self.head(self.drop(embedding))
        kinds, turns, inverted, mirrored, elsewhere = found.split([len(KINDS), len(TURNS), 1, 1, 1], 1)
        return Answers(kinds, turns, inverted[:, 0], mirrored[:, 0], elsewhere[:, 0], embedding)


def small(squares: Tensor) -> Tensor:
    """(N, 1, 64, 64) float32 in 0..1, means over areas. squares: (N, S, S) uint8, or float32 in 0..1."""
    planes = squares[:, None].float() / 255 if squares.dtype == torch.uint8 else squares[:, None]
    times, rest = divmod(planes.shape[-1], SIDE_PX)
    pooled = F.adaptive_avg_pool2d(planes, SIDE_PX) if rest else F.avg_pool2d(planes, times)  # equal, and quicker
    return pooled.contiguous(memory_format=torch.channels_last)


def as_arrays(network: Network) -> dict[str, np.ndarray]:
    """The weights of a trained network in float16, batch norms in their convolutions."""
    fused = copy.deepcopy(network).eval()
    for layer in [module for module in fused.modules() if isinstance(module, Layer)]:
        layer.conv, layer.norm = fuse_conv_bn_eval(layer.conv, layer.norm), nn.Identity()
    return {name: value.contiguous().half().numpy() for name, value in fused.state_dict().items()}


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Network:
    """The network of `as_arrays`, ready for use by several threads. RuntimeError where a weight is missing or of another shape."""
    network = Network(normed=False)
    network.load_state_dict({name: torch.from_numpy(np.array(value)).float() for name, value in arrays.items()})
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def shapes() -> dict[str, tuple[int, ...]]:
    """Of each array of `as_arrays`, by name."""
    return {name: tuple(value.shape) for name, value in Network(normed=False).state_dict().items()}


def answers(network: Network, squares: np.ndarray) -> Answers:
    """In batches, without gradients. squares: (N, S, S) uint8."""
    with torch.inference_mode():
        parts = [
            network(small(torch.from_numpy(np.array(squares[start : start + BATCH]))))
            for start in range(0, len(squares), BATCH)
        ]
    return Answers(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Answers)))


def log_odds_against(kinds: Tensor, kind: int) -> Tensor:
    """(N,) log odds of an image being of another kind. kinds: (N, 4) logits."""
    others = [n for n in range(kinds.shape[1]) if n != kind]
    return kinds[:, others].logsumexp(1) - kinds[:, kind]
