"""The queue of the training room with real worker processes: everybody's turn comes, whatever happens to the others."""

import os
import signal
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pneumo import runs
from pneumo.lessons import training_queue
from pneumo.lessons.training_queue import LEASE_S, MOST_WAITING, SECONDS, Place, Room, Worker
from pneumo.lessons.training_room import Settings
from pneumo.schema import PneumoError

TINY = Settings(count=100, side=32, epochs=2)
LONG = Settings(count=100, side=32, epochs=60)
WAIT_S = 60


@pytest.fixture(scope="module")
def room():
    """One core, one worker process that has started."""
    room = Room(cores=1)
    room.warm()
    until(lambda: any(worker.ready for worker in room.workers), "the worker starts")
    yield room
    room.close()


def until(happened, what, *places: Place):
    """Waits, looking at the places as their pages would, until something has happened."""
    deadline = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < deadline, f"never: {what}; {[(each.state, each.message) for each in places]}"
        for each in places:
            each.look()
        time.sleep(0.02)


def finished(*places: Place):
    until(lambda: all(each.over for each in places), "all are over", *places)
    return [each.state for each in places]


def test_a_training_leaves_a_run_that_can_be_loaded_and_says_how_it_went(room):
    place = room.enter(TINY)
    assert finished(place) == ["done"] and not place.message
    assert [look["row"]["epoch"] for look in place.looks] == [0, 1, 2], "before the first epoch, and after each"
    for look in place.looks:
        assert sum(look["matrix"]) == place.begin["validation"]
        assert len(look["cases"]) == len(place.begin["cases"]) == 6 and all(0 <= each <= 1 for each in look["cases"])
        assert [len(kernel) for kernel in look["kernels"]] == [9] * 8
    assert [each["label"] for each in place.begin["cases"]] == [0, 0, 0, 1, 1, 1]
    run = runs.load(str(place.folder))
    assert run.card.best_epoch == place.best_epoch and run.card.epochs_run == 2
    kept = next(look for look in place.looks if look["row"]["epoch"] == place.best_epoch)
    lowest = min(look["row"]["validation_loss"] for look in place.looks)
    assert kept["row"]["validation_loss"] == lowest


def test_visitors_see_their_place_and_get_their_turn(room):
    first, second, third = (room.enter(TINY) for _ in range(3))
    assert [each.look() for each in (first, second, third)] == [0, 1, 2]
    assert (first.state, second.state, third.state) == ("training", "waiting", "waiting")
    second.leave()
    assert second.state == "left" and third.look() == 1, "whoever gives up makes room"
    assert finished(first, third) == ["done", "done"]
    assert not room.places


def test_pause_go_another_rate_and_end(room):
    place = room.enter(LONG)
    until(lambda: place.step.get("rate") == pytest.approx(1e-3) and len(place.looks) > 1, "it trains", place)
    place.do("pause")
    assert place.paused
    time.sleep(0.5)  # what was under way comes in
    held = len(place.looks), place.step
    time.sleep(1)
    assert (len(place.looks), place.step) == held, "nothing comes while it is paused"
    place.change_rate(3e-4)
    place.do("go")
    until(lambda: len(place.looks) > held[0], "it goes on", place)
    until(lambda: place.step["rate"] == pytest.approx(3e-4), "at the new rate", place)
    place.change_rate(1e-5)
    until(lambda: place.step["rate"] == pytest.approx(1e-5), "and at the newest", place)
    place.do("end")
    assert finished(place) == ["done"]
    history = [look["row"] for look in place.looks]
    assert len(history) < 60, "it ended early"
    best = min(history, key=lambda row: row["validation_loss"])
    card = runs.load(str(place.folder)).card
    assert card.best_epoch == place.best_epoch == best["epoch"] and card.epochs_run == history[-1]["epoch"]
    place.do("pause")
    assert not place.paused, "nothing is left to pause"


def test_a_divergence_is_said(room):
    place = room.enter(Settings(count=100, side=32, epochs=12, batch=8, optimiser="sgd", rate=3.0, l2=1.0))
    finished(place)
    assert "diverged" in place.message


def test_what_the_worker_refuses_is_said_and_the_worker_lives_on(room):
    worker, unreal = room.workers[0], Settings(data="real", count=100, side=32, epochs=1)
    place = room.enter(unreal)  # the environment names no folder
    assert finished(place) == ["failed"] and "source" in place.message.lower()
    assert room.workers == [worker] and finished(room.enter(replace(TINY, epochs=1))) == ["done"]


