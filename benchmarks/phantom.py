"""How many phantoms a second one core draws; and phantoms as files for other benchmarks."""

from __future__ import annotations

import time
from pathlib import Path

from PIL import Image

from pneumo.images import phantom


def phantoms_per_second(n: int = 200, size_px: int = 224) -> float:
    """Phantoms drawn per second of wall time, as `draw_set` draws them: several patients, both classes.

    The tables that depend on the size alone are made before the clock starts.
    """
    for _ in phantom.draw_set(8, size_px=size_px, seed=1):
        pass
    start = time.perf_counter()
    for _ in phantom.draw_set(n, size_px=size_px):
        pass
    return n / (time.perf_counter() - start)


def write_png(file: Path, size_px: int, seed: int) -> Path:
    """One phantom as a PNG file; the same seed draws the same. Returns the file."""
    [drawn] = phantom.draw_set(1, size_px=size_px, seed=seed)
    Image.fromarray(drawn.pixels).save(file)
    return file
