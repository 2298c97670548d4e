"""Real or generated? Twenty images in ten pairs for a visitor who takes the discriminator's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pneumo.generators import sampling
from pneumo.images import phantom, transforms
from pneumo.metrics import significance
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, Interval

PAIRS = 10


@dataclass(frozen=True, eq=False)
class Deal:
    """images: (20, S, S) uint8, two after each other are a pair. generated: (20,) bool. verdicts: (20,) the
    discriminator's probability of "real". real: what the others are, "radiographs" or "phantoms"."""

    images: np.ndarray
    generated: np.ndarray
    verdicts: np.ndarray
    real: str


@dataclass(frozen=True)
class Score:
    """Sensitivity: of the generated, the share called so. Specificity: of the real, the share called real."""

    sensitivity: float
    sensitivity_ci95: Interval
    specificity: float
    specificity_ci95: Interval
    n_generated: int
    n_real: int


def deal(gan: Run, seed: int, real: Sequence[tuple[np.ndarray, int]]) -> Deal:
    """Ten generated and ten real images in an order drawn by the seed.

    real: (pixels (H, W) uint8, class) of radiographs the GAN was not trained on; with fewer than ten, phantoms stand in.
    """
    rng, known = np.random.default_rng(seed), sampling.classes(gan)
    usable = [(pixels, label) for pixels, label in real if CLASS_NAMES[label] in known]
    kind = "radiographs" if len(usable) >= PAIRS else "phantoms"
    if kind == "phantoms":
        drawn = phantom.draw_set(4 * PAIRS, size_px=224, seed=seed)
        usable = [(each.pixels, each.label) for each in drawn if CLASS_NAMES[each.label] in known]
    chosen = [usable[i] for i in rng.permutation(len(usable))[:PAIRS]]
    resized = np.stack([transforms.resize(pixels, gan.card.image) for pixels, _ in chosen])
    labels = torch.tensor([label for _, label in chosen])
    made = sampling.draw(gan, sampling.start(gan, PAIRS, seed), labels)  # the same classes on both sides
    images, kinds = np.concatenate([resized, made]), labels.repeat(2)
    order = rng.permutation(2 * PAIRS)
    return Deal(
        images[order],
        (np.arange(2 * PAIRS) >= PAIRS)[order],
        sampling.verdicts(gan, images, kinds)[order],
        kind,
    )


def score(generated: np.ndarray, called: np.ndarray) -> Score:
    """generated, called: (N,) bool."""
    right, rightly_real = int((called & generated).sum()), int((~called & ~generated).sum())
    n_generated, n_real = int(generated.sum()), int((~generated).sum())
    return Score(
        right / n_generated,
        significance.wilson(right, n_generated),
        rightly_real / n_real,
        significance.wilson(rightly_real, n_real),
        n_generated,
        n_real,
    )
