"""Training room and characters in a browser: a letter is drawn, a training watched, a cell opened, the ball let go."""

import re
from urllib.parse import quote

import pytest

from benchmarks import browser
from tests.e2e.test_classroom import drag

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
A = (
    ((0.5, 0.15), (0.22, 0.85)),
    ((0.5, 0.15), (0.78, 0.85)),
    ((0.33, 0.6), (0.67, 0.6)),
)  # its strokes, as shares of the sheet


@pytest.fixture
def visit(app, new_page):
    def open_lesson(path, ready):
        page = new_page(viewport={"width": 1280, "height": 1500}, has_touch=True)
        page.goto(f"{app.address}/{path}")
        page.locator(ready).first.wait_for()
        browser.wait_complete(page)
        return page

    return open_lesson


def wait(page, happened):
    """Components live in shadow roots, where `wait_for_function` does not look."""
    for _ in range(300):
        if happened():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never happened")


def stroke_of_a_finger(page, selector, start, end):
    box = page.locator(selector).bounding_box()
    client = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0), *(("touchMove", n / 8) for n in range(1, 9))):
        x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
        point = {"x": box["x"] + box["width"] * x, "y": box["y"] + box["height"] * y}
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    client.detach()


# --- characters ----------------------------------------------------------------------------------------------------------


def test_an_o_stands_there_and_is_read(visit):
    page = visit("characters", ".top li")
    assert page.locator(".top li").count() == 5
    assert page.locator(".top li.first b").inner_text() in ("O", "0")
    page.locator("img.seen").wait_for()
    assert not page.errors


@pytest.mark.parametrize("draw", [drag, stroke_of_a_finger], ids=["mouse", "touch"])
def test_an_a_is_drawn_and_read(visit, draw):
    page = visit("characters", ".top li")
    page.get_by_role("button", name="Wipe").click()
    page.locator(".top li").first.wait_for(state="detached")
    for start, end in A:
        draw(page, "canvas.sheet", start, end)
    page.locator(".top li.first b").get_by_text("A", exact=True).wait_for()
    before = page.locator("img.seen").get_attribute("src")
    page.get_by_role("button", name="Move the drawing left").click()
    browser.wait_complete(page)
    assert page.locator(".top li.first b").inner_text() == "A", "cut out, it lies where it lay"
    page.locator(".thick").fill("36")
    wait(page, lambda: page.locator("img.seen").get_attribute("src") != before)
    page.get_by_role("button", name="Wipe").click()
    page.locator(".top li").first.wait_for(state="detached")
    assert page.locator("img.seen").is_hidden()
    assert not page.errors


def test_a_cell_of_the_matrix_opens_its_images_by_mouse_and_by_keys(visit):
    page = visit("characters?part=matrix", ".matrix canvas")
    said, canvas = page.locator(".what"), page.locator(".matrix canvas")
    canvas.click(position={"x": 20 + 10.5 * 15, "y": 20 + 10.5 * 15})
    found = re.fullmatch(r"A read as A: (\d+) of 28 test images of A\.", said.inner_text())
    assert found and page.locator(".images figure").count() == int(found[1]) > 20
    pictured = page.locator(".images figure [role=img]").first
    assert re.match(r"Test image \d+, A, in \S", pictured.get_attribute("aria-label"))
    box = pictured.bounding_box()
    assert box["width"] > 20 and box["height"] > 20
    canvas.focus()
    page.keyboard.press("ArrowRight")
    assert said.inner_text().startswith("A read as B: ")
    page.keyboard.press("ArrowDown")
    assert said.inner_text().startswith("B read as B: ")
    assert not page.errors


# --- training room ---------------------------------------------------------------------------------------------------------


