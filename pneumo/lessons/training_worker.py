"""The process that trains for the training room: one training after the other, until stdin ends.

It reads lines of JSON, {"train": settings, "folder": name} and, while it trains, {"do": "pause" | "go" | "end" | "leave"} or {"rate": number}.
It answers with lines of JSON: ready, begin, step, epoch, then done, left or error. Whatever happens to it, the app lives on.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

STEP_EVERY_S = 0.2
MEMORY_BYTES = 3_000_000_000  # of addresses, beyond what torch takes; a training of the room needs a tenth


class Asked:
    """What was asked for while a training runs."""

    def __init__(self, lines: queue.Queue[dict[str, Any] | None], seconds: float) -> None:
        self.lines, self.stop = lines, threading.Event()
        self.paused, self.trainer = False, None
        self.until = time.monotonic() + seconds

    def obey(self) -> None:
        """Called between two steps: takes what has come, and waits while it is paused. Out of time it goes on to the end of the epoch."""
        while True:
            if time.monotonic() > self.until:
                self.paused = False
                self.enough()
            try:
                said = self.lines.get(timeout=0.05) if self.paused else self.lines.get_nowait()
            except queue.Empty:
                if self.paused:
                    continue
                return
            if said is None:
                os._exit(0)  # the app is gone
            what = said.get("do")
            if what == "leave":
                self.stop.set()
                return
            if what == "end":
                self.enough()
            if "rate" in said and self.trainer is not None:
                self.trainer.change_rate(float(said["rate"]))
            if what in ("pause", "go", "end"):
                self.paused = what == "pause"

    def enough(self) -> None:
        """The training ends after its epoch, and is kept."""
        if self.trainer is not None:
            self.trainer.enough = True


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # a library that prints would break the answers
    lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()

    import torch

    from pneumo.lessons import training_room, watched  # noqa: F401  the slow imports, before anything is asked
    from pneumo.training import session  # noqa: F401

    torch.set_num_threads(1)
    _limit_memory()

    def tell(**what: Any) -> None:
        answers.write(json.dumps(what, allow_nan=False) + "\n")

    training_room.dataset(training_room.Settings().source, training_room.Settings().count)  # what most will ask for
    tell(kind="ready")
    while (said := lines.get()) is not None:
        if "train" in said:
            _train(said, lines, tell)


def _listen(lines: queue.Queue[dict[str, Any] | None]) -> None:
    for line in sys.stdin:
        lines.put(json.loads(line))
    lines.put(None)


def _train(said: dict[str, Any], lines: queue.Queue[dict[str, Any] | None], tell: Any) -> None:
    from pneumo.lessons import training_room, watched
    from pneumo.schema import PneumoError
    from pneumo.training import session
    from pneumo.training.trainer import Interrupted, Progress, Trainer

    asked, last = Asked(lines, training_room.SECONDS), 0.0
    watch = watched.Watch(told=lambda look: tell(kind="epoch", **asdict(look)))

    def began(trainer: Trainer) -> None:
        asked.trainer = trainer
        splits = trainer.task.splits
        tell(
            kind="begin",
            cases=watched.cases(trainer.task),
            train=len(splits["train"]),
            validation=len(splits["validation"]),
            steps=len(trainer.batches),
        )

    def progress(now: Progress) -> None:
        nonlocal last
        asked.obey()
        if time.monotonic() - last > STEP_EVERY_S:
            last = time.monotonic()
            rate = asked.trainer.optimisers[0].param_groups[0]["lr"] if asked.trainer else 0.0
            tell(
                kind="step",
                epoch=now.epoch,
                step=now.step,
                steps=now.steps,
                images_per_s=round(now.images_per_s),
                rate=rate,
            )

    folder = Path(said["folder"])
    try:
        settings = training_room.from_json(said["train"])
        outcome = session.train(
            settings.recipe,
            folder,
            progress=progress,
            stop=asked.stop,
            dataset=training_room.dataset(settings.source, settings.count),
            task=watched.task(watch),
            began=began,
            checkpoint_every_s=1e9,
        )
        tell(kind="done", best_epoch=outcome.card.best_epoch, epochs=outcome.card.epochs_run, diverged=outcome.diverged)
    except Interrupted:
        tell(kind="left")
    except PneumoError as error:
        tell(kind="error", message=str(error))
    except MemoryError:
        tell(kind="error", message="there was not enough memory; choose a smaller net, or smaller images")
    except RuntimeError as error:  # torch says it so
        short = str(error).splitlines()[0][:200]
        tell(kind="error", message=f"the training could not go on: {short}")


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; there the bounds of the settings have to do
        return
    pages = Path("/proc/self/statm")
    if pages.exists():
        used = int(pages.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES,) * 2)


if __name__ == "__main__":
    main()
