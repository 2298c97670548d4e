"""Data sets from folders with NORMAL/ and PNEUMONIA/, with or without split folders above them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pneumo.data.dataset import (
    DECODE_THREADS,
    GUANGZHOU_CITATION,
    GUANGZHOU_LICENCE,
    GUANGZHOU_NAME,
    DataSet,
    Item,
    patient_of,
    printable,
    subtype_of,
)
from pneumo.images import radiograph
from pneumo.schema import CLASS_NAMES, PneumoError

SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


# --- folders ----------------------------------------------------------------------------------------------


def open_folder(folder: Path) -> DataSet:
    if not folder.is_dir():
        raise PneumoError(f"no folder {str(folder)!r}; a SOURCE is a folder, hub:<dataset id> or phantom")
    result = sorted(_labelled_files(folder), key=lambda entry: str(entry[0]))
    if not result:
        raise PneumoError(
            f"{str(folder)!r} has no files in class folders; expected NORMAL/ and PNEUMONIA/ in it, or in "
            "train/, val/ and test/ below it"
        )
    paths = [path for path, _, _ in result]
    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        digests = list(pool.map(_file_digest, paths))
    items = tuple(
        Item(
            printable(path.relative_to(folder)),
            label,
            patient_of(printable(path.relative_to(folder))),
            subtype_of(path.name),
            split,
            digest,
        )
        for (path, label, split), digest in zip(result, digests, strict=True)
    )
    known = all(GUANGZHOU_NAME.search(item.name) for item in items)
    licence, citation = (GUANGZHOU_LICENCE, GUANGZHOU_CITATION) if known else ("not stated", "")
    return DataSet(str(folder), items, lambda i: _read_file(paths[i]), licence, citation)


def _labelled_files(folder: Path) -> Iterator[tuple[Path, int, str]]:
    """(path, label, split) of every file in a class folder; hidden files and folders are not data."""
    splits = [(folder, "")] + [
        (f, SPLIT_FOLDERS[f.name.lower()]) for f in _folders(folder) if f.name.lower() in SPLIT_FOLDERS
    ]
    for parent, split in splits:
        for class_folder in _folders(parent):
            if class_folder.name.upper() in CLASS_NAMES:
                label = CLASS_NAMES.index(class_folder.name.upper())
                yield from ((p, label, split) for p in class_folder.rglob("*") if _is_data(p, class_folder))


def _is_data(path: Path, class_folder: Path) -> bool:
    return path.is_file() and not any(name[0] == "." for name in path.relative_to(class_folder).parts)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:  # reported when it is read; until then it is equal to no other file
        return hashlib.sha256(b"unreadable " + os.fsencode(path)).hexdigest()


def _read_file(path: Path) -> np.ndarray:
    try:
        return radiograph.read(path.read_bytes(), path.name).pixels
    except OSError as error:
        raise radiograph.RadiographError("unreadable", f"the file cannot be read: {error.strerror}") from error
