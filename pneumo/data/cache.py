"""The cache of decoded, resized images."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.metadata
import inspect
import json
import logging
import os
import tokenize
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import platformdirs

from pneumo import files, images
from pneumo.data.dataset import DECODE_THREADS, DataSet
from pneumo.images import radiograph, transforms
from pneumo.schema import ImageSpec, ImageWarning

log = logging.getLogger(__name__)


RESIZING = (transforms.resize, transforms.stretch)
# What json and numpy are known to raise on arbitrary bytes; numpy parses its header as Python.
DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    AttributeError,
    TypeError,
    OverflowError,
    RecursionError,
    tokenize.TokenError,
)
# What decodes and resizes; those that are not installed count as such.
DECODERS = (
    "numpy", "pillow", "pydicom", "torch", "python-gdcm", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg",
    "pylibjpeg-rle", "pyjpegls", "imagecodecs", "tifffile",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ResizedImages:
    """The decoded data set: array (N, S, S) uint8, memory-mapped; errors by index of what could not be read; warnings of
    the reader by index, only of images that have some."""

    array: np.ndarray
    errors: dict[int, str]
    warnings: dict[int, tuple[ImageWarning, ...]] = field(default_factory=dict)


# --- the decoded cache ------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where decoded images live: PNEUMO_CACHE, or the user's cache folder."""
    return Path(os.environ.get("PNEUMO_CACHE") or platformdirs.user_cache_dir("pneumo"))


def resized(dataset: DataSet, image: ImageSpec, progress: Callable[[int, int], None] | None = None) -> ResizedImages:
    """The data set as the model sees it, decoded once and memory-mapped from then on.

    The key covers every file's content, the image spec and what decodes and resizes; a cache file that is missing, short
    or altered is made anew. progress(done, total) is called while decoding.
    """
    path = cache_folder() / f"resized-{_cache_key(dataset, image)}.npy"
    cached = _load_cache(path, (len(dataset.items), image.size, image.size))
    if cached is not None:
        return cached
    array = np.zeros((len(dataset.items), image.size, image.size), dtype=np.uint8)
    result = ResizedImages(array, {}, {})
    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        made = pool.map(lambda i: _resized_or_error(dataset, i, image), range(len(dataset.items)))
        for i, one in enumerate(made):
            if isinstance(one, str):
                result.errors[i] = one
            else:
                array[i], warnings = one
                if warnings:
                    result.warnings[i] = warnings
            if progress:
                progress(i + 1, len(dataset.items))
    _store_cache(path, result)
    return _load_cache(path, array.shape) or result


def _resized_or_error(
    dataset: DataSet, index: int, image: ImageSpec
) -> tuple[np.ndarray, tuple[ImageWarning, ...]] | str:
    try:
        read = dataset.radiograph(index)
    except radiograph.RadiographError as error:
        return str(error)
    return transforms.resize(read.pixels, image), read.warnings


def _cache_key(dataset: DataSet, image: ImageSpec) -> str:
    about = [_decoding(), str((image.size, image.interpolation, image.intensity))]
    return hashlib.sha256("\n".join(about + [item.digest for item in dataset.items]).encode()).hexdigest()[:32]


@functools.cache
def _decoding() -> str:
    """What decides the pixels beside the files: our decoding code, and the versions of what it calls."""
    code = [statements(inspect.getsource(part)) for part in (*reading_modules(), *RESIZING)]
    versions = [_version(name) for name in DECODERS]
    return "\n".join([*code, *versions, str((transforms.LEVELS, transforms.STRETCH_PERCENTILES))])


def reading_modules() -> list[ModuleType]:
    """The modules that decide how a file is read: radiograph, what it imports of its package, and what those do."""
    found: dict[str, ModuleType] = {}
    waiting = [radiograph.__name__]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = importlib.import_module(name)
            waiting += _imported(inspect.getsource(found[name]))
    return [found[name] for name in sorted(found)]


def _imported(source: str) -> Iterator[str]:
    """Modules of pneumo.images that a source imports anywhere, or names as a file: a helper process is started by its file."""
    known = {path.stem for path in Path(images.__file__).parent.iterdir()}
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(images.__name__):
            below = node.module.removeprefix(images.__name__).strip(".")
            names = [below.split(".")[0]] if below else [each.name for each in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".py"):
            names = [Path(node.value).stem]
        yield from (f"{images.__name__}.{name}" for name in names if name in known)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def statements(source: str) -> str:
    """Python source as what it does: without comments, docstrings and layout.

    A version number raised by hand would be forgotten one day, and a wrong cache goes unnoticed; a set that is decoded once
    more after a renaming does no harm.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def _load_cache(path: Path, shape: tuple[int, ...]) -> ResizedImages | None:
    """What is in the cache, or None where it is missing or damaged."""
    try:
        about = json.loads(path.with_suffix(".json").read_text())
        array = np.lib.format.open_memmap(path, mode="r")  # np.load would also try ZIP archives and pickles
        sound = array.shape == shape and about["sha256"] == _checksum(array, about["errors"], about["warnings"])
        errors = {int(index): str(text) for index, text in about["errors"].items()}
        warnings = {
            int(index): tuple(ImageWarning(str(code), str(message)) for code, message in each)
            for index, each in about["warnings"].items()
        }
    except FileNotFoundError:
        return None
    except DAMAGED as error:
        log.warning("the image cache is damaged (%s) and is made anew", type(error).__name__)
        return None
    if not sound:
        log.warning("the image cache does not match its checksum and is made anew")
        return None
    return ResizedImages(array, errors, warnings)


def _store_cache(path: Path, result: ResizedImages) -> None:
    """Array first, then its description, each written aside and renamed: a kill leaves no half file under the name.

    Two processes that decode the same files write the same bytes, so it does not matter who comes last.
    """
    errors = {str(index): text for index, text in result.errors.items()}
    warnings = {str(index): [[each.code, each.message] for each in some] for index, some in result.warnings.items()}
    about = {"sha256": _checksum(result.array, errors, warnings), "errors": errors, "warnings": warnings}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_with(path, lambda file: np.save(file, result.array))
        files.write_with(path.with_suffix(".json"), lambda file: file.write(json.dumps(about).encode()))
        files.remove_leftovers(path)
    except OSError as error:  # a full or read-only disk costs the cache, not the work
        log.warning("the image cache could not be written to %s: %s", path.parent, error.strerror)


def _checksum(array: np.ndarray, errors: dict[str, str], warnings: dict[str, list[list[str]]]) -> str:
    """Of everything that the cache says: pixels, what could not be read and why, what the reader noticed."""
    result = hashlib.sha256(array)
    result.update(json.dumps([errors, warnings], sort_keys=True).encode())
    return result.hexdigest()
