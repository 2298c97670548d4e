"""The input check: before a diagnosis, whether an image is like the radiographs the models learned from.

Three scores of an image, each larger the less it is like them:

    features     distance from the training radiographs in an encoder's features (Mahalanobis; Lee et al. 2018)
    unexplained  share of the image's variance that an autoencoder of radiographs cannot reconstruct
    position     how much its features are like those of rotated, flipped or strongly cropped training radiographs

Thresholds come from validation radiographs alone: `ACCEPTED` of them pass all three. Out-of-distribution samples
(`images.ood_samples`) only test it. Phantoms are recognised by a distribution of their own, named, and accepted. The check lies
in weights/input_check/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pneumo import runs
from pneumo.images import transforms
from pneumo.inference.input_check_report import ABOUT_FILE, AGAIN, ARRAYS_FILE, SCORES, About, folder, read_about
from pneumo.runs import forward, measured
from pneumo.schema import Assessment, Radiograph

SCHEMA_VERSION = 1
DOUBTS = {"colour", "aspect", "uniform"}  # warnings after which an unusual image is refused
LEAST_VARIANCE = 1e-4  # of grey levels in 0..1, so that a uniform image does not divide by 0
REASONS = {
    "features": "it looks too different from the training radiographs",
    "unexplained": "an autoencoder trained on chest radiographs cannot reconstruct it",
    "position": "it looks rotated, flipped or strongly cropped",
}
SENTENCES = {
    "radiograph": "",
    "phantom": "it looks like a computer-drawn phantom, not like a radiograph of a person",
    "unusual": "few of the children's radiographs the models learned from are this unusual; those of adults, other views and other devices may look like this",
}
# What is tried on a refused image: if it would pass then, that is the reason.
CORRECTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "it appears to be rotated by 180 degrees": lambda pixels: pixels[::-1, ::-1],
    "it appears to be upside down": lambda pixels: pixels[::-1],
    "it appears to be rotated to the left": lambda pixels: np.rot90(pixels, 3),
    "it appears to be rotated to the right": lambda pixels: np.rot90(pixels),
    "it appears to be inverted": lambda pixels: 255 - pixels,
}


@dataclass(frozen=True, eq=False)
class InputCheck:
    """An input check ready for use, shared between threads.

    arrays: centre (F,), whiten (F, F), phantom_centre (F,), phantom_whiten (F, F), position_weight (F,), position_offset (1,).
    """

    about: About
    arrays: Mapping[str, np.ndarray]
    encoder: runs.Run = field(repr=False)
    autoencoder: runs.Run = field(repr=False)


# --- checking ---------------------------------------------------------------------------------------------


def assess(check: InputCheck, image: Radiograph) -> Assessment:
    """Whether an image is accepted, and why not. Deterministic, safe under threads."""
    arrays, to_phantoms = scores_for(check, [image.pixels])
    verdict = str(verdicts_of(check, arrays, to_phantoms)[0])
    scores = {name: float(values[0]) for name, values in arrays.items()}
    if verdict == "unusual" and any(warning.code in DOUBTS for warning in image.warnings):
        verdict = "refused"
    reason = _reason(check, image.pixels, scores) if verdict == "refused" else SENTENCES[verdict]
    return Assessment(verdict, reason, scores)


def verdicts_of(check: InputCheck, scores: Mapping[str, np.ndarray], to_phantoms: np.ndarray) -> np.ndarray:
    """(N,) str, a verdict for each image, from its scores alone."""
    limits = check.about.limits
    unusual = np.any([scores[name] > limits[name].typical for name in SCORES], axis=0)
    refused = np.any([scores[name] > limits[name].refused for name in SCORES], axis=0)
    return np.select(
        [to_phantoms <= check.about.phantom_limit, refused, unusual], ["phantom", "refused", "unusual"], "radiograph"
    )


def _reason(check: InputCheck, pixels: np.ndarray, scores: Mapping[str, float]) -> str:
    """What would make it pass, else which score is too large."""
    limits = check.about.limits
    changed = [np.ascontiguousarray(change(pixels)) for change in CORRECTIONS.values()]
    values, _ = scores_for(check, changed)
    fits = np.all([values[name] <= limits[name].refused for name in SCORES], axis=0)
    if fits.any():
        return list(CORRECTIONS)[int(np.argmin(np.where(fits, values["features"], np.inf)))]
    # SCORES in their order: where all are too large, the first says the most.
    above = [name for name in SCORES if scores[name] > limits[name].refused] or list(SCORES)
    return REASONS[above[0]]


def scores_for(check: InputCheck, images: Sequence[np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The three scores, (N,) each, and the distance from phantoms (N,). images: (H, W) uint8 of any sizes."""
    seen = forward.features(check.encoder, transforms.resize_all(images, check.encoder.card.image))
    resized = transforms.resize_all(images, check.autoencoder.card.image)
    return scores_of(check.arrays, seen, unexplained(check.autoencoder, resized)), mahalanobis(
        check.arrays, seen, "phantom_"
    )


def scores_of(arrays: Mapping[str, np.ndarray], seen: np.ndarray, missing: np.ndarray) -> dict[str, np.ndarray]:
    position = seen @ arrays["position_weight"] + arrays["position_offset"]
    return {"features": mahalanobis(arrays, seen), "unexplained": missing, "position": position}


def mahalanobis(arrays: Mapping[str, np.ndarray], seen: np.ndarray, of: str = "") -> np.ndarray:
    return np.linalg.norm((seen - arrays[f"{of}centre"]) @ arrays[f"{of}whiten"], axis=1)


def unexplained(autoencoder: runs.Run, resized: np.ndarray) -> np.ndarray:
    """(N,) mean squared error of the reconstruction over the image's variance. resized: (N, S, S) uint8."""
    originals = resized.astype(np.float64) / 255
    errors = np.square(forward.reconstructions(autoencoder, resized) - originals).mean((1, 2))
    return errors / originals.var((1, 2), ddof=1).clip(min=LEAST_VARIANCE)


# --- on disk ----------------------------------------------------------------------------------------------


def save(check: InputCheck, place: Path) -> None:
    """Writes input_check.safetensors and input_check.json into a folder, the latter last."""
    place.mkdir(parents=True, exist_ok=True)
    measured.save_with_arrays(place, ABOUT_FILE, check.about, check.arrays)


def load(place: Path | None = None) -> InputCheck | None:
    """The input check of a folder, by default the one in weights/; None where there is none. RunError where it cannot be used."""
    place = place or folder()
    about = read_about(place)
    if about is None:
        return None
    arrays = measured.read_arrays(place / ARRAYS_FILE, about.arrays_sha256, AGAIN)
    return InputCheck(
        about,
        arrays,
        _beside(place, about.encoder, about.encoder_sha256),
        _beside(place, about.autoencoder, about.autoencoder_sha256),
    )


def _beside(place: Path, name: str, digest: str) -> runs.Run:
    """The run beside the input check's folder, with the weights the input check was fitted with."""
    beside = place.parent / name
    run = runs.load(str(beside) if (beside / runs.CARD_FILE).is_file() else name)
    if run.card.weights.sha256 != digest:
        raise runs.RunError(
            f"the input check in {place} was fitted with other weights of {name!r}; fit it again, or restore the run"
        )
    return run
