"""The training room: settings a visitor may choose, and the recipe and data that they mean.

    settings -> recipe, data set -> the project's own `training.train`, in a worker process (`training_worker`), one at a time
    for each core (`training_queue`)

Everything is bounded here, before anything is queued: images, side, weights, epochs.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from pneumo import models, runs
from pneumo.data import DataSet, Item, check_source, open_source
from pneumo.formatting import nearest
from pneumo.schema import AugmentSpec, DataSpec, ImageSpec, PneumoError, Radiograph, Recipe

FOLDER = "PNEUMO_DATA"  # the environment names a SOURCE of real radiographs for the room; nobody else can
KINDS = {"phantom": "Phantoms", "generated": "Generated X-rays", "real": "Real X-rays"}
NETS = {
    "small": "Small: average pool at the end",
    "flat": "Small: flatten, dense layer",
    "simple_cnn": "simple_cnn",
    "pneumonia_cnn": "pneumonia_cnn",
}
SIDES, COUNTS = (32, 48, 64, 96), (100, 200, 400, 800)
RATES = (1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0)
BATCHES = (8, 16, 32, 64, 128)
PERCENTS = (50, 74, 90, 95)
OPTIMISERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD, momentum .9"}
SCHEDULES = {
    "constant": "constant",
    "step": "halved every 5 epochs",
    "exponential": "× .1 over 20 epochs",
    "plateau": "on plateau",
    "cosine": "cosine",
    "onecycle": "one-cycle",
}
AUGMENTS = {
    "none": AugmentSpec(),
    "light": AugmentSpec(rotation_deg=5, shift=0.05, zoom=0.05),
    "strong": AugmentSpec(
        rotation_deg=15, shift=0.1, zoom=0.15, flip=0.5, gamma=0.4, contrast=0.3, brightness=0.1, noise=0.3
    ),
}
REMEDIES = {
    "none": "none",
    "sampling": "draw both classes equally often",
    "pos_weight": "weigh PNEUMONIA by NORMAL / PNEUMONIA",
    "class_weights": "weigh both by total / (2 count)",
}
MOST_EPOCHS, MOST_BLOCKS, WIDEST = 60, 5, 64
MOST_PARAMETERS = 8_000_000
SECONDS = 180  # of one training, after which it is stopped and what it has is kept
GENERATOR = "conv_gan"


@dataclass(frozen=True)
class Settings:
    """What the room offers. widths: channels of the small nets' blocks. l1, l2: penalties; 0 is none. patience: 0 never stops early."""

    data: str = "phantom"
    count: int = 400
    percent: int = 74
    side: int = 64
    net: str = "small"
    widths: tuple[int, ...] = (8, 16, 32)
    batch_norm: bool = True
    dropout: float = 0.0
    optimiser: str = "adam"
    rate: float = 1e-3
    schedule: str = "constant"
    batch: int = 32
    epochs: int = 10
    augment: str = "none"
    remedy: str = "none"
    prior: bool = False
    l1: float = 0.0
    l2: float = 0.0
    patience: int = 0
    seed: int = 42

    def __post_init__(self) -> None:
        for name, known in (
            ("data", KINDS), ("net", NETS), ("optimiser", OPTIMISERS), ("schedule", SCHEDULES), ("augment", AUGMENTS), ("remedy", REMEDIES),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise PneumoError(
                    f"{name} is {getattr(self, name)!r}{nearest(str(getattr(self, name)), known)}; expected one of {', '.join(known)}"
                )
        for name, allowed in (
            ("count", COUNTS),
            ("percent", PERCENTS),
            ("side", SIDES),
            ("rate", RATES),
            ("batch", BATCHES),
        ):
            if getattr(self, name) not in allowed:
                raise PneumoError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(map(str, allowed))}")
        if not 1 <= len(self.widths) <= MOST_BLOCKS or not all(
            type(w) is int and 1 <= w <= WIDEST for w in self.widths
        ):
            raise PneumoError(f"a net has 1 to {MOST_BLOCKS} blocks of 1 to {WIDEST} channels")
        for name, low, high in (
            ("dropout", 0, 0.9), ("epochs", 1, MOST_EPOCHS), ("l1", 0, 0.1), ("l2", 0, 1), ("patience", 0, MOST_EPOCHS), ("seed", 0, 10**6 - 1),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise PneumoError(f"{name} is {getattr(self, name)}; expected {low} to {high}")

    @property
    def recipe(self) -> Recipe:
        """The recipe that is trained. PneumoError where the net does not fit the images, or is too large for the room."""
        model, arguments = self.net, {"dropout": self.dropout}
        if self.net in ("small", "flat"):
            model = "small_cnn"
            arguments |= {"channels": list(self.widths), "batch_norm": self.batch_norm, "flatten": self.net == "flat"}
        image = ImageSpec(size=self.side)
        models.check(model, image, **arguments)
        return Recipe(
            name=f"{self.net}_{self.seed}",
            summary="Trained in the training room, to learn how training goes.",
            model=model,
            model_args=arguments,
            image=image,
            augment=AUGMENTS[self.augment],
            data=DataSpec(source=self.source, validation=0.25, test=0.0),
            batch_size=self.batch,
            epochs=self.epochs,
            optimiser=self.optimiser,
            learning_rate=self.rate,
            weight_decay=self.l2,
            l1=self.l1,
            schedule=self.schedule,
            gamma=0.1 if self.schedule == "exponential" else 0.5,
            step_epochs=20 if self.schedule == "exponential" else 5,
            patience=self.patience,
            criterion="loss",
            positive_weight=0.0 if self.remedy == "pos_weight" else 1.0,
            class_weights="balanced" if self.remedy == "class_weights" else "none",
            sampling="balanced" if self.remedy == "sampling" else "shuffle",
            initial_bias="prior" if self.prior else "zero",
            precision="float32",  # timing two precisions takes longer than some of these trainings
            storage="float16",
            seed=self.seed,
        )

    @property
    def source(self) -> str:
        if self.data == "real":
            return real_source()
        return f"{self.data}:{self.count}:0:{self.percent}"

    @property
    def parameters(self) -> int:
        """PneumoError where there are too many for the room."""
        recipe = self.recipe
        count = models.planned_parameters(recipe.model, recipe.image, **recipe.model_args)
        if count > MOST_PARAMETERS:
            raise PneumoError(
                f"this net has {count:,} parameters; the room takes up to {MOST_PARAMETERS:,}. Choose fewer channels, or smaller images"
            )
        return count


def as_json(settings: Settings) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()}


