"""The cases of a reader study: five of each class in an order that a seed decides, so that a link gives everyone the same ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pneumo import runs
from pneumo.generators import sampling
from pneumo.images import phantom, radiograph
from pneumo.inference.examples import Example, finest_gan
from pneumo.schema import CLASS_NAMES, PneumoError

GENERATED, PHANTOMS, REAL = "generated", "phantoms", "real"
PER_CLASS = 5
PHANTOM_PX = 320


def draw(kind: str, seed: int, real: Sequence[tuple[np.ndarray, int]] = ()) -> list[Example]:
    """Ten cases. kind: GENERATED, PHANTOMS or REAL. real: radiographs, (H, W) uint8, with their labels, for REAL.

    PneumoError where there are too few of them, or no generator.
    """
    chance = np.random.default_rng(seed)
    if kind == PHANTOMS:
        patients = chance.integers(0, 2**31, size=2 * PER_CLASS)
        drawn = [phantom.draw(int(each), 0, n % 2, size_px=PHANTOM_PX, seed=seed) for n, each in enumerate(patients)]
        cases = [(each.pixels, each.label, each.lesion) for each in drawn]
    elif kind == GENERATED:
        name = finest_gan()
        if name is None:
            raise PneumoError("there is no generator of radiographs in the weights folder; choose phantoms")
        gan = runs.load(name)
        cases = [
            (image, label, None)
            for label, each in enumerate(CLASS_NAMES)
            for image in sampling.samples(gan, PER_CLASS, seed, each)
        ]
    elif kind == REAL:
        cases = []
        for label in range(len(CLASS_NAMES)):
            of_class = [image for image, its in real if its == label]
            if len(of_class) < PER_CLASS:
                raise PneumoError(
                    f"there are {len(of_class)} radiographs of {CLASS_NAMES[label]}; {PER_CLASS} are needed"
                )
            chosen = chance.choice(len(of_class), PER_CLASS, replace=False)
            cases += [(of_class[each], label, None) for each in chosen]
    else:
        raise PneumoError(f"no cases of the kind {kind!r}; there are: {GENERATED}, {PHANTOMS}, {REAL}")
    return [
        Example(
            f"Case {number}",
            radiograph.encode_png(pixels),
            label,
            synthetic=kind != REAL,
            generated=kind == GENERATED,
            lesion=lesion,
        )
        for number, (pixels, label, lesion) in enumerate((cases[each] for each in chance.permutation(len(cases))), 1)
    ]
