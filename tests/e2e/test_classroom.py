"""The classroom in a browser: what each page is for, by mouse, touch and keyboard."""

import re

import pytest

from benchmarks import browser

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def visit(app, new_page):
    def open_lesson(path, ready, **options):
        page = new_page(**{"viewport": {"width": 1280, "height": 1500}, "has_touch": True} | options)
        page.goto(f"{app.address}/{path}")
        page.locator(ready).first.wait_for()
        browser.wait_complete(page)
        return page

    return open_lesson


def drag(page, selector, start, end):
    """From one place of an element to another, as shares of its sides."""
    box = page.locator(selector).bounding_box()
    (x0, y0), (x1, y1) = ((box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (start, end))
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x1, y1, steps=6)
    page.mouse.up()


def tap(page, selector, x, y):
    box = page.locator(selector).bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * x, box["y"] + box["height"] * y)


# --- inside the network -----------------------------------------------------------------------------------------------


def test_the_network_goes_down_to_one_pixel_and_back(visit):
    page = visit("network", ".tiles button")
    assert "blocks.2.0" in page.locator(".crumbs").inner_text()
    page.locator(".tiles button").nth(3).click()
    page.locator(".crumbs").get_by_text("Channel 3").wait_for()
    browser.wait_complete(page)
    box = page.locator("canvas.map").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "row 17, column 17" in page.locator(".boards figure:last-of-type figcaption").inner_text()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(".total strong").wait_for()
    value = float(
        page.locator(".boards figure:last-of-type figcaption")
        .inner_text()
        .split(": ")[1]
        .split(". ")[0]
        .replace("−", "-")
    )
    total = float(page.locator(".total strong").inner_text().replace("−", "-"))
    assert total == pytest.approx(value, abs=0.01), "what is added up is what the map shows"
    page.locator(".crumbs button").first.click()
    page.locator(".total").wait_for(state="detached")
    assert not page.errors


def test_the_network_by_keyboard(visit):
    page = visit("network", ".tiles button")
    page.locator("canvas.map").focus()
    before = page.locator(".boards figure:last-of-type figcaption").inner_text()
    page.keyboard.press("ArrowDown")
    assert page.locator(".boards figure:last-of-type figcaption").inner_text() != before
    page.keyboard.press("Enter")
    page.locator(".total strong").wait_for()
    first = page.locator(".picture button").first
    first.focus()
    page.keyboard.press("Enter")
    page.locator(".about").get_by_text("blocks.0.0").wait_for()
    assert not page.errors


# --- Grad-CAM ------------------------------------------------------------------------------------------------------------


def test_channels_switched_off_leave_an_empty_map(visit):
    page = visit("gradcam", ".tile")
    said = page.locator("figcaption")
    assert re.search(r"channel \d+ gives", said.inner_text())
    tap(page, "canvas.picture", 0.2, 0.6)
    assert "Cell 8, 3" in said.inner_text()
    page.locator(".top input").fill("0")
    assert "All channels are off" in said.inner_text()
    page.get_by_role("button", name="All channels on").click()
    assert "All channels are off" not in said.inner_text()
    page.locator(".tile").first.click()
    assert page.locator(".tile").first.get_attribute("aria-pressed") == "false"
    page.get_by_role("button", name="HiResCAM").click()
    assert page.get_by_role("button", name="HiResCAM").get_attribute("aria-pressed") == "true"
    page.locator(".scrubber").focus()
    page.keyboard.press("Home")
    page.get_by_text("The image as the network gets it").wait_for()
    page.wait_for_url("**cam=**hirescam**")
    assert not page.errors


def test_the_square_follows_mouse_touch_and_keys(visit):
    page = visit("gradcam?part=cover", ".field")
    said = page.locator(".said")
    assert "changes its mind" in said.inner_text(), "it opens where the square matters most"
    drag(page, ".field", (0.5, 0.5), (0.05, 0.05))
    assert "still says" in said.inner_text()
    tap(page, ".map", 0.3, 0.8)
    page.locator(".field").focus()
    left = page.locator(".square").evaluate("each => each.style.left")
    page.keyboard.press("ArrowRight")
    assert page.locator(".square").evaluate("each => each.style.left") != left
    page.get_by_role("button", name="Without the patch").click()
    assert page.locator(".square").is_hidden()
    assert not page.errors


