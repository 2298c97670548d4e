"""What changes from film to film, and how the anatomy is painted on it, from the outside in."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pneumo.images.phantom.anatomy import RIB_STEPS, RIBS, Anatomy
from pneumo.images.phantom.fields import (
    REACH,
    TABLE,
    TABLE_STEPS,
    TABLE_X,
    TABLE_Y,
    TREE_CELLS,
    bell,
    enlarged,
    ramp,
    smooth,
)

_TEXTURE_CELLS = (5, 10, 20, 40, 80)  # octaves of the 1/f texture
MARKER, LARGE_MARKER = (0.045, 0.065), (0.09, 0.12)  # heights of side markers; the large ones survive in small images
LESION_EDGE = 0.35  # a pixel belongs to the lesion where this share of its air is replaced


# --- acquisition: what changes from film to film -------------------------------------------------------------


class Acquisition(NamedTuple):
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


def draw_acquisition(rng: np.random.Generator) -> Acquisition:
    return Acquisition(
        rotation_deg=rng.normal(0, 2.2),
        shift=(rng.normal(0, 0.012), rng.normal(0, 0.015)),
        zoom=rng.uniform(0.94, 1.10),
        breath=rng.normal(0, 0.018),
        contrast=rng.uniform(0.86, 1.10),
        brightness=rng.normal(0, 0.04),
        gamma=float(np.exp(rng.normal(0, 0.12))),
        vignette=rng.uniform(0, 0.35),
        photons=rng.uniform(2000, 9000),
        marker=draw_marker(rng) if rng.random() < 0.85 else None,
        texture=tuple(rng.standard_normal((cells, cells), np.float32) for cells in _TEXTURE_CELLS),
        texture_gain=rng.uniform(0.7, 1.3),
    )


def draw_marker(rng: np.random.Generator, heights: tuple[float, float] = MARKER) -> tuple[float, float, float]:
    """Where a side marker sits: x and y of its corner, and its height."""
    return rng.uniform(0.01, 0.08), rng.uniform(0.03, 0.55), rng.uniform(*heights)


class View(NamedTuple):
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

    def rows(self, top: float, bottom: float) -> tuple[slice, View]:
        """The rows of the film that meet the heights top to bottom, and the view of them alone."""
        ends = self.y[:, [0, -1]]
        meet = np.flatnonzero((ends.max(1) >= top) & (ends.min(1) <= bottom))
        rows = slice(meet[0], meet[-1] + 1) if len(meet) else slice(0, 0)
        planes = (self.x, self.y, self.away, self.at_x, self.at_y, self.side, self.at_y_side)
        return rows, View(self.size_px, *(plane[rows] for plane in planes), self.turn, self.shift)


def make_view(anatomy: Anatomy, acquisition: Acquisition, size_px: int) -> View:
    x, y, turn, shift = _coordinates(acquisition, size_px)
    x = x - np.float32(anatomy.spine_bend) * np.sin(np.float32(np.pi) * y)
    at_x = _entries(x + np.float32(0.5 + REACH))
    at_y = _entries(y + np.float32(REACH))
    side = (x > 0).astype(np.int32)
    return View(size_px, x, y, np.abs(x), at_x, at_y, side, at_y + side * TABLE, turn, shift)


def _coordinates(acquisition: Acquisition, size_px: int) -> tuple[np.ndarray, ...]:
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
        np.clip(position * np.float32(TABLE_STEPS), 0, TABLE - 1).astype(np.int32).astype(np.intp)
    )  # two casts are quicker than one


# --- painting, from the outside in ---------------------------------------------------------------------------


class Consolidation(NamedTuple):
    """amount: (S, S) 0..1, how much of the air is replaced. density: what full replacement adds.

    swelling: factor on the vessels elsewhere, above 1 in interstitial disease.
    """

    amount: np.ndarray
    density: float
    texture: np.ndarray
    swelling: float


def paint_film(
    anatomy: Anatomy, acquisition: Acquisition, view: View, consolidation: Consolidation | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """density (S, S) float32, lungs and lesion (S, S) bool."""
    outer, inner = anatomy.outer.take(view.at_y_side), anatomy.inner.take(view.at_y_side)
    depth = anatomy.diaphragm.take(view.at_x) + np.float32(acquisition.breath) - view.y  # above the diaphragm
    room = np.minimum(outer - view.away, view.away - inner)
    lungs = np.minimum(room, depth) > 0
    air = ramp(np.minimum(room, depth + np.float32(0.002)), 0.018)
    texture = _texture(acquisition, view)

    density = _soft_tissue(anatomy, view, outer, depth, texture)
    density += (_lung(anatomy, view, air, texture, consolidation) - density) * air
    density += _ribs(anatomy, view, depth)
    density += _spine(anatomy, view)
    rows, upper = view.rows(-REACH, 0.40)
    density[rows] += _shoulders(anatomy, upper)
    rows, upper = view.rows(-REACH, anatomy.carina + 0.11)
    density[rows] -= _airway(anatomy, upper)
    density *= 1 + np.float32(0.10) * texture
    arm = _off_arm(anatomy, view)
    skin = (anatomy.body.take(view.at_y_side) - view.away) * anatomy.body_tilt.take(view.at_y_side)
    density *= _outline(np.maximum(skin, np.float32(0.10) - arm))
    density += _humerus(arm)
    if anatomy.head:
        rows, upper = view.rows(-REACH, anatomy.head[1] + 0.13)
        density[rows] += _chin(anatomy.head, upper)
    lesion = lungs & (consolidation.amount > LESION_EDGE) if consolidation else np.zeros_like(lungs)
    return density, lungs, lesion


def _texture(acquisition: Acquisition, view: View) -> np.ndarray:
    """(S, S) 1/f noise: every octave weaker than the one before."""
    finest = _TEXTURE_CELLS[-1]
    layers = (enlarged(field, finest) * np.float32(0.5 * 0.62**n) for n, field in enumerate(acquisition.texture))
    return enlarged(sum(layers) * np.float32(acquisition.texture_gain), view.size_px)


def _soft_tissue(anatomy: Anatomy, view: View, outer: np.ndarray, depth: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """Chest wall outside the cage, mediastinum and heart inside, abdomen below the diaphragm."""
    wall = np.float32(anatomy.tissue_density)
    cavity = ramp(outer + np.float32(0.01) - view.away, 0.05)
    column = _bell_table(0.10).take(view.at_x)
    density = wall + (np.float32(0.575) - wall) * cavity + np.float32(0.07) * column
    below = smooth(ramp(-depth, 0.03))
    abdomen = np.float32(0.68) - np.float32(0.5) * np.maximum(view.away - np.float32(0.26), 0)
    density += (abdomen - density) * below * ramp(outer + np.float32(0.03) - view.away, 0.05)
    if anatomy.stomach:
        rows, lower = view.rows(anatomy.stomach[1] - anatomy.stomach[3] * 1.6, 1 + REACH)
        density[rows] -= _bubble(lower, anatomy.stomach, texture[rows]) * ramp(-depth[rows] - np.float32(0.02), 0.03)
    return density


@lru_cache(maxsize=8)
def _bell_table(width: float) -> np.ndarray:
    """(TABLE,) Gaussian bump around the midline over x."""
    return bell(TABLE_X / np.float32(width)).astype(np.float32)


def _radius(view: View, x: float, y: float, half_x: float, half_y: float) -> np.ndarray:
    """Distance from (x, y) in units of an ellipse's half axes."""
    right, down = (view.x - np.float32(x)) / np.float32(half_x), (view.y - np.float32(y)) / np.float32(half_y)
    return np.sqrt(right * right + down * down)


