"""The default heatmap of a run as it was chosen: its file heatmap.json, and what the run's card says of it.

`heatmap_measure` measures and `heatmap_choice` decides; here is what is read without either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pneumo import runs
from pneumo.formatting import NOT_DEFINED, rate, span
from pneumo.runs import measured
from pneumo.runs.model_card import Section
from pneumo.schema import Interval, PneumoError, RunCard

FILE = "heatmap.json"
TAUGHT = "gradcam"  # as published and as taught: channels weighted by mean gradients, at the model's own layer
TITLES = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM", "layercam": "LayerCAM"}  # of those among which is chosen
MEMBERS = "mean of the members"  # the one layer of an ensemble: each member's own choice
OWN = "members"  # of an ensemble: the mean of each member's own default
# Standard deviation, in sides. Gradient times activation comes as specks: a convolution with stride 2 passes its gradient
# to every other cell only. One cell of a 24 x 24 map: neighbours merge, and a lung field keeps several places.
SMOOTHING = 1 / 24
VISIBLE = 0.5  # of the strongest evidence for either class: an overlay paints it at a quarter of full opacity
# What a candidate may lose against Grad-CAM in each check, as a difference of means, and still count as at least as good:
# one phantom in twenty, a hundredth of an area, a tenth of a rank correlation, one map in ten.
MARGINS = {"pointing": 0.05, "deletion": 0.01, "insertion": 0.01, "randomisation": 0.1, "visibility": 0.1}


@dataclass(frozen=True)
class Row:
    """One heatmap, measured over all draws.

    cells: a side. hits: phantoms whose lesion the map's peak met. energy: share of the map inside the lesion over the
    lesion's share of the image; 1 for a map that is the same everywhere. deletion (small is good), insertion (large is
    good): mean areas under the curves for the class the run gives, 0..1; *_change: mean difference from Grad-CAM's on the
    same images, *_ci95 its interval, patients resampled. likeness: mean |rank correlation| with the trained model's map
    once every layer is random, 0..1, before smoothing; None for an ensemble, whose members are checked. visible: share of maps that reach VISIBLE. worse_in: checks lost by more than the margin.
    """

    method: Literal["gradcam", "hirescam", "layercam", "members"]
    layer: str
    cells: int
    hits: int
    hits_ci95: Interval
    energy: float
    deletion: float
    deletion_change: float
    deletion_ci95: Interval
    insertion: float
    insertion_change: float
    insertion_ci95: Interval
    likeness: float | None
    visible: float
    worse_in: tuple[str, ...]


@dataclass(frozen=True)
class HeatmapChoice:
    """heatmap.json: the default heatmap of a run, and what it was chosen by. The first row is Grad-CAM as taught.

    phantoms, radiographs, generated, randomised: images of each kind in all draws together. members: the choice of each
    member of an ensemble when it was measured. checks: those a map had to pass, keys of MARGINS.
    chosen_by_draw: what the rule would have chosen from each draw of images alone.
    """

    run: str
    weights_sha256: str
    method: Literal["gradcam", "hirescam", "layercam", "members"]
    layer: str
    cells: int
    seed: int
    chosen_by_draw: tuple[str, ...]
    phantoms: int
    radiographs: int
    generated: int
    randomised: int
    checks: tuple[str, ...]
    rows: tuple[Row, ...]
    members: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rows:
            raise PneumoError("rows is empty; expected Grad-CAM at least")


def save(folder: Path, result: HeatmapChoice) -> None:
    """Writes heatmap.json into a run's folder."""
    measured.save(folder, FILE, result)


def read(folder: Path, card: RunCard | None = None) -> HeatmapChoice | None:
    """heatmap.json of a run; None where it was not measured, belongs to other weights, or members have changed theirs.

    card: the run's, which is read too where left out.
    """
    result = measured.read(folder, FILE, HeatmapChoice)
    return result if result and result.members == members(folder, card or runs.read_card(folder)) else None


def members(folder: Path, card: RunCard) -> dict[str, str]:
    """What each member of an ensemble has chosen, e.g. "hirescam at backbone.layer2.1.bn2"; empty for a single run."""
    chosen = {}
    for name in card.members:
        beside = folder.parent / name
        result = read(beside if (beside / runs.CARD_FILE).is_file() else runs.resolve(name))
        chosen[name] = label(result) if result else TAUGHT
    return chosen


