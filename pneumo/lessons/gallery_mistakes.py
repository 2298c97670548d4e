"""The classic mistakes of training, each made on purpose by changing one thing in the project's own trainer or tasks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pneumo.images import transforms
from pneumo.training.recognition import CharacterTask
from pneumo.training.tasks import ClassificationTask
from pneumo.training.trainer import Trainer


class WithoutZeroGrad(Trainer):
    """Gradients are never cleared: every step goes along the sum of all that came before."""

    def _set_up(self) -> None:
        super()._set_up()
        for optimiser in self.optimisers:
            optimiser.zero_grad = lambda set_to_none=True: None


class WithoutEval(Trainer):
    """Measures in training mode: batch norm uses the statistics of the batch, and moves its running ones."""

    def _predict(self, function: Callable[[nn.Module], Tensor]) -> Tensor:
        model = self._evaluated().train()
        with torch.inference_mode():
            return function(model)


class AugmentedTest(ClassificationTask):
    """Measures on images that are changed as in training, anew at every look."""

    def normalised(self, rows: np.ndarray, device: torch.device | None = None) -> Tensor:
        planes = torch.from_numpy(self.resized[rows]).to(device or self.device())
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, (1,))))
        return transforms.normalise(transforms.augment(planes, self.recipe.augment, generator), self.recipe.image)


class SoftmaxTwice(CharacterTask):
    """Softmax before a loss that takes logits: the network cannot say anything with confidence."""

    def loss(self, logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
        return F.cross_entropy(logits.softmax(1), labels, label_smoothing=smoothing)
