"""How patients are divided into training, validation and internal test sets.

`split_patients` divides; `training_splits` adds what a recipe leaves out; `splits_as_trained` is the check that a data set is
the one a run was trained on.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from pneumo.data import cache, clusters
from pneumo.data.dataset import SPLITS, DataSet, Item
from pneumo.schema import CLASS_NAMES, DataSpec, PneumoError, Recipe, RunCard

# --- as a recipe divides ----------------------------------------------------------------------------------


def training_splits(
    dataset: DataSet, recipe: Recipe, errors: Collection[int], *, both_classes: bool = False
) -> dict[str, np.ndarray]:
    """Indices by split, as a recipe is trained on them; the digest in a run's card is of these.

    In this order, which decides the digest: patients are divided, unreadable images left away, a share of the training
    patients taken, a cluster left out, one class kept. errors: indices of the unreadable images. both_classes: without
    the last step. Raises PneumoError for a cluster there is not.
    """
    unreadable = list(errors)
    splits = {split: rows[~np.isin(rows, unreadable)] for split, rows in split_patients(dataset, recipe.data).items()}
    splits["train"] = take_labels(dataset, splits["train"], recipe.data.labels, recipe.seed)
    if recipe.data.leave_out:  # clusters are found in the images as this recipe's model sees them
        resized = cache.resized(dataset, recipe.image).array
        splits = clusters.leave_out(dataset, resized, splits, recipe.data.leave_out)
    return splits if both_classes else only(dataset, splits, recipe.data.only)


def splits_as_trained(
    card: RunCard, dataset: DataSet, errors: Collection[int], *, both_classes: bool = False
) -> dict[str, np.ndarray]:
    """Indices by split, as the run was trained on them. Raises PneumoError where it was trained on another data set.

    errors: indices of the unreadable images. both_classes: held-out images of the class, too, that the run never saw.
    """
    other = PneumoError(
        f"{dataset.source} is not the data set {card.name!r} was trained on (its split has another digest); "
        f"name that source, which the card calls {card.data.source!r}"
    )
    try:
        everything = training_splits(dataset, card.recipe, errors, both_classes=True)
    except PneumoError as error:  # it has not even the cluster that was left out
        raise other from error
    splits = only(dataset, everything, card.recipe.data.only)
    if split_digest(dataset, splits) != card.data.split_digest:
        raise other
    return everything if both_classes else splits


# --- patients ---------------------------------------------------------------------------------------------


def split_patients(dataset: DataSet, spec: DataSpec) -> dict[str, np.ndarray]:
    """Indices (int64, ascending) for training, validation and the internal test, whole patients each.

    Patients who share an identical image stay together. Within each stratum (NORMAL, bacterial, viral)
    patients are ordered by a hash of their name and split_seed, so a patient's place depends on no
    library's random numbers, not on the order of the files and hardly on the other patients. A source's own test set is not
    touched: neither its patients nor anything identical to its images is trained on.
    """
    own_test = {key for item in dataset.items if item.split == "test" for key in (item.digest, item.patient)}
    usable = [i for i, item in enumerate(dataset.items) if not {item.digest, item.patient} & own_test]
    groups = _patient_groups(dataset.items, usable)
    strata: dict[tuple[int, str], list[list[int]]] = defaultdict(list)
    for members in groups:
        label = max(dataset.items[i].label for i in members)
        subtype = min(dataset.items[i].subtype for i in members if dataset.items[i].label == label)
        strata[label, subtype].append(members)
    splits: dict[str, list[int]] = {split: [] for split in SPLITS}
    for members_list in strata.values():
        members_list.sort(key=lambda members: _draw(spec.split_seed, min(dataset.items[i].patient for i in members)))
        n_test = round(spec.test * len(members_list))
        n_validation = round(spec.validation * len(members_list))
        for rank, members in enumerate(members_list):
            split = "test" if rank < n_test else "validation" if rank < n_test + n_validation else "train"
            if spec.folds and rank >= n_test:
                split = "validation" if (rank - n_test) % spec.folds == spec.fold else "train"
            splits[split].extend(members)
    return {split: np.array(sorted(indices), dtype=np.int64) for split, indices in splits.items()}


def take_labels(dataset: DataSet, indices: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The images of a share of the patients among `indices`, of each class alike, at least one patient a class."""
    if share >= 1:
        return indices
    kept: set[str] = set()
    for label in range(len(dataset.class_names)):
        patients = {dataset.items[i].patient for i in indices if dataset.items[i].label == label}
        drawn = sorted(patients, key=lambda patient: _draw(seed, f"labels/{patient}"))
        kept.update(drawn[: max(1, round(share * len(drawn)))])
    return np.array([i for i in indices if dataset.items[i].patient in kept], dtype=np.int64)


def only(dataset: DataSet, splits: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The splits with the images of one class alone; unchanged where `name` is empty."""
    if not name:
        return splits
    return {split: indices[dataset.labels[indices] == CLASS_NAMES.index(name)] for split, indices in splits.items()}


def _patient_groups(items: tuple[Item, ...], usable: list[int]) -> list[list[int]]:
    """Indices of patients joined by identical images: connected components over patients and digests."""
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


def split_digest(dataset: DataSet, splits: dict[str, np.ndarray]) -> str:
    """sha256 over which image is in which split: equal digests, equal splits."""
    lines = sorted(f"{split} {dataset.items[i].digest}" for split, indices in splits.items() for i in indices)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def class_counts(items: tuple[Item, ...], indices: Iterable[int], names: Sequence[str] = CLASS_NAMES) -> dict[str, int]:
    labels = Counter(items[i].label for i in indices)
    return {name: labels[label] for label, name in enumerate(names)}


def count_splits(dataset: DataSet, splits: dict[str, np.ndarray]) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Images per split and class, and patients per split."""
    images = {split: class_counts(dataset.items, indices, dataset.class_names) for split, indices in splits.items()}
    patients = {split: len({dataset.items[i].patient for i in indices}) for split, indices in splits.items()}
    return images, patients
