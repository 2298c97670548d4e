"""Procedural frontal chest radiographs with lesion masks: an embedded data set, and ground truth for heatmaps.

A phantom is painted from curves and noise, never from a real radiograph. It stands for a small child's film:
air, soft tissue, ribs, clavicles, spine, trachea, heart, hila with their vessels, diaphragm, stomach bubble.
PNEUMONIA adds consolidation inside the lungs and changes nothing else: the same seed, patient and image drawn
with both labels give the same film with and without its lesion.

Geometry is in image sides: x from -.5 (image left, the patient's right) over 0 (midline) to .5, y from 0 (top)
to 1 (bottom). Density runs from 0 (air, black) to 1 (metal, white). Curves such as the heart's border are
one-dimensional tables, so drawing one costs one lookup per pixel; soft fields and noise are drawn small and
enlarged with B-splines. That keeps a 224 px phantom within a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pneumo.images.phantom.anatomy import draw_anatomy
from pneumo.images.phantom.exposure import expose
from pneumo.images.phantom.fields import shrink
from pneumo.images.phantom.film import LARGE_MARKER, draw_acquisition, draw_marker, make_view, paint_film
from pneumo.images.phantom.lesion import draw_consolidation
from pneumo.schema import CLASS_NAMES, POSITIVE, PneumoError

MIN_SIZE_PX, MAX_SIZE_PX = 32, 1024
FULL_DETAIL_PX = 112  # below this a rib is thinner than a pixel: draw larger, then average
IMAGES_PER_PATIENT = (1, 3)

# One stream of random numbers per purpose, so that a lesion cannot move a rib.
_ACQUISITION, _LESION, _PLAN, _MARKER = 2, 3, 4, 5  # ANATOMY is 1


@dataclass(frozen=True, eq=False)
class Phantom:
    """One drawn radiograph and what is true of it.

    pixels: (H, W) uint8, 0 black to 255 white. lesion: (H, W) bool, the consolidation, empty for NORMAL and
    always within lungs. lungs: (H, W) bool, the lung not hidden by heart, mediastinum or diaphragm.
    label: index into CLASS_NAMES. patient: e.g. "phantom-0007". name: e.g. "phantom-0007-02-PNEUMONIA".
    """

    pixels: np.ndarray
    lesion: np.ndarray
    lungs: np.ndarray
    label: int
    patient: str
    name: str


def draw(
    patient: int, image: int, label: int, *, size_px: int = 224, seed: int = 0, marker: bool | None = None
) -> Phantom:
    """One phantom, the same for the same arguments on every call.

    (seed, patient) decide the anatomy, image the acquisition and the lesion, label whether the lesion is shown.
    marker: whether the film has a large side marker or none at all; None leaves it to the acquisition. Nothing else of the film
    changes with it.
    Raises PneumoError for negative numbers, an unknown label, or size_px outside 32..1024.
    """
    _check(patient, image, label, size_px, seed)
    anatomy = draw_anatomy(seed, patient)
    acquisition = draw_acquisition(np.random.default_rng([_ACQUISITION, seed, patient, image]))
    if marker is not None:
        place = draw_marker(np.random.default_rng([_MARKER, seed, patient, image]), LARGE_MARKER) if marker else None
        acquisition = acquisition._replace(marker=place)
    factor = -(-FULL_DETAIL_PX // size_px)  # 1 from FULL_DETAIL_PX up
    view = make_view(anatomy, acquisition, size_px * factor)
    rng = np.random.default_rng([_LESION, seed, patient, image])
    consolidation = draw_consolidation(rng, anatomy, view) if label == POSITIVE else None
    density, lungs, lesion = paint_film(anatomy, acquisition, view, consolidation)
    density, lungs, lesion = (shrink(a, factor) for a in (density, lungs, lesion))
    lungs = lungs > 0.5
    noise = np.random.default_rng([_ACQUISITION, seed, patient, image, 1])
    return Phantom(
        pixels=expose(density, acquisition, noise),
        lesion=(lesion > 0.5) & lungs,
        lungs=lungs,
        label=label,
        patient=f"phantom-{patient:04d}",
        name=f"phantom-{patient:04d}-{image:02d}-{CLASS_NAMES[label]}",
    )


def draw_set(
    count: int, *, size_px: int = 224, seed: int = 0, prevalence: float = 0.74, marked: bool = False
) -> Iterator[Phantom]:
    """`count` phantoms of patients with one to three images each, patient by patient, drawn as they are asked for.

    A patient has one label. prevalence: share of PNEUMONIA images, 0 to 1 exclusive, met to within two images;
    from 4 images on both classes are present. The default is the share in the public paediatric training set
    (Kermany et al. 2018). marked: a large side marker gives the class away; films with PNEUMONIA have one, the others have none.
    Raises PneumoError before anything is drawn.
    """
    if count < 1:
        raise PneumoError(f"count is {count}; expected 1 or more")
    if not 0 < prevalence < 1:
        raise PneumoError(f"prevalence is {prevalence}; expected a share between 0 and 1, e.g. 0.74")
    _check(0, 0, 0, size_px, seed)
    rng = np.random.default_rng([_PLAN, seed])
    sizes = _images_per_patient(rng, count)
    labels = _labels(rng, sizes, prevalence)
    return (
        draw(patient, image, label, size_px=size_px, seed=seed, marker=label == POSITIVE if marked else None)
        for patient, (images, label) in enumerate(zip(sizes, labels, strict=True))
        for image in range(images)
    )


def _check(patient: int, image: int, label: int, size_px: int, seed: int) -> None:
    for name, value in (("patient", patient), ("image", image), ("seed", seed)):
        if value < 0:
            raise PneumoError(f"{name} is {value}; expected 0 or more")
    if label not in range(len(CLASS_NAMES)):
        raise PneumoError(f"label is {label}; expected 0 (NORMAL) or 1 (PNEUMONIA)")
    if not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
        raise PneumoError(f"size_px is {size_px}; expected {MIN_SIZE_PX} to {MAX_SIZE_PX}")


def _images_per_patient(rng: np.random.Generator, count: int) -> list[int]:
    """Sizes that add up to count."""
    low, high = IMAGES_PER_PATIENT
    ends = np.cumsum(rng.integers(low, high + 1, size=count))
    patients = int(np.searchsorted(ends, count)) + 1
    return np.diff(np.minimum(ends[:patients], count), prepend=0).tolist()


def _labels(rng: np.random.Generator, sizes: list[int], prevalence: float) -> list[int]:
    """One label per patient: patients in random order are positive until their images reach the prevalence."""
    order = rng.permutation(len(sizes))
    sizes_in_order = np.array(sizes)[order]
    middles = np.cumsum(sizes_in_order) - sizes_in_order / 2
    positive = middles < prevalence * sum(sizes)
    if len(sizes) > 1:
        positive[0], positive[-1] = True, False
    labels = np.empty(len(sizes), int)
    labels[order] = positive
    return labels.tolist()
