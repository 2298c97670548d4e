"""The cache of decoded, resized images."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import tempfile
import tokenize
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from pneumo.data.dataset import DECODE_THREADS, DataSet
from pneumo.images import containers, dicom, radiograph, transforms
from pneumo.schema import ImageSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ResizedImages:
    """The decoded data set: squares (N, S, S) uint8, memory-mapped; errors by index of what could not be read."""

    array: np.ndarray
    errors: dict[int, str]


# --- the decoded cache ------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where decoded squares live: PNEUMO_CACHE, or the user's cache folder."""
    return Path(os.environ.get("PNEUMO_CACHE") or platformdirs.user_cache_dir("pneumo"))


def resized(dataset: DataSet, image: ImageSpec, progress: Callable[[int, int], None] | None = None) -> ResizedImages:
    """The data set as the model sees it, decoded once and memory-mapped from then on.

    The key covers every picture's content, the image spec and the code that makes squares; a file that is
    missing, short or altered is made anew. progress(done, total) is called while decoding.
    """
    path = cache_folder() / f"squares-{_cache_key(dataset, image)}.npy"
    cached = _load_cache(path, (len(dataset.items), image.size, image.size))
    if cached is not None:
        return cached
    array = np.zeros((len(dataset.items), image.size, image.size), dtype=np.uint8)
    errors: dict[int, str] = {}
    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        made = pool.map(lambda i: _resized_or_error(dataset, i, image), range(len(dataset.items)))
        for i, result in enumerate(made):
            if isinstance(result, str):
                errors[i] = result
            else:
                array[i] = result
            if progress:
                progress(i + 1, len(dataset.items))
    _store_cache(path, array, errors)
    return _load_cache(path, array.shape) or ResizedImages(array, errors)


def _resized_or_error(dataset: DataSet, index: int, image: ImageSpec) -> np.ndarray | str:
    try:
        return transforms.resize(dataset.read(index), image)
    except radiograph.RadiographError as error:
        return str(error)


def _cache_key(dataset: DataSet, image: ImageSpec) -> str:
    code = inspect.getsource(transforms.resize) + "".join(map(inspect.getsource, (radiograph, dicom, containers)))
    splits = [code, str(transforms.VERSION), str((image.size, image.interpolation, image.intensity))]
    return hashlib.sha256("\n".join(splits + [item.digest for item in dataset.items]).encode()).hexdigest()[:32]


def _load_cache(path: Path, shape: tuple[int, ...]) -> ResizedImages | None:
    """What is in the cache, or None where it is missing or damaged."""
    try:
        about = json.loads(path.with_suffix(".json").read_text())
        array = np.lib.format.open_memmap(path, mode="r")  # np.load would also try ZIP archives and pickles
        sound = array.shape == shape and hashlib.sha256(array).hexdigest() == about["sha256"]
        errors = {int(index): str(text) for index, text in about["errors"].items()}
    except FileNotFoundError:
        return None
    except (
        OSError,
        ValueError,
        KeyError,
        AttributeError,
        TypeError,
        OverflowError,
        RecursionError,
        tokenize.TokenError,
    ) as error:
        log.warning("the image cache is damaged (%s) and is made anew", type(error).__name__)
        return None
    if not sound:
        log.warning("the image cache does not match its checksum and is made anew")
        return None
    return ResizedImages(array, errors)


def _store_cache(path: Path, array: np.ndarray, errors: dict[int, str]) -> None:
    """Array first, then its description, each written aside and renamed: a kill leaves no half file under the name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, lambda file: np.save(file, array))
        about = json.dumps({"sha256": hashlib.sha256(array).hexdigest(), "errors": errors})
        _replace(path.with_suffix(".json"), lambda file: file.write(about.encode()))
    except OSError as error:  # a full or read-only disk costs the cache, not the work
        log.warning("the image cache could not be written to %s: %s", path.parent, error.strerror)


def _replace(path: Path, write: Callable[[Any], Any]) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False, suffix=".tmp") as file:
        try:
            write(file)
            file.flush()
        except OSError:  # a full disk is not left fuller
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)
