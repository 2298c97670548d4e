"""The trainer: history, averaging, schedules, stopping, and resuming to the same bits."""

import dataclasses
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from pneumo import runs
from pneumo.schema import ImageSpec, PneumoError, Recipe
from pneumo.training import ClassificationTask, Interrupted, Phase, Task, Trainer, recipes
from pneumo.training.checkpoint import FILE as CHECKPOINT_FILE
from pneumo.training.trainer import EpochBatches

SIZE = 16
RECIPE = recipes.override(
    Recipe(model_args={"dropout": 0.2}),
    [
        f"image.size={SIZE}",
        "batch_size=8",
        "epochs=3",
        "augment.rotation_deg=10",
        "augment.gamma=.2",
        "augment.noise=.5",
        "ema_decay=.9",
        "clip_norm=1",
        "schedule=onecycle",
        "precision=float32",
    ],
)


def make_task(recipe: Recipe = RECIPE, count: int = 56) -> ClassificationTask:
    """A learnable toy: PNEUMONIA is brighter in the middle."""
    rng = np.random.default_rng(0)
    labels = (np.arange(count) % 3 > 0).astype(np.int64)
    resized = rng.integers(0, 120, (count, SIZE, SIZE), dtype=np.uint8)
    resized[labels == 1, 4:12, 4:12] += 90
    splits = {"train": np.arange(0, count - 16), "validation": np.arange(count - 16, count)}
    torch.manual_seed(recipe.seed)
    return ClassificationTask(recipe, resized, labels, splits, recipe.seed)


def train(folder, recipe: Recipe = RECIPE, resume: bool = False, **options) -> Trainer:
    trainer = Trainer(make_task(recipe), recipe, folder, **options)
    trainer.fit(resume=resume)
    return trainer


def assert_same(one: dict, two: dict) -> None:
    assert one.keys() == two.keys()
    for key in one:
        assert torch.equal(one[key], two[key]), key


def test_history_starts_before_training_and_has_every_metric(tmp_path):
    history = train(tmp_path).state.history
    assert [row["epoch"] for row in history] == [0, 1, 2, 3]
    wanted = {"loss", "accuracy", "precision", "recall", "specificity", "f1", "auroc"}
    for split in ("train", "validation"):
        assert {f"{split}_{name}" for name in wanted} <= history[0].keys()


def test_it_learns(tmp_path):
    recipe = recipes.override(RECIPE, ["epochs=12", "learning_rate=.003"])
    assert train(tmp_path, recipe).state.history[-1]["validation_auroc"] > 0.95


def test_same_recipe_same_bits_and_other_seed_other_weights(tmp_path):
    one, two = train(tmp_path / "a"), train(tmp_path / "b")
    assert_same(one.best, two.best)
    other = train(tmp_path / "c", dataclasses.replace(RECIPE, seed=7))
    assert not torch.equal(one.best["head.1.weight"], other.best["head.1.weight"])