def _bubble(view: View, stomach: tuple[float, float, float, float], texture: np.ndarray) -> np.ndarray:
    """Gas in the stomach, an uneven ellipse."""
    return np.float32(0.20) * smooth(ramp(1 - _radius(view, *stomach) - np.float32(0.6) * texture, 0.5))


def _lung(
    anatomy: Anatomy, view: View, air: np.ndarray, texture: np.ndarray, consolidation: Consolidation | None
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


def _splat(tree: np.ndarray, view: View) -> np.ndarray:
    """(S, S) the vessels' dots, painted small with linear weights and enlarged."""
    cells = TREE_CELLS
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
    return enlarged(saturated.astype(np.float32), view.size_px)


def _ribs(anatomy: Anatomy, view: View, depth: np.ndarray) -> np.ndarray:
    """Posterior ribs, fainter anterior ribs that come back from them, and the bright wall where they turn."""
    around = view.away / anatomy.cage.take(view.at_y_side)  # 0 midline to 1 outermost
    inside = ramp(1 - around, 0.04)
    np.minimum(around, 1, out=around)
    squared = around * around
    turn = 1 - squared
    edge = 1 + np.float32(0.9) * squared * squared * squared  # seen along its length a rib is denser
    back = _cut(anatomy.posterior, view, anatomy, view.y + np.float32(anatomy.rib_bow[0]) * turn)
    front = _cut(anatomy.anterior, view, anatomy, view.y - np.float32(anatomy.rib_bow[1]) * turn)
    front *= ramp(around - np.float32(0.5), 0.4)  # cartilage nearer the sternum is not seen
    seen = np.float32(0.4) + np.float32(0.6) * ramp(depth + np.float32(0.01), 0.03)
    return (np.float32(0.150) * back * edge + np.float32(0.060) * front) * inside * seen


def _cut(table: np.ndarray, view: View, anatomy: Anatomy, height: np.ndarray) -> np.ndarray:
    entries = RIBS * RIB_STEPS
    scale = np.float32(RIB_STEPS / anatomy.rib_spacing)
    height -= np.float32(anatomy.rib_top)
    height *= scale
    at = np.clip(height, 0, entries - 1, out=height).astype(np.int32)
    at += view.side * np.int32(entries)
    return table.take(at)


def _spine(anatomy: Anatomy, view: View) -> np.ndarray:
    """Vertebral bodies with their discs, pedicles and edges."""
    off = np.abs(TABLE_X) / anatomy.spine_width
    across = (smooth(ramp(1 - off, 0.25)) * (0.75 + 0.5 * bell((off - 0.62) / 0.16))).astype(np.float32)
    return across.take(view.at_x) * (np.float32(0.05) + np.float32(0.085) * anatomy.vertebrae.take(view.at_y))


def _airway(anatomy: Anatomy, view: View) -> np.ndarray:
    """The air in trachea and main bronchi, dark before the spine."""
    half, off = anatomy.windpipe
    past = np.maximum(TABLE_Y - anatomy.carina, 0).astype(np.float32)  # below the fork
    apart = np.float32(1.1) * past
    strength = (0.11 * (1 - smooth(ramp(past - 0.06, 0.10))) * ramp(TABLE_Y - 0.02, 0.1)).astype(np.float32)
    gap = np.abs(np.abs(view.x - np.float32(off)) - apart.take(view.at_y))
    return ramp(np.float32(half) - gap, 0.016) * strength.take(view.at_y)


def _shoulders(anatomy: Anatomy, view: View) -> np.ndarray:
    """Clavicles and scapulae."""
    off = np.abs(view.y - anatomy.clavicles.take(view.at_x)) / np.float32(anatomy.clavicle_width)
    span = (ramp(np.abs(TABLE_X) - 0.055, 0.02) * ramp(0.36 - np.abs(TABLE_X), 0.04)).astype(np.float32)
    bone = (np.float32(0.12) + np.float32(0.10) * off * off) * ramp(1 - off, 0.3) * span.take(view.at_x)
    blade = ramp(np.float32(0.55) * (np.float32(0.42) - view.y) + np.float32(0.27) - view.away, 0.012)
    border = ramp(np.float32(0.035) - np.abs(view.away - np.float32(0.38) + np.float32(0.25) * view.y), 0.012)
    scapula = border * (1 - blade) * ramp(view.y - np.float32(0.16), 0.06) * ramp(np.float32(0.36) - view.y, 0.06)
    return bone + np.float32(0.08) * scapula


def _outline(skin: np.ndarray) -> np.ndarray:
    """(S, S) 0 in the air around the patient, rising to 1 as the body grows thick."""
    depth = np.clip(skin / np.float32(0.12), 0, 1)
    return np.sqrt(depth * (2 - depth))


def _off_arm(anatomy: Anatomy, view: View) -> np.ndarray:
    """(S, S) distance from the axis of the upper arm, which runs from the shoulder to beyond the film."""
    x0, y0, along_x, along_y = np.float32(anatomy.arm)
    right, down = view.away - x0, view.y - y0
    along = np.maximum(right * along_x + down * along_y, 0)
    right -= along * along_x
    down -= along * along_y
    return np.sqrt(right * right + down * down)


def _humerus(off: np.ndarray) -> np.ndarray:
    return ramp(np.float32(0.026) - off, 0.012) * (np.float32(0.06) + np.float32(90) * off * off)


def _chin(head: tuple[float, float], view: View) -> np.ndarray:
    """The jaw and skull base of a child who looks ahead, cut by the film's upper edge."""
    radius = _radius(view, *head, 0.15, 0.11)
    return np.float32(0.16) * smooth(ramp(1 - radius, 0.25)) + np.float32(0.07) * bell(
        (radius - 0.9) / np.float32(0.07)
    )
