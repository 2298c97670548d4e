"""The engine: the run's own numbers, by several threads at once, whatever explanations do meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from pneumo import runs
from pneumo.runs import engine, forward


@pytest.fixture(scope="module")
def squares(small_run):
    side = small_run.card.image.size
    array = np.random.default_rng(3).integers(0, 256, (24, side, side), dtype=np.uint8)
    array.setflags(write=False)
    return array


def test_logits_are_those_of_the_run(small_run, squares):
    logits = engine.of(small_run).logits(squares)
    assert (logits.shape, logits.dtype) == ((24,), np.float64)
    np.testing.assert_allclose(logits, forward.logits(small_run, squares), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", runs.available("classification"))
def test_every_shipped_classifier_has_an_engine_with_the_same_logits(name):
    run = runs.load(name)
    side = run.card.image.size
    squares = np.random.default_rng(1).integers(0, 256, (3, side, side), dtype=np.uint8)
    np.testing.assert_allclose(engine.of(run).logits(squares), forward.logits(run, squares), rtol=1e-5, atol=1e-4)


def test_threads_do_not_meet(small_run, squares):
    """Each thread wants other images, while somebody holds the run's lock and hooks into its model."""
    made = engine.of(small_run)
    alone = [made.logits(squares[n : n + 1]) for n in range(24)]
    spoiled = small_run.model.get_submodule("blocks.0").register_forward_hook(lambda *given: torch.zeros_like(given[2]))
    try:
        with small_run.lock, ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(made.logits, squares[n % 24 : n % 24 + 1]) for n in range(96)]
            together = [each.result(timeout=30) for each in asked]
    finally:
        spoiled.remove()
    for n, logits in enumerate(together):
        np.testing.assert_allclose(logits, alone[n % 24], rtol=0, atol=1e-6)


def test_there_is_one_engine_a_run_and_it_leaves_the_run_alone(small_run):
    assert engine.of(small_run) is engine.of(small_run)
    assert engine.of(small_run).model is not small_run.model
    assert any(each.requires_grad for each in small_run.model.parameters()), "explanations need gradients"
    assert not any(each.requires_grad for each in engine.of(small_run).model.parameters())


def test_an_engine_waits_for_an_explanation_before_it_copies(small_run):
    done = threading.Event()

    def make() -> None:
        engine.Engine(small_run)
        done.set()

    with small_run.lock:
        thread = threading.Thread(target=make)
        thread.start()
        assert not done.wait(0.2)
    assert done.wait(10)
    thread.join()
