"""A trained run on disk: model.safetensors, card.json, history.csv, predictions.csv.

Safetensors only, no pickle. Every file is written aside and renamed, the card last, so a folder with a
card is complete. What is read here is checked against its schema, and none of it takes torch: `weights` loads the model.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import reprlib
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.codec import decode, encode, parse
from pneumo.files import write
from pneumo.formatting import nearest
from pneumo.runs import card_checks, tables
from pneumo.runs.reading import RunError, read_file, size_of
from pneumo.schema import PneumoError, Predictions, RunCard, WeightsInfo

if TYPE_CHECKING:
    from torch import nn

SCHEMA_VERSION = 1
WEIGHTS_FILE, CARD_FILE = "model.safetensors", "card.json"
SNAPSHOT_FOLDER = "snapshots"  # a GAN's samples after some epochs
HISTORY_FILE, PREDICTIONS_FILE = "history.csv", "predictions.csv"
DEFAULT_FILE = "DEFAULT"  # one line in weights/: the name of the run that is used when none is named
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, eq=False)
class Run:
    """A loaded run, shared between threads.

    model: in eval mode, float32, on the CPU. lock: to be held around every use of the model, because hooks and
    gradients of an explanation live on it. members: the runs an ensemble is made of.
    """

    card: RunCard
    folder: Path
    model: nn.Module
    lock: Any = field(default_factory=threading.RLock)
    members: tuple[Run, ...] = ()


def weights_folder() -> Path:
    """The folder of shipped runs: PNEUMO_WEIGHTS, or weights/ beside the package."""
    return Path(os.environ.get("PNEUMO_WEIGHTS") or REPOSITORY / "weights")


def available(task: str | None = None) -> list[str]:
    """Names of the runs in the weights folder whose cards can be read, in alphabetical order; of one task, or all.

    What the others lack is said by `unusable`.
    """
    cards, _ = _looked_through()
    return [name for name, card in cards.items() if task is None or card.task == task]


def unusable() -> dict[str, str]:
    """Why a run of the weights folder cannot be used, by its name: what does not fit, and the remedy.

    Looks at cards, and at whether the weights are there and as long as the card says; that they are the right ones is found
    on loading.
    """
    cards, reasons = _looked_through()
    for name, card in cards.items():
        try:
            _check_weights(weights_folder() / name, card)
        except RunError as error:
            reasons[name] = str(error)
    return dict(sorted(reasons.items()))


def _looked_through() -> tuple[dict[str, RunCard], dict[str, str]]:
    """The cards in the weights folder by run, and why others cannot be read. Folders that hold no run count as neither."""
    cards, reasons = {}, {}
    for folder in _folders():
        if (
            not folder.name.isprintable()
        ):  # a line break, or bytes that are no text, which no page and no table can show
            reasons[ascii(folder.name)] = f"its folder has no readable name; rename it in {folder.parent}"
            continue
        if not _holds_a_run(folder):
            continue
        try:
            cards[folder.name] = read_card(folder)
        except RunError as error:
            reasons[folder.name] = str(error)
    return cards, reasons


def _folders() -> list[Path]:
    try:
        return sorted(path for path in weights_folder().iterdir() if path.is_dir() and path.name[0] != ".")
    except OSError:  # there is none, or it may not be read
        return []


def _holds_a_run(folder: Path) -> bool:
    """Or a part of one, which is then named."""
    return any(os.path.lexists(folder / name) for name in (CARD_FILE, WEIGHTS_FILE, PREDICTIONS_FILE))


def _check_weights(folder: Path, card: RunCard) -> None:
    """RunError where the weights are missing or too short or long, or where a member of an ensemble is not as it was."""
    if not card.members:
        expect_size(folder / WEIGHTS_FILE, card)
    for member in card.members:
        beside = folder_of_member(folder, member)
        _check_weights(beside, member_card(folder, beside, card))


def expect_size(path: Path, card: RunCard) -> None:
    """RunError where a file of weights is missing, or shorter or longer than its card says."""
    size, expected = size_of(path), card.weights.size_bytes
    if size != expected:
        raise RunError(
            f"{path} has {size:,} bytes, its card says {expected:,}; restore the file (a download may have been cut short), "
            "or train again"
        )


def folder_of_member(folder: Path, member: str) -> Path:
    """The folder of a member: beside its ensemble, or in the weights folder."""
    if Path(member).name != member:
        raise RunError(
            f"{folder / CARD_FILE}: {member!r} is no name of a run; restore the file, or make the ensemble again"
        )
    beside = folder.parent / member
    return beside if os.path.lexists(beside / CARD_FILE) else _folder_of(member)


def member_card(folder: Path, beside: Path, card: RunCard) -> RunCard:
    """The card of a member of an ensemble. RunError where it is another run now, or an ensemble itself, which has no end."""
    member, expected = read_card(beside), card.members[beside.name]
    if member.members:
        raise RunError(
            f"{folder / CARD_FILE}: member {beside.name!r} is an ensemble; restore the file, or make the ensemble again"
        )
    if member.weights.sha256 != expected:
        raise RunError(
            f"{folder / CARD_FILE}: member {beside.name!r} has other weights now (sha256 {member.weights.sha256[:12]}..., "
            f"expected {expected[:12]}...); restore that run, or make the ensemble again"
        )
    return member


def default_name() -> str:
    """The default run's name: what the file DEFAULT in the weights folder says; without that file the first classifier in
    alphabetical order, else the first run. RunError where there is no run at all, or where the file names none."""
    path = weights_folder() / DEFAULT_FILE
    if os.path.lexists(path):
        name = read_file(path, most=1000, again="delete it").decode(errors="replace").strip()
        if not (name.strip(".") and name.isprintable() and Path(name).name == name and "\ufffd" not in name):
            raise RunError(f"{path} says {name!r}; expected the name of a run in its folder")
        return name
    known = available("classification") or available()
    if not known:
        raise RunError(f"there is no run in {weights_folder()}; train one, or set PNEUMO_WEIGHTS to a folder of runs")
    return known[0]


def resolve(run: str | None = None) -> Path:
    """The folder of a run given by name, by folder, or not at all (the default run, whose card is then known to be readable)."""
    if run:
        return _folder_of(run)
    name = default_name()
    try:
        folder = _folder_of(name)
        read_card(folder)
    except RunError as error:
        raise instead_of_default(name, error) from error
    return folder


def _folder_of(name: str) -> Path:
    for folder in (weights_folder() / name, Path(name)):
        if "\0" not in name and _holds_a_run(folder):
            return folder
    known = available()
    raise RunError(
        f"no run {reprlib.repr(name)}{nearest(name[:200], known)}; there are: {', '.join(known) or 'none'}, or give a run's folder"
    )


def instead_of_default(name: str, error: RunError, task: str | None = None) -> RunError:
    """What is wrong with the default run, and which others can be used."""
    bad = {name, *unusable()}
    others = [each for each in available(task) if each not in bad]
    way_out = f". Until then name another run (RUN or --run): {', '.join(others)}" if others else ""
    return RunError(f"the default run {name!r} cannot be used: {error}{way_out}")


def read_card(folder: Path) -> RunCard:
    """The card of a run's folder, checked against the schema."""
    path = folder / CARD_FILE
    blob = read_file(path)
    try:
        # A run is called by its folder: a renamed folder is a renamed run.
        return replace(_card_of(blob), name=folder.name if folder.name.strip(".") else folder.resolve().name)
    except PneumoError as error:
        raise RunError(f"{path} does not fit its schema: {error}. Restore the file, or train the run again") from error


