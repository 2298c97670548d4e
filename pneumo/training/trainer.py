"""The one training loop, for every task.

It alone owns device, precision, backward, clipping, steps, schedules, averaging, early stopping, checkpoints,
resuming, history and progress. Every random number of step s in epoch e comes from (seed, e, s), so a resumed
training sees the same batches, the same augmentation and the same dropout as one that was never disturbed.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator, DataLoaderConfiguration
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset

from pneumo.schema import PneumoError, Recipe
from pneumo.training import checkpoint, divergence, precision, schedules
from pneumo.training.averaging import average_of
from pneumo.training.divergence import Diverged
from pneumo.training.memory import keep_freed_memory
from pneumo.training.precision import Precision
from pneumo.training.schedules import STEP_SCHEDULES
from pneumo.training.tasks import Batch, Task

# The most work a kill can cost; writing takes a tenth of a second. The variable is for tests and shaky machines.
CHECKPOINT_EVERY_S = float(os.environ.get("PNEUMO_CHECKPOINT_S", "60"))


class Interrupted(Exception):  # noqa: N818  a state of affairs, not an error
    """Training stopped on request; the checkpoint is written."""


@dataclass(frozen=True)
class Progress:
    """Where training stands, for a bar or a page. history: the rows so far, epoch 0 first. precision: in words."""

    epoch: int
    epochs: int
    step: int
    steps: int
    images_per_s: float
    seconds_left: float
    losses: dict[str, float]
    history: tuple[dict[str, float], ...]
    precision: str = ""


@dataclass
class State:
    """What a checkpoint keeps beside tensors. epoch and step: the next ones to do. bf16, timed_s: as in `Precision`, from the
    first start on. diverged: how training ended before its time, a sentence."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_value: float = -math.inf
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    bf16: bool | None = None
    timed_s: dict[str, float] = field(default_factory=dict)
    diverged: str = ""

    @property
    def precision(self) -> Precision:
        return Precision(bool(self.bf16), self.timed_s)


