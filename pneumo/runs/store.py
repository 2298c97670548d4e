"""A trained run on disk: model.safetensors, card.json, history.csv, predictions.csv.

Safetensors only, no pickle. Every file is written aside and renamed, the card last, so a folder with a
card is complete. Loading checks the card against its schema and the weights against the card's sha256.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from pneumo import models
from pneumo.codec import decode, encode
from pneumo.files import write
from pneumo.formatting import nearest
from pneumo.schema import PneumoError, Predictions, RunCard, WeightsInfo

SCHEMA_VERSION = 1
WEIGHTS_FILE, CARD_FILE = "model.safetensors", "card.json"
SNAPSHOT_FOLDER = "snapshots"  # a GAN's samples after some epochs
HISTORY_FILE, PREDICTIONS_FILE = "history.csv", "predictions.csv"
DEFAULT_FILE = "DEFAULT"  # one line in weights/: the name of the run that is used when none is named
FORMER_COLUMNS = {"part": "split"}  # of runs trained before the split had its name; they stay readable
PREDICTION_COLUMNS = ("name", "split", "patient", "label", "subtype", "logit", "probability")
SCALE_SUFFIX = "::scale"
REPOSITORY = Path(__file__).resolve().parents[2]


class RunError(PneumoError):
    """A run that cannot be used: names the file and the remedy."""


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
    """Names of the complete runs in the weights folder, in alphabetical order; of one task, or all."""
    folder = weights_folder()
    names = sorted(path.parent.name for path in folder.glob(f"*/{CARD_FILE}")) if folder.is_dir() else []
    return [name for name in names if task is None or read_card(folder / name).task == task]


def default_name() -> str:
    """The default run's name: what the file DEFAULT in the weights folder says; without that file the first classifier in
    alphabetical order, else the first run. RunError where there is no run at all."""
    path = weights_folder() / DEFAULT_FILE
    if path.is_file():
        return path.read_text().strip()
    known = available("classification") or available()
    if not known:
        raise RunError(f"there is no run in {weights_folder()}; train one, or set PNEUMO_WEIGHTS to a folder of runs")
    return known[0]


def resolve(run: str | None = None) -> Path:
    """The folder of a run given by name, by folder, or not at all (the default run)."""
    name = run or default_name()
    for folder in (weights_folder() / name, Path(name)):
        if (folder / CARD_FILE).is_file():
            return folder
    known = available()
    raise RunError(
        f"no run {name!r}{nearest(name, known)}; there are: {', '.join(known) or 'none'}, or give a run's folder"
    )


def read_card(folder: Path) -> RunCard:
    """The card of a run's folder, checked against the schema."""
    path = folder / CARD_FILE
    blob = _read(path)
    try:
        # A run is called by its folder: a renamed folder is a renamed run.
        return replace(_card_of(blob), name=folder.resolve().name)
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, PneumoError
        raise RunError(f"{path} does not fit its schema: {error}. Restore the file, or train the run again") from error


@functools.lru_cache(maxsize=256)
def _card_of(blob: bytes) -> RunCard:
    """Pages ask for all cards at every click. By content, so that a file that changed is never taken for the old one."""
    plain = json.loads(blob)
    if isinstance(plain, dict) and plain.get("schema_version") != SCHEMA_VERSION:
        raise PneumoError(f"schema_version is {plain.get('schema_version')}; this version reads {SCHEMA_VERSION}")
    return decode(RunCard, plain)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise RunError(f"{path} is missing; restore the file, or train the run again") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}); restore the file, or train the run again") from error


def load(run: str | None = None, task: str | None = None) -> Run:
    """A run ready for inference. RunError names the file and the remedy when anything does not fit.

    task: what the run must have been trained for, e.g. "classification"; None takes any.
    """
    folder = resolve(run)
    card = read_card(folder)
    if task and card.task != task:
        raise RunError(
            f"run {card.name!r} was trained for {card.task}, this needs one for {task}; there are: {', '.join(available(task)) or 'none'}"
        )
    if card.members:
        return _load_ensemble(card, folder)
    path = folder / WEIGHTS_FILE
    blob = _read(path)
    result = digest(blob)
    if result != card.weights.sha256:
        raise RunError(
            f"{path} has sha256 {result[:12]}..., its card says {card.weights.sha256[:12]}...; the weights "
            "are not those of this card. Restore the file (a download may have been cut short), or train again"
        )
    try:
        model = models.build(card.model, card.image, **card.model_args)
    except PneumoError as error:
        raise RunError(f"{folder / CARD_FILE}: {error}. Restore the file, or train the run again") from error
    try:
        model.load_state_dict(deserialise(blob))
    except (SafetensorError, RuntimeError) as error:
        raise RunError(
            f"{path} does not fit model {card.model!r}: {str(error).splitlines()[0]}; train again"
        ) from error
    return Run(card, folder, model.float().eval())


def _load_ensemble(card: RunCard, folder: Path) -> Run:
    """The members beside the ensemble, or in the weights folder; their weights must be those the card was made with.

    One lock for all: a heatmap of a member must not meet the ensemble's own inference.
    """
    members, lock = [], threading.RLock()
    for name, digest in card.members.items():
        beside = folder.parent / name
        member = load(str(beside) if (beside / CARD_FILE).is_file() else name)
        if member.card.weights.sha256 != digest:
            raise RunError(
                f"{folder / CARD_FILE}: member {name!r} has other weights now (sha256 {member.card.weights.sha256[:12]}..., "
                f"expected {digest[:12]}...); restore that run, or make the ensemble again"
            )
        members.append(replace(member, lock=lock))
    return Run(card, folder, ensemble_of(members), lock, tuple(members))


