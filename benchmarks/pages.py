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
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import browser
from benchmarks.browser import App, Link

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

RECORDER = Path(__file__).with_name("recorder.js").read_text(encoding="utf-8")
WIDTH, HEIGHT = 1280, 900
UPLOAD_TARGET_MS, THRESHOLD_TARGET_MS = (
    1500,
    300,
)  # from the upload to the result (p50); from the slider to the label (p95)
NOTHING_MS = 3000  # an interaction that has changed nothing by then changes nothing
DOOR_TIMEOUT_S = 20
UPLOAD_PX = 1024  # radiographs are larger than what a model sees
WHOLE_PAGE = (
    0.75  # share of marked elements from which on a page counts as redrawn as a whole; fragments stay below a half
)

# Resolves to what the recorder saw, once the page has been complete and unchanged for a while; null after the timeout.
RECORDED = """([settled, nothing, timeout]) => new Promise(resolve => {
    const complete = COMPLETE, seen = window.recorded, begun = performance.now();
    let since = null;
    const look = () => {
        const now = performance.now();
        since = complete() && seen.start !== null ? since ?? now : null;
        const calm = since !== null && now - Math.max(since, seen.last ?? 0) >= (seen.last === null ? nothing : settled);
        if (calm) resolve({
            ms: seen.last === null ? null : seen.last - seen.start,
            reachedMs: seen.reached === null ? null : seen.reached - seen.start,
            redrawn: [...seen.stale].filter(each => each.isConnected).length,
            elements: document.querySelectorAll('[data-testid=stMain] [data-testid=stElementContainer]').length,
        });
        else if (now - begun > timeout) resolve(null);
        else requestAnimationFrame(look);
    };
    look();
})""".replace("COMPLETE", browser.COMPLETE)


class ControlError(Exception):
    """A control that an interaction needs is not on its page, or does nothing."""


@dataclass(frozen=True)
class Control:
    """Where a control is: inside the element of a widget's key, or else by what stands on it.

    key: as in `st.slider(key=...)`. inside: a selector in the element of that key. words: a part of the label or text.
    """

    key: str
    inside: str
    words: str = ""

    @property
    def box(self) -> str:
        """The selector of the element that Streamlit makes for the key: dots become hyphens."""
        return ".st-key-" + self.key.replace(".", "-")


SLIDER, FILE = "[role=slider], input[type=range]", "input[type=file]"
CONTROLS = {  # page -> name -> control
    "diagnose": {
        "upload": Control("diagnose.upload", FILE),
        "threshold": Control("diagnose.threshold", SLIDER, "probability"),
        "preset": Control("diagnose.preset", "button"),
        "heatmap": Control("diagnose.heatmap", "label", "Heatmap"),
        "opacity": Control("diagnose.opacity", SLIDER, "Opacity"),
    },
    "compare": {"check": Control("compare.check", "button", "Check its heatmap")},
    "autoencoder": {"direction": Control("autoencoder.direction.0", SLIDER, "Direction 1")},
    "gan": {"epoch": Control("gan.epoch", SLIDER, "Epoch")},
    "convolution": {
        "row": Control("convolution.row", SLIDER, "Row"),
        "stride": Control("convolution.stride", SLIDER, "Stride"),
    },
}
# What may hide a control: tabs, the choice of a section above everything else, closed expanders.
DOORS = (
    "[data-testid=stMain] [role=tab]",
    "[data-testid=stMain] [class*=-section] button",
    "[data-testid=stMain] [data-testid=stExpander] details:not([open]) summary",
)


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


