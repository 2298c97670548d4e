"""The computations behind the classroom pages: small, exact, and the same ones the networks use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from pneumo.images import transforms
from pneumo.runs import Run
from pneumo.schema import ImageSpec, PneumoError


@dataclass(frozen=True)
class Kernel:
    """A named 3 x 3 kernel and what it does to a radiograph."""

    title: str
    values: tuple[tuple[float, ...], ...]
    effect: str


KERNELS = {
    "horizontal": Kernel(
        "Horizontal edges",
        ((-1, -1, -1), (0, 0, 0), (1, 1, 1)),
        "Looks for bright below and dark above: the upper edges of ribs and the diaphragm light up.",
    ),
    "vertical": Kernel(
        "Vertical edges",
        ((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)),
        "Bright on the right, dark on the left: heart border and spine light up.",
    ),
    "blur": Kernel(
        "Blur",
        ((1 / 9,) * 3,) * 3,
        "The mean of nine neighbours: noise and fine texture go, large shadows stay.",
    ),
    "sharpen": Kernel(
        "Sharpen",
        ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
        "Makes each pixel differ more from its neighbours: vessels and ribs stand out, and so does noise.",
    ),
    "laplacian": Kernel(
        "Laplacian",
        ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
        "Zero wherever the image is even: only edges remain, in every direction.",
    ),
    "identity": Kernel("Identity", ((0, 0, 0), (0, 1, 0), (0, 0, 0)), "One in the middle: the image as it was."),
}


@dataclass(frozen=True, eq=False)
class Step:
    """One position of the kernel. patch, products: (3, 3) float32; total: the sum of the products."""

    patch: np.ndarray
    products: np.ndarray
    total: float


def shrink(pixels: np.ndarray, size: int) -> np.ndarray:
    """(H, W) uint8 to (size, size) float32 in 0..1, small enough to see every number."""
    image = ImageSpec(size=size)
    return transforms.resize(pixels, image).astype(np.float32) / 255


def as_kernel(rows: list[list[float]]) -> np.ndarray:
    """(3, 3) float32 from what a visitor typed. PneumoError where a number is missing or not finite."""
    try:
        kernel = np.array(rows, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise PneumoError("a kernel has nine numbers; fill every cell") from error
    if kernel.shape != (3, 3) or not np.isfinite(kernel).all():
        raise PneumoError("a kernel has nine numbers; fill every cell")
    return kernel


def convolve(plane: np.ndarray, kernel: np.ndarray, padding: int = 0, stride: int = 1) -> np.ndarray:
    """What a convolution layer does with one kernel: slide, multiply, add (without mirroring it: a cross-correlation).

    plane: (H, W) float32. Returns ((H + 2 padding - 3) / stride + 1, ...) float32.
    """
    out = F.conv2d(_batch(plane), _batch(kernel), padding=padding, stride=stride)
    return out[0, 0].numpy()


def step(plane: np.ndarray, kernel: np.ndarray, row: int, column: int) -> Step:
    """The numbers of one position; row and column are those of the output, without padding, stride 1."""
    patch = plane[row : row + 3, column : column + 3]
    products = patch * kernel
    return Step(patch, products, float(products.sum()))


def relu(plane: np.ndarray) -> np.ndarray:
    """Negative values become 0."""
    return np.maximum(plane, 0)


def max_pool(plane: np.ndarray, size: int = 2) -> np.ndarray:
    """The largest of each size x size block; an incomplete last row or column is dropped."""
    return F.max_pool2d(_batch(plane), size)[0, 0].numpy()


def output_size(side: int, kernel: int, padding: int, stride: int) -> int:
    """(side + 2 padding - kernel) / stride + 1, rounded down."""
    return (side + 2 * padding - kernel) // stride + 1


def first_kernel(run: Run) -> tuple[int, int]:
    """Height and width of the kernels of a run's first convolution, in pixels; of an ensemble's first member's."""
    return _first_convolution(run)[1].kernel_size


def first_layer(run: Run, pixels: np.ndarray) -> np.ndarray:
    """The feature maps of a run's first convolution on a radiograph (H, W) uint8: (channels, H', W') float32."""
    member, layer = _first_convolution(run)
    seen = transforms.resize(pixels, member.card.image)
    image = transforms.normalise(torch.from_numpy(seen.copy())[None], member.card.image)
    with run.lock, torch.inference_mode():
        return layer(image)[0].numpy()


def _first_convolution(run: Run) -> tuple[Run, nn.Conv2d]:
    member = run.members[0] if run.members else run
    return member, next(module for module in member.model.modules() if isinstance(module, nn.Conv2d))


def _batch(plane: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32))[None, None]
