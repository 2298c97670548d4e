"""The model of a run: its weights from safetensors bytes and back, and the loaded `Run`.

Apart from `store`, because this takes torch and torchvision, seconds of imports that a card or a table does not need.
Loading checks the weights against the card's sha256.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn
from torch.overrides import TorchFunctionMode

from pneumo import models
from pneumo.runs.reading import RunError, read_file
from pneumo.runs.store import (
    CARD_FILE,
    WEIGHTS_FILE,
    Run,
    available,
    digest,
    expect_size,
    folder_of_member,
    instead_of_default,
    member_card,
    read_card,
    resolve,
)
from pneumo.schema import PneumoError, RunCard

SCALE_SUFFIX = "::scale"
DRAWS = {
    *(torch.Tensor.uniform_, torch.Tensor.normal_, nn.init.uniform_, nn.init.normal_, nn.init.trunc_normal_),
    *(nn.init.kaiming_uniform_, nn.init.kaiming_normal_, nn.init.xavier_uniform_, nn.init.xavier_normal_),
}


class _Undrawn(TorchFunctionMode):
    """Models built within are not filled with random weights, which takes a tenth of a second for ResNet-18: the file's take their place."""

    def __torch_function__(
        self, function: Callable, kinds: Any, arguments: tuple = (), options: dict[str, Any] | None = None
    ) -> Any:
        options = options or {}
        if function in DRAWS:
            return arguments[0] if arguments else options["tensor"]
        return function(*arguments, **options)


def load(run: str | None = None, task: str | None = None) -> Run:
    """A run ready for inference. RunError names the file and the remedy when anything does not fit.

    task: what the run must have been trained for, e.g. "classification"; None takes any.
    """
    folder = resolve(run)
    try:
        return _load(folder, task)
    except RunError as error:
        if run:
            raise
        raise instead_of_default(folder.name, error, task) from error


def _load(folder: Path, task: str | None) -> Run:
    card = read_card(folder)
    if task and card.task != task:
        raise RunError(
            f"run {card.name!r} was trained for {card.task}, this needs one for {task}; there are: {', '.join(available(task)) or 'none'}"
        )
    if card.members:
        return _load_ensemble(card, folder)
    path = folder / WEIGHTS_FILE
    blob = _read_weights(path, card)
    try:
        with _Undrawn():
            model = models.build(card.model, card.image, **card.model_args)
    except (
        PneumoError,
        RuntimeError,
        MemoryError,
        OverflowError,
    ) as error:  # the last ones: arguments beyond all sizes
        raise RunError(f"{folder / CARD_FILE}: {error}. Restore the file, or train the run again") from error
    try:
        state = deserialise(blob)
        check_finite(state)
        model.load_state_dict(state)
    except RunError as error:
        raise RunError(f"{path}: {error}; train the run again") from error
    except (SafetensorError, RuntimeError, LookupError, TypeError, ValueError) as error:
        raise RunError(
            f"{path} does not fit model {card.model!r}: {str(error).splitlines()[0]}; train again"
        ) from error
    return Run(card, folder, model.float().eval())


def _read_weights(path: Path, card: RunCard) -> bytes:
    """The bytes of the weights' file. RunError where they are not those of the card."""
    expect_size(path, card)
    blob = read_file(path, most=card.weights.size_bytes)
    result = digest(blob)
    if result != card.weights.sha256:
        raise RunError(
            f"{path} has sha256 {result[:12]}..., its card says {card.weights.sha256[:12]}...; the weights "
            "are not those of this card. Restore the file (a download may have been cut short), or train again"
        )
    return blob


def _load_ensemble(card: RunCard, folder: Path) -> Run:
    """The members beside the ensemble, or in the weights folder; their weights must be those the card was made with.

    One lock for all: a heatmap of a member must not meet the ensemble's own inference.
    """
    members, lock = [], threading.RLock()
    for name in card.members:
        beside = folder_of_member(folder, name)
        member_card(folder, beside, card)
        members.append(replace(_load(beside, card.task), lock=lock))
    return Run(card, folder, ensemble_of(members), lock, tuple(members))


def ensemble_of(members: Sequence[Run]) -> nn.Module:
    """The members as one model, in eval mode."""
    splits = [models.Member(m.model, m.card.image, m.card.temperature, m.card.bias) for m in members]
    return models.Ensemble(splits).eval()


def serialise(state: dict[str, torch.Tensor], storage: str = "float32") -> bytes:
    """A state dict as safetensors bytes.

    storage: "float32" as it is; "float16"; or "int8", where every matrix and kernel becomes whole numbers -127..127
    with one float32 scale per output channel (`<name>::scale`), a quarter of the size. Vectors stay float32 then.
    Weights that are not finite, or become so in that storage, raise RunError.
    """
    check_finite(state)
    plain = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    if storage == "float16":
        plain = {key: value.half() if value.is_floating_point() else value for key, value in plain.items()}
    if storage == "int8":
        plain = dict(pair for key, value in plain.items() for pair in _quantised(key, value))
    try:
        check_finite(plain)
    except RunError as error:
        raise RunError(f"{error} as {storage}, which ends at 65,504; choose storage=float32") from error
    return save_tensors(plain)


def check_finite(state: Mapping[str, torch.Tensor]) -> None:
    """RunError that names the first tensor with NaN or Infinity in it. One look at each number, nothing is allocated."""
    for name, value in state.items():
        if value.numel() and value.is_floating_point() and not all(map(torch.isfinite, value.detach().aminmax())):
            raise RunError(f"the weights {name!r} are not finite (NaN or Infinity)")


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
