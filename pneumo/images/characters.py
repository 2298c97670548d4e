"""Printed characters, drawn from a font file: bright on dark, as on a radiograph, so that nothing at the edges means nothing.

Place, size, weight, slant, blur, light and noise come from the generator; the same generator gives the same image.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE_PX = 64
FINE = 3  # the drawing is so many times finer than the image, so that edges are smooth
SIZES = (0.5, 0.85)  # font size, as a share of the side of which a capital takes about 0.7
SHIFT = 0.1  # of the side, each way
HEAVIER = 4  # pixels of the fine drawing by which a stroke may grow on each side
SLANT, TURN_DEG = 0.15, 6.0
PAPER, INK = (0, 85), (165, 255)
LIGHT = 25.0  # grey levels by which one edge of the paper may be lighter than the other
BLUR_PX, NOISE = 0.8, 10.0  # standard deviations at most; noise in grey levels
ROOM = 1.6  # side of the first drawing, in sides of the image: nothing is cut off before it is placed


def draw(font: Path, character: str, rng: np.random.Generator) -> np.ndarray:
    """(SIDE_PX, SIDE_PX) uint8. OSError where the file is no font that can be read."""
    side = SIDE_PX * FINE
    size = round(side * rng.uniform(*SIZES) / 0.75)
    sheet = Image.new("L", (round(side * ROOM),) * 2, 0)
    middle = sheet.width / 2
    heavier = max(0, round(rng.uniform(-HEAVIER, HEAVIER)))  # half of them as the font has it
    ImageDraw.Draw(sheet).text(
        (middle, middle), character, 255, _font(font, size), anchor="mm", stroke_width=heavier, stroke_fill=255
    )
    ink = _moved(sheet, side, rng).reduce(FINE)
    ink = ink.filter(ImageFilter.GaussianBlur(rng.uniform(0, BLUR_PX)))
    share = np.asarray(ink, dtype=np.float64) / 255
    across = np.linspace(-0.5, 0.5, SIDE_PX)
    paper = (
        rng.uniform(*PAPER) + rng.uniform(-LIGHT, LIGHT) * across[None] + rng.uniform(-LIGHT, LIGHT) * across[:, None]
    )
    grey = paper * (1 - share) + rng.uniform(*INK) * share + rng.normal(0, rng.uniform(0, NOISE), share.shape)
    return np.clip(np.round(grey), 0, 255).astype(np.uint8)


def _moved(sheet: Image.Image, side: int, rng: np.random.Generator) -> Image.Image:
    """(side, side): slanted and turned about its middle, then put where it still lies within the image."""
    turn, slant = np.deg2rad(rng.uniform(-TURN_DEG, TURN_DEG)), rng.uniform(-SLANT, SLANT)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array([[1, slant], [0, 1]])
    centre = sheet.width / 2
    box = _box(_affine(sheet, sheet.width, matrix, (centre, centre)))
    target = side / 2 + rng.uniform(-SHIFT, SHIFT, 2) * side
    for axis, (low, high) in enumerate(((box[0], box[2]), (box[1], box[3]))):
        room = [low - centre, high - centre]  # of the character, seen from its middle
        least, most = -room[0] + FINE, side - room[1] - FINE
        target[axis] = np.clip(target[axis], least, most) if least < most else (least + most) / 2
    return _affine(sheet, side, matrix, tuple(target))


def _affine(sheet: Image.Image, side: int, matrix: np.ndarray, middle: tuple[float, float]) -> Image.Image:
    """The sheet through a linear map about its middle, which comes to lie at `middle` of a new image."""
    centre = sheet.width / 2
    offset = centre - matrix @ np.array(middle)
    values = (matrix[0, 0], matrix[0, 1], offset[0], matrix[1, 0], matrix[1, 1], offset[1])
    return sheet.transform((side, side), Image.Transform.AFFINE, values, Image.Resampling.BILINEAR)


def _box(image: Image.Image) -> tuple[int, int, int, int]:
    box = image.getbbox()
    if box is None:
        raise OSError("the font has no such character")
    return box


@lru_cache(maxsize=256)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
