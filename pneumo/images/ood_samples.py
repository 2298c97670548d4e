"""Images that are no frontal chest radiograph, to test the input check on: drawn, bundled with libraries, or made from radiographs.

All grey, (H, W) uint8. They test the input check and set none of its thresholds.
scikit-learn is imported where its photographs are opened.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

SIDE_PX = 256
CROPS = 6  # of each photograph: a photograph is also what is in a part of it
STRONG_CROP = 0.4  # of each side is left
# Images in scikit-image that are photographs or scans of things; its drawn patterns are left out, `drawn` has its own.
PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
    "horse.png", "hubble_deep_field.jpg", "ihc.png", "microaneurysms.png", "moon.png", "motorcycle_left.png", "retina.jpg",
    "rocket.jpg",
)  # fmt: skip
WORDS = [
    "report",
    "of",
    "the",
    "examination",
    "heart",
    "size",
    "normal",
    "no",
    "effusion",
    "seen",
    "patient",
    "name",
    "date",
    "age",
    "comment",
    "signed",
]


@dataclass(frozen=True, eq=False)
class OodSample:
    """kind: what sort of image, e.g. "text". base: images made from the same one share it. pixels: (H, W) uint8."""

    kind: str
    base: str
    pixels: np.ndarray


# --- bundled photographs ----------------------------------------------------------------------------------


def photographs(seed: int = 0) -> Iterator[OodSample]:
    """Greyed photographs that come with scikit-learn and, where it is installed, scikit-image: whole, and in parts."""
    rng = np.random.default_rng([seed, 1])
    for name, image in _bundled():
        grey = np.asarray(image.convert("L"))
        yield OodSample("photograph", name, grey)
        for _ in range(CROPS):
            yield OodSample("photograph", name, _part(grey, rng.uniform(0.35, 0.8), rng))


def _bundled() -> Iterator[tuple[str, Image.Image]]:
    from sklearn.datasets import load_sample_images

    result = load_sample_images()
    for path, pixels in zip(result.filenames, result.images, strict=True):
        yield Path(path).name, Image.fromarray(pixels)
    spec = importlib.util.find_spec("skimage")
    folder = Path(spec.origin).parent / "data" if spec and spec.origin else None
    for name in PHOTOGRAPHS if folder else ():
        if (folder / name).is_file():
            with Image.open(folder / name) as image:
                yield name, image.convert("RGB")


def _part(grey: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A crop with `share` of each side, somewhere in the image."""
    height, width = (max(8, int(share * side)) for side in grey.shape)
    top, left = (int(rng.integers(0, full - part + 1)) for full, part in zip(grey.shape, (height, width), strict=True))
    return grey[top : top + height, left : left + width]


# --- drawn ------------------------------------------------------------------------------------------------


def drawn(each: int = 12, seed: int = 0) -> Iterator[OodSample]:
    """Plots, screens, text, noise, textures and shapes, `each` of every kind."""
    for number, (kind, make) in enumerate(DRAWN.items()):
        for n in range(each):
            yield OodSample(kind, f"{kind} {n}", make(np.random.default_rng([seed, 2, number, n])))


def _canvas(rng: np.random.Generator) -> tuple[Image.Image, ImageDraw.ImageDraw, int, int]:
    """A page, its pen, and the greys of paper and ink: dark on light, or light on dark."""
    paper, ink = (255, 0) if rng.random() < 0.6 else (int(rng.integers(0, 50)), int(rng.integers(180, 256)))
    image = Image.new("L", (int(rng.integers(200, 420)), int(rng.integers(200, 420))), paper)
    return image, ImageDraw.Draw(image), paper, ink


def _plot(rng: np.random.Generator) -> np.ndarray:
    image, pen, _, ink = _canvas(rng)
    width, height = image.size
    pen.line([(30, 10), (30, height - 30), (width - 10, height - 30)], ink, 2)
    x = np.linspace(30, width - 10, 60)
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            y = height / 2 + np.cumsum(rng.normal(0, height / 40, len(x)))
            pen.line(list(zip(x, y.clip(10, height - 32), strict=True)), ink, 2)
    else:
        for left, tall in zip(np.linspace(40, width - 40, 8), rng.uniform(0.1, 0.9, 8) * (height - 50), strict=True):
            pen.rectangle((left, height - 30 - tall, left + (width - 60) / 12, height - 30), ink)
    return np.asarray(image)


