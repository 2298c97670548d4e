"""A trained run on disk: `store` reads and saves its files, `weights` loads its model; beside them the model card, features of
its backbone, and experiment tables.
"""

from typing import TYPE_CHECKING, Any

from pneumo.runs.store import (
    CARD_FILE,
    DEFAULT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    REPOSITORY,
    SCHEMA_VERSION,
    SNAPSHOT_FOLDER,
    WEIGHTS_FILE,
    Run,
    RunError,
    available,
    default_name,
    digest,
    read_card,
    read_history,
    read_predictions,
    resolve,
    save,
    unusable,
    weights_folder,
    weights_info,
    write,
    write_card,
)

if TYPE_CHECKING:
    from pneumo.runs.weights import check_finite, deserialise, ensemble_of, load, serialise

# Looked up when they are first used: they take torch, and who reads a card does not wait seconds for that.
OF_THE_MODEL = ("check_finite", "deserialise", "ensemble_of", "load", "serialise")

__all__ = [
    "CARD_FILE",
    "DEFAULT_FILE",
    "HISTORY_FILE",
    "PREDICTIONS_FILE",
    "REPOSITORY",
    "SCHEMA_VERSION",
    "SNAPSHOT_FOLDER",
    "WEIGHTS_FILE",
    "Run",
    "RunError",
    "available",
    "check_finite",
    "default_name",
    "deserialise",
    "digest",
    "ensemble_of",
    "load",
    "read_card",
    "read_history",
    "read_predictions",
    "resolve",
    "save",
    "serialise",
    "unusable",
    "weights_folder",
    "weights_info",
    "write",
    "write_card",
]


def __getattr__(name: str) -> Any:
    if name not in OF_THE_MODEL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pneumo.runs import weights

    return getattr(weights, name)
