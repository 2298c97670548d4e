"""Several runs on one radiograph, and the checks of one heatmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pneumo.inference import explanation, heatmap_checks
from pneumo.inference.diagnosis import model_input, side_of
from pneumo.inference.heatmap_checks import Curves, Pointing, Stage
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, POSITIVE, Diagnosis

FAR_APART = 0.25  # two runs whose probabilities differ by more disagree, whatever their labels
RANDOM_DRAWS = 3  # maps drawn by chance are averaged: one alone may be lucky


# --- several runs on one picture, and whether a heatmap can be trusted ------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What one run says at its own default operating point."""

    run: str
    probability: float
    threshold: float

    @property
    def label(self) -> str:
        return side_of(self.probability, self.threshold)


def disagreement(verdicts: Sequence[Verdict]) -> list[str]:
    """In what the verdicts disagree, as sentences; empty where they agree."""
    low, high = (pick(verdicts, key=lambda verdict: verdict.probability) for pick in (min, max))
    result = []
    if len({verdict.label for verdict in verdicts}) > 1:
        said = {name: [v.run for v in verdicts if v.label == name] for name in CLASS_NAMES[::-1]}
        result.append("; ".join(f"{' and '.join(who)}: {name}" for name, who in said.items()) + ".")
    if high.probability - low.probability > FAR_APART:
        result.append(
            f"The probabilities of {high.run} and {low.run} lie {high.probability - low.probability:.2f} apart."
        )
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
    progress: Callable[[int, int], None] | None = None,
) -> HeatmapCheck:
    """Sanity checks of a heatmap. lesion: (H, W) bool; it bears on the map for PNEUMONIA alone."""
    tensor, generator = model_input(run, diagnosis), torch.Generator().manual_seed(seed)
    heat = explanation.heatmaps(run, tensor, method, layer)[class_name]
    known = lesion is not None and lesion.any() and class_name == CLASS_NAMES[POSITIVE]
    return HeatmapCheck(
        stages=heatmap_checks.randomisation_check(run, tensor, generator, method, layer, class_name, progress),
        curves=heatmap_checks.deletion_insertion(run, tensor, heat),
        baseline=_random_curves(run, tensor, class_name, layer, generator),
        pointing=heatmap_checks.pointing_game(heat, lesion) if known else None,
    )


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
