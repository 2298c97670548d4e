"""Several runs on one radiograph, and the checks of one heatmap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pneumo.formatting import listed
from pneumo.images import transforms
from pneumo.inference import explanation, heatmap_checks
from pneumo.inference.diagnosis import LABELS, label_of, model_input
from pneumo.inference.explanation import Heatmap
from pneumo.inference.heatmap_checks import Curves, Pointing, Stage
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, POSITIVE, Diagnosis, Interval, Progress

FAR_APART = 0.25  # two runs whose probabilities differ by more disagree, whatever their labels
RANDOM_DRAWS = 3  # random maps are averaged: one alone may be lucky
ALIKE = 0.5  # a rank correlation above it: the map still looks like the original


@dataclass(frozen=True)
class Verdict:
    """What one run says at its own default operating point. run: as people call it. zone: its indeterminate zone."""

    run: str
    probability: float
    threshold: float
    zone: Interval | None = None

    @property
    def label(self) -> str:
        return label_of(self.probability, self.threshold, self.zone)


def spread(verdicts: Sequence[Verdict]) -> float:
    """The largest difference between two probabilities."""
    values = [verdict.probability for verdict in verdicts]
    return max(values) - min(values)


def disagreement(verdicts: Sequence[Verdict]) -> list[str]:
    """In what the verdicts disagree, as sentences; empty where they agree."""
    low, high = (pick(verdicts, key=lambda verdict: verdict.probability) for pick in (min, max))
    result = []
    if len({verdict.label for verdict in verdicts}) > 1:
        said = {name: [v.run for v in verdicts if v.label == name] for name in LABELS[::-1]}
        result.append("; ".join(f"{listed(who)}: {name}" for name, who in said.items() if who) + ".")
    if spread(verdicts) > FAR_APART:
        result.append(f"The probabilities of {high.run} and {low.run} differ by {spread(verdicts):.2f}.")
    return result


@dataclass(frozen=True, eq=False)
class HeatmapCheck:
    """What speaks for and against one heatmap.

    stages: the randomisation check. curves: deletion and insertion; baseline: the same, averaged over random maps.
    pointing: against the true lesion, None where none is known.
    """

    stages: list[Stage]
    curves: Curves
    baseline: Curves
    pointing: Pointing | None


def check_heatmap(
    run: Run,
    diagnosis: Diagnosis,
    class_name: str,
    method: str = "gradcam",
    layer: str | None = None,
    *,
    lesion: np.ndarray | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> HeatmapCheck:
    """Sanity checks of a heatmap. lesion: (H, W) bool; it bears on the map for PNEUMONIA alone.

    progress: called after every step, of which the randomisation has the most.
    """
    tensor, generator = model_input(run, diagnosis), torch.Generator().manual_seed(seed)
    heat = explanation.heatmaps(run, tensor, method, layer)[class_name]
    known = lesion is not None and lesion.any() and class_name == CLASS_NAMES[POSITIVE]
    others = 1 + RANDOM_DRAWS  # steps that follow the randomisation
    report, total = progress or (lambda done, total: None), [others]

    def randomised(done: int, stages: int) -> None:
        total[0] = stages + others
        report(done, total[0])

    stages = heatmap_checks.randomisation_check(run, tensor, generator, method, layer, class_name, randomised)
    curves = heatmap_checks.deletion_insertion(run, tensor, heat)
    report(total[0] - RANDOM_DRAWS, total[0])
    baseline = _random_curves(run, tensor, class_name, layer, generator)
    report(total[0], total[0])
    pointing = heatmap_checks.pointing_game(heat, lesion) if known else None
    return HeatmapCheck(stages, curves, baseline, pointing)


def forgetting(run: Run, pixels: np.ndarray, method: str, seed: int = 0) -> tuple[Heatmap, list[Stage]]:
    """The heatmap for PNEUMONIA of the trained model, and of what is left as its layers lose what they learned. pixels: (H, W) uint8."""
    tensor, generator = transforms.preprocess(pixels, run.card.image)[1], torch.Generator().manual_seed(seed)
    trained = explanation.heatmaps(run, tensor, method)[CLASS_NAMES[POSITIVE]]
    return trained, heatmap_checks.randomisation_check(run, tensor, generator, method)


def _random_curves(
    run: Run, tensor: torch.Tensor, class_name: str, layer: str | None, generator: torch.Generator
) -> Curves:
    maps = [explanation.heatmaps(run, tensor, "random", layer, generator)[class_name] for _ in range(RANDOM_DRAWS)]
    drawn = [heatmap_checks.deletion_insertion(run, tensor, heat) for heat in maps]
    return replace(
        drawn[0],
        deletion=np.mean([curves.deletion for curves in drawn], axis=0),
        insertion=np.mean([curves.insertion for curves in drawn], axis=0),
    )


# --- what the checks say, in a sentence -------------------------------------------------------------------


def flat_curves(check: HeatmapCheck) -> list[str]:
    """Which curves hardly move: "deletion", "insertion". Their areas say little about the map."""
    pairs = (("deletion", check.curves.deletion), ("insertion", check.curves.insertion))
    return [name for name, values in pairs if abs(values[-1] - values[0]) < FAR_APART]


def curves_sentence(check: HeatmapCheck) -> str:
    """Whether the map finds what the result depends on better than random maps do."""
    mine, random = check.curves, check.baseline
    better = {
        "deletion": mine.deletion_area < random.deletion_area,
        "insertion": mine.insertion_area > random.insertion_area,
    }
    if all(better.values()):
        return "**Better than random maps in both tests:** what the map marks matters to the result more than other places do."
    if not any(better.values()):
        return "**No better than random maps:** the map does not show what the result depends on."
    [won], [lost] = ([name for name, is_better in better.items() if is_better == side] for side in (True, False))
    return f"**Better than random maps in {won}, not in {lost}:** the tests do not settle it."


def randomisation_sentence(check: HeatmapCheck) -> str:
    """Whether the map becomes less similar to the original once the layers are random."""
    last = check.stages[-1].similarity
    if np.isnan(last):
        return "**The map vanishes once all layers are random:** it depends on what the model learned."
    if abs(last) > ALIKE:
        return f"**The map stays similar (rank correlation {last:.2f}) even when all layers are random:** it shows the image more than what was learned."
    return f"**The map becomes dissimilar (rank correlation {last:.2f}) once all layers are random:** it depends on what the model learned."
