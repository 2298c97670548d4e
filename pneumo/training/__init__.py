"""Training: a Task says what is learned, the Trainer does it, `session.train` makes a run of it."""

from pneumo.training.checkpoint import exists as has_checkpoint
from pneumo.training.contrastive import ContrastiveTask
from pneumo.training.ensemble import make_ensemble
from pneumo.training.session import Outcome, finish_processes, is_main_process, train
from pneumo.training.synthetic import tstr
from pneumo.training.tasks import ClassificationTask, FrozenBackboneTask, ImageTask, Phase, Task
from pneumo.training.trainer import Interrupted, Progress, Trainer

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
