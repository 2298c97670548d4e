"""How good a generator's radiographs are, in figures that need no Inception network.

Everything is measured in the feature space of a run of ours, and always beside what real radiographs of the same number
give against real ones: the floor. Held-out radiographs are the run's validation and internal test patients.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from pneumo import data, evaluation, features, generative, models, runs, transforms
from pneumo.modelcard import Section
from pneumo.schema import CLASS_NAMES, Crossed, Interval, PneumoError, decode, encode

FILE, ENCODER = "quality.json", "resnet18_frozen"  # whose features are compared where nothing else is said
NEIGHBOURS = 3  # of improved precision and recall, as published
KID_SUBSETS, KID_SIZE = 50, 200
FEW = 50  # with fewer pictures a distance between distributions says nothing
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Range:
    """A figure over several seeds: mean, smallest and largest."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Distances:
    """Generated against held-out radiographs, and training against held-out ones (the floor), n of each.

    frechet: Heusel et al. 2017. kernel: Binkowski et al. 2018, times 1,000. precision: share of the generated that lie among
    the real; recall: share of the real that lie among the generated (Kynkaanniemi et al. 2019).
    """

    n: int
    frechet: Range
    frechet_floor: float
    kernel: Range
    kernel_floor: float
    precision: Range
    recall: Range
    precision_floor: float
    recall_floor: float


@dataclass(frozen=True)
class Near:
    """Median distance to the nearest training picture: of generated and of held-out radiographs (patients resampled)."""

    generated: Range
    held_out: float
    held_out_ci95: Interval


@dataclass(frozen=True)
class Memory:
    """Whether a generator has learned pictures by heart; n samples and held-out radiographs.

    pixel: root mean square difference of grey levels, 0..1, at the generator's size. feature: Euclidean.
    copies: share of the generated nearer to a training picture than all but one in a hundred of the held-out ones.
    """

    n: int
    pixel: Near
    feature: Near
    copies: Range


@dataclass(frozen=True)
class Asked:
    """What a classifier makes of samples of one class: its median probability of PNEUMONIA and the share it agrees with."""

    wanted: str
    n: int
    probability: Range
    agreed: Range


@dataclass(frozen=True)
class Quality:
    """quality.json: everything measured of one GAN."""

    weights_sha256: str
    encoder: str
    classifier: str
    seeds: int
    distances: Distances
    memory: Memory
    asked: tuple[Asked, ...]
    crossed: tuple[Crossed, ...] = ()


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
    """All figures. source: the data the GAN was trained on; limit: at most so many pictures of each kind, 0 for all."""
    if encoder.members:
        raise PneumoError(f"{encoder.card.name!r} is an ensemble and has no features; choose a single run")
    trained, held_out, kinds, patients = _real(gan, source, limit)
    report = progress or (lambda done, total: None)
    steps = 3 + seeds
    real, floor = (features.of_pictures(encoder, each) for each in (held_out, trained[: len(held_out)]))
    report(1, steps)
    samples = []
    for seed in range(seeds):
        samples.append(_as_many(gan, kinds, seed))
        report(2 + seed, steps)
    found = [features.of_pictures(encoder, each) for each in samples]
    known = features.of_pictures(encoder, trained)
    report(steps - 1, steps)
    pairs = [precision_recall(real, each) for each in found]
    at_best = precision_recall(real, floor)
    distances = Distances(
        n=len(real),
        frechet=_range([frechet(real, each) for each in found]),
        frechet_floor=frechet(real, floor),
        kernel=_range([kernel(real, each) for each in found]),
        kernel_floor=kernel(real, floor),
        precision=_range([each[0] for each in pairs]),
        recall=_range([each[1] for each in pairs]),
        precision_floor=at_best[0],
        recall_floor=at_best[1],
    )
    result = Quality(
        weights_sha256=gan.card.weights.sha256,
        encoder=encoder.card.name,
        classifier=classifier.card.name,
        seeds=seeds,
        distances=distances,
        memory=_memory((trained, known), (held_out, real), list(zip(samples, found, strict=True)), patients),
        asked=_asked(gan, classifier, samples, kinds),
    )
    report(steps, steps)
    return result


