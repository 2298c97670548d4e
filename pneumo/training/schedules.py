"""The optimiser and the learning rate schedule that a recipe names."""

from __future__ import annotations

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)

from pneumo.schema import Recipe

STEP_SCHEDULES = ("cosine", "onecycle")  # these move at every step, the others at every epoch


def optimiser_of(recipe: Recipe, parameters: list[nn.Parameter]) -> Optimizer:
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimiser == "sgd":
        return SGD(parameters, rate, recipe.momentum, weight_decay=decay, nesterov=recipe.nesterov)
    kind = AdamW if recipe.optimiser == "adamw" else Adam
    return kind(parameters, rate, betas=(recipe.beta1, recipe.beta2), weight_decay=decay)


def schedule_of(recipe: Recipe, optimiser: Optimizer, steps: int) -> LRScheduler | ReduceLROnPlateau:
    """steps: of the whole training."""
    floor = recipe.learning_rate * recipe.learning_rate_min
    match recipe.schedule:
        case "plateau":
            return ReduceLROnPlateau(optimiser, factor=recipe.gamma, patience=recipe.plateau_patience)
        case "step":
            return StepLR(optimiser, recipe.step_epochs, recipe.gamma)
        case "exponential":
            return ExponentialLR(optimiser, recipe.gamma ** (1 / recipe.step_epochs))
        case "cosine":
            return CosineAnnealingLR(optimiser, max(1, steps), floor)
        case "onecycle":
            return OneCycleLR(optimiser, recipe.learning_rate, total_steps=max(4, steps) + 1)
        case "constant":
            return LambdaLR(optimiser, lambda _: 1.0)
