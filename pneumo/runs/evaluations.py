"""What a run says of sets it was not trained on: evaluations/<set>.json with the figures, <set>.csv with each prediction.

Measured beside the run, and bound to its weights by their sha256: of other weights they are out of date, named as such and left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pneumo.metrics import calibration
from pneumo.runs import measured, store, tables
from pneumo.runs.reading import RunError, read_file
from pneumo.schema import Metrics, PneumoError, Predictions, RunCard

SCHEMA_VERSION = 1
FOLDER = "evaluations"
OFFICIAL, ADULTS = "official_test", "nih_adult"  # read by a referee with frozen runs; no choice was made on them
COLUMNS = ("name", "patient", "label", "subtype", "logit", "probability")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
TITLES = {  # of sets, for people, in the order in which they are shown: what stands last says least about other hospitals
    OFFICIAL: "Official test",
    ADULTS: "Adults elsewhere",
    "test": "Internal test",
    "validation": "Validation",
    "left_out": "Left-out cluster",
}
OF_THE_RUN = ("train", "validation", "test", "left_out")  # names of a run's own splits
REMEDY = "measure again: python -m pneumo evaluate RUN --data SOURCE --save NAME"


@dataclass(frozen=True)
class Evaluation:
    """One set, as one run sees it.

    set: its name. title: for people. origin: who measured it, and on what. weights_sha256: of the run when it was measured.
    predictions_sha256: of the CSV file beside it. data_digest: of names and labels. measured: day on
    which it was measured or brought in, as 2026-11-26.
    """

    schema_version: int
    set: str
    title: str
    origin: str
    weights_sha256: str
    predictions_sha256: str
    data_digest: str
    measured: str
    metrics: Metrics


@dataclass(frozen=True)
class Found:
    """What lies beside a run. current: by set, the known ones first. stale: sets of other weights. broken: reasons by set."""

    current: dict[str, Evaluation] = field(default_factory=dict)
    stale: tuple[str, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)


def check_name(name: str) -> str:
    """The name of a set. PneumoError where it is no name for a file, or one of a run's own splits."""
    if not NAME.fullmatch(name):
        raise PneumoError(
            f"a set is named with a-z, 0-9, _ and -, up to 64 of them, e.g. my_hospital; {name[:80]!r} does not fit"
        )
    if name in OF_THE_RUN:
        raise PneumoError(f"{name!r} is a split of the run itself; choose another name, e.g. my_hospital")
    return name


def look(folder: Path, card: RunCard | None = None) -> Found:
    """Every set beside a run, by reading its JSON file; the predictions are not read. Nothing is raised for a broken one."""
    place = folder / FOLDER
    if not place.is_dir():
        return Found()
    weights = (card or store.read_card(folder)).weights.sha256
    current, stale, broken = {}, [], {}
    for path in sorted(place.glob("*.json"), key=_order):
        try:
            result = _read(path)
        except RunError as error:
            broken[path.stem] = str(error)
            continue
        if result.weights_sha256 == weights:
            current[path.stem] = result
        else:
            stale.append(path.stem)
    return Found(current, tuple(stale), broken)


def title_of(name: str) -> str:
    """A set for people."""
    return TITLES.get(name) or name.replace("_", " ").capitalize()


def in_order(names: Iterable[str]) -> list[str]:
    """Sets as they are shown: sets of others' choosing, what somebody measured here, then the run's own splits."""
    known = list(TITLES)
    own = known.index("test")
    return sorted(
        names, key=lambda name: (known.index(name) + (known.index(name) >= own) if name in known else own, name)
    )


def _order(path: Path) -> tuple[bool, bool, str]:
    return (path.stem != OFFICIAL, path.stem != ADULTS, path.stem)


def _read(path: Path) -> Evaluation:
    result = measured.read_json(path, Evaluation, REMEDY)
    if result is None:
        raise RunError(f"{path} is not there; {REMEDY}")
    if result.schema_version != SCHEMA_VERSION:
        raise RunError(
            f"{path} has the form of version {result.schema_version}, this one reads {SCHEMA_VERSION}; {REMEDY}"
        )
    if result.set != path.stem:
        raise RunError(f"{path} says that it is of the set {result.set!r}; restore its name, or {REMEDY}")
    return result


def predictions(folder: Path, name: str) -> Predictions:
    """Each image of a set; `splits` holds the set's name. RunError where there is none of these weights, or the file was altered.

    Probabilities are those of the logits by the card's calibration: a file may hold six digits of them, and what lies near 1 would tie.
    """
    place = folder / FOLDER / f"{check_name(name)}.csv"
    about = _read(place.with_suffix(".json"))
    card = store.read_card(folder)
    if about.weights_sha256 != card.weights.sha256:
        raise RunError(f"{place} is of other weights than the run's; {REMEDY}")
    blob = read_file(place, REMEDY)
    if store.digest(blob) != about.predictions_sha256:
        raise RunError(
            f"{place} is not what {place.with_suffix('.json').name} was written for; restore it, or {REMEDY}"
        )
    result = from_csv(blob, place, name)
    return replace(result, probabilities=calibration.calibrated(result.logits, card.temperature, card.bias))


def from_csv(blob: bytes, path: Path, name: str) -> Predictions:
    """RunError that names the file and what does not fit. name: of the set."""
    return tables.parse_predictions(blob, path, COLUMNS, split=name)


def as_csv(result: Predictions) -> bytes:
    """Only what belongs to a set; all numbers as they are, so that nothing ties that did not."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in zip(
        result.names, result.patients, result.labels, result.subtypes, result.logits, result.probabilities, strict=True
    ):
        *words, logit, probability = row
        writer.writerow([*words, repr(float(logit)), repr(float(probability))])
    return buffer.getvalue().encode()


def data_digest(result: Predictions) -> str:
    """Of names and labels, in whatever order: the same images give the same digest for every run."""
    rows = sorted(f"{name}\t{label}\n" for name, label in zip(result.names, result.labels, strict=True))
    return store.digest("".join(rows).encode())


def save(folder: Path, evaluation: Evaluation, blob: bytes) -> None:
    """Writes <set>.csv (blob) and then <set>.json into a run's folder. The digests are those of what is written."""
    name = check_name(evaluation.set)
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    store.write(place / f"{name}.csv", blob)
    measured.save(place, f"{name}.json", replace(evaluation, predictions_sha256=store.digest(blob)))


def with_sets(card: RunCard, found: Mapping[str, Evaluation]) -> RunCard:
    """The card with the metrics of the sets among its own, for what shows them side by side; it is not written anywhere."""
    return replace(card, metrics=card.metrics | {name: each.metrics for name, each in found.items()})