class Visitor:
    """One session of the app in a browser window, and the ways to time what it does there."""

    def __init__(self, page: Page, app: App, name: str) -> None:
        self.page, self.app, self.name = page, app, name

    def find(self, control: Control) -> Locator:
        """The control, made visible by opening what may hide it. Raises ControlError."""
        if found := self._visible(control):
            return found
        for selector in DOORS:
            for number in range(self.page.locator(selector).count()):
                door = self.page.locator(selector).nth(number)
                if not (door.count() and door.is_visible()):
                    continue
                door.click()
                browser.wait_complete(self.page)
                if found := self._visible(control):
                    return found
        raise ControlError("not found")

    def _visible(self, control: Control) -> Locator | None:
        places = [self.page.locator(control.box).locator(control.inside)]
        if control.words and control.inside == SLIDER:
            places.append(self.page.get_by_role("slider", name=control.words))
        elif control.words:
            places.append(self.page.locator(f"[data-testid=stMain] {control.inside}", has_text=control.words))
        for place in places:
            # A file input and the input of a switch are never seen themselves: their labels and zones are.
            if place.count() and (control.inside == FILE or place.first.is_visible()):
                return place.first
        return None

    def time(self, control: Control | None, act: Callable[[], None], watch: str | None = None) -> dict | None:
        """What the recorder saw of an interaction; None where nothing, or not what was watched for, has changed."""
        self.page.evaluate(RECORDER, [control.box if control else None, watch])
        act()
        limits = [browser.SETTLED_MS, NOTHING_MS, 1000 * browser.COMPLETE_TIMEOUT_S]
        found = self.page.evaluate(RECORDED, limits)
        if found is None:
            raise ControlError(f"no end within {browser.COMPLETE_TIMEOUT_S} s")
        found["ms"] = found["reachedMs"] if watch else found["ms"]
        return None if found["ms"] is None else found


Times = Iterator[dict | None]


@dataclass(frozen=True)
class Interaction:
    """How an interaction is done `repeats` times by a visitor who has just opened its page; yields what was seen of each."""

    page: str
    what: str
    repeats: int
    steps: Callable[[Visitor, int], Times]
    target: str = ""
    one_control: bool = True  # whether how much of the page it redraws is a question at all


def press(name: str, *keys: str, watch: str | None = None) -> Callable[[Visitor, int], Times]:
    """Keys on a slider, one after the other and again from the first; from where the last of them leads."""

    def steps(visitor: Visitor, repeats: int) -> Times:
        control = CONTROLS[visitor.name][name]
        slider = visitor.find(control)
        slider.focus()
        visitor.time(control, lambda: slider.press(keys[-1]))
        for n in range(repeats):
            yield visitor.time(control, lambda n=n: slider.press(keys[n % len(keys)]), watch)

    return steps


def upload(files: Iterator[list[Path]], watch: str | None) -> Callable[[Visitor, int], Times]:
    """Files that no session had before, each time by a new one. The first upload warms the model up and does not count."""

    def steps(visitor: Visitor, repeats: int) -> Times:
        control = CONTROLS["diagnose"]["upload"]
        for n in range(repeats + 1):
            field = visitor.find(control)
            paths = [str(path) for path in next(files)]
            seen = visitor.time(control, lambda field=field, paths=paths: field.set_input_files(paths), watch)
            if n:
                yield seen
            browser.open_page(visitor.page, visitor.app, Link("", visitor.name))

    return steps


def presets(visitor: Visitor, repeats: int) -> Times:
    """A click on the operating points in turn, from the last to the first: the default is often the first."""
    control = CONTROLS["diagnose"]["preset"]
    visitor.find(control)
    buttons = visitor.page.locator(control.box).locator(control.inside).filter(visible=True)
    for n in range(repeats):
        button = buttons.nth(buttons.count() - 1 - n % buttons.count())
        yield visitor.time(None, button.click)


def heatmap_first(visitor: Visitor, repeats: int) -> Times:
    """The heatmap of a file whose heatmap nobody has asked for: a new session each time."""
    control = CONTROLS["diagnose"]["heatmap"]
    for n in range(repeats):
        if n:
            browser.open_page(visitor.page, visitor.app, Link("", visitor.name))
        yield visitor.time(control, visitor.find(control).click)


def heatmap_next(visitor: Visitor, repeats: int) -> Times:
    control = CONTROLS["diagnose"]["heatmap"]
    switch = visitor.find(control)
    for n in range(repeats + 1):
        seen = visitor.time(control, switch.click)
        if n:
            yield seen


def opacity(visitor: Visitor, repeats: int) -> Times:
    """Shown only with the heatmap, which is switched on where it is not."""
    if not visitor.page.locator(CONTROLS["diagnose"]["opacity"].box).count():
        visitor.find(CONTROLS["diagnose"]["heatmap"]).click()
        browser.wait_complete(visitor.page)
    yield from press("opacity", "ArrowLeft", "ArrowRight")(visitor, repeats)


def check_heatmap(visitor: Visitor, repeats: int) -> Times:
    for n in range(repeats):
        if n:
            browser.open_page(visitor.page, visitor.app, Link("", visitor.name))
        yield visitor.time(None, visitor.find(CONTROLS["compare"]["check"]).click)


