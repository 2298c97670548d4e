"""The autoencoder lesson: what a code keeps, where codes lie, and why only some models can be sampled."""

from __future__ import annotations

import math

import numpy as np

from pneumo import models
from pneumo.generators import latent, reconstruction
from pneumo.generators.latent_report import Latent, Space
from pneumo.images import sheets
from pneumo.models import count_parameters
from pneumo.runs import Run
from pneumo.schema import ImageSpec

PLACES, REACH = 11, 3.0  # of the pad along each side, and how many standard deviations it reaches
COURSE = ImageSpec(size=256, channels=3, mean=(0.0,) * 3, std=(1.0,) * 3)
COURSE_CODE = (256, 32, 32)  # channels, height, width


def pad(run: Run, space: Space) -> np.ndarray:
    """(H, W) uint8: a sheet of PLACES x PLACES decoded codes, the first direction to the right, the second upwards."""
    steps = np.linspace(-REACH, REACH, PLACES, dtype=np.float32)
    offsets = np.array([(x, y) for y in steps[::-1] for x in steps])
    images = reconstruction.decode(run, space.mean + offsets @ space.directions[:2])
    return sheets.grid(images, columns=PLACES, gap=0)


def random_codes(run: Run, space: Space, count: int, seed: int, *, fitted: bool) -> np.ndarray:
    """(count, S, S) uint8: decoded random codes. fitted: from a normal distribution laid over the codes of radiographs afterwards;
    otherwise standard normal ones, of which a plain autoencoder was never told anything."""
    if fitted:
        return latent.sample(run, space, count, seed)
    noise = np.random.default_rng(seed).standard_normal((count, len(space.mean))).astype(np.float32)
    return reconstruction.decode(run, noise)


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of values in 0..1."""
    return -10 * math.log10(mse)


def facts(spaces: dict[str, Space]) -> dict[str, str]:
    """The numbers of the lesson's text. spaces: what was measured of shipped runs, by name."""
    measured: dict[str, Latent] = {name: space.about for name, space in spaces.items()}
    plain = spaces.get("bottleneck_32")
    code, image = math.prod(COURSE_CODE), COURSE.channels * COURSE.size**2
    network = models.build("conv_autoencoder", COURSE)

    def written(name: str, what: str = "model") -> str:
        about = measured.get(name)
        found = getattr(about, what) if about else None
        return f"{found.psnr.value:.2f}" if found else "?"

    first = measured.get("bottleneck_128")
    return {
        "code": f"{code:,}",
        "image": f"{image:,}",
        "ratio": f"{code / image:.2f}",
        "parameters": f"{count_parameters(network):,}",
        "squeeze": f"{128 * 128 // 32}",
        "psnr_01": f"{psnr(0.01):.0f}",
        "psnr_001": f"{psnr(0.001):.0f}",
        "network": written("bottleneck_128"),
        "components": written("bottleneck_128", "pca"),
        "variational": written("vae_128"),
        "n": f"{first.n:,}" if first else "?",
        "spread": f"{plain.codes[:, 0].astype(np.float64).std():.2f}" if plain else "?",
    }
