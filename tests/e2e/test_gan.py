"""The GAN page in a real Chromium: the replay scrubbed and played, the game to its end."""

import re

import pytest

from pneumo import runs
from pneumo.generators import game, sampling

pytestmark = pytest.mark.e2e


def open_tab(page, tab):
    page.goto(re.match(r"https?://[^/]+", page.url)[0] + "/gan")
    page.get_by_role("tab", name=tab).click()


def test_the_scrubber_moves_samples_and_curves_and_plays(page):
    epochs = list(sampling.snapshots(runs.load("conv_gan")))
    open_tab(page, "Training")
    page.get_by_text(f"samples after {epochs[-1]} epochs").wait_for()
    thumb = page.locator(".st-key-gan-epoch").get_by_role("slider")
    for back in (2, 3):
        thumb.press("ArrowLeft")
        page.get_by_text(f"samples after {epochs[-back]} epochs").wait_for()
    page.locator(".st-key-gan-step_on button:visible").click()
    page.get_by_text(f"samples after {epochs[-2]} epochs").wait_for()
    page.locator(".st-key-gan-play button:visible").click()
    page.get_by_text(f"samples after {epochs[-1]} epochs").wait_for()
    page.locator(".st-key-gan-play button:visible", has_text="play_arrow").wait_for()
    assert not page.errors


def test_the_game_is_played_to_its_end(page):
    open_tab(page, "Real or generated?")
    for pair in range(1, game.PAIRS + 1):
        page.get_by_text(f"Pair {pair} of {game.PAIRS}.").wait_for()
        for place in range(2):
            page.locator(f".st-key-gan-answer-0-{pair - 1}-{place}").get_by_text("generated", exact=True).click()
        follow = page.locator(f".st-key-gan-next-0-{pair - 1} button:visible:not([disabled])")
        follow.wait_for()
        follow.click()
    page.get_by_text("Sensitivity to generated ones").first.wait_for()
    assert page.get_by_text("100%", exact=True).count() >= 1  # who calls everything generated misses none
    page.get_by_role("button", name="Play again").click()
    page.get_by_text(f"Pair 1 of {game.PAIRS}.").wait_for()
    assert not page.errors
