"""How good a generator's radiographs are, in metrics that need no Inception network.

Everything is measured in the feature space of a run of ours, and always beside what real radiographs of the same number
give against real ones: the floor. Held-out radiographs are the run's validation and internal test patients.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from pneumo import data, runs
from pneumo.generators import sampling
from pneumo.generators.memorisation import features_of, measure_memory, range_of
from pneumo.generators.quality_report import Asked, Distances, Quality
from pneumo.images import transforms
from pneumo.runs import forward
from pneumo.schema import CLASS_NAMES, PneumoError, Progress

NEIGHBOURS = 3  # of improved precision and recall, as published
KID_SUBSETS, KID_SIZE = 50, 200
FEW = 50  # with fewer images a distance between distributions says nothing


def measure(
    gan: runs.Run,
    encoder: runs.Run,
    classifier: runs.Run,
    source: str,
    *,
    seeds: int = 3,
    limit: int = 0,
    progress: Progress | None = None,
) -> Quality:
    """All metrics. source: the data the GAN was trained on; limit: at most so many images of each kind, 0 for all."""
    if encoder.members:
        raise PneumoError(f"{encoder.card.name!r} is an ensemble and has no features; choose a single run")
    trained, held_out, kinds, patients = _real(gan, source, limit)
    report = progress or (lambda done, total: None)
    steps = 3 + seeds
    real, floor = (features_of(encoder, each) for each in (held_out, trained[: len(held_out)]))
    report(1, steps)
    samples = []
    for seed in range(seeds):
        samples.append(_as_many(gan, kinds, seed))
        report(2 + seed, steps)
    sample_features = [features_of(encoder, each) for each in samples]
    known = features_of(encoder, trained)
    report(steps - 1, steps)
    result = Quality(
        weights_sha256=gan.card.weights.sha256,
        encoder=encoder.card.name,
        classifier=classifier.card.name,
        seeds=seeds,
        distances=_distances(real, floor, sample_features),
        memory=measure_memory(
            (trained, known), (held_out, real), list(zip(samples, sample_features, strict=True)), patients
        ),
        asked=_asked(gan, classifier, samples, kinds),
    )
    report(steps, steps)
    return result


def _distances(real: np.ndarray, floor: np.ndarray, samples: Sequence[np.ndarray]) -> Distances:
    """Features (N, F) of held-out radiographs, of as many training ones, and of the samples of each seed."""
    pairs, at_best = [precision_recall(real, each) for each in samples], precision_recall(real, floor)
    return Distances(
        n=len(real),
        frechet=range_of([frechet(real, each) for each in samples]),
        frechet_floor=frechet(real, floor),
        kernel=range_of([kernel(real, each) for each in samples]),
        kernel_floor=kernel(real, floor),
        precision=range_of([each[0] for each in pairs]),
        recall=range_of([each[1] for each in pairs]),
        precision_floor=at_best[0],
        recall_floor=at_best[1],
    )


def _real(gan: runs.Run, source: str, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Training and held-out images (N, S, S) uint8 at the GAN's size, the held-out ones' classes and patients."""
    own, rng = data.open_as_trained(gan.card, source), np.random.default_rng(0)
    chosen = [rng.permutation(own.rows(*names))[: limit or None] for names in (("train",), ("validation", "test"))]
    if min(map(len, chosen)) < FEW:
        raise PneumoError(f"{source} has {min(map(len, chosen))} images to compare with; {FEW} are the least")
    train, held_out = chosen
    patients = [own.dataset.items[row].patient for row in held_out]
    return own.resized[train], own.resized[held_out], own.dataset.labels[held_out], patients


def _as_many(gan: runs.Run, kinds: np.ndarray, seed: int) -> np.ndarray:
    """As many samples of each class as there are held-out radiographs of it."""
    z = sampling.start(gan, len(kinds), seed)
    return sampling.draw(gan, z, torch.from_numpy(kinds))


def frechet(one: np.ndarray, other: np.ndarray) -> float:
    """Frechet distance of two sets of features (N, F)."""
    metric = FrechetInceptionDistance(feature=_Ready(one.shape[1]))
    metric.set_dtype(torch.float64)
    metric.update(torch.from_numpy(one), real=True)
    metric.update(torch.from_numpy(other), real=False)
    return float(metric.compute())


def kernel(one: np.ndarray, other: np.ndarray) -> float:
    """Kernel distance of two sets of features (N, F), times 1,000; subsets drawn with a fixed seed."""
    size = min(KID_SIZE, len(one), len(other))
    with warnings.catch_warnings():  # that it keeps all features is meant
        warnings.simplefilter("ignore", UserWarning)
        metric = KernelInceptionDistance(feature=_Ready(one.shape[1]), subsets=KID_SUBSETS, subset_size=size)
    metric.update(torch.from_numpy(one), real=True)
    metric.update(torch.from_numpy(other), real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return 1000 * float(metric.compute()[0])


class _Ready(nn.Module):
    """Stands where torchmetrics expects a network: the features are computed already."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size

    def forward(self, result: Tensor) -> Tensor:
        return result


def precision_recall(real: np.ndarray, made: np.ndarray) -> tuple[float, float]:
    """Improved precision and recall of two sets of features (N, F)."""
    return _share_within(made, real), _share_within(real, made)


def _share_within(points: np.ndarray, cloud: np.ndarray) -> float:
    """Share of the points that lie within some ball around a member of the cloud, up to its third neighbour."""
    count = min(NEIGHBOURS + 1, len(cloud))
    radii = NearestNeighbors(n_neighbors=count).fit(cloud).kneighbors(cloud)[0][:, -1]
    inside = np.zeros(len(points), dtype=bool)
    lengths = (cloud.astype(np.float64) ** 2).sum(1)
    for rows in np.array_split(np.arange(len(points)), max(1, len(points) // 256)):
        split = points[rows].astype(np.float64)
        squared = (split**2).sum(1)[:, None] + lengths - 2 * split @ cloud.T.astype(np.float64)
        inside[rows] = (squared <= radii**2).any(1)
    return float(inside.mean())


def _asked(gan: runs.Run, classifier: runs.Run, made: Sequence[np.ndarray], kinds: np.ndarray) -> tuple[Asked, ...]:
    """made: samples (N, S, S) uint8 of every seed; kinds: (N,) the class each was asked to be."""
    card, result = classifier.card, []
    chances = [forward.probabilities(classifier, transforms.resize_all(each, card.image)) for each in made]
    for name in sampling.classes(gan):
        mine = [each[kinds == CLASS_NAMES.index(name)] for each in chances]
        positive = [(each >= card.point().threshold).mean() for each in mine]
        agreed = [share if name == CLASS_NAMES[1] else 1 - share for share in positive]
        result.append(Asked(name, len(mine[0]), range_of([np.median(each) for each in mine]), range_of(agreed)))
    return tuple(result)
