"""From a radiograph to a tensor: one way for training and serving, and the augmentation of training batches.

    pixels (H, W) uint8 -> resize (S, S) uint8 -> normalise (C, S, S) float32

The resized image is what the cache on disk holds and what the page shows as "what the model sees", so both are bit for bit
what the model was trained on.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pneumo.schema import AugmentSpec, ImageSpec

LEVELS = 256
STRETCH_PERCENTILES = (1.0, 99.0)  # outside lie burned-in markers and the black collimated margin
MAX_BLUR_SIGMA = 1.5  # of a 128 px image: fine lung texture goes, consolidations stay
SHARPEN_SIGMA, MAX_SHARPENING = 1.5, 1.5  # of a 128 px image; what edge enhancement of a plate reader may do
MAX_NOISE_SIGMA = 0.06  # of full scale: a visibly underexposed plate
MAX_BORDER = 0.12  # of the side: collimator, film edge, hospital frame
MARKER_SIZE = (0.03, 0.10)  # of the side: from an "R" to a name plate
KEPT_PIXELS = (
    4_000_000  # of a plane that a thread keeps for the next image: fresh memory costs more than the conversion
)
_KEPT = threading.local()


def resize(pixels: np.ndarray, image: ImageSpec) -> np.ndarray:
    """The image as the model sees it: resized without keeping the aspect ratio.

    pixels: (H, W) uint8. Returns (S, S) uint8.
    """
    plane = _plane(pixels)[None, None]
    size = (image.size, image.size)
    if image.interpolation == "nearest":
        plane = F.interpolate(plane, size, mode="nearest-exact")
    elif plane.shape[-2:] != size:
        plane = F.interpolate(plane, size, mode="bilinear", antialias=True, align_corners=False)
    resized_image = plane[0, 0].round_().clamp_(0, LEVELS - 1).to(torch.uint8).numpy()
    return stretch(resized_image) if image.intensity == "stretch" else resized_image


def _plane(pixels: np.ndarray) -> Tensor:
    """(H, W) float32 of (H, W) uint8, in memory that the thread's next image overwrites."""
    if pixels.size > KEPT_PIXELS:
        return torch.from_numpy(np.array(pixels, dtype=np.float32))
    if getattr(_KEPT, "plane", None) is None:
        _KEPT.plane = np.empty(KEPT_PIXELS, np.float32)
    plane = _KEPT.plane[: pixels.size].reshape(pixels.shape)
    np.copyto(plane, pixels)
    return torch.from_numpy(plane)


def resize_all(images: Iterable[np.ndarray], image: ImageSpec) -> np.ndarray:
    """(N, S, S) uint8. images: (H, W) uint8 of any sizes."""
    return np.stack([resize(pixels, image) for pixels in images])


def stretch(resized_image: np.ndarray) -> np.ndarray:
    """(S, S) uint8: grey values from the 1st to the 99th percentile spread over all levels."""
    low, high = np.percentile(resized_image, STRETCH_PERCENTILES)
    if high - low < 1:  # a uniform image has nothing to stretch
        return resized_image
    levels = np.clip((np.arange(LEVELS) - low) / (high - low), 0, 1)
    return np.round(levels * (LEVELS - 1)).astype(np.uint8)[resized_image]


def normalise(resized: Tensor, image: ImageSpec) -> Tensor:
    """(B, S, S) uint8, or float32 in 0..1, to (B, C, S, S) float32 by (x - mean) / std."""
    planes = resized.float().div(LEVELS - 1) if resized.dtype == torch.uint8 else resized
    planes = planes[:, None].expand(-1, image.channels, -1, -1)
    mean = torch.tensor(image.mean, device=planes.device).view(1, -1, 1, 1)
    std = torch.tensor(image.std, device=planes.device).view(1, -1, 1, 1)
    return (planes - mean) / std


def preprocess(pixels: np.ndarray, image: ImageSpec) -> tuple[np.ndarray, Tensor]:
    """A radiograph as the model sees it: (S, S) uint8, for people, and (C, S, S) float32, its input. pixels: (H, W) uint8."""
    seen = resize(pixels, image)
    return seen, normalise(torch.from_numpy(seen)[None], image)[0]


def augment(resized: Tensor, spec: AugmentSpec, generator: torch.Generator) -> Tensor:
    """Every image of a batch changed in its own way.

    resized: (B, S, S) uint8 on any device; generator: a CPU generator. Returns (B, S, S) float32 in 0..1.
    A curve of 256 grey levels per image carries all the intensity changes, so they cost one table look-up;
    one affine resampling carries all the geometric ones.
    """
    draws = _Draws(len(resized), generator, resized.device)
    planes = _apply_curves(resized, _curves(resized, spec, draws))
    if spec.blur:
        planes = _blur(planes, draws.probability(spec.blur), draws.uniform(0.4, MAX_BLUR_SIGMA))
    if spec.sharpen:
        planes = _sharpen(planes, draws.probability(spec.sharpen), draws.uniform(0.3, MAX_SHARPENING))
    planes = _affine(planes, spec, draws)
    if spec.border:
        planes = _paint_border(planes, spec.border, draws)
    if spec.marker:
        planes = _paint_marker(planes, spec.marker, draws)
    if spec.noise:
        planes = _add_noise(planes, draws.probability(spec.noise), draws.uniform(0.01, MAX_NOISE_SIGMA), generator)
    return planes


