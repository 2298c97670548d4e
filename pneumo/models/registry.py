"""The registry: a builder's function name is the model's name.

    @register(task="classification", family="cnn", cam_layer=lambda model: model.features[-1])
    def pneumonia_cnn(image: ImageSpec, ...) -> nn.Module: ...

Building does no I/O. Models return logits.
"""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pneumo.formatting import nearest
from pneumo.schema import ImageSpec, PneumoError

WIDEST = 4096  # channels, or numbers of a code
MOST_LAYERS = 16  # of a list of widths
MOST_PARAMETERS = 200_000_000  # with Adam's moments and gradients 3 GB


@dataclass(frozen=True)
class Entry:
    """A registered model.

    builder: (image, **arguments) -> module.
    task: the task that trains it, e.g. "classification".
    cam_layer: the module whose output Grad-CAM weighs, found in a built model; None where it makes no sense.
    """

    name: str
    builder: Callable[..., nn.Module]
    task: str
    family: str
    cam_layer: Callable[[nn.Module], nn.Module] | None


_entries: dict[str, Entry] = {}


def register(
    *, task: str, family: str, cam_layer: Callable[[nn.Module], nn.Module] | None = None
) -> Callable[[Callable[..., nn.Module]], Callable[..., nn.Module]]:
    """Adds the builder under its own name; a second one of that name raises ValueError."""

    def add(builder: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        name = builder.__name__
        if name in _entries:
            raise ValueError(f"a model named {name!r} is registered already; choose another function name")
        _entries[name] = Entry(name, builder, task, family, cam_layer)
        return builder

    return add


def entry(name: str) -> Entry:
    """The registered model of that name; PneumoError with the nearest name otherwise."""
    if name not in _entries:
        raise PneumoError(f"no model named {name!r}{nearest(name, _entries)}; there are: {', '.join(names())}")
    return _entries[name]


def names(task: str | None = None) -> list[str]:
    """Registered names in alphabetical order, of one task or of all."""
    return sorted(name for name, item in _entries.items() if task in (None, item.task))


def build(name: str, image: ImageSpec, **arguments: Any) -> nn.Module:
    """A fresh model with random weights (torch's global generator). Unknown and unusable arguments raise PneumoError."""
    builder = entry(name).builder
    known = [key for key in inspect.signature(builder).parameters if key != "image"]
    for key in arguments:
        if key not in known:
            raise PneumoError(f"model {name!r} has no argument {key!r}{nearest(key, known)}; it has: {known}")
    _check_arguments(name, builder, arguments)
    try:
        return builder(image, **arguments)
    except PneumoError:
        raise
    except (TypeError, ValueError) as error:  # torch's layers check their own arguments
        raise PneumoError(f"model {name!r} cannot be built with {arguments}: {error}") from error


def check(name: str, image: ImageSpec, **arguments: Any) -> None:
    """Raises PneumoError where a model cannot be built, or would be too large, without taking memory for it."""
    parameters = planned_parameters(name, image, **arguments)
    if parameters > MOST_PARAMETERS:
        raise PneumoError(
            f"model {name!r} with {arguments} at {image.size} pixels has {parameters:,} parameters; expected up to "
            f"{MOST_PARAMETERS:,}. Choose a smaller image_size or smaller model_args"
        )


def planned_parameters(name: str, image: ImageSpec, **arguments: Any) -> int:
    """How many parameters a model would have; no memory is taken for them."""
    try:
        with torch.device("meta"):
            model = build(name, image, **arguments)
    except NotImplementedError:  # torchvision's RegNet computes its widths with tensors; its size is fixed
        model = build(name, image, **arguments)
    return count_parameters(model)


def _check_arguments(name: str, builder: Callable[..., nn.Module], arguments: dict[str, Any]) -> None:
    """Raises PneumoError for an argument of the wrong type or outside its range, as the builder's annotations have it."""
    for key, value in arguments.items():
        kind = str(inspect.signature(builder).parameters[key].annotation)
        several = kind.startswith("Sequence") and isinstance(value, list | tuple) and 0 < len(value) <= MOST_LAYERS
        for each in value if several else [value]:
            expected = ""
            if "int" in kind and not (type(each) is int and 1 <= each <= WIDEST):
                expected = (
                    f"whole numbers from 1 to {WIDEST:,}" if "Seq" in kind else f"a whole number from 1 to {WIDEST:,}"
                )
            elif kind == "float" and not (type(each) in (int, float) and 0 <= each <= 1):
                expected = "a number from 0 to 1"
            elif kind == "bool" and type(each) is not bool:
                expected = "true or false"
            if expected:
                raise PneumoError(
                    f"model {name!r} cannot be built with {reprlib.repr(arguments)}: expected for {key} {expected}"
                )


def cam_layer(name: str, model: nn.Module) -> nn.Module:
    """The layer Grad-CAM looks at in a built model of that name."""
    find = entry(name).cam_layer
    if find is None:
        raise PneumoError(f"model {name!r} has no layer for Grad-CAM; choose a convolutional classifier")
    return find(model)


def positive_logit(outputs: Tensor) -> Tensor:
    """The logit of PNEUMONIA from either head: (B, 1) single logit, or (B, 2) one per class. Returns (B,)."""
    if outputs.ndim != 2 or outputs.shape[1] not in (1, 2):
        raise ValueError(f"expected outputs (B, 1) or (B, 2), got {tuple(outputs.shape)}")
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs[:, 1] - outputs[:, 0]


def count_parameters(model: nn.Module, *, trainable_only: bool = False) -> int:
    """Numbers learned by gradient descent; buffers such as batch norm's running statistics do not count."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def native_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is certain to be faster than float32 there: on a GPU that computes it itself, on a CPU with AMX.

    Other CPUs are faster in it for some models only, whatever their flags say (`training.precision`).
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_amx_tile_supported()
