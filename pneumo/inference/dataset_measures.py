"""What a data set summary holds, computed from the images of a source."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from pneumo import data
from pneumo.inference import dataset_audit, dataset_cues
from pneumo.inference.dataset_audit import Survey
from pneumo.inference.dataset_summary import (
    BRIGHTNESS_EDGES,
    SCHEMA_VERSION,
    UNUSED,
    Brightness,
    DataSetSummary,
    Duplicates,
    RandomSplit,
    SizeCells,
    Sizes,
    check_name,
)
from pneumo.schema import CLASS_NAMES, DataInfo, DataSpec, PneumoError, Recipe, RunCard

TITLES = {data.GUANGZHOU_CITATION: "Guangzhou set (Kermany, Zhang, Goldbaum 2018)"}
MOST_SIZE_CELLS = 600  # of both classes together: about 10 kB, and more marks than a plot can show apart
DIGITS = 6  # of stored shares


def summarise(
    source: str,
    of: RunCard | DataSpec | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    name: str = "data",
    title: str = "",
) -> DataSetSummary:
    """Reads every image of a SOURCE once. Raises PneumoError where there is none, or where it is not the run's.

    of: whose split is meant: a run's card, which also says what the source is called, or a data spec.
    progress(done, total) may raise to stop the work.
    """
    return surveyed(source, of, progress, name=name, title=title)[1]


def surveyed(
    source: str,
    of: RunCard | DataSpec | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    name: str = "data",
    title: str = "",
) -> tuple[Survey, DataSetSummary]:
    """As `summarise`, with the survey it comes from, which can read the images again."""
    check(name, of)
    dataset = data.open_source(source)
    result = dataset_audit.take(source, progress)
    return result, summary_of(result, dataset, of, name=name, title=title)


def check(name: str, of: RunCard | DataSpec | None) -> None:
    """Raises PneumoError for what cannot be summarised, before any image is read."""
    check_name(name)
    spec = of.recipe.data if isinstance(of, RunCard) else of
    if spec and (spec.labels < 1 or spec.leave_out):
        raise PneumoError(
            f"the split uses only some of the training images (data.labels {spec.labels:g}, data.leave_out {spec.leave_out!r}); "
            "name a run that was trained on all of them"
        )


def summary_of(
    result: Survey, dataset: data.DataSet, of: RunCard | DataSpec | None = None, *, name: str = "data", title: str = ""
) -> DataSetSummary:
    """The summary of a source that was audited. of: as in `summarise`; result: the audit of the same data set."""
    splits, info, one_class = _split(result, dataset, of)
    audit, groups = result.audit, [np.array(group) for group in result.duplicates]
    split_of = np.full(len(result.labels), UNUSED, dtype="<U16")
    for split, rows in splits.items():
        split_of[rows] = split
    return DataSetSummary(
        schema_version=SCHEMA_VERSION,
        name=name,
        title=title or TITLES.get(info.citation, dataset_audit.title(info.source)),
        data=info,
        one_class_digests=one_class,
        images=audit["images"],
        unreadable=len(audit["unreadable"]),
        patients=audit["patients"],
        patients_shared=_shared(result.patients, split_of),
        classes=audit["classes"],
        own_splits=audit["splits"],
        patients_in_several_own=audit["patients_in_several_splits"],
        subtypes={kind: n for kind, n in audit["subtypes"].items() if kind not in ("none", "phantom")},
        families=_families(result),
        images_per_patient={
            label: _tally(counts) for label, counts in dataset_audit.images_per_patient(result).items()
        },
        random_split=_random_split(result, splits),
        sizes=_sizes(result),
        duplicates=_duplicates(result, groups, split_of),
        levels={
            label: tuple(np.round(row, DIGITS).tolist())
            for label, row in zip(CLASS_NAMES, result.level_shares, strict=True)
        },
        brightness=_brightness(result),
        cues=dataset_cues.measure(result),
    )


def _split(
    result: Survey, dataset: data.DataSet, of: RunCard | DataSpec | None
) -> tuple[dict[str, np.ndarray], DataInfo, dict[str, str]]:
    """Indices of readable images by split, what a card says of them, and the split's digest with one class alone."""
    card = of if isinstance(of, RunCard) else None
    unreadable = np.flatnonzero(~result.readable)
    if card:
        splits = data.splits_as_trained(card, dataset, unreadable, both_classes=True)
    else:
        splits = data.training_splits(dataset, Recipe(data=of or DataSpec()), unreadable, both_classes=True)
    info = _info(dataset, splits)
    one_class = {label: data.split_digest(dataset, data.only(dataset, splits, label)) for label in CLASS_NAMES}
    if card:
        info = replace(info, source=card.data.source, licence=card.data.licence, citation=card.data.citation)
    return splits, info, one_class


