"""The Shortcut lab: one change to a radiograph at a time, and how often it changes what a model says.

Every change is made here and, by the same formulas, in the browser (pages/components/changes.js): what one sees while dragging
is what the model gets. A test holds the two together.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pneumo.generators import sampling
from pneumo.images import phantom, transforms
from pneumo.metrics import calibration, significance
from pneumo.runs import Run, forward
from pneumo.schema import CLASS_NAMES, POSITIVE, ImageSpec, Interval

SIDE = 256  # of the image that is changed, in pixels; every model takes a smaller one
WHITE, WIRE = 237, 225  # grey of a lead letter, as on the phantoms, and of a wire
LETTER = ("11110", "10001", "10001", "11110", "10100", "10010", "10001")  # R, as on the phantoms
TALLEST, LONGEST, WIDEST = (
    0.2,
    0.9,
    0.4,
)  # letter's height, wire's length, patch's side at full strength, of the image's side
THICKEST_FRAME, CLOSEST_CROP = 0.2, 0.4  # frame at full strength; what a crop leaves away then
STRONGEST_BLUR_PX = 6.0  # standard deviation, of SIDE pixels
STRONGEST_GAMMA = 2.2
WAVES, WAVE_HEIGHT, WIRE_HALF_PX = 1.5, 0.05, 1.5
LEAST_MARGIN = 0.03  # a phantom's lesion fades softly beyond its mask: a patch covers so much more, each side
LEVELS = {
    "side": SIDE,
    "white": WHITE,
    "wire": WIRE,
    "letter": LETTER,
    "tallest": TALLEST,
    "longest": LONGEST,
    "widest": WIDEST,
    "frame": THICKEST_FRAME,
    "crop": CLOSEST_CROP,
    "blur": STRONGEST_BLUR_PX,
    "gamma": STRONGEST_GAMMA,
    "waves": WAVES,
    "wave": WAVE_HEIGHT,
    "half": WIRE_HALF_PX,
}  # what the browser needs to make the same changes
FILMS, FILMS_SEED = 40, 99
READER, HONEST = "marker_reader", "first_steps"  # the two models that students tell apart; both learned from phantoms


@dataclass(frozen=True)
class Kind:
    """A kind of change. placed: one moves it over the image. lowest: of its strength, -1 or 0; None where it has none."""

    title: str
    placed: bool
    strength: str
    lowest: float | None
    start: float


KINDS = {
    "letter": Kind("Letter R", True, "Height", 0, 0.6),
    "wire": Kind("Wire", True, "Length", 0, 0.7),
    "patch": Kind("Grey patch", True, "Size", 0, 0.5),
    "frame": Kind("Black frame", False, "Width", 0, 0.5),
    "crop": Kind("Crop", False, "Cut away", 0, 0.5),
    "blur": Kind("Blur", False, "Strength", 0, 0.5),
    "brightness": Kind("Brightness", False, "Darker to brighter", -1, 0.6),
    "inverted": Kind("Black and white exchanged", False, "", None, 1.0),
    "exposure": Kind("Exposure of another image", False, "How much of it", 0, 1.0),
}
PLACES = {
    "letter": (0.3, 0.1),
    "wire": (0.35, 0.5),
    "patch": (0.55, 0.3),
}  # row and column of the middle, where one starts


@dataclass(frozen=True)
class Change:
    """One change. strength: 0 changes nothing, 1 is the most; row, column: the middle of what is placed, in image sides."""

    kind: str = "letter"
    strength: float = KINDS["letter"].start
    row: float = PLACES["letter"][0]
    column: float = PLACES["letter"][1]


@dataclass(frozen=True, eq=False)
class Film:
    """A phantom to change. place, side: middle (row, column) and side of a patch that covers its lesion, in image sides;
    without a lesion, of the one that this patient would have had: the control."""

    pixels: np.ndarray
    label: int
    place: tuple[float, float]
    side: float


@dataclass(frozen=True)
class Flips:
    """What one change does to a set, at the run's threshold. flips: images whose label changed, of n, with 95% interval.

    false_alarms, missed: before and after, of so many healthy and sick.
    """

    n: int
    flips: int
    ci95: Interval | None
    healthy: int
    false_alarms: tuple[int, int]
    sick: int
    missed: tuple[int, int]


# --- the changes ------------------------------------------------------------------------------------------------


def as_square(pixels: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) uint8 of a radiograph (H, W) uint8."""
    return transforms.resize(pixels, ImageSpec(size=SIDE))


