"""Sample images of a data set to look at and to augment: from a survey of it, or generated where its images are not at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from pneumo.generators import sampling
from pneumo.images import transforms
from pneumo.inference import dataset_audit
from pneumo.inference.dataset_audit import Survey
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, ImageSpec


@dataclass(frozen=True, eq=False)
class Sample:
    """One image. name: the file's, or its number where it was generated. read: gives (H, W) uint8, or a RadiographError."""

    name: str
    label: int
    read: Callable[[], np.ndarray]

    @property
    def label_name(self) -> str:
        return CLASS_NAMES[self.label]

    def resized(self, image: ImageSpec) -> np.ndarray:
        """(S, S) uint8, as a model sees it. RadiographError where the file can no longer be read."""
        return transforms.resize(self.read(), image)


def of_survey(result: Survey, per_class: int, seed: int) -> list[Sample]:
    """Readable images of each class, drawn by the seed without repetition; fewer where there are fewer."""
    picked = dataset_audit.picks(result, per_class, seed)
    return [
        Sample(result.names[index], label, partial(result.read, index))
        for label, name in enumerate(CLASS_NAMES)
        for index in picked[name]
    ]


def generated(gan: Run, per_class: int, seed: int) -> list[Sample]:
    """Samples of a GAN, NORMAL first; of one class where it knows one. The same for the same seed."""
    return [
        Sample(f"generated {number}", CLASS_NAMES.index(name), partial(np.asarray, image))
        for name in sampling.classes(gan)
        for number, image in enumerate(sampling.samples(gan, per_class, seed, name), 1)
    ]
