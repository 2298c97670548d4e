"""Labelled radiographs: where they come from (`sources`), how patients are split (`split`), the cache of resized images,
clusters, and the audit of a data set. `open_source` is the way in.
"""

from pneumo.data.audit import audit, audit_warnings
from pneumo.data.cache import resized
from pneumo.data.clusters import clusters, grey_statistics, leave_out
from pneumo.data.dataset import GUANGZHOU_CITATION, DataSet, Item, Note, patient_of, subtype_of
from pneumo.data.hub import UNKNOWN_HUB_SET, stream_hub
from pneumo.data.notes import Noticed, noticed, sentences
from pneumo.data.sources import TrainingData, check_source, open_as_trained, open_source
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
    "Note",
    "Noticed",
    "TrainingData",
    "audit",
    "audit_warnings",
    "check_source",
    "clusters",
    "count_splits",
    "grey_statistics",
    "leave_out",
    "noticed",
    "only",
    "open_as_trained",
    "open_source",
    "patient_of",
    "resized",
    "sentences",
    "split_digest",
    "split_patients",
    "splits_as_trained",
    "stream_hub",
    "subtype_of",
    "take_labels",
    "training_splits",
]
