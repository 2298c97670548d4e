"""What was measured of an autoencoder's code, as it lies beside the run (latent.json, latent.safetensors) and stands on its card.

`latent_measures` measures it, `latent` moves through it. Everything is of the run's held-out radiographs: its validation and
internal test patients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pneumo.runs import measured
from pneumo.runs.model_card import Section
from pneumo.runs.reading import RunError
from pneumo.schema import Interval, PneumoError

FILE, ARRAYS_FILE = "latent.json", "latent.safetensors"


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

    def __post_init__(self) -> None:
        if self.n < 1 or len(self.names) != self.n:
            raise PneumoError(
                f"n is {self.n} and there are {len(self.names)} names; expected one for each of 1 or more"
            )
        if not all(each.errors for each in self.ood.values()) or not self.ood:
            raise PneumoError("ood is empty, or one of its kinds has no errors; expected one or more")


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


def save(folder: Path, space: Space) -> None:
    """Writes latent.safetensors and latent.json into a run's folder, the latter last."""
    measured.save_with_arrays(folder, FILE, space.about, space.arrays)


def read(folder: Path) -> Space | None:
    """What was measured of a run, or None where nothing was, or of other weights. RunError where the files do not fit."""
    about = measured.read(folder, FILE, Latent)
    if about is None:
        return None
    arrays = measured.read_arrays(folder / ARRAYS_FILE, about.arrays_sha256)
    _check_arrays(about, arrays, folder / ARRAYS_FILE)
    return Space(about, **arrays)


def _check_arrays(about: Latent, arrays: dict[str, np.ndarray], path: Path) -> None:
    """RunError where one is missing or unknown, or has another size than the numbers in latent.json."""
    n, size = about.n, about.code_size
    always = {"labels": (n,), "errors": (n,)}
    of_codes = {
        "codes": (n, size), "map": (n, 2), "mean": (size,), "class_means": (2, size), "spread": (size, size),
    }  # fmt: skip
    wanted = always | (of_codes if arrays.keys() & {*of_codes, "directions"} else {})
    for name, shape in wanted.items():
        came = arrays[name].shape if name in arrays else "missing"
        if came != shape:
            raise RunError(f"{path}: {name} is {came}, expected {shape}; {measured.AGAIN}")
    if "codes" in wanted and arrays.get("directions", np.empty(0)).shape[1:] != (size,):
        raise RunError(f"{path}: directions do not have {size} numbers each; {measured.AGAIN}")
    unknown = arrays.keys() - {*wanted, "directions"}
    if unknown or not np.isin(arrays["labels"], (0, 1)).all():
        raise RunError(f"{path}: labels other than 0 and 1, or unknown arrays {sorted(unknown)}; {measured.AGAIN}")


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
