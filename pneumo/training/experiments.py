"""Several trainings of one recipe: folds, seeds, and a sweep over fields, with one table of what came out.

Each training is a run of its own in a folder below; a second call with `resume` leaves finished ones alone and goes
on with the rest. Metrics compared are those of validation patients, or of the cluster that was left out: the internal test is
used for no choice.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pneumo import files, runs
from pneumo.metrics import classification, thresholds
from pneumo.schema import PneumoError, Predictions, Recipe, RunCard
from pneumo.training import recipes
from pneumo.training.session import train

RESULTS_FILE = "results.csv"
MOST_TRAININGS = 1000
LONGEST_NAME = 100  # characters of a training's folder: systems allow 255 bytes
METRICS = ("auroc", "accuracy", "sensitivity", "specificity", "f1", "brier", "ece")


@dataclass(frozen=True)
class Variation:
    """One training of an experiment. changes: field -> value, as in the table."""

    name: str
    changes: dict[str, Any]
    recipe: Recipe


def variations(
    recipe: Recipe, *, folds: int = 0, seeds: int = 0, sweep: dict[str, Sequence[Any]] | None = None
) -> list[Variation]:
    """Every combination of swept values, folds and seeds. seeds count up from the recipe's own.

    Raises PneumoError for unknown fields and values before any training starts.
    """
    axes: list[list[tuple[str, str]]] = [
        [(key, str(value)) for value in values] for key, values in (sweep or {}).items()
    ]
    if folds:
        axes.append([("data.fold", str(fold)) for fold in range(folds)])
        recipe = replace(recipe, data=replace(recipe.data, folds=folds))
    if seeds:
        axes.append([("seed", str(recipe.seed + n)) for n in range(seeds)])
    planned = math.prod(map(len, axes))
    if planned > MOST_TRAININGS:
        raise PneumoError(f"this experiment has {planned:,} trainings; expected up to {MOST_TRAININGS:,}")
    result = []
    for chosen in itertools.product(*axes):
        name = folder_name(" ".join(f"{key.split('.')[-1]}={value}" for key, value in chosen))
        changed = recipes.override(recipe, [f"{key}={value}" for key, value in chosen])
        result.append(Variation(name, dict(chosen), changed))
    if len({each.name for each in result}) < len(result):
        raise PneumoError("two trainings of this experiment would be the same; give every value once")
    return result


def folder_name(text: str) -> str:
    """A training's folder, after its changes: one level, in characters that every system takes, not too long."""
    plain = re.sub(r"[^\w.,=+\[\]-]", "-", text.replace(" ", "_"))
    if len(plain.encode()) <= LONGEST_NAME:
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{plain.encode()[: LONGEST_NAME - 13].decode(errors='ignore')}-{digest}"


def run_all(
    planned: Sequence[Variation],
    folder: Path,
    *,
    resume: bool = False,
    started: Callable[[int, int, Variation], None] | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Trains what is planned, one after the other, and writes results.csv. Returns its rows.

    started(number, total, variation) is called before each. options: for `train`, e.g. progress and stop.
    """
    files.check_folder(folder)
    rows = []
    for number, variation in enumerate(planned, 1):
        place = folder / variation.name
        if not (resume and (place / runs.CARD_FILE).exists()):
            if started:
                started(number, len(planned), variation)
            train(variation.recipe, place, resume=resume, **options)
        rows.append(_row(variation, runs.read_card(place)))
    folder.mkdir(parents=True, exist_ok=True)
    runs.write(folder / RESULTS_FILE, _as_csv(rows))
    return rows


def _row(variation: Variation, card: RunCard) -> dict[str, Any]:
    result = card.metrics.get("left_out") or card.metrics["validation"]
    metrics = {name: getattr(result, name) for name in METRICS}
    return (
        variation.changes
        | {"n": result.n, "patients": result.patients}
        | metrics
        | {
            "best_epoch": card.best_epoch,
            "minutes": card.minutes,
        }
    )


def summarise(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation of each metric over folds and seeds, one row for each swept combination."""
    keys = [
        key for key in rows[0] if key not in (*METRICS, "n", "patients", "best_epoch", "minutes", "seed", "data.fold")
    ]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [dict(zip(keys, group, strict=True)) | _moments(members) for group, members in groups.items()]


def _moments(members: Sequence[dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {"trainings": len(members)}
    for name in METRICS:
        values = np.array([row[name] for row in members if row[name] is not None], dtype=float)
        result[name] = float(values.mean()) if len(values) else None
        result[f"{name}_sd"] = float(values.std(ddof=1)) if len(values) > 1 else None
    return result


def out_of_fold(folder: Path, planned: Sequence[Variation]) -> Predictions:
    """Every patient outside the internal test, as the run saw them that did not train on them. Pooled over folds."""
    splits = [runs.read_predictions(folder / variation.name).split("validation") for variation in planned]
    columns: Iterator[tuple[np.ndarray, ...]] = zip(*(vars(split).values() for split in splits), strict=True)
    return Predictions(*(np.concatenate(column) for column in columns))


def pooled(predictions: Predictions) -> Any:
    """Metrics of pooled out-of-fold predictions at the threshold of the best Youden index among them."""
    point = thresholds.operating_points(predictions.labels, predictions.probabilities, "out-of-fold patients")[0]
    return classification.evaluate(
        predictions.labels,
        predictions.probabilities,
        predictions.patients.tolist(),
        point.threshold,
        subtypes=predictions.subtypes.tolist(),
    )


def _as_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    return buffer.getvalue().encode()
