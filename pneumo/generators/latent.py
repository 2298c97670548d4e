"""The code of an autoencoder, and what can be done with it.

What was measured lies beside the run (`latent_report`), so that a page can move through the code where no data are at hand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pneumo.generators import reconstruction
from pneumo.generators.latent_report import Space
from pneumo.generators.reconstruction import Reconstruction
from pneumo.images import ood_samples, transforms
from pneumo.runs import Run
from pneumo.schema import PneumoError

DIRECTIONS = 8
LARGEST_CODE = 512  # a longer row of numbers is no code one could walk through
MAX_NOISE = 0.5


# --- on disk ----------------------------------------------------------------------------------------------


# --- moving through the code ------------------------------------------------------------------------------


def code_of(run: Run, pixels: np.ndarray) -> np.ndarray:
    """(K,) float32. pixels: (H, W) uint8."""
    return reconstruction.codes(run, transforms.resize(pixels, run.card.image)[None])[0]


def moved(run: Run, space: Space, start: np.ndarray | None, along: Sequence[float]) -> np.ndarray:
    """(S, S) uint8: a code, the mean one where none is given, moved along the first directions by standard deviations."""
    code = space.mean if start is None else start
    offsets = np.array(along, dtype=np.float32)
    return reconstruction.decode(run, (code + offsets @ space.directions[: len(offsets)])[None])[0]


def towards(run: Run, space: Space, code: np.ndarray, amounts: Sequence[float]) -> np.ndarray:
    """(N, S, S) uint8: a code plus so many times the way from the mean NORMAL to the mean PNEUMONIA."""
    way = space.class_means[1] - space.class_means[0]
    return reconstruction.decode(run, code + np.array(amounts, dtype=np.float32)[:, None] * way)


def between(run: Run, first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """(steps, S, S) uint8: decoded codes on the straight way between two, both ends included."""
    share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    return reconstruction.decode(run, (1 - share) * first + share * second)


def sample(run: Run, space: Space, count: int, seed: int) -> np.ndarray:
    """(count, S, S) uint8: images of drawn codes.

    A variational autoencoder is trained so that codes are standard normal; for a plain one a normal distribution is laid
    over the codes of its training images afterwards.
    """
    noise = np.random.default_rng(seed).standard_normal((count, len(space.mean))).astype(np.float32)
    return reconstruction.decode(run, noise if is_variational(run) else space.mean + noise @ space.spread.T)


def is_variational(run: Run) -> bool:
    """Whether codes were drawn to a standard normal distribution in training."""
    return bool(getattr(run.model, "variational", False))


def denoise(run: Run, pixels: np.ndarray, strength: float, seed: int) -> tuple[Reconstruction, Reconstruction]:
    """An image with noise, and what an autoencoder makes of it, each compared with the clean one.

    strength: standard deviation of the noise in units of full scale, 0 to MAX_NOISE.
    """
    if not 0 <= strength <= MAX_NOISE:
        raise PneumoError(f"strength is {strength}; expected 0 to {MAX_NOISE}")
    resized_image = transforms.resize(pixels, run.card.image)
    noise = np.random.default_rng(seed).standard_normal(resized_image.shape)
    noisy = (resized_image / 255 + strength * noise).clip(0, 1).astype(np.float32)
    result = reconstruction.reconstructed(run, noisy)
    return reconstruction.compare(resized_image, noisy), reconstruction.compare(resized_image, result)


def ood_images() -> dict[str, list[np.ndarray]]:
    """The drawn images behind `Latent.ood`, in the same order: (H, W) uint8 by kind."""
    kinds: dict[str, list[np.ndarray]] = {}
    for each in ood_samples.drawn():
        kinds.setdefault(each.kind, []).append(each.pixels)
    return kinds
