"""Measures every heatmap that could be a run's default beside Grad-CAM as taught, on the same images.

Images the run did not learn from: computer-drawn phantoms whose lesion is known, validation radiographs where the data are
at hand, and generated radiographs. Never the test set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pneumo import data, files, models, runs
from pneumo.generators import sampling
from pneumo.images import phantom, radiograph, transforms
from pneumo.inference import explanation, heatmap_checks
from pneumo.inference.heatmap_choice import FINEST, METHODS, checks_for, decide, lost, maps
from pneumo.inference.heatmap_report import OWN, TAUGHT, VISIBLE, HeatmapChoice, Row, label, members, read, save
from pneumo.metrics import calibration, resampling
from pneumo.metrics.significance import wilson
from pneumo.schema import CLASS_NAMES, POSITIVE, Interval, PneumoError

STEPS = 10  # of deletion and insertion
GENERATOR = "conv_gan"  # shipped, so there are radiographs to ask about where no data are at hand
PHANTOM_SIZE_PX = 224
PHANTOM_SEED = 9000  # far from the seeds that runs train on
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sizes:
    """Images of each kind in one draw. The rule is applied to all draws together, and to each alone to see if they agree."""

    phantoms: int = 60
    radiographs: int = 20
    generated: int = 10
    randomised: int = 4
    draws: int = 2


@dataclass(frozen=True, eq=False)
class _Draw:
    """Images of one draw. phantoms: tensors (C, S, S) and lesions (H, W) bool; images: tensors and the class given."""

    phantoms: list[tuple[Tensor, np.ndarray]]
    images: list[tuple[Tensor, str]]
    patients: list[str]
    randomised: int
    seed: int


@dataclass(frozen=True, eq=False)
class _Checked:
    """One candidate on one draw: an entry for each phantom, image or randomised image."""

    hits: np.ndarray
    energy: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    strongest: np.ndarray
    likeness: np.ndarray

    def means(self) -> dict[str, float]:
        """By check, so that more is better."""
        result = {
            "pointing": self.hits.mean(),
            "deletion": -self.deletion.mean(),
            "insertion": self.insertion.mean(),
            "visibility": (self.strongest >= VISIBLE).mean(),
            "randomisation": -self.likeness.mean() if len(self.likeness) else 0.0,
        }
        return {name: float(value) for name, value in result.items()}


def measure(
    run: runs.Run,
    source: str | None = None,
    progress: Progress | None = None,
    sizes: Sizes = Sizes(),
    seed: int = 0,
) -> HeatmapChoice:
    """Every candidate against Grad-CAM as taught, and the choice.

    source: the data the run was trained on, of which validation images are asked; generated radiographs alone where left
    out. Measure the members of an ensemble first. Raises PneumoError where the source is another one or no image is left.
    """
    candidates = _candidates(run)
    draws = list(_draws(run, source, sizes, seed))
    steps, result = len(candidates) * len(draws), []
    for candidate in candidates:
        result.append([])
        for draw in draws:
            result[-1].append(_check(run, draw, *candidate[:2]))
            if progress:
                progress(sum(map(len, result)), steps)
    checks, patients = checks_for(run.card), [draw.patients for draw in draws]
    rows = _rows(candidates, result, patients)
    phantoms = sum(len(draw.phantoms) for draw in draws)
    best = decide(rows, checks, phantoms)
    alone = []
    for number, draw in enumerate(draws):
        own = _rows(candidates, [[each[number]] for each in result], [draw.patients])
        alone.append(label(decide(own, checks, len(draw.phantoms))))
    asked = [patient for each in patients for patient in each]
    generated = sum(patient.startswith(GENERATOR) for patient in asked)
    return HeatmapChoice(
        run=run.card.name,
        weights_sha256=run.card.weights.sha256,
        method=best.method,
        layer=best.layer,
        cells=best.cells,
        seed=seed,
        chosen_by_draw=tuple(alone),
        phantoms=phantoms,
        radiographs=len(asked) - generated,
        generated=generated,
        randomised=0 if run.members else sum(draw.randomised for draw in draws),
        checks=checks,
        rows=rows,
        members=members(run.folder, run.card),
    )


def command(
    run: str | None, source: str | None = None, save_it: bool = False, progress: Progress | None = None
) -> HeatmapChoice:
    """What `python -m pneumo heatmap-check` does: measures a run, and writes heatmap.json into its folder when asked to."""
    loaded = runs.load(run, "classification")
    if save_it:
        files.check_folder(loaded.folder)
    result = measure(loaded, source, progress)
    if save_it:
        save(loaded.folder, result)
    return result


def _candidates(run: runs.Run) -> list[tuple[str, str, int]]:
    """Method, layer and cells a side, Grad-CAM as taught first.

    All methods at finer layers up to FINEST; where the model's own layer is as fine as that, the finer methods there.
    """
    cells = {name: max(sides) for name, sides in explanation.layers(run).items()}
    own = explanation.default_layer(run)
    taught = (TAUGHT, own, cells[own])
    if run.members:
        chosen = [read(each.folder) for each in run.members]
        finest = max((each.cells for each in chosen if each), default=0)
        changed = any(each and each.method != TAUGHT for each in chosen)
        return [taught, (OWN, own, max(finest, cells[own]))] if changed else [taught]
    finer = [name for name, side in cells.items() if cells[own] < side <= FINEST]
    if not finer:
        return [taught, *((method, own, cells[own]) for method in METHODS if method != TAUGHT)]
    return [taught, *((method, name, cells[name]) for name in finer for method in METHODS)]


def _draws(run: runs.Run, source: str | None, sizes: Sizes, seed: int) -> Iterator[_Draw]:
    known = list(_radiographs(run, source, sizes, seed)) if source else []
    known = [known[start :: sizes.draws] for start in range(sizes.draws)]
    for number in range(sizes.draws):
        pixels, patients = [each[0] for each in known[number]], [each[1] for each in known[number]]
        own_seed = seed * sizes.draws + number
        for place, made in enumerate(_generated(sizes.generated, own_seed)):
            pixels.append(made)
            patients.append(f"{GENERATOR}-{own_seed}-{place}")
        if not pixels:
            raise PneumoError(f"there is no image to ask about: name the run's data, or restore the run {GENERATOR}")
        tensors = [transforms.preprocess(each, run.card.image)[1] for each in pixels]
        yield _Draw(
            phantoms=list(_phantoms(run, sizes.phantoms, own_seed)),
            images=[(tensor, _class_given(run, tensor)) for tensor in tensors],
            patients=patients,
            randomised=min(sizes.randomised, len(tensors)),
            seed=own_seed,
        )


def _radiographs(run: runs.Run, source: str, sizes: Sizes, seed: int) -> Iterator[tuple[np.ndarray, str]]:
    """Pixels (H, W) uint8 and patients of validation images in random order, as many as all draws need."""
    own = data.open_as_trained(run.card, source)
    wanted = sizes.radiographs * sizes.draws
    for index in np.random.default_rng(seed).permutation(own.rows("validation")):
        if not wanted:
            return
        try:
            yield own.dataset.read(index), own.dataset.items[index].patient
        except radiograph.RadiographError:
            continue
        wanted -= 1


def _generated(count: int, seed: int) -> np.ndarray | list[np.ndarray]:
    if not count or GENERATOR not in runs.available("gan"):
        return []
    return sampling.samples(runs.load(GENERATOR), count, seed)


def _phantoms(run: runs.Run, count: int, seed: int) -> Iterator[tuple[Tensor, np.ndarray]]:
    for patient in range(count):
        drawn = phantom.draw(patient, 0, POSITIVE, size_px=PHANTOM_SIZE_PX, seed=PHANTOM_SEED + seed)
        if drawn.lesion.any():
            yield transforms.preprocess(drawn.pixels, run.card.image)[1], drawn.lesion


def _class_given(run: runs.Run, tensor: Tensor) -> str:
    with run.lock, torch.inference_mode():
        logit = models.positive_logit(run.model(tensor[None])).numpy()
    probability = calibration.calibrated(logit, run.card.temperature, run.card.bias)[0]
    return CLASS_NAMES[int(probability >= run.card.point().threshold)]


def _check(run: runs.Run, draw: _Draw, method: str, layer: str) -> _Checked:
    pointed = [
        heatmap_checks.pointing_game(maps(run, tensor, method, layer)[CLASS_NAMES[POSITIVE]], lesion)
        for tensor, lesion in draw.phantoms
    ]
    shown = [(tensor, maps(run, tensor, method, layer)[name]) for tensor, name in draw.images]
    curves = [heatmap_checks.deletion_insertion(run, tensor, heatmap, STEPS) for tensor, heatmap in shown]
    # An empty map says as little as one that is the same everywhere: energy 1.
    energy = [1.0 if each.energy is None else each.energy / each.area for each in pointed]
    return _Checked(
        hits=np.array([each.hit for each in pointed]),
        energy=np.array(energy),
        deletion=np.array([each.deletion_area for each in curves]),
        insertion=np.array([each.insertion_area for each in curves]),
        strongest=np.array([heatmap.values.max() for _, heatmap in shown]),
        likeness=np.array([] if run.members else list(_likeness(run, draw, method, layer))),
    )


def _likeness(run: runs.Run, draw: _Draw, method: str, layer: str) -> Iterator[float]:
    """For each randomised image |rank correlation| with the trained model's map once every layer is random.

    Not the mean over the cascade: it goes from the head down and reaches an early layer last, so a map of that layer
    would be blamed for what is still trained below it. A map that went flat has no likeness left.
    """
    for tensor, _ in draw.images[: draw.randomised]:
        generator = torch.Generator().manual_seed(draw.seed)
        last = heatmap_checks.randomisation_check(run, tensor, generator, method, layer)[-1]
        yield float(np.abs(np.nan_to_num(last.similarity)))


def _rows(
    candidates: list[tuple[str, str, int]], result: list[list[_Checked]], patients: list[list[str]]
) -> tuple[Row, ...]:
    """found: by candidate and draw; patients: by draw. The first candidate is Grad-CAM as taught."""
    joined, names = [_joined(each) for each in result], [name for each in patients for name in each]
    return tuple(_row(*each, joined[0], names) for each in zip(candidates, joined, strict=True))


def _joined(draws: list[_Checked]) -> _Checked:
    return _Checked(**{name: np.concatenate([getattr(each, name) for each in draws]) for name in vars(draws[0])})


def _row(candidate: tuple[str, str, int], result: _Checked, taught: _Checked, patients: Sequence[str]) -> Row:
    method, layer, cells = candidate
    hits, deletion, insertion = (
        int(result.hits.sum()),
        result.deletion - taught.deletion,
        result.insertion - taught.insertion,
    )
    return Row(
        method=method,
        layer=layer,
        cells=cells,
        hits=hits,
        hits_ci95=_rounded(wilson(hits, len(result.hits))),
        energy=_short(result.energy.mean()),
        deletion=_short(result.deletion.mean()),
        deletion_change=_short(deletion.mean()),
        deletion_ci95=_interval(deletion, patients),
        insertion=_short(result.insertion.mean()),
        insertion_change=_short(insertion.mean()),
        insertion_ci95=_interval(insertion, patients),
        likeness=_short(result.likeness.mean()) if len(result.likeness) else None,
        visible=_short((result.strongest >= VISIBLE).mean()),
        worse_in=tuple(lost(result.means(), taught.means())),
    )


def _interval(values: np.ndarray, patients: Sequence[str]) -> Interval:
    """95% interval of a mean, patients resampled."""
    drawn = [values[rows].mean() for rows in resampling.patient_draws(patients, seed=0)]
    return _rounded(Interval(*np.percentile(drawn, [2.5, 97.5])))


def _rounded(interval: Interval) -> Interval:
    return Interval(_short(interval.low), _short(interval.high))


def _short(value: float) -> float:
    return round(float(value), 4)
