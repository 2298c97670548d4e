"""From `streamlit run` to the first result: what the very first visitor waits for, who comes as soon as the server answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RESULT_TARGET_S = 8
POLL_S = 0.02
# In the order in which they come. A page that holds nothing but a spinner's empty frame shows no text.
SIGHTS = {
    "something to read": "() => (document.querySelector('[data-testid=stMain]')?.innerText ?? '').trim().length > 0",
    "uploader": "() => document.querySelector('.st-key-diagnose-upload input[type=file]') !== null",
    "default example's result": "() => /Probability of pneumonia/.test("
    "document.querySelector('.st-key-diagnose-head')?.innerText ?? '')",
    "its heatmap": "() => document.querySelector('.st-key-diagnose-image img[alt*=\"strongest evidence\"]')?.naturalWidth > 0",
}


@dataclass(frozen=True)
class Start:
    """Seconds from the start of the process: until the server answered, and until each of SIGHTS was seen by the first visitor."""

    health_s: float
    seen_s: dict[str, float]


def measure(chromium: Browser, port: int | None = None) -> Start:
    """One start of the app with nobody there before. Raises TimeoutError where a sight does not come."""
    started = time.monotonic()
    with browser.running_app(port) as app:
        health_s = time.monotonic() - started
        page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.goto(f"{app.address}/diagnose", wait_until="commit")
        seen = dict(_sights(page, started))
        page.context.close()
    return Start(health_s, seen)


def _sights(page, started: float) -> Iterator[tuple[str, float]]:
    for name, shown in SIGHTS.items():
        while not page.evaluate(shown):
            if time.monotonic() - started > browser.COMPLETE_TIMEOUT_S:
                raise TimeoutError(f"{name} did not appear within {browser.COMPLETE_TIMEOUT_S} s")
            time.sleep(POLL_S)
        yield name, time.monotonic() - started


def report(starts: list[Start]) -> Iterator[str]:
    """The table as text: the median of the starts, and the slowest."""
    columns = {"server answers": [start.health_s for start in starts]}
    columns |= {name: [start.seen_s[name] for start in starts] for name in SIGHTS}
    yield f"{'seconds from streamlit run to':<32} {'median':>7} {'slowest':>8}  target"
    for name, values in columns.items():
        target = f"{RESULT_TARGET_S} s" if name == "default example's result" else ""
        yield f"{name:<32} {sorted(values)[len(values) // 2]:7.1f} {max(values):8.1f}  {target}".rstrip()
