"""Data sets from the Hugging Face hub."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pneumo import files
from pneumo.data.cache import log
from pneumo.data.dataset import (
    GUANGZHOU_CITATION,
    GUANGZHOU_LICENCE,
    GUANGZHOU_NAME,
    DataSet,
    Item,
    patient_of,
    subtype_of,
)
from pneumo.data.folder_names import SPLIT_FOLDERS
from pneumo.formatting import printable, shortened
from pneumo.images import radiograph
from pneumo.schema import CLASS_NAMES, PneumoError, Radiograph


@dataclass(frozen=True)
class HubSet:
    """How a known hub data set is read. Script-based sets are read from the hub's own parquet branch."""

    config: str | None
    revision: str | None
    image: str
    label: str
    licence: str
    citation: str


HUB_SETS = {
    "hf-vision/chest-xray-pneumonia": HubSet(None, None, "image", "label", GUANGZHOU_LICENCE, GUANGZHOU_CITATION),
    "keremberke/chest-xray-classification": HubSet(
        "full",
        "refs/convert/parquet",
        "image",
        "labels",
        "CC BY 4.0",
        "keremberke/chest-xray-classification on the hub",
    ),
}
UNKNOWN_HUB_SET = HubSet(None, None, "image", "label", "see the data set's page", "")
HUB_NAME = re.compile(r"([A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)  # owner/name, as the hub allows
HUB_TIMEOUT_S = 5.0  # a visitor is waiting
EXAMPLES_HUB_ID = "hf-vision/chest-xray-pneumonia"


# --- the hub ----------------------------------------------------------------------------------------------


def open_hub(identifier: str) -> DataSet:
    _check_name(identifier)
    how = HUB_SETS.get(identifier, UNKNOWN_HUB_SET)
    splits = _load_hub(identifier, how, streaming=False)
    rows = [(split, table, i) for split, table in splits.items() for i in range(len(table))]
    items, blobs = [], []
    for split, table, i in rows:
        name, label, data = _hub_row(table[i], how, f"{split}-{i:05d}", identifier)
        digest = hashlib.sha256(data).hexdigest()
        patient = patient_of(name) if GUANGZHOU_NAME.search(name) else f"image-{digest[:16]}"
        items.append(Item(f"{split}/{name}", label, patient, subtype_of(name), SPLIT_FOLDERS.get(split, split), digest))
        blobs.append((table, i))

    def read(index: int) -> Radiograph:
        table, i = blobs[index]
        try:
            blob = _hub_bytes(table[i][how.image], identifier) or b""
        except OSError as error:  # a downloaded file that is gone
            raise radiograph.RadiographError("unreadable", f"the file cannot be read: {error.strerror}") from error
        return radiograph.read(blob, items[index].name)

    return DataSet(f"hub:{identifier}", tuple(items), read, how.licence, how.citation)


def _check_name(identifier: str) -> None:
    """Raises PneumoError for what cannot be the id of a hub set, before anything is asked; a copy on this disk is one."""
    if not HUB_NAME.fullmatch(identifier) and not files.is_folder(identifier):
        raise PneumoError(
            f"{shortened(identifier)} is no id of a data set on the hub; expected owner/name, e.g. {EXAMPLES_HUB_ID}. "
            "Check the name, or give a folder with a copy"
        )


def _load_hub(identifier: str, how: HubSet, *, streaming: bool) -> Any:
    """The hub set's splits by name, images undecoded so that every byte passes through `radiograph`."""
    import datasets  # slow to import, and only the hub needs it

    try:
        splits = datasets.load_dataset(identifier, how.config, revision=how.revision, streaming=streaming)
        splits = {name: split.cast_column(how.image, datasets.Image(decode=False)) for name, split in splits.items()}
    # Offline, a missing set, a renamed column and a broken download each have their own family of exceptions
    # in `datasets`, `huggingface_hub`, `httpx` and `fsspec`; to the user they are one: the set cannot be had.
    except Exception as error:
        log.info("a hub set failed: %s", type(error).__name__)  # its id may have been typed by a visitor
        raise PneumoError(
            f"the data set {identifier!r} could not be read from the hub ({type(error).__name__}); check the name "
            "and the network connection, or use a folder or phantom instead"
        ) from error
    for split in splits.values():
        _check_class_order(identifier, getattr((split.features or {}).get(how.label), "names", None))
    return splits


def _check_class_order(identifier: str, names: list[str] | None) -> None:
    """A set that names its classes the other way round would be read upside down without a word."""
    if names and [name.upper() for name in names] not in (list(CLASS_NAMES), ["0", "1"]):
        raise PneumoError(
            f"the classes of {identifier!r} are {', '.join(names)}; expected {', '.join(CLASS_NAMES)} in this order. "
            "Save its images in class folders of these names and give that folder instead"
        )


def _check_reachable(identifier: str) -> None:
    """One quick question to the hub: `datasets` itself asks six times, half a minute, before it gives up."""
    import huggingface_hub

    if Path(identifier).is_dir():  # a copy on this disk
        return
    try:
        huggingface_hub.HfApi().dataset_info(identifier, timeout=HUB_TIMEOUT_S)
    except Exception as error:  # the families named in _load_hub
        raise PneumoError(
            f"the data set {identifier!r} could not be reached on the hub ({type(error).__name__}); check the network "
            "connection, or use your own files or the phantoms instead"
        ) from error


def _hub_row(row: dict[str, Any], how: HubSet, fallback: str, identifier: str) -> tuple[str, int, bytes]:
    image, label = row.get(how.image), row.get(how.label)
    data = _hub_bytes(image, identifier) if isinstance(image, dict) else None
    if not data or label not in (0, 1):
        raise PneumoError(
            f"the data set {identifier!r} has no usable columns {how.image!r} (images) and {how.label!r} "
            f"(0 NORMAL, 1 PNEUMONIA); its columns are: {', '.join(row)}"
        )
    return printable(Path(image.get("path") or fallback).name), int(label), data


def _hub_bytes(image: dict[str, Any], identifier: str) -> bytes | None:
    """Parquet sets carry the bytes; sets of plain image files say where each was downloaded to. Another path that a set names is
    not opened: it would show files of this machine. Raises OSError where a downloaded file is gone."""
    if image.get("bytes") or not image.get("path"):
        return image.get("bytes")
    path = Path(image["path"]).resolve()
    if not any(path.is_relative_to(folder) for folder in _downloads(identifier)) or not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(radiograph.MAX_BYTES + 1)


def _downloads(identifier: str) -> list[Path]:
    """Where files of a hub set may lie: in the copy on this disk that it is, or in the hub's caches."""
    import datasets
    import huggingface_hub.constants

    if Path(identifier).is_dir():
        return [Path(identifier).resolve()]
    caches = (datasets.config.HF_DATASETS_CACHE, huggingface_hub.constants.HF_HUB_CACHE)
    return [Path(cache).resolve() for cache in caches]


def stream_hub(identifier: str = EXAMPLES_HUB_ID, count: int = 4) -> list[tuple[str, bytes, int]]:
    """A handful of real cases (name, bytes, label), both classes where the first rows have them, without the download.

    Raises PneumoError where the hub cannot be reached.
    """
    how = HUB_SETS.get(identifier, UNKNOWN_HUB_SET)
    _check_reachable(identifier)
    splits = _load_hub(identifier, how, streaming=True)
    split = "test" if "test" in splits else next(iter(splits))
    shuffled = splits[split].shuffle(seed=0, buffer_size=64)
    try:
        rows = list(islice(shuffled, count))
    except Exception as error:  # the first bytes travel only now, with the same families of exceptions as above
        raise PneumoError(
            f"the data set {identifier!r} could not be streamed ({type(error).__name__}); check the network connection"
        ) from error
    result = (_hub_row(row, how, f"{split}-{i}", identifier) for i, row in enumerate(rows))
    return [(name, blob, label) for name, label, blob in result]
