"""What a direction of a code, or of a GAN's z, changes in images, in a word: measured, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from pneumo.generators import reconstruction, sampling
from pneumo.generators.latent_report import Space
from pneumo.runs import Run

REACH = 2.0  # standard deviations to either side, between which images are compared
BASES = 8  # images that are moved along every direction
NATURAL = 48  # images whose spread says what a large change is
LEAST = 1.0  # a smaller change, in standard deviations of that spread, gets no word
AGREEING = 0.75  # of the moved images must change the same way
CENTRE = ((0.15, 0.75), (0.1, 0.9))  # shares of the height and width of a frontal radiograph: where lungs are
EDGE = 0.25  # of the way from the darkest to the brightest column of a side: darker ones are beside the body


def measures(images: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) float64 by the property's name, of images (N, S, S) uint8. Sides are those of the image, not of the patient.

    The two of shape are taken from each half or quarter by its own levels: a part that is only brighter does not count.
    """
    grey, half = images.astype(np.float64), images.shape[1] // 2
    return {
        "brightness": grey.mean((1, 2)),
        "brightness of the upper half": grey[:, :half].mean((1, 2)),
        "brightness of the lower half": grey[:, half:].mean((1, 2)),
        "brightness of the left half": grey[:, :, :half].mean((1, 2)),
        "brightness of the right half": grey[:, :, half:].mean((1, 2)),
        "contrast": grey.std((1, 2)),
        "dark area of the lungs": _dark_share(grey),
        "width of the chest": _width(grey),
    }


def _dark_share(grey: np.ndarray) -> np.ndarray:
    """(N,) share of the middle of images (N, S, S) that is darker than the mean of its quarter."""
    side, half = grey.shape[1], grey.shape[1] // 2
    (top, bottom), (left, right) = ((int(low * side), int(high * side)) for low, high in CENTRE)
    quarters = [
        grey[:, rows, columns].reshape(len(grey), -1)
        for rows in (slice(top, half), slice(half, bottom))
        for columns in (slice(left, half), slice(half, right))
    ]
    return np.concatenate([each < each.mean(1, keepdims=True) for each in quarters], 1).mean(1)


def _width(grey: np.ndarray) -> np.ndarray:
    """(N,) share of the columns of images (N, S, S) that are body and not what is beside it, in the middle rows."""
    half = grey.shape[1] // 2
    profile = grey[:, half // 2 : half + half // 2].mean(1)  # (N, S)
    sides = []
    for each in (profile[:, :half], profile[:, half:]):
        low, high = each.min(1, keepdims=True), each.max(1, keepdims=True)
        sides.append(each >= low + EDGE * (high - low))
    return np.concatenate(sides, 1).mean(1)


def word(down: np.ndarray, up: np.ndarray, natural: np.ndarray) -> str | None:
    """The property that a direction changes most, in units of its spread; None where none changes much.

    down, up: (B, S, S) uint8, the same images moved backwards and forwards. natural: (N, S, S) uint8, unmoved images.
    """
    before, after, spread = measures(down), measures(up), measures(natural)
    changes = {}
    for name, values in spread.items():
        change, size = after[name] - before[name], max(float(values.std()), 1e-9)
        agreeing = max(float((change > 0).mean()), float((change < 0).mean()))
        changes[name] = abs(float(change.mean())) / size if agreeing >= AGREEING else 0.0
    best = max(changes, key=changes.__getitem__)
    return best if changes[best] >= LEAST else None


def of_gan(run: Run, count: int) -> list[str | None]:
    """A word for each of the strongest `count` directions of a GAN's z, over samples of all its classes."""
    z, labels = sampling.start(run, NATURAL, 0), sampling.labels(run, NATURAL)
    chosen = torch.linspace(0, NATURAL - 1, BASES).long()  # labels lie by class: of both

    def moved(way: np.ndarray) -> np.ndarray:
        return sampling.draw(run, z[chosen] + torch.from_numpy(way), labels[chosen])

    return _words(moved, sampling.directions(run, count), sampling.draw(run, z, labels))


def of_code(run: Run, space: Space) -> list[str | None]:
    """A word for each measured direction of an autoencoder's code, over held-out radiographs as it reconstructs them."""
    at = np.linspace(0, space.about.n - 1, min(NATURAL, space.about.n)).astype(int)
    codes = space.codes[at].astype(np.float32)
    chosen = codes[:: max(1, len(codes) // BASES)]
    return _words(
        lambda way: reconstruction.decode(run, chosen + way), space.directions, reconstruction.decode(run, codes)
    )


def _words(
    moved: Callable[[np.ndarray], np.ndarray], ways: Sequence[np.ndarray], natural: np.ndarray
) -> list[str | None]:
    return [word(moved(-REACH * way), moved(REACH * way), natural) for way in ways]


def z_size(run: Run) -> int:
    """How many numbers a sample of a GAN starts from."""
    sampling.check_task(run, "gan")
    return run.model.z_size