def derive(seed: int, *path: int | str) -> int:
    """A seed for one place in the training, independent of every other place. 0 .. 2^63 - 1."""
    text = "/".join(map(str, (seed, *path)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


class EpochBatches:
    """A batch sampler whose order depends on (seed, epoch) alone; can start in mid-epoch."""

    drop_last = True

    def __init__(self, task: Task, batch_size: int, seed: int, epoch_images: int = 0) -> None:
        self.count, self.weights, self.seed = len(task), task.sampling_weights(), seed
        self.batch_size = min(batch_size, self.count)
        self.images = max(self.batch_size, epoch_images or self.count)
        self.epoch, self.start = 1, 0

    def __len__(self) -> int:
        return self.images // self.batch_size  # an incomplete last batch is dropped: batch norm would see few images

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng(derive(self.seed, self.epoch, "order"))
        rounds = math.ceil(self.images / self.count)
        order = np.concatenate([rng.permutation(self.count) for _ in range(rounds)])
        if self.weights is not None:
            order = rng.choice(self.count, self.images, p=self.weights / self.weights.sum())
        for step in range(self.start, len(self)):
            yield order[step * self.batch_size : (step + 1) * self.batch_size].tolist()


class _Batches(Dataset):
    """Hands whole batches to the DataLoader: one gather instead of thirty-two look-ups."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def __len__(self) -> int:
        return len(self.task)

    def __getitems__(self, indices: list[int]) -> Batch:
        return self.task.fetch(indices)


def _as_is(batch: Batch) -> Batch:
    return batch


class Trainer:
    """Trains a task by a recipe. folder: where the checkpoint is kept. stop: set it to stop after the running step."""

    def __init__(
        self,
        task: Task,
        recipe: Recipe,
        folder: Path,
        *,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    ) -> None:
        self.task, self.recipe, self.folder = task, recipe, folder
        self.progress, self.stop = progress, stop or threading.Event()
        self.checkpoint_every_s = checkpoint_every_s
        self.enough = False  # set, training ends after the running epoch, as early stopping ends it
        self.accelerator = Accelerator(
            dataloader_config=DataLoaderConfiguration(split_batches=True), cpu=not torch.cuda.is_available()
        )
        self.device = self.accelerator.device
        if self.device.type == "cpu":
            keep_freed_memory()
        self.state = State()
        # Asked before the processes meet in _set_up: afterwards a fast one may have written a checkpoint that a slow one finds.
        self.can_resume = checkpoint.exists(folder)
        self._set_up()

    # --- setting up ---------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        task, recipe = self.task, self.recipe
        self.batches = EpochBatches(task, recipe.batch_size, recipe.seed, recipe.epoch_images)
        processes = self.accelerator.num_processes
        if self.batches.batch_size % processes:
            raise PneumoError(
                f"a batch of {self.batches.batch_size} cannot be shared by {processes} processes; choose batch_size as a "
                f"multiple, e.g. {max(1, self.batches.batch_size // processes) * processes}"
            )
        loader = DataLoader(_Batches(task), batch_sampler=self.batches, collate_fn=_as_is)
        if recipe.channels_last:
            for module in task.modules.values():
                module.to(memory_format=torch.channels_last)
        task.modules = {name: self.accelerator.prepare(module) for name, module in task.modules.items()}
        self.phases = task.phases()
        total = recipe.epochs * len(self.batches)
        recipes = [replace(recipe, learning_rate=recipe.learning_rate * phase.rate) for phase in self.phases]
        optimisers = [
            schedules.optimiser_of(own, [p for p in phase.parameters() if p.requires_grad])
            for own, phase in zip(recipes, self.phases, strict=True)
        ]
        self.schedules = [
            schedules.schedule_of(own, optimiser, total) for own, optimiser in zip(recipes, optimisers, strict=True)
        ]
        self.optimisers = optimisers
        self.loader = self.accelerator.prepare_data_loader(loader)
        self.average = average_of(self._kept(), recipe.ema_decay) if recipe.ema_decay else None
        self.best = _copy(self._kept().state_dict())

    def _kept(self) -> nn.Module:
        return self.accelerator.unwrap_model(self.task.modules[self.task.averaged])

    # --- the loop -----------------------------------------------------------------------------------------

    def fit(self, *, resume: bool = False) -> State:
        """Trains to the end and leaves the best weights in `best`. Raises Interrupted when `stop` was set.

        resume: from the folder's checkpoint; from the beginning where a kill came before the first one.
        """
        if resume and self.can_resume:
            self._restore()
        if self.state.bf16 is None:
            self._choose_precision()
        try:
            if not self.state.history:
                self._finish_epoch()  # epoch 0: before training
            while self.state.epoch <= self.recipe.epochs and not self._waited_enough():
                self._train_epoch()
                self._finish_epoch()
        except Diverged as error:
            self._keep_what_was_finite(error)
        return self.state

    def _choose_precision(self) -> None:
        """Once, by the main process; a resumed training goes on in the same one."""
        chosen = precision.fixed(self.recipe.precision, self.device) or self._timed_precision()
        told = broadcast_object_list([chosen])[0]
        self.state.bf16, self.state.timed_s = told.bf16, told.timed_s

    def _timed_precision(self) -> Precision:
        state = self.state
        with precision.Untouched(self._stateful()):
            self.state, raw = replace(state, epoch=1, step=0, sums={}), self._first_batch()
            for module in self.task.modules.values():
                module.train()
            result = precision.faster(lambda bf16: self._step(raw, bf16))
        self.state = state
        return result

    def _first_batch(self) -> Batch:
        """This process's share of the first batch."""
        indices = next(iter(self.batches))[self.accelerator.process_index :: self.accelerator.num_processes]
        return {key: value.to(self.device) for key, value in self.task.fetch(indices).items()}

    def _keep_what_was_finite(self, error: Diverged) -> None:
        """Training ends with the best weights of an earlier epoch. Raises PneumoError where there was none."""
        if not self.state.best_epoch:
            if self.accelerator.is_main_process:
                checkpoint.remove(self.folder)  # going on from it would end the same way
            raise PneumoError(f"{error}; {divergence.REMEDY}") from error
        self.state.diverged = f"{error}; the weights are those of epoch {self.state.best_epoch}."

    def _train_epoch(self) -> None:
        state, started, saved = self.state, time.monotonic(), time.monotonic()
        self.batches.epoch, self.batches.start = state.epoch, state.step
        first = state.step
        for module in self.task.modules.values():
            module.train()
        for raw in self.loader:
            losses = self._step(raw, state.bf16)
            if self.recipe.schedule in STEP_SCHEDULES:
                for schedule in self.schedules:
                    schedule.step()  # not within a step: a short training's schedule has no room for the timed ones
            state.step += 1
            self._report(losses, (state.step - first) / (time.monotonic() - started))
            stopping, diverged = self._anyone(self.stop.is_set(), not divergence.are_finite(losses))
            if diverged:
                raise divergence.of_step(state.epoch, state.step, losses)
            if stopping or time.monotonic() - saved > self.checkpoint_every_s:
                state.seconds += time.monotonic() - started
                started, saved, first = time.monotonic(), time.monotonic(), state.step
                self._store()
            if stopping:
                raise Interrupted
        state.seconds += time.monotonic() - started

    def _step(self, raw: Batch, bf16: bool) -> dict[str, float]:
        """One batch through every phase. Returns the losses as numbers."""
        state, recipe = self.state, self.recipe
        torch.manual_seed(derive(recipe.seed, state.epoch, state.step, self.accelerator.process_index))
        self.task.shared = torch.Generator().manual_seed(derive(recipe.seed, state.epoch, state.step, "shared"))
        generator = torch.Generator().manual_seed(
            derive(recipe.seed, state.epoch, state.step, "augment", self.accelerator.process_index)
        )
        batch = self.task.prepare(raw, generator)
        result: dict[str, float] = {}
        for phase, optimiser in zip(self.phases, self.optimisers, strict=True):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
                losses = phase.loss(batch)
            optimiser.zero_grad(set_to_none=True)
            self.accelerator.backward(losses["loss"])
            if recipe.clip_norm:
                self.accelerator.clip_grad_norm_(phase.parameters(), recipe.clip_norm)
            optimiser.step()
            result |= {f"{phase.name}.{name}": value.item() for name, value in losses.items()}
        if self.average:
            self.average.update_parameters(self._kept())
        for name, value in result.items():
            state.sums[name] = state.sums.get(name, 0.0) + value
        return result

    def _finish_epoch(self) -> None:
        """Metrics, history, best weights, schedule, checkpoint; then on to the next epoch."""
        state, steps = self.state, max(1, len(self.batches))
        row = {"epoch": float(state.epoch), "learning_rate": self.optimisers[0].param_groups[0]["lr"]}
        row |= {f"step_{name}": total / steps for name, total in state.sums.items()}
        divergence.check_weights(state.epoch, self._evaluated())
        row |= self._metrics()
        divergence.check_losses(state.epoch, row)
        if self.accelerator.is_main_process:
            self.task.record(state.epoch, self._predict, self.folder)
        state.history.append(row)
        value = self._criterion(row)
        if value > state.best_value or state.epoch == 0:
            state.best_value, state.best_epoch = value, state.epoch
            self.best = _copy(self._evaluated().state_dict())
        if state.epoch and self.recipe.schedule not in STEP_SCHEDULES:
            self._step_schedules(row)
        state.epoch, state.step, state.sums = state.epoch + 1, 0, {}
        self._store()
        self._report({}, 0.0)
        if self._anyone(self.stop.is_set())[0] and state.epoch <= self.recipe.epochs:
            raise Interrupted

    def _metrics(self) -> dict[str, float]:
        """The main process measures and tells the others, so that all decide alike on best epoch, schedule and stopping."""
        result = [self.task.metrics(self._predict) if self.accelerator.is_main_process else None]
        return broadcast_object_list(result)[0]

    def _anyone(self, *questions: bool) -> tuple[bool, ...]:
        """Each answered by whether it is so in any process: all must stop, or give up, after the same step."""
        if self.accelerator.num_processes == 1:
            return questions
        asked = torch.tensor([int(each) for each in questions], device=self.device)
        return tuple(bool(each) for each in self.accelerator.reduce(asked, "sum").tolist())

    def _criterion(self, row: dict[str, float]) -> float:
        """The recipe's criterion on validation, with its sign such that more is better; undefined counts as worst."""
        if self.recipe.criterion == "last":
            return row["epoch"]
        value = row[f"validation_{self.recipe.criterion}"]
        value = -value if self.recipe.criterion == "loss" else value
        return -math.inf if math.isnan(value) else value

    def _step_schedules(self, row: dict[str, float]) -> None:
        for schedule in self.schedules:
            if isinstance(schedule, ReduceLROnPlateau):
                schedule.step(row["validation_loss"])
            else:
                schedule.step()

    def _waited_enough(self) -> bool:
        patience = self.recipe.patience
        return self.enough or (bool(patience) and self.state.epoch - 1 - self.state.best_epoch >= patience)

    def _evaluated(self) -> nn.Module:
        return self.average.module if self.average else self._kept()

    def _predict(self, function: Callable[[nn.Module], Tensor]) -> Tensor:
        model = self._evaluated().eval()
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.state.bf16):
            return function(model)

    def _report(self, losses: dict[str, float], steps_per_s: float) -> None:
        if not self.progress or not self.accelerator.is_main_process:
            return
        state, steps = self.state, len(self.batches)
        done = (state.epoch - 1) * steps + state.step
        left = (self.recipe.epochs * steps - done) / steps_per_s if steps_per_s else math.nan
        rate = steps_per_s * self.batches.batch_size
        epoch = min(state.epoch, self.recipe.epochs)
        rows, words = tuple(state.history), state.precision.text
        self.progress(Progress(epoch, self.recipe.epochs, state.step, steps, rate, left, losses, rows, words))

    def change_rate(self, rate: float) -> None:
        """From the next step to the end this learning rate, times each phase's own factor: the schedule is over.

        rate: above 0. For trainings that somebody watches; such a one is not resumed.
        """
        if not (math.isfinite(rate) and rate > 0):
            raise PneumoError(f"the learning rate is {rate}; expected a number above 0")
        for optimiser, phase in zip(self.optimisers, self.phases, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * phase.rate
        self.schedules = []

    # --- checkpoints --------------------------------------------------------------------------------------

    def _stateful(self) -> checkpoint.Stateful:
        modules = {name: self.accelerator.unwrap_model(module) for name, module in self.task.modules.items()}
        if self.average:
            modules["average"] = self.average
        return checkpoint.Stateful(modules, self.optimisers, self.schedules)

    def _store(self) -> None:
        if self.accelerator.is_main_process:
            checkpoint.store(self.folder, self.recipe, asdict(self.state), self.best, self._stateful())

    def _restore(self) -> None:
        state, self.best = checkpoint.restore(self.folder, self.recipe, self._stateful())
        self.state = State(**state)


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().cpu().clone() for key, value in state.items()}
