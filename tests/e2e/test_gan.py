"""The GAN page in a real Chromium: the replay scrubbed and played, a sample edited, the game to its end."""

import re

import pytest

from pneumo import runs
from pneumo.generators import game, sampling

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def open_section(page, section):
    page.goto(re.match(r"https?://[^/]+", page.url)[0] + "/gan")
    page.locator(".st-key-gan-section button", has_text=section).click()


def test_the_scrubber_moves_samples_and_curves_and_plays(page):
    epochs = list(sampling.snapshots(runs.load("conv_gan")))
    open_section(page, "Training")
    page.get_by_text(f"samples after {epochs[-1]} epochs").wait_for()
    scrubber = page.locator(".scrubber")
    for back in (2, 3):
        scrubber.press("ArrowLeft")
        page.get_by_text(f"samples after {epochs[-back]} epochs").wait_for()
    page.get_by_role("button", name="Step forward").click()
    page.get_by_text(f"samples after {epochs[-2]} epochs").wait_for()
    page.get_by_role("button", name="Play").click()
    page.get_by_text(f"samples after {epochs[-1]} epochs").wait_for()
    page.get_by_role("button", name="Play").wait_for()
    box = page.locator(".panel canvas").first.bounding_box()
    page.mouse.click(box["x"] + 47, box["y"] + 60)
    page.get_by_text("samples after 0 epochs").wait_for()
    assert not page.errors


def test_the_game_is_played_to_its_end(page):
    open_section(page, "Real or generated?")
    for pair in range(1, game.PAIRS + 1):
        page.get_by_text(f"Pair {pair} of {game.PAIRS}.").wait_for()
        for place in range(2):
            page.locator(f".st-key-gan-answer-0-{pair - 1}-{place}").get_by_text("generated", exact=True).click()
        follow = page.locator(f".st-key-gan-next-0-{pair - 1} button:visible:not([disabled])")
        follow.wait_for()
        follow.click()
    page.get_by_text("You spotted 10 of 10 generated images and took 10 of 10").wait_for()
    page.get_by_role("button", name="Play again").click()
    page.get_by_text(f"Pair 1 of {game.PAIRS}.").wait_for()
    assert not page.errors


def test_editing_a_sample_leaves_the_others_alone(page):
    """A slider draws its own part of the page again: the gallery above it stays the same element."""
    open_section(page, "Samples")
    image = page.locator(".st-key-gan-edited img")
    image.wait_for()
    page.wait_for_timeout(1000)
    before = image.get_attribute("src")
    page.evaluate("document.querySelector('.gallery').marked = true")
    slider = page.locator(".st-key-gan-truncation input[type=range]")
    slider.focus()
    slider.press("Home")
    page.wait_for_function("before => document.querySelector('.st-key-gan-edited img').src !== before", arg=before)
    assert page.evaluate("document.querySelector('.gallery').marked") is True
    assert not page.errors


def test_every_section_fits_a_narrow_dark_window(page):
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 420, "height": 900})
    for section in ("Samples", "Training", "Quality", "Real or generated?"):
        open_section(page, section)
        page.wait_for_timeout(1500)
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 420, section
        assert page.locator('[data-testid="stException"]').count() == 0, section
    assert page.errors == []
