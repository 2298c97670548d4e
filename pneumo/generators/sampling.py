"""What generators do: draw radiographs, give one back from its code, walk between two.

The facade of pages and command line over runs whose task is "gan" or "reconstruction".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pneumo.images import radiograph, sheets, transforms
from pneumo.runs import SNAPSHOT_FOLDER, Run, RunError
from pneumo.runs.reading import read_file
from pneumo.schema import CLASS_NAMES, PneumoError

BATCH = 64  # images at a time: 128 px ones of conv_gan need 180 MB then
MAX_SAMPLES = 4096


def start(run: Run, count: int, seed: int) -> Tensor:
    """(count, Z) float32: where samples begin. The first ones are the same whatever the count."""
    check_task(run, "gan")
    if not 1 <= count <= MAX_SAMPLES:
        raise PneumoError(f"count is {count}; expected 1 to {MAX_SAMPLES}")
    return torch.stack(
        [torch.randn(run.model.z_size, generator=torch.Generator().manual_seed(_seed(seed, n))) for n in range(count)]
    )


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)


def classes(run: Run) -> tuple[str, ...]:
    """The classes a GAN was trained on: what can be asked of it."""
    check_task(run, "gan")
    only = run.card.recipe.data.only
    return (only,) if only else CLASS_NAMES


def labels(run: Run, count: int, wanted: str | None = None) -> Tensor:
    """(count,) int64: all of the wanted class, or the first half NORMAL and the second PNEUMONIA where it knows both."""
    known = classes(run)
    if wanted is not None and wanted not in known:
        raise PneumoError(f"run {run.card.name!r} draws {' and '.join(known)} only, not {wanted!r}")
    chosen = [wanted] if wanted else list(known)
    return torch.tensor([CLASS_NAMES.index(chosen[n * len(chosen) // count]) for n in range(count)])


def draw(run: Run, z: Tensor, of: Tensor) -> np.ndarray:
    """(N, S, S) uint8. z: (N, Z); of: (N,) int64 class indices. Deterministic, safe under threads. PneumoError as `finite`."""
    check_task(run, "gan")
    out = []
    with run.lock, torch.inference_mode():
        for part, which in zip(z.split(BATCH), of.split(BATCH), strict=True):
            out.append(sheets.to_uint8(finite(run, run.model.generator(part, which))))
    return np.concatenate(out)


def samples(run: Run, count: int, seed: int, wanted: str | None = None) -> np.ndarray:
    """(count, S, S) uint8 of one class or of all the run knows; the same ones for the same seed."""
    return draw(run, start(run, count, seed), labels(run, count, wanted))


def between(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """(steps, D): the way from one code to another, both ends included.

    Along the sphere, not through its inside (White 2016): Gaussian codes all lie near one radius.
    """
    share = np.linspace(0, 1, steps)[:, None]
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    if min(lengths) == 0:
        return (1 - share) * first + share * second
    cosine = np.clip(first @ second / (lengths[0] * lengths[1]), -1, 1)
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-4:
        return (1 - share) * first + share * second
    return (np.sin((1 - share) * angle) * first + np.sin(share * angle) * second) / np.sin(angle)


def check_task(run: Run, task: str) -> None:
    """PneumoError where a run was trained for another task: "gan" or "reconstruction"."""
    if run.card.task != task:
        wanted = {"gan": "a GAN", "reconstruction": "an autoencoder"}[task]
        raise PneumoError(f"run {run.card.name!r} is for {run.card.task}; choose the run of {wanted}")


def finite(run: Run, outputs: Tensor) -> Tensor:
    """The outputs. PneumoError where one is NaN or infinite, which would be drawn as a black pixel as if it meant something."""
    if not torch.isfinite(outputs).all():
        raise PneumoError(
            f"what run {run.card.name!r} generates is not finite (NaN or Infinity); use another run, or train it again"
        )
    return outputs


def directions(run: Run, count: int) -> np.ndarray:
    """(count, Z) unit vectors along which samples change most: the first layer's strongest (SeFa, Shen and Zhou 2021)."""
    check_task(run, "gan")
    first = next(module for module in run.model.generator.modules() if isinstance(module, nn.Linear))
    _, _, rows = torch.linalg.svd(first.weight.detach().double(), full_matrices=False)
    return rows[:count].float().numpy()


def one(
    run: Run,
    seed: int,
    number: int,
    wanted: str,
    truncation: float,
    along: Sequence[float],
    replaced: Mapping[int, float] | None = None,
) -> np.ndarray:
    """(S, S) uint8: a sample drawn towards the middle by `truncation` (0..1), then moved along the strongest directions.

    number: which of the samples of that seed. along: how far, one number a direction, in standard deviations of z.
    replaced: single numbers of z that are set by hand, by their index, before the directions are added.
    """
    z = truncation * start(run, number + 1, seed)[number:]
    for index, value in (replaced or {}).items():
        z[0, index] = value
    ways = torch.from_numpy(directions(run, len(along)))
    return draw(run, z + torch.tensor([list(along)], dtype=torch.float32) @ ways, labels(run, 1, wanted))[0]


def walk(run: Run, seed: int, first: int, second: int, wanted: str, steps: int) -> np.ndarray:
    """(steps, S, S) uint8: from one sample of a seed to another, both of the wanted class."""
    z = start(run, max(first, second) + 1, seed).numpy()
    way = between(z[first], z[second], steps).astype(np.float32)
    return draw(run, torch.from_numpy(way), labels(run, steps, wanted))


def verdicts(run: Run, drawn: np.ndarray, of: Tensor) -> np.ndarray:
    """(N,) the discriminator's probability of "real". images: (N, S, S) uint8 of the run's size; of: (N,) classes."""
    check_task(run, "gan")
    with run.lock, torch.inference_mode():
        images = transforms.normalise(torch.from_numpy(np.ascontiguousarray(drawn)), run.card.image)
        return finite(run, run.model.discriminator(images, of)).sigmoid().double().numpy()


def snapshots(run: Run) -> dict[int, np.ndarray]:
    """The same samples after several epochs of training: (N, S, S) uint8 by epoch; empty where none were kept.

    RunError names a sheet that cannot be read.
    """
    result = {}
    for path in sorted((run.folder / SNAPSHOT_FOLDER).glob("epoch_*.png")):
        try:
            epoch = int(path.stem.removeprefix("epoch_"))
            sheet = radiograph.read(read_file(path), path.name).pixels
            result[epoch] = sheets.cells(sheet, run.card.image.size)
        except ValueError as error:  # PneumoError among them: no number, no image, no sheet of cells of that size
            raise RunError(
                f"{path}: the samples of an epoch cannot be shown ({error}); restore it, or remove it"
            ) from error
    return result
