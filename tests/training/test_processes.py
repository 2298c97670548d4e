"""Two processes under `accelerate launch` train like one: the same global batches, the same run."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from pneumo import runs
from pneumo.schema import PneumoError, Recipe
from pneumo.training import Trainer, recipes
from tests.training.test_trainer import make_task

RECIPE = ["simple_cnn", "--data", "phantom:96", "image.size=32", "epochs=2", "batch_size=16", "precision=float32"]
PLAIN = [f"augment.{name}=0" for name in ("rotation_deg", "shift", "shear_deg", "zoom", "flip")]
STEADY = ["storage=float32", "learning_rate=.005", "criterion=loss", "patience=0"]


GAN = [
    "conv_gan",
    "--data",
    "phantom:96",
    "image.size=16",
    "epochs=2",
    "batch_size=16",
    "precision=float32",
    "gan_r1=1",
]


def launch(folder, processes: int, *changes: str, recipe: list[str] = RECIPE) -> subprocess.CompletedProcess:
    several = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", str(processes), "--num_machines", "1"]
    several += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    start = [sys.executable, *(several if processes > 1 else []), "-m", "pneumo", "train"]
    environment = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE")}
    return subprocess.run(
        [*start, *recipe, "--out", str(folder), *changes],
        cwd=runs.REPOSITORY,
        env=environment | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.slow
def test_two_processes_give_the_run_of_one(tmp_path):
    """Without augmentation, dropout and batch norm even the weights agree, but for the order of sums."""
    result = {n: launch(tmp_path / str(n), n, *PLAIN, *STEADY) for n in (1, 2)}
    for done in result.values():
        assert done.returncode == 0, done.stderr[-2000:]
    assert result[2].stdout.count("best epoch") == 1  # one of them speaks
    assert "Traceback" not in result[2].stderr
    one, two = (load_file(tmp_path / str(n) / runs.WEIGHTS_FILE) for n in (1, 2))
    for key in one:
        torch.testing.assert_close(one[key], two[key], atol=2e-4, rtol=2e-3)
    rows = [runs.read_history(tmp_path / str(n)) for n in (1, 2)]
    assert len(rows[0]) == len(rows[1]) == 3
    for mine, other in zip(*rows, strict=True):
        assert mine["validation_loss"] == pytest.approx(other["validation_loss"], abs=1e-3)
    assert not list((tmp_path / "2").glob("*checkpoint*"))


@pytest.mark.slow
def test_two_processes_train_a_gan_to_the_end(tmp_path):
    """Each process passes through the discriminator as often as the other, also where the penalty is computed."""
    done = launch(tmp_path / "gan", 2, recipe=GAN)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(runs.read_history(tmp_path / "gan")) == 3


@pytest.mark.slow
def test_two_processes_agree_within_noise_where_each_draws_its_own(tmp_path):
    """Batch norm, dropout and augmentation differ between the processes; the figures may differ by noise, not by kind."""
    changes = [
        "model=pneumonia_cnn",
        "epochs=4",
        "learning_rate=.002",
        "optimiser=adamw",
        "schedule=constant",
        "ema_decay=.9",
    ]
    changes += ["initial_bias=zero"]
    areas = []
    for n in (1, 2):
        done = launch(tmp_path / str(n), n, *changes)
        assert done.returncode == 0, done.stderr[-2000:]
        areas.append(max(row["validation_auroc"] for row in runs.read_history(tmp_path / str(n))))
    assert areas[0] == pytest.approx(areas[1], abs=0.15)


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 3)
    recipe = recipes.override(Recipe(), ["image.size=16", "batch_size=8"])
    with pytest.raises(PneumoError, match="a batch of 8 cannot be shared by 3 processes"):
        Trainer(make_task(recipe), recipe, tmp_path)
