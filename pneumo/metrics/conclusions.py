"""What the numbers say, in one plain sentence each: pure functions of the numbers, the least flattering one first.

`name` is what the sentence calls the run. It may hold Markdown; nothing else in the sentences does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from pneumo.formatting import counted, listed, rate, score, span
from pneumo.metrics import calibration
from pneumo.metrics.significance import wilson
from pneumo.metrics.thresholds import titles
from pneumo.schema import Metrics, RunCard, Subgroup

KINDS = {"bacteria": "bacterial", "virus": "viral"}  # subtypes of the Guangzhou set, as adjectives
UNDECIDED = (0.1, 0.9)  # between them a probability leaves the question open
HELD = 0.9  # a corruption counts as withstood where sensitivity and specificity are at least this
# Of AUROC, training less validation: differences below the first are within what another seed gives on 850 radiographs,
# those above the second would cost places on the leaderboard.
GAP_NONE, GAP_SMALL = 0.005, 0.02


class Corrupted(Protocol):
    """Rates on a corrupted set at one fixed threshold; severity 0 is the clean set."""

    corruption: str
    severity: int
    auroc: float
    auroc_lost: float
    sensitivity: float
    specificity: float


# --- accuracy ---------------------------------------------------------------------------------------------


def accuracy(name: str, counts: Mapping[str, int], where: str = "at its default threshold") -> str:
    """How many cases are missed and how many false alarms there are, with Wilson intervals. counts: tn, fp, fn, tp."""
    tn, fp, fn, tp = (counts[key] for key in ("tn", "fp", "fn", "tp"))
    missed = _share_of("misses", fn, tp + fn, "radiograph", "with pneumonia")
    alarms = _share_of("raises a false alarm on", fp, tn + fp, "NORMAL radiograph")
    return f"{name} {listed([part for part in (missed, alarms) if part])} {where}."


def _share_of(verb: str, k: int, n: int, noun: str, rest: str = "") -> str:
    """ "misses 24 of 361 radiographs with pneumonia (6.6%, 95% interval 4.5% to 9.7%)"; empty for an empty whole."""
    interval = wilson(k, n)
    if interval is None:
        return ""
    whole = " ".join(filter(None, (counted(n, noun), rest)))
    if k == 0:
        return f"{verb} none of {whole} (at most {rate(interval.high)})"
    return f"{verb} {k:,} of {whole} ({rate(k / n)}, 95% interval {span(interval)})"


def kinds(subgroups: Sequence[Subgroup]) -> str:
    """Which kind of pneumonia is missed most often; empty where there are not two kinds to compare."""
    if len(subgroups) < 2:
        return ""
    worst, *others = sorted(subgroups, key=lambda each: each.value)

    def missed(each: Subgroup) -> str:
        return f"{round((1 - each.value) * each.n):,} of {each.n:,} ({rate(1 - each.value)})"

    rest = listed([f"{missed(each)} {_kind(each)}" for each in others])
    if worst.value == others[0].value:
        return f"{_kind(worst).capitalize()} pneumonia is missed in {missed(worst)}, beside {rest}."
    return f"{_kind(worst).capitalize()} pneumonia is missed most often: {missed(worst)}, against {rest}."


def _kind(each: Subgroup) -> str:
    return KINDS.get(each.name, each.name)


def people(counts: Mapping[str, int], worst: Mapping[str, int]) -> str:
    """What a thousand patients would meet. worst: the same at the lower confidence limits of both rates."""
    positive, negative = counts["tp"] + counts["fn"], counts["fp"] + counts["tn"]
    return (
        f"Of {counted(positive, 'patient')} with pneumonia {_number(counts['fn'])} would be missed; of {negative:,} without "
        f"pneumonia {_number(counts['fp'])} would get a false alarm. In the worst plausible case: {worst['fn']:,} missed, "
        f"{counted(worst['fp'], 'false alarm')}."
    )


def _number(k: int) -> str:
    return f"{k:,}" if k else "none"


# --- elsewhere --------------------------------------------------------------------------------------------

WHY_ELSEWHERE = """\
- **NORMAL radiographs look sicker to the models.** On the official test the NORMAL ones get higher logits than the NORMAL ones at home, and a threshold
  chosen at home calls too many of them PNEUMONIA. The order stays good, which is why the AUROC falls less than the specificity.