def changed(pixels: np.ndarray, change: Change, other: np.ndarray | None = None) -> np.ndarray:
    """A copy under one change. pixels: (S, S) uint8; other: the image whose exposure is taken over, for kind "exposure"."""
    strength = change.strength
    if change.kind == "inverted":
        return 255 - pixels
    if strength == 0 or (change.kind == "exposure" and other is None):
        return pixels.copy()
    match change.kind:
        case "letter":
            return _stamp(pixels, _letter(len(pixels), change), WHITE)
        case "wire":
            return _stamp(pixels, _wire(len(pixels), change), WIRE)
        case "patch":
            return np.where(_square(len(pixels), change), np.uint8(middle_grey(pixels)), pixels)
        case "frame":
            return np.where(_frame(len(pixels), strength), np.uint8(0), pixels)
        case "crop":
            return _crop(pixels, 1 - CLOSEST_CROP * strength)
        case "blur":
            return _blur(pixels, STRONGEST_BLUR_PX * strength * len(pixels) / SIDE)
        case "brightness":
            return brightness_table(strength)[pixels]
        case "exposure":
            return _mixed(exposure_table(pixels, other), strength)[pixels]
    raise ValueError(f"no change {change.kind!r}")


def _whole(values: np.ndarray | float) -> np.ndarray:
    """Rounded half up, as the browser does it."""
    return np.clip(np.floor(np.asarray(values) + 0.5), 0, 255).astype(np.uint8)


def middle_grey(pixels: np.ndarray) -> int:
    """The grey of a patch: half of the image is darker."""
    return int(np.median(pixels))


def _stamp(pixels: np.ndarray, where: np.ndarray, grey: int) -> np.ndarray:
    return np.where(where, np.maximum(pixels, np.uint8(grey)), pixels)


def _letter(side: int, change: Change) -> np.ndarray:
    """(S, S) bool."""
    height = TALLEST * change.strength * side
    width = height * len(LETTER[0]) / len(LETTER)
    rows = np.floor((np.arange(side) + 0.5 - change.row * side + height / 2) / height * len(LETTER))
    columns = np.floor((np.arange(side) + 0.5 - change.column * side + width / 2) / width * len(LETTER[0]))
    glyph = np.pad([[cell == "1" for cell in line] for line in LETTER], 1)
    at = [np.clip(n, -1, size).astype(int) + 1 for n, size in ((rows, len(LETTER)), (columns, len(LETTER[0])))]
    return glyph[np.ix_(*at)]


def _wire(side: int, change: Change) -> np.ndarray:
    """(S, S) bool: a wavy line."""
    length = LONGEST * change.strength
    along = (np.arange(side) + 0.5) / side - change.column
    height = (change.row + WAVE_HEIGHT * np.sin(2 * np.pi * WAVES * along / LONGEST)) * side
    away = np.abs(np.arange(side)[:, None] + 0.5 - height)
    return (away <= WIRE_HALF_PX * side / SIDE) & (np.abs(along) <= length / 2)


def _square(side: int, change: Change) -> np.ndarray:
    """(S, S) bool."""
    half = WIDEST * change.strength / 2
    at = (np.arange(side) + 0.5) / side
    return (np.abs(at - change.row) <= half)[:, None] & (np.abs(at - change.column) <= half)


def _frame(side: int, strength: float) -> np.ndarray:
    at = (np.arange(side) + 0.5) / side
    edge = (at < THICKEST_FRAME * strength) | (at > 1 - THICKEST_FRAME * strength)
    return edge[:, None] | edge


def _crop(pixels: np.ndarray, kept: float) -> np.ndarray:
    """The middle of the image, enlarged to its size, bilinear."""
    side = len(pixels)
    at = side / 2 + (np.arange(side) + 0.5 - side / 2) * kept - 0.5
    low = np.floor(at).astype(int)
    part = at - low
    low = np.clip(low, 0, side - 2)
    wide = pixels.astype(np.float64)
    rows = wide[low] * (1 - part)[:, None] + wide[low + 1] * part[:, None]
    return _whole(rows[:, low] * (1 - part) + rows[:, low + 1] * part)


