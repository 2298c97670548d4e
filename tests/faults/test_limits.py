"""A full disk, too little memory, a clock that goes back: a sentence, and nothing half done."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pneumo import cli, data, files, runs
from pneumo.images import radiograph
from pneumo.schema import ImageSpec, PneumoError
from pneumo.training import checkpoint
from tests.faults.test_kills import TRAIN

LINUX = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits as Linux knows them")


def run(tmp_path: Path, limit: str, *words: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PNEUMO_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.limits", limit, *words], cwd=runs.REPOSITORY, env=environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


# --- the disk ---------------------------------------------------------------------------------------------


@LINUX
@pytest.mark.slow
def test_a_disk_that_fills_up_in_training_is_a_sentence_and_the_cache_is_no_condition(tmp_path):
    """Files of 4 kB at most: the cache does not fit and costs only itself, the first checkpoint does not fit and ends it."""
    done = run(tmp_path, "file:4096", *TRAIN, "--out", str(tmp_path / "run"))
    assert done.returncode == cli.USAGE
    assert "Traceback" not in done.stderr
    assert "checkpoint.safetensors' cannot be written: File too large; free the place" in done.stderr
    assert not (tmp_path / "run" / runs.CARD_FILE).exists()
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == [], "no half-written file stays"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 300 kB, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root mounts a disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@LINUX
@pytest.mark.slow
def test_a_real_disk_that_is_full_is_a_sentence(tmp_path, small_disk):
    environment = os.environ | {"PNEUMO_CACHE": str(small_disk / "cache"), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "pneumo", *TRAIN, "image_size=128", "--out", str(small_disk / "run")]
    done = subprocess.run(
        words, cwd=runs.REPOSITORY, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == cli.USAGE
    assert "the image cache could not be written to" in done.stderr
    assert "checkpoint.safetensors' cannot be written: No space left on device; free the place" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []


def test_a_disk_that_is_full_when_the_run_is_saved_leaves_the_checkpoint(tmp_path, monkeypatch, capsys):
    """The training is not lost: with room again, --resume ends it without another step."""
    write_with = files.write_with

    def no_room(path, content):
        if path.name == runs.WEIGHTS_FILE:
            full()
        write_with(path, content)

    words = [*TRAIN, "--out", str(tmp_path / "run")]
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_with", no_room)
        assert cli.main(words) == cli.USAGE
    assert "No space left on device; free the place" in capsys.readouterr().err
    assert checkpoint.exists(tmp_path / "run")
    assert not (tmp_path / "run" / runs.CARD_FILE).exists()
    assert cli.main([*words, "--resume"]) == cli.FINE
    assert "step" not in capsys.readouterr().out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("words", [["data", "phantom:8"], ["data", "phantom:8", "--json"]])
def test_standard_output_on_a_full_disk_is_a_sentence(tmp_path, words):
    with Path("/dev/full").open("w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "pneumo", *words], cwd=runs.REPOSITORY, stdout=out, stderr=subprocess.PIPE, text=True,
            timeout=120, check=False, env=os.environ | {"PNEUMO_CACHE": str(tmp_path)},
        )  # fmt: skip
    assert done.returncode == cli.SOME_FAILED
    assert (
        done.stderr.strip().splitlines()[-1]
        == "pneumo data: No space left on device; free the place, or choose another one"
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


# --- memory -----------------------------------------------------------------------------------------------


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        ["image_size=1024", "batch_size=32"],
        ["model=vgg_cnn", "image_size=512", "batch_size=32"],
        ["data.source=phantom:20000"],
    ],
)
def test_too_little_memory_is_a_sentence(tmp_path, changes):
    done = run(tmp_path, f"memory:{300 * 2**20}", *TRAIN, *changes, "--out", str(tmp_path / "run"))
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    assert done.returncode == cli.SOME_FAILED
    assert "there is not enough memory; choose a smaller batch_size, image_size or model" in done.stderr


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(), np._core._exceptions._ArrayMemoryError((10**9, 10**9), np.dtype("f8")),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"), RuntimeError("can't start new thread"),
    ],
    ids=["Python", "NumPy", "torch", "CUDA", "threads"],
)  # fmt: skip
def test_every_way_of_saying_it_is_a_sentence(monkeypatch, capsys, error):
    def fail(options):
        raise error

    monkeypatch.setattr(cli.COMMANDS["runs"], "run", fail)
    assert cli.main(["runs"]) == cli.SOME_FAILED
    assert "there is not enough memory" in capsys.readouterr().err


# --- the clock --------------------------------------------------------------------------------------------


def test_a_clock_that_goes_back_gives_no_negative_times_and_no_other_run(tmp_path, monkeypatch, small_run_folder):
    now = [2e9]

    def backwards() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", backwards)
    words = [*TRAIN, "--out", str(tmp_path / "run")]
    assert cli.main(words) == cli.FINE
    monkeypatch.undo()
    assert cli.main([*words[:-1], str(tmp_path / "again")]) == cli.FINE
    assert runs.read_card(tmp_path / "run").minutes >= 0
    weights = [(tmp_path / name / runs.WEIGHTS_FILE).read_bytes() for name in ("run", "again")]
    assert weights[0] == weights[1]


def test_a_file_changed_by_a_clock_of_yesterday_is_never_taken_for_the_old_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "set" / "NORMAL" / "a.png"
    path.parent.mkdir(parents=True)
    found = []
    for level, day in ((40, 2_000_000_000), (200, 1_000_000_000), (90, 1_000_000_000)):
        path.write_bytes(radiograph.encode_png(np.full((20, 20), level, np.uint8)))
        os.utime(path, (day, day))
        found.append(int(data.resized(data.open_source(str(tmp_path / "set")), ImageSpec(size=16)).array[0, 0, 0]))
    assert found == [40, 200, 90]


def test_remains_of_kills_are_removed_by_the_files_own_times(tmp_path):
    """A clock that goes back makes remains look younger than they are: then they stay, and nobody's file is lost."""
    (tmp_path / "x").write_text("whole")
    for name, age_s in ((".x.old", 7200), (".x.young", 60), (".x.future", -86400), (".y.old", 7200)):
        (tmp_path / name).write_text("half")
        stamp = (tmp_path / "x").stat().st_mtime - age_s
        os.utime(tmp_path / name, (stamp, stamp))
    files.remove_leftovers(tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x.future", ".x.young", ".y.old", "x"]
    files.remove_leftovers(tmp_path / "none")


# --- two at once ------------------------------------------------------------------------------------------


def test_a_folder_is_held_by_one_writer_and_free_afterwards(tmp_path):
    with files.only_writer(tmp_path / "run"):
        with pytest.raises(PneumoError, match="another process is writing to"), files.only_writer(tmp_path / "run"):
            pytest.fail("two writers")
        (tmp_path / "run" / "card.json").write_text("")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["card.json"]
    with files.only_writer(tmp_path / "run"):
        pass
    with files.only_writer(tmp_path / "other"):
        pass
    assert not (tmp_path / "other").exists(), "a folder that nothing was written to is not left behind"


def test_a_drive_without_locks_is_written_to_anyway(tmp_path, monkeypatch):
    import filelock

    monkeypatch.setattr(filelock.FileLock, "acquire", lambda *a, **k: full())
    with files.only_writer(tmp_path / "run"):
        (tmp_path / "run" / "x").write_text("")
    assert (tmp_path / "run" / "x").exists()
