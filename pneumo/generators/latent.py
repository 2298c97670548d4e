"""The code of an autoencoder: how much of a radiograph it keeps, and what can be done with it.

What is measured lies beside the run (latent.json, latent.safetensors), so that a page can move through the code where no
data are at hand. Everything is of the run's held-out radiographs: its validation and internal test patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pneumo.generators import reconstruction
from pneumo.generators.reconstruction import Reconstruction
from pneumo.images import ood_samples, transforms
from pneumo.runs import Run, measured
from pneumo.runs.model_card import Section
from pneumo.schema import Interval, PneumoError

FILE, ARRAYS_FILE = "latent.json", "latent.safetensors"
DIRECTIONS = 8
LARGEST_CODE = 512  # a longer row of numbers is no code one could walk through
MAX_NOISE = 0.5


@dataclass(frozen=True)
class Mean:
    """A mean with its 95% interval, from resampling patients."""

    value: float
    ci95: Interval


@dataclass(frozen=True)
class Fidelity:
    """How near reconstructions are to the originals. psnr in dB, ssim up to 1."""

    psnr: Mean
    ssim: Mean


@dataclass(frozen=True)
class Gain:
    """How much nearer than principal components of the same size, image by image."""

    psnr: Mean
    ssim: Mean


@dataclass(frozen=True)
class OodErrors:
    """Images that are no radiographs: their mean squared errors, and how well the error separates them from radiographs."""

    errors: tuple[float, ...]
    auroc: float


@dataclass(frozen=True)
class Latent:
    """latent.json. pca, jpeg: of the same size and of the same bytes; None where the code is too long for a comparison.

    names: the held-out radiographs, in the order of the arrays. class_auroc: how well the error separates PNEUMONIA from NORMAL.
    """

    weights_sha256: str
    arrays_sha256: str
    n: int
    patients: int
    code_size: int
    input_size: int
    model: Fidelity
    pca: Fidelity | None
    jpeg: Fidelity | None
    gain: Gain | None
    class_auroc: float | None
    ood: dict[str, OodErrors]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Space:
    """A measured latent space of N held-out radiographs.

    labels: (N,) int8; errors: (N,) float32 mean squared errors. The others belong to a short code of K numbers: codes (N, K)
    float16; map (N, 2), where t-SNE places them; mean (K,); class_means (2, K); spread (K, K), whose product with standard
    normal numbers varies as codes do; directions (D, K), one standard deviation each along what changes images most, the
    strongest first.
    """

    about: Latent
    labels: np.ndarray = field(repr=False)
    errors: np.ndarray = field(repr=False)
    codes: np.ndarray | None = field(default=None, repr=False)
    map: np.ndarray | None = field(default=None, repr=False)
    mean: np.ndarray | None = field(default=None, repr=False)
    class_means: np.ndarray | None = field(default=None, repr=False)
    spread: np.ndarray | None = field(default=None, repr=False)
    directions: np.ndarray | None = field(default=None, repr=False)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that are there, by name, as they lie in latent.safetensors."""
        return {name: value for name, value in vars(self).items() if name != "about" and value is not None}


# --- on disk ----------------------------------------------------------------------------------------------


def save(folder: Path, space: Space) -> None:
    """Writes latent.safetensors and latent.json into a run's folder, the latter last."""
    measured.save_with_arrays(folder, FILE, space.about, space.arrays)


def read(folder: Path) -> Space | None:
    """What was measured of a run, or None where nothing was, or of other weights. RunError where the files do not fit."""
    about = measured.read(folder, FILE, Latent)
    return Space(about, **measured.read_arrays(folder / ARRAYS_FILE, about.arrays_sha256)) if about else None


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


def card_sections(folder: Path) -> list[Section]:
    """What an autoencoder's card says of its reconstructions; nothing where none were measured."""
    space = read(folder)
    if space is None:
        return []
    about = space.about
    kinds = (
        ("this model", about.model),
        (f"{about.code_size} principal components", about.pca),
        ("JPEG of as many bytes", about.jpeg),
    )
    rows = [f"| {title} | {_told(each.psnr, 2)} | {_told(each.ssim, 3)} |" for title, each in kinds if each is not None]
    if about.gain:
        rows.append(f"| gain over components | {_told(about.gain.psnr, 2)} | {_told(about.gain.ssim, 3)} |")
    text = (
        f"Means over n = {about.n:,} held-out radiographs of {about.patients} patients (validation and internal test), 95% intervals over patients. "
        f"An image of {about.input_size:,} numbers is compressed to {about.code_size:,}.\n\n"
        "| | PSNR, dB | SSIM |\n| --- | --- | --- |\n" + "\n".join(rows)
    )
    return [Section("Results", text)]


def _told(mean: Mean, places: int) -> str:
    return f"{mean.value:.{places}f} ({mean.ci95.low:.{places}f} to {mean.ci95.high:.{places}f})"
