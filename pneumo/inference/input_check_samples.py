"""The batches that the input check's network learns from: children, adults, images that are no chest, and how each may lie.

Radiographs are turned, mirrored and inverted at random, which gives the labels for those questions. Sources count alike,
however many images they have. Part of the images that are no chest are made from radiographs, so that it takes the layout of
a chest to pass for one: shuffled, scrambled, cropped, bent to a circle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from pneumo.images import transforms
from pneumo.inference.input_check_net import FRONTAL, LATERAL, OTHER, PHANTOM, TURNS, small
from pneumo.schema import AugmentSpec

CHILDREN, ADULTS, LATERALS, OTHERS, MADE, PHANTOMS = 48, 36, 6, 30, 20, 4  # images of a batch
TURNED, MIRRORED, INVERTED = 0.35, 0.3, 0.25  # shares of the radiographs
LOOK = {"gamma": 0.5, "contrast": 0.35, "brightness": 0.1, "equalise": 0.2, "blur": 0.2, "noise": 0.2, "border": 0.25, "marker": 0.25}  # fmt: skip
UPRIGHT = AugmentSpec(rotation_deg=10, shift=0.06, zoom=0.12, stretch=0.15, shear_deg=4, **LOOK)
SIDEWAYS = AugmentSpec(rotation_deg=12, shift=0.08, zoom=0.2, stretch=0.25, shear_deg=6, flip=0.5, **LOOK)
FREE = AugmentSpec(rotation_deg=25, shift=0.1, zoom=0.3, stretch=0.3, shear_deg=8, flip=0.5, **LOOK)
SLIGHT = AugmentSpec(rotation_deg=6, shift=0.03, zoom=0.05, gamma=0.12, contrast=0.1, blur=0.1, noise=0.05, border=0.1)
LEAST_CROP, LARGEST_CROP = 0.25, 0.5  # of each side


@dataclass(frozen=True, eq=False)
class Pools:
    """Squares, (N, S, S) uint8 each. elsewhere: frontal radiographs by source. others: by group; of LATERALS there may be none.

    weights: how often a group of `others` is drawn; 1 where it is not named.
    """

    children: Tensor
    elsewhere: Mapping[str, Tensor]
    lateral: Tensor | None
    others: Mapping[str, Tensor]
    phantoms: Tensor
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Batch:
    """planes: (B, 1, 64, 64) float32. kinds: (B,) int64. Of the first F, which are frontal: turns (F,) int64; inverted, mirrored,
    elsewhere (F,) bool."""

    planes: Tensor
    kinds: Tensor
    turns: Tensor
    inverted: Tensor
    mirrored: Tensor
    elsewhere: Tensor


def draw(pools: Pools, generator: Generator) -> Batch:
    children, adults = _some(pools.children, CHILDREN, generator), _of_each(pools.elsewhere, generator)
    frontal = torch.cat([children, adults])
    planes = transforms.augment(frontal, UPRIGHT, generator)
    n = len(planes)
    mirrored, inverted = _chance(n, MIRRORED, generator), _chance(n, INVERTED, generator)
    turns = torch.randint(1, len(TURNS), (n,), generator=generator) * _chance(n, TURNED, generator)
    planes[mirrored] = planes[mirrored].flip(2)
    planes = _turned(planes, turns)
    planes[inverted] = 1 - planes[inverted]
    parts, kinds = [planes], [torch.full((n,), FRONTAL)]
    parts.append(_others(pools, frontal, generator))
    kinds.append(torch.full((len(parts[-1]),), OTHER))
    if pools.lateral is not None:
        parts.append(transforms.augment(_some(pools.lateral, LATERALS, generator), SIDEWAYS, generator))
        kinds.append(torch.full((LATERALS,), LATERAL))
    parts.append(transforms.augment(_some(pools.phantoms, PHANTOMS, generator), SLIGHT, generator))
    kinds.append(torch.full((PHANTOMS,), PHANTOM))
    return Batch(small(torch.cat(parts)), torch.cat(kinds), turns, inverted, mirrored, torch.arange(n) >= CHILDREN)


def _some(squares: Tensor, count: int, generator: Generator) -> Tensor:
    return squares[torch.randint(len(squares), (count,), generator=generator)]


def _of_each(by_source: Mapping[str, Tensor], generator: Generator) -> Tensor:
    """ADULTS images, as many from each source as from any other."""
    counts = [len(part) for part in torch.arange(ADULTS).tensor_split(len(by_source))]
    return torch.cat([_some(squares, n, generator) for squares, n in zip(by_source.values(), counts, strict=True)])


def _chance(count: int, share: float, generator: Generator) -> Tensor:
    return torch.rand(count, generator=generator) < share


def _turned(planes: Tensor, turns: Tensor) -> Tensor:
    """Each image turned to the left by its number of quarter turns."""
    result = planes.clone()
    for number in range(1, len(TURNS)):
        result[turns == number] = torch.rot90(planes[turns == number], number, (1, 2))
    return result


# --- images that are no chest -----------------------------------------------------------------------------


def _others(pools: Pools, frontal: Tensor, generator: Generator) -> Tensor:
    """(OTHERS + MADE, S, S) float32 in 0..1."""
    names = list(pools.others)
    weights = torch.tensor([float(pools.weights.get(name, 1)) for name in names])
    chosen = torch.multinomial(weights, OTHERS, replacement=True, generator=generator)
    found = [_some(pools.others[names[n]], 1, generator) for n in chosen]
    each = MADE // 5
    found += [
        _cropped(_some(frontal, each, generator), generator),
        _shuffled(_some(frontal, each, generator), generator),
        _scrambled(_some(frontal, each, generator), generator),
        _bent(_some(frontal, each, generator), generator),
        _limbs(each, frontal.shape[-1], generator),
    ]
    planes = transforms.augment(torch.cat(found), FREE, generator)
    # Two of them side by side or over each other are none either: more kinds than there are sources.
    pairs = torch.randperm(len(planes), generator=generator)
    share = torch.rand(len(planes), 1, 1, generator=generator)
    mixed = _chance(len(planes), 0.15, generator)
    planes[mixed] = torch.lerp(planes, planes[pairs], share)[mixed]
    planes = _turned(
        planes,
        torch.randint(1, len(TURNS), (len(planes),), generator=generator) * _chance(len(planes), 0.25, generator),
    )
    inverted = _chance(len(planes), INVERTED, generator)
    planes[inverted] = 1 - planes[inverted]
    return planes


def _resized(plane: Tensor, side: int) -> Tensor:
    """(h, w) uint8 -> (side, side) uint8."""
    found = F.interpolate(
        plane[None, None].float(), size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )
    return found[0, 0].round().to(torch.uint8)


def _cropped(squares: Tensor, generator: Generator) -> Tensor:
    """A part of each, a quarter to half of its sides."""
    side, result = squares.shape[-1], []
    for plane in squares:
        share = LEAST_CROP + (LARGEST_CROP - LEAST_CROP) * float(torch.rand(1, generator=generator))
        part = int(side * share)
        top, left = (int(at) for at in torch.randint(side - part + 1, (2,), generator=generator))
        result.append(_resized(plane[top : top + part, left : left + part], side))
    return torch.stack(result)


def _shuffled(squares: Tensor, generator: Generator) -> Tensor:
    """Its quarters, ninths or sixteenths in another order."""
    side, result = squares.shape[-1], []
    for plane in squares:
        cells = int(torch.randint(2, 5, (1,), generator=generator))
        part = side // cells
        tiles = (
            plane[: part * cells, : part * cells].unfold(0, part, part).unfold(1, part, part).reshape(-1, part, part)
        )
        order = torch.randperm(len(tiles), generator=generator)
        if bool((order == torch.arange(len(tiles))).all()):
            order = order.roll(1)
        rows = tiles[order].view(cells, cells, part, part).transpose(1, 2).reshape(part * cells, part * cells)
        result.append(_resized(rows, side))
    return torch.stack(result)


def _scrambled(squares: Tensor, generator: Generator) -> Tensor:
    """Its spectrum with another phase: as smooth and as bright, and nothing on it."""
    amplitude = torch.fft.rfft2(squares.float()).abs()
    noise = torch.fft.rfft2(torch.randn(squares.shape, generator=generator))
    found = torch.fft.irfft2(amplitude * noise / noise.abs().clamp(min=1e-6), s=squares.shape[1:])
    low, high = found.amin((1, 2), keepdim=True), found.amax((1, 2), keepdim=True)
    return ((found - low) / (high - low).clamp(min=1e-6) * 255).round().to(torch.uint8)


def _bent(squares: Tensor, generator: Generator) -> Tensor:
    """Bent to a disc on black: the grey levels of a radiograph in the outline of a slice."""
    side = squares.shape[-1]
    at = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(at, at, indexing="ij")
    reach = 0.7 + 0.3 * torch.rand(len(squares), 1, 1, generator=generator)
    radius, angle = torch.hypot(x, y) / reach, torch.atan2(y, x) / math.pi
    grid = torch.stack([angle.expand(len(squares), -1, -1), radius * 2 - 1], -1)
    found = F.grid_sample(squares[:, None].float(), grid, padding_mode="zeros", align_corners=False)[:, 0]
    return found.round().to(torch.uint8)


def _limbs(count: int, side: int, generator: Generator) -> Tensor:
    """Bright rods with brighter rims on a dark ground, as bones lie in a limb: one to six, (count, side, side) uint8."""
    at = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(at, at, indexing="ij")
    result = []
    for _ in range(count):
        draw = torch.rand(8, generator=generator)
        plane, tilt = 0.1 * torch.ones(side, side), float(draw[0]) * math.pi
        rods = 1 + int(draw[1] * 6)
        for number in range(rods):
            more = torch.rand(6, generator=generator)
            turn = tilt + 0.3 * float(more[0] - 0.5)
            across = (
                x * math.cos(turn)
                + y * math.sin(turn)
                - (2 * (number + 0.5) / rods - 1) * (0.2 + 0.6 * float(draw[2]))
                - 0.1 * float(more[1] - 0.5)
            )
            along = y * math.cos(turn) - x * math.sin(turn)
            wide, long = 0.04 + 0.2 * float(more[2]) / math.sqrt(rods), 0.3 + 0.9 * float(more[3])
            flesh = torch.sigmoid((3 * wide - across.abs()) * 14) * torch.sigmoid((1.2 * long - along.abs()) * 10)
            bone = torch.sigmoid((wide - across.abs()) * 40) * torch.sigmoid((long - along.abs()) * 25)
            rim = torch.exp(-(((across.abs() - wide) / 0.03) ** 2)) * bone
            plane = torch.maximum(plane, 0.15 + 0.25 * flesh + 0.35 * bone + 0.25 * rim)
        result.append((plane.clamp(0, 1) * 255).round().to(torch.uint8))
    return torch.stack(result)
