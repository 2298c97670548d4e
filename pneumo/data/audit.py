"""What a data set holds: counts, sizes, imbalance, duplicates, patients."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pneumo.codec import encode
from pneumo.data.dataset import DECODE_THREADS, DataSet, Note
from pneumo.data.notes import Noticed, noticed, sentences
from pneumo.data.split import class_counts
from pneumo.images import radiograph
from pneumo.schema import ImageWarning

# --- the audit --------------------------------------------------------------------------------------------


def audit(dataset: DataSet, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Counts, sizes, imbalance, duplicates and patients of a source, as plain JSON values.

    notes: what was passed over, each as a `Note`. warnings: what the reader noticed, each as a `Noticed`.
    """
    items = dataset.items
    sizes, unreadable, warnings = _measure(dataset, progress)
    counts = class_counts(items, range(len(items)))
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
            s or "none": class_counts(items, [i for i, it in enumerate(items) if it.split == s])
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
        "notes": encode(dataset.notes),
        "warnings": encode(noticed(items, warnings)),
        "licence": dataset.licence,
    }


def audit_warnings(audit: dict[str, Any]) -> list[str]:
    """What an audit says was passed over, and what the reader noticed, one sentence each."""
    return sentences([Note(**each) for each in audit["notes"]], [Noticed(**each) for each in audit["warnings"]])


def _measure(
    dataset: DataSet, progress: Callable[[int, int], None] | None
) -> tuple[list[dict[str, Any]], dict[str, str], dict[int, tuple[ImageWarning, ...]]]:
    """The ten most common sizes (width x height in pixels), what could not be read, and warnings by index."""

    def about(index: int) -> tuple[tuple[int, ...], tuple[ImageWarning, ...]] | str:
        try:
            image = dataset.radiograph(index)
        except radiograph.RadiographError as error:
            return str(error)
        return image.pixels.shape, image.warnings

    shapes: Counter[tuple[int, ...]] = Counter()
    unreadable, warnings = {}, {}
    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        for i, result in enumerate(pool.map(about, range(len(dataset.items)))):
            if isinstance(result, str):
                unreadable[dataset.items[i].name] = result
            else:
                shapes[result[0]] += 1
                if result[1]:
                    warnings[i] = result[1]
            if progress:
                progress(i + 1, len(dataset.items))
    return [{"width": w, "height": h, "images": n} for (h, w), n in shapes.most_common(10)], unreadable, warnings
