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
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from pneumo.schema import CLASS_NAMES, POSITIVE, PneumoError

MIN_SIZE_PX, MAX_SIZE_PX = 32, 1024
FULL_DETAIL_PX = 112  # below this a rib is thinner than a pixel: draw larger, then average
IMAGES_PER_PATIENT = (1, 3)

# One stream of random numbers per purpose, so that a lesion cannot move a rib.
_ANATOMY, _ACQUISITION, _LESION, _PLAN = 1, 2, 3, 4

# Curve tables: x and y reach beyond the film because it may be shifted and rotated.
_TABLE = 2048  # finer than a pixel at 1024 px
_REACH = 0.4
_TABLE_Y = np.linspace(-_REACH, 1 + _REACH, _TABLE, dtype=np.float32)
_TABLE_X = np.linspace(-0.5 - _REACH, 0.5 + _REACH, _TABLE, dtype=np.float32)
_TABLE_STEPS = (_TABLE - 1) / (1 + 2 * _REACH)  # entries per image side

_RIBS = 12
_RIB_STEPS = 256  # table entries from one rib to the next
_TREE_CELLS = 144  # the vessels' canvas: a cell is as wide as a small vessel
_LESION_CELLS = 96  # a consolidation has no finer detail than 1% of the film
_TEXTURE_CELLS = (5, 10, 20, 40, 80)  # octaves of the 1/f texture

LESION_EDGE = 0.35  # a pixel belongs to the lesion where this share of its air is replaced

_MARKER = np.array(
    [[int(c) for c in row] for row in ("11110", "10001", "10001", "11110", "10100", "10010", "10001")], np.float32
)  # the letter R, 7 x 5


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


