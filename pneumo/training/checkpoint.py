"""An unfinished training on disk: one safetensors file, tensors by name, everything else as JSON in its header. No pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from pneumo import files
from pneumo.codec import encode
from pneumo.schema import PneumoError, Recipe

FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Stateful:
    """Everything in a training that has a state. modules: by name, the moving average among them."""

    modules: dict[str, nn.Module]
    optimisers: Sequence[Optimizer]
    schedules: Sequence[LRScheduler | ReduceLROnPlateau]


def exists(folder: Path) -> bool:
    """Whether an unfinished training in a folder can go on."""
    return (folder / FILE).is_file()


def remove(folder: Path) -> None:
    """The checkpoint of a finished training, and half-written ones that a kill left."""
    for path in (folder / FILE, *folder.glob(f".{FILE}.*")):
        path.unlink(missing_ok=True)


def store(folder: Path, recipe: Recipe, state: dict[str, Any], best: dict[str, Tensor], stateful: Stateful) -> None:
    """Writes aside and renames. state: plain JSON values. best: the weights to keep, so far."""
    tensors = {f"best.{key}": value for key, value in best.items()}
    for name, module in stateful.modules.items():
        tensors |= {f"module.{name}.{key}": value for key, value in module.state_dict().items()}
    groups = []
    for n, optimiser in enumerate(stateful.optimisers):
        plain = optimiser.state_dict()
        groups.append(plain["param_groups"])
        for index, entries in plain["state"].items():
            tensors |= {
                f"optimiser.{n}.{index}.{key}": torch.as_tensor(value)
                for key, value in entries.items()
                if value is not None
            }
    about = {
        "recipe": encode(recipe),
        "state": state,
        "optimisers": groups,
        "schedules": [schedule.state_dict() for schedule in stateful.schedules],
    }
    folder.mkdir(parents=True, exist_ok=True)
    plain_tensors = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    text = json.dumps(about)
    files.write(folder / FILE, save_tensors(plain_tensors, {"pneumo": text, "sha256": _digest(text, plain_tensors)}))


def restore(folder: Path, recipe: Recipe, stateful: Stateful) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """State and best weights; what is stateful gets its state back. PneumoError where the checkpoint is
    damaged, or of another recipe."""
    path = folder / FILE
    about, tensors = _read(path)
    if about["recipe"] != encode(recipe):
        raise PneumoError(
            f"{path} belongs to another recipe ({_difference(about['recipe'], encode(recipe))}); "
            "resume with the same settings, or choose another --out"
        )
    for name, module in stateful.modules.items():
        module.load_state_dict(_below(tensors, f"module.{name}."))
    for n, optimiser in enumerate(stateful.optimisers):
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in _below(tensors, f"optimiser.{n}.").items():
            index, _, entry = key.partition(".")
            moments.setdefault(int(index), {})[entry] = value
        optimiser.load_state_dict({"state": moments, "param_groups": about["optimisers"][n]})
    for schedule, plain in zip(stateful.schedules, about["schedules"], strict=True):
        schedule.load_state_dict(plain)
    return about["state"], _below(tensors, "best.")


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What was stored, checked against its own sha256: one altered bit would go unnoticed in weights and moments."""
    try:
        with safe_open(path, "pt") as file:
            stored = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a dict
        sound = stored["sha256"] == _digest(stored["pneumo"], tensors)
    except (SafetensorError, KeyError, ValueError, RuntimeError, OSError) as error:
        raise _damaged(path, type(error).__name__) from error
    if not sound:
        raise _damaged(path, "its content does not match its checksum")
    return json.loads(stored["pneumo"]), tensors


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    """sha256 over names, types, shapes and values of the tensors, and everything else that is stored."""
    result = hashlib.sha256(text.encode())
    for key in sorted(tensors):
        value = tensors[key].contiguous()
        result.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        result.update(value.reshape(-1).view(torch.uint8).numpy())
    return result.hexdigest()


def _damaged(path: Path, why: str) -> PneumoError:
    return PneumoError(f"{path} is damaged ({why}); delete it, and train again from the beginning")


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """The first field that differs, for people."""
    for key in old.keys() | new.keys():
        if old.get(key) != new.get(key):
            return f"{key} was {old.get(key)}, is {new.get(key)}"
    return "no field differs"
