"""Labelled radiographs: where they come from (`sources`), how patients are split (`split`), the cache of resized images,
clusters, and the audit of a data set. `open_source` is the way in.
"""

from pneumo.data.audit import audit
from pneumo.data.cache import resized
from pneumo.data.clusters import clusters, grey_statistics, leave_out
from pneumo.data.dataset import GUANGZHOU_CITATION, DataSet, Item, patient_of, subtype_of
from pneumo.data.hub import UNKNOWN_HUB_SET, stream_hub
from pneumo.data.sources import TrainingData, open_as_trained, open_source
from pneumo.data.split import (
    count_splits,
    only,
    split_digest,
    split_patients,
    splits_as_trained,
    take_labels,
    training_splits,
)

__all__ = [
    "GUANGZHOU_CITATION",
    "UNKNOWN_HUB_SET",
    "DataSet",
    "Item",
    "TrainingData",
    "audit",
    "clusters",
    "count_splits",
    "grey_statistics",
    "leave_out",
    "only",
    "open_as_trained",
    "open_source",
    "patient_of",
    "resized",
    "split_digest",
    "split_patients",
    "splits_as_trained",
    "stream_hub",
    "subtype_of",
    "take_labels",
    "training_splits",
]
