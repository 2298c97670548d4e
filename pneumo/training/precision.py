"""In which precision a training computes: as the recipe says, or, for "auto", in the one that is faster on this machine.

No flag of a CPU tells. With avx512_bf16 but no AMX, bfloat16 was 1.22 times as fast for PneumoniaCNN at 128 px and 0.79 times
for ResNet-18 at 224 px; a single convolution and a matrix product predict the one wrongly, too. So two real steps are timed.
With AMX bfloat16 is three to five times as fast for either, and a GPU that knows it has units for it: nothing is timed there.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from pneumo import models
from pneumo.training.checkpoint import Stateful

TIMED_STEPS = 2
NAMES = {False: "float32", True: "bfloat16 autocast"}


@dataclass(frozen=True)
class Precision:
    """bf16: bfloat16 autocast, else float32. timed_s: seconds of a step in each by name, where they were timed."""

    bf16: bool
    timed_s: dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """For card and command line: "float32 (timed: 0.57 s a step, bfloat16 autocast 0.71 s)"."""
        name, other = NAMES[self.bf16], NAMES[not self.bf16]
        if not self.timed_s:
            return name
        return f"{name} (timed: {self.timed_s[name]:.3g} s a step, {other} {self.timed_s[other]:.3g} s)"


def fixed(wanted: str, device: torch.device) -> Precision | None:
    """What a recipe's precision means on a device; None where "auto" has to be timed."""
    if wanted != "auto":
        return Precision(wanted == "bf16")
    if device.type != "cpu":
        return Precision(models.native_bf16(device))
    return Precision(True) if models.native_bf16(device) else None


def faster(step: Callable[[bool], object]) -> Precision:
    """The precision in which a step is faster. step: takes bf16. Each is warmed up once, then timed in turns; its best time
    counts, because other programs only ever make one slower. Equal times mean float32."""
    best = dict.fromkeys(NAMES, float("inf"))
    for turn in range(1 + TIMED_STEPS):
        for bf16 in NAMES:
            began = time.perf_counter()
            step(bf16)
            if turn:
                best[bf16] = min(best[bf16], time.perf_counter() - began)
    return Precision(best[True] < best[False], {NAMES[bf16]: float(f"{best[bf16]:.3g}") for bf16 in NAMES})


class Untouched:
    """Puts back everything that steps change: weights, buffers, moments, schedules and torch's random numbers.

    What is trained afterwards has the same bits as if there had been no steps. Gradients are dropped.
    """

    def __init__(self, stateful: Stateful) -> None:
        self.stateful = stateful

    def __enter__(self) -> None:
        self.random = torch.random.get_rng_state()
        self.states = [copy.deepcopy(each.state_dict()) for each in self._parts()]
        self.training = [module.training for module in self.stateful.modules.values()]

    def __exit__(self, *error: object) -> None:
        for part, state in zip(self._parts(), self.states, strict=True):
            part.load_state_dict(state)
        for optimiser in self.stateful.optimisers:
            optimiser.zero_grad(set_to_none=True)
        for module, training in zip(self.stateful.modules.values(), self.training, strict=True):
            module.train(training)
        torch.random.set_rng_state(self.random)

    def _parts(self) -> list:
        return [*self.stateful.modules.values(), *self.stateful.optimisers, *self.stateful.schedules]