@functools.lru_cache(maxsize=256)
def _card_of(blob: bytes) -> RunCard:
    """Pages ask for all cards at every click. By content, so that a file that changed is never taken for the old one."""
    plain = parse(blob)
    if isinstance(plain, dict) and plain.get("schema_version") != SCHEMA_VERSION:
        came = reprlib.repr(plain.get("schema_version"))
        raise PneumoError(f"schema_version is {came}; this version reads {SCHEMA_VERSION}")
    card = decode(RunCard, plain)
    card_checks.check(card)
    return card


def save(
    folder: Path, card: RunCard, weights: bytes | None, history: list[dict[str, Any]], predictions: Predictions | None
) -> None:
    """Writes the four files, the card last. weights: from `weights.serialise`; card.weights: from `weights_info`.

    An ensemble has no weights and no history of its own; a run that does not classify has no predictions.
    """
    files = _as_bytes(
        folder, card, weights, history, predictions
    )  # whatever cannot be saved is found before anything is
    folder.mkdir(parents=True, exist_ok=True)
    for name, blob in files.items():
        write(folder / name, blob)


def _as_bytes(
    folder: Path, card: RunCard, weights: bytes | None, history: list[dict[str, Any]], predictions: Predictions | None
) -> dict[str, bytes]:
    """By file, the card last."""
    result = {}
    if weights is not None:
        result[WEIGHTS_FILE], result[HISTORY_FILE] = weights, tables.history_as_csv(history)
    if predictions is not None:
        try:
            result[PREDICTIONS_FILE] = tables.predictions_as_csv(predictions)
        except ValueError as error:
            raise RunError(
                f"{folder} was not saved: in its predictions {error}; train again at a lower rate"
            ) from error
    return result | {CARD_FILE: _card_as_json(folder, card)}


def digest(blob: bytes) -> str:
    """The sha256 of a file's bytes, in hex."""
    return hashlib.sha256(blob).hexdigest()


def weights_info(blob: bytes, parameters: int) -> WeightsInfo:
    """Hash and size of serialised weights for the card."""
    return WeightsInfo(digest(blob), len(blob), parameters)


def write_card(folder: Path, card: RunCard) -> None:
    """Replaces a run's card; its weights and predictions stay. RunError, and nothing is written, where it could not be read."""
    write(folder / CARD_FILE, _card_as_json(folder, card))


def _card_as_json(folder: Path, card: RunCard) -> bytes:
    """RunError where a card would be written that is refused when it is read."""
    try:
        blob = json.dumps(encode(card), indent=2).encode()
        _card_of(blob)
    except ValueError as error:
        raise RunError(f"{folder / CARD_FILE} was not written, because it could not be read again: {error}") from error
    return blob


def read_history(folder: Path) -> list[dict[str, float]]:
    """history.csv: one row an epoch, epoch 0 is before training; empty cells are NaN. RunError when it does not fit.

    An ensemble has none: no rows.
    """
    path = folder / HISTORY_FILE
    if not os.path.lexists(path) and read_card(folder).members:
        return []
    return tables.read_history(path)


def read_predictions(folder: Path) -> Predictions:
    """predictions.csv, one row or more. RunError when it does not fit."""
    return tables.read_predictions(folder / PREDICTIONS_FILE)
