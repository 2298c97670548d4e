"""What a phantom patient keeps from film to film: ribs, lungs, heart, vessels."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pneumo.images.phantom.fields import TABLE_STEPS, TABLE_X, TABLE_Y, bell, ramp, smooth

ANATOMY = 1  # the stream of random numbers of a patient's body; `drawing` has the others
RIBS = 12
RIB_STEPS = 256  # table entries from one rib to the next


# --- anatomy: what a patient keeps from film to film ---------------------------------------------------------


class Anatomy(NamedTuple):
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
def draw_anatomy(seed: int, patient: int) -> Anatomy:
    rng = np.random.default_rng([ANATOMY, seed, patient])
    apex, base = rng.uniform(0.14, 0.18), rng.uniform(0.84, 0.90)
    width = rng.uniform(0.355, 0.405)
    outer, inner = _lung_borders(rng, apex, base, width)
    body = _skin(rng, width)
    spacing = rng.uniform(0.064, 0.076)
    hila = np.array([[-0.105, 0.0], [0.115, -0.015]]) + np.array([0, rng.uniform(0.43, 0.48)])
    return Anatomy(
        body=body,
        body_tilt=(1 / np.hypot(1, np.gradient(body, 1 / TABLE_STEPS, axis=1))).astype(np.float32),
        cage=np.maximum(outer + 0.018, 0.2 - 0.5 * np.maximum(apex - TABLE_Y, 0)).clip(0.1).astype(np.float32),
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
    y = TABLE_Y
    down = np.clip((y - apex) / (base - apex), 0, 1)  # 0 apex to 1 base
    tip = rng.uniform(0.12, 0.14)  # the apex lies this far from the midline
    fullness = rng.uniform(0.50, 0.62)
    wall = tip + (width - tip) * (1 - (1 - down) ** 2.6) ** fullness
    wall = wall - 3 * np.maximum(apex - y, 0)  # closes the lung above its tip
    outer = np.stack([wall * rng.uniform(0.97, 1.02), wall * rng.uniform(0.97, 1.02)])
    column = rng.uniform(0.062, 0.074)
    edge = column + (tip - column) * np.exp(-down / 0.035)
    atrium = rng.uniform(0.030, 0.055) * bell((y - 0.68) / 0.095)
    knob = rng.uniform(0.016, 0.028) * bell((y - rng.uniform(0.33, 0.36)) / 0.032)
    middle = rng.uniform(0.70, 0.76)  # height of the left heart border's outermost point
    slope = np.where(y < middle, rng.uniform(0.15, 0.19), 0.16)
    ventricle = rng.uniform(0.105, 0.150) * bell((y - middle) / slope)
    return outer.astype(np.float32), np.stack([edge + atrium, edge + knob + ventricle]).astype(np.float32)


def _diaphragm(rng: np.random.Generator, base: float, width: float) -> np.ndarray:
    """(TABLE,) height of the domes over x; the right one stands higher."""
    right, left = base - rng.uniform(0.095, 0.125), base - rng.uniform(0.07, 0.095)
    x = TABLE_X
    off = np.where(x < 0, x + 0.19, x - 0.21) / (width - 0.19)  # -1..1 across a dome
    lateral = np.where(x < 0, -off, off) > 0
    sag = np.where(lateral, 0.105 * np.abs(off) ** 2.4, 0.035 * np.abs(off) ** 2)
    side = smooth(ramp(x, 0.16))  # from the right dome's height to the left one's behind the heart
    return (right + (left - right) * side + sag).astype(np.float32)


def _skin(rng: np.random.Generator, width: float) -> np.ndarray:
    """(2, TABLE) half width of neck, shoulders and trunk over y."""
    y = TABLE_Y
    neck, reach = rng.uniform(0.12, 0.16), rng.uniform(0.40, 0.46)
    shoulder = neck + (reach - neck) * smooth(ramp(y - rng.uniform(0.06, 0.10), 0.26))
    trunk = width + rng.uniform(0.045, 0.075) + 0.02 * (y - 0.5)
    flank = reach + (trunk - reach) * smooth(ramp(y - 0.42, 0.36))
    half = np.where(y < 0.23, np.minimum(shoulder, flank), flank)
    return np.stack([half * rng.uniform(0.98, 1.02), half * rng.uniform(0.98, 1.02)]).astype(np.float32)


def _clavicles(rng: np.random.Generator, apex: float) -> np.ndarray:
    """(TABLE,) height of the clavicles over x: a flat S that rises outward."""
    medial, rise = apex + rng.uniform(0.035, 0.07), rng.uniform(0.02, 0.11)
    out = np.clip((np.abs(TABLE_X) - 0.06) / 0.26, 0, 1.2)
    return (medial - rise * out - 0.022 * np.sin(np.pi * out) + rng.normal(0, 0.01) * TABLE_X).astype(np.float32)


def _rib_cut(rng: np.random.Generator, width: float) -> np.ndarray:
    """(2, RIBS * RIB_STEPS) density across the ribs: marrow, brighter cortex at the edges, 0 between them.

    width: half a rib's width in units of the spacing. Every rib has its own place, width and density.
    """
    at = np.arange(RIBS * RIB_STEPS, dtype=np.float32) / RIB_STEPS
    rib = at.astype(int)
    place = 0.5 + rng.normal(0, 0.025, (2, RIBS))[:, rib]
    half = width * rng.uniform(0.9, 1.1, (2, RIBS))[:, rib]
    off = np.abs(at - rib - place) / half  # 0 at a rib's middle, 1 at its edge
    cortex = bell((off - 0.82) / 0.16)
    cut = (0.68 + 0.32 * cortex) * smooth(ramp(1 - off, 0.35))
    return (cut * rng.uniform(0.85, 1.1, (2, RIBS))[:, rib]).astype(np.float32)


def _vertebrae(rng: np.random.Generator) -> np.ndarray:
    """(TABLE,) over y: 1 in the vertebral bodies, less in the discs, brighter end plates between."""
    height = rng.uniform(0.052, 0.062)
    phase = (TABLE_Y / height + rng.random()) % 1
    body = smooth(ramp(0.36 - np.abs(phase - 0.5), 0.10))
    plates = bell((np.abs(phase - 0.5) - 0.34) / 0.045)
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
