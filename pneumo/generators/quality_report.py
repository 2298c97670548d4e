"""What was measured of a generator, as it lies beside the run (quality.json) and stands on its card. `quality` measures it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pneumo.formatting import rate, score, with_interval
from pneumo.runs import measured
from pneumo.runs.model_card import Section
from pneumo.schema import Interval, SyntheticTransfer

FILE, ENCODER = "quality.json", "resnet18_frozen"  # whose features are compared where nothing else is said


@dataclass(frozen=True)
class Range:
    """A metric over several seeds: mean, smallest and largest."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Near:
    """Median distance to the nearest training image: of generated and of held-out radiographs (patients resampled)."""

    generated: Range
    held_out: float
    held_out_ci95: Interval


@dataclass(frozen=True)
class Memory:
    """Whether a generator has memorised training images; n samples and held-out radiographs.

    pixel: root mean square difference of grey levels, 0..1, at the generator's size. feature: Euclidean.
    copies: share of the generated nearer to a training image than all but one in a hundred of the held-out ones.
    """

    n: int
    pixel: Near
    feature: Near
    copies: Range


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
class Asked:
    """How a classifier reads samples of one class: its median probability of PNEUMONIA and the share it agrees with."""

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
    tstr: tuple[SyntheticTransfer, ...] = ()


def save(folder: Path, result: Quality) -> None:
    """Writes quality.json into a run's folder."""
    measured.save(folder, FILE, result)


def read(folder: Path) -> Quality | None:
    """quality.json of a run, or None where it was not measured or belongs to other weights."""
    return measured.read(folder, FILE, Quality)


# --- for people -------------------------------------------------------------------------------------------

MEASURES = (  # title, field of Distances, what is better, decimals
    ("Frechet distance", "frechet", "low", 1),
    ("Kernel distance, times 1,000", "kernel", "low", 1),
    ("Precision: generated among real", "precision", "high", 3),
    ("Recall: real among generated", "recall", "high", 3),
)


def card_sections(folder: Path) -> list[Section]:
    """What a GAN's card says of its samples; nothing where none were measured."""
    result = read(folder)
    if result is None:
        return []
    near, memory = result.distances, result.memory
    rows = [
        f"| {title} | {told(getattr(near, name), places)} | {getattr(near, f'{name}_floor'):.{places}f} |"
        for title, name, _, places in MEASURES
    ]
    rows += [
        f"| Nearest training image, {where} | {told(each.generated, places)} | {each.held_out:.{places}f} "
        f"(95% {each.held_out_ci95.low:.{places}f} to {each.held_out_ci95.high:.{places}f}) |"
        for where, each, places in (("pixels", memory.pixel, 4), ("features", memory.feature, 2))
    ]
    lines = [
        f"{each.wanted}: {result.classifier} agrees with {rate(each.agreed.mean)} of n = {each.n:,}."
        for each in result.asked
    ]
    lines += [
        f"Trained on {each.trained_on}, tested on {each.tested_on}: AUROC {with_interval(each.auroc, each.ci95, score)}, n = {each.n:,}."
        for each in result.tstr
    ]
    text = (
        f"n = {near.n:,} samples and as many held-out radiographs (validation and internal test), in the features of {result.encoder}; mean, lowest and highest of {result.seeds} seeds. "
        "One training. Distances in another network's features cannot be compared with these.\n\n"
        "| | generated | real against real, or held-out |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n\n"
    )
    return [Section("Results", text + "\n".join(f"- {line}" for line in lines))]


def told(value: Range, places: int) -> str:
    """Mean, and in brackets the lowest and the highest of the seeds."""
    return f"{value.mean:.{places}f} ({value.low:.{places}f} to {value.high:.{places}f})"
