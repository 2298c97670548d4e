"""Training: a Task says what is learned, the Trainer does it, `session.train` makes a run of it."""

from pneumo.training.session import Outcome, train
from pneumo.training.tasks import ClassificationTask, Phase, Task
from pneumo.training.trainer import Interrupted, Progress, Trainer

__all__ = ["ClassificationTask", "Interrupted", "Outcome", "Phase", "Progress", "Task", "Trainer", "train"]