def test_layers_forget_in_the_player(visit):
    page = visit("gradcam?part=forget", ".pages img")
    assert page.locator(".caption").inner_text() == "The trained network."
    page.get_by_role("button", name="Step forward").click()
    assert "Random from the head down" in page.locator(".caption").inner_text()
    page.keyboard.press("End")
    assert "blocks.0.0" in page.locator(".caption").inner_text()
    assert page.locator(".pages img:visible").count() == 1
    assert not page.errors


# --- thresholds ------------------------------------------------------------------------------------------------------------


def shown_anyway(page):
    """The people below the curves are the reveal: hidden until one predicts, or asks for them."""
    assert page.locator(".bottom").is_hidden()
    page.get_by_role("button", name="Show me anyway").click()
    page.locator(".said").wait_for()
    browser.wait_complete(page)


def test_the_line_is_dragged_and_everything_follows(visit):
    page = visit("thresholds", "canvas.curves")
    shown_anyway(page)
    said = page.locator(".said")
    assert said.inner_text().startswith("Of 100 alarms, 33 have pneumonia")
    drag(page, "canvas.curves", (0.44, 0.5), (0.6, 0.5))
    fewer = page.locator(".fp").inner_text()
    assert int(fewer) < 95 and int(page.locator(".fn").inner_text()) > 2
    page.locator("canvas.curves").focus()
    page.keyboard.press("ArrowLeft")
    assert int(page.locator(".fp").inner_text()) >= int(fewer)
    tap(page, "canvas.roc", 0.3, 0.1)
    assert int(page.locator(".fp").inner_text()) > 95
    page.get_by_role("button", name="Go to the cheapest threshold").click()
    cost = float(page.locator("dl div").last.locator("dd.number").inner_text())
    page.locator("canvas.curves").focus()
    for key in ("ArrowRight", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
        assert float(page.locator("dl div").last.locator("dd.number").inner_text()) >= cost - 1
    page.locator(".prevalence").fill("50")
    total = sum(int(page.locator(f".{each}").inner_text()) for each in ("tp", "fn", "fp", "tn"))
    assert total == 1000 and int(page.locator(".tp").inner_text()) + int(page.locator(".fn").inner_text()) == 500
    assert not page.errors


def test_moving_the_curves_apart_raises_both_rates(visit):
    page = visit("thresholds", "canvas.curves")
    shown_anyway(page)
    before = page.locator("dl div").first.locator("dd.number").inner_text()
    drag(page, "canvas.curves", (0.6, 0.5), (0.7, 0.5))
    assert float(page.locator("dl div").first.locator("dd.number").inner_text()[:-1]) > float(before[:-1])
    page.wait_for_url("**line=**")
    assert not page.errors


# --- you first --------------------------------------------------------------------------------------------------------------


def test_a_case_is_marked_called_and_revealed(visit):
    page = visit("you_first", ".film")
    assert page.locator(".commit").is_disabled(), "no call yet"
    drag(page, ".film", (0.2, 0.3), (0.4, 0.6))
    assert page.locator(".mark").is_visible()
    page.locator(".calls").get_by_role("button", name="NORMAL").click()
    page.get_by_role("button", name=re.compile("Commit, then")).click()
    page.get_by_text("Would you change your call?").wait_for()
    assert page.get_by_text("asked for").count() == 0, "the truth comes after the second thought"
    page.get_by_role("button", name="Change to PNEUMONIA").click()
    page.get_by_text(re.compile("The generator was asked for")).wait_for()
    page.get_by_role("button", name="Next case").click()
    page.get_by_text("Case 2 of 10").wait_for()
    assert not page.errors


def test_a_case_is_read_by_keyboard(visit):
    page = visit("you_first", ".film")
    page.locator(".film").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert page.locator(".mark").is_visible()
    page.locator(".calls button").nth(1).press("Enter")
    page.locator(".commit").press("Enter")
    page.get_by_text("Would you change your call?").wait_for()
    assert not page.errors


def test_a_link_gives_a_class_the_same_cases_and_counts_three(visit):
    teacher = visit("you_first?part=room", "text=Open a room")
    teacher.get_by_role("button", name="Open a room").click()
    code = teacher.get_by_role("heading", name=re.compile("Room [A-Z0-9]{5}")).inner_text().split()[-1]
    pictures = set()
    for _ in range(3):
        student = visit(f"you_first?room={code}", ".film img")
        pictures.add(student.locator(".film img").get_attribute("src"))
        student.locator(".calls").get_by_role("button", name="PNEUMONIA").click()
        student.get_by_role("button", name=re.compile("Commit, then")).click()
        student.get_by_role("button", name="Keep PNEUMONIA").click()
        student.get_by_role("button", name="Next case").click()
        student.get_by_text("Case 2 of 10").wait_for()
        assert not student.errors
    assert len(pictures) == 1
    teacher.get_by_text("3 readers joined").wait_for()
    teacher.get_by_text("Show the truth").wait_for()
    teacher.get_by_role("button", name="Close the room").click()
    teacher.get_by_role("button", name="Open a room").wait_for()
    assert not teacher.errors


# --- the stage ----------------------------------------------------------------------------------------------------------------


def test_presenting_shows_large_type_without_the_menu(visit):
    page = visit("convolution?present=1", "canvas.output")
    assert page.locator("[data-testid=stSidebar]").is_hidden()
    page.get_by_role("button", name="Next").click()
    page.get_by_text("A kernel has a layer for each channel").wait_for()
    page.get_by_role("button", name="Stop presenting").click()
    page.locator("[data-testid=stSidebar]").wait_for()
    assert "present" not in page.url
    assert not page.errors


# --- GAN lab ------------------------------------------------------------------------------------------------------------------


def test_the_gan_lab_steps_by_hand_and_plays_a_burst(visit):
    page = visit("gan_lab", "canvas.plane")
    assert "Nothing is trained yet" in page.locator(".caption").inner_text()
    page.get_by_role("button", name="D step").click()
    page.get_by_text(re.compile("1 steps of D, 0 of G. D step")).wait_for()
    assert page.locator(".ld").inner_text() == "1.386", "2 ln 2"
    page.get_by_role("button", name="G step").click()
    page.get_by_text(re.compile("1 steps of D, 1 of G. G step")).wait_for()
    page.get_by_role("button", name="50 × D").click()
    page.get_by_text(re.compile("^51 steps of D, 1 of G")).wait_for()
    page.locator(".scrubber").focus()
    page.keyboard.press("Home")
    assert "Nothing is trained yet" in page.locator(".caption").inner_text()
    page.get_by_text("Collapses", exact=True).click()
    page.wait_for_url("**lab=**0.01**")
    page.locator(".caption").get_by_text("Nothing is trained yet").wait_for()
    assert not page.errors


def test_a_distribution_is_drawn_by_mouse_and_by_touch(visit):
    page = visit('gan_lab?lab={"distribution":"drawn"}', "canvas.plane")
    drag(page, "canvas.plane", (0.3, 0.3), (0.6, 0.4))
    tap(page, "canvas.plane", 0.7, 0.7)
    page.get_by_role("button", name="Train on my drawing").click()
    browser.wait_complete(page)
    page.get_by_role("button", name="Both", exact=True).click()
    page.get_by_text(re.compile("^1 steps of D, 1 of G")).wait_for()
    assert not page.errors


def test_a_point_is_dragged_through_the_code(visit):
    page = visit("bottleneck?part=code", ".field")
    said = page.locator("figcaption")
    assert said.inner_text().startswith("0.0 and 0.0")
    drag(page, ".field", (0.5, 0.5), (0.98, 0.02))
    assert said.inner_text().startswith("+3.0 and +3.0")
    tap(page, ".field", 0.02, 0.5)
    assert said.inner_text().startswith("−3.0 and 0.0")
    page.locator(".field").focus()
    page.keyboard.press("ArrowDown")
    assert said.inner_text().startswith("−3.0 and −0.6")
    page.wait_for_url("**pad=**")
    assert not page.errors
