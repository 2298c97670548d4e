"""The script of the screenshots, as far as it needs no browser."""

import importlib.util
import io

import numpy as np
import pytest
from PIL import Image

from benchmarks import browser

SCRIPT = browser.REPOSITORY / "docs" / "screenshots.py"


@pytest.fixture(scope="module")
def screenshots():
    spec = importlib.util.spec_from_file_location("screenshots", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_screenshot_becomes_small_and_stays_as_large_as_it_was(screenshots):
    rng = np.random.default_rng(0)
    page = np.full((900, 1280, 3), 255, np.uint8)
    page[100:700, 200:800] = rng.integers(0, 256, (600, 600, 1))  # as hard to compress as no radiograph is
    shot = io.BytesIO()
    Image.fromarray(page).save(shot, "PNG")
    small = screenshots.small_png(shot.getvalue())
    assert len(shot.getvalue()) > screenshots.MAX_BYTES
    assert len(small) < len(shot.getvalue()) / 1.5
    image = Image.open(io.BytesIO(small))
    assert (image.size, image.mode) == ((1280, 900), "P")
    assert image.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_the_colours_are_kept_where_they_fit(screenshots):
    shot = io.BytesIO()
    Image.new("RGB", (40, 30), (213, 94, 0)).save(shot, "PNG")
    small = screenshots.small_png(shot.getvalue())
    assert len(small) <= screenshots.MAX_BYTES
    assert Image.open(io.BytesIO(small)).convert("RGB").getpixel((3, 3)) == (213, 94, 0)


def test_the_pages_of_the_readme_are_pages_of_the_app(screenshots):
    assert set(screenshots.README_PAGES) <= {link.name for link in browser.links()}
