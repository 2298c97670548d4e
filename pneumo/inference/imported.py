"""Evaluations that were measured elsewhere, brought in: a folder with summary.json and <run>/<set>.csv.

Whoever measured had images that are not here. Nothing is taken on trust that can be checked: the weights must be the run's, the
counts and rates must follow from the predictions, and the probabilities from the logits by the card's calibration. Areas under
curves and errors are compared to four digits, because the files round the numbers that they come from; intervals are taken as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from pneumo import runs
from pneumo.codec import decode, parse
from pneumo.metrics import calibration, classification
from pneumo.runs import evaluations
from pneumo.runs.evaluations import ADULTS, OFFICIAL, Evaluation
from pneumo.runs.reading import read_file
from pneumo.schema import Metrics, PneumoError, Predictions, RunCard

SUMMARY = "summary.json"
AGAIN = "get the folder again"
ROUNDING = 1e-5  # of a probability written with six digits, of a logit with five
LOOSE = 1e-4  # of areas and errors, which depend on the digits that rounding took
ABOUT = {  # title and origin of the sets that are known
    OFFICIAL: (
        "Official test",
        "The 624 radiographs that the Guangzhou collection sets apart for testing, of other children than the training set. "
        "Read once by a referee, with the run as it is shipped; no choice was made on them.",
    ),
    ADULTS: (
        "Adults, another hospital",
        "1,000 adults of the NIH Clinical Center (ChestX-ray14), half of them labelled pneumonia by a program that read the reports. "
        "Read once by a referee, with the run as it is shipped; no choice was made on them.",
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What became of one set of one run. problem: empty where it was brought in."""

    run: str
    set: str
    problem: str = ""


def bring_in(folder: Path) -> list[Outcome]:
    """Reads everything below a folder into the runs of the weights folder; what does not fit is told, and the rest goes on.

    A set that is there already is replaced. PneumoError where the folder has no summary that can be read.
    """
    place = folder / SUMMARY
    if not place.is_file():
        raise PneumoError(f"there is no {SUMMARY} in {folder}; name the folder that holds it")
    summary = parse(read_file(place, AGAIN))
    if not isinstance(summary, dict) or not all(isinstance(each, dict) for each in summary.values()):
        raise PneumoError(f"{place} is no list of runs; {AGAIN}")
    results = []
    for name, about in sorted(summary.items()):
        for path in sorted((folder / name).glob("*.csv")):
            if path.stem not in about:
                results.append(Outcome(name, path.stem, f"{SUMMARY} says nothing of it"))
        for each in (key for key, value in about.items() if isinstance(value, dict)):
            try:
                _bring_in(folder, name, each, about)
                results.append(Outcome(name, each))
            except (PneumoError, ValueError) as error:
                results.append(Outcome(name, each, str(error)))
    return results


def _bring_in(folder: Path, name: str, which: str, about: Mapping[str, Any]) -> None:
    evaluations.check_name(which)
    if name not in runs.available("classification"):
        raise PneumoError(f"there is no classification run {name!r} here; train it, or restore its folder")
    place = runs.resolve(name)
    card = runs.read_card(place)
    if about.get("weights_sha256") != card.weights.sha256:
        raise PneumoError("it was measured with other weights than the run has now; have it measured again")
    path = folder / name / f"{which}.csv"
    blob = read_file(path, AGAIN)
    predictions = evaluations.from_csv(blob, path, which)
    metrics = decode(Metrics, about[which])
    _check(predictions, metrics, card)
    title, origin = ABOUT.get(which, (which, "Measured elsewhere, and brought in."))
    evaluations.save(
        place,
        Evaluation(
            schema_version=evaluations.SCHEMA_VERSION,
            set=which,
            title=title,
            origin=origin,
            weights_sha256=card.weights.sha256,
            predictions_sha256="",
            data_digest=evaluations.data_digest(predictions),
            measured=date.today().isoformat(),
            metrics=metrics,
        ),
        blob,
    )


def _check(predictions: Predictions, metrics: Metrics, card: RunCard) -> None:
    """PneumoError where the figures do not follow from the predictions, or those not from the card."""
    labels, kinds_of = predictions.labels, predictions.subtypes.tolist()
    probabilities = calibration.calibrated(predictions.logits, card.temperature, card.bias)  # with all their digits
    if np.abs(probabilities - predictions.probabilities).max() > ROUNDING:
        raise PneumoError(
            "its probabilities do not follow from its logits by the card's calibration; have it measured again"
        )
    if not math.isclose(metrics.threshold, card.point().threshold, abs_tol=1e-9):
        raise PneumoError(
            f"it was measured at the threshold {metrics.threshold}, the run's default is {card.point().threshold}"
        )
    counts = classification.confusion(labels, probabilities, metrics.threshold)
    exact = {"n": len(labels), "patients": len(set(predictions.patients)), "confusion": counts}
    exact |= classification.rates(counts)
    kinds = classification.subgroups(labels, probabilities, kinds_of, metrics.threshold)
    exact |= {f"sensitivity to {each.name}": each.value for each in kinds}
    loose = {
        "auroc": classification.auroc(labels, probabilities),
        "auprc": classification.auprc(labels, probabilities),
        "brier": calibration.brier(labels, probabilities),
        "ece": calibration.ece(labels, probabilities),
    }
    said = {each.name: getattr(metrics, each.name) for each in fields(metrics)}
    said |= {f"sensitivity to {each.name}": each.value for each in metrics.subgroups}
    for name, value in (exact | loose).items():
        tolerance = LOOSE if name in loose else 1e-9
        if not _same(said.get(name), value, tolerance):
            raise PneumoError(f"{SUMMARY} gives {name} as {said.get(name)}, the predictions give {value}; {AGAIN}")


def _same(one: Any, two: Any, tolerance: float) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        return math.isclose(one, two, rel_tol=0, abs_tol=tolerance)
    return bool(one == two)
