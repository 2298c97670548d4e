"""The input check: before a diagnosis, whether an image is like the radiographs the models learned from.

Three scores of an image, each larger the less it is like them:

    features     distance from the training radiographs in the first layers of an encoder (Mahalanobis; Lee et al. 2018)
    unexplained  share of the image's variance that the main components of radiographs do not explain (PCA)
    position     how much its features are like those of rotated, flipped or strongly cropped training radiographs

The encoder is a classifier. Where it is the one that is asked for a diagnosis, it computes the features on its way, and the check
costs next to nothing. Thresholds come from validation radiographs alone: `ACCEPTED` of them pass all three. Out-of-distribution
samples (`images.ood_samples`) only test it. Phantoms are recognised by a distribution of their own, named, and accepted. The
check lies in weights/input_check/.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from pneumo import runs
from pneumo.images import transforms
from pneumo.inference.input_check_report import ABOUT_FILE, AGAIN, ARRAYS_FILE, SCORES, About, folder, read_about
from pneumo.runs import engine, measured
from pneumo.runs.reading import read_file
from pneumo.schema import Assessment, ImageSpec, ImageWarning, Radiograph

DOUBTS = {"colour", "aspect", "uniform"}  # warnings after which an unusual image is refused
LEAST_VARIANCE = 1e-4  # of grey levels in 0..1, so that a uniform image does not divide by 0
THUMBNAIL_PX = (
    32  # of the images whose main components are looked for: what is finer belongs to the person, not to chests
)
REASONS = {
    "features": "it looks too different from the training radiographs",
    "unexplained": "it cannot be put together from what chest radiographs have in common",
    "position": "it looks rotated, flipped or strongly cropped",
}
SENTENCES = {
    "radiograph": "",
    "phantom": "it looks like a computer-drawn phantom, not like a radiograph of a person",
    "unusual": "few of the children's radiographs the models learned from are this unusual; those of adults, other views and other devices may look like this",
}
# What is tried on a refused image: if it would pass then, that is the reason. Squares, (S, S) uint8.
CORRECTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "it appears to be rotated by 180 degrees": lambda square: square[::-1, ::-1],
    "it appears to be upside down": lambda square: square[::-1],
    "it appears to be rotated to the left": lambda square: np.rot90(square, 3),
    "it appears to be rotated to the right": lambda square: np.rot90(square),
    "it appears to be inverted": lambda square: 255 - square,
}


@dataclass(frozen=True, eq=False)
class InputCheck:
    """An input check ready for use, shared between threads.

    arrays: centre (F,), whiten (F, F), phantom_centre (F,), phantom_whiten (F, F), position_weight (F,), position_offset (1,),
    mean (P,), components (K, P), of thumbnails of P pixels. encoder_folder: of the run whose features are used; it is loaded when
    it is needed, which it is not where the same run is asked for the diagnosis.
    """

    about: About
    arrays: Mapping[str, np.ndarray] = field(repr=False)
    encoder_folder: Path

    @functools.cached_property
    def image(self) -> ImageSpec:
        """How the squares are made that the check looks at."""
        return runs.read_card(self.encoder_folder).image

    @functools.cached_property
    def encoder(self) -> runs.Run:
        return runs.load(str(self.encoder_folder))

    def is_encoder(self, run: runs.Run) -> bool:
        """Whether a run computes the check's features on its way to a diagnosis."""
        return run.card.weights.sha256 == self.about.encoder_sha256 and run.card.image == self.image

    def takes_squares_of(self, image: ImageSpec) -> bool:
        """Whether what was resized for a model is what the check looks at; how a model normalises it does not matter."""
        own = self.image
        return (image.size, image.interpolation, image.intensity) == (own.size, own.interpolation, own.intensity)


# --- checking ---------------------------------------------------------------------------------------------


def assess(check: InputCheck, image: Radiograph) -> Assessment:
    """Whether an image is accepted, and why not. Deterministic, safe under threads."""
    return assess_squares(check, transforms.resize_all([image.pixels], check.image), [image.warnings])[0]


def assess_squares(
    check: InputCheck,
    squares: np.ndarray,
    warnings: Sequence[Sequence[ImageWarning]],
    encoder: runs.Run | None = None,
    features: np.ndarray | None = None,
) -> list[Assessment]:
    """An Assessment for each of a batch of images.

    squares: (N, S, S) uint8, resized as `check.image` says. warnings: what the reader noticed of each. encoder: a loaded run that
    is the check's own encoder. features: (N, F), where that has computed them already.
    """
    encoder = encoder or check.encoder
    scores, to_phantoms = scores_of(check, squares, encoder, features)
    result = []
    for n, verdict in enumerate(verdicts_of(check, scores, to_phantoms)):
        own = {name: float(values[n]) for name, values in scores.items()}
        if verdict == "unusual" and any(warning.code in DOUBTS for warning in warnings[n]):
            verdict = "refused"
        reason = _reason(check, squares[n], own, encoder) if verdict == "refused" else SENTENCES[verdict]
        result.append(Assessment(str(verdict), reason, own))
    return result


