"""Where a backbone starts: at random, with ImageNet weights, in another run, or in a file. docs/transfer.md says where files come from."""

from __future__ import annotations

import io
import pickle  # nosec B403: for the error that a refused file raises; nothing is unpickled with it
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from pneumo import models, runs
from pneumo.formatting import printable
from pneumo.runs.reading import RunError, read_file
from pneumo.schema import PneumoError, Recipe

SUFFIXES = (".safetensors", ".pth", ".pt")
MOST_BYTES = 1_000_000_000  # EfficientNet-B7 has 260 MB
NESTED = ("state_dict", "model", "model_state_dict")  # where training scripts put the tensors
PREFIXES = ("module.", "backbone.", "model.")
BACK_TO = "give a file that fits, or start elsewhere: pretrained=none, or pretrained=<a run trained here>"


def tensors(recipe: Recipe) -> dict[str, Tensor] | None:
    """The backbone's tensors under the names of the model, or None for a random start. Raises PneumoError."""
    if recipe.pretrained == "none":
        return None
    if recipe.pretrained == "imagenet":
        return models.imagenet_state(recipe.model)
    if is_file(recipe.pretrained):
        return _read(Path(recipe.pretrained))
    state = runs.load(recipe.pretrained).model.state_dict()
    result = {key.removeprefix("backbone."): value for key, value in state.items() if key.startswith("backbone.")}
    if not result:
        raise PneumoError(f"run {recipe.pretrained!r} has no backbone to start from; choose a run of the same backbone")
    return result


def published(start: str) -> str:
    """What a card says of it: runs and files by their names, never by folders; a file with the start of its sha256."""
    if start in ("none", "imagenet"):
        return start
    name = Path(start).name
    return f"{name} (sha256 {runs.digest(_bytes(Path(start)))[:16]})" if is_file(start) else name


def is_file(start: str) -> bool:
    """By its ending: a run is a folder, or a name without one."""
    return start.lower().endswith(SUFFIXES)


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise PneumoError(f"pretrained: there is no file {printable(path)!r}; {BACK_TO}")
    if path.stat().st_size > MOST_BYTES:
        raise PneumoError(
            f"pretrained: {printable(path)} has {path.stat().st_size / 1e6:,.0f} MB; expected up to {MOST_BYTES / 1e6:,.0f}"
        )
    return read_file(path, most=MOST_BYTES)


def _read(path: Path) -> dict[str, Tensor]:
    """Tensors by name, without what a training script puts around them. Nothing in the file is run."""
    blob, name = _bytes(path), printable(path)
    try:
        content = runs.deserialise(blob) if path.suffix.lower() == ".safetensors" else _unpickled(blob)
    except (SafetensorError, RunError, RuntimeError, EOFError, LookupError, TypeError, ValueError) as error:
        raise PneumoError(
            f"pretrained: {name} holds no weights that can be read ({type(error).__name__}); {BACK_TO}"
        ) from error
    except pickle.UnpicklingError as error:
        raise PneumoError(
            f"pretrained: {name} holds more than tensors, and loading it could run somebody's program. Save its state dict alone as safetensors; {BACK_TO}"
        ) from error
    state = {_plain(key): value.float() if value.is_floating_point() else value for key, value in content.items()}
    try:
        runs.check_finite(state)
    except RunError as error:
        raise PneumoError(f"pretrained: {name}: {error}; {BACK_TO}") from error
    return state


def _unpickled(blob: bytes) -> Mapping[str, Tensor]:
    """A state dict from PyTorch's own format, read by the loader that knows tensors alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickle's protocol; what cannot be read raises
        content: Any = torch.load(io.BytesIO(blob), map_location="cpu", weights_only=True)
    for key in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise TypeError("no state dict")
    return content


def _plain(key: str) -> str:
    """Without wrappers' prefixes, and without the leading underscores of some packages: "_blocks.0._bn1.bias"."""
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return ".".join(part.lstrip("_") for part in key.split("."))