def _screen(rng: np.random.Generator) -> np.ndarray:
    """A window with a title bar, a side bar, boxes and lines of text."""
    image, pen, paper, ink = _canvas(rng)
    width, height = image.size
    middle = (paper + ink) // 2
    pen.rectangle((0, 0, width, 18), middle)
    pen.rectangle((0, 18, width // 5, height), (3 * paper + ink) // 4)
    for _ in range(int(rng.integers(3, 8))):
        left, top = rng.integers(width // 5, width - 30), rng.integers(24, height - 20)
        pen.rectangle(
            (left, top, left + rng.integers(20, 90), top + rng.integers(8, 60)), int(rng.integers(0, 256)), ink
        )
    for top in range(30, height - 12, 16):
        pen.text((6, top), " ".join(rng.choice(WORDS, 2)), ink)
    return np.asarray(image)


def _text(rng: np.random.Generator) -> np.ndarray:
    image, pen, _, ink = _canvas(rng)
    size = int(rng.integers(9, 30))
    for top in range(6, image.height - size, int(size * 1.4)):
        pen.text((8, top), " ".join(rng.choice(WORDS, 9)), ink, font=ImageFont.load_default(size))
    return np.asarray(image)


def _noise(rng: np.random.Generator) -> np.ndarray:
    """White, salt and pepper, or smoothed to blots of some size."""
    field = rng.normal(size=(SIDE_PX, SIDE_PX))
    kind = rng.integers(3)
    if kind == 1:
        return np.where(rng.random(field.shape) < 0.5, 0, 255).astype(np.uint8)
    return _levels(gaussian_filter(field, rng.uniform(1, 24)) if kind == 2 else field)


def _texture(rng: np.random.Generator) -> np.ndarray:
    """Gratings, checks or rings."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX - 0.5
    turn, period = rng.uniform(0, np.pi), rng.uniform(3, 24)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    kind = rng.integers(3)
    if kind == 0:
        return _levels(np.sin(2 * np.pi * period * along))
    if kind == 1:
        return _levels(np.sign(np.sin(2 * np.pi * period * along) * np.sin(2 * np.pi * period * across)))
    return _levels(np.sin(2 * np.pi * period * np.hypot(x - rng.uniform(-0.3, 0.3), y)))


def _shapes(rng: np.random.Generator) -> np.ndarray:
    """Slopes of grey, discs and boxes: smooth images, as unlike photographs as they are unlike chests."""
    image, pen, _, _ = _canvas(rng)
    width, height = image.size
    if rng.random() < 0.4:
        return _levels(np.add.outer(rng.normal() * np.arange(height), rng.normal() * np.arange(width)))
    for _ in range(int(rng.integers(2, 7))):
        left, top = rng.integers(0, width - 20), rng.integers(0, height - 20)
        box = (left, top, left + rng.integers(15, 200), top + rng.integers(15, 200))
        (pen.ellipse if rng.random() < 0.6 else pen.rectangle)(box, int(rng.integers(0, 256)))
    return _levels(gaussian_filter(np.asarray(image, dtype=np.float64), rng.uniform(0, 6)))


DRAWN: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "plot": _plot,
    "screen": _screen,
    "text": _text,
    "noise": _noise,
    "texture": _texture,
    "shapes": _shapes,
}


def _levels(field: np.ndarray) -> np.ndarray:
    """Any field to 0..255 from its lowest to its highest value."""
    low, high = field.min(), field.max()
    return np.round((field - low) / max(high - low, 1e-9) * 255).astype(np.uint8)


# --- made from radiographs --------------------------------------------------------------------------------


def _cropped(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _part(pixels, STRONG_CROP, rng)


TRANSFORMED: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "rotated by 90 degrees": lambda pixels, rng: np.rot90(pixels, 1 if rng.random() < 0.5 else 3),
    "rotated by 180 degrees": lambda pixels, rng: pixels[::-1, ::-1],
    "upside down": lambda pixels, rng: pixels[::-1],
    "strongly cropped": _cropped,
}


def transformed(images: Sequence[np.ndarray], seed: int = 0) -> Iterator[OodSample]:
    """Every radiograph (H, W) uint8 rotated by 90 and 180 degrees, upside down, and a crop with 40% of its sides."""
    for number, (kind, change) in enumerate(TRANSFORMED.items()):
        for n, pixels in enumerate(images):
            changed = change(pixels, np.random.default_rng([seed, 3, number, n]))
            yield OodSample(kind, str(n), np.ascontiguousarray(changed))
