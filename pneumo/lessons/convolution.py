"""The computations behind the classroom pages: small, exact, and the same ones the networks use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from pneumo.images import transforms
from pneumo.runs import Run
from pneumo.schema import ImageSpec


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
class Learned:
    """The first layer of a run, and the radiograph as that layer gets it.

    plane: (S, S) float32, normalised; kernels: (N, k, k) float32; bias: (N,) float32; padding, stride: in pixels.
    """

    plane: np.ndarray
    kernels: np.ndarray
    bias: np.ndarray
    padding: int
    stride: int


NOTES = np.arange(1, 17, dtype=np.float32).reshape(4, 4)
NOTES_KERNEL = np.array([[1, 0], [0, 1]], dtype=np.float32)
TOLERANCE = 1e-5  # between the browser's arithmetic and torch's


def shrink(pixels: np.ndarray, size: int) -> np.ndarray:
    """(H, W) uint8 to (size, size) float32 in 0..1, small enough to see every number."""
    image = ImageSpec(size=size)
    return transforms.resize(pixels, image).astype(np.float32) / 255


def convolve(plane: np.ndarray, kernel: np.ndarray, padding: int = 0, stride: int = 1, dilation: int = 1) -> np.ndarray:
    """What a convolution layer does with one kernel: slide, multiply, add (without mirroring it: a cross-correlation).

    plane: (H, W) float32; kernel: (k, k) float32. Returns ((H + 2 padding - dilation (k - 1) - 1) / stride + 1, ...) float32.
    """
    out = F.conv2d(_batch(plane), _batch(kernel), padding=padding, stride=stride, dilation=dilation)
    return out[0, 0].numpy()


def relu(plane: np.ndarray) -> np.ndarray:
    """Negative values become 0."""
    return np.maximum(plane, 0)


def max_pool(plane: np.ndarray, size: int = 2) -> np.ndarray:
    """The largest of each size x size block; an incomplete last row or column is dropped."""
    return F.max_pool2d(_batch(plane), size)[0, 0].numpy()


def mean_pool(plane: np.ndarray, size: int = 2) -> np.ndarray:
    """The mean of each size x size block; an incomplete last row or column is dropped."""
    return F.avg_pool2d(_batch(plane), size)[0, 0].numpy()


def facts() -> dict[str, str]:
    """The numbers of the lesson's text, computed: names in braces -> as they are written."""
    pooled = np.array([[1, 3, 2, 4], [5, 6, 7, 8], [9, 2, 1, 3], [4, 6, 5, 7]], dtype=np.float32)
    layer = nn.Conv2d(32, 64, 3)
    norm = F.batch_norm(torch.tensor([[2.0], [4.0], [6.0]]), None, None, training=True)
    signed = np.array([[-2, 5, -1, 3, -4, 7]], dtype=np.float32)
    return {
        "first": f"{convolve(NOTES, NOTES_KERNEL)[0, 0]:g}",
        "tolerance": f"{TOLERANCE:g}",
        "side_128": str(output_size(128, 3, 1, 2)),
        "parameters": f"{sum(each.numel() for each in layer.parameters()):,}",
        "relu": " ".join(f"{value:g}" for value in relu(signed)[0]),
        "maxima": _rows(max_pool(pooled)),
        "means": _rows(mean_pool(pooled)),
        "normalised": ", ".join(
            f"{value:.4f}".replace("-", "−").replace("−0.0000", "0").replace("0.0000", "0")
            for value in norm[:, 0].tolist()
        ),
        "dropped": f"{0.8 / (1 - 0.5):g}",
    }


def _rows(plane: np.ndarray) -> str:
    """ "6 8 / 9 7"."""
    return " / ".join(" ".join(f"{value:g}" for value in row) for row in plane)


def output_size(side: int, kernel: int, padding: int, stride: int) -> int:
    """(side + 2 padding - kernel) / stride + 1, rounded down."""
    return (side + 2 * padding - kernel) // stride + 1


def first_kernel(run: Run) -> tuple[int, int]:
    """Height and width of the kernels of a run's first convolution, in pixels; of an ensemble's first member's."""
    return _first_convolution(run)[1].kernel_size


def learned(run: Run, pixels: np.ndarray) -> Learned | None:
    """A run's first convolution and what it sees of a radiograph (H, W) uint8; None where it takes colour."""
    member, layer = _first_convolution(run)
    if layer.in_channels != 1 or layer.kernel_size[0] != layer.kernel_size[1] or layer.dilation != (1, 1):
        return None
    image = _seen(member, pixels)
    with run.lock, torch.inference_mode():
        kernels = layer.weight[:, 0].float().numpy().copy()
        bias = np.zeros(len(kernels), np.float32) if layer.bias is None else layer.bias.float().numpy().copy()
    return Learned(image[0].numpy(), kernels, bias, layer.padding[0], layer.stride[0])


def first_layer(run: Run, pixels: np.ndarray) -> np.ndarray:
    """The feature maps of a run's first convolution on a radiograph (H, W) uint8: (channels, H', W') float32."""
    member, layer = _first_convolution(run)
    with run.lock, torch.inference_mode():
        return layer(_seen(member, pixels)[None])[0].numpy()


def _seen(member: Run, pixels: np.ndarray) -> torch.Tensor:
    """(C, S, S) float32: the radiograph as the run's first layer gets it."""
    seen = transforms.resize(pixels, member.card.image)
    return transforms.normalise(torch.from_numpy(seen.copy())[None], member.card.image)[0]


def _first_convolution(run: Run) -> tuple[Run, nn.Conv2d]:
    member = run.members[0] if run.members else run
    return member, next(module for module in member.model.modules() if isinstance(module, nn.Conv2d))


def _batch(plane: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32))[None, None]
