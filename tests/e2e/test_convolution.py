"""Convolution in a browser: pointing by mouse, touch and keyboard, a kernel that is changed, the player, and an address that gives it back."""

import pytest

from benchmarks import browser

pytestmark = pytest.mark.e2e
LINK = next(link for link in browser.links() if link.name == "convolution")
TOTAL = ".formula strong >> nth=0"


@pytest.fixture
def convolution(app, new_page):
    page = new_page(viewport={"width": 1280, "height": 1600}, has_touch=True)
    browser.open_page(page, app, LINK)
    page.locator("canvas.output").wait_for()
    return page


def framed(page) -> str:
    return page.locator("figure:last-of-type figcaption").inner_text()


def at(page, selector, row, column, side):
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] * (column + 0.5) / side, box["y"] + box["height"] * (row + 0.5) / side


def test_pointing_moves_the_window_and_its_numbers_follow(convolution):
    before = convolution.locator(TOTAL).inner_text()
    convolution.mouse.move(*at(convolution, "canvas.input", 3, 20, 24))
    assert framed(convolution).endswith("row 3, column 20"), "the pixel is the window's middle"
    assert convolution.locator(TOTAL).inner_text() != before
    convolution.mouse.move(*at(convolution, "canvas.output", 10, 4, 22))
    assert framed(convolution).endswith("row 11, column 5")
    numbers = convolution.locator(".product td").all_inner_texts()
    total = sum(float(each.replace("−", "-")) for each in numbers)
    assert total == pytest.approx(float(convolution.locator(TOTAL).inner_text().replace("−", "-")), abs=0.05)
    assert not convolution.errors


def test_touch_and_keyboard_move_it_too(convolution):
    convolution.touchscreen.tap(*at(convolution, "canvas.output", 5, 5, 22))
    assert framed(convolution).endswith("row 6, column 6")
    convolution.locator("canvas.output").focus()
    convolution.keyboard.press("ArrowDown")
    convolution.keyboard.press("ArrowRight")
    assert framed(convolution).endswith("row 7, column 7")
    assert not convolution.errors


def test_a_changed_kernel_changes_the_result_and_the_address_gives_it_back(convolution, new_page):
    for number, value in enumerate([0, 0, 0, 0, 2, 0, 0, 0, 0]):
        convolution.locator(".kernel input").nth(number).fill(str(value))
    convolution.get_by_role("slider", name="Stride").press("ArrowRight")
    assert "The result, 11 × 11" in framed(convolution)
    middle, total = convolution.locator(".patch td").nth(4), convolution.locator(TOTAL)
    assert float(total.inner_text()) == pytest.approx(2 * float(middle.inner_text()), abs=0.02)
    convolution.wait_for_url("**slide=**")
    again = new_page()
    again.goto(convolution.url)
    again.locator("canvas.output").wait_for()
    browser.wait_complete(again)
    assert "The result, 11 × 11" in framed(again)
    assert again.locator(".kernel input").nth(4).input_value() == "2"
    assert not convolution.errors and not again.errors


def test_the_player_plays_pauses_and_steps(convolution):
    convolution.locator("canvas.output").focus()
    start = framed(convolution)
    convolution.get_by_role("button", name="Step forward").click()
    assert framed(convolution) != start
    convolution.get_by_role("combobox", name="Speed").select_option("60")
    convolution.get_by_role("button", name="Play").click()
    convolution.wait_for_timeout(700)
    convolution.get_by_role("button", name="Pause").click()
    held = framed(convolution)
    convolution.wait_for_timeout(200)
    assert framed(convolution) == held != start
    assert not convolution.errors


def test_the_notes_example_gives_seven(convolution):
    convolution.get_by_role("combobox", name="Image").click()
    convolution.get_by_role("option", name="4 × 4 of the notes").click()
    convolution.get_by_text("The result, 3 × 3").wait_for()
    assert convolution.locator(TOTAL).inner_text() == "7"
    convolution.locator(".kernel-size").select_option("7")
    assert "no place" in convolution.locator(".formula").inner_text()
    assert not convolution.errors