def _real(gan: runs.Run, source: str, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Training and held-out squares (N, S, S) uint8 at the GAN's size, the held-out ones' classes and patients."""
    dataset, squares, parts = _parts(gan, source)
    chosen = []
    rng = np.random.default_rng(0)
    for names in (("train",), ("validation", "test")):
        rows = np.concatenate([parts[name] for name in names])
        chosen.append(rng.permutation(rows)[: limit or None])
    if min(map(len, chosen)) < FEW:
        raise PneumoError(f"{source} has {min(map(len, chosen))} pictures to compare with; {FEW} are the least")
    train, held_out = chosen
    patients = [dataset.items[row].patient for row in held_out]
    return squares[train], squares[held_out], dataset.labels[held_out], patients


def _parts(
    gan: runs.Run, source: str, progress: Progress | None = None
) -> tuple[data.DataSet, np.ndarray, dict[str, np.ndarray]]:
    """The data of a GAN, squares (N, S, S) uint8 of all of it, and the rows of each part."""
    dataset = data.open_source(source)
    squares = data.squares(dataset, gan.card.image, progress)
    parts = data.divide(dataset, gan.card.recipe.data)
    parts = {part: rows[~np.isin(rows, list(squares.errors))] for part, rows in parts.items()}
    parts = data.only(dataset, parts, gan.card.recipe.data.only)
    if data.split_digest(dataset, parts) != gan.card.data.split_digest:
        raise PneumoError(f"{source} is not the data {gan.card.name!r} was trained on; name that source")
    return dataset, squares.array, parts


def _as_many(gan: runs.Run, kinds: np.ndarray, seed: int) -> np.ndarray:
    """As many samples of each class as there are held-out radiographs of it."""
    z = generative.start(gan, len(kinds), seed)
    return generative.draw(gan, z, torch.from_numpy(kinds))


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

    def forward(self, found: Tensor) -> Tensor:
        return found


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
        part = points[rows].astype(np.float64)
        squared = (part**2).sum(1)[:, None] + lengths - 2 * part @ cloud.T.astype(np.float64)
        inside[rows] = (squared <= radii**2).any(1)
    return float(inside.mean())


Views = tuple[np.ndarray, np.ndarray]  # the same pictures as squares (N, S, S) uint8 and as features (N, F)


def _memory(trained: Views, held_out: Views, made: Sequence[Views], patients: Sequence[str]) -> Memory:
    """made: one pair of views for every seed; patients: of the held-out pictures."""
    pixel, typical = _near(
        *(_flat(each[0]) for each in (trained, held_out)), [_flat(each[0]) for each in made], patients
    )
    feature, _ = _near(trained[1], held_out[1], [each[1] for each in made], patients)
    rare = np.quantile(typical[-1], 0.01)
    return Memory(len(held_out[0]), pixel, feature, _range([float((each < rare).mean()) for each in typical[:-1]]))


def _flat(squares: np.ndarray) -> np.ndarray:
    """(N, S * S) float32, so that a Euclidean distance is a root mean square difference of grey levels 0..1."""
    flat = squares.reshape(len(squares), -1).astype(np.float32)
    return flat / (255 * np.sqrt(flat.shape[1]))


def _near(
    trained: np.ndarray, held_out: np.ndarray, made: Sequence[np.ndarray], patients: Sequence[str]
) -> tuple[Near, list[np.ndarray]]:
    """The figures, and the distances behind them: of each seed's samples, of the held-out ones last."""
    distances = [nearest(trained, each)[0] for each in (*made, held_out)]
    drawn = [np.median(distances[-1][rows]) for rows in evaluation.patient_draws(patients, seed=0)]
    ends = Interval(*(float(end) for end in np.percentile(drawn, [2.5, 97.5])))
    medians = [float(np.median(each)) for each in distances]
    return Near(_range(medians[:-1]), medians[-1], ends), distances


def nearest(known: np.ndarray, asked: np.ndarray, count: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices of the nearest rows of `known` (N, F) for each of `asked` (M, F): (M,), or (M, count)."""
    distances, indices = NearestNeighbors(n_neighbors=count).fit(known).kneighbors(asked)
    return (distances[:, 0], indices[:, 0]) if count == 1 else (distances, indices)


@dataclass(frozen=True, eq=False)
class Known:
    """The training pictures of a GAN: names, squares (N, S, S) uint8, and features (N, F) once they were computed."""

    names: tuple[str, ...]
    squares: np.ndarray
    features: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A training picture near a sample. square: (S, S) uint8. distance: as in `Memory`."""

    name: str
    square: np.ndarray
    distance: float


def training_pictures(gan: runs.Run, source: str, progress: Progress | None = None) -> Known:
    """What a GAN learned from, where its data are at hand. PneumoError where they are other data."""
    dataset, squares, parts = _parts(gan, source, progress)
    return Known(tuple(dataset.items[i].name for i in parts["train"]), squares[parts["train"]])


def with_features(known: Known, encoder: runs.Run, progress: Progress | None = None) -> Known:
    """The same with the features of an encoder: a minute on one core for four thousand pictures."""
    report, found = progress or (lambda done, total: None), []
    for start in range(0, len(known.squares), features.BATCH):
        found.append(features.of_pictures(encoder, known.squares[start : start + features.BATCH]))
        report(min(start + features.BATCH, len(known.squares)), len(known.squares))
    return replace(known, features=np.concatenate(found))


def neighbours(known: Known, picture: np.ndarray, count: int, encoder: runs.Run | None = None) -> list[Neighbour]:
    """The nearest training pictures of a sample (S, S) uint8: in the features of `encoder`, or in pixels without one."""
    if encoder is None:
        flat = [each.reshape(-1, picture.size).astype(np.float32) / 255 for each in (known.squares, picture)]
        distances = np.sqrt(np.square(flat[0] - flat[1]).mean(1))
    else:
        distances = np.linalg.norm(known.features - features.of_pictures(encoder, picture[None]), axis=1)
    return [Neighbour(known.names[n], known.squares[n], float(distances[n])) for n in np.argsort(distances)[:count]]


def _asked(gan: runs.Run, classifier: runs.Run, made: Sequence[np.ndarray], kinds: np.ndarray) -> tuple[Asked, ...]:
    """made: squares (N, S, S) of every seed; kinds: (N,) the class each was asked to be."""
    card, found = classifier.card, []
    chances = [_probabilities(classifier, each) for each in made]
    for name in generative.classes(gan):
        mine = [each[kinds == CLASS_NAMES.index(name)] for each in chances]
        sick = [(each >= card.point().threshold).mean() for each in mine]
        agreed = [share if name == CLASS_NAMES[1] else 1 - share for share in sick]
        found.append(Asked(name, len(mine[0]), _range([np.median(each) for each in mine]), _range(agreed)))
    return tuple(found)


def _probabilities(classifier: runs.Run, pictures: np.ndarray) -> np.ndarray:
    """(N,) float64, calibrated probability of PNEUMONIA."""
    card = classifier.card
    squares = np.stack([transforms.to_square(each, card.image) for each in pictures])
    with classifier.lock, torch.inference_mode():
        logits = [
            classifier.model(transforms.normalise(torch.from_numpy(part), card.image))
            for part in np.array_split(squares, max(1, len(squares) // 128))
        ]
    plain = models.positive_logit(torch.cat(logits)).double().numpy()
    return evaluation.calibrated(plain, card.temperature, card.bias)


def _range(values: Sequence[float]) -> Range:
    return Range(float(np.mean(values)), float(min(values)), float(max(values)))


def save(folder: Path, found: Quality) -> None:
    """Writes quality.json into a run's folder."""
    runs.write(folder / FILE, json.dumps(encode(found), indent=1).encode())


def read(folder: Path) -> Quality | None:
    """quality.json of a run, or None where it was not measured or belongs to other weights."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        found = decode(Quality, json.loads(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise runs.RunError(f"{path} does not fit its schema: {error}. Restore the file, or measure again") from error
    return found if found.weights_sha256 == runs.read_card(folder).weights.sha256 else None


# --- for people -------------------------------------------------------------------------------------------

MEASURES = (  # title, field of Distances, what is better, decimals
    ("Frechet distance", "frechet", "low", 1),
    ("Kernel distance, times 1,000", "kernel", "low", 1),
    ("Precision: generated among real", "precision", "high", 3),
    ("Recall: real among generated", "recall", "high", 3),
)


def card_sections(folder: Path) -> list[Section]:
    """What a GAN's card says of its samples; nothing where none were measured."""
    found = read(folder)
    if found is None:
        return []
    near, memory = found.distances, found.memory
    rows = [
        f"| {title} | {told(getattr(near, name), places)} | {getattr(near, f'{name}_floor'):.{places}f} |"
        for title, name, _, places in MEASURES
    ]
    rows += [
        f"| Nearest training picture, {where} | {told(each.generated, places)} | {each.held_out:.{places}f} "
        f"(95% {each.held_out_ci95.low:.{places}f} to {each.held_out_ci95.high:.{places}f}) |"
        for where, each, places in (("pixels", memory.pixel, 4), ("features", memory.feature, 2))
    ]
    lines = [
        f"{each.wanted}: {found.classifier} agrees with {each.agreed.mean:.1%} of n = {each.n:,}."
        for each in found.asked
    ]
    lines += [
        f"Trained on {each.trained_on}, tested on {each.tested_on}: AUROC {each.auroc:.3f}"
        + (f" ({each.ci95.low:.3f} to {each.ci95.high:.3f})" if each.ci95 else "")
        + f", n = {each.n:,}."
        for each in found.crossed
    ]
    text = (
        f"n = {near.n:,} samples and as many held-out radiographs (validation and internal test), in the features of {found.encoder}; mean, lowest and highest of {found.seeds} seeds. "
        "One training. Distances in another network's features cannot be compared with these.\n\n"
        "| | generated | real against real, or held-out |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n\n"
    )
    return [Section("Results", text + "\n".join(f"- {line}" for line in lines))]


def told(value: Range, places: int) -> str:
    """Mean, and in brackets the lowest and the highest of the seeds."""
    return f"{value.mean:.{places}f} ({value.low:.{places}f} to {value.high:.{places}f})"