@pytest.mark.parametrize("at", [0, 1, 4, 5, 9, 14])
def test_stopped_after_any_step_and_resumed_gives_the_same_bits(tmp_path, at):
    stop, steps = threading.Event(), []

    def stop_at(progress):
        steps.append(progress)
        if len(steps) == at + 1:
            stop.set()

    whole = train(tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(tmp_path / "part", progress=stop_at, stop=stop)
    resumed = train(tmp_path / "part", resume=True)
    assert_same(whole.best, resumed.best)
    for one, two in zip(whole.state.history, resumed.state.history, strict=True):
        assert one == pytest.approx(two, nan_ok=True)
    assert_same(dict(whole._kept().state_dict()), dict(resumed._kept().state_dict()))


@pytest.mark.parametrize("schedule", ["constant", "plateau", "step", "exponential", "cosine", "onecycle"])
@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_every_schedule_and_optimiser_survives_a_stop(tmp_path, schedule, optimiser):
    recipe = recipes.override(
        RECIPE, [f"schedule={schedule}", f"optimiser={optimiser}", "epochs=2", "learning_rate=.01"]
    )
    stop = threading.Event()
    whole = train(tmp_path / "whole", recipe)
    with pytest.raises(Interrupted):
        train(
            tmp_path / "part", recipe, stop=stop, progress=lambda p: stop.set() if (p.epoch, p.step) == (2, 2) else None
        )
    assert_same(whole.best, train(tmp_path / "part", recipe, resume=True).best)


def rates_of(tmp_path, *changes: str) -> list[float]:
    recipe = recipes.override(RECIPE, ["epochs=4", "learning_rate=.01", *changes])
    return [row["learning_rate"] for row in train(tmp_path, recipe).state.history]


def test_step_and_exponential_schedules_by_the_formula(tmp_path):
    # A row's rate is the one its epoch was trained with; row 0 shows the first.
    assert rates_of(tmp_path / "s", "schedule=step", "step_epochs=2", "gamma=.5") == pytest.approx(
        [0.01, 0.01, 0.01, 0.005, 0.005]
    )
    exponential = rates_of(tmp_path / "e", "schedule=exponential", "step_epochs=2", "gamma=.1")
    assert exponential == pytest.approx([0.01, *(0.01 * 0.1 ** (epoch / 2) for epoch in range(4))])


def test_early_stopping_keeps_the_best_epoch(tmp_path):
    recipe = recipes.override(
        RECIPE, ["epochs=30", "patience=2", "criterion=loss", "learning_rate=.05", "schedule=constant"]
    )
    state = train(tmp_path, recipe).state
    losses = [row["validation_loss"] for row in state.history]
    assert losses[state.best_epoch] == min(losses)
    assert len(losses) - 1 == state.best_epoch + 2 < 30


def test_undefined_criterion_counts_as_worst(tmp_path):
    trainer = Trainer(make_task(), RECIPE, tmp_path)
    assert trainer._criterion({"validation_auroc": math.nan}) == -math.inf


def test_average_follows_the_weights(tmp_path):
    averaged = train(tmp_path / "a", recipes.override(RECIPE, ["ema_decay=.99"]))
    mine, theirs = averaged.average.module.state_dict(), averaged._kept().state_dict()
    assert not torch.equal(mine["head.1.weight"], theirs["head.1.weight"])
    assert torch.equal(mine["head.2.num_batches_tracked"], theirs["head.2.num_batches_tracked"])


def test_balanced_sampling_draws_both_classes_alike():
    task = make_task(recipes.override(RECIPE, ["sampling=balanced"]), count=316)
    batches = EpochBatches(task, 300, seed=0)
    drawn = np.concatenate([task.fetch(batch)["label"].numpy() for batch in batches])
    assert abs(drawn.mean() - 0.5) < 0.1 < abs(task.train_labels.mean() - 0.5)


def test_batches_cover_an_epoch_once_and_differ_between_epochs():
    batches = EpochBatches(make_task(), 8, seed=0)
    first = [i for batch in batches for i in batch]
    batches.epoch = 2
    second = [i for batch in batches for i in batch]
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second
    batches.start = 3
    assert [i for batch in batches for i in batch] == second[24:]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], [1, 1]),
        (["positive_weight=0"], [1, 14 / 26]),
        (["class_weights=balanced"], [40 / 28, 40 / 52]),
    ],
)  # of the 40 training images 14 are NORMAL
def test_class_weights(changes, expected):
    assert make_task(recipes.override(RECIPE, changes)).class_weights.tolist() == pytest.approx(expected)


def test_smoothed_loss_by_hand():
    task = make_task()
    loss = task.loss(torch.tensor([0.0, 2.0]), torch.tensor([0, 1]), smoothing=0.1)
    by_hand = (math.log(2) + 0.95 * math.log1p(math.exp(-2)) + 0.05 * math.log1p(math.exp(2))) / 2
    assert loss.item() == pytest.approx(by_hand)


def test_bf16_trains_too(tmp_path):
    history = train(
        tmp_path, recipes.override(RECIPE, ["precision=bf16", "epochs=12", "learning_rate=.003"])
    ).state.history
    assert history[-1]["validation_auroc"] > 0.95


def test_resume_without_a_checkpoint_starts_from_the_beginning(tmp_path):
    """A kill may come before the first one is written: the same command must do."""
    assert_same(train(tmp_path / "plain").best, train(tmp_path / "resumed", resume=True).best)


def test_hardware_counts_threads_in_words(tmp_path):
    from pneumo.training import session

    trainer = train(tmp_path, recipes.override(RECIPE, ["epochs=1"]))
    n = torch.get_num_threads()
    assert f", {n} thread{'' if n == 1 else 's'}," in session._hardware(trainer)


def test_resume_refuses_another_recipe(tmp_path):
    train(tmp_path)
    with pytest.raises(PneumoError, match=r"learning_rate was 0\.001, is 0\.5"):
        train(tmp_path, recipes.override(RECIPE, ["learning_rate=.5"]), resume=True)


