"""The GAN lab: a generator and a discriminator of two dimensions, stepped by hand or in bursts. Everything can be seen.

    D: 2-32-32-1, 1,185 parameters        G: 2-32-32-2, 1,218 parameters

A D step leaves G as it was, and the reverse. The same settings and the same steps give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pneumo.schema import PneumoError

HIDDEN, LATENT = 32, 2
BATCH = 128
SHOWN, ARROWS, GRID = 256, 64, 24  # fakes drawn, of which so many with their gradient; places a side of the surface
EXTENT = 1.6  # the surface covers -EXTENT .. EXTENT both ways
RING, RING_SIGMA, MODES = 1.0, 0.04, 8
NEAR, LEAST_SHARE = 0.2, 0.02  # a mode counts as found where this share of samples lies so near to it
PENALTY = 1.0  # weight of the gradient penalty (Gulrajani et al. 2017); 10 there, for images
MOST_BURST, MOST_DRAWN = 2000, 400
LN2 = math.log(2)

DISTRIBUTIONS = {
    "ring": "Ring of eight",
    "blobs": "Two blobs",
    "line": "A line",
    "moons": "Two moons",
    "drawn": "Your own drawing",
}
LOSSES = {
    "non_saturating": "Non-saturating (−log D)",
    "saturating": "Saturating (log(1 − D))",
    "hinge": "Hinge",
    "wasserstein": "Wasserstein with penalty",
}


@dataclass(frozen=True)
class Settings:
    """rate_g, rate_d: Adam's learning rates. steps_d: of D for each step of G. seed: of weights and of every draw."""

    distribution: str = "ring"
    loss: str = "non_saturating"
    rate_g: float = 1e-3
    rate_d: float = 1e-3
    steps_d: int = 1
    seed: int = 1

    def __post_init__(self) -> None:
        if self.distribution not in DISTRIBUTIONS or self.loss not in LOSSES:
            raise PneumoError(f"the lab knows {', '.join(DISTRIBUTIONS)} and the losses {', '.join(LOSSES)}")
        for name in ("rate_g", "rate_d"):
            if not 1e-6 <= getattr(self, name) <= 1:
                raise PneumoError(f"{name} is {getattr(self, name)}; a learning rate lies between 1e-6 and 1")
        if not (1 <= self.steps_d <= 20 and 0 <= self.seed < 10**6):
            raise PneumoError("steps_d lies between 1 and 20, the seed between 0 and 999,999")


@dataclass(frozen=True, eq=False)
class Frame:
    """What the lab looks like after a step.

    step_d, step_g: steps so far. loss_d, loss_g: on the batch of the last step of each, NaN before the first one. fakes: (SHOWN, 2)
    float32. arrows: (ARROWS, 2), which way D's verdict pulls the first of them. surface: (GRID, GRID) float32 in 0..1, D's belief
    that a point is real, row 0 at the top. distance: energy distance to the true distribution. modes: of the ring that are met; -1 elsewhere.
    """

    step_d: int
    step_g: int
    loss_d: float
    loss_g: float
    fakes: np.ndarray
    arrows: np.ndarray
    surface: np.ndarray
    distance: float
    modes: int

    @property
    def broken(self) -> bool:
        """Whether the numbers are no numbers any more."""
        return not (np.isfinite(self.fakes).all() and np.isfinite(self.surface).all())


def network(outputs: int, generator: torch.Generator) -> nn.Sequential:
    """2-32-32-outputs, leaky ReLU; weights drawn from `generator`."""
    layers = nn.Sequential(
        nn.Linear(2, HIDDEN),
        nn.LeakyReLU(0.2),
        nn.Linear(HIDDEN, HIDDEN),
        nn.LeakyReLU(0.2),
        nn.Linear(HIDDEN, outputs),
    )
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, a=0.2, generator=generator)
            nn.init.zeros_(layer.bias)
    return layers


def centres() -> np.ndarray:
    """(MODES, 2) float32: the middles of the ring's Gaussians."""
    angle = 2 * np.pi * np.arange(MODES) / MODES
    return (RING * np.stack([np.cos(angle), np.sin(angle)], 1)).astype(np.float32)