def _info(dataset: data.DataSet, splits: dict[str, np.ndarray]) -> DataInfo:
    counts, patients = data.count_splits(dataset, splits)
    source = dataset.source  # a folder by its name alone: the layout of somebody's disk is not published
    public = source if source.startswith(("phantom", "hub:")) else Path(source).resolve().name
    digest = data.split_digest(dataset, splits)
    return DataInfo(public, counts, patients, digest, dataset.licence, dataset.citation)


def _shared(patients: tuple[str, ...], split_of: np.ndarray) -> int:
    """Patients in more than one split. split_of: (N,) names, UNUSED counts for none."""
    result = defaultdict(set)
    for patient, split in zip(patients, split_of.tolist(), strict=True):
        result[patient].add(split)
    return sum(len(splits - {UNUSED}) > 1 for splits in result.values())


def _families(result: Survey) -> dict[str, int]:
    files = [name.rsplit("/", 1)[-1] for name, label in zip(result.names, result.labels, strict=True) if label == 0]
    matches = [re.match(r"NORMAL2-|IM-", file) for file in files]
    return dict(sorted(Counter(match.group() for match in matches if match).items()))


def _tally(counts: np.ndarray) -> tuple[int, ...]:
    return tuple(np.bincount(counts, minlength=1)[1:].tolist())


def _random_split(result: Survey, splits: dict[str, np.ndarray]) -> RandomSplit:
    """Expectations over independent draws: k images are on one side with probability p^k + (1 - p)^k."""
    used = set(np.concatenate(list(splits.values())).tolist())
    p = 1 - len(splits["train"]) / max(1, len(used))
    of_patient = np.array(list(Counter(result.patients[i] for i in used).values()), dtype=np.int64)
    of_group = np.array([len(used.intersection(group)) for group in result.duplicates], dtype=np.int64)

    def across(sizes: np.ndarray) -> float:
        sizes = sizes[sizes > 1]
        return round(float((1 - p**sizes - (1 - p) ** sizes).sum()), 2)

    seen = float((of_patient * (1 - p ** (of_patient - 1))).sum()) / max(1, len(used))
    return RandomSplit(round(p, DIGITS), across(of_patient), round(seen, DIGITS), across(of_group))


def _sizes(result: Survey) -> Sizes:
    sizes, labels = result.sizes[result.readable], result.labels[result.readable]
    step = 1
    while sum(len(np.unique(sizes[labels == c] // step, axis=0)) for c in range(len(CLASS_NAMES))) > MOST_SIZE_CELLS:
        step *= 2
    cells, median = {}, {}
    for label, name in enumerate(CLASS_NAMES):
        own = sizes[labels == label]
        corner, images = np.unique(own // step, axis=0, return_counts=True)
        centre = corner * step + step // 2
        cells[name] = SizeCells(*(tuple(column.tolist()) for column in (*centre.T, images)))
        if len(own):
            median[name] = tuple(np.median(own, axis=0).tolist())
    return Sizes(len(np.unique(sizes, axis=0)), step, cells, median)


def _duplicates(result: Survey, groups: list[np.ndarray], split_of: np.ndarray) -> tuple[Duplicates, ...]:
    kinds = Counter(
        (
            len(group),
            tuple(CLASS_NAMES[label] for label in np.unique(result.labels[group])),
            len({result.patients[i] for i in group}),
            tuple(sorted(set(split_of[group].tolist()))),
        )
        for group in groups
    )
    return tuple(Duplicates(n, *kind) for kind, n in sorted(kinds.items(), key=lambda kind: (-kind[0][0], kind[0][1:])))


def _brightness(result: Survey) -> dict[str, Brightness]:
    spreads = {}
    for label, name in enumerate(CLASS_NAMES):
        values = result.brightness[(result.labels == label) & result.readable]
        counts, _ = np.histogram(values, BRIGHTNESS_EDGES)
        mean, deviation = (values.mean(), values.std()) if len(values) else (0.0, 0.0)
        spreads[name] = Brightness(round(float(mean), 3), round(float(deviation), 3), tuple(counts.tolist()))
    return spreads