def verdicts_of(check: InputCheck, scores: Mapping[str, np.ndarray], to_phantoms: np.ndarray) -> np.ndarray:
    """(N,) str, a verdict for each image, from its scores alone. A score that is not finite refuses."""
    limits = check.about.limits
    typical = np.all([scores[name] <= limits[name].typical for name in SCORES], axis=0)
    accepted = np.all([scores[name] <= limits[name].refused for name in SCORES], axis=0)
    return np.select(
        [to_phantoms <= check.about.phantom_limit, ~accepted, ~typical], ["phantom", "refused", "unusual"], "radiograph"
    )


def _reason(check: InputCheck, square: np.ndarray, scores: Mapping[str, float], encoder: runs.Run) -> str:
    """What would make it pass, else which score is too large."""
    limits = check.about.limits
    values, _ = scores_of(check, np.stack([change(square) for change in CORRECTIONS.values()]), encoder)
    fits = np.all([values[name] <= limits[name].refused for name in SCORES], axis=0)
    if fits.any():
        return list(CORRECTIONS)[int(np.argmin(np.where(fits, values["features"], np.inf)))]
    # SCORES in their order: where all are too large, the first says the most.
    above = [name for name in SCORES if not scores[name] <= limits[name].refused] or list(SCORES)
    return REASONS[above[0]]


def scores_for(check: InputCheck, images: Sequence[np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The three scores, (N,) each, and the distance from phantoms (N,). images: (H, W) uint8 of any sizes."""
    return scores_of(check, transforms.resize_all(images, check.image), check.encoder)


def scores_of(
    check: InputCheck, squares: np.ndarray, encoder: runs.Run, features: np.ndarray | None = None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """As `scores_for`, of squares; features: (N, F), where they are known."""
    seen = features_of(encoder, squares, check.about.layers) if features is None else features
    return scores_from(check.arrays, seen, thumbnails(squares)), mahalanobis(check.arrays, seen, "phantom_")


def features_of(encoder: runs.Run, squares: np.ndarray, layers: Sequence[str]) -> np.ndarray:
    """(N, F) float32, a batch at a time. squares: (N, S, S) uint8, N of any size."""
    parts = [squares[start : start + engine.BATCH] for start in range(0, len(squares), engine.BATCH)]
    return np.concatenate([engine.of(encoder).features(part, layers) for part in parts])


def scores_from(arrays: Mapping[str, np.ndarray], seen: np.ndarray, small: np.ndarray) -> dict[str, np.ndarray]:
    """seen: (N, F) features. small: (N, P) from `thumbnails`."""
    position = _product(seen, arrays["position_weight"]) + arrays["position_offset"]
    return {"features": mahalanobis(arrays, seen), "unexplained": unexplained(arrays, small), "position": position}


def mahalanobis(arrays: Mapping[str, np.ndarray], seen: np.ndarray, of: str = "") -> np.ndarray:
    return np.linalg.norm(_product(seen - arrays[f"{of}centre"], arrays[f"{of}whiten"]), axis=1)


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right by PyTorch, on as many cores as its thread may use: numpy takes all of them, and waits for them busily."""
    return (torch.from_numpy(np.ascontiguousarray(left)) @ torch.from_numpy(np.ascontiguousarray(right))).numpy()


def thumbnails(squares: np.ndarray) -> np.ndarray:
    """(N, P) float32 in 0..1: means over areas, whatever the size. squares: (N, S, S) uint8."""
    planes = torch.from_numpy(np.array(squares)).float()[:, None] / 255
    return F.adaptive_avg_pool2d(planes, THUMBNAIL_PX).flatten(1).numpy()


def unexplained(arrays: Mapping[str, np.ndarray], small: np.ndarray) -> np.ndarray:
    """(N,) mean squared error of what the main components make of an image, over the image's variance."""
    centred = small - arrays["mean"]
    missing = centred - _product(_product(centred, arrays["components"].T), arrays["components"])
    return np.square(missing).mean(1) / small.var(1, ddof=1).clip(min=LEAST_VARIANCE)


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
    _check_arrays(arrays, place / ARRAYS_FILE)
    return InputCheck(about, arrays, _beside(place, about.encoder, about.encoder_sha256))


def _check_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """RunError where one is missing, or where their sizes do not agree."""
    shapes = {name: array.shape for name, array in arrays.items()}
    size, pixels = shapes.get("centre", (0,)), shapes.get("mean", (0,))
    expected = {
        "centre": size, "whiten": size * 2, "phantom_centre": size, "phantom_whiten": size * 2, "position_weight": size,
        "position_offset": (1,), "mean": pixels, "components": (*shapes.get("components", (0,))[:1], *pixels),
    }  # fmt: skip
    for name, shape in expected.items():
        if shapes.get(name) != shape or not shape[0]:
            raise runs.RunError(f"{path}: {name} is {shapes.get(name, 'missing')}, expected {shape}; {AGAIN}")


def _beside(place: Path, name: str, digest: str) -> Path:
    """The folder of the run beside the input check's, with the weights the input check was fitted with."""
    beside = place.parent / name
    found = runs.resolve(str(beside) if (beside / runs.CARD_FILE).is_file() else name)
    weights = read_file(found / runs.WEIGHTS_FILE, AGAIN)  # now, not when a visitor's image is checked
    if {runs.read_card(found).weights.sha256, runs.digest(weights)} != {digest}:
        raise runs.RunError(
            f"the input check in {place} was fitted with other weights of {name!r}; fit it again, or restore the run"
        )
    return found
