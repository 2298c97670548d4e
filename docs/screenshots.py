"""The screenshots of the README, made again from the running app: python docs/screenshots.py

With `--all DIR` every page in full length, light at 1280 px and dark at 420 px, to be looked at and not to be kept.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))  # a script has its own folder there, not the repository's

from benchmarks import browser  # noqa: E402

IMAGES = REPOSITORY / "docs" / "images"
README_PAGES = ("diagnose",)
MAX_BYTES = 200_000
FIRST_COLOURS, FEWEST_COLOURS = 256, 32
LOOKS = {  # name -> (colour scheme, width, height) in CSS pixels
    "light-1280": ("light", 1280, 900),
    "dark-420": ("dark", 420, 900),
}
LONGEST_PX = 16_000  # the longest surface that Chromium draws in one piece
# Streamlit scrolls an element inside the window: the window has to become as high as what it holds.
FULL_HEIGHT = "() => document.querySelector('[data-testid=stMain]').scrollHeight"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--all", type=Path, metavar="DIR", help="every page in full length, light 1280 and dark 420, into DIR"
    )
    parser.add_argument("--only", nargs="+", metavar="PAGE", help="these pages only: home, diagnose ...")
    parser.add_argument("--port", type=int, help="of the app; a free one otherwise")
    options = parser.parse_args(arguments)

    from playwright.sync_api import sync_playwright

    links = [link for link in browser.links() if not options.only or link.name in options.only]
    with browser.running_app(options.port) as app, sync_playwright() as driver:
        chromium = browser.launch(driver)
        if options.all:
            for look in LOOKS:
                take_all(chromium, app, links, look, options.all)
        else:
            take_readme(chromium, app, [link for link in links if link.name in README_PAGES])
        chromium.close()


def take_all(chromium, app: browser.App, links: list[browser.Link], look: str, folder: Path) -> None:
    """Every page in one look, as <page>-<look>.png."""
    folder.mkdir(parents=True, exist_ok=True)
    scheme, width, height = LOOKS[look]
    for link in links:
        context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
        page = context.new_page()
        try:
            browser.open_page(page, app, link)
            page.set_viewport_size({"width": width, "height": min(LONGEST_PX, max(height, page.evaluate(FULL_HEIGHT)))})
            browser.wait_complete(page)
        except TimeoutError as error:  # what there is of it is worth seeing
            print(error, file=sys.stderr)
        file = folder / f"{link.name}-{look}.png"
        page.screenshot(path=file)
        print(file)
        context.close()


def take_readme(chromium, app: browser.App, links: list[browser.Link]) -> None:
    """The first screen of the pages that the README shows, as palette PNGs in docs/images."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    scheme, width, height = LOOKS["light-1280"]
    for link in links:
        context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
        page = context.new_page()
        browser.open_page(page, app, link)
        file = IMAGES / f"{link.name}.png"
        file.write_bytes(small_png(page.screenshot()))
        print(f"{file.relative_to(REPOSITORY)}: {file.stat().st_size / 1000:.0f} kB")
        context.close()


def small_png(data: bytes) -> bytes:
    """A PNG with a palette of as many colours as fit into MAX_BYTES."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    colours = FIRST_COLOURS
    while True:
        small = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        if small.tell() <= MAX_BYTES or colours <= FEWEST_COLOURS:
            return small.getvalue()
        colours //= 2


if __name__ == "__main__":
    main()
