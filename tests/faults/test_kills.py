"""kill -9 at moments that are known, not guessed: what is there afterwards is whole, and the same command ends in the same run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pneumo import data, runs
from pneumo.schema import ImageSpec
from pneumo.training.checkpoint import FILE as CHECKPOINT_FILE

TRAIN = [
    "train", "simple_cnn", "data.source=phantom:60", "image_size=16", "batch_size=16", "epochs=2", "precision=float32",
]  # fmt: skip


def start(tmp_path: Path, moment: str | None, *words: str, **variables: str) -> subprocess.Popen:
    program = ["-m", "pneumo"] if moment is None else ["-m", "tests.faults.stop_at", moment]
    environment = os.environ | {"PNEUMO_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"} | variables
    return subprocess.Popen(
        [sys.executable, *program, *words], cwd=runs.REPOSITORY, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(process: subprocess.Popen, code: int) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, out + err
    assert "Traceback" not in err
    return out + err


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The run of a training that nothing disturbs."""
    place = tmp_path_factory.mktemp("whole")
    ended(start(place, None, *TRAIN, "--out", str(place / "run")), 0)
    return place / "run"


def same_run(one: Path, other: Path) -> None:
    """Equal weights and predictions, byte for byte, and equal metrics; nothing else in the folder."""
    for name in (runs.WEIGHTS_FILE, runs.PREDICTIONS_FILE, runs.HISTORY_FILE):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    cards = [json.loads((place / runs.CARD_FILE).read_text()) for place in (one, other)]
    for card in cards:
        for key in ("name", "minutes"):
            card.pop(key)
    assert cards[0] == cards[1]
    assert sorted(path.name for path in one.iterdir()) == sorted(path.name for path in other.iterdir())


MOMENTS = [
    "decoded:7",  # mid-caching: some images decoded
    "aside:resized-*",  # the array is written, not named
    "after:resized-*",  # the array has its name, its description is missing
    "before:checkpoint.safetensors",  # before the first checkpoint
    "step:1:2",  # mid-training
    "aside:checkpoint.safetensors:2",  # mid-saving: between temporary file and rename
    "after:checkpoint.safetensors:3",  # the last epoch is done, nothing saved
    "aside:model.safetensors",
    "after:model.safetensors",  # between weights and card
    "aside:card.json",
]


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_known_moment_and_started_again_gives_the_same_run(tmp_path, whole, moment):
    out = tmp_path / "run"
    ended(start(tmp_path, moment, *TRAIN, "--out", str(out)), -signal.SIGKILL)
    assert not (out / runs.CARD_FILE).exists(), "a run with a card counts as complete"
    ended(start(tmp_path, None, *TRAIN, "--out", str(out), "--resume"), 0)
    same_run(out, whole)
    left = [path.name for path in (tmp_path / "cache").iterdir() if path.name[0] == "."]
    assert left == ([] if "resized" not in moment or "after" in moment else left)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["aside:resized-*", "after:resized-*"])
def test_a_cache_that_a_kill_left_is_made_anew_and_its_remains_go(tmp_path, moment, monkeypatch):
    ended(start(tmp_path, moment, *TRAIN, "--out", str(tmp_path / "run")), -signal.SIGKILL)
    cache = tmp_path / "cache"
    assert not list(cache.glob("*.json")), "half a cache is never taken for a whole one"
    for path in cache.iterdir():  # as if the kill was a day ago
        os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns - 86_400_000_000_000))
    monkeypatch.setenv("PNEUMO_CACHE", str(cache))
    dataset = data.open_source("phantom:60")
    images = data.resized(dataset, ImageSpec(size=16))
    assert isinstance(images.array, np.memmap)
    assert sorted(path.suffix for path in cache.iterdir()) == [".json", ".npy"]


@pytest.mark.slow
def test_a_second_training_into_the_same_folder_is_refused_while_the_first_one_works(tmp_path, whole):
    out, ready, go = (tmp_path / name for name in ("run", "ready", "go"))
    first = start(tmp_path, "step:1:1", *TRAIN, "--out", str(out), PNEUMO_READY=str(ready), PNEUMO_GO=str(go))
    deadline = time.monotonic() + 120
    while not ready.exists() and time.monotonic() < deadline and first.poll() is None:
        time.sleep(0.05)
    for words in (["seed=7"], ["--resume"]):
        said = ended(start(tmp_path, None, *TRAIN, "--out", str(out), *words), 2)
        assert "another process is writing to" in said
    go.touch()
    ended(first, 0)
    same_run(out, whole)


@pytest.mark.slow
def test_the_lock_of_a_killed_training_holds_nobody_up(tmp_path, whole):
    """The system lets go of it; no file has to be deleted by hand."""
    out, ready = tmp_path / "run", tmp_path / "ready"
    first = start(
        tmp_path, "step:1:1", *TRAIN, "--out", str(out), PNEUMO_READY=str(ready), PNEUMO_GO=str(tmp_path / "go")
    )
    deadline = time.monotonic() + 120
    while not ready.exists() and time.monotonic() < deadline and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert (out / CHECKPOINT_FILE).exists()
    ended(start(tmp_path, None, *TRAIN, "--out", str(out), "--resume"), 0)
    same_run(out, whole)


@pytest.mark.slow
def test_two_processes_that_fill_the_same_cache_leave_a_whole_one(tmp_path, monkeypatch):
    """Both have decoded everything before either has written: the last writer wins, and both wrote the same bytes."""
    ready, go = tmp_path / "ready", tmp_path / "go"
    outs = [tmp_path / "one", tmp_path / "two"]
    pair = [
        start(
            tmp_path,
            "before:resized-*",
            *TRAIN,
            "--out",
            str(out),
            PNEUMO_READY=f"{ready}-{out.name}",
            PNEUMO_GO=str(go),
        )
        for out in outs
    ]
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("ready-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    go.touch()
    for process in pair:
        ended(process, 0)
    monkeypatch.setenv("PNEUMO_CACHE", str(tmp_path / "cache"))
    fresh = data.open_source("phantom:60")
    images = data.resized(fresh, ImageSpec(size=16))
    assert isinstance(images.array, np.memmap)
    assert (outs[0] / runs.WEIGHTS_FILE).read_bytes() == (outs[1] / runs.WEIGHTS_FILE).read_bytes()
