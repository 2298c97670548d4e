"""A moving average of a network's weights while it is trained: torch's AveragedModel with a decay that warms up."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def average_of(module: nn.Module, decay: float) -> AveragedModel:
    """Exponential moving average of a module's weights and buffers; `update_parameters(module)` after every step.

    The decay grows with the steps (Tensorflow's rule), so that the first averages are not made of random weights.
    """
    average = AveragedModel(module, multi_avg_fn=_warming_up(decay), use_buffers=True).eval()
    average.n_averaged += 1  # the weights before the first step count; torch would throw them away
    return average


def _warming_up(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor | int], None]:
    @torch.no_grad()
    def update(averages: list[Tensor], current: list[Tensor], steps: Tensor | int) -> None:
        """steps: counted from 1. The tensors of one call are of one type."""
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, current, 1 - min(decay, (1 + int(steps)) / (10 + int(steps))))
        else:  # counters, as batch norm's, have no average
            torch._foreach_copy_(averages, current)

    return update
