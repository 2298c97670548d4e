"""What training costs: our trainer, a plain textbook loop, and the bare step on tensors that are ready, in turns."""

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

FILES = 256  # images on disk for the plain loop: enough that no batch repeats within a round
FILE_PX = (
    448  # radiographs are larger than what a network sees; decoding them again each epoch is the plain loop's cost
)
ROUNDS = 5
CASES = {"pneumonia_cnn, 128 px": ("pneumonia_cnn", 128, 12), "resnet18, 224 px": ("resnet18_scratch", 224, 3)}
Batch = tuple[torch.Tensor, torch.Tensor]


def _trainer(recipe: Recipe, images: int = 1024) -> Trainer:
    rng = np.random.default_rng(0)
    resized = rng.integers(0, 256, (images, recipe.image.size, recipe.image.size), dtype=np.uint8)
    splits = {"train": np.arange(images), "validation": np.arange(64)}
    torch.manual_seed(0)
    trainer = Trainer(ClassificationTask(recipe, resized, np.arange(images) % 2, splits, 0), recipe, Path(mkdtemp()))
    trainer.state.epoch = 1
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
        self.trainer._step(next(self.batches))
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
        with torch.autocast(trainer.device.type, torch.bfloat16, enabled=trainer.bf16):
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
    """Images a second of the four ways, in turns; medians over the rounds, the first of which warms up and does not count."""
    ours = _trainer(recipe)
    ways = {
        "plain float32 (a)": _Plain(folder, recipe, bf16=False),
        "plain bf16 (b)": _Plain(folder, recipe, bf16=True),
        "ready tensors (c)": _Ready(_trainer(recipe)),
        "our trainer": _Ours(ours),
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
    for name in list(ways)[:3]:
        of = np.array(rates["our trainer"]) / np.array(rates[name])
        result[f"our trainer / {name}"] = float(np.median(of))
    return result


def run() -> None:
    """Prints the table; about four minutes on two cores."""
    with TemporaryDirectory() as folder:
        write_folder(Path(folder))
        for title, (name, size, steps) in CASES.items():
            recipe = recipes.override(recipes.get(name), [f"image.size={size}"])
            threads = torch.get_num_threads()
            print(f"\n{title}, batches of {recipe.batch_size}, {threads} thread{'s' * (threads != 1)}")
            for key, value in compare(recipe, Path(folder), steps).items():
                print(f"  {key:<34} {value:8.2f}" + ("" if "/" in key else " images/s"))