def test_a_training_is_watched_live_to_its_end(visit):
    asked = quote('{"count":100,"side":32,"epochs":40}')
    page = visit(f"training_room?part=room&train={asked}", "text=40 epochs of about 75 images")
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(".panel canvas").first.wait_for()
    seen, done = set(), page.get_by_text(re.compile("^Done: 40 epochs"))
    while not done.count():
        seen.add(page.locator(".scrubber").get_attribute("max"))
        page.wait_for_timeout(100)
    page.get_by_text("Epoch 40 of 40").wait_for()
    assert len(seen) > 2, f"the curves grow: {seen}"
    assert page.locator(".cases figure").count() == 6 and page.locator(".kernels svg").count() == 8
    assert re.match(
        r"Loss at epoch 40: training \d?\.\d+, validation",
        page.locator(".panel canvas").first.get_attribute("aria-label"),
    )
    page.locator(".scrubber").focus()
    page.keyboard.press("Home")
    assert "Loss at epoch 0" in page.locator(".panel canvas").first.get_attribute("aria-label")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the run").click()
    assert download.value.suggested_filename == "small_42.zip"
    page.get_by_role("button", name="Keep its curves").click()
    page.get_by_role("button", name="Forget kept curves").wait_for()
    assert not page.errors


def test_a_training_is_given_up(visit):
    asked = quote('{"count":100,"side":32,"epochs":60}')
    page = visit(f"training_room?part=room&train={asked}", "text=60 epochs of about 75 images")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text(re.compile("^Paused")).wait_for()
    page.get_by_role("button", name="Give up").click()
    page.get_by_text("This training was left").wait_for()
    page.get_by_role("button", name="Train", exact=True).wait_for()
    assert not page.errors


def test_the_rest_of_the_gallery_is_locked_until_one_predicts(visit):
    page = visit("training_room", ".panel canvas")
    until = int(page.locator(".scrubber").get_attribute("max"))
    page.get_by_role("button", name="Show me anyway").click()
    wait(page, lambda: int(page.locator(".scrubber").get_attribute("max")) > until)
    assert not page.errors


def test_which_one_overfits_is_committed_and_revealed(visit):
    page = visit("training_room?part=which", ".st-key-training_room-anyway")
    page.get_by_text("Predict first, above").wait_for()
    page.get_by_role("button", name="Show me anyway").click()
    page.locator(".panel canvas").first.wait_for()
    page.get_by_text("C", exact=True).click()
    page.get_by_role("button", name="Commit", exact=True).last.click()
    page.get_by_text("You chose C. That is right.").wait_for()
    assert not page.errors


def test_the_ball_steps_swings_and_flies_away(visit):
    page = visit("training_room?part=descent", ".caption")
    said, canvas = page.locator(".caption"), page.locator("canvas")
    assert said.inner_text().startswith("w = 1")
    page.get_by_role("button", name="Step forward").click()
    assert re.search(r"− 0\.1 × 2\S* = 0?\.8", said.inner_text())
    page.get_by_label("Learning rate", exact=True).select_option("1.1")
    page.locator(".scrubber").focus()
    page.keyboard.press("End")
    assert "after 20 steps" in canvas.get_attribute("aria-label") and "38.3" in said.inner_text(), "1.2 to the 20th"
    page.wait_for_url(re.compile("ball=.*1\\.1"))
    page.get_by_label("Learning rate", exact=True).select_option("0.5")
    drag(page, "canvas", (0.5, 0.5), (0.8125, 0.5))
    assert said.inner_text().startswith("w = 2"), "3.2 either way of the middle"
    page.get_by_role("button", name="Step forward").click()
    assert re.search(r"= −?0(\.0*)?\.$", said.inner_text()), "a rate of a half arrives at once"
    page.wait_for_url(re.compile("ball=.*0\\.5"))
    page.reload()
    page.locator(".caption").wait_for()
    browser.wait_complete(page)
    assert page.get_by_label("Learning rate", exact=True).input_value() == "0.5" and said.inner_text().startswith(
        "w = 2"
    )
    assert not page.errors


def test_the_ball_goes_on_when_its_settings_have_reached_the_address(visit):
    page = visit("training_room?part=descent", ".caption")
    page.get_by_label("Learning rate", exact=True).select_option("1.1")
    page.locator(".scrubber").focus()
    page.keyboard.press("End")
    page.wait_for_url(re.compile("ball=.*1\\.1"))
    browser.wait_complete(page)
    assert "after 20 steps" in page.locator("canvas").get_attribute("aria-label")
