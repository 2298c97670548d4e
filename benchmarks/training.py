"""What training costs: our trainer, a plain textbook loop, and the bare step on tensors that are ready, in turns and in both precisions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms as tv
from torchvision.datasets import ImageFolder

from pneumo import models
from pneumo.images import phantom
from pneumo.schema import CLASS_NAMES, Recipe
from pneumo.training import ClassificationTask, Trainer, recipes
from pneumo.training.precision import NAMES, Precision

FILES = 256  # images on disk for the plain loop: enough that no batch repeats within a round
FILE_PX = (
    448  # radiographs are larger than what a network sees; decoding them again each epoch is the plain loop's cost
)
ROUNDS = 5
READY_GOAL, PLAIN_GOAL = 0.95, 1.0
TOO_SLOW = 6  # times the other precision: nobody trains in it, and its rounds would take an hour
CASES = {"pneumonia_cnn, 128 px": ("pneumonia_cnn", 128, 12), "resnet18, 224 px": ("resnet18_scratch", 224, 3)}
Batch = tuple[torch.Tensor, torch.Tensor]


def _trainer(recipe: Recipe, *, bf16: bool, images: int = 1024) -> Trainer:
    rng = np.random.default_rng(0)
    resized = rng.integers(0, 256, (images, recipe.image.size, recipe.image.size), dtype=np.uint8)
    splits = {"train": np.arange(images), "validation": np.arange(64)}
    torch.manual_seed(0)
    trainer = Trainer(ClassificationTask(recipe, resized, np.arange(images) % 2, splits, 0), recipe, Path(mkdtemp()))
    trainer.state.epoch, trainer.state.bf16 = 1, bf16
    return trainer


def _endless(make: Callable[[], Iterator]) -> Iterator:
    while True:
        yield from make()


class _Ours:
    """The trainer's own steps: batches, augmentation, autocast, clipping, schedule, averaging."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.batches = trainer, _endless(lambda: iter(trainer.loader))
        trainer.task.modules["classifier"].train()

    def step(self) -> None:
        self.trainer._step(next(self.batches), self.trainer.state.bf16)
        self.trainer.state.step += 1