def sample(distribution: str, count: int, generator: torch.Generator, drawn: np.ndarray | None = None) -> Tensor:
    """(count, 2) float32 of the true distribution. drawn: (N, 2) points of the visitor's own, for "drawn"."""
    noise = torch.randn(count, 2, generator=generator)
    share = torch.rand(count, generator=generator)
    if distribution == "ring":
        return torch.from_numpy(centres())[(share * MODES).long()] + RING_SIGMA * noise
    if distribution == "blobs":
        return torch.stack([torch.where(share < 0.5, -0.7, 0.7), torch.zeros(count)], 1) + 0.12 * noise
    if distribution == "line":
        return torch.stack([2 * share - 1, 0.5 * (2 * share - 1)], 1) + 0.03 * noise
    if distribution == "moons":
        angle, upper = math.pi * torch.rand(count, generator=generator), share < 0.5
        x = torch.where(upper, torch.cos(angle) - 0.4, 0.4 - torch.cos(angle))
        y = torch.where(upper, torch.sin(angle) - 0.25, 0.25 - torch.sin(angle))
        return torch.stack([0.8 * x, y], 1) + 0.05 * noise
    if drawn is None or not len(drawn):
        raise PneumoError("nothing is drawn yet: draw some points first")
    points = torch.from_numpy(np.asarray(drawn, dtype=np.float32))
    return points[(share * len(points)).long()] + 0.03 * noise