def test_progress_counts_every_step(tmp_path):
    seen = []
    train(tmp_path, progress=seen.append)
    steps = [(p.epoch, p.step) for p in seen if p.losses]
    assert steps == [(epoch, step) for epoch in (1, 2, 3) for step in range(1, 6)]
    assert all(p.images_per_s > 0 and p.seconds_left >= 0 for p in seen if p.losses)


class TwoPhases(Task):
    """A GAN in one number: the generator learns the mean that the discriminator learns to spot."""

    averaged = "generator"

    def __init__(self) -> None:
        self.modules = {
            "generator": nn.Linear(1, 1),
            "discriminator": nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1)),
        }

    def phases(self):
        return (
            Phase("discriminator", self.modules["discriminator"].parameters, self.judge),
            Phase("generator", self.modules["generator"].parameters, self.fool),
        )

    def __len__(self):
        return 64

    def fetch(self, indices):
        return {"real": torch.full((len(indices), 1), 3.0)}

    def judge(self, batch):
        fake = self.modules["generator"](torch.randn_like(batch["real"])).detach()
        real, false = self.modules["discriminator"](batch["real"]), self.modules["discriminator"](fake)
        return {
            "loss": nn.functional.softplus(-real).mean() + nn.functional.softplus(false).mean(),
            "real": real.mean(),
        }

    def fool(self, batch):
        fake = self.modules["generator"](torch.randn_like(batch["real"]))
        return {"loss": nn.functional.softplus(-self.modules["discriminator"](fake)).mean()}

    def metrics(self, predict):
        return {"validation_loss": float((predict(lambda model: model(torch.zeros(1, 1))) - 3).abs())}


def test_two_phase_task_trains_and_resumes_to_the_same_bits(tmp_path):
    recipe = recipes.override(
        RECIPE,
        ["criterion=loss", "epochs=40", "learning_rate=.02", "ema_decay=0", "schedule=constant", "batch_size=16"],
    )

    def fit(folder, **options):
        torch.manual_seed(0)
        trainer = Trainer(TwoPhases(), recipe, folder, **options)
        trainer.fit(resume="stop" not in options and folder.exists())
        return trainer

    whole = fit(tmp_path / "whole")
    history = whole.state.history
    assert min(row["validation_loss"] for row in history) < history[0]["validation_loss"] / 3
    assert {"step_discriminator.loss", "step_discriminator.real", "step_generator.loss"} <= history[1].keys()
    stop = threading.Event()
    with pytest.raises(Interrupted):
        fit(tmp_path / "part", stop=stop, progress=lambda p: stop.set() if (p.epoch, p.step) == (20, 2) else None)
    assert_same(whole.best, fit(tmp_path / "part").best)


# --- killed from outside ----------------------------------------------------------------------------------

COMMAND = [
    sys.executable, "-m", "pneumo", "train", "first_steps", "data.source=phantom:60", "image_size=32", "batch_size=8",
    "precision=float32",
]  # fmt: skip


def start(folder, cache, *options: str) -> subprocess.Popen:
    environment = os.environ | {"PNEUMO_CACHE": str(cache), "OMP_NUM_THREADS": "1", "PNEUMO_CHECKPOINT_S": "0.2"}
    return subprocess.Popen(
        [*COMMAND, "--out", str(folder), *options], env=environment, cwd=runs.REPOSITORY,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def killed_and_resumed(tmp_path, kills: int) -> None:
    """Trains once undisturbed, then with `kill -9` at random moments; the weights must be equal bit for bit."""
    length = f"epochs={30 * kills}"  # long enough for the last kill to find it still at work
    finish(start(tmp_path / "whole", tmp_path, length))
    rng, folder = random.Random(3), tmp_path / "killed"
    done = 0
    while done < kills and not (folder / runs.CARD_FILE).exists():
        resume = ["--resume"] if (folder / CHECKPOINT_FILE).exists() else []
        process = start(folder, tmp_path, length, *resume)
        stamp = (folder / CHECKPOINT_FILE).stat().st_mtime_ns if resume else 0
        deadline = time.monotonic() + 60
        # Past the start-up, into the training: until a checkpoint of this process is there, then a random while.
        while time.monotonic() < deadline and process.poll() is None:
            if (folder / CHECKPOINT_FILE).exists() and (folder / CHECKPOINT_FILE).stat().st_mtime_ns > stamp:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        done += 1
    if not (folder / runs.CARD_FILE).exists():
        finish(start(folder, tmp_path, length, *(["--resume"] if (folder / CHECKPOINT_FILE).exists() else [])))
    assert done == kills, "the training ended before the last kill; make it longer"
    assert_same(load_file(tmp_path / "whole" / runs.WEIGHTS_FILE), load_file(folder / runs.WEIGHTS_FILE))
    whole, killed = (json.loads((tmp_path / name / runs.CARD_FILE).read_text()) for name in ("whole", "killed"))
    assert whole["metrics"] == killed["metrics"]


@pytest.mark.slow
def test_killed_once_and_resumed_gives_the_same_weights(tmp_path):
    killed_and_resumed(tmp_path, kills=1)


@pytest.mark.slow
def test_killed_ten_times_and_resumed_gives_the_same_weights(tmp_path):
    killed_and_resumed(tmp_path, kills=10)


def test_interrupt_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path):
    process = start(tmp_path / "run", tmp_path, "epochs=200")
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / CHECKPOINT_FILE).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "--resume" in errors
    assert "Traceback" not in errors


