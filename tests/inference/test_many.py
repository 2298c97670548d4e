"""Many files: every result in its place, whatever the threads do, and never more of them in memory than a few batches."""

import threading
import time
import weakref

import numpy as np
import pytest
import torch

from pneumo.images import radiograph
from pneumo.inference import diagnosis, many
from pneumo.inference.examples import Example
from pneumo.inference.many import File, diagnose_many
from pneumo.schema import PneumoError


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def files(examples: list[Example], count: int) -> list[File]:
    """Examples in turns, every third one broken and every seventh one missing."""

    def missing() -> bytes:
        raise PneumoError("gone")

    def data(n: int):
        blob = b"no image" if n % 3 == 2 else examples[n % len(examples)].data
        return missing if n % 7 == 6 else lambda: blob

    return [File(f"{n}.png", data(n)) for n in range(count)]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 9, 40])
def test_many_are_each_like_one(small_run, examples, count, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        results = list(diagnose_many(small_run, files(examples, count)))
        assert torch.get_num_threads() == threads, "of the thread that asked"
    finally:
        torch.set_num_threads(before)
    assert [each.name for each in results] == [f"{n}.png" for n in range(count)]
    for n, result in enumerate(results):
        if n % 7 == 6:
            assert result.error == "gone"
        elif n % 3 == 2:
            assert "got something else" in result.error and result.probability is None
        else:
            alone = diagnosis.diagnose(small_run, examples[n % len(examples)].data, "x")
            assert result.probability == pytest.approx(alone.probability, abs=1e-6)
            np.testing.assert_array_equal(result.seen, alone.seen)
            np.testing.assert_array_equal(result.radiograph.pixels, alone.radiograph.pixels)


def test_threads_that_come_later_have_as_many_cores_as_before(small_run, examples, two_threads):
    list(diagnose_many(small_run, files(examples, 8)))
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [2]


def test_results_come_while_later_files_are_unread(small_run, examples, two_threads):
    """Bounded: who does not take results stops the reading."""
    read = []

    def data(n: int) -> bytes:
        read.append(n)
        return examples[0].data

    count = 200
    results = diagnose_many(small_run, [File(str(n), lambda n=n: data(n)) for n in range(count)], batch=4)
    assert next(results).name == "0"
    time.sleep(0.5)
    assert len(read) <= 4 * 4, "three batches under way, and one that was taken"
    assert sum(1 for _ in results) == count - 1
    assert sorted(read) == list(range(count)), "each once"


def test_results_that_were_taken_are_let_go(small_run, examples, two_threads):
    alive: list[weakref.ref] = []
    most = 0
    for result in diagnose_many(small_run, [File(str(n), lambda: examples[0].data) for n in range(120)], batch=4):
        alive = [each for each in alive if each() is not None] + [weakref.ref(result.radiograph)]
        most = max(most, len(alive))
    assert most <= 8


def test_who_goes_away_early_leaves_no_thread_behind(small_run, examples, two_threads):
    before = threading.active_count()
    results = diagnose_many(small_run, files(examples, 60), batch=2)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_without_pixels_the_warnings_stay(small_run, two_threads):
    blob = radiograph.encode_png(np.zeros((90, 300), np.uint8))
    [result] = diagnose_many(small_run, [File("x.png", lambda: blob)], pixels=False)
    assert result.radiograph.pixels.size == 0 and result.seen.shape == (32, 32)
    assert {each.code for each in result.warnings} == {"uniform", "small", "aspect"}


def test_large_images_are_computed_before_the_batch_is_full(small_run, examples, monkeypatch):
    passes = []
    ask = diagnosis.diagnose_radiographs
    monkeypatch.setattr(
        diagnosis,
        "diagnose_radiographs",
        lambda run, images, *more: passes.append(len(images)) or ask(run, images, *more),
    )
    size = radiograph.read(examples[0].data).pixels.size
    monkeypatch.setattr(many, "BATCH_PIXELS", 3 * size - 1)
    blobs = [examples[0].data] * 8
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        results = list(diagnose_many(small_run, [File(str(n), lambda blob=blob: blob) for n, blob in enumerate(blobs)]))
    finally:
        torch.set_num_threads(before)
    assert [each for each in passes if each] == [3, 1, 3, 1]
    assert len(results) == 8 and np.ptp([each.probability for each in results]) < 1e-6


def test_synthetic_files_say_so(small_run, examples):
    [result] = diagnose_many(small_run, [File("x.png", lambda: examples[0].data, synthetic=True, generated=True)])
    assert [each.code for each in result.warnings] == ["generated"]
