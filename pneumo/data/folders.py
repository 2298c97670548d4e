"""Data sets from folders with NORMAL/ and PNEUMONIA/, with or without split folders above them."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pneumo.data import scan
from pneumo.data.dataset import (
    DECODE_THREADS,
    GUANGZHOU_CITATION,
    GUANGZHOU_LICENCE,
    GUANGZHOU_NAME,
    DataSet,
    Item,
    patient_of,
    subtype_of,
)
from pneumo.formatting import printable, shortened
from pneumo.images import radiograph
from pneumo.schema import PneumoError, Radiograph


def open_folder(folder: Path) -> DataSet:
    """The images of a folder's class folders, with notes of what was passed over. PneumoError with the remedy where
    there is none."""
    if folder.is_file():
        raise PneumoError(f"{shortened(folder)} is a file; a SOURCE is a folder (unpack an archive first)")
    if not folder.is_dir():
        raise PneumoError(f"no folder {shortened(folder)}; a SOURCE is a folder, hub:<dataset id> or phantom")
    result = scan.scan(folder)
    if not result.files:
        raise scan.nothing_found(result)
    files = sorted(result.files, key=lambda found: str(found.path))
    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        digests = list(pool.map(lambda found: _file_digest(found.path), files))
    items = tuple(
        Item(
            printable(found.path.relative_to(folder)),
            found.label,
            patient_of(printable(found.path.relative_to(folder))),
            subtype_of(found.path.name),
            found.split,
            digest,
        )
        for found, digest in zip(files, digests, strict=True)
    )
    known = all(GUANGZHOU_NAME.search(item.name) for item in items)
    licence, citation = (GUANGZHOU_LICENCE, GUANGZHOU_CITATION) if known else ("not stated", "")
    return DataSet(
        str(folder), items, lambda i: _read_file(files[i].path), licence, citation, notes=result.everything()
    )


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # reported when it is read; until then it is equal to no other file
        return hashlib.sha256(b"unreadable " + os.fsencode(path)).hexdigest()


def _read_file(path: Path) -> Radiograph:
    try:
        blob = radiograph.file_bytes(path)
    except PneumoError as error:
        raise radiograph.RadiographError("unreadable", str(error)) from error
    return radiograph.read(blob, path.name)