class _Ready:
    """The same forward, backward, clipping, step, schedule and averaging on one prepared batch."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        task = trainer.task
        self.batch = task.prepare(task.fetch(list(range(trainer.recipe.batch_size))), torch.Generator().manual_seed(0))

    def step(self) -> None:
        trainer = self.trainer
        [phase], [optimiser], [schedule] = trainer.phases, trainer.optimisers, trainer.schedules
        with torch.autocast(trainer.device.type, torch.bfloat16, enabled=trainer.state.bf16):
            loss = phase.loss(self.batch)["loss"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(phase.parameters(), trainer.recipe.clip_norm)
        optimiser.step()
        schedule.step()
        trainer.average.update_parameters(trainer._kept())


class _Plain:
    """As most tutorials have it: ImageFolder, PIL transforms, two workers, Adam."""

    def __init__(self, folder: Path, recipe: Recipe, *, bf16: bool) -> None:
        size = recipe.image.size
        steps = [
            tv.Grayscale(),
            tv.Resize((size, size)),
            tv.RandomHorizontalFlip(),
            tv.RandomAffine(15, (0.08, 0.08), (0.85, 1.15), 5),
            tv.ColorJitter(0.1, 0.3),
            tv.ToTensor(),
            tv.Normalize([0.5], [0.5]),
        ]
        data = ImageFolder(str(folder), tv.Compose(steps))
        loader = DataLoader(
            data, recipe.batch_size, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True
        )
        self.batches: Iterator[Batch] = _endless(lambda: iter(loader))
        self.model = models.build(recipe.model, recipe.image, **recipe.model_args).train()
        self.optimiser, self.bf16 = torch.optim.Adam(self.model.parameters(), 1e-3), bf16

    def step(self) -> None:
        images, labels = next(self.batches)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            logits = models.positive_logit(self.model(images)).float()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.float())
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        loss.item()


def write_folder(folder: Path, count: int = FILES, size_px: int = FILE_PX) -> None:
    """Phantoms as JPEG files in class folders."""
    for drawn in phantom.draw_set(count, size_px=size_px, seed=0):
        place = folder / CLASS_NAMES[drawn.label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn.pixels).save(place / f"{drawn.name}.jpeg", quality=90)


def compare(recipe: Recipe, folder: Path, steps: int, rounds: int = ROUNDS) -> dict[str, float]:
    """Images a second of three ways in both precisions, in turns, and the ratios that have a goal; medians over the rounds, the
    first of which warms up and does not count. A precision that is TOO_SLOW on this machine is left out."""
    ways = {}
    ready = {bf16: _Ready(_trainer(recipe, bf16=bf16)) for bf16 in NAMES}
    for bf16 in worth_comparing({bf16: _seconds(way) for bf16, way in ready.items()}):
        name = NAMES[bf16]
        ways |= {
            f"plain loop, {name}": _Plain(folder, recipe, bf16=bf16),
            f"ready tensors, {name}": ready[bf16],
            f"our trainer, {name}": _Ours(_trainer(recipe, bf16=bf16)),
        }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            for _ in range(steps):
                way.step()
            if turn:
                rates[name].append(steps * recipe.batch_size / (time.perf_counter() - start))
    result = {name: float(np.median(values)) for name, values in rates.items()}
    return result | ratios({name: np.array(values) for name, values in rates.items()})


def _seconds(way: _Ready) -> float:
    """Of its second step."""
    way.step()
    start = time.perf_counter()
    way.step()
    return time.perf_counter() - start


def worth_comparing(seconds: dict[bool, float]) -> list[bool]:
    """The precisions (bf16 or not) whose step, in seconds, is not TOO_SLOW beside the fastest one's."""
    return [bf16 for bf16, value in seconds.items() if value <= TOO_SLOW * min(seconds.values())]


def ratios(rates: dict[str, np.ndarray]) -> dict[str, float]:
    """What has a goal: our steps beside ready tensors in each precision, and the faster of ours beside the faster plain loop.

    rates: images a second in each round, by way, of both precisions or of one. Ratios are taken within a round, when the machine was equally busy.
    """
    names = [name for name in NAMES.values() if f"our trainer, {name}" in rates]
    result = {
        f"our trainer / ready tensors, {name}": rates[f"our trainer, {name}"] / rates[f"ready tensors, {name}"]
        for name in names
    }
    fastest = {
        way: max((rates[f"{way}, {name}"] for name in names), key=np.median) for way in ("our trainer", "plain loop")
    }
    result["our trainer / plain loop, the faster of each"] = fastest["our trainer"] / fastest["plain loop"]
    return {name: float(np.median(values)) for name, values in result.items()}


def goal(name: str) -> float | None:
    """What a ratio should reach; None for what has no goal."""
    if "/" not in name:
        return None
    return PLAIN_GOAL if "plain" in name else READY_GOAL


def chosen(recipe: Recipe) -> Precision:
    """What "auto" comes to on this machine: two steps of each precision are timed."""
    trainer = _trainer(recipe, bf16=False)
    trainer._choose_precision()
    return trainer.state.precision


def run() -> None:
    """Prints the table; about eight minutes on two cores."""
    with TemporaryDirectory() as folder:
        write_folder(Path(folder))
        for title, (name, size, steps) in CASES.items():
            recipe = recipes.override(recipes.get(name), [f"image.size={size}"])
            threads = torch.get_num_threads()
            print(f"\n{title}, batches of {recipe.batch_size}, {threads} thread{'s' * (threads != 1)}")
            print(f"  precision=auto is {chosen(recipe).text}")
            for key, value in compare(recipe, Path(folder), steps).items():
                wanted = "  images/s" if goal(key) is None else f"  goal {goal(key)}"
                print(f"  {key:<50} {value:8.2f}{wanted}", flush=True)
