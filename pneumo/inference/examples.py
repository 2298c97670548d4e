"""The built-in examples: phantoms, generated radiographs, and real cases from the hub."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pneumo import data, runs
from pneumo.generators import sampling
from pneumo.images import phantom, radiograph, sheets
from pneumo.schema import CLASS_NAMES

EXAMPLE_PATIENTS = ((3, 1), (11, 0), (24, 1), (8, 0))  # (patient, label) of the built-in phantoms
EXAMPLE_SIZE_PX = 448
IMAGES_SEED = 11
GENERATED_SEED = 5
GENERATED_ORDER = (
    ("PNEUMONIA", 0),
    ("NORMAL", 0),
    ("NORMAL", 1),
    ("PNEUMONIA", 1),
)  # (class, sample): not to be guessed


@dataclass(frozen=True)
class Example:
    """An image to try the model on.

    name: gives nothing away. label: what it is known to show, or what was asked for; -1 where nobody knows.
    synthetic: a phantom, or `generated` by a GAN. lesion: (H, W) bool, known for phantoms.
    """

    name: str
    data: bytes
    label: int
    synthetic: bool
    generated: bool = False
    lesion: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def label_name(self) -> str:
        return CLASS_NAMES[self.label]

    @cached_property
    def digest(self) -> str:
        """sha256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def told(self) -> str:
        """Who says what the label is, to be followed by it."""
        if self.generated:
            return "The generator was asked for"
        return "The phantom was drawn as" if self.synthetic else "The data set says"


def phantom_examples() -> list[Example]:
    """The built-in examples: always there, always the same, marked synthetic."""
    drawn = [phantom.draw(patient, 0, label, size_px=EXAMPLE_SIZE_PX, seed=7) for patient, label in EXAMPLE_PATIENTS]
    return [
        Example(title(n), radiograph.encode_png(each.pixels), each.label, True, lesion=each.lesion)
        for n, each in enumerate(drawn, 1)
    ]


def title(number: int) -> str:
    """What an example is called, counted from 1: the names of the files would give the label away."""
    return f"Example {number}"


def finest_gan() -> str | None:
    """The run's name of the GAN that generates the largest images of both classes; None where there is none."""
    cards = [runs.read_card(runs.resolve(name)) for name in runs.available("gan")]
    both = [card for card in cards if not card.recipe.data.only]
    return max(both, key=lambda card: (card.image.size, card.weights.parameters)).name if both else None


def generated_examples() -> list[Example]:
    """Two samples of each class by the finest GAN that knows both; none where there is no such GAN."""
    name = finest_gan()
    if name is None:
        return []
    gan = runs.load(name)
    drawn = {name: sampling.samples(gan, 2, GENERATED_SEED, name) for name in CLASS_NAMES}
    return [
        Example(title(n), sheets.png(drawn[name][which]), CLASS_NAMES.index(name), synthetic=True, generated=True)
        for n, (name, which) in enumerate(GENERATED_ORDER, 1)
    ]


def phantom_images(count: int) -> list[np.ndarray]:
    """(H, W) uint8 each: phantoms of both classes that no run was trained on."""
    return [each.pixels for each in phantom.draw_set(count, seed=IMAGES_SEED, prevalence=0.5)]


def read_pixels(blob: bytes, name: str) -> np.ndarray:
    """(H, W) uint8: a file's pixels alone. RadiographError with the reason where it cannot be read."""
    return radiograph.read(blob, name).pixels


def hub_examples(count: int = 4) -> list[Example]:
    """Real cases streamed from the hub's official test set. PneumoError without a network."""
    rows = data.stream_hub(count=count)
    return [Example(title(n), blob, label, synthetic=False) for n, (_, blob, label) in enumerate(rows, 1)]
