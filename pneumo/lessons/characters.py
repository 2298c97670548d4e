"""Reading characters: what is drawn or photographed becomes an image like those of training, and a run says what it may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage
from torch import Tensor, nn

from pneumo import models, runs
from pneumo.images import radiograph, sheets, transforms
from pneumo.metrics import multiclass
from pneumo.metrics.significance import wilson
from pneumo.runs import Run, character_report
from pneumo.runs.character_report import Report
from pneumo.runs.measured import read_json
from pneumo.schema import CHARACTERS, ImageSpec, Interval, PneumoError

RUN = "ocr_cnn"
LIKELIEST = 5
CAPITAL = 0.66  # of the side: the height of a capital in the middle of what was trained on
FAINTEST = 24  # grey levels between ink and paper, below which there is nothing to read
INK = 0.4  # of the way from paper to the strongest ink: what lies above is ink
LONGEST_PX = 512  # a photograph is reduced to that first
SHOWN_MAPS = 8
LOGITS = (2.0, 1.0, 0.1)  # the worked example of the course notes; the first is the truth


@dataclass(frozen=True, eq=False)
class Reading:
    """likeliest: (character, probability), the likeliest first. seen: (S, S) uint8, what the network was given. maps: of each
    convolution (SHOWN_MAPS, h, w) float32, the ones that answer most strongly."""

    likeliest: tuple[tuple[str, float], ...]
    seen: np.ndarray
    maps: tuple[np.ndarray, ...]


def isolate(pixels: np.ndarray, side: int) -> np.ndarray:
    """The one character of an image, bright on dark, in the middle and of the usual size. pixels: (H, W) uint8, either way round.

    PneumoError where nothing stands out.
    """
    grey = np.asarray(pixels, dtype=np.float32)
    if max(grey.shape) > LONGEST_PX:
        image = Image.fromarray(pixels)
        image.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.BILINEAR)
        grey = np.asarray(image, dtype=np.float32)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(border))
    ink = grey - paper if abs(grey.max() - paper) >= abs(paper - grey.min()) else paper - grey
    # A single hot pixel is no ink; a thin pen on a large sheet is, though it covers little of it.
    strongest = max(float(np.percentile(ink, 99.8)), float(ndimage.median_filter(ink, 3).max()))
    if strongest < FAINTEST:
        raise PneumoError("there is nothing to read: draw a character, or take a photograph with more contrast")
    ink = np.clip(ink / strongest, 0, 1)
    rows, columns = _largest(ink > INK)
    cut = ink[rows, columns]
    scale = CAPITAL * side / max(cut.shape)
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    small = np.asarray(
        Image.fromarray(np.round(cut * 255).astype(np.uint8)).resize(
            size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
        )
    )
    result = np.zeros((side, side), np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    result[top : top + size[1], left : left + size[0]] = small
    return result


def _largest(mask: np.ndarray) -> tuple[slice, slice]:
    """The box of the ink. Specks, which a photograph has, do not count: parts of a tenth of the largest do."""
    labels, count = ndimage.label(mask)
    sizes = ndimage.sum_labels(mask, labels, range(1, count + 1))
    kept = np.isin(labels, 1 + np.flatnonzero(sizes >= sizes.max() / 10))
    rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def read_file(data: bytes, name: str) -> np.ndarray:
    """(H, W) uint8 of an uploaded photograph. RadiographError, a PneumoError, where it is no image."""
    return radiograph.read(data, name).pixels


def read(run: Run, seen: np.ndarray) -> Reading:
    """What a run says of an image. seen: (S, S) uint8 as the network takes it, bright on dark."""
    kept: list[Tensor] = []
    convolutions = [module for module in run.model.modules() if isinstance(module, nn.Conv2d)]
    x = transforms.normalise(torch.from_numpy(np.ascontiguousarray(seen))[None], run.card.image)
    with run.lock, torch.inference_mode():
        hooks = [each.register_forward_hook(lambda _m, _i, out: kept.append(F.relu(out)[0])) for each in convolutions]
        try:
            logits = run.model(x)[0]
        finally:
            for hook in hooks:
                hook.remove()
    top = logits.softmax(0).topk(LIKELIEST)
    likeliest = tuple(
        (run.card.class_names[i], float(p)) for p, i in zip(top.values, top.indices.tolist(), strict=True)
    )
    return Reading(likeliest, seen, tuple(_strongest(maps) for maps in kept))


def _strongest(maps: Tensor) -> np.ndarray:
    """The SHOWN_MAPS of (C, h, w) with the largest sum, in the order of their channels."""
    order = maps.flatten(1).sum(1).topk(min(SHOWN_MAPS, len(maps))).indices.sort().values
    return maps[order].numpy()


def maps_sheet(reading: Reading, number: int, side_px: int = 64) -> np.ndarray:
    """The feature maps of a convolution as one row, uint8."""
    maps = sheets.stretched(reading.maps[number])
    factor = max(1, side_px // maps.shape[1])
    return sheets.grid(maps.repeat(factor, 1).repeat(factor, 2), len(maps), gap=4, background=128)


# --- what was measured ------------------------------------------------------------------------------------------


def report(run: Run) -> Report:
    found = character_report.read(run.folder)
    if found is None:
        raise PneumoError(f"{run.card.name} has no measurements beside it; train it again")
    return found


def cells(found: Report) -> dict[tuple[int, int], list[int]]:
    """Test images by (truth, reading)."""
    result: dict[tuple[int, int], list[int]] = {}
    for n, pair in enumerate(zip(found.labels, found.predicted, strict=True)):
        result.setdefault(pair, []).append(n)
    return result


def pairs(found: Report) -> list[tuple[str, str, int]]:
    """What is taken for each other, the most frequent first."""
    matrix = multiclass.confusion(found.labels, found.predicted, len(CHARACTERS))
    return [(CHARACTERS[a], CHARACTERS[b], n) for a, b, n in multiclass.confused_pairs(matrix)]


# --- the numbers of the text -----------------------------------------------------------------------------------------


def softmax_floor(classes: int) -> float:
    """The least that cross-entropy can be where its logits have passed a softmax already."""
    certain = torch.zeros(1, classes, dtype=torch.float64)
    certain[0, 0] = 1.0
    return float(F.cross_entropy(certain, torch.tensor([0])))


def facts() -> dict[str, str]:
    logits = torch.tensor([LOGITS], dtype=torch.float64)
    probabilities = logits.softmax(1)[0]
    right = torch.tensor([0])
    image = ImageSpec(size=64)
    count = {name: models.count_parameters(models.build(name, image)) for name in models.names("characters")}
    model = models.build(RUN, image)
    linear = sum(p.numel() for module in model.modules() if isinstance(module, nn.Linear) for p in module.parameters())
    layers = [
        sum(p.numel() for p in module.parameters())
        for module in model.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    found = report(runs.load(RUN, "characters"))
    log_twice = float(F.cross_entropy(logits.log_softmax(1), right))
    return {
        "loss": f"{float(F.cross_entropy(logits, right)):.3f}",
        "log_twice": f"{log_twice:.3f}",
        "softmax": ", ".join(f"{float(p):.3f}" for p in probabilities),
        "guess": f"{math.log(len(CHARACTERS)):.3f}",
        "floor": f"{softmax_floor(len(CHARACTERS)):.3f}",
        "floor_two": f"{softmax_floor(2):.3f}",
        "parameters": f"{count[RUN]:,}",
        "layers": " + ".join(f"{n:,}" for n in layers),
        "linear": f"{100 * linear / count[RUN]:.1f}",
        "n": f"{found.n:,}",
        "right": f"{found.right:,}",
        "accuracy": f"{100 * found.right / found.n:.1f}",
        "fonts": str(len(set(found.fonts))),
        "seed_right": "993",
        "seed_final": "988",
    }


# --- networks compared --------------------------------------------------------------------------------------------------

COMPARED = Path(__file__).parent / "content" / "characters.json"  # written by docs/characters.py from the trained runs
COMPARED_HOW = (
    "Each saw 20,160 drawings eight times (Adam, one-cycle up to .001, batches of 32, seed 42) and was read once on the same 1,008 test images, "
    "in float32. The shipped run saw twice as many drawings, twenty times. Intervals that overlap name no winner."
)


@dataclass(frozen=True)
class Compared:
    """A network of the comparison. right: of n test images, by the full weights. minutes: of training, on one busy core."""

    parameters: int
    n: int
    right: int
    minutes: float

    @property
    def ci95(self) -> Interval:
        return wilson(self.right, self.n)


@cache
def compared() -> dict[str, Compared]:
    """By model. PneumoError where the file does not fit."""
    found = read_json(COMPARED, dict[str, Compared], "python docs/characters.py writes it")
    if found is None:
        raise PneumoError(f"{COMPARED.name} is missing; python docs/characters.py writes it")
    return found
