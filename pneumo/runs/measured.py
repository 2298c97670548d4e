"""What is measured of a run and kept beside it: <what>.json, and <what>.safetensors where arrays belong to it.

A page reads it without loading the model. It says which weights it was measured on (`weights_sha256`); of other weights it
counts as not measured.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from pneumo.codec import decode, encode, parse
from pneumo.runs import store
from pneumo.runs.reading import read_file
from pneumo.schema import PneumoError

AGAIN = "measure again"
LARGEST_ARRAYS = 1_000_000_000  # bytes


class OfWeights(Protocol):
    """weights_sha256: of the run's weights when it was measured."""

    @property
    def weights_sha256(self) -> str: ...


Kind = TypeVar("Kind")
Measured = TypeVar("Measured", bound=OfWeights)


def read(folder: Path, file: str, kind: type[Measured], remedy: str = AGAIN) -> Measured | None:
    """What was measured of the run in a folder; None where nothing was, or of other weights. RunError as `read_json`."""
    result = read_json(folder / file, kind, remedy)
    if result is None or result.weights_sha256 != store.read_card(folder).weights.sha256:
        return None
    return result


def read_json(path: Path, kind: type[Kind], remedy: str = AGAIN) -> Kind | None:
    """A dataclass from its file; None where there is no file. RunError names the file, what does not fit, and the remedy."""
    if not os.path.lexists(path):
        return None
    blob = read_file(path, remedy)
    try:
        return decode(kind, parse(blob))
    except PneumoError as error:
        raise store.RunError(f"{path} does not fit its schema: {error}. Restore the file, or {remedy}") from error


def version_of(path: Path) -> object:
    """`schema_version` of a JSON file; None where there is no file, or none in it that could be read."""
    try:
        plain = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return plain.get("schema_version") if isinstance(plain, dict) else None


def save(folder: Path, file: str, value: object, *, indent: int | None = 1) -> None:
    """Writes a dataclass as JSON into a folder that is there. RunError, and nothing is written, where a number is not finite."""
    try:
        blob = json.dumps(encode(value), indent=indent, allow_nan=False).encode()
    except ValueError as error:
        raise store.RunError(f"{folder / file} was not written: a number in it is not finite; {AGAIN}") from error
    store.write(folder / file, blob)


def read_arrays(path: Path, sha256: str, remedy: str = AGAIN) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file. RunError where they are not those of this digest, or where a number is not finite."""
    blob = read_file(path, remedy, most=LARGEST_ARRAYS) if os.path.lexists(path) else b""
    if store.digest(blob) != sha256:
        raise store.RunError(
            f"{path} is missing or not what {path.with_suffix('.json').name} was written for; restore the file, or {remedy}"
        )
    try:
        arrays = load_arrays(blob)
    except (SafetensorError, LookupError, TypeError, ValueError) as error:
        raise store.RunError(f"{path} cannot be read: {error}; {remedy}") from error
    _check_finite(arrays, path, f"restore the file, or {remedy}")
    return arrays


def _check_finite(arrays: Mapping[str, np.ndarray], path: Path, remedy: str) -> None:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise store.RunError(f"{path}: the array {name!r} is not finite (NaN or Infinity); {remedy}")


def save_with_arrays(folder: Path, file: str, value: object, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the arrays, then the JSON file that has their digest: with it, both are there. RunError, and nothing is written,
    where a number is not finite."""
    _check_finite(arrays, (folder / file).with_suffix(".safetensors"), AGAIN)
    store.write((folder / file).with_suffix(".safetensors"), arrays_as_bytes(arrays))
    save(folder, file, value, indent=None)


def arrays_as_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """As they are written. Arrays are laid out row by row first: safetensors would write another layout as if it were."""
    return save_arrays({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def arrays_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """The sha256 of the arrays' file, for its JSON file."""
    return store.digest(arrays_as_bytes(arrays))
