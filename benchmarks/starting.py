"""From `streamlit run` to the first result: what the very first visitor waits for, who comes as soon as the server answers."""

from __future__ import annotations

import subprocess  # nosec B404  starts programs of this repository, nothing else
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks import browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RESULT_TARGET_S = 8
POLL_S = 0.02
RESULT, TORCH = "default example's result", "import torch, alone"
# In the order in which they come.
SIGHTS = {
    "something to read": "() => (document.querySelector('[data-testid=stMain]')?.innerText ?? '').trim().length > 0",
    "uploader": "() => document.querySelector('.st-key-diagnose-upload input[type=file]') !== null",
    RESULT: "() => /Probability of pneumonia/.test(document.querySelector('.st-key-diagnose-head')?.innerText ?? '')",
    "its heatmap": "() => document.querySelector('.st-key-diagnose-image img[alt*=\"strongest evidence\"]')?.naturalWidth > 0",
}


def start(chromium: Browser, port: int | None = None) -> dict[str, float]:
    """One start of the app with nobody there before: ms from the start of the process to what is named.

    That is the server's first answer, and each of SIGHTS on Diagnose. Beside it, as a yardstick for this minute of this
    machine, what a process takes that only imports torch. Raises TimeoutError where a sight does not come.
    """
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)  # nosec B603  fixed words, no shell
    found = {TORCH: _since(began)}
    began = time.monotonic()
    with browser.running_app(port) as app:
        found["server answers"] = _since(began)
        page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.goto(f"{app.address}/diagnose", wait_until="commit")
        for name in SIGHTS:
            _wait_for(page, name)
            found[name] = _since(began)
        page.context.close()
    return found


def starts(chromium: Browser, repeats: int, port: int | None = None) -> Iterator[tuple[str, list[float]]]:
    """What is waited for, and its ms in each of the starts."""
    found = [start(chromium, port) for _ in range(repeats)]
    for name in found[0]:
        yield name, [each[name] for each in found]


def _since(began: float) -> float:
    return 1000 * (time.monotonic() - began)


def _wait_for(page: Page, sight: str) -> None:
    deadline = time.monotonic() + browser.COMPLETE_TIMEOUT_S
    while not page.evaluate(SIGHTS[sight]):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{sight} did not come within {browser.COMPLETE_TIMEOUT_S} s")
        time.sleep(POLL_S)