def test_a_worker_that_dies_costs_only_the_training_it_was_at(room):
    struck, after = room.enter(LONG), room.enter(TINY)
    until(lambda: struck.looks, "it trains", struck, after)
    os.kill(struck.worker.process.pid, signal.SIGKILL)
    until(lambda: struck.over, "it is noticed", struck, after)
    assert struck.state == "failed"
    assert "was ended" in struck.message and "train again" in struck.message, "what happened, and what to do"
    assert finished(after) == ["done"]
    assert runs.load(str(after.folder)).card.epochs_run == 2


def test_who_does_not_look_has_left(room):
    done = room.enter(replace(TINY, epochs=1))
    finished(done)
    away, there = room.enter(LONG), room.enter(TINY)
    until(lambda: away.looks, "it trains", away, there)
    process, there.looked = away.worker.process, time.monotonic() + LEASE_S  # as if it looked just before
    assert room.tidy(now=time.monotonic() + LEASE_S + 1)
    assert away.state == "left" and not away.folder.exists()
    assert process.poll() is not None, "what trained for it has gone"
    assert room.places == [there] and len(room.workers) == 1, "another one starts for the next"
    assert done.folder.exists()
    room.tidy(now=time.monotonic() + training_queue.KEPT_S + 1)
    assert not done.folder.exists(), "a run is kept to be downloaded, but not for ever"


def test_bad_settings_and_nets_too_large_are_refused_before_anything_is_queued(room):
    before = list(room.places)
    with pytest.raises(PneumoError, match="8,000,000"):
        room.enter(Settings(net="flat", widths=(64,), side=96))
    with pytest.raises(PneumoError, match="epochs is 61"):
        Settings(epochs=61)
    assert room.places == before


class Silent(Worker):
    """Is ready at once, starts nothing and says nothing."""

    def __init__(self):
        self.ready, self.since, self.place, self.heard = True, time.monotonic(), None, []
        dead = threading.Event()
        self.process = SimpleNamespace(stdout=iter(()), wait=dead.wait, kill=dead.set)

    def say(self, what):
        self.heard.append(what)
        return True


def test_the_queue_has_an_end(monkeypatch):
    monkeypatch.setattr(training_queue, "Worker", Silent)
    room = Room(cores=1)
    for _ in range(1 + MOST_WAITING):
        room.enter(TINY)
    with pytest.raises(PneumoError, match="41 trainings run or wait already; try again"):
        room.enter(TINY)
    room.places[0].leave()
    assert room.enter(TINY).look() == MOST_WAITING
    room.close()


def test_a_training_that_takes_too_long_is_ended_and_the_next_one_begins(monkeypatch):
    monkeypatch.setattr(training_queue, "Worker", Silent)
    room = Room(cores=1)
    slow, following = room.enter(TINY), room.enter(TINY)
    assert (slow.state, following.state) == ("training", "waiting")
    slow.began -= SECONDS + training_queue.OVERTIME_S + LEASE_S + 1
    room.tidy()
    assert slow.state == "failed" and "too long" in slow.message
    assert following.state == "training" and following.worker.heard[0]["train"]["count"] == 100
    room.close()


def test_an_idle_worker_is_let_go_and_nothing_is_left_to_look_after():
    room = Room(cores=1)
    room.warm()
    worker = room.workers[0]
    assert room.tidy() and room.workers == [worker]
    assert not room.tidy(now=time.monotonic() + training_queue.IDLE_S + 1) and not room.workers
    assert worker.process.poll() is not None, "the process has gone too"
    room.close()
    assert not room.home.exists()


@pytest.mark.slow
def test_ten_visitors_on_two_cores_all_finish():
    room = Room(cores=2)
    places = [room.enter(Settings(count=100, side=32, epochs=3, seed=n)) for n in range(10)]
    most = 0

    def counted():
        nonlocal most
        most = max(most, sum(each.state == "training" for each in places))
        assert len(room.workers) <= 2
        return all(each.over for each in places)

    until(counted, "all are over", *places)
    assert [each.state for each in places] == ["done"] * 10 and most == 2
    assert len({runs.load(str(each.folder)).card.seed for each in places}) == 10
    room.close()
