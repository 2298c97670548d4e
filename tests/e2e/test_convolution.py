"""Convolution in a browser: a click on a pixel moves the window, and a slider redraws its own section only."""

import pytest

from benchmarks import browser

pytestmark = pytest.mark.e2e
LINK = next(link for link in browser.links() if link.name == "convolution")
SIZE = 24


def place(page) -> tuple[str, str]:
    return tuple(page.get_by_role("slider", name=name).input_value() for name in ("Row", "Column"))


@pytest.fixture
def convolution(app, new_page):
    page = new_page(viewport={"width": 1280, "height": 1600})
    browser.open_page(page, app, LINK)
    return page


def test_a_click_on_a_pixel_moves_the_window_there(convolution):
    plot = convolution.locator(".st-key-convolution-input .nsewdrag").first.bounding_box()
    row, column = 3, 20
    at = plot["x"] + plot["width"] * (column + 0.5) / SIZE, plot["y"] + plot["height"] * (row + 0.5) / SIZE
    convolution.mouse.move(*at)
    convolution.mouse.click(*at)
    convolution.wait_for_function(
        "row => document.querySelector('.st-key-convolution-row input').value === row", arg="2"
    )
    browser.wait_complete(convolution)
    assert place(convolution) == ("2", "19"), "the pixel is the middle of the window"
    convolution.get_by_role("button", name="Step").click()
    convolution.wait_for_function("document.querySelector('.st-key-convolution-column input').value === '20'")
    assert not convolution.errors


def test_the_stride_redraws_its_own_section_only(convolution):
    convolution.evaluate("document.querySelector('.st-key-convolution-input').dataset.mark = 'untouched'")
    slider = convolution.get_by_role("slider", name="Stride")
    slider.focus()
    convolution.keyboard.press("ArrowRight")
    convolution.get_by_text("12 × 12", exact=True).wait_for()
    assert convolution.locator(".st-key-convolution-input[data-mark=untouched]").count() == 1
    assert not convolution.errors
