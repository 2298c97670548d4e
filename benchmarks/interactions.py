"""What a visitor does on the pages, step by step, and how long the page takes to follow.

A control is found by its widget's key (CONTROLS), so that a page can be laid out anew without a change here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import browser
from benchmarks.browser import App, Link
from benchmarks.phantom import write_png

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

RECORDER = Path(__file__).with_name("recorder.js").read_text(encoding="utf-8")
UPLOAD_TARGET_MS = 1500  # from the upload to the result, p50
UPLOAD_20_TARGET_MS = 3000  # to the last of twenty results, p50
THRESHOLD_TARGET_MS = 300  # from the slider to the label, p95
NOTHING_MS = 3000  # an interaction that has changed nothing by then changes nothing
UPLOAD_PX = 1024  # radiographs are larger than what a model sees

# Resolves to what the recorder saw, once the page has been complete and unchanged for a while; null after the timeout.
RECORDED = """([settled, nothing, timeout]) => new Promise(resolve => {
    const complete = COMPLETE, seen = window.recorded, begun = performance.now();
    let since = null;
    const look = () => {
        const now = performance.now();
        seen.check();
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


POINTING_TARGET_MS = 50  # from the event to the painted frame, p95
SERVER_TARGET_MS = 300  # from a press to the last change, p50
READING_TARGET_MS = 150  # while one draws a character
# Moves a pointer over a component and tells the time of each move: from the event until the frame after it has been painted, and
# whether what the component says has changed. Components live in shadow roots, so they are looked for there, too.
POINTING = """async ([selector, said, pressed, count]) => {
    const find = (what, root = document) => root.querySelector(what) ?? [...root.querySelectorAll('*')].filter(each => each.shadowRoot)
        .reduce((found, each) => found ?? find(what, each.shadowRoot), null);
    const element = find(selector), words = () => { const it = find(said); return it && it.textContent + it.getAttribute('style'); };
    if (!element) return null;
    element.scrollIntoView({ block: 'center' });
    const box = element.getBoundingClientRect(), painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()))));
    const send = (kind, share) => element.dispatchEvent(new PointerEvent(kind, {
        clientX: box.left + box.width * (0.15 + 0.7 * share), clientY: box.top + box.height * (0.3 + 0.4 * share), bubbles: true,
        composed: true, pointerType: 'mouse', pointerId: 1, isPrimary: true, buttons: pressed ? 1 : 0 }));
    element.setPointerCapture = () => {};  // of a pointer that is not there
    await painted();
    if (pressed) send('pointerdown', 0);
    const seen = [];
    for (let n = 0; n < count; n++) {
        const before = words(), begun = performance.now();
        send('pointermove', 0.1 + (0.9 * ((n * 7) % count)) / count);
        seen.push({ ms: await painted() - begun, changed: words() !== before });
    }
    if (pressed) send('pointerup', 1);
    delete element.setPointerCapture;
    return seen;
}"""


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
        "preset": Control("diagnose.point", "input"),
        "heatmap": Control("diagnose.heat", "button"),
        "opacity": Control("diagnose.opacity", SLIDER, "Opacity"),
    },
    "compare": {"check": Control("compare.check", "button", "Check its heatmap")},
    "autoencoder": {"direction": Control("autoencoder.direction.0", SLIDER, "Direction 1")},
}
# What may hide a control: tabs, the choice of a section above everything else, closed expanders, popovers.
DOORS = (
    "[data-testid=stMain] [role=tab]",
    "[data-testid=stMain] [class*=-section] button",
    "[data-testid=stMain] [data-testid=stExpander] details:not([open]) summary",
    "[data-testid=stMain] [data-testid=stPopover] button",
)


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
        if self.page.locator(browser.ERROR).count():
            raise ControlError("the page shows an error")
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


def point(selector: str, said: str, *, pressed: bool = False, door: str = "") -> Callable[[Visitor, int], Times]:
    """A pointer that moves over what `selector` finds, with or without its button down; said: where the component tells what it points at.
    door: what has to be pressed first to see it."""

    def steps(visitor: Visitor, repeats: int) -> Times:
        if door:
            visitor.page.locator(door).click()
            visitor.page.locator(selector).first.wait_for()
            browser.wait_complete(visitor.page)
        found = visitor.page.evaluate(POINTING, [selector, said, pressed, repeats + 1])
        if found is None:
            raise ControlError("not found")
        for each in found[1:]:  # the first one may wait for a font or a scroll
            yield {"ms": each["ms"]} if each["changed"] else None

    return steps


def click(*selectors: str) -> Callable[[Visitor, int], Times]:
    """Presses, one after the other and again from the first, each until the page has followed."""

    def steps(visitor: Visitor, repeats: int) -> Times:
        for n in range(repeats + 1):
            place = visitor.page.locator(selectors[n % len(selectors)]).first
            if not place.count():
                raise ControlError("not found")
            seen = visitor.time(None, place.click)
            if n:
                yield seen

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


# A stroke on the sheet, another each time; resolves with the milliseconds from the pen's lift to another list of readings.
STROKE = """(sheet, n) => new Promise((resolve) => {
    const box = sheet.getBoundingClientRect(), top = sheet.getRootNode().querySelector(".top");
    const pen = (type, x, y) => sheet.dispatchEvent(new PointerEvent(type, {
        pointerId: 1, bubbles: true, buttons: 1, clientX: box.left + x * box.width, clientY: box.top + y * box.height,
    }));
    sheet.setPointerCapture = () => {};
    pen("pointerdown", 0.2 + (n % 5) * 0.15, 0.15);
    pen("pointermove", 0.2 + (n % 4) * 0.2, 0.85);
    const start = performance.now();
    const watcher = new MutationObserver(() => { watcher.disconnect(); requestAnimationFrame(() => resolve(performance.now() - start)); });
    watcher.observe(top, { childList: true, subtree: true, characterData: true });
    pen("pointerup", 0.2, 0.85);
    setTimeout(() => resolve(null), 5000);
})"""


def strokes(visitor: Visitor, repeats: int) -> Times:
    """From the lift of the pen to the network's reading; the first stroke does not count."""
    sheet = visitor.page.locator("canvas.sheet")
    for n in range(repeats + 1):
        sheet.page.wait_for_timeout(400)  # what was sent while drawing has come back
        ms = sheet.evaluate(STROKE, n)
        if n:
            yield {"ms": ms} if ms is not None else None


def presets(visitor: Visitor, repeats: int) -> Times:
    """Another operating point from the list, in turn; the time is that from the click on the point."""
    control = CONTROLS["diagnose"]["preset"]
    for n in range(repeats):
        visitor.find(control).click()
        others = visitor.page.locator("[role=option]:not([aria-selected=true])").filter(visible=True)
        others.first.wait_for()
        yield visitor.time(None, others.nth(n % others.count()).click)


def heatmap(visitor: Visitor, repeats: int) -> Times:
    """The heatmap of the other class, back and forth."""
    control = CONTROLS["diagnose"]["heatmap"]
    visitor.find(control)
    others = (
        visitor.page.locator(control.box).locator(control.inside).and_(visitor.page.locator("[aria-checked=false]"))
    )
    for _ in range(repeats):
        yield visitor.time(control, others.first.click)


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
    seeds = count(10_000)  # no phantom that the app itself shows

    def phantoms(number: int) -> Iterator[list[Path]]:
        while True:
            yield [write_png(folder / f"{seed}.png", UPLOAD_PX, seed) for seed in islice(seeds, number)]

    pointing, server = f"p95 {POINTING_TARGET_MS}", f"p50 {SERVER_TARGET_MS}"
    return [
        Interaction("home", "page switch, second visit", 18, switch, one_control=False),
        Interaction("diagnose", "upload 1 to result", 5, upload(phantoms(1), "result"), f"p50 {UPLOAD_TARGET_MS}", one_control=False),
        Interaction("diagnose", "upload 1, with heatmap", 3, upload(phantoms(1), None), one_control=False),
        Interaction("diagnose", "upload 20, all done", 2, upload(phantoms(20), None), f"p50 {UPLOAD_20_TARGET_MS}", one_control=False),
        Interaction("diagnose", "threshold to label", 20, press("threshold", "Home", "End", watch="label"), f"p95 {THRESHOLD_TARGET_MS}"),
        Interaction("diagnose", "threshold, all done", 10, press("threshold", "ArrowLeft", "ArrowRight")),
        Interaction("diagnose", "preset to label", 8, presets),
        Interaction("diagnose", "heatmap of other class", 8, heatmap),
        Interaction("diagnose", "opacity", 8, press("opacity", "ArrowLeft", "ArrowRight")),
        Interaction("compare", "check its heatmap", 1, check_heatmap, one_control=False),
        Interaction("autoencoder", "direction", 8, press("direction", "ArrowRight")),
        Interaction("gan", "replay", 20, point(".panel canvas", ".caption", pressed=True, door=".st-key-gan-section button >> nth=1"), pointing, one_control=False),
        Interaction("convolution", "pointing", 40, point("canvas.input", "figure:last-of-type figcaption"), pointing, one_control=False),
        Interaction("network", "pointing", 40, point("canvas.map", ".boards figure:last-of-type figcaption"), pointing, one_control=False),
        Interaction("network", "another channel", 8, click(".tiles button >> nth=2", ".tiles button >> nth=5"), server, one_control=False),
        Interaction("network", "another layer", 6, click(".picture button >> nth=3", ".picture button >> nth=8"), server, one_control=False),
        Interaction("gradcam", "pointing", 40, point("canvas.picture", "figcaption"), pointing, one_control=False),
        Interaction("you_first", "marking", 40, point(".film", ".mark", pressed=True), pointing, one_control=False),
        Interaction("training_room", "replay", 20, point(".panel canvas", ".caption", pressed=True), pointing, one_control=False),
        Interaction("characters", "pen to reading", 8, strokes, f"p50 {READING_TARGET_MS}", one_control=False),
        Interaction("characters", "cells of the matrix", 20, point(".matrix canvas", ".what", pressed=True, door=".st-key-characters-section button >> nth=1"), pointing, one_control=False),
        Interaction("bottleneck", "pad", 20, point(".field", "figcaption", pressed=True, door=".st-key-bottleneck-section button >> nth=1"), pointing, one_control=False),
        Interaction("thresholds", "dragging the line", 40, point("canvas.curves", ".top figcaption", pressed=True), pointing, one_control=False),
    ]  # fmt: skip
