"""How many phantoms a second one core draws."""

from __future__ import annotations

import time

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
