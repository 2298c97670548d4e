"""Transfer learning: features of a shipped encoder for a head that is trained in the browser, what of a network learns, and what
was recorded with few labels.

The head is trained by the same steps here and in the browser (pages/components/heads.js); a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from pneumo import models
from pneumo.generators import sampling
from pneumo.images import phantom, transforms
from pneumo.models.transfer import FROZEN_SHARE
from pneumo.runs import Run, experiment_tables, forward
from pneumo.schema import CLASS_NAMES, ImageSpec, PneumoError

ENCODERS = ("resnet18_frozen", "resnet18_fine_tuned", "lite0_fine_tuned", "first_steps")  # the first is the lesson's
PER_CLASS, HELD_OUT = 16, 30  # images of each class to pick from, and to test on
SEED, ORDER_SEED = 41, 5
TILE_PX = 64
STEPS, RECORD, RATE, DECAY = 200, 4, 0.005, 1e-3  # gradient steps; one frame in so many; learning rate and weight decay
LEAST_SPREAD = 1e-3  # of a feature: what hardly varies is not blown up
EXPERIMENT = "labels"
ARMS = {"scratch": "from random weights", "frozen": "head on the frozen encoder", "tuned": "fine-tuned encoder"}
NOT_RECORDED = "(not recorded)"


# --- a head on cached features --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images of one source, to pick from and held out. pixels: (N, S, S) uint8; labels: (N,) int; the first 2 PER_CLASS are the
    tiles, in an order that says nothing, the others are held out. No patient is among both."""

    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Pool:
    """What a head is trained and tested on. tiles: (T, TILE_PX, TILE_PX) uint8; features, held: (T, F), (H, F) float16;
    labels, held_labels: (T,), (H,) int."""

    tiles: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    held: np.ndarray
    held_labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Head:
    """A logistic regression. weights: (F,), bias, of features less `mean` divided by `spread`; losses: one a step, and one at the end."""

    weights: np.ndarray
    bias: float
    mean: np.ndarray
    spread: np.ndarray
    losses: tuple[float, ...]

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N,) float64 of (N, F)."""
        return (features.astype(np.float64) - self.mean) / self.spread @ self.weights + self.bias


def phantom_pictures() -> Pictures:
    """One film of each of many phantom patients."""
    labels = _labels()
    drawn = [phantom.draw(n, 0, int(label), size_px=128, seed=SEED).pixels for n, label in enumerate(labels)]
    return Pictures(np.stack(drawn), labels)


def generated_pictures(gan: Run) -> Pictures:
    """Radiographs by a GAN that knows both classes. Their label is what the generator was asked for."""
    labels = _labels()
    drawn = [list(sampling.samples(gan, int((labels == n).sum()), SEED, name)) for n, name in enumerate(CLASS_NAMES)]
    return Pictures(np.stack([drawn[label].pop() for label in labels]), labels)


def _labels() -> np.ndarray:
    """(2 PER_CLASS + 2 HELD_OUT,) int: both parts are half PNEUMONIA."""
    rng = np.random.default_rng(ORDER_SEED)
    return np.concatenate([rng.permutation(np.repeat([0, 1], n)) for n in (PER_CLASS, HELD_OUT)])


def pool(run: Run, pictures: Pictures) -> Pool:
    """The encoder's features of all of them."""
    found, count = features(run, pictures.pixels), 2 * PER_CLASS
    tiles = transforms.resize_all(pictures.pixels[:count], ImageSpec(size=TILE_PX))
    return Pool(tiles, found[:count], pictures.labels[:count], found[count:], pictures.labels[count:])


def features(run: Run, images: Sequence[np.ndarray]) -> np.ndarray:
    """(N, F) float16: what goes into the run's last linear layer, of images (H, W) uint8."""
    return forward.features(run, transforms.resize_all(images, run.card.image)).astype(np.float16)


def tile(pixels: np.ndarray) -> np.ndarray:
    """(TILE_PX, TILE_PX) uint8 of a radiograph (H, W) uint8."""
    return transforms.resize(pixels, ImageSpec(size=TILE_PX))


def first_picks(labels: np.ndarray, count: int = 8) -> str:
    """A letter a tile: the first `count` of each class are picked for it (N, P), the others are not (-)."""
    taken, letters = [0, 0], []
    for label in labels:
        letters.append("NP"[label] if taken[label] < count else "-")
        taken[label] += 1
    return "".join(letters)


