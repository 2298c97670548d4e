"""Training: a Task says what is learned, the Trainer does it, `session.train` makes a run of it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pneumo.training.checkpoint import exists as has_checkpoint
    from pneumo.training.contrastive import ContrastiveTask
    from pneumo.training.ensemble import make_ensemble
    from pneumo.training.session import Outcome, finish_processes, is_main_process, train
    from pneumo.training.synthetic import tstr
    from pneumo.training.tasks import ClassificationTask, FrozenBackboneTask, ImageTask, Phase, Task
    from pneumo.training.trainer import Interrupted, Progress, Trainer

# Looked up when they are first used: they take torch and accelerate, and who only wants a recipe does not wait for those.
PLACES = {
    "ClassificationTask": "tasks",
    "ContrastiveTask": "contrastive",
    "FrozenBackboneTask": "tasks",
    "ImageTask": "tasks",
    "Interrupted": "trainer",
    "Outcome": "session",
    "Phase": "tasks",
    "Progress": "trainer",
    "Task": "tasks",
    "Trainer": "trainer",
    "finish_processes": "session",
    "has_checkpoint": "checkpoint.exists",
    "is_main_process": "session",
    "make_ensemble": "ensemble",
    "train": "session",
    "tstr": "synthetic",
}

__all__ = [
    "ClassificationTask",
    "ContrastiveTask",
    "FrozenBackboneTask",
    "ImageTask",
    "Interrupted",
    "Outcome",
    "Phase",
    "Progress",
    "Task",
    "Trainer",
    "finish_processes",
    "has_checkpoint",
    "is_main_process",
    "make_ensemble",
    "train",
    "tstr",
]


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, own_name = PLACES[name].partition(".")
    return getattr(import_module(f"{__name__}.{module}"), own_name or name)
