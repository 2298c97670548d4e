"""Does a GAN copy? Distances of its samples to the nearest training radiographs.

scikit-learn is imported where it searches: the page of the GAN reaches this module before anybody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pneumo import data, runs
from pneumo.generators.quality_report import Memory, Near, Range
from pneumo.images import transforms
from pneumo.metrics import resampling
from pneumo.runs import forward
from pneumo.schema import Progress

Views = tuple[np.ndarray, np.ndarray]  # the same images as pixels (N, S, S) uint8 and as features (N, F)


def measure_memory(trained: Views, held_out: Views, made: Sequence[Views], patients: Sequence[str]) -> Memory:
    """made: one pair of views for every seed; patients: of the held-out images."""
    pixel, typical = _near(
        *(_flat(each[0]) for each in (trained, held_out)), [_flat(each[0]) for each in made], patients
    )
    feature, _ = _near(trained[1], held_out[1], [each[1] for each in made], patients)
    rare = np.quantile(typical[-1], 0.01)
    return Memory(len(held_out[0]), pixel, feature, range_of([float((each < rare).mean()) for each in typical[:-1]]))


def _flat(resized: np.ndarray) -> np.ndarray:
    """(N, S * S) float32, so that a Euclidean distance is a root mean square difference of grey levels 0..1."""
    flat = resized.reshape(len(resized), -1).astype(np.float32)
    return flat / (255 * np.sqrt(flat.shape[1]))


def _near(
    trained: np.ndarray, held_out: np.ndarray, made: Sequence[np.ndarray], patients: Sequence[str]
) -> tuple[Near, list[np.ndarray]]:
    """The metrics, and the distances behind them: of each seed's samples, of the held-out ones last."""
    distances = [nearest(trained, each)[0] for each in (*made, held_out)]
    drawn = [np.median(distances[-1][rows]) for rows in resampling.patient_draws(patients, seed=0)]
    medians = [float(np.median(each)) for each in distances]
    return Near(range_of(medians[:-1]), medians[-1], resampling.interval(drawn)), distances


def features_of(encoder: runs.Run, images: np.ndarray, progress: Progress | None = None) -> np.ndarray:
    """(N, F) float32 of images (N, H, W) uint8 of another size than the encoder's."""
    return forward.features(encoder, transforms.resize_all(images, encoder.card.image), progress)


def nearest(known: np.ndarray, asked: np.ndarray, count: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices of the nearest rows of `known` (N, F) for each of `asked` (M, F): (M,), or (M, count)."""
    from sklearn.neighbors import NearestNeighbors

    distances, indices = NearestNeighbors(n_neighbors=count).fit(known).kneighbors(asked)
    return (distances[:, 0], indices[:, 0]) if count == 1 else (distances, indices)


@dataclass(frozen=True, eq=False)
class Known:
    """The training images of a GAN: names, resized (N, S, S) uint8, and features (N, F) once they were computed."""

    names: tuple[str, ...]
    resized: np.ndarray
    features: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A training image near a sample. resized_image: (S, S) uint8. distance: as in `Memory`."""

    name: str
    resized_image: np.ndarray
    distance: float


def training_images(gan: runs.Run, source: str, progress: Progress | None = None) -> Known:
    """What a GAN learned from, where its data are at hand. PneumoError where they are other data."""
    own = data.open_as_trained(gan.card, source, progress)
    rows = own.rows("train")
    return Known(tuple(own.dataset.items[i].name for i in rows), own.resized[rows])


def with_features(known: Known, encoder: runs.Run, progress: Progress | None = None) -> Known:
    """The same with the features of an encoder: a minute on one core for four thousand images."""
    return replace(known, features=features_of(encoder, known.resized, progress))


def neighbours(known: Known, image: np.ndarray, count: int, encoder: runs.Run | None = None) -> list[Neighbour]:
    """The nearest training images of a sample (S, S) uint8: in the features of `encoder`, or in pixels without one."""
    if encoder is None:
        flat = [each.reshape(-1, image.size).astype(np.float32) / 255 for each in (known.resized, image)]
        distances = np.sqrt(np.square(flat[0] - flat[1]).mean(1))
    else:
        distances = np.linalg.norm(known.features - features_of(encoder, image[None]), axis=1)
    return [Neighbour(known.names[n], known.resized[n], float(distances[n])) for n in np.argsort(distances)[:count]]


def range_of(values: Sequence[float]) -> Range:
    return Range(float(np.mean(values)), float(min(values)), float(max(values)))