class _Draws:
    """One value per image at a time, each (B,) float32 on the batch's device."""

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device

    def uniform(self, low: float, high: float) -> Tensor:
        return (low + (high - low) * torch.rand(self.count, generator=self.generator)).to(self.device)

    def around(self, centre: float, reach: float) -> Tensor:
        return self.uniform(centre - reach, centre + reach)

    def probability(self, probability: float) -> Tensor:
        """(B,) bool, True with this probability."""
        return self.uniform(0, 1) < probability


def _curves(resized: Tensor, spec: AugmentSpec, draws: _Draws) -> Tensor:
    """(B, 256) float32 in 0..1: the grey level that replaces each grey level."""
    levels = torch.linspace(0, 1, LEVELS, device=resized.device).expand(len(resized), -1)
    if spec.exchange:
        share, index = draws.uniform(0.5, 1), draws.probability(spec.exchange).nonzero()[:, 0]
        other = (draws.uniform(0, 1) * len(resized)).long().clamp(max=len(resized) - 1)[index]
        matched = _matched(resized[index], resized[other])
        levels = levels.index_copy(0, index, torch.lerp(levels[index], matched, share[index, None]))
    if spec.equalise:
        share, index = draws.uniform(0.3, 1), draws.probability(spec.equalise).nonzero()[:, 0]
        levels = levels.index_copy(0, index, torch.lerp(levels[index], _cumulative(resized[index]), share[index, None]))
    if spec.gamma:
        levels = levels.pow(draws.around(0, spec.gamma).exp()[:, None])
    if spec.contrast:
        levels = (levels - 0.5) * draws.around(1, spec.contrast)[:, None] + 0.5
    if spec.brightness:
        levels = levels + draws.around(0, spec.brightness)[:, None]
    return levels.clamp(0, 1)


def _cumulative(resized: Tensor) -> Tensor:
    """(B, 256) cumulative histograms in 0..1: the curve of full histogram equalisation."""
    count = len(resized)
    offsets = torch.arange(count, device=resized.device)[:, None] * LEVELS
    bins = torch.bincount((resized.flatten(1) + offsets).flatten(), minlength=count * LEVELS)
    cumulative = bins.view(count, LEVELS).cumsum(1).float()
    return cumulative / cumulative[:, -1:]


def _matched(resized: Tensor, others: Tensor) -> Tensor:
    """(B, 256) curves that give each image the histogram of its other one: the class can no longer be told by exposure."""
    shares, targets = _cumulative(resized), _cumulative(others)
    return torch.searchsorted(targets.contiguous(), shares.contiguous()).clamp(max=LEVELS - 1).float() / (LEVELS - 1)


def _apply_curves(resized: Tensor, curves: Tensor) -> Tensor:
    offsets = torch.arange(len(resized), device=resized.device, dtype=torch.int32)[:, None, None] * LEVELS
    return curves.reshape(-1).index_select(0, (resized + offsets).flatten()).view(resized.shape)


