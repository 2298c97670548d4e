"""What Diagnose computes for one upload with its heatmap, beside the bare passes that this cannot do without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from pneumo import runs
from pneumo.images import radiograph, transforms
from pneumo.inference import diagnosis, input_check
from pneumo.runs import forward

TARGET = 2.0  # times decoding, a forward and a backward pass
WARM_UP = 2


def compare(files: list[Path]) -> Iterator[tuple[str, list[float], list[float]]]:
    """What was computed, its ms of processor time for each file, and the ratio of each to the bare passes on the same file.

    Three ways in turns: the bare passes; result, input check and heatmap of both classes; these with the stability under
    eight small changes. One thread: that is what a server gives to a visitor. The first files warm up and do not count.
    """
    threads = torch.get_num_threads()
    try:
        forward.share_cores()
        run, check = runs.load(), input_check.load()
        ways: dict[str, Callable[[bytes], object]] = {
            "decode, forward, backward": lambda blob: _bare(run, blob),
            "upload with heatmap": lambda blob: _page(run, check, blob),
            "the same with stability": lambda blob: diagnosis.stability_of(run, _page(run, check, blob)),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for number, file in enumerate(files):
            blob = file.read_bytes()
            for name, way in ways.items():
                began = time.process_time()
                way(blob)
                if number >= WARM_UP:
                    taken[name].append(1000 * (time.process_time() - began))
    finally:
        torch.set_num_threads(threads)
    bare = taken["decode, forward, backward"]
    for name, times in taken.items():
        yield name, times, [one / least for one, least in zip(times, bare, strict=True)]


def _bare(run: runs.Run, blob: bytes) -> None:
    """As anybody would write it: the gradient of the logit, with those of all weights."""
    image = radiograph.read(blob, "upload.png")
    _, tensor = transforms.preprocess(image.pixels, run.card.image)
    run.model(tensor[None]).sum().backward()
    run.model.zero_grad(set_to_none=True)


def _page(run: runs.Run, check: input_check.InputCheck | None, blob: bytes) -> diagnosis.Diagnosis:
    result = diagnosis.diagnose(run, blob, "upload.png", check=check)
    diagnosis.explain(run, result)
    return result
