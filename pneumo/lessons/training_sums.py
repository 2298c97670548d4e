"""The numbers of the training room's text, each computed by what trains the models, or by hand from the same formula."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from pneumo import models
from pneumo.lessons import gallery, training_room
from pneumo.schema import ImageSpec, Recipe
from pneumo.training import schedules
from pneumo.training.tasks import ClassificationTask

NORMAL, PNEUMONIA = 1017, 2907  # the training images of the course project with five tasks
SHARE = 0.74  # of PNEUMONIA, in its words
PLATEAU = (0.50, 0.48, 0.47, 0.47, 0.47, 0.47, 0.47)


def descent(w: float, rate: float, steps: int) -> list[float]:
    """Gradient descent on w²: where w is before the first step and after each, by torch's own SGD."""
    weight = nn.Parameter(torch.tensor(w, dtype=torch.float64))
    optimiser = torch.optim.SGD([weight], lr=rate)
    places = [float(weight.detach())]
    for _ in range(steps):
        optimiser.zero_grad()
        (weight**2).backward()
        optimiser.step()
        places.append(float(weight.detach()))
    return places


def rates(recipe: Recipe, epochs: int, losses: tuple[float, ...] = ()) -> list[float]:
    """The learning rate of each epoch from 1 on, by the schedule that trains. losses: validation losses, for "plateau"."""
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=recipe.learning_rate)
    schedule = schedules.schedule_of(recipe, optimiser, epochs)
    seen = []
    for epoch in range(epochs):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step(losses[epoch]) if losses else schedule.step()
    return seen


def loss_before_training(prior: bool = False, weight: float = 1.0) -> float:
    """Of a network that says the same of every image: weighted binary cross-entropy on the course project's classes.

    weight: of PNEUMONIA images. prior: the bias is log(PNEUMONIA / NORMAL), otherwise 0.
    """
    labels = np.r_[np.zeros(NORMAL, np.int64), np.ones(PNEUMONIA, np.int64)]
    recipe = Recipe(
        model="small_cnn", image=ImageSpec(size=8), initial_bias="prior" if prior else "zero", positive_weight=weight
    )
    rows = np.arange(len(labels))
    task = ClassificationTask(
        recipe, np.zeros((len(labels), 8, 8), np.uint8), labels, {"train": rows, "validation": rows}, 0
    )
    bias = float(task.modules["classifier"][-1].bias.detach()) if prior else 0.0
    return float(task.loss(torch.full((len(labels),), bias), torch.from_numpy(labels)))


def facts() -> dict[str, str]:
    heart = gallery.recorded("by_heart")["trainings"][0]["looks"]
    losses = [look["row"]["validation_loss"] for look in heart]
    best = int(np.argmin(losses))
    plateau = rates(
        Recipe(schedule="plateau", learning_rate=0.01, plateau_patience=2), len(PLATEAU) + 1, (*PLATEAU, 0.47)
    )
    normed = nn.BatchNorm1d(1, affine=False).train()(torch.tensor([[2.0], [4.0], [6.0]]))[:, 0]
    kept = nn.Dropout(0.5).train()(torch.full((64,), 0.8)).max()
    return {
        "best": str(best),
        "last": str(len(losses) - 1),
        "lowest": f"{losses[best]:.2f}",
        "final": f"{losses[-1]:.2f}",
        "train_final": f"{heart[-1]['row']['train_loss']:.3f}",
        "small_parameters": f"{models.count_parameters(models.build('small_cnn', ImageSpec(size=64))):,}",
        "seconds": str(training_room.SECONDS),
        "ball_slow": f"{descent(1, 0.1, 10)[-1]:.3f}",
        "ball_one": f"±{abs(descent(1, 1.0, 10)[-1]):.0f}",
        "ball_fast": f"{descent(1, 1.1, 10)[-1]:.2f}",
        "step_rate": f"{rates(Recipe(schedule='step', learning_rate=0.01, step_epochs=5), 12)[11]:g}",
        "exponential_rate": f"{rates(Recipe(schedule='exponential', learning_rate=0.01, step_epochs=20, gamma=0.1), 11)[10]:.5f}",
        "plateau_epoch": str(next(n for n, rate in enumerate(plateau, 1) if rate < 0.01)),
        "prior": f"{math.log(PNEUMONIA / NORMAL):.3f}",
        "loss_zero": f"{loss_before_training():.3f}",
        "loss_prior": f"{loss_before_training(prior=True):.3f}",
        "loss_weighted": f"{loss_before_training(weight=(1 - SHARE) / SHARE):.3f}",
        "weight_normal": f"{(NORMAL + PNEUMONIA) / (2 * NORMAL):.3f}",
        "weight_pneumonia": f"{(NORMAL + PNEUMONIA) / (2 * PNEUMONIA):.3f}",
        "dropout": f"{float(kept):g}",
        "norm": ", ".join(f"{float(value):.4f}" if abs(float(value)) > 0.01 else "0" for value in normed),
    }