def _affine(planes: Tensor, spec: AugmentSpec, draws: _Draws) -> Tensor:
    if not any((spec.rotation_deg, spec.shift, spec.zoom, spec.stretch, spec.shear_deg, spec.flip)):
        return planes
    grid = _affine_grid(_affine_matrices(spec, draws), planes.shape[-1])
    return F.grid_sample(planes[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[:, 0]


def _affine_grid(theta: Tensor, size: int) -> Tensor:
    """(B, S, S, 2) as torch's affine_grid gives it, in a seventh of the time: a sum of a row and a column, no products."""
    at = (2 * torch.arange(size, device=theta.device) + 1) / size - 1
    along_x = theta[:, :, 0, None] * at + theta[:, :, 2, None]  # (B, 2, S)
    along_y = theta[:, :, 1, None] * at
    return torch.stack([along_x[:, n, None, :] + along_y[:, n, :, None] for n in (0, 1)], -1)


def _affine_matrices(spec: AugmentSpec, draws: _Draws) -> Tensor:
    """(B, 2, 3) maps from output to input coordinates, both in -1..1."""
    angle = draws.around(0, math.radians(spec.rotation_deg))
    shear = draws.around(0, math.radians(spec.shear_deg)).tan()
    scale, aspect = draws.around(1, spec.zoom), draws.around(1, spec.stretch).sqrt()
    mirror = 1 - 2 * draws.probability(spec.flip).float()
    shift_x, shift_y = draws.around(0, 2 * spec.shift), draws.around(0, 2 * spec.shift)
    cos, sin = angle.cos(), angle.sin()
    first = torch.stack([mirror * cos / (scale * aspect), mirror * (shear * cos - sin) / scale, shift_x], 1)
    second = torch.stack([sin / (scale * aspect), (shear * sin + cos) / scale * aspect, shift_y], 1)
    return torch.stack([first, second], 1)


def _blur(planes: Tensor, chosen: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of the chosen images, each with its own sigma; sigma in pixels of a 128 px image."""
    index = chosen.nonzero()[:, 0]
    if not len(index):
        return planes
    sigma = sigma[index] * planes.shape[-1] / 128
    radius = max(1, math.ceil(2 * MAX_BLUR_SIGMA * planes.shape[-1] / 128))
    offsets = torch.arange(-radius, radius + 1, device=planes.device).float()
    kernels = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    kernels = (kernels / kernels.sum(1, keepdim=True))[:, None]
    picked = F.pad(planes[index][None], (radius,) * 4, mode="replicate")  # (1, N, S + 2r, S + 2r)
    picked = F.conv2d(picked, kernels[:, :, :, None], groups=len(index))
    picked = F.conv2d(picked, kernels[:, :, None, :], groups=len(index))
    return planes.index_copy(0, index, picked[0].clamp_(max=1))  # the weights of a kernel may sum to a little over 1


def _sharpen(planes: Tensor, chosen: Tensor, amount: Tensor) -> Tensor:
    """An unsharp mask on the chosen images, each as strong as its amount."""
    smooth = _blur(planes, chosen, torch.full_like(amount, SHARPEN_SIGMA))
    return (planes + amount[:, None, None] * (planes - smooth)).clamp(0, 1)


def _paint_border(planes: Tensor, probability: float, draws: _Draws) -> Tensor:
    """Margins of independent width on the four sides in one grey: no frame can be relied on."""
    reach = MAX_BORDER * draws.probability(probability)
    left, right, top, bottom = (draws.uniform(0, 1) * reach for _ in range(4))
    at = torch.linspace(0, 1, planes.shape[-1], device=planes.device)
    columns = (at < left[:, None]) | (at > 1 - right[:, None])
    rows = (at < top[:, None]) | (at > 1 - bottom[:, None])
    grey = draws.uniform(0, 1) * draws.probability(0.5)  # black half of the time, as collimators are
    return torch.where(rows[:, :, None] | columns[:, None, :], grey[:, None, None], planes)


def _paint_marker(planes: Tensor, probability: float, draws: _Draws) -> Tensor:
    """A bright or dark plate in the outer fifth of a side, where side markers and names sit."""
    at = torch.linspace(0, 1, planes.shape[-1], device=planes.device)
    width, height = draws.uniform(*MARKER_SIZE), draws.uniform(*MARKER_SIZE)
    x, y = draws.uniform(0, 0.2), draws.uniform(0, 1)
    x = torch.where(draws.probability(0.5), x, 1 - x)
    columns = (at - x[:, None]).abs() < width[:, None] / 2
    rows = (at - y[:, None]).abs() < height[:, None] / 2
    plate = rows[:, :, None] & columns[:, None, :] & draws.probability(probability)[:, None, None]
    grey = torch.where(draws.probability(0.8), draws.uniform(0.7, 1), draws.uniform(0, 0.2))
    return torch.where(plate, grey[:, None, None], planes)


def _add_noise(planes: Tensor, chosen: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    index = chosen.nonzero()[:, 0]
    if not len(index):
        return planes
    noise = torch.randn((len(index), *planes.shape[1:]), generator=generator).to(planes.device)
    return planes.index_add(0, index, noise * sigma[index, None, None]).clamp(0, 1)


def variants(resized_image: np.ndarray) -> Tensor:
    """Eight small harmless changes of one image: mirrored, rotated by 4 degrees either way, shifted and enlarged a
    little, brighter, darker, blurred. A sound probability hardly moves under them.

    resized_image: (S, S) uint8. Returns (8, S, S) float32 in 0..1.
    """
    plane = torch.from_numpy(resized_image.copy()).float()[None, None] / (LEVELS - 1)
    turn = math.radians(4)
    cos, sin = math.cos(turn), math.sin(turn)
    theta = torch.tensor(
        [
            [[-1, 0, 0], [0, 1, 0]],
            [[cos, -sin, 0], [sin, cos, 0]],
            [[cos, sin, 0], [-sin, cos, 0]],
            [[1, 0, 0.06], [0, 1, -0.06]],
            [[0.95, 0, 0], [0, 0.95, 0]],
        ],
        dtype=torch.float32,
    )
    grid = F.affine_grid(theta, [len(theta), 1, *plane.shape[2:]], align_corners=False)
    moved = F.grid_sample(plane.expand(len(theta), -1, -1, -1), grid, padding_mode="border", align_corners=False)
    blurred = F.avg_pool2d(F.pad(plane, (1,) * 4, mode="replicate"), 3, stride=1)
    return torch.cat([moved, plane.pow(0.85), plane.pow(1.18), blurred])[:, 0]