# --- for people -------------------------------------------------------------------------------------------

HEADER = (
    "Heatmap",
    "Cells",
    "Lesions met by the peak (95%)",
    "Share of the map in the lesion, over chance",
    "Deletion (low is good)",
    "Insertion (high is good)",
    "Likeness after randomisation (low is good)",
    "Visible maps",
    "Worse than Grad-CAM in",
)


def label(row: Row | HeatmapChoice) -> str:
    """ "hirescam at backbone.layer2.1.bn2", as files keep it."""
    return f"{row.method} at {row.layer}"


def name_of(row: Row | HeatmapChoice) -> str:
    """ "HiResCAM at `backbone.layer2.1.bn2`"."""
    if row.method == OWN:
        return "Mean of each member's own heatmap"
    title = TITLES[row.method]
    return f"{title}, {row.layer}" if row.layer == MEMBERS else f"{title} at `{row.layer}`"


def conclusion(result: HeatmapChoice) -> str:
    """Which heatmap is the default and why, in a few sentences."""
    taught, listed = result.rows[0], f"{', '.join(result.checks[:-1])} and {result.checks[-1]}"
    if label(result) == label(taught):
        text = (
            f"Default heatmap: Grad-CAM, {_grid(taught)} cells. No other heatmap came within the margins in {listed}."
        )
    else:
        finer = f" instead of {_grid(taught)}" if result.cells > taught.cells else ", as many as Grad-CAM has here"
        text = (
            f"Default heatmap: {name_of(result)}, {_grid(result)} cells{finer}. In {listed} it does at least as well as Grad-CAM, or "
            f"worse by no more than a margin ({_margins(result.checks)}). Grad-CAM stays available."
        )
    others = {each for each in result.chosen_by_draw if each != label(result)}
    if not others:
        return f"{text} Each draw of images alone gives the same choice."
    names = {label(row): name_of(row) for row in result.rows}
    either = " or ".join(sorted(names[each] for each in others))
    return f"{text} The choice is a close one: one draw of images alone would give {either}."


def _margins(checks: Sequence[str]) -> str:
    """ "pointing 0.05, deletion 0.01"."""
    return ", ".join(f"{name} {MARGINS[name]:g}" for name in checks)


def card_sections(folder: Path) -> list[Section]:
    """What the card of a classifier says of its heatmap; nothing where it was not measured."""
    result = read(folder)
    if result is None:
        return []
    asked = [f"{count} {what}" for count, what in ((result.radiographs, "validation images"), (result.generated, "generated radiographs")) if count]  # fmt: skip
    text = (
        f"{conclusion(result)}\n\n"
        f"Lesions: n = {result.phantoms} computer-drawn phantoms. Deletion and insertion: n = {result.radiographs + result.generated} "
        f"images ({' and '.join(asked)}), and in brackets the mean difference from Grad-CAM with its 95% interval."
        + (
            f" Randomisation: n = {result.randomised}."
            if result.randomised
            else " Randomisation: checked for each member."
        )
        + f" A map is visible where it reaches {VISIBLE:.0%} of the strongest evidence for either class. "
        f"HiResCAM and LayerCAM are smoothed (sigma 1/{1 / SMOOTHING:.0f} of the side): strided layers leave specks."
    )
    table = [HEADER, ["---"] * len(HEADER), *(_cells(row, result.phantoms) for row in result.rows)]
    return [Section("Heatmap", text + "\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in table))]


def _cells(row: Row, phantoms: int) -> list[str]:
    return [
        name_of(row),
        _grid(row),
        f"{row.hits} of {phantoms} ({span(row.hits_ci95)})",
        f"{row.energy:.2f}",
        _area(row.deletion, row.deletion_change, row.deletion_ci95),
        _area(row.insertion, row.insertion_change, row.insertion_ci95),
        "see members" if row.likeness is None else f"{row.likeness:.2f}",
        rate(row.visible),
        ", ".join(row.worse_in) or NOT_DEFINED,
    ]


def _area(value: float, change: float, ends: Interval) -> str:
    return f"{value:.3f}" + (f" ({change:+.3f}, {ends.low:+.3f} to {ends.high:+.3f})" if change else "")


def _grid(row: Row | HeatmapChoice) -> str:
    return f"{'up to ' if row.layer == MEMBERS else ''}{row.cells} x {row.cells}"
