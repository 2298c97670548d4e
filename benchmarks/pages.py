"""What a visitor waits for: opening each page, and the interactions that matter, by the browser's own clock.

An interaction ends with the last change that it makes to the page (or with the label or the image that it is about), not with
the end of the script on the server. "redrawn" counts the elements that Streamlit marked as left over while the script ran: all
of them where a control runs the whole page, a few where it runs a fragment.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import browser, starting, uploads
from benchmarks.browser import App, Link
from benchmarks.interactions import UPLOAD_PX, ControlError, Interaction, Visitor, interactions
from benchmarks.phantom import write_png

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTH, HEIGHT = 1280, 900
DOOR_TIMEOUT_S = 20
START = "start"  # of the app, measured before the pages
WHOLE_PAGE = 0.75  # share of marked elements that counts as the page redrawn as a whole; fragments stay below a half


@dataclass(frozen=True)
class Row:
    """One line of the table; times in milliseconds. redrawn: of how many elements, or None where that is not the question."""

    page: str
    what: str
    n: int
    p50_ms: float | None
    p95_ms: float | None
    target: str = ""
    redrawn: int | None = None
    elements: int | None = None
    note: str = ""

    @property
    def whole(self) -> bool:
        return bool(self.elements) and self.redrawn is not None and self.redrawn >= WHOLE_PAGE * self.elements


def summary(times_ms: list[float]) -> tuple[float | None, float | None]:
    """(p50, p95), linear between the sorted times; (None, None) of none."""
    return tuple(float(each) for each in np.percentile(times_ms, [50, 95])) if times_ms else (None, None)


def session(chromium: Browser, app: App, link: Link) -> tuple[Visitor, float]:
    """A new visitor who comes by a direct link, and the ms until the page was complete."""
    context = chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = context.new_page()
    page.set_default_timeout(1000 * DOOR_TIMEOUT_S)
    return Visitor(page, app, link.name), browser.open_page(page, app, link)


def openings(chromium: Browser, app: App, link: Link, repeats: int) -> Iterator[Row]:
    """The first opening of a page on this server, and further ones, each by a new visitor."""
    times = []
    for _ in range(1 + repeats):
        try:
            visitor, took_ms = session(chromium, app, link)
        except TimeoutError as error:
            yield Row(link.name, "opening", 0, None, None, note=str(error))
            return
        broken = visitor.page.locator(browser.ERROR).count()
        times.append(took_ms)
        visitor.page.context.close()
        if broken:
            yield Row(link.name, "opening", 0, None, None, note="the page shows an error")
            return
    yield Row(link.name, "first opening", 1, times[0], times[0])
    yield Row(link.name, "opening again, new session", repeats, *summary(times[1:]))


def start_rows(chromium: Browser, repeats: int, port: int | None) -> Iterator[Row]:
    """From the start of the process to the first visitor's first result."""
    try:
        for what, times in starting.starts(chromium, repeats, port):
            target = f"{1000 * starting.RESULT_TARGET_S}" if what == starting.RESULT else ""
            yield Row(START, what, repeats, *summary(times), target)
    except (RuntimeError, TimeoutError) as error:
        yield Row(START, "first visitor", 0, None, None, note=str(error).splitlines()[0])


def upload_rows(files: list[Path]) -> Iterator[Row]:
    """The server's own work for one upload, without Streamlit and the browser."""
    for what, times, ratios in uploads.compare(files):
        target = f"{uploads.TARGET:g} x" if what == "upload with heatmap" else ""
        note = f"{np.median(ratios):.2f} times the bare passes, processor time"
        yield Row("diagnose", what, len(times), *summary(times), target, note=note)


def measure(chromium: Browser, app: App, each: Interaction, link: Link, repeats: int) -> Row:
    """One interaction by a new visitor; what goes wrong stands in the note and stops nothing."""
    from playwright.sync_api import Error

    seen, context = [], None
    try:
        visitor, _ = session(chromium, app, link)
        context = visitor.page.context
        seen = list(each.steps(visitor, repeats))
        note = ""
    except ControlError as error:
        note = str(error)
    except (Error, TimeoutError) as error:
        note = str(error).splitlines()[0]
    finally:
        if context:
            context.close()
    changed = [one for one in seen if one]
    p50, p95 = summary([one["ms"] for one in changed])
    if not note and len(changed) < len(seen):
        note = f"{len(seen) - len(changed)} of {len(seen)} changed nothing"
    found = Row(each.page, each.what, len(changed), p50, p95, each.target, note=note)
    if not (changed and each.one_control):
        return found
    most = max(changed, key=lambda one: one["redrawn"] / max(one["elements"], 1))
    return replace(found, redrawn=most["redrawn"], elements=most["elements"])


