"""The input check: before a diagnosis, what an image is. Three verdicts for images of people:

    training population  a frontal chest radiograph like those the models learned from
    elsewhere            a frontal chest radiograph, but not like those: an adult's, another machine's; its result has a warning
    refused              no frontal chest radiograph, or one that is turned or inverted; no result unless a person overrules it

and a fourth, "phantom", for computer-drawn ones, which are named and accepted. Two questions are behind them, and a small network
(`input_check_net`) answers both: is it a frontal chest radiograph, and how does it lie; and is it of the training population.
Each has a limit from validation radiographs. Nothing depends on the run that is asked for the diagnosis. The check lies in
weights/input_check/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pneumo import runs
from pneumo.images import transforms
from pneumo.inference import input_check_net as net
from pneumo.inference.input_check_report import ABOUT_FILE, AGAIN, ARRAYS_FILE, About, folder, read_about
from pneumo.runs import measured
from pneumo.schema import Assessment, ImageSpec, Radiograph

MARGIN_LEVELS = 10  # a row or column that spans fewer grey levels, but for its brightest and darkest percent, is empty
LEAST_SIDE = 0.2  # of an image: what is left is a radiograph, not a speck
IMAGE = ImageSpec()  # how the squares are made that the check looks at; the shipped classifiers' are the same
WHERE_TO = {90: "by 90 degrees to the left", 180: "by 180 degrees", 270: "by 90 degrees to the right"}
PHANTOM = "it looks like a computer-drawn phantom, not like a radiograph of a person"
ELSEWHERE = (
    "it looks like a frontal chest radiograph from elsewhere (an adult’s, or another hospital’s or machine’s). The models "
    "learned from children of one hospital"
)
LATERAL = "it looks like a lateral chest radiograph, and the models know frontal ones only"
MARGINS = "it looks like a chest radiograph with wide empty margins, and the models would see it squeezed"
OTHER = "it does not look like a frontal chest radiograph"


@dataclass(frozen=True, eq=False)
class InputCheck:
    """An input check ready for use, shared between threads. arrays: the network's weights, as `input_check_net.as_arrays`."""

    about: About
    arrays: Mapping[str, np.ndarray] = field(repr=False)
    network: net.Network = field(repr=False)

    def takes_squares_of(self, image: ImageSpec) -> bool:
        """Whether what was resized for a model is what the check looks at; how a model normalises it does not matter."""
        return (image.size, image.interpolation, image.intensity) == (IMAGE.size, IMAGE.interpolation, IMAGE.intensity)


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found of N images, before corrections are tried.

    scores: (N,) float64 each, by name. frontal, phantom, lateral, inverted, mirrored, elsewhere: (N,) bool. turns: (N,) degrees to the left.
    """

    scores: dict[str, np.ndarray]
    frontal: np.ndarray
    phantom: np.ndarray
    lateral: np.ndarray
    turns: np.ndarray
    inverted: np.ndarray
    mirrored: np.ndarray
    elsewhere: np.ndarray

    @property
    def upright(self) -> np.ndarray:
        """(N,) bool: frontal, neither turned nor inverted."""
        return self.frontal & (self.turns == 0) & ~self.inverted


# --- checking ---------------------------------------------------------------------------------------------


def assess(check: InputCheck, image: Radiograph) -> Assessment:
    """What an image is, and why it is refused where it is. Deterministic, safe under threads."""
    return assess_squares(check, transforms.resize_all([image.pixels], IMAGE))[0]


def assess_squares(check: InputCheck, squares: np.ndarray) -> list[Assessment]:
    """An Assessment for each of a batch of images. squares: (N, S, S) uint8, resized as IMAGE says."""
    if not len(squares):
        return []
    found = findings(check.network, squares, check.about.limits)
    # Turned, inverted, or with margins: said only of what is a frontal radiograph once it is put right.
    lies = found.frontal & ~found.phantom & ~found.upright
    right = {n: put_right(squares[n], int(found.turns[n]), bool(found.inverted[n])) for n in np.flatnonzero(lies)}
    corrected = _those_upright(check, right)
    left = [n for n in np.flatnonzero(~found.phantom & ~found.upright) if n not in corrected]
    cut = {n: without_margins(squares[n]) for n in left}
    framed = _those_upright(check, {n: each for n, each in cut.items() if each.size < squares[n].size})
    return [_assessment(found, n, n in corrected, n in framed) for n in range(len(squares))]


def _those_upright(check: InputCheck, images: Mapping[int, np.ndarray]) -> set[int]:
    """Which of some images (H, W) uint8 are frontal chest radiographs, neither turned nor inverted."""
    if not images:
        return set()
    upright = findings(check.network, transforms.resize_all(list(images.values()), IMAGE), check.about.limits).upright
    return {n for n, yes in zip(images, upright, strict=True) if yes}


def _assessment(found: Findings, n: int, corrected: bool, framed: bool) -> Assessment:
    scores = {name: float(values[n]) for name, values in found.scores.items()}
    if found.phantom[n]:
        return Assessment("phantom", PHANTOM, scores)
    if found.upright[n]:
        mirrored = bool(found.mirrored[n])
        if found.elsewhere[n]:
            return Assessment("elsewhere", ELSEWHERE, scores, mirrored=mirrored)
        return Assessment("training population", "", scores, mirrored=mirrored)
    if corrected:
        turn, inverted = int(found.turns[n]), bool(found.inverted[n])
        return Assessment("refused", _lies(turn, inverted), scores, turned_deg=turn, inverted=inverted)
    if framed:
        return Assessment("refused", MARGINS, scores, margins=True)
    return Assessment("refused", LATERAL if found.lateral[n] else OTHER, scores)


def _lies(turn: int, inverted: bool) -> str:
    how = [
        *([f"turned {WHERE_TO[turn]}"] if turn else []),
        *(["inverted (black and white are swapped)"] if inverted else []),
    ]
    return f"it looks like a chest radiograph that is {' and '.join(how)}"


def put_right(pixels: np.ndarray, turned_deg: int, inverted: bool, margins: bool = False) -> np.ndarray:
    """An image turned back, inverted back, and without its margins. pixels: (H, W) uint8. turned_deg: to the left, a multiple of 90."""
    upright = np.rot90(pixels, -turned_deg // 90)
    upright = 255 - upright if inverted else upright
    return np.ascontiguousarray(without_margins(upright) if margins else upright)


def without_margins(pixels: np.ndarray) -> np.ndarray:
    """The part of an image (H, W) uint8 inside its empty margins; all of it where little would be left."""
    ends = []
    for axis in (1, 0):
        low, high = np.percentile(pixels, (1, 99), axis=axis)
        filled = np.flatnonzero(high - low > MARGIN_LEVELS)
        if not len(filled) or filled[-1] + 1 - filled[0] < LEAST_SIDE * len(low):
            return pixels
        ends.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return pixels[ends[0], ends[1]]


def findings(network: net.Network, squares: np.ndarray, limits: Mapping[str, float]) -> Findings:
    """squares: (N, S, S) uint8. A score that is not finite is above its limit."""
    said = net.answers(network, squares)
    scores = scores_of(said)
    turns = np.array(net.TURNS)[said.turns.argmax(1).numpy()]
    turned = net.log_odds_against(said.turns, 0).numpy() > limits["turned"]
    return Findings(
        scores=scores,
        frontal=scores["frontal"] <= limits["frontal"],
        phantom=-net.log_odds_against(said.kinds, net.PHANTOM).numpy() > limits["phantom"],
        lateral=said.kinds.argmax(1).numpy() == net.LATERAL,
        turns=np.where(turned, turns, 0),
        inverted=said.inverted.numpy() > limits["inverted"],
        mirrored=said.mirrored.numpy() > limits["mirrored"],
        elsewhere=~(scores["elsewhere"] <= limits["elsewhere"]),
    )


def scores_of(said: net.Answers) -> dict[str, np.ndarray]:
    """(N,) float64 each: log odds against a frontal chest radiograph, and of one from elsewhere."""
    return {
        "frontal": net.log_odds_against(said.kinds, net.FRONTAL).double().numpy(),
        "elsewhere": said.elsewhere.double().numpy(),
    }


def verdicts(check: InputCheck, images: Sequence[np.ndarray]) -> list[Assessment]:
    """As `assess_squares`, of grey images (H, W) uint8 of any sizes."""
    return assess_squares(check, transforms.resize_all(images, IMAGE))


# --- on disk ----------------------------------------------------------------------------------------------


def save(check: InputCheck, place: Path) -> None:
    """Writes input_check.safetensors and input_check.json into a folder, the latter last."""
    place.mkdir(parents=True, exist_ok=True)
    measured.save_with_arrays(place, ABOUT_FILE, check.about, check.arrays)


def load(place: Path | None = None) -> InputCheck | None:
    """The input check of a folder, by default the one in weights/; None where there is none. RunError where it cannot be used."""
    place = place or folder()
    about = read_about(place)
    if about is None:
        return None
    arrays = measured.read_arrays(place / ARRAYS_FILE, about.arrays_sha256, AGAIN)
    for name, shape in net.shapes().items():
        if name not in arrays or arrays[name].shape != shape:
            raise runs.RunError(
                f"{place / ARRAYS_FILE}: {name} is {arrays[name].shape if name in arrays else 'missing'}, expected {shape}; {AGAIN}"
            )
    return made(about, arrays)


def made(about: About, arrays: Mapping[str, np.ndarray]) -> InputCheck:
    return InputCheck(about, arrays, net.from_arrays({name: arrays[name] for name in net.shapes()}))
