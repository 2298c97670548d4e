"""Characters through AppTest: what is drawn, uploaded or picked is read, and without the run the page says what to do."""

import base64
import json
import shutil

import numpy as np
import pytest
import streamlit as st
from hypothesis import given, strategies

from pages import components
from pages.classroom.characters import LARGEST_SIDE, _cells, checked
from pneumo import runs
from pneumo.images import radiograph
from pneumo.lessons import characters
from pneumo.schema import CHARACTERS
from tests.pages.helpers import buttons, leave_and_come_back, open_page, texts

PAGE = "pages/classroom/characters.py"
SIDE = 96


@pytest.fixture
def app():
    return open_page(PAGE)


def drawing(pixels):
    return {"pixels": base64.b64encode(pixels.tobytes()).decode(), "side": len(pixels)}


def letter():
    """An L, bright on dark."""
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[20:76, 30:38] = pixels[68:76, 30:62] = 255
    return pixels


def likeliest(app):
    """The bars beside an image that was uploaded or picked, the likeliest first."""
    return " ".join(each.proto.text for each in app.get("progress"))


def test_it_opens_without_an_error_and_before_anything_is_drawn(app):
    assert not app.exception and not app.error
    assert characters.RUN in runs.available("characters")


def test_a_drawing_is_read(monkeypatch):
    given = {}
    monkeypatch.setattr(components, "mount", lambda name, *, data, **_: given.__setitem__(name, data))
    app = open_page(PAGE)
    assert given["draw"]["top"] == [] and given["draw"]["begin"], "an O stands there"
    app.session_state["characters.pixels"] = letter()
    app.run()
    assert not app.exception and given["draw"]["top"][0][0] == "L" and len(given["draw"]["top"]) == 5
    assert given["draw"]["seen"].startswith("data:image/png;base64,")
    app.session_state["characters.pixels"] = np.zeros((SIDE, SIDE), np.uint8)
    app.run()
    assert given["draw"]["top"] == [] and given["draw"]["seen"] is None and "othing to read" in given["draw"]["note"]


def test_an_upload_is_read_either_way_round(app):
    buttons(app, "characters.way").set_value("upload").run()
    assert not app.exception
    for pixels in (letter(), 255 - letter()):
        app.file_uploader(key="characters.upload").set_value([("L.png", radiograph.encode_png(pixels), "image/png")])
        app.run()
        assert not app.exception
        assert likeliest(app).startswith("**L**")


@pytest.mark.parametrize(
    ("blob", "said"),
    [(b"no image", "expected a png"), (radiograph.encode_png(np.full((40, 40), 9, np.uint8)), "nothing to read")],
)
def test_an_upload_that_cannot_be_read_is_said(app, blob, said):
    buttons(app, "characters.way").set_value("upload").run()
    app.file_uploader(key="characters.upload").set_value([("x.png", blob, "image/png")])
    app.run()
    assert not app.exception and len(app.warning) == 1 and said in app.warning[0].value.lower()


def test_a_test_image_that_is_misread_says_what_it_is_and_what_was_read(app):
    buttons(app, "characters.way").set_value("pick").run()
    report = characters.report(runs.load(characters.RUN, "characters"))
    wrong = app.selectbox(key="characters.example").value
    truth, said = (CHARACTERS[each[wrong]] for each in (report.labels, report.predicted))
    assert truth != said and f"It is {truth}, in {report.fonts[wrong]}" in texts(app.caption)
    assert likeliest(app).startswith(f"**{said}**")


def test_way_and_part_outlast_a_look_at_another_page(app):
    buttons(app, "characters.way").set_value("pick").run()
    app = leave_and_come_back(app, PAGE)
    assert not app.exception and buttons(app, "characters.way").value == "pick"


def test_the_matrix_holds_every_test_image_and_opens_at_a_mistake():
    run = runs.load(characters.RUN, "characters")
    data = _cells(run.card.weights.sha256)
    report = characters.report(run)
    images = [n for _, _, each in data["counts"] for n in each]
    assert sorted(images) == list(range(report.n)) and len(data["fonts"]) == report.n
    for row, column, each in data["counts"]:
        assert {(report.labels[n], report.predicted[n]) for n in each} == {(row, column)}
    assert [row for row, column, _ in data["counts"] if [row, column] == data["open"]], "there is something in it"
    json.dumps(data, allow_nan=False)


def test_networks_and_storage_are_the_measured_ones(app):
    buttons(app, "characters.section").set_value("models").run()
    assert not app.exception and len(app.dataframe) == 2
    report = characters.report(runs.load(characters.RUN, "characters"))
    storage, networks = (each.value for each in app.dataframe)
    assert list(storage["Storage"]) == ["float32", "float16", "int8"]
    assert list(storage["Right"]) == [f"{each.right} of 1,008" for each in report.stored.values()]
    assert list(networks["Network"]) == list(characters.compared())


def test_without_the_run_the_page_says_what_to_do(tmp_path, monkeypatch):
    shutil.copytree(runs.REPOSITORY / "weights" / "first_steps", tmp_path / "first_steps")
    (tmp_path / runs.DEFAULT_FILE).write_text("first_steps")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    app = open_page(PAGE)
    st.cache_resource.clear()
    assert not app.exception and not app.error
    assert "python -m pneumo train ocr_cnn --out weights/ocr_cnn" in texts(app.info)


JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.floats() | strategies.integers() | strategies.text(max_size=5),
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(strategies.sampled_from(["pixels", "side"]), inner),
    max_leaves=6,
)  # fmt: skip


@given(JSON)
def test_what_comes_from_a_browser_is_a_drawing_or_nothing(sent):
    assert checked(sent) is None, "no such thing is a drawing by chance"


@given(strategies.integers(0, 140), strategies.binary(max_size=300))
def test_a_drawing_has_as_many_pixels_as_it_says(side, raw):
    found = checked({"pixels": base64.b64encode(raw).decode(), "side": side})
    assert (found is not None) == (side >= 16 and len(raw) == side * side)


def test_a_drawing_comes_through_as_it_was_drawn():
    np.testing.assert_array_equal(checked(drawing(letter())), letter())
    large = np.zeros((LARGEST_SIDE + 1,) * 2, np.uint8)
    assert checked(drawing(large)) is None
    assert checked({"pixels": "é" * 300, "side": 16}) is None
    assert checked(drawing(letter()) | {"side": True}) is None
