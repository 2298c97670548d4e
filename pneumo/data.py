"""Where radiographs come from, how patients are divided, and the cache of decoded squares.

A SOURCE is a folder with NORMAL/ and PNEUMONIA/ (with or without train/ val/ test/ above them),
`hub:<dataset id>` read through `datasets`, or `phantom[:count[:seed]]`.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import re
import tempfile
import tokenize
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from sklearn.cluster import KMeans

from pneumo import containers, dicom, phantom, radiograph, transforms
from pneumo.schema import CLASS_NAMES, DataSpec, ImageSpec, PneumoError, nearest

log = logging.getLogger(__name__)

PARTS = ("train", "validation", "test")
SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
PHANTOM_COUNT = 1200  # enough for a first model in minutes
PHANTOM_SIZE_PX = 224
EXPOSURES = 4  # clusters of grey-level statistics: enough to part dark, bright, flat and framed pictures
DECODE_THREADS = min(8, os.cpu_count() or 1)  # Pillow releases the interpreter lock while it decodes
GUANGZHOU_LICENCE = "CC BY 4.0"
GUANGZHOU_CITATION = (
    "Kermany, Zhang, Goldbaum (2018), Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for "
    "Classification, Mendeley Data v2, doi:10.17632/rscbjbr9sj.2"
)
GUANGZHOU_NAME = re.compile(r"(person\d+_(?:bacteria|virus)_|IM-\d+-)")


@dataclass(frozen=True)
class Item:
    """One labelled radiograph. label: 0 NORMAL, 1 PNEUMONIA. split: "" where the source has none.

    digest identifies the content: equal digests are the same picture.
    """

    name: str
    label: int
    patient: str
    subtype: str
    split: str
    digest: str


@dataclass(frozen=True, eq=False)
class DataSet:
    """Labelled radiographs and a way to read each.

    read: index -> (H, W) uint8 pixels; raises radiograph.RadiographError. May be called from threads.
    """

    source: str
    items: tuple[Item, ...]
    read: Callable[[int], np.ndarray]
    licence: str
    citation: str

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64."""
        return np.array([item.label for item in self.items], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Squares:
    """The decoded data set: squares (N, S, S) uint8, memory-mapped; errors by index of what could not be read."""

    array: np.ndarray
    errors: dict[int, str]


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
HUB_TIMEOUT_S = 5.0  # a visitor is waiting
EXAMPLES_HUB_ID = "hf-vision/chest-xray-pneumonia"


def open_source(source: str) -> DataSet:
    """The data set behind a SOURCE. Raises PneumoError with the remedy when there is none."""
    if source == "phantom" or source.startswith("phantom:"):
        return _open_phantom(source)
    if source.startswith("hub:"):
        return _open_hub(source.removeprefix("hub:"))
    return _open_folder(Path(source))


# --- phantoms ---------------------------------------------------------------------------------------------


def _open_phantom(source: str) -> DataSet:
    count, seed = _phantom_arguments(source)
    drawn = tuple(phantom.draw_set(count, size_px=PHANTOM_SIZE_PX, seed=seed))
    items = tuple(
        Item(p.name, p.label, p.patient, "phantom" if p.label else "", "", hashlib.sha256(p.pixels).hexdigest())
        for p in drawn
    )
    return DataSet(source, items, lambda i: drawn[i].pixels, "Apache-2.0 (generated)", "pneumo.phantom")


def _phantom_arguments(source: str) -> tuple[int, int]:
    try:
        numbers = [int(text) for text in source.split(":")[1:]]
        count, seed = [*numbers, *(PHANTOM_COUNT, 0)[len(numbers) :]]
    except ValueError:
        raise PneumoError(
            f"{source!r} is no phantom source; write phantom, phantom:COUNT or phantom:COUNT:SEED"
        ) from None
    if count < 4:
        raise PneumoError(f"{source!r} asks for {count} phantoms; 4 is the least that has both classes")
    return count, seed


# --- folders ----------------------------------------------------------------------------------------------


def _open_folder(folder: Path) -> DataSet:
    if not folder.is_dir():
        raise PneumoError(f"no folder {str(folder)!r}; a SOURCE is a folder, hub:<dataset id> or phantom")
    found = sorted(_labelled_files(folder), key=lambda entry: str(entry[0]))
    if not found:
        raise PneumoError(
            f"{str(folder)!r} has no files in class folders; expected NORMAL/ and PNEUMONIA/ in it, or in "
            "train/, val/ and test/ below it"
        )
    paths = [path for path, _, _ in found]
    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        digests = list(pool.map(_file_digest, paths))
    items = tuple(
        Item(
            _text(path.relative_to(folder)),
            label,
            patient_of(_text(path.relative_to(folder))),
            subtype_of(path.name),
            split,
            digest,
        )
        for (path, label, split), digest in zip(found, digests, strict=True)
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


def _text(path: Path | str) -> str:
    """A file's name as a table can hold it: line breaks, and bytes that are no UTF-8 (old archives), become escapes."""
    odd = ("Cc", "Cs")  # control characters; surrogates, which stand for such bytes
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in odd else c for c in str(path))


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


def patient_of(name: str) -> str:
    """The patient in a Guangzhou file name: personN for pneumonia, IM-N for normal studies; else the path without its end.

    name: relative to the source, so that NORMAL/1.png and PNEUMONIA/1.png are two people. NORMAL2-IM-N counts as the same
    patient as IM-N: merging two people costs nothing, dividing one does.
    """
    file = name.rsplit("/", 1)[-1]
    person = re.search(r"(person\d+)_", file)
    normal = re.search(r"(IM-\d+)-", file)
    return (person or normal).group(1) if person or normal else name.removesuffix(Path(file).suffix)


def subtype_of(name: str) -> str:
    """ "bacteria" or "virus" where the file name says so, else an empty string."""
    kind = re.search(r"person\d+_(bacteria|virus)_", name)
    return kind.group(1) if kind else ""


# --- the hub ----------------------------------------------------------------------------------------------


def _open_hub(identifier: str) -> DataSet:
    how = HUB_SETS.get(identifier, UNKNOWN_HUB_SET)
    parts = _load_hub(identifier, how, streaming=False)
    rows = [(split, part, i) for split, part in parts.items() for i in range(len(part))]
    items, blobs = [], []
    for split, part, i in rows:
        name, label, data = _hub_row(part[i], how, f"{split}-{i:05d}", identifier)
        digest = hashlib.sha256(data).hexdigest()
        patient = patient_of(name) if GUANGZHOU_NAME.search(name) else f"image-{digest[:16]}"
        items.append(Item(f"{split}/{name}", label, patient, subtype_of(name), SPLIT_FOLDERS.get(split, split), digest))
        blobs.append((part, i))

    def read(index: int) -> np.ndarray:
        part, i = blobs[index]
        return radiograph.read(_hub_bytes(part[i][how.image]) or b"", items[index].name).pixels

    return DataSet(f"hub:{identifier}", tuple(items), read, how.licence, how.citation)


def _load_hub(identifier: str, how: HubSet, *, streaming: bool) -> Any:
    """The hub set's parts by name, images undecoded so that every byte passes through `radiograph`."""
    import datasets  # slow to import, and only the hub needs it

    try:
        parts = datasets.load_dataset(identifier, how.config, revision=how.revision, streaming=streaming)
        parts = {name: part.cast_column(how.image, datasets.Image(decode=False)) for name, part in parts.items()}
    # Offline, a missing set, a renamed column and a broken download each have their own family of exceptions
    # in `datasets`, `huggingface_hub`, `httpx` and `fsspec`; to the user they are one: the set cannot be had.
    except Exception as error:
        log.info("hub set %s failed: %s", identifier, type(error).__name__)
        raise PneumoError(
            f"the data set {identifier!r} could not be read from the hub ({type(error).__name__}); check the name "
            "and the network connection, or use a folder or phantom instead"
        ) from error
    for part in parts.values():
        _check_class_order(identifier, getattr((part.features or {}).get(how.label), "names", None))
    return parts


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
    data = _hub_bytes(image) if isinstance(image, dict) else None
    if not data or label not in (0, 1):
        raise PneumoError(
            f"the data set {identifier!r} has no usable columns {how.image!r} (images) and {how.label!r} "
            f"(0 NORMAL, 1 PNEUMONIA); its columns are: {', '.join(row)}"
        )
    return _text(Path(image.get("path") or fallback).name), int(label), data


def _hub_bytes(image: dict[str, Any]) -> bytes | None:
    """Parquet sets carry the bytes; sets of plain image files say where each was downloaded to."""
    path = Path(image.get("path") or "")
    return image.get("bytes") or (path.read_bytes() if path.is_file() else None)


def stream_hub(identifier: str = EXAMPLES_HUB_ID, count: int = 4) -> list[tuple[str, bytes, int]]:
    """A handful of real cases (name, bytes, label), both classes where the first rows have them, without the download.

    Raises PneumoError where the hub cannot be reached.
    """
    how = HUB_SETS.get(identifier, UNKNOWN_HUB_SET)
    _check_reachable(identifier)
    parts = _load_hub(identifier, how, streaming=True)
    split = "test" if "test" in parts else next(iter(parts))
    shuffled = parts[split].shuffle(seed=0, buffer_size=64)
    try:
        rows = list(islice(shuffled, count))
    except Exception as error:  # the first bytes travel only now, with the same families of exceptions as above
        raise PneumoError(
            f"the data set {identifier!r} could not be streamed ({type(error).__name__}); check the network connection"
        ) from error
    found = (_hub_row(row, how, f"{split}-{i}", identifier) for i, row in enumerate(rows))
    return [(name, blob, label) for name, label, blob in found]


# --- patients ---------------------------------------------------------------------------------------------


def divide(dataset: DataSet, spec: DataSpec) -> dict[str, np.ndarray]:
    """Indices (int64, ascending) for training, validation and the internal test, whole patients each.

    Patients who share an identical picture stay together. Within each stratum (NORMAL, bacterial, viral)
    patients are ordered by a hash of their name and split_seed, so a patient's place depends on no
    library's random numbers, not on the order of the files and hardly on the other patients. A source's own test part is not
    touched: neither its patients nor anything identical to its pictures is trained on.
    """
    own_test = {key for item in dataset.items if item.split == "test" for key in (item.digest, item.patient)}
    usable = [i for i, item in enumerate(dataset.items) if not {item.digest, item.patient} & own_test]
    groups = _patient_groups(dataset.items, usable)
    strata: dict[tuple[int, str], list[list[int]]] = defaultdict(list)
    for members in groups:
        label = max(dataset.items[i].label for i in members)
        subtype = min(dataset.items[i].subtype for i in members if dataset.items[i].label == label)
        strata[label, subtype].append(members)
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for members_list in strata.values():
        members_list.sort(key=lambda members: _draw(spec.split_seed, min(dataset.items[i].patient for i in members)))
        n_test = round(spec.test * len(members_list))
        n_validation = round(spec.validation * len(members_list))
        for rank, members in enumerate(members_list):
            part = "test" if rank < n_test else "validation" if rank < n_test + n_validation else "train"
            if spec.folds and rank >= n_test:
                part = "validation" if (rank - n_test) % spec.folds == spec.fold else "train"
            parts[part].extend(members)
    return {part: np.array(sorted(indices), dtype=np.int64) for part, indices in parts.items()}


def take_labels(dataset: DataSet, indices: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The images of a share of the patients among `indices`, of each class alike, at least one patient a class."""
    if share >= 1:
        return indices
    kept: set[str] = set()
    for label in range(len(CLASS_NAMES)):
        patients = {dataset.items[i].patient for i in indices if dataset.items[i].label == label}
        drawn = sorted(patients, key=lambda patient: _draw(seed, f"labels/{patient}"))
        kept.update(drawn[: max(1, round(share * len(drawn)))])
    return np.array([i for i in indices if dataset.items[i].patient in kept], dtype=np.int64)


def only(dataset: DataSet, parts: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The parts with the images of one class alone; unchanged where `name` is empty."""
    if not name:
        return parts
    return {part: indices[dataset.labels[indices] == CLASS_NAMES.index(name)] for part, indices in parts.items()}


def leave_out(
    dataset: DataSet, squares: np.ndarray, parts: dict[str, np.ndarray], cluster: str
) -> dict[str, np.ndarray]:
    """The parts without a cluster in training and validation, and the cluster as "left_out".

    A cluster of one class is joined there by the validation images of the other class, so that there is something to tell
    it from. Whole images move, not patients: what is asked is whether a kind of picture can be told that was never seen.
    Raises PneumoError for a cluster nothing belongs to.
    """
    used = np.concatenate([parts["train"], parts["validation"]])
    of = clusters(dataset, squares, used)
    if cluster not in of:
        raise PneumoError(f"there is no cluster {cluster!r}{nearest(cluster, of)}; there are: {', '.join(sorted(of))}")
    chosen = of[cluster]
    kept = {part: indices[~np.isin(indices, chosen)] for part, indices in parts.items()}
    labels = dataset.labels
    if len(np.unique(labels[chosen])) == 1:
        other = kept["validation"][labels[kept["validation"]] != labels[chosen[0]]]
        chosen = np.concatenate([chosen, other])
    return kept | {"left_out": np.sort(chosen)}


def clusters(dataset: DataSet, squares: np.ndarray, indices: np.ndarray) -> dict[str, np.ndarray]:
    """Indices by cluster: file families of NORMAL images, kinds of pneumonia, and four groups of grey-level statistics."""
    names: dict[str, list[int]] = defaultdict(list)
    for i in indices:
        item = dataset.items[i]
        family = re.search(r"(NORMAL2-|IM-)", item.name.rsplit("/", 1)[-1])
        if item.label == 0 and family:
            names[f"family:{family.group(1)}"].append(i)
        if item.subtype:
            names[f"subtype:{item.subtype}"].append(i)
    columns = grey_statistics(squares[np.sort(indices)])
    spread = np.maximum(columns.std(0), 1e-9)
    groups = KMeans(EXPOSURES, n_init=10, random_state=0).fit_predict((columns - columns.mean(0)) / spread)
    for i, group in zip(np.sort(indices), groups, strict=True):
        names[f"exposure:{group}"].append(i)
    return {name: np.array(sorted(members), dtype=np.int64) for name, members in names.items()}


def grey_statistics(squares: np.ndarray) -> np.ndarray:
    """(N, 8) float64: mean, deviation, five percentiles and the frame's mean, the signature of exposure and collimation.

    squares: (N, S, S) uint8.
    """
    flat = squares.reshape(len(squares), -1)
    margin = max(1, squares.shape[-1] // 20)
    frame = np.ones(squares.shape[1:], dtype=bool)
    frame[margin:-margin, margin:-margin] = False
    percentiles = np.percentile(flat, [1, 10, 50, 90, 99], axis=1).T
    return np.column_stack([flat.mean(1), flat.std(1), percentiles, squares[:, frame].mean(1)])


def _patient_groups(items: tuple[Item, ...], usable: list[int]) -> list[list[int]]:
    """Indices of patients joined by identical pictures: connected components over patients and digests."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    keys = {
        key: n for n, key in enumerate(dict.fromkeys(k for i in usable for k in (items[i].patient, items[i].digest)))
    }
    edges = np.array([(keys[items[i].patient], keys[items[i].digest]) for i in usable]).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(keys), len(keys)))
    _, component = connected_components(graph, directed=False)
    groups: dict[int, list[int]] = defaultdict(list)
    for i in usable:
        groups[component[keys[items[i].patient]]].append(i)
    return sorted((sorted(group) for group in groups.values()), key=lambda group: group[0])


def _draw(seed: int, patient: str) -> str:
    return hashlib.sha256(f"{seed}/{patient}".encode()).hexdigest()


def split_digest(dataset: DataSet, parts: dict[str, np.ndarray]) -> str:
    """sha256 over which picture is in which part: equal digests, equal splits."""
    lines = sorted(f"{part} {dataset.items[i].digest}" for part, indices in parts.items() for i in indices)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


# --- the decoded cache ------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where decoded squares live: PNEUMO_CACHE, or the user's cache folder."""
    return Path(os.environ.get("PNEUMO_CACHE") or platformdirs.user_cache_dir("pneumo"))


def squares(dataset: DataSet, image: ImageSpec, progress: Callable[[int, int], None] | None = None) -> Squares:
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
        made = pool.map(lambda i: _square_or_error(dataset, i, image), range(len(dataset.items)))
        for i, result in enumerate(made):
            if isinstance(result, str):
                errors[i] = result
            else:
                array[i] = result
            if progress:
                progress(i + 1, len(dataset.items))
    _store_cache(path, array, errors)
    return _load_cache(path, array.shape) or Squares(array, errors)


def _square_or_error(dataset: DataSet, index: int, image: ImageSpec) -> np.ndarray | str:
    try:
        return transforms.to_square(dataset.read(index), image)
    except radiograph.RadiographError as error:
        return str(error)


def _cache_key(dataset: DataSet, image: ImageSpec) -> str:
    code = inspect.getsource(transforms.to_square) + "".join(map(inspect.getsource, (radiograph, dicom, containers)))
    parts = [code, str(transforms.VERSION), str((image.size, image.interpolation, image.intensity))]
    return hashlib.sha256("\n".join(parts + [item.digest for item in dataset.items]).encode()).hexdigest()[:32]


def _load_cache(path: Path, shape: tuple[int, ...]) -> Squares | None:
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
    return Squares(array, errors)


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


# --- the audit --------------------------------------------------------------------------------------------


def audit(dataset: DataSet, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Counts, sizes, imbalance, duplicates and patients of a source, as plain JSON values."""
    items = dataset.items
    sizes, unreadable = _measure(dataset, progress)
    counts = _count(items, range(len(items)))
    digests = Counter(item.digest for item in items)
    labels_of = defaultdict(set)
    splits_of = defaultdict(set)
    for item in items:
        labels_of[item.digest].add(item.label)
        splits_of[item.patient].add(item.split)
    positive, total = sum(item.label for item in items), len(items)
    return {
        "source": dataset.source,
        "images": total,
        "classes": counts,
        "splits": {
            s or "none": _count(items, [i for i, it in enumerate(items) if it.split == s])
            for s in sorted({it.split for it in items})
        },
        "positive_share": positive / total,
        "imbalance": max(positive, total - positive) / max(1, min(positive, total - positive)),
        "subtypes": dict(sorted(Counter(item.subtype or "none" for item in items).items())),
        "patients": len({item.patient for item in items}),
        "patients_in_several_splits": sum(len(splits) > 1 for splits in splits_of.values()),
        "duplicate_groups": sum(n > 1 for n in digests.values()),
        "duplicate_images": sum(n - 1 for n in digests.values()),
        "duplicates_with_two_labels": sum(len(labels) > 1 for labels in labels_of.values()),
        "sizes": sizes,
        "unreadable": unreadable,
        "licence": dataset.licence,
    }


def _measure(
    dataset: DataSet, progress: Callable[[int, int], None] | None
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The ten commonest sizes (width x height in pixels), and what could not be read."""

    def shape(index: int) -> tuple[int, ...] | str:
        try:
            return dataset.read(index).shape
        except radiograph.RadiographError as error:
            return str(error)

    shapes: Counter[tuple[int, ...]] = Counter()
    unreadable = {}
    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        for i, result in enumerate(pool.map(shape, range(len(dataset.items)))):
            if isinstance(result, str):
                unreadable[dataset.items[i].name] = result
            else:
                shapes[result] += 1
            if progress:
                progress(i + 1, len(dataset.items))
    return [{"width": w, "height": h, "images": n} for (h, w), n in shapes.most_common(10)], unreadable


def _count(items: tuple[Item, ...], indices: Iterable[int]) -> dict[str, int]:
    labels = Counter(items[i].label for i in indices)
    return {name: labels[label] for label, name in enumerate(CLASS_NAMES)}


def count_parts(dataset: DataSet, parts: dict[str, np.ndarray]) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Images per part and class, and patients per part."""
    images = {part: _count(dataset.items, indices) for part, indices in parts.items()}
    patients = {part: len({dataset.items[i].patient for i in indices}) for part, indices in parts.items()}
    return images, patients