def ensemble_of(members: Sequence[Run]) -> nn.Module:
    """The members as one model, in eval mode."""
    splits = [models.Member(m.model, m.card.image, m.card.temperature, m.card.bias) for m in members]
    return models.Ensemble(splits).eval()


def save(
    folder: Path, card: RunCard, weights: bytes | None, history: list[dict[str, Any]], predictions: Predictions | None
) -> None:
    """Writes the four files, the card last. weights: from `serialise`; card.weights: from `weights_info`.

    An ensemble has no weights and no history of its own; a run that does not classify has no predictions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if weights is not None:
        write(folder / WEIGHTS_FILE, weights)
        write(folder / HISTORY_FILE, _history_csv(history))
    if predictions is not None:
        write(folder / PREDICTIONS_FILE, _predictions_csv(predictions))
    write(folder / CARD_FILE, json.dumps(encode(card), indent=2).encode())


def serialise(state: dict[str, torch.Tensor], storage: str = "float32") -> bytes:
    """A state dict as safetensors bytes.

    storage: "float32" as it is; "float16"; or "int8", where every matrix and kernel becomes whole numbers -127..127
    with one float32 scale per output channel (`<name>::scale`), a quarter of the size. Vectors stay float32 then.
    """
    plain = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    if storage == "float16":
        plain = {key: value.half() if value.is_floating_point() else value for key, value in plain.items()}
    if storage == "int8":
        plain = dict(pair for key, value in plain.items() for pair in _quantised(key, value))
    return save_tensors(plain)


def _quantised(key: str, value: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    if value.ndim < 2 or not value.is_floating_point():
        return [(key, value)]
    scale = value.flatten(1).abs().amax(1).clamp(min=1e-12).float() / 127  # (out,)
    shape = (-1, *[1] * (value.ndim - 1))
    return [(key, (value / scale.view(shape)).round().to(torch.int8)), (key + SCALE_SUFFIX, scale)]


def deserialise(blob: bytes) -> dict[str, torch.Tensor]:
    """The reverse of `serialise`: floating tensors as float32. Raises SafetensorError."""
    stored = load_tensors(blob)
    state = {key: value for key, value in stored.items() if not key.endswith(SCALE_SUFFIX)}
    for key, value in state.items():
        if key + SCALE_SUFFIX in stored:
            shape = (-1, *[1] * (value.ndim - 1))
            state[key] = value.float() * stored[key + SCALE_SUFFIX].view(shape)
        elif value.is_floating_point():
            state[key] = value.float()
    return state


def digest(blob: bytes) -> str:
    """The sha256 of a file's bytes, in hex."""
    return hashlib.sha256(blob).hexdigest()


def weights_info(blob: bytes, parameters: int) -> WeightsInfo:
    """Hash and size of serialised weights for the card."""
    return WeightsInfo(digest(blob), len(blob), parameters)


def _history_csv(history: list[dict[str, Any]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(
        buffer, fieldnames=list(dict.fromkeys(key for row in history for key in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in history)
    return buffer.getvalue().encode()


def _predictions_csv(predictions: Predictions) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(PREDICTION_COLUMNS)
    for *words, logit, probability in zip(*vars(predictions).values(), strict=True):
        writer.writerow([*words, f"{logit:.5f}", f"{probability:.6f}"])
    return buffer.getvalue().encode()


def write_card(folder: Path, card: RunCard) -> None:
    """Replaces a run's card; its weights and predictions stay."""
    write(folder / CARD_FILE, json.dumps(encode(card), indent=2).encode())


def read_history(folder: Path) -> list[dict[str, float]]:
    """history.csv: one row an epoch, epoch 0 is before training; empty cells are NaN. RunError when it does not fit.

    An ensemble has none: no rows.
    """
    path = folder / HISTORY_FILE
    if not path.exists() and read_card(folder).members:
        return []
    try:
        rows = _rows(path, ("epoch",))
        return [{key: float(value) if value else float("nan") for key, value in row.items()} for row in rows]
    except ValueError as error:
        raise _misfit(path, error) from error


def read_predictions(folder: Path) -> Predictions:
    """predictions.csv. RunError when a column is missing or a number is none."""
    path = folder / PREDICTIONS_FILE
    try:
        rows = _rows(path, PREDICTION_COLUMNS)
        columns = {name: [row[name] for row in rows] for name in PREDICTION_COLUMNS}
        return Predictions(
            *(np.array(columns[name]) for name in ("name", "split", "patient")),
            np.array(columns["label"], dtype=np.int64),
            np.array(columns["subtype"]),
            np.array(columns["logit"], dtype=np.float64),
            np.array(columns["probability"], dtype=np.float64),
        )
    except ValueError as error:
        raise _misfit(path, error) from error


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file, all as long as its header; ValueError otherwise."""
    reader = csv.DictReader(io.StringIO(_read(path).decode()), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    for former, name in FORMER_COLUMNS.items():
        if former in (reader.fieldnames or ()) and name in columns:
            rows = [{name if key == former else key: value for key, value in row.items()} for row in rows]
            reader.fieldnames = [name if key == former else key for key in reader.fieldnames]
    for column in columns:
        if column not in (reader.fieldnames or ()):
            raise ValueError(f"missing column {column}")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise ValueError(f"row {number} is not as long as the header")
    return rows


def _misfit(path: Path, error: ValueError) -> RunError:
    if isinstance(error, RunError):  # the file itself was missing
        return error
    return RunError(f"{path} does not fit its schema: {error}. Restore the file, or train the run again")
