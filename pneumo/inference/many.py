"""Many files at once: read, decoded, resized and computed by as many threads as there are cores to use.

Each thread takes a batch of files through all of it, on one core: decoding leaves Python alone, and an `Engine` needs no lock,
so the cores are busy to the end without waiting for each other. Results come in the order of the files, each as soon as it
and those before it are ready; a few batches are under way at any time, so memory does not grow with the number of files.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch

from pneumo.inference import diagnosis
from pneumo.inference.diagnosis import Squares
from pneumo.inference.input_check import InputCheck
from pneumo.runs import Run, engine
from pneumo.schema import Diagnosis, PneumoError, Radiograph

BATCH_PIXELS = 50_000_000  # decoded at a time and thread: a batch of large plates is cut short
NO_PIXELS = np.empty((0, 0), np.uint8)


@dataclass(frozen=True)
class File:
    """One file: its name, and how to get its bytes, which may raise PneumoError. synthetic, generated: as in `Example`."""

    name: str
    data: Callable[[], bytes]
    synthetic: bool = False
    generated: bool = False


def diagnose_many(
    run: Run,
    files: Sequence[File],
    *,
    check: InputCheck | None = None,
    overridden: bool = False,
    pixels: bool = True,
    batch: int = engine.BATCH,
) -> Iterator[Diagnosis]:
    """A Diagnosis for each file, in order; nothing is raised for a file that cannot be read.

    check, overridden: as in `diagnosis.diagnose`. pixels: without them the radiograph of a result is empty but for its warnings,
    for lists of which nobody looks at the images. batch: files that a thread takes at a time, at most.
    """
    threads = min(torch.get_num_threads(), len(files))
    size = max(1, min(batch, -(-len(files) // (2 * threads)) if threads else 1))

    def work(start: int) -> list[Diagnosis]:
        return _diagnose(run, files[start : start + size], check, overridden, pixels)

    starts = iter(range(0, len(files), size))
    if threads <= 1:
        for start in starts:
            yield from work(start)
        return
    with _threads(threads) as pool:
        waiting: deque[Future[list[Diagnosis]]] = deque()
        try:
            for start in starts:
                waiting.append(pool.submit(work, start))
                if len(waiting) > threads:  # one batch more than threads, so that none of them waits for the reader
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:  # whoever asked has gone: what has not begun need not begin
            for future in waiting:
                future.cancel()


def _threads(count: int) -> ThreadPoolExecutor:
    """Threads that compute on one core each.

    PyTorch keeps that number for each thread, and once more for threads that are still to come; the latter is put back.
    """
    before, started = torch.get_num_threads(), threading.Barrier(count + 1)

    def begin() -> None:
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(count, "diagnose", begin)
    try:
        for _ in range(count):
            pool.submit(int)
        started.wait()
    except RuntimeError:  # no thread can be started: those that were would wait for ever
        started.abort()
        raise
    torch.set_num_threads(before)
    return pool


def _diagnose(
    run: Run, files: Sequence[File], check: InputCheck | None, overridden: bool, pixels: bool
) -> list[Diagnosis]:
    """One batch: everything is read, and computed in one pass, or in several where the images are large."""
    results: list[Diagnosis | None] = [None] * len(files)
    read: dict[int, tuple[str, Radiograph, Squares]] = {}

    def compute() -> None:
        images = [(name, image) for name, image, _ in read.values()]
        done = diagnosis.diagnose_radiographs(run, images, check, overridden, [each for _, _, each in read.values()])
        for position, result in zip(read, done, strict=True):
            results[position] = result
        read.clear()

    for position, file in enumerate(files):
        image = _read(file)
        if isinstance(image, Diagnosis):
            results[position] = image
            continue
        resized = diagnosis.squares(run, image, check)  # at once, while the pixels are in the core's own memory
        read[position] = (file.name, image if pixels else replace(image, pixels=NO_PIXELS), resized)
        if sum(each.pixels.size for _, each, _ in read.values()) > BATCH_PIXELS:
            compute()
    compute()
    return results


def _read(file: File) -> Radiograph | Diagnosis:
    try:
        blob = file.data()
    except PneumoError as error:
        return Diagnosis(file.name, error=str(error))
    return diagnosis.read(blob, file.name, synthetic=file.synthetic, generated=file.generated)