def _blur(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian; beyond the edge the last pixel goes on."""
    reach = math.ceil(3 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    plane = pixels.astype(np.float64)
    for _ in range(2):
        padded = np.pad(plane, ((reach, reach), (0, 0)), mode="edge")
        plane = sum(weight * padded[n : n + len(plane)] for n, weight in enumerate(kernel)).T
    return _whole(plane)


def brightness_table(strength: float) -> np.ndarray:
    """(256,) uint8: what becomes of each grey level."""
    return _whole(255 * (np.arange(256) / 255) ** (STRONGEST_GAMMA**-strength))


def exposure_table(pixels: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(256,) uint8: the grey levels that give an image the histogram of another one."""
    mine, theirs = (np.cumsum(np.bincount(each.ravel(), minlength=256)) / each.size for each in (pixels, other))
    return np.minimum(np.searchsorted(theirs, mine - 1e-9), 255).astype(np.uint8)


def _mixed(table: np.ndarray, strength: float) -> np.ndarray:
    levels = np.arange(256)
    return _whole(levels + strength * (table.astype(float) - levels))


# --- a rate instead of an anecdote --------------------------------------------------------------------------------


def films(count: int = FILMS) -> tuple[Film, ...]:
    """Phantoms that no run was trained on, half of them with a lesion."""
    return tuple(_film(patient, int(patient % 2 == POSITIVE)) for patient in range(count))


def _film(patient: int, label: int) -> Film:
    with_lesion = phantom.draw(patient, 0, POSITIVE, size_px=SIDE, seed=FILMS_SEED)
    drawn = with_lesion if label == POSITIVE else phantom.draw(patient, 0, label, size_px=SIDE, seed=FILMS_SEED)
    return Film(drawn.pixels, label, *cover(with_lesion.lesion))


def generated_films(gan: Run, count: int = FILMS) -> tuple[Film, ...]:
    """As many generated radiographs, half of them asked for with pneumonia; nobody knows where their lesions are."""
    drawn = {label: sampling.samples(gan, count // 2, FILMS_SEED, name) for label, name in enumerate(CLASS_NAMES)}
    return tuple(
        Film(as_square(pixels), label, PLACES["patch"], WIDEST * KINDS["patch"].start)
        for pair in zip(*drawn.values(), strict=True)
        for label, pixels in enumerate(pair)
    )


def cover(lesion: np.ndarray) -> tuple[tuple[float, float], float]:
    """Middle (row, column) and side of the square that covers a lesion (S, S) bool and a margin, in image sides."""
    found = np.argwhere(lesion)
    if not len(found):
        return PLACES["patch"], WIDEST * KINDS["patch"].start
    low, high = found.min(0) / len(lesion), (found.max(0) + 1) / len(lesion)
    row, column = (low + high) / 2
    return (float(row), float(column)), float(min((high - low).max() + 2 * LEAST_MARGIN, WIDEST * 2))


def changed_films(
    set_of: Sequence[Film], change: Change, other: np.ndarray | None = None, *, on_lesion: bool = False
) -> list[np.ndarray]:
    """Each film under the change; on_lesion: a patch lies over each film's own lesion, as large as that takes."""
    if change.kind != "patch" or not on_lesion:
        return [changed(film.pixels, change, other) for film in set_of]
    return [changed(film.pixels, Change("patch", film.side / WIDEST, *film.place)) for film in set_of]


def probabilities(run: Run, images: Sequence[np.ndarray]) -> np.ndarray:
    """(N,) float64 calibrated probabilities of PNEUMONIA of images (S, S) uint8."""
    return calibration.calibrated(logits(run, images), run.card.temperature, run.card.bias)


def logits(run: Run, images: Sequence[np.ndarray]) -> np.ndarray:
    """(N,) float64."""
    return forward.logits(run, transforms.resize_all(images, run.card.image))


def count_flips(labels: np.ndarray, before: np.ndarray, after: np.ndarray, threshold: float) -> Flips:
    """labels: (N,) int; before, after: (N,) probabilities."""
    was, now, sick = before >= threshold, after >= threshold, labels == POSITIVE
    flips = int((was != now).sum())
    return Flips(
        n=len(labels),
        flips=flips,
        ci95=significance.wilson(flips, len(labels)),
        healthy=int((~sick).sum()),
        false_alarms=(int((was & ~sick).sum()), int((now & ~sick).sum())),
        sick=int(sick.sum()),
        missed=(int((~was & sick).sum()), int((~now & sick).sum())),
    )


# --- the two models -------------------------------------------------------------------------------------------------


def order(seed: int) -> tuple[str, str]:
    """Which run is called A and which B: decided by the seed, and not to be read from it."""
    first = hashlib.sha256(f"shortcuts {seed}".encode()).digest()[0] % 2
    return (READER, HONEST) if first else (HONEST, READER)
