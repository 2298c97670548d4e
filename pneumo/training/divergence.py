"""When a training has diverged: a loss, a validation loss or a weight that is not finite. It ends there."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

REMEDY = "try a smaller learning_rate, clip_norm=1, or precision=float32"


class Diverged(Exception):  # noqa: N818  a state of affairs, as Interrupted; the message says where
    """Training cannot go on."""


def are_finite(values: Mapping[str, float]) -> bool:
    return all(map(math.isfinite, values.values()))


def of_step(epoch: int, step: int, losses: Mapping[str, float]) -> Diverged:
    """losses: of this process; where they are finite, those of another one are not."""
    broken = [f"{name} was {value}" for name, value in losses.items() if not math.isfinite(value)]
    what = " and ".join(broken) or "a loss of another process was not finite"
    return Diverged(f"training diverged in epoch {epoch}, step {step}: {what}")


def check_weights(epoch: int, model: nn.Module) -> None:
    """Raises Diverged where the weights that would be kept are not finite."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise Diverged(f"training diverged in epoch {epoch}: {name} has weights that are not finite")


def check_losses(epoch: int, row: Mapping[str, float]) -> None:
    """Raises Diverged where a loss of an epoch's metrics is not finite; other metrics may be undefined."""
    for name, value in row.items():
        if name.endswith("loss") and not math.isfinite(value):
            raise Diverged(f"training diverged in epoch {epoch}: {name} is {value}")
