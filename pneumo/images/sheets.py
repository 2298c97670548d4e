"""Many small pictures on one sheet, and pictures as PNG bytes."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

SYNTHETIC = "Synthetic: drawn by a generative model of pneumo. Not a radiograph of a person."


def to_uint8(images: Tensor) -> np.ndarray:
    """(N, 1, S, S) in [-1, 1] to (N, S, S) uint8; what lies outside is cut off."""
    return ((images[:, 0].float().clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy()


def grid(images: np.ndarray, columns: int = 0, gap: int = 2) -> np.ndarray:
    """(N, S, S) uint8 to one sheet, row by row, black gaps of `gap` pixels. columns 0: as square as it gets."""
    count, side, _ = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.zeros((rows * (side + gap) - gap, columns * (side + gap) - gap), dtype=np.uint8)
    for number, image in enumerate(images):
        top, left = number // columns * (side + gap), number % columns * (side + gap)
        sheet[top : top + side, left : left + side] = image
    return sheet


def png(pixels: np.ndarray, *, synthetic: bool = True) -> bytes:
    """(H, W) uint8 as PNG bytes; synthetic: says so in the file's own text, where every viewer of metadata shows it."""
    about = PngInfo()
    if synthetic:
        about.add_text("Description", SYNTHETIC)
        about.add_text("Software", "pneumo")
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=about, optimize=True)
    return buffer.getvalue()


def for_screen(pixels: np.ndarray, longest_px: int = 1200, shortest_px: int = 640, quality: int = 90) -> bytes:
    """(H, W) or (H, W, 3) uint8 as JPEG bytes, its longer side brought between shortest_px and longest_px.

    Small images are enlarged first: the blocks of a JPEG of 128 pixels would be seen on a page.
    """
    image = Image.fromarray(pixels)
    side = min(max(*image.size, shortest_px), longest_px)
    scale = side / max(image.size)
    if scale != 1:
        size = [max(1, round(each * scale)) for each in image.size]
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def gif(frames: np.ndarray, frame_ms: int = 80, side: int = 0) -> bytes:
    """(N, H, W) uint8 as an endless animation there and back; side: enlarged or reduced to so many pixels, 0 leaves it."""
    there_and_back = [Image.fromarray(frame) for frame in (*frames, *frames[-2:0:-1])]
    if side:
        there_and_back = [each.resize((side, side), Image.Resampling.BICUBIC) for each in there_and_back]
    first, *others = there_and_back
    buffer = io.BytesIO()
    first.save(
        buffer, "GIF", save_all=True, append_images=others, duration=frame_ms, loop=0, comment=SYNTHETIC.encode()
    )
    return buffer.getvalue()


def cells(sheet: np.ndarray, side: int, gap: int = 2) -> np.ndarray:
    """The reverse of `grid`: (N, side, side) uint8."""
    step = side + gap
    tops, lefts = range(0, sheet.shape[0], step), range(0, sheet.shape[1], step)
    return np.stack([sheet[top : top + side, left : left + side] for top in tops for left in lefts])


def mosaic(maps: np.ndarray, columns: int = 8) -> np.ndarray:
    """Feature maps (N, H, W), each scaled to its own 0..255, side by side with a grey gap. uint8."""
    low = maps.min((1, 2), keepdims=True)
    spread = np.maximum(maps.max((1, 2), keepdims=True) - low, 1e-9)
    return contact_sheet(np.round((maps - low) / spread * 255).astype(np.uint8), columns)


def contact_sheet(images: np.ndarray, columns: int = 4) -> np.ndarray:
    """Pictures (N, H, W) uint8 side by side as they are, with a grey gap. uint8."""
    tiles = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=128)
    tiles = np.concatenate([tiles, np.full((-len(tiles) % columns, *tiles.shape[1:]), 128, np.uint8)])
    n, height, width = tiles.shape
    grid = tiles.reshape(n // columns, columns, height, width).transpose(0, 2, 1, 3)  # rows of tiles, by picture row
    return grid.reshape(n // columns * height, columns * width)