def test_finished_and_unfinished_folders_are_not_overwritten(tmp_path):
    from pneumo import training

    (tmp_path / runs.CARD_FILE).write_text("{}")
    with pytest.raises(PneumoError, match="finished run"):
        training.train(RECIPE, tmp_path)
    (tmp_path / runs.CARD_FILE).unlink()
    (tmp_path / CHECKPOINT_FILE).write_text("")
    with pytest.raises(PneumoError, match="--resume"):
        training.train(RECIPE, tmp_path)


def test_image_spec_of_the_task_is_the_recipes():
    assert make_task().prepare(make_task().fetch([0, 1]), torch.Generator())["image"].shape == (2, 1, SIZE, SIZE)
    assert RECIPE.image == ImageSpec(size=SIZE)


def test_a_card_names_a_folder_without_its_place_on_the_disk(tmp_path):
    from pneumo import training
    from pneumo.images import radiograph

    folder = tmp_path / "secret" / "pictures"
    for n in range(40):
        path = folder / ("NORMAL" if n % 2 else "PNEUMONIA") / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(radiograph.encode_png(np.random.default_rng(n).integers(0, 255, (20, 20), dtype=np.uint8)))
    outcome = training.train(recipes.override(RECIPE, [f"data.source={folder}", "epochs=1"]), tmp_path / "run")
    assert outcome.card.data.source == outcome.card.recipe.data.source == "pictures"
    assert "secret" not in (tmp_path / "run" / runs.CARD_FILE).read_text()


# --- while it trains ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["constant", "plateau", "step", "exponential", "cosine", "onecycle"])
def test_another_rate_holds_to_the_end_whatever_the_schedule(tmp_path, schedule):
    recipe = recipes.override(RECIPE, [f"schedule={schedule}", "optimiser=sgd", "learning_rate=.01", "epochs=3"])
    seen = []

    def progress(now):
        if (now.epoch, now.step) == (1, 2):
            trainer.change_rate(0.004)
            seen.clear()
        seen.append(trainer.optimisers[0].param_groups[0]["lr"])

    trainer = Trainer(make_task(recipe), recipe, tmp_path, progress=progress)
    trainer.fit()
    assert len(seen) > 3 and set(seen) == {0.004}


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(tmp_path, rate):
    with pytest.raises(PneumoError, match="expected a number above 0"):
        Trainer(make_task(), RECIPE, tmp_path).change_rate(rate)


def test_a_rate_can_be_changed_after_the_last_step_of_a_cosine(tmp_path):
    recipe = recipes.override(RECIPE, ["schedule=cosine"])
    trainer = train(tmp_path, recipe)
    trainer.change_rate(0.01)


def test_enough_ends_after_the_running_epoch_and_keeps_the_best_weights(tmp_path):
    def progress(now):
        if (now.epoch, now.step) == (2, 1):
            trainer.enough = True

    recipe = recipes.override(RECIPE, ["epochs=9", "schedule=constant", "criterion=loss"])
    trainer = Trainer(make_task(recipe), recipe, tmp_path / "part", progress=progress)
    trainer.fit()
    history = trainer.state.history
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert trainer.state.best_epoch == min(history, key=lambda row: row["validation_loss"])["epoch"]
    assert_same(trainer.best, train(tmp_path / "whole", dataclasses.replace(recipe, epochs=2)).best)
