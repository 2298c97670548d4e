"""What the data side of training costs: our trainer against the same steps on tensors that are ready."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import torch

from pneumo import recipes
from pneumo.schema import Recipe
from pneumo.training import ClassificationTask, Trainer

IMAGES = 1024
ROUNDS = 5


def _trainer(recipe: Recipe) -> Trainer:
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, (IMAGES, recipe.image.size, recipe.image.size), dtype=np.uint8)
    labels = np.arange(IMAGES) % 2
    parts = {"train": np.arange(IMAGES), "validation": np.arange(64)}
    torch.manual_seed(0)
    return Trainer(ClassificationTask(recipe, squares, labels, parts, 0), recipe, Path(mkdtemp()))


def _rate(step, batches) -> float:
    """Images a second over the batches."""
    count, start = 0, time.perf_counter()
    for batch in batches:
        step(batch)
        count += len(batch["label"])
    return count / (time.perf_counter() - start)


def trainer_against_ready_tensors(steps: int = 12) -> dict[str, float]:
    """Images a second of both, measured in turns, and the median of their ratios.

    The ready side does the same forward, backward, clipping, step, schedule and averaging on one prepared batch.
    """
    trainer = _trainer(recipes.get("pneumonia_cnn"))
    trainer.state.epoch = 1
    task = trainer.task
    [phase], [optimiser], [schedule] = trainer.phases, trainer.optimisers, trainer.schedules
    ready = task.prepare(task.fetch(list(range(trainer.recipe.batch_size))), torch.Generator().manual_seed(0))

    def bare(batch) -> None:
        with torch.autocast(trainer.device.type, torch.bfloat16, enabled=trainer.bf16):
            loss = phase.loss(batch)["loss"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(phase.parameters(), trainer.recipe.clip_norm)
        optimiser.step()
        schedule.step()
        trainer.average.update(trainer._kept())

    def ours(raw) -> None:
        trainer._step(raw)
        trainer.state.step += 1

    for module in task.modules.values():
        module.train()
    fast, slow = [], []
    for turn in range(ROUNDS + 1):
        # Each turn walks on through the epoch; the first warms up and does not count.
        trainer.batches.start = turn % 2 * steps
        batches = iter(trainer.loader)
        ours_rate = _rate(ours, (next(batches) for _ in range(steps)))
        bare_rate = _rate(bare, [ready] * steps)
        if turn:
            slow.append(ours_rate)
            fast.append(bare_rate)
    return {
        "trainer_images_per_s": float(np.median(slow)),
        "ready_images_per_s": float(np.median(fast)),
        "ratio": float(np.median(np.array(slow) / np.array(fast))),
    }
