"""Who trains in the training room, and who waits: one training for each core, each in a worker process, the others in a queue.

    place = room().enter(settings)       a place; its training begins as soon as a core is free
    place.look()                         how it stands; whoever does not look for LEASE_S seconds has left, and frees the core
    place.do("pause"); place.leave()

A worker that dies costs the training it was at, which says so; the next one gets a new worker.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess  # nosec B404: one program of our own, without a shell
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pneumo.lessons.training_room import SECONDS, Settings, as_json

log = logging.getLogger(__name__)
LEASE_S = 20.0  # a page looks twice a second; a telephone that sleeps for a moment keeps its place
IDLE_S = 300.0  # after which an idle worker is let go: it holds 0.8 GB, and 1.1 GB once it has trained
START_S = 120.0  # a worker that is not ready by then never will be
OVERTIME_S = 60.0  # beyond SECONDS, for calibration and saving; then the process is ended
MOST_WAITING = 40
KEPT_S = 1800.0  # a finished run can be downloaded for so long
MOST_STILLBORN = 2
NO_WORKER = "The process that trains cannot be started on this server; its log says why. Try again later, or train on your own machine: python -m pneumo train simple_cnn."
RANK = {"waiting": 0, "training": 1, "done": 2, "failed": 2, "left": 2}


@dataclass(eq=False)
class Place:
    """One training of one visitor. state: waiting, training, done, failed or left; message: why it failed, or how it diverged.

    begin: what the worker said first (followed images, counts); rates: those it was changed to. looks: one for each epoch, `watched.Look` as plain values;
    step: the last thing said within an epoch. folder: where the run lies once it is done.
    """

    settings: Settings
    folder: Path
    state: str = "waiting"
    message: str = ""
    begin: dict[str, Any] = field(default_factory=dict)
    looks: list[dict[str, Any]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    step: dict[str, Any] = field(default_factory=dict)
    best_epoch: int = 0
    paused: bool = False
    looked: float = field(default_factory=time.monotonic)
    began: float = 0.0
    worker: Worker | None = None
    room: Room | None = None

    @property
    def over(self) -> bool:
        return RANK[self.state] == 2

    def look(self) -> int:
        """Keeps the place. Returns how many are before it, 0 where its turn has come."""
        self.looked = time.monotonic()
        return self.room.before(self) if self.room else 0

    def do(self, what: str) -> None:
        """pause, go, or end (after the running epoch; what it has is kept)."""
        if self.worker and self.state == "training":
            self.paused = what == "pause"
            self.worker.say({"do": what})

    def change_rate(self, rate: float) -> None:
        """Holds from the next step to the end."""
        if self.worker and self.state == "training":
            self.rates.append(rate)
            self.worker.say({"rate": rate})

    def leave(self) -> None:
        if self.room:
            self.room.leave(self)


class Worker:
    """A process that trains. Lines to it and from it, and nothing else."""

    def __init__(self) -> None:
        self.ready, self.since, self.place = False, time.monotonic(), None
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(  # nosec B603: the words are our own
            [sys.executable, "-m", "pneumo.lessons.training_worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1, env=environment,
        )  # fmt: skip

    def say(self, what: dict[str, Any]) -> bool:
        try:
            self.process.stdin.write(json.dumps(what) + "\n")
            self.process.stdin.flush()
            return True
        except (OSError, ValueError):
            return False

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


class Room:
    """All places and all workers of this app."""

    def __init__(self, cores: int | None = None) -> None:
        self.cores = cores or max(1, os.cpu_count() or 1)
        self.lock = threading.RLock()
        self.places: list[Place] = []  # waiting and training, in the order they came
        self.finished: list[tuple[float, Place]] = []
        self.workers: list[Worker] = []
        self.home = Path(tempfile.mkdtemp(prefix="pneumo-room-"))
        self.keeper: threading.Thread | None = None
        self.stillborn = 0  # workers in a row that ended before they were ready

    # --- for visitors -------------------------------------------------------------------------------------------

    def enter(self, settings: Settings) -> Place:
        """A place at the end of the queue. PneumoError where the net is too large, or where too many wait."""
        from pneumo.schema import PneumoError

        _ = settings.parameters
        with self.lock:
            if len(self.places) >= self.cores + MOST_WAITING:
                raise PneumoError(f"{len(self.places)} trainings run or wait already; try again in a few minutes")
            folder = Path(tempfile.mkdtemp(dir=self.home)) / settings.recipe.name
            place = Place(settings, folder, room=self)
            self.places.append(place)
            self._keep()
        self.advance()
        return place

    def warm(self) -> None:
        """Starts a worker, so that it is ready when somebody wants to train."""
        with self.lock:
            if not self.workers:
                self._hire()
            self._keep()

    @property
    def starting(self) -> bool:
        """Whether a worker is being started, which takes some seconds."""
        return any(not worker.ready for worker in self.workers)

    def before(self, place: Place) -> int:
        with self.lock:
            waiting = [each for each in self.places if each.state == "waiting"]
            return waiting.index(place) + 1 if place in waiting else 0

    def leave(self, place: Place) -> None:
        with self.lock:
            if place.over:
                return
            training, worker = place.state == "training", place.worker
            self._finish(place, "left", "")
            if training and worker:
                place.worker = None
                worker.place = None
                worker.end()  # at once: between two steps a worker would obey, but a paused tab may never come back
                self._dismiss(worker)
        self.advance()

    # --- behind the scenes --------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Whoever is next begins, where a worker is free."""
        with self.lock:
            waiting = [place for place in self.places if place.state == "waiting"]
            free = [worker for worker in self.workers if worker.place is None]
            for place in waiting:
                if not free:
                    if len(self.workers) >= self.cores:
                        return
                    free = [self._hire()]
                worker = next((each for each in free if each.ready), None)
                if worker is None:
                    return  # one is being started; it asks again when it is ready
                free.remove(worker)
                place.state, place.worker, place.began = "training", worker, time.monotonic()
                worker.place = place
                worker.say({"train": as_json(place.settings), "folder": str(place.folder)})

    def _hire(self) -> Worker:
        worker = Worker()
        self.workers.append(worker)
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()
        return worker

    def _dismiss(self, worker: Worker) -> None:
        if worker in self.workers:
            self.workers.remove(worker)

    def _listen(self, worker: Worker) -> None:
        for line in worker.process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            self._heard(worker, said)
        worker.process.wait()
        with self.lock:
            place = worker.place
            self._dismiss(worker)
            if not worker.ready:
                self.stillborn += 1
                log.warning(
                    "a process of the training room ended before it was ready (exit %s)", worker.process.returncode
                )
            if (
                self.stillborn >= MOST_STILLBORN
            ):  # the next one would end the same way: who waits is told, who comes later may try again
                self.stillborn = 0
                for each in [each for each in self.places if each.state == "waiting"]:
                    self._finish(each, "failed", NO_WORKER)
            if place is not None and not place.over:
                self._finish(
                    place,
                    "failed",
                    "The process that trained was ended: it may have run out of memory. Its core is free again. Choose a smaller net or fewer images, or train again.",
                )
        self.advance()

    def _heard(self, worker: Worker, said: dict[str, Any]) -> None:
        kind = said.pop("kind", "")
        with self.lock:
            place, worker.since = worker.place, time.monotonic()
            if kind == "ready":
                worker.ready, self.stillborn = True, 0
            elif place is not None:
                if kind == "begin":
                    place.begin = said
                elif kind == "step":
                    place.step = said
                elif kind == "epoch":
                    place.looks.append(said)
                elif kind == "done":
                    place.best_epoch = said["best_epoch"]
                    self._free(worker, "done", said.get("diverged", ""))
                elif kind in ("error", "left"):
                    self._free(worker, "failed" if kind == "error" else "left", said.get("message", ""))
        if kind in ("ready", "done", "error", "left"):
            self.advance()

    def _free(self, worker: Worker, state: str, message: str) -> None:
        place, worker.place = worker.place, None
        self._finish(place, state, message)

    def _finish(self, place: Place, state: str, message: str) -> None:
        place.state, place.message, place.paused = state, message, False
        if place in self.places:
            self.places.remove(place)
        self.finished.append((time.monotonic(), place))

    def _keep(self) -> None:
        """A thread that looks after the places, as long as there is anything to look after."""
        if self.keeper is None or not self.keeper.is_alive():
            self.keeper = threading.Thread(target=self._look_after, daemon=True)
            self.keeper.start()

    def _look_after(self) -> None:
        while self.tidy():
            time.sleep(1)

    def tidy(self, now: float | None = None) -> bool:
        """Frees the places of those who left, ends what takes too long, lets idle workers go. Returns whether anything is left to look after."""
        now = time.monotonic() if now is None else now
        for place in list(self.places):
            if now - place.looked > LEASE_S:
                self.leave(place)
            elif place.state == "training" and now - place.began > SECONDS + OVERTIME_S + LEASE_S:
                self._end(place.worker, "The training took too long and was ended.")
        with self.lock:
            for worker in list(self.workers):
                idle = worker.place is None and now - worker.since
                if idle and idle > (IDLE_S if worker.ready else START_S):
                    self._dismiss(worker)
                    worker.end()
            for at, place in list(self.finished):
                if now - at > KEPT_S or place.state != "done":
                    shutil.rmtree(place.folder.parent, ignore_errors=True)
                if now - at > KEPT_S:
                    self.finished.remove((at, place))
            return bool(self.places or self.workers or self.finished)

    def _end(self, worker: Worker | None, why: str) -> None:
        if worker is None:
            return
        with self.lock:
            place, worker.place = worker.place, None
            if place is not None and not place.over:
                self._finish(place, "failed", why)
            self._dismiss(worker)
        worker.end()
        self.advance()

    def close(self) -> None:
        """Ends everything; for tests, and for the end of the app."""
        with self.lock:
            for worker in list(self.workers):
                worker.place = None
                self._dismiss(worker)
                worker.end()
            self.places.clear()
        shutil.rmtree(self.home, ignore_errors=True)


@cache
def room() -> Room:
    """The one of this app."""
    import atexit

    result = Room()
    atexit.register(result.close)
    return result