def from_json(said: dict[str, Any]) -> Settings:
    """PneumoError for what is no settings."""
    known = asdict(Settings())
    unknown = set(said) - set(known)
    if unknown:
        raise PneumoError(f"unknown settings: {', '.join(sorted(map(str, unknown)))}")
    for name, value in said.items():
        kind = type(known[name])
        fits = (
            isinstance(value, list | tuple)
            if kind is tuple
            else isinstance(value, int | float) and not isinstance(value, bool)
            if kind is float
            else type(value) is kind
        )
        if not fits:
            raise PneumoError(f"{name} is {value!r}; expected {kind.__name__}")
    return Settings(**{name: tuple(value) if isinstance(value, list) else value for name, value in said.items()})


def real_source() -> str:
    """The SOURCE of real radiographs that the environment names; "" where it names none."""
    return os.environ.get(FOLDER, "").strip()


def kinds() -> list[str]:
    """The kinds of images at hand here."""
    there = {"phantom": True, "generated": GENERATOR in runs.available("gan"), "real": bool(real_source())}
    return [kind for kind in KINDS if there[kind]]


@lru_cache(maxsize=4)
def dataset(source: str, count: int) -> DataSet:
    """The images behind a SOURCE of the room; of real ones `count`, whole patients. Drawn once in a process."""
    if source.startswith("generated:"):
        return _generated(source)
    check_source(source)
    found = open_source(source)
    return found if source.startswith("phantom:") else _some(found, count)


def _generated(source: str) -> DataSet:
    """Images of the conditional GAN; each is a patient of its own."""
    from pneumo.generators import sampling

    _, count, seed, percent = source.split(":")
    run = runs.load(GENERATOR, "gan")
    positive = round(int(count) * int(percent) / 100)
    drawn = [
        (name, label, pixels)
        for label, (name, number) in enumerate((("NORMAL", int(count) - positive), ("PNEUMONIA", positive)))
        for pixels in sampling.samples(run, number, int(seed), name)
    ]
    items = tuple(
        Item(
            f"generated-{n:04d}-{name}",
            label,
            f"generated-{n:04d}",
            "",
            "",
            runs.digest(np.ascontiguousarray(pixels).tobytes()),
        )
        for n, (name, label, pixels) in enumerate(drawn)
    )
    return DataSet(
        source, items, lambda n: Radiograph(np.asarray(drawn[n][2])), "Apache-2.0 (generated)", f"pneumo {GENERATOR}"
    )


def _some(found: DataSet, count: int) -> DataSet:
    """About `count` of its images outside its own test set: whole patients in the order of their names' digests."""
    order = sorted(
        {item.patient for item in found.items if item.split != "test"},
        key=lambda patient: runs.digest(patient.encode()),
    )
    by_patient: dict[str, list[int]] = {}
    for n, item in enumerate(found.items):
        if item.split != "test":
            by_patient.setdefault(item.patient, []).append(n)
    chosen: list[int] = []
    for patient in order:
        if len(chosen) >= count:
            break
        chosen += by_patient[patient]
    items = tuple(found.items[n] for n in chosen)
    return DataSet(found.source, items, lambda n: found.radiograph(chosen[n]), found.licence, found.citation)
