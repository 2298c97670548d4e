"""Kinds of images within a data set, and leaving one of them out of training.

scikit-learn is imported where it groups: everything that reads data reaches this module.
"""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np

from pneumo.data.dataset import DataSet
from pneumo.formatting import nearest
from pneumo.schema import PneumoError

EXPOSURES = 4  # clusters of grey-level statistics: enough to separate dark, bright, flat and framed images


def leave_out(
    dataset: DataSet, resized: np.ndarray, splits: dict[str, np.ndarray], cluster: str
) -> dict[str, np.ndarray]:
    """The splits without a cluster in training and validation, and the cluster as "left_out".

    A cluster of one class is joined there by the validation images of the other class, so that there is something to tell
    it from. Whole images move, not patients: the question is whether a kind of image can be classified that was never seen.
    Raises PneumoError for a cluster nothing belongs to.
    """
    used = np.concatenate([splits["train"], splits["validation"]])
    of = clusters(dataset, resized, used)
    if cluster not in of:
        raise PneumoError(f"there is no cluster {cluster!r}{nearest(cluster, of)}; there are: {', '.join(sorted(of))}")
    chosen = of[cluster]
    kept = {split: indices[~np.isin(indices, chosen)] for split, indices in splits.items()}
    labels = dataset.labels
    if len(np.unique(labels[chosen])) == 1:
        other = kept["validation"][labels[kept["validation"]] != labels[chosen[0]]]
        chosen = np.concatenate([chosen, other])
    return kept | {"left_out": np.sort(chosen)}


def clusters(dataset: DataSet, resized: np.ndarray, indices: np.ndarray) -> dict[str, np.ndarray]:
    """Indices by cluster: file families of NORMAL images, kinds of pneumonia, and four groups of grey-level statistics."""
    from sklearn.cluster import KMeans

    names: dict[str, list[int]] = defaultdict(list)
    for i in indices:
        item = dataset.items[i]
        family = re.search(r"(NORMAL2-|IM-)", item.name.rsplit("/", 1)[-1])
        if item.label == 0 and family:
            names[f"family:{family.group(1)}"].append(i)
        if item.subtype:
            names[f"subtype:{item.subtype}"].append(i)
    columns = grey_statistics(resized[np.sort(indices)])
    spread = np.maximum(columns.std(0), 1e-9)
    groups = KMeans(EXPOSURES, n_init=10, random_state=0).fit_predict((columns - columns.mean(0)) / spread)
    for i, group in zip(np.sort(indices), groups, strict=True):
        names[f"exposure:{group}"].append(i)
    return {name: np.array(sorted(members), dtype=np.int64) for name, members in names.items()}


def grey_statistics(resized: np.ndarray) -> np.ndarray:
    """(N, 8) float64: mean, deviation, five percentiles and the frame's mean, the signature of exposure and collimation.

    resized: (N, S, S) uint8.
    """
    flat = resized.reshape(len(resized), -1)
    margin = max(1, resized.shape[-1] // 20)
    frame = np.ones(resized.shape[1:], dtype=bool)
    frame[margin:-margin, margin:-margin] = False
    percentiles = np.percentile(flat, [1, 10, 50, 90, 99], axis=1).T
    return np.column_stack([flat.mean(1), flat.std(1), percentiles, resized[:, frame].mean(1)])