def draw(patient: int, image: int, label: int, *, size_px: int = 224, seed: int = 0) -> Phantom:
    """One phantom, the same for the same arguments on every call.

    (seed, patient) decide the anatomy, image the acquisition and the lesion, label whether the lesion is shown.
    Raises PneumoError for negative numbers, an unknown label, or size_px outside 32..1024.
    """
    _check(patient, image, label, size_px, seed)
    anatomy = _anatomy(seed, patient)
    acquisition = _acquisition(np.random.default_rng([_ACQUISITION, seed, patient, image]))
    factor = -(-FULL_DETAIL_PX // size_px)  # 1 from FULL_DETAIL_PX up
    view = _view(anatomy, acquisition, size_px * factor)
    rng = np.random.default_rng([_LESION, seed, patient, image])
    consolidation = _consolidation(rng, anatomy, view) if label == POSITIVE else None
    density, lungs, lesion = _film(anatomy, acquisition, view, consolidation)
    density, lungs, lesion = (_shrink(a, factor) for a in (density, lungs, lesion))
    lungs = lungs > 0.5
    noise = np.random.default_rng([_ACQUISITION, seed, patient, image, 1])
    return Phantom(
        pixels=_expose(density, acquisition, noise),
        lesion=(lesion > 0.5) & lungs,
        lungs=lungs,
        label=label,
        patient=f"phantom-{patient:04d}",
        name=f"phantom-{patient:04d}-{image:02d}-{CLASS_NAMES[label]}",
    )


def draw_set(count: int, *, size_px: int = 224, seed: int = 0, prevalence: float = 0.74) -> Iterator[Phantom]:
    """`count` phantoms of patients with one to three images each, patient by patient, drawn as they are asked for.

    A patient has one label. prevalence: share of PNEUMONIA images, 0 to 1 exclusive, met to within two images;
    from 4 images on both classes are present. The default is the share in the public paediatric training set
    (Kermany et al. 2018). Raises PneumoError before anything is drawn.
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
        draw(patient, image, label, size_px=size_px, seed=seed)
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


# --- small tools ------------------------------------------------------------------------------------------


def _ramp(distance: np.ndarray, width: float) -> np.ndarray:
    """0 outside, 1 inside, a straight edge `width` wide around distance 0."""
    ramp = np.asarray(distance * np.float32(1 / width))
    ramp += np.float32(0.5)
    return np.clip(ramp, 0, 1, out=ramp)


def _smooth(ramp: np.ndarray) -> np.ndarray:
    """Round off both ends of a 0..1 ramp."""
    slope = np.asarray(3 - 2 * ramp)
    slope *= ramp
    slope *= ramp
    return slope


def _bell(distance: np.ndarray) -> np.ndarray:
    """Gaussian bump of height 1."""
    return np.exp(-0.5 * distance * distance)


@lru_cache(maxsize=64)
def _enlarge(cells: int, size_px: int) -> csr_array:
    """(size_px, cells) float32 cubic B-spline weights, four to a row: M @ field @ M.T enlarges a field.

    Sparse, because small dense products wait for idle BLAS threads on a busy machine.
    """
    at = (np.arange(size_px) + 0.5) / size_px * cells - 0.5  # pixel centres, in cells
    away = np.abs(at[:, None] - np.arange(cells)[None, :])
    near, far = 2 / 3 - away**2 + away**3 / 2, (2 - away) ** 3 / 6
    weights = np.where(away < 1, near, np.where(away < 2, far, 0.0))
    return csr_array((weights / weights.sum(1, keepdims=True)).astype(np.float32))


def _enlarged(field: np.ndarray, size_px: int) -> np.ndarray:
    """(size_px, size_px) from a square field, smoothly."""
    matrix = _enlarge(field.shape[0], size_px)
    return matrix @ (matrix @ field.T).T  # across, then down


def _shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """Average over blocks of factor x factor pixels."""
    if factor == 1:
        return image
    side = image.shape[0] // factor
    return image.astype(np.float32).reshape(side, factor, side, factor).mean(axis=(1, 3))  # (side, f, side, f)


# --- anatomy: what a patient keeps from film to film ---------------------------------------------------------


class _Anatomy(NamedTuple):
    """A patient's curves. Tables with two rows hold the patient's right (image left) first.

    body, cage, outer, inner: (2, TABLE) over y: distance from the midline of the skin, of the ribs' outermost
        points, and of the lung's lateral and medial border.
    body_tilt: (2, TABLE) cosine of the skin's slope, which turns sideways distances into depths.
    diaphragm, clavicles: (TABLE,) over x: their height.
    posterior, anterior: (2, RIBS * RIB_STEPS) density along a cut through the ribs.
    vertebrae: (TABLE,) over y. tree: (N, 4) x, y, radius, weight of dots that make up the vessels.
    """

    body: np.ndarray
    body_tilt: np.ndarray
    cage: np.ndarray
    outer: np.ndarray
    inner: np.ndarray
    diaphragm: np.ndarray
    clavicles: np.ndarray
    clavicle_width: float
    posterior: np.ndarray
    anterior: np.ndarray
    rib_spacing: float
    rib_top: float
    rib_bow: tuple[float, float]
    vertebrae: np.ndarray
    spine_width: float
    spine_bend: float
    carina: float
    windpipe: tuple[float, float]
    tree: np.ndarray
    hila: np.ndarray
    lung_density: float
    tissue_density: float
    arm: tuple[float, float, float, float]
    head: tuple[float, float] | None
    stomach: tuple[float, float, float, float] | None


@lru_cache(maxsize=64)  # the images of one patient are usually drawn one after the other
def _anatomy(seed: int, patient: int) -> _Anatomy:
    rng = np.random.default_rng([_ANATOMY, seed, patient])
    apex, base = rng.uniform(0.14, 0.18), rng.uniform(0.84, 0.90)
    width = rng.uniform(0.355, 0.405)
    outer, inner = _lung_borders(rng, apex, base, width)
    body = _skin(rng, width)
    spacing = rng.uniform(0.064, 0.076)
    hila = np.array([[-0.105, 0.0], [0.115, -0.015]]) + np.array([0, rng.uniform(0.43, 0.48)])
    return _Anatomy(
        body=body,
        body_tilt=(1 / np.hypot(1, np.gradient(body, 1 / _TABLE_STEPS, axis=1))).astype(np.float32),
        cage=np.maximum(outer + 0.018, 0.2 - 0.5 * np.maximum(apex - _TABLE_Y, 0)).clip(0.1).astype(np.float32),
        outer=outer,
        inner=inner,
        diaphragm=_diaphragm(rng, base, width),
        clavicles=_clavicles(rng, apex),
        clavicle_width=rng.uniform(0.014, 0.020),
        posterior=_rib_cut(rng, width=rng.uniform(0.23, 0.28)),
        anterior=_rib_cut(rng, width=rng.uniform(0.25, 0.31)),
        rib_spacing=spacing,
        rib_top=apex - 0.2 * spacing + rng.uniform(0, spacing),
        rib_bow=(rng.uniform(0.08, 0.12), rng.uniform(0.15, 0.20)),
        vertebrae=_vertebrae(rng),
        spine_width=rng.uniform(0.046, 0.056),
        spine_bend=rng.normal(0, 0.006),
        carina=hila[0, 1] - rng.uniform(0.05, 0.07),
        windpipe=(rng.uniform(0.017, 0.022), rng.normal(-0.006, 0.006)),
        tree=_vessels(rng, hila, base),
        hila=hila,
        lung_density=rng.uniform(0.26, 0.34),
        tissue_density=rng.uniform(0.42, 0.52),
        arm=_arm(rng),
        head=(rng.normal(0, 0.03), rng.uniform(-0.10, 0.02)) if rng.random() < 0.5 else None,
        stomach=_stomach(rng, base) if rng.random() < 0.6 else None,
    )


def _lung_borders(rng: np.random.Generator, apex: float, base: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Lateral and medial border of both lungs as distances from the midline, each (2, TABLE) over y."""
    y = _TABLE_Y
    down = np.clip((y - apex) / (base - apex), 0, 1)  # 0 apex to 1 base
    tip = rng.uniform(0.12, 0.14)  # the apex lies this far from the midline
    fullness = rng.uniform(0.50, 0.62)
    wall = tip + (width - tip) * (1 - (1 - down) ** 2.6) ** fullness
    wall = wall - 3 * np.maximum(apex - y, 0)  # closes the lung above its tip
    outer = np.stack([wall * rng.uniform(0.97, 1.02), wall * rng.uniform(0.97, 1.02)])
    column = rng.uniform(0.062, 0.074)
    edge = column + (tip - column) * np.exp(-down / 0.035)
    atrium = rng.uniform(0.030, 0.055) * _bell((y - 0.68) / 0.095)
    knob = rng.uniform(0.016, 0.028) * _bell((y - rng.uniform(0.33, 0.36)) / 0.032)
    middle = rng.uniform(0.70, 0.76)  # height of the left heart border's outermost point
    slope = np.where(y < middle, rng.uniform(0.15, 0.19), 0.16)
    ventricle = rng.uniform(0.105, 0.150) * _bell((y - middle) / slope)
    return outer.astype(np.float32), np.stack([edge + atrium, edge + knob + ventricle]).astype(np.float32)


def _diaphragm(rng: np.random.Generator, base: float, width: float) -> np.ndarray:
    """(TABLE,) height of the domes over x; the right one stands higher."""
    right, left = base - rng.uniform(0.095, 0.125), base - rng.uniform(0.07, 0.095)
    x = _TABLE_X
    off = np.where(x < 0, x + 0.19, x - 0.21) / (width - 0.19)  # -1..1 across a dome
    lateral = np.where(x < 0, -off, off) > 0
    sag = np.where(lateral, 0.105 * np.abs(off) ** 2.4, 0.035 * np.abs(off) ** 2)
    side = _smooth(_ramp(x, 0.16))  # from the right dome's height to the left one's behind the heart
    return (right + (left - right) * side + sag).astype(np.float32)


def _skin(rng: np.random.Generator, width: float) -> np.ndarray:
    """(2, TABLE) half width of neck, shoulders and trunk over y."""
    y = _TABLE_Y
    neck, reach = rng.uniform(0.12, 0.16), rng.uniform(0.40, 0.46)
    shoulder = neck + (reach - neck) * _smooth(_ramp(y - rng.uniform(0.06, 0.10), 0.26))
    trunk = width + rng.uniform(0.045, 0.075) + 0.02 * (y - 0.5)
    flank = reach + (trunk - reach) * _smooth(_ramp(y - 0.42, 0.36))
    half = np.where(y < 0.23, np.minimum(shoulder, flank), flank)
    return np.stack([half * rng.uniform(0.98, 1.02), half * rng.uniform(0.98, 1.02)]).astype(np.float32)


def _clavicles(rng: np.random.Generator, apex: float) -> np.ndarray:
    """(TABLE,) height of the clavicles over x: a flat S that rises outward."""
    medial, rise = apex + rng.uniform(0.035, 0.07), rng.uniform(0.02, 0.11)
    out = np.clip((np.abs(_TABLE_X) - 0.06) / 0.26, 0, 1.2)
    return (medial - rise * out - 0.022 * np.sin(np.pi * out) + rng.normal(0, 0.01) * _TABLE_X).astype(np.float32)


def _rib_cut(rng: np.random.Generator, width: float) -> np.ndarray:
    """(2, RIBS * RIB_STEPS) density across the ribs: marrow, brighter cortex at the edges, 0 between them.

    width: half a rib's width in units of the spacing. Every rib has its own place, width and density.
    """
    at = np.arange(_RIBS * _RIB_STEPS, dtype=np.float32) / _RIB_STEPS
    rib = at.astype(int)
    place = 0.5 + rng.normal(0, 0.025, (2, _RIBS))[:, rib]
    half = width * rng.uniform(0.9, 1.1, (2, _RIBS))[:, rib]
    off = np.abs(at - rib - place) / half  # 0 at a rib's middle, 1 at its edge
    cortex = _bell((off - 0.82) / 0.16)
    cut = (0.68 + 0.32 * cortex) * _smooth(_ramp(1 - off, 0.35))
    return (cut * rng.uniform(0.85, 1.1, (2, _RIBS))[:, rib]).astype(np.float32)


def _vertebrae(rng: np.random.Generator) -> np.ndarray:
    """(TABLE,) over y: 1 in the vertebral bodies, less in the discs, brighter end plates between."""
    height = rng.uniform(0.052, 0.062)
    phase = (_TABLE_Y / height + rng.random()) % 1
    body = _smooth(_ramp(0.36 - np.abs(phase - 0.5), 0.10))
    plates = _bell((np.abs(phase - 0.5) - 0.34) / 0.045)
    return (0.75 * body + 0.45 * plates).astype(np.float32)


def _arm(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Shoulder x, y and direction of the upper arms, as distances from the midline; raised or hanging."""
    raised = rng.random() < 0.55
    angle = np.deg2rad(rng.uniform(-80, -35) if raised else rng.uniform(50, 75))
    return rng.uniform(0.42, 0.47), rng.uniform(0.15, 0.19), float(np.cos(angle)), float(np.sin(angle))


def _stomach(rng: np.random.Generator, base: float) -> tuple[float, float, float, float]:
    """Centre x, y and half axes of the gas bubble under the left dome."""
    half = rng.uniform(0.07, 0.13), rng.uniform(0.05, 0.09)
    return rng.uniform(0.15, 0.26), base + rng.uniform(-0.02, 0.04), *half


def _vessels(rng: np.random.Generator, hila: np.ndarray, base: float) -> np.ndarray:
    """(N, 4) dots x, y, radius in image sides and weight in density, along vessels that leave the hila and fork.

    Both lungs grow in one pass, as distances outward and downward from their hilum.
    """
    trunks = np.array([-75, -50, -22, 5, 28, 50, 70])  # degrees: 0 outward, 90 down
    angle = np.deg2rad(np.tile(trunks, 2) + rng.normal(0, 6, 2 * len(trunks)))
    side = np.repeat([0, 1], len(trunks))
    start = rng.normal(0, 0.012, (len(side), 2))
    generations = []
    for length, radius in ((0.075, 0.0085), (0.065, 0.0060), (0.055, 0.0042), (0.05, 0.0030)):
        lengths, bend = length * rng.uniform(0.7, 1.3, len(side)), rng.normal(0, 0.35, len(side))
        path, end_angle = _path(start, angle, lengths, bend)
        generations.append(_dots(rng, path, side, radius))
        fork = rng.uniform(0.2, 0.55, len(side))
        angle = np.concatenate([end_angle - fork, end_angle + 0.65 * fork])
        start, side = np.concatenate([path[:, -1], path[:, -1]]), np.concatenate([side, side])
    dots = np.concatenate(generations)
    hilum = hila[dots[:, 4].astype(int)]
    dots[:, 0] = hilum[:, 0] + np.sign(hilum[:, 0]) * dots[:, 0]
    dots[:, 1] = hilum[:, 1] + dots[:, 1] * (base - 0.45) / 0.40  # longer lungs, longer vessels
    return dots[:, :4]


_ALONG = np.linspace(0, 1, 28)  # dots along one branch: closer than the cells they are painted into


def _path(start: np.ndarray, angle: np.ndarray, length: np.ndarray, bend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (branches, dots, 2) along slightly bent lines, and the angle at their ends."""
    turned = angle[:, None] + bend[:, None] * _ALONG
    step = np.stack([np.cos(turned), np.sin(turned)], 2) * (length / len(_ALONG))[:, None, None]
    return start[:, None, :] + np.cumsum(step, 1), angle + bend


def _dots(rng: np.random.Generator, path: np.ndarray, side: np.ndarray, radius: float) -> np.ndarray:
    """(N, 5) x, y, radius, weight, side of dots strewn over a vessel's width; thick vessels are denser."""
    radii = np.broadcast_to(radius * (1 - 0.2 * _ALONG), path.shape[:2])
    strewn = path + radii[:, :, None] * rng.uniform(-0.8, 0.8, path.shape)
    sides = np.broadcast_to(side[:, None], path.shape[:2])
    columns = [strewn[:, :, 0], strewn[:, :, 1], radii, 0.27 * radii / 0.0085, sides]
    return np.stack(columns, 2).reshape(-1, 5)  # (branches, dots, 5) -> (N, 5)


# --- acquisition: what changes from film to film -------------------------------------------------------------


class _Acquisition(NamedTuple):
    """How a film was taken. breath: how much lower the diaphragm stands. texture: one noise field per octave."""

    rotation_deg: float
    shift: tuple[float, float]
    zoom: float
    breath: float
    contrast: float
    brightness: float
    gamma: float
    vignette: float
    photons: float
    marker: tuple[float, float, float] | None  # x, y of its corner, height
    texture: tuple[np.ndarray, ...]
    texture_gain: float


def _acquisition(rng: np.random.Generator) -> _Acquisition:
    return _Acquisition(
        rotation_deg=rng.normal(0, 2.2),
        shift=(rng.normal(0, 0.012), rng.normal(0, 0.015)),
        zoom=rng.uniform(0.94, 1.10),
        breath=rng.normal(0, 0.018),
        contrast=rng.uniform(0.86, 1.10),
        brightness=rng.normal(0, 0.04),
        gamma=float(np.exp(rng.normal(0, 0.12))),
        vignette=rng.uniform(0, 0.35),
        photons=rng.uniform(2000, 9000),
        marker=(rng.uniform(0.01, 0.08), rng.uniform(0.03, 0.55), rng.uniform(0.045, 0.065))
        if rng.random() < 0.85
        else None,
        texture=tuple(rng.standard_normal((cells, cells), np.float32) for cells in _TEXTURE_CELLS),
        texture_gain=rng.uniform(0.7, 1.3),
    )


class _View(NamedTuple):
    """The patient's coordinates at every pixel of a film.

    x, y, away: (S, S) float32, away is the distance from the midline. at_x, at_y: table entries. side: 0 for the
    patient's right, 1 for the left. at_y_side: entries of two-row tables. turn: (2, 2), patient to film.
    """

    size_px: int
    x: np.ndarray
    y: np.ndarray
    away: np.ndarray
    at_x: np.ndarray
    at_y: np.ndarray
    side: np.ndarray
    at_y_side: np.ndarray
    turn: np.ndarray
    shift: np.ndarray

    def rows(self, top: float, bottom: float) -> tuple[slice, _View]:
        """The rows of the film that meet the heights top to bottom, and the view of them alone."""
        ends = self.y[:, [0, -1]]
        meet = np.flatnonzero((ends.max(1) >= top) & (ends.min(1) <= bottom))
        rows = slice(meet[0], meet[-1] + 1) if len(meet) else slice(0, 0)
        planes = (self.x, self.y, self.away, self.at_x, self.at_y, self.side, self.at_y_side)
        return rows, _View(self.size_px, *(plane[rows] for plane in planes), self.turn, self.shift)


def _view(anatomy: _Anatomy, acquisition: _Acquisition, size_px: int) -> _View:
    x, y, turn, shift = _coordinates(acquisition, size_px)
    x = x - np.float32(anatomy.spine_bend) * np.sin(np.float32(np.pi) * y)
    at_x = _entries(x + np.float32(0.5 + _REACH))
    at_y = _entries(y + np.float32(_REACH))
    side = (x > 0).astype(np.int32)
    return _View(size_px, x, y, np.abs(x), at_x, at_y, side, at_y + side * _TABLE, turn, shift)


def _coordinates(acquisition: _Acquisition, size_px: int) -> tuple[np.ndarray, ...]:
    """Patient coordinates of the pixel centres; film = turn @ (patient + shift), both about the centre."""
    angle = np.deg2rad(acquisition.rotation_deg)
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array(acquisition.shift)
    back = (spin.T / acquisition.zoom).astype(np.float32)
    film = (np.arange(size_px, dtype=np.float32) + 0.5) / size_px - 0.5
    x = back[0, 0] * film[None, :] + (back[0, 1] * film - shift[0].astype(np.float32))[:, None]
    y = back[1, 0] * film[None, :] + (back[1, 1] * film + np.float32(0.5 - shift[1]))[:, None]
    return x, y, spin * acquisition.zoom, shift


def _entries(position: np.ndarray) -> np.ndarray:
    """Table entries for distances from a table's start."""
    return (
        np.clip(position * np.float32(_TABLE_STEPS), 0, _TABLE - 1).astype(np.int32).astype(np.intp)
    )  # two casts are quicker than one


# --- painting, from the outside in ---------------------------------------------------------------------------


class _Consolidation(NamedTuple):
    """amount: (S, S) 0..1, how much of the air is replaced. density: what full replacement adds.

    swelling: factor on the vessels elsewhere, above 1 in interstitial disease.
    """

    amount: np.ndarray
    density: float
    texture: np.ndarray
    swelling: float


def _film(
    anatomy: _Anatomy, acquisition: _Acquisition, view: _View, consolidation: _Consolidation | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """density (S, S) float32, lungs and lesion (S, S) bool."""
    outer, inner = anatomy.outer.take(view.at_y_side), anatomy.inner.take(view.at_y_side)
    depth = anatomy.diaphragm.take(view.at_x) + np.float32(acquisition.breath) - view.y  # above the diaphragm
    room = np.minimum(outer - view.away, view.away - inner)
    lungs = np.minimum(room, depth) > 0
    air = _ramp(np.minimum(room, depth + np.float32(0.002)), 0.018)
    texture = _texture(acquisition, view)

    density = _soft_tissue(anatomy, view, outer, depth, texture)
    density += (_lung(anatomy, view, air, texture, consolidation) - density) * air
    density += _ribs(anatomy, view, depth)
    density += _spine(anatomy, view)
    rows, upper = view.rows(-_REACH, 0.40)
    density[rows] += _shoulders(anatomy, upper)
    rows, upper = view.rows(-_REACH, anatomy.carina + 0.11)
    density[rows] -= _airway(anatomy, upper)
    density *= 1 + np.float32(0.10) * texture
    arm = _off_arm(anatomy, view)
    skin = (anatomy.body.take(view.at_y_side) - view.away) * anatomy.body_tilt.take(view.at_y_side)
    density *= _outline(np.maximum(skin, np.float32(0.10) - arm))
    density += _humerus(arm)
    if anatomy.head:
        rows, upper = view.rows(-_REACH, anatomy.head[1] + 0.13)
        density[rows] += _chin(anatomy.head, upper)
    lesion = lungs & (consolidation.amount > LESION_EDGE) if consolidation else np.zeros_like(lungs)
    return density, lungs, lesion


def _texture(acquisition: _Acquisition, view: _View) -> np.ndarray:
    """(S, S) 1/f noise: every octave weaker than the one before."""
    finest = _TEXTURE_CELLS[-1]
    layers = (_enlarged(field, finest) * np.float32(0.5 * 0.62**n) for n, field in enumerate(acquisition.texture))
    return _enlarged(sum(layers) * np.float32(acquisition.texture_gain), view.size_px)


def _soft_tissue(
    anatomy: _Anatomy, view: _View, outer: np.ndarray, depth: np.ndarray, texture: np.ndarray
) -> np.ndarray:
    """Chest wall outside the cage, mediastinum and heart inside, abdomen below the diaphragm."""
    wall = np.float32(anatomy.tissue_density)
    cavity = _ramp(outer + np.float32(0.01) - view.away, 0.05)
    column = _bell_table(0.10).take(view.at_x)
    density = wall + (np.float32(0.575) - wall) * cavity + np.float32(0.07) * column
    below = _smooth(_ramp(-depth, 0.03))
    abdomen = np.float32(0.68) - np.float32(0.5) * np.maximum(view.away - np.float32(0.26), 0)
    density += (abdomen - density) * below * _ramp(outer + np.float32(0.03) - view.away, 0.05)
    if anatomy.stomach:
        rows, lower = view.rows(anatomy.stomach[1] - anatomy.stomach[3] * 1.6, 1 + _REACH)
        density[rows] -= _bubble(lower, anatomy.stomach, texture[rows]) * _ramp(-depth[rows] - np.float32(0.02), 0.03)
    return density


@lru_cache(maxsize=8)
def _bell_table(width: float) -> np.ndarray:
    """(TABLE,) Gaussian bump around the midline over x."""
    return _bell(_TABLE_X / np.float32(width)).astype(np.float32)


def _radius(view: _View, x: float, y: float, half_x: float, half_y: float) -> np.ndarray:
    """Distance from (x, y) in units of an ellipse's half axes."""
    right, down = (view.x - np.float32(x)) / np.float32(half_x), (view.y - np.float32(y)) / np.float32(half_y)
    return np.sqrt(right * right + down * down)


def _bubble(view: _View, stomach: tuple[float, float, float, float], texture: np.ndarray) -> np.ndarray:
    """Gas in the stomach, an uneven ellipse."""
    return np.float32(0.20) * _smooth(_ramp(1 - _radius(view, *stomach) - np.float32(0.6) * texture, 0.5))


def _lung(
    anatomy: _Anatomy, view: _View, air: np.ndarray, texture: np.ndarray, consolidation: _Consolidation | None
) -> np.ndarray:
    """Density of the lung: air, vessels, and where the air is replaced, consolidation with open airways."""
    vessels = _splat(anatomy.tree, view)
    base = np.float32(anatomy.lung_density) + np.float32(0.10) * (view.y - np.float32(0.5))
    if consolidation is None:
        return base + vessels
    amount = consolidation.amount
    filled = np.float32(consolidation.density) + consolidation.texture
    bronchogram = np.float32(0.45) * vessels  # bronchi run with the vessels and stay dark while vessels vanish
    return base + vessels * np.float32(consolidation.swelling) * (1 - amount) + amount * (filled - bronchogram)


def _splat(tree: np.ndarray, view: _View) -> np.ndarray:
    """(S, S) the vessels' dots, painted small with linear weights and enlarged."""
    cells = _TREE_CELLS
    film = ((tree[:, :2] - [0, 0.5] + view.shift) @ view.turn.T + 0.5) * cells - 0.5
    film = np.clip(film, 0, cells - 1.001)
    corner = film.astype(int)
    part = film - corner
    canvas = np.zeros(cells * cells)
    for right in (0, 1):
        for down in (0, 1):
            share = np.abs(1 - right - part[:, 0]) * np.abs(1 - down - part[:, 1])
            where = (corner[:, 1] + down) * cells + corner[:, 0] + right
            canvas += np.bincount(where, share * tree[:, 3], minlength=cells * cells)
    saturated = 0.5 * np.tanh(canvas.reshape(cells, cells) * 0.55)  # crossing vessels do not add up to bone
    return _enlarged(saturated.astype(np.float32), view.size_px)


def _ribs(anatomy: _Anatomy, view: _View, depth: np.ndarray) -> np.ndarray:
    """Posterior ribs, fainter anterior ribs that come back from them, and the bright wall where they turn."""
    around = view.away / anatomy.cage.take(view.at_y_side)  # 0 midline to 1 outermost
    inside = _ramp(1 - around, 0.04)
    np.minimum(around, 1, out=around)
    squared = around * around
    turn = 1 - squared
    edge = 1 + np.float32(0.9) * squared * squared * squared  # seen along its length a rib is denser
    back = _cut(anatomy.posterior, view, anatomy, view.y + np.float32(anatomy.rib_bow[0]) * turn)
    front = _cut(anatomy.anterior, view, anatomy, view.y - np.float32(anatomy.rib_bow[1]) * turn)
    front *= _ramp(around - np.float32(0.5), 0.4)  # cartilage nearer the sternum is not seen
    seen = np.float32(0.4) + np.float32(0.6) * _ramp(depth + np.float32(0.01), 0.03)
    return (np.float32(0.150) * back * edge + np.float32(0.060) * front) * inside * seen


def _cut(table: np.ndarray, view: _View, anatomy: _Anatomy, height: np.ndarray) -> np.ndarray:
    entries = _RIBS * _RIB_STEPS
    scale = np.float32(_RIB_STEPS / anatomy.rib_spacing)
    height -= np.float32(anatomy.rib_top)
    height *= scale
    at = np.clip(height, 0, entries - 1, out=height).astype(np.int32)
    at += view.side * np.int32(entries)
    return table.take(at)


def _spine(anatomy: _Anatomy, view: _View) -> np.ndarray:
    """Vertebral bodies with their discs, pedicles and edges."""
    off = np.abs(_TABLE_X) / anatomy.spine_width
    across = (_smooth(_ramp(1 - off, 0.25)) * (0.75 + 0.5 * _bell((off - 0.62) / 0.16))).astype(np.float32)
    return across.take(view.at_x) * (np.float32(0.05) + np.float32(0.085) * anatomy.vertebrae.take(view.at_y))


def _airway(anatomy: _Anatomy, view: _View) -> np.ndarray:
    """The air in trachea and main bronchi, dark before the spine."""
    half, off = anatomy.windpipe
    past = np.maximum(_TABLE_Y - anatomy.carina, 0).astype(np.float32)  # below the fork
    apart = np.float32(1.1) * past
    strength = (0.11 * (1 - _smooth(_ramp(past - 0.06, 0.10))) * _ramp(_TABLE_Y - 0.02, 0.1)).astype(np.float32)
    gap = np.abs(np.abs(view.x - np.float32(off)) - apart.take(view.at_y))
    return _ramp(np.float32(half) - gap, 0.016) * strength.take(view.at_y)


def _shoulders(anatomy: _Anatomy, view: _View) -> np.ndarray:
    """Clavicles and scapulae."""
    off = np.abs(view.y - anatomy.clavicles.take(view.at_x)) / np.float32(anatomy.clavicle_width)
    span = (_ramp(np.abs(_TABLE_X) - 0.055, 0.02) * _ramp(0.36 - np.abs(_TABLE_X), 0.04)).astype(np.float32)
    bone = (np.float32(0.12) + np.float32(0.10) * off * off) * _ramp(1 - off, 0.3) * span.take(view.at_x)
    blade = _ramp(np.float32(0.55) * (np.float32(0.42) - view.y) + np.float32(0.27) - view.away, 0.012)
    border = _ramp(np.float32(0.035) - np.abs(view.away - np.float32(0.38) + np.float32(0.25) * view.y), 0.012)
    scapula = border * (1 - blade) * _ramp(view.y - np.float32(0.16), 0.06) * _ramp(np.float32(0.36) - view.y, 0.06)
    return bone + np.float32(0.08) * scapula


def _outline(skin: np.ndarray) -> np.ndarray:
    """(S, S) 0 in the air around the patient, rising to 1 as the body grows thick."""
    depth = np.clip(skin / np.float32(0.12), 0, 1)
    return np.sqrt(depth * (2 - depth))


def _off_arm(anatomy: _Anatomy, view: _View) -> np.ndarray:
    """(S, S) distance from the axis of the upper arm, which runs from the shoulder to beyond the film."""
    x0, y0, along_x, along_y = np.float32(anatomy.arm)
    right, down = view.away - x0, view.y - y0
    along = np.maximum(right * along_x + down * along_y, 0)
    right -= along * along_x
    down -= along * along_y
    return np.sqrt(right * right + down * down)


def _humerus(off: np.ndarray) -> np.ndarray:
    return _ramp(np.float32(0.026) - off, 0.012) * (np.float32(0.06) + np.float32(90) * off * off)


def _chin(head: tuple[float, float], view: _View) -> np.ndarray:
    """The jaw and skull base of a child who looks ahead, cut by the film's upper edge."""
    radius = _radius(view, *head, 0.15, 0.11)
    return np.float32(0.16) * _smooth(_ramp(1 - radius, 0.25)) + np.float32(0.07) * _bell(
        (radius - 0.9) / np.float32(0.07)
    )


# --- pneumonia -----------------------------------------------------------------------------------------------

_PATTERNS = ("lobar", "patchy", "interstitial")
_PATTERN_SHARES = (0.40, 0.35, 0.25)


def _consolidation(rng: np.random.Generator, anatomy: _Anatomy, view: _View) -> _Consolidation:
    """A random lesion: one lobe against its fissure, patches in one or both lungs, or streaks around both hila."""
    pattern = str(rng.choice(_PATTERNS, p=_PATTERN_SHARES))
    x, y = (_cells(v) for v in (view.x, view.y))
    rough = _rough(rng)
    amount = _FIELDS[pattern](rng, anatomy, x, y, rough)
    streaks = pattern == "interstitial"
    texture = _rough(rng, (24, 48)) * (0.07 if streaks else 0.035)
    return _Consolidation(
        amount=_enlarged(amount.astype(np.float32), view.size_px).clip(0, 1),
        density=rng.uniform(0.11, 0.20) if streaks else rng.uniform(0.15, 0.33),
        texture=_enlarged(texture, view.size_px),
        swelling=rng.uniform(1.2, 1.6) if streaks else 1.0,
    )


def _cells(coordinate: np.ndarray) -> np.ndarray:
    """(LESION_CELLS, LESION_CELLS) a coordinate at the cells' centres; it is smooth, so the nearest pixel will do."""
    size = coordinate.shape[0]
    at = ((np.arange(_LESION_CELLS) + 0.5) / _LESION_CELLS * size).astype(int)
    return coordinate[at[:, None], at[None, :]]


def _rough(rng: np.random.Generator, octaves: tuple[int, ...] = (8, 16, 32)) -> np.ndarray:
    """(LESION_CELLS, LESION_CELLS) noise within -1..1."""
    layers = (
        _enlarged(rng.standard_normal((cells, cells), np.float32), _LESION_CELLS) * np.float32(0.8 * 0.7**octave)
        for octave, cells in enumerate(octaves)
    )
    return np.clip(sum(layers), -1, 1)


def _focus(rng: np.random.Generator, anatomy: _Anatomy, side: int, low: float, high: float) -> tuple[float, float]:
    """A point well inside one lung whose height lies between the shares low and high of the lung's height."""
    for_side = -1 if side == 0 else 1
    top, bottom = anatomy.rib_top + 0.10, float(anatomy.diaphragm[_entry_x(for_side * 0.22)]) - 0.06
    y = top + (bottom - top) * rng.uniform(low, high)
    row = int((y + _REACH) * _TABLE_STEPS)
    inner, outer = float(anatomy.inner[side, row]), float(anatomy.outer[side, row])
    return for_side * (inner + (outer - inner) * rng.uniform(0.15, 0.8)), y


def _entry_x(x: float) -> int:
    return int((x + 0.5 + _REACH) * _TABLE_STEPS)


def _blob(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, centre: tuple[float, float], radius: float):
    """A tilted Gaussian hill of height 1, `radius` its standard deviation."""
    angle, stretch = rng.uniform(0, np.pi), np.exp(rng.uniform(-0.3, 0.3))
    right, down = x - centre[0], y - centre[1]
    along = (right * np.cos(angle) + down * np.sin(angle)) / (radius * stretch)
    across = (down * np.cos(angle) - right * np.sin(angle)) / (radius / stretch)
    return np.exp(-0.5 * (along * along + across * across))


def _solid(hill: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Turn a hill into a ragged region with soft edges; at least half filled at the hill's top."""
    return _smooth(_ramp(hill * (1 + 0.6 * rough) - 0.42, 0.8))


def _lobar(rng: np.random.Generator, anatomy: _Anatomy, x: np.ndarray, y: np.ndarray, rough: np.ndarray) -> np.ndarray:
    side = int(rng.integers(2))
    upper = rng.random() < 0.4
    centre = _focus(rng, anatomy, side, *((0.15, 0.45) if upper else (0.55, 0.85)))
    radius = rng.uniform(0.065, 0.11)
    amount = _solid(_blob(rng, x, y, centre, radius), rough)
    fissure = centre[1] + (0.5 if upper else -0.5) * radius + rng.uniform(-0.3, 0.3) * (x - centre[0])
    return amount * _ramp(fissure - y if upper else y - fissure, 0.025)


def _patchy(rng: np.random.Generator, anatomy: _Anatomy, x: np.ndarray, y: np.ndarray, rough: np.ndarray) -> np.ndarray:
    first = int(rng.integers(2))
    hills = [
        _blob(rng, x, y, _focus(rng, anatomy, (first + patch) % 2, 0.15, 0.9), rng.uniform(0.045, 0.075))
        for patch in range(int(rng.integers(1, 5)))
    ]
    return np.max([_solid(hill, rough) for hill in hills], axis=0)


def _interstitial(
    rng: np.random.Generator, anatomy: _Anatomy, x: np.ndarray, y: np.ndarray, rough: np.ndarray
) -> np.ndarray:
    radius = rng.uniform(0.09, 0.13)
    centres = anatomy.hila + np.array([[-0.05, 0.06], [0.08, 0.04]])
    hill = sum(_blob(rng, x, y, (cx, cy), radius) for cx, cy in centres)
    streaks = np.abs(_rough(rng, (14, 28, 40)))  # the folds of |noise| are lines
    return _smooth(_ramp(hill * (1.15 + 0.35 * rough) - 0.25 - 0.5 * streaks, 0.7))


_FIELDS = {"lobar": _lobar, "patchy": _patchy, "interstitial": _interstitial}


# --- exposure ------------------------------------------------------------------------------------------------


_TONES = 2048  # entries of the tone curve: finer than grey levels by far
_DENSEST = 1.5  # denser than any overlap of bones


def _expose(density: np.ndarray, acquisition: _Acquisition, rng: np.random.Generator) -> np.ndarray:
    """(S, S) uint8 film: tone curve, vignette, grain, side marker."""
    size_px = density.shape[0]
    curve, grain = _tone_curve(acquisition)
    at = np.clip(density * np.float32(_TONES / _DENSEST), 0, _TONES - 1).astype(np.int32)
    film = curve.take(at)
    film *= 1 - np.float32(acquisition.vignette) * _distance_squared(size_px)
    film += rng.standard_normal(film.shape, np.float32) * grain.take(at)
    if acquisition.marker:
        _stamp(film, acquisition.marker)
    return np.clip(film * 255 + np.float32(0.5), 0, 255).astype(np.uint8)


def _tone_curve(acquisition: _Acquisition) -> tuple[np.ndarray, np.ndarray]:
    """(TONES,) film grey and (TONES,) standard deviation of its grain, over density; dense parts are grainier."""
    density = np.linspace(0, _DENSEST, _TONES, dtype=np.float32)
    tone = acquisition.contrast * (density - 0.5) + 0.51 + acquisition.brightness
    tone = np.clip(tone * _smooth(np.clip(density * 8, 0, 1)), 0, None)  # air stays black
    film = 1.2 * np.tanh(1.15 * tone ** (1.22 * acquisition.gamma))
    grain = np.sqrt((0.15 + np.minimum(film, 1)) / acquisition.photons)  # fewer photons pass where it is dense
    return film.astype(np.float32), grain.astype(np.float32)


@lru_cache(maxsize=8)
def _distance_squared(size_px: int) -> np.ndarray:
    """(S, S) squared distance from the film's centre, 1 at the corners."""
    along = ((np.arange(size_px, dtype=np.float32) + 0.5) / size_px - 0.5) ** 2
    return 2 * (along[:, None] + along[None, :])


def _stamp(film: np.ndarray, marker: tuple[float, float, float]) -> None:
    """Write the side marker R into the film, on the patient's right."""
    size_px = film.shape[0]
    left, top = int(marker[0] * size_px), int(marker[1] * size_px)
    height = max(round(marker[2] * size_px), 5)
    width = max(round(height * 5 / 7), 4)
    rows = (np.arange(height) * 7) // height
    columns = (np.arange(width) * 5) // width
    glyph = _MARKER[rows[:, None], columns[None, :]]
    place = film[top : top + height, left : left + width]
    np.maximum(place, glyph[: place.shape[0], : place.shape[1]] * np.float32(0.93), out=place)