def train_head(found: Pool, picks: str) -> Head:
    """A head on the tiles that were picked, from zero weights, by STEPS steps on all of them at once.

    picks: a letter a tile. Features are scaled by mean and spread of all tiles, which takes no labels.
    """
    wide = found.features.astype(np.float64)
    mean, spread = wide.mean(0), np.maximum(wide.std(0), LEAST_SPREAD)
    rows = [n for n, letter in enumerate(picks) if letter in "NP"]
    inputs = ((wide - mean) / spread)[rows]
    labels = np.array(["NP".index(picks[n]) for n in rows], dtype=float)
    weights, bias, losses = np.zeros(wide.shape[1]), 0.0, []
    for step in range(STEPS + 1):
        scores = inputs @ weights + bias
        losses.append(float(np.mean(np.logaddexp(0, scores) - labels * scores)))
        if step == STEPS:
            break
        wrong = 1 / (1 + np.exp(-scores)) - labels
        weights = weights - RATE * (inputs.T @ wrong / len(rows) + DECAY * weights)
        bias -= RATE * float(wrong.mean())
    return Head(weights, bias, mean, spread, tuple(losses))


# --- what learns ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Architecture:
    """Sizes of a network's parameter tensors, in order from the image to the head, of which the last `head` are the head's."""

    title: str
    sizes: tuple[int, ...]
    head: int

    @property
    def parameters(self) -> int:
        return sum(self.sizes)

    @property
    def of_the_head(self) -> int:
        return sum(self.sizes[-self.head :])

    def frozen(self, share: float) -> tuple[int, int]:
        """How many tensors are the first `share` of them, and how many parameters these hold."""
        tensors = int(share * len(self.sizes))
        return tensors, sum(self.sizes[:tensors])


ARCHITECTURES: dict[str, tuple[str, str, int, dict[str, Any]]] = {  # title, model, channels, arguments
    "efficientnet_b7": ("EfficientNet-B7, colour", "efficientnet_b7", 3, {}),
    "resnet18": ("ResNet-18, grey", "resnet18", 1, {}),
    "resnet18_two": ("ResNet-18, grey, two classes", "resnet18", 1, {"head": "log_softmax"}),
    "efficientnet_lite0": ("EfficientNet-Lite0, grey", "efficientnet_lite0", 1, {}),
}


@cache
def architecture(name: str) -> Architecture:
    """Built without memory for its weights: only their shapes are wanted."""
    title, model, channels, arguments = ARCHITECTURES[name]
    image = ImageSpec(size=128, channels=channels, mean=(0.5,) * channels, std=(0.5,) * channels)
    with torch.device("meta"):
        built = models.build(model, image, **arguments)
    head = len(list(built.head.parameters()))
    return Architecture(title, tuple(each.numel() for each in built.parameters()), head)


# --- what was recorded ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """AUROC of the trainings of one arm at one share of labels: mean, lowest, highest; n: validation images of each."""

    arm: str
    share: float
    mean: float
    low: float
    high: float
    trainings: int
    n: int


def recorded(rows: Sequence[dict[str, Any]]) -> list[Recorded]:
    """One for each arm and share, in the table's order. rows: of the experiment `labels`."""
    groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((str(row["arm"]), float(row["labels"])), []).append(row)
    return [
        Recorded(
            arm,
            share,
            float(np.mean([row["auroc"] for row in members])),
            min(row["auroc"] for row in members),
            max(row["auroc"] for row in members),
            len(members),
            int(members[0].get("n", 0) or 0),
        )
        for (arm, share), members in groups.items()
    ]


def table() -> experiment_tables.Table:
    """The recorded trainings. RunError where they cannot be read."""
    return experiment_tables.read(EXPERIMENT)


def facts() -> dict[str, str]:
    """The numbers of the lesson's text: names in braces -> as they are written."""
    b7, grey, two = (architecture(name) for name in ("efficientnet_b7", "resnet18", "resnet18_two"))
    tensors, held = b7.frozen(FROZEN_SHARE)
    texts = {
        "b7_parameters": f"{b7.parameters:,}",
        "b7_head": f"{b7.of_the_head:,}",
        "b7_tensors": str(len(b7.sizes)),
        "b7_frozen_tensors": str(tensors),
        "b7_frozen": f"{100 * held / b7.parameters:.1f}",
        "frozen_share": f"{100 * FROZEN_SHARE:.0f}",
        "resnet_parameters": f"{grey.parameters:,}",
        "resnet_head": f"{grey.of_the_head:,}",
        "resnet_head_two": f"{two.of_the_head:,}",
        "per_class": str(PER_CLASS),
        "held_out": str(2 * HELD_OUT),
        "steps": str(STEPS),
    }
    return texts | _recorded_facts()


def _recorded_facts() -> dict[str, str]:
    names = [f"{arm}{which}" for arm in ARMS for which in ("", "_low", "_high")]
    texts = dict.fromkeys((*names, "trainings", "recorded_n"), NOT_RECORDED)
    try:
        found = recorded(table().rows)
    except PneumoError:
        return texts
    least = min((each.share for each in found), default=0.0)
    for name, arm in ARMS.items():
        for each in found:
            if each.arm == arm and each.share == least:
                texts |= {
                    name: f"{each.mean:.3f}",
                    f"{name}_low": f"{each.low:.3f}",
                    f"{name}_high": f"{each.high:.3f}",
                }
                texts |= {"trainings": str(each.trainings), "recorded_n": str(each.n)}
    return texts
