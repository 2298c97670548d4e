"""Runs `python -m pneumo ...` in this process and ends it, as kill -9 does, at one known moment.

    python -m tests.faults.stop_at MOMENT COMMAND ...

A MOMENT is one of
    decoded:N           N images are decoded for the cache
    step:EPOCH:STEP     that step of that epoch is done
    aside:NAME          a file called NAME (or beginning so) is written and flushed under its temporary name, not renamed yet
    before:NAME         the same file is about to be begun
    after:NAME          it has its name

`aside:NAME:K` means the K-th time. Where PNEUMO_READY names a file, the process writes it at the moment and waits to be
killed from outside, or for PNEUMO_GO to appear; else it kills itself.
"""

import os
import signal
import sys
import time
from pathlib import Path

from pneumo import cli, files
from pneumo.cli import printing


def stop() -> None:
    ready = os.environ.get("PNEUMO_READY")
    if not ready:
        os.kill(os.getpid(), signal.SIGKILL)
    Path(ready).touch()
    while not Path(os.environ["PNEUMO_GO"]).exists():
        time.sleep(0.01)


def arm(moment: str) -> None:
    kind, *words = moment.split(":")
    if kind == "decoded":
        bar_of = printing.progress_bar
        printing.progress_bar = cli.train.progress_bar = lambda *a: _counted(bar_of(*a), int(words[0]))
    elif kind == "step":
        shown = printing.TrainingBar.__call__
        wanted = (int(words[0]), int(words[1]))

        def report(self, progress) -> None:
            shown(self, progress)
            if (progress.epoch, progress.step) == wanted and progress.losses:
                stop()

        printing.TrainingBar.__call__ = report
    else:
        _arm_writing(kind, words[0], int(words[1]) if len(words) > 1 else 1)


def _counted(bar, wanted: int):
    def update(done: int, total: int) -> None:
        bar(done, total)
        if done == wanted:
            stop()

    return update


def _arm_writing(kind: str, name: str, wanted: int) -> None:
    write_with, replace, seen = files.write_with, Path.replace, {"before": 0, "aside": 0, "after": 0}

    def reached(which: str, path: Path) -> None:
        if which == kind and path.name.startswith(name.rstrip("*")) and (name.endswith("*") or path.name == name):
            seen[which] += 1
            if seen[which] == wanted:
                stop()

    def writing(path, content):
        reached("before", path)
        write_with(path, content)
        reached("after", path)

    def renaming(self, target):
        reached("aside", Path(target))
        return replace(self, target)

    files.write_with, Path.replace = writing, renaming


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.exit(cli.main(sys.argv[2:]))