def switch(visitor: Visitor, repeats: int) -> Times:
    """To the next page of the menu and so on, round and round; the first round, in which each page loads, does not count."""
    menu = visitor.page.locator("[data-testid=stSidebarNavLink]")
    if not menu.count():
        raise ControlError("not found")
    for n in range(2 * menu.count() + repeats):
        seen = visitor.time(None, menu.nth((n + 1) % menu.count()).click)
        if n >= 2 * menu.count():
            yield seen


def interactions(folder: Path) -> list[Interaction]:
    """All of them, in the order of the table; folder: where the phantoms to upload are written."""
    from benchmarks.phantom import write_png

    seeds = count(10_000)  # no phantom that the app itself shows

    def phantoms(number: int) -> Iterator[list[Path]]:
        while True:
            yield [write_png(folder / f"{seed}.png", UPLOAD_PX, seed) for seed in islice(seeds, number)]

    return [
        Interaction("home", "page switch, second visit", 18, switch, one_control=False),
        Interaction("diagnose", "upload 1 to result", 5, upload(phantoms(1), "result"), f"p50 {UPLOAD_TARGET_MS}", one_control=False),
        Interaction("diagnose", "upload 20, all done", 2, upload(phantoms(20), None), one_control=False),
        Interaction("diagnose", "threshold to label", 20, press("threshold", "Home", "End", watch="label"), f"p95 {THRESHOLD_TARGET_MS}"),
        Interaction("diagnose", "threshold, all done", 10, press("threshold", "ArrowLeft", "ArrowRight")),
        Interaction("diagnose", "preset to label", 8, presets),
        Interaction("diagnose", "heatmap, first", 3, heatmap_first),
        Interaction("diagnose", "heatmap, next", 8, heatmap_next),
        Interaction("diagnose", "opacity", 8, opacity),
        Interaction("compare", "check its heatmap", 1, check_heatmap, one_control=False),
        Interaction("autoencoder", "direction", 8, press("direction", "ArrowRight")),
        Interaction("gan", "epoch", 8, press("epoch", "ArrowLeft", "ArrowRight")),
        Interaction("convolution", "row", 8, press("row", "ArrowRight", "ArrowLeft")),
        Interaction("convolution", "stride", 6, press("stride", "ArrowRight", "ArrowLeft")),
    ]  # fmt: skip


# --- the table --------------------------------------------------------------------------------------------


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
        times.append(took_ms)
        visitor.page.context.close()
    yield Row(link.name, "first opening", 1, times[0], times[0])
    yield Row(link.name, "opening again, new session", repeats, *summary(times[1:]))


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
    parser.add_argument("--only", nargs="+", metavar="PAGE", help="these pages only: home, diagnose ...")
    parser.add_argument(
        "--repeats", type=int, metavar="N", help="of every opening and interaction (else as many as each is worth)"
    )
    parser.add_argument("--no-openings", action="store_true", help="the interactions only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    parser.add_argument("--port", type=int, help="of the app; a free one otherwise")
    options = parser.parse_args(given)
    if options.repeats is not None and options.repeats < 1:
        parser.error("--repeats takes a number from 1 up")
    names = [link.name for link in browser.links()]
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

    with TemporaryDirectory() as folder, browser.running_app(options.port) as app, sync_playwright() as driver:
        chromium = browser.launch(driver)
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start; Chromium {chromium.version}, {WIDTH} x {HEIGHT}"
        )
        print(f"{'page':<12} {'what':<27} {'n':>3} {'p50 ms':>8} {'p95 ms':>8}  {'target':<9} redrawn")
        if not options.no_openings:
            for link in links.values():
                for row in openings(chromium, app, link, options.repeats or 3):
                    add(row)
        wanted = [each for each in interactions(Path(folder)) if not options.only or each.page in options.only]
        for each in wanted:
            if each.page not in links:
                add(Row(each.page, each.what, 0, None, None, note="not found: no such page in app.py"))
                continue
            add(measure(chromium, app, each, links[each.page], options.repeats or each.repeats))
        chromium.close()
        print(f"load {os.getloadavg()[0]:.1f} at the end")
    if options.json:
        options.json.write_text(
            json.dumps([asdict(row) | {"whole": row.whole} for row in rows], indent=1) + "\n", encoding="utf-8"
        )
    failed = [row for row in rows if row.n == 0]
    if failed:
        print(
            "not measured: " + "; ".join(f"{row.page}, {row.what} ({row.note or 'nothing changed'})" for row in failed),
            file=sys.stderr,
        )
    return 1 if failed else 0
