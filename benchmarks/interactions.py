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
    "gan": {"epoch": Control("gan.epoch", SLIDER, "Epoch")},
    "convolution": {
        "row": Control("convolution.row", SLIDER, "Row"),
        "stride": Control("convolution.stride", SLIDER, "Stride"),
    },
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
        Interaction("gan", "epoch", 8, press("epoch", "ArrowLeft", "ArrowRight")),
        Interaction("convolution", "row", 8, press("row", "ArrowRight", "ArrowLeft")),
        Interaction("convolution", "stride", 6, press("stride", "ArrowRight", "ArrowLeft")),
    ]  # fmt: skip