def line(row: Row) -> str:
    """A row of the table as text."""
    p50, p95 = (f"{value:8.0f}" if value is not None else f"{'-':>8}" for value in (row.p50_ms, row.p95_ms))
    redrawn = "" if row.elements is None else f"{row.redrawn} of {row.elements}{', whole page' if row.whole else ''}"
    return f"{row.page:<12} {row.what:<27} {row.n:>3} {p50} {p95}  {row.target:<9} {redrawn:<24} {row.note}".rstrip()


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks pages", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="+", metavar="PAGE", help="these pages only: home, diagnose ...; start is the start of the app"
    )
    parser.add_argument(
        "--repeats", type=int, metavar="N", help="of every opening and interaction (else as many as each is worth)"
    )
    parser.add_argument("--no-openings", action="store_true", help="the interactions only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    parser.add_argument("--port", type=int, help="of the app; a free one otherwise")
    options = parser.parse_args(given)
    if options.repeats is not None and options.repeats < 1:
        parser.error("--repeats takes a number from 1 up")
    names = [*(link.name for link in browser.links()), START]
    if unknown := set(options.only or ()) - set(names):
        parser.error(f"no page {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


def main(given: list[str] | None = None) -> int:
    """Prints the table; 1 where an interaction was not found or changed nothing, else 0."""
    from playwright.sync_api import sync_playwright

    options, rows = arguments(given), []
    links = {link.name: link for link in browser.links() if not options.only or link.name in options.only}

    def add(row: Row) -> None:
        rows.append(row)
        print(line(row), flush=True)

    with TemporaryDirectory() as folder, sync_playwright() as driver:
        chromium = browser.launch(driver)
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start; Chromium {chromium.version}, {WIDTH} x {HEIGHT}"
        )
        print(f"{'page':<12} {'what':<27} {'n':>3} {'p50 ms':>8} {'p95 ms':>8}  {'target':<9} redrawn")
        if not options.only or START in options.only:
            for row in start_rows(chromium, options.repeats or 3, options.port):
                add(row)
        if "diagnose" in links:
            for row in upload_rows([write_png(Path(folder) / f"alone-{n}.png", UPLOAD_PX, n) for n in range(10)]):
                add(row)
        if links:
            measure_pages(chromium, options, links, Path(folder), add)
        chromium.close()
        print(f"load {os.getloadavg()[0]:.1f} at the end")
    if options.json:
        options.json.write_text(
            json.dumps([asdict(row) | {"whole": row.whole} for row in rows], indent=1) + "\n", encoding="utf-8"
        )
    return exit_code(rows)


def measure_pages(
    chromium: Browser, options: argparse.Namespace, links: dict[str, Link], folder: Path, add: Callable[[Row], None]
) -> None:
    """The openings and the interactions of these pages in one app; folder: for the files that are uploaded."""
    with browser.running_app(options.port) as app:
        if not options.no_openings:
            for link in links.values():
                for row in openings(chromium, app, link, options.repeats or 3):
                    add(row)
        wanted = [each for each in interactions(folder) if not options.only or each.page in options.only]
        for each in wanted:
            if each.page not in links:
                add(Row(each.page, each.what, 0, None, None, note="not found: no such page in app.py"))
                continue
            add(measure(chromium, app, each, links[each.page], options.repeats or each.repeats))


def exit_code(rows: list[Row]) -> int:
    """1 where something could not be measured, which is told, else 0; a missed target is no error."""
    failed = [row for row in rows if row.n == 0]
    for row in failed:
        print(f"not measured: {row.page}, {row.what}: {row.note or 'nothing changed'}", file=sys.stderr)
    return 1 if failed else 0
