"""Labelled radiographs: where they come from (`sources`), how patients are split (`split`), the cache of resized images,
clusters, and the audit of a data set. `open_source` is the way in.
"""

from pneumo.data.audit import audit
from pneumo.data.cache import resized
from pneumo.data.clusters import clusters, grey_statistics, leave_out
from pneumo.data.dataset import GUANGZHOU_CITATION, DataSet, Item, patient_of, subtype_of
from pneumo.data.hub import UNKNOWN_HUB_SET, stream_hub
from pneumo.data.sources import open_source
from pneumo.data.split import count_splits, only, split_digest, split_patients, take_labels

__all__ = [
    "GUANGZHOU_CITATION",
    "UNKNOWN_HUB_SET",
    "DataSet",
    "Item",
    "audit",
    "clusters",
    "count_splits",
    "grey_statistics",
    "leave_out",
    "only",
    "open_source",
    "patient_of",
    "resized",
    "split_digest",
    "split_patients",
    "stream_hub",
    "subtype_of",
    "take_labels",
]