class Lab:
    """Both networks with their optimisers, and all that has happened so far."""

    def __init__(self, settings: Settings, drawn: Sequence[Sequence[float]] | None = None) -> None:
        self.settings, self.drawn = settings, checked_points(drawn)
        weights = torch.Generator().manual_seed(settings.seed)
        self.generator, self.discriminator = network(2, weights), network(1, weights)
        nn.init.zeros_(self.discriminator[-1].weight)  # it begins undecided everywhere: the surface is flat
        self.chance = torch.Generator().manual_seed(settings.seed + 1)
        self.shown = torch.randn(SHOWN, LATENT, generator=torch.Generator().manual_seed(settings.seed + 2))
        self.truth = sample(settings.distribution, SHOWN, torch.Generator().manual_seed(settings.seed + 3), self.drawn)
        betas = (0.5, 0.9)
        self.optimiser_g = torch.optim.Adam(self.generator.parameters(), settings.rate_g, betas=betas)
        self.optimiser_d = torch.optim.Adam(self.discriminator.parameters(), settings.rate_d, betas=betas)
        self.step_d = self.step_g = 0
        self.loss_d = self.loss_g = math.nan

    def train_discriminator(self) -> float:
        """One step of D: real points and fakes, the fakes detached, so that nothing reaches G. Returns the loss before the step."""
        real = sample(self.settings.distribution, BATCH, self.chance, self.drawn)
        with torch.no_grad():
            fake = self.generator(torch.randn(BATCH, LATENT, generator=self.chance))
        loss = discriminator_loss(self.settings.loss, self.discriminator(real), self.discriminator(fake))
        if self.settings.loss == "wasserstein":
            loss = loss + PENALTY * self._penalty(real, fake)
        _step(self.optimiser_d, loss)
        self.step_d, self.loss_d = self.step_d + 1, float(loss.detach())
        return self.loss_d

    def train_generator(self) -> float:
        """One step of G against D as it stands; D's own weights stay. Returns the loss before the step."""
        fake = self.generator(torch.randn(BATCH, LATENT, generator=self.chance))
        loss = generator_loss(self.settings.loss, self.discriminator(fake))
        _step(self.optimiser_g, loss)
        self.discriminator.zero_grad()
        self.step_g, self.loss_g = self.step_g + 1, float(loss.detach())
        return self.loss_g

    def _penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """How far D's slope is from one, between real and fake points."""
        share = torch.rand(len(real), 1, generator=self.chance)
        between = (share * real + (1 - share) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(self.discriminator(between).sum(), between, create_graph=True)
        return ((slope.norm(dim=1) - 1) ** 2).mean()

    def burst(self, what: str, count: int, frames: int = 60) -> list[Frame]:
        """Steps, and about `frames` looks at the lab on the way. what: "d", "g" or "both", which takes steps_d of D for one of G."""
        if what not in ("d", "g", "both") or not 1 <= count <= MOST_BURST:
            raise PneumoError(f"a burst is of d, g or both, and of 1 to {MOST_BURST} steps")
        every, seen = max(1, math.ceil(count / frames)), []
        for number in range(1, count + 1):
            for _ in range(self.settings.steps_d if what == "both" else what == "d"):
                self.train_discriminator()
            if what != "d":
                self.train_generator()
            if number % every == 0 or number == count:
                seen.append(self.frame())
                if seen[-1].broken:
                    break
        return seen

    def frame(self) -> Frame:
        """The lab as it stands; nothing is trained and nothing is drawn at random."""
        with torch.no_grad():
            fakes = self.generator(self.shown)
            surface = torch.sigmoid(self.discriminator(_grid())).reshape(GRID, GRID)
        points = fakes[:ARROWS].clone().requires_grad_(True)
        loss = generator_loss(self.settings.loss, self.discriminator(points))
        (pull,) = torch.autograd.grad(loss * ARROWS, points)
        self.discriminator.zero_grad()
        found = fakes.numpy()
        ring = self.settings.distribution == "ring"
        return Frame(
            self.step_d,
            self.step_g,
            self.loss_d,
            self.loss_g,
            found,
            -pull.numpy(),
            surface.numpy(),
            energy_distance(found, self.truth.numpy()),
            modes_met(found) if ring else -1,
        )


def discriminator_loss(kind: str, real: Tensor, fake: Tensor) -> Tensor:
    """What D minimises. real, fake: its logits."""
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    if kind == "wasserstein":
        return fake.mean() - real.mean()
    return F.softplus(-real).mean() + F.softplus(fake).mean()  # -log D(x) - log(1 - D(G(z)))


def generator_loss(kind: str, fake: Tensor) -> Tensor:
    """What G minimises. fake: D's logits of its points."""
    if kind in ("hinge", "wasserstein"):
        return -fake.mean()
    return -F.softplus(fake).mean() if kind == "saturating" else F.softplus(-fake).mean()


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _grid() -> Tensor:
    """(GRID * GRID, 2): the places of the surface, row by row from the top left."""
    line = (torch.arange(GRID) + 0.5) / GRID * 2 * EXTENT - EXTENT
    y, x = torch.meshgrid(-line, line, indexing="ij")
    return torch.stack([x.ravel(), y.ravel()], 1)


def modes_met(points: np.ndarray) -> int:
    """How many of the ring's Gaussians samples (N, 2) meet: at least LEAST_SHARE of them within NEAR of its middle."""
    away = np.linalg.norm(points[:, None] - centres()[None], axis=2)
    return int(((away < NEAR).mean(0) >= LEAST_SHARE).sum())


def energy_distance(one: np.ndarray, other: np.ndarray) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| (Székely and Rizzo 2013): 0 for equal distributions. one, other: (N, 2)."""

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.linalg.norm(a[:, None].astype(np.float64) - b[None], axis=2).mean())

    return 2 * mean(one, other) - mean(one, one) - mean(other, other)


def checked_points(drawn: Sequence[Sequence[float]] | None) -> np.ndarray | None:
    """Points of a visitor, (N, 2) float32 within the picture; None for none."""
    if drawn is None:
        return None
    try:
        points = np.asarray(drawn, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise PneumoError("a drawing is a list of points, two numbers each") from error
    if points.ndim != 2 or points.shape[1] != 2 or not 1 <= len(points) <= MOST_DRAWN or not np.isfinite(points).all():
        raise PneumoError(f"a drawing has 1 to {MOST_DRAWN} points, two numbers each")
    return np.clip(points, -EXTENT, EXTENT).astype(np.float32)


@dataclass(frozen=True)
class Preset:
    """Settings with a name, what to notice, and how many steps show it."""

    title: str
    settings: Settings
    steps: int
    notice: str


PRESETS = {
    "converge": Preset(
        "Converges",
        Settings(loss="wasserstein", rate_g=1e-3, rate_d=2e-3, steps_d=3),
        1500,
        "All eight modes are met and stay met. The discriminator takes three steps for each of the generator, and its slope is held near one.",
    ),
    "collapse": Preset(
        "Collapses",
        Settings(loss="non_saturating", rate_g=1e-2, rate_d=1e-4, steps_d=1),
        1500,
        "The generator learns a hundred times as fast as the discriminator. It runs to where it is believed right now, all of it, and is chased away again.",
    ),
    "oscillate": Preset(
        "Oscillates",
        Settings(loss="wasserstein", rate_g=1e-2, rate_d=1e-3, steps_d=1),
        1500,
        "The generator learns ten times as fast, and this pull does not weaken with distance: it runs past its target, is pulled back, and runs past it again.",
    ),
}


def facts() -> dict[str, str]:
    """The numbers of the lesson's text."""
    lab = Lab(Settings())
    lab.burst("d", 50, 1)
    with torch.no_grad():
        after = float(generator_loss("non_saturating", lab.discriminator(lab.generator(lab.shown))))
    belief = 0.01
    return {
        "ln2": f"{LN2:.3f}",
        "two_ln2": f"{2 * LN2:.3f}",
        "after": f"{after:.2f}",
        "strong": f"{1 - belief:.2f}",
        "weak": f"{belief:.2f}",
        "d_parameters": f"{sum(each.numel() for each in lab.discriminator.parameters()):,}",
        "g_parameters": f"{sum(each.numel() for each in lab.generator.parameters()):,}",
        "shown": str(SHOWN),
    }