- **Pneumonia is rarer there.** 62.5% of the official test show pneumonia and 74.3% of the training set, so probabilities come out too high.
- **A few local radiographs repair that.** Threshold and calibration can be moved with 20 to 100 labelled radiographs of the place where the model is to be
  used; *Recalibrate for my hospital*, below, does it. `docs/travel.md` has what it gains on the official test.
- **Nothing repairs the adults.** There the order itself is lost: an AUROC near 0.5 is chance, and no threshold or calibration changes an order. Adults
  are built differently, their radiographs come from other machines, and the labels mean something else."""


def travels(name: str, home: Metrics | None, official: Metrics | None, adults: Metrics | None) -> str:
    """What a run does at home, on the official test, and on adults elsewhere, worst first; as far as it was measured."""
    told = []
    if adults and adults.auroc is not None:
        ends = adults.ci95.get("auroc")
        how = (
            "no better than chance"
            if ends and ends.low <= 0.5
            else "better than chance, but not by much"
            if adults.auroc < 0.8
            else "well"
        )
        told.append(f"{name} ranks the radiographs of adults at another hospital {how} ({_area(adults)}).")
    for where, found in (("On the official test", official), ("At home", home)):
        if found:
            told.append(f"{where} it raises {_alarms(found)} and {_misses(found)} ({_area(found)}).")
    return " ".join(told) or f"{name} was not measured on any of these sets."


def _alarms(metrics: Metrics) -> str:
    alarms = metrics.confusion["fp"]
    return f"a false alarm on {rate(1 - metrics.specificity)} of the NORMAL radiographs" if alarms else "no false alarm"


def _misses(metrics: Metrics) -> str:
    missed = metrics.confusion["fn"]
    return f"misses {rate(1 - metrics.sensitivity)} of the pneumonias" if missed else "misses no pneumonia"


def _area(metrics: Metrics) -> str:
    ends = metrics.ci95.get("auroc")
    return f"AUROC {score(metrics.auroc)}" + (f", 95% interval {span(ends, score)}" if ends else "")


# --- the default operating point --------------------------------------------------------------------------


def default_point(card: RunCard) -> str:
    """Why the default operating point is what it is and what it costs; computed from the card."""
    point, names = card.point(), titles(card.operating_points)
    others = {each.name: each for each in card.operating_points}
    rule = {
        "robust": "it has the best mean Youden index over clean and corrupted validation sets, with at least 95% sensitivity on "
        "the clean one",
        "youden": "it has the best Youden index (sensitivity + specificity − 1) on validation patients",
        "sensitivity95": "it is the highest with at least 95% sensitivity on validation patients",
        "specificity95": "it is the lowest with at least 95% specificity on validation patients",
        "half": "PNEUMONIA is then the likelier class",
    }.get(point.name, f"chosen on {point.chosen_on}")
    if point.name == "robust" and point.threshold == getattr(others.get("sensitivity95"), "threshold", None):
        rule = (
            "the best mean Youden index over clean and corrupted validation sets lies higher, but would cost more than 5% "
            "of the pneumonias on the clean one"
        )
    cost = ""
    balanced = others.get("youden")
    if balanced and balanced.name != point.name:
        cost = (
            f" On clean validation patients (n = {point.n_positive + point.n_negative:,}) it misses {rate(1 - point.sensitivity)} "
            f"of pneumonias at {rate(1 - point.specificity)} false alarms; “{names[balanced.name]}” ({balanced.threshold:.3f}) "
            f"misses {rate(1 - balanced.sensitivity)} at {rate(1 - balanced.specificity)}."
        )
    return f"The default threshold is {point.threshold:.3f} (“{names[point.name]}”): {rule}.{cost}"


# --- calibration, robustness, training --------------------------------------------------------------------


def calibrated(name: str, labels: np.ndarray, probabilities: np.ndarray) -> str:
    """How far probabilities are from what happened. labels: (N,) int, probabilities: (N,) float in 0..1."""
    error = calibration.ece(labels, probabilities)
    return (
        f"{name}’s probabilities differ from the observed share of pneumonia by {100 * error:.1f} percentage points on average "
        f"(calibration error {score(error)}, {counted(len(labels), 'radiograph')})."
    )


def undecided(probabilities: np.ndarray) -> str:
    """How few cases the middle of a reliability curve rests on."""
    low, high = UNDECIDED
    between = int(((probabilities > low) & (probabilities < high)).sum())
    return (
        f"{between:,} of {counted(len(probabilities), 'radiograph')} ({rate(between / len(probabilities))}) have a probability "
        f"between {low:g} and {high:g}; what the chart shows there rests on them alone."
    )


def robust(name: str, rows: Sequence[Corrupted], corruptions: Mapping[str, str], threshold: float) -> str:
    """The corruption with the lowest mean of sensitivity and specificity, beside the clean set.

    corruptions: their titles by name. threshold: the one that the rates were measured at. Where the clean set or every corruption is missing, the sentence says so.
    """
    clean, corrupted = _split(rows)
    if clean is None or not corrupted:
        return f"{name} was not measured on corrupted images."
    worst = min(corrupted, key=_balanced)
    return (
        f"{name} does worst with “{_titled(worst, corruptions)}”: at a threshold of {threshold:.3f} it then raises a false alarm on "
        f"{rate(1 - worst.specificity)} of NORMAL radiographs (clean: {rate(1 - clean.specificity)}) and misses "
        f"{rate(1 - worst.sensitivity)} of pneumonias (clean: {rate(1 - clean.sensitivity)})."
    )


def withstood(rows: Sequence[Corrupted], corruptions: Mapping[str, str]) -> str:
    """How many corruptions keep both rates, and which do worst after the worst one."""
    _, corrupted = _split(rows)
    if not corrupted:
        return ""
    held = [row for row in corrupted if min(row.sensitivity, row.specificity) >= HELD]
    text = (
        f"Sensitivity and specificity both stay at {rate(HELD, 0)} or more in {len(held)} of {len(corrupted)} tests "
        "(a corruption at one severity each)"
    )
    next_ones = [row for row in sorted(corrupted, key=_balanced)[1:3] if row not in held]
    if next_ones:
        named = listed([f"“{_titled(row, corruptions)}” ({_lower(row)})" for row in next_ones])
        text += f"; next worst: {named}"
    return text + "."


def _split(rows: Sequence[Corrupted]) -> tuple[Corrupted | None, list[Corrupted]]:
    return next((row for row in rows if row.severity == 0), None), [row for row in rows if row.severity]


def _balanced(row: Corrupted) -> float:
    return row.sensitivity + row.specificity


def _lower(row: Corrupted) -> str:
    """The lower one of both rates, by its name."""
    if row.specificity <= row.sensitivity:
        return f"specificity {rate(row.specificity)}"
    return f"sensitivity {rate(row.sensitivity)}"


def _titled(row: Corrupted, corruptions: Mapping[str, str]) -> str:
    return f"{corruptions.get(row.corruption, row.corruption)}, severity {row.severity}"


def trained(name: str, rows: Sequence[Mapping[str, float]], kept: int) -> str:
    """Whether a run does better on what it learned from. rows: its history; kept: the epoch whose weights were kept."""
    at = next((row for row in rows if row["epoch"] == kept), None)
    if at is None or not {"train_auroc", "validation_auroc"} <= at.keys():
        return f"{name} left no AUROC of its kept epoch."
    learned, held_out = at["train_auroc"], at["validation_auroc"]
    gap = learned - held_out
    verdict = (
        "does as well on validation patients as on those it was trained on"
        if gap < GAP_NONE
        else "does slightly worse on validation patients than on those it was trained on"
        if gap < GAP_SMALL
        else "does worse on validation patients than on those it was trained on: it overfits"
    )
    return f"{name} {verdict} (AUROC {score(held_out)} and {score(learned)}, epoch {kept}, the one kept)."


def effort(card: RunCard) -> str:
    """Epochs, minutes and machine; a pretrained encoder is named, because its training is not in the minutes."""
    minutes = counted(round(card.minutes), "minute") if card.minutes >= 0.5 else "less than a minute"
    text = f"{counted(card.epochs_run, 'epoch')}, {minutes} on {card.hardware}"
    pretrained = card.recipe.pretrained
    return text + (f", not counting the pretraining of {pretrained}." if pretrained != "none" else ".")
