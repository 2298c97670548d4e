"""The input check on Diagnose and Compare, through AppTest."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st

from pneumo import runs
from pneumo.generators import sampling
from pneumo.images import ood_samples, radiograph
from pneumo.inference import diagnosis, input_check, input_check_report
from tests.pages.helpers import leave_and_come_back, open_page, phantoms, texts, upload

PAGE = "pages/clinic/diagnose.py"


@pytest.fixture(scope="module")
def photograph() -> bytes:
    return radiograph.encode_png(next(ood_samples.photographs()).pixels)


@pytest.fixture(scope="module")
def generated() -> bytes:
    """A stand-in for a radiograph that the input check accepts."""
    guard = input_check.load()
    for pixels in sampling.samples(runs.load("conv_gan"), 20, 3):
        if input_check.assess(guard, radiograph.read(radiograph.encode_png(pixels))).verdict == "training population":
            return radiograph.encode_png(np.kron(pixels, np.ones((3, 3), np.uint8)))
    raise AssertionError("no sample is accepted without a warning")


def override(app):
    return next(box for box in app.checkbox if box.key.startswith("diagnose.override."))


def test_a_photograph_is_refused_with_its_reason_and_the_choice_against_it_is_recorded(photograph, generated):
    app = upload(open_page(PAGE), ("cat.png", photograph), ("chest.png", generated))
    assert not app.exception
    assert "does not look like a frontal chest radiograph" in texts(app.error)
    assert app.dataframe[0].value["label"].tolist()[0] == ""
    assert np.isnan(app.dataframe[0].value["probability"][0]), "no probability of what is refused"
    assert "Probability of pneumonia" not in texts(app.markdown)
    override(app).check().run()
    assert not app.exception and not app.error
    assert app.dataframe[0].value["label"].tolist()[0].split()[1] in diagnosis.LABELS
    assert "Shown although refused." in app.dataframe[0].value["note"].tolist()[0]
    assert "Shown at your request" in texts(app.warning)
    app = leave_and_come_back(app, PAGE)
    assert override(app).value is True
    override(app).uncheck().run()
    assert app.dataframe[0].value["label"].tolist()[0] == ""


def test_a_radiograph_is_accepted_and_compared_with_the_training_radiographs(generated):
    app = upload(open_page(PAGE), ("chest.png", generated))
    assert not app.exception and not app.error
    assert not [box for box in app.checkbox if "override" in box.key]
    app.session_state["diagnose.typical"] = True
    app.run()
    place = next(box for box in app.expander if "Is this a chest X-ray" in box.label)
    assert "Like the training population" in texts(place.markdown)
    assert "From sources left out of the fit" in texts(place.markdown)
    assert f"{input_check.load().about.n_validation} validation radiographs" in texts(place.caption)
    assert len(place.get("plotly_chart")) == len(input_check_report.SCORES)


def test_phantoms_are_named_as_phantoms_when_uploaded():
    app = upload(open_page(PAGE), *phantoms(1))
    assert "phantom" in texts(app.warning)


def test_without_an_input_check_the_page_goes_on(tmp_path, monkeypatch, generated):
    name = runs.default_name()
    shutil.copytree(runs.weights_folder() / name, tmp_path / name)
    (tmp_path / "DEFAULT").write_text(name)
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = upload(open_page(PAGE), ("chest.png", generated))
    assert not app.exception
    assert not [box for box in app.expander if "Is this a chest X-ray" in box.label]


def test_a_damaged_input_check_is_a_warning_and_no_end(tmp_path, monkeypatch, generated):
    for name in (runs.default_name(), input_check_report.FOLDER):
        shutil.copytree(runs.weights_folder() / name, tmp_path / name)
    (tmp_path / "DEFAULT").write_text(runs.default_name())
    (tmp_path / input_check_report.FOLDER / input_check_report.ARRAYS_FILE).write_bytes(b"no")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = upload(open_page(PAGE), ("chest.png", generated))
    assert not app.exception
    assert "check for chest X-rays is unavailable" in texts(app.warning) and "Probability of pneumonia" in texts(
        app.markdown
    )


def test_compare_gives_a_refused_image_no_agreement(photograph):
    app = open_page("pages/clinic/compare.py")
    app.file_uploader(key="compare.upload").set_value(("cat.png", photograph, "image/png")).run()
    assert not app.exception
    assert "No result: it does not look like a frontal chest radiograph" in texts(app.error)


def button(app, words):
    return next(each for each in app.button if words in each.label)


@pytest.mark.parametrize("page", ["diagnose", "compare"])
def test_a_radiograph_that_is_turned_and_inverted_is_read_put_right_at_a_click(page, generated):
    spoiled = radiograph.encode_png(np.rot90(255 - radiograph.read(generated).pixels).copy())
    app = open_page(f"pages/clinic/{page}.py")
    if page == "diagnose":
        app = upload(app, ("film.png", spoiled))
    else:
        app.file_uploader(key="compare.upload").set_value(("film.png", spoiled, "image/png")).run()
    assert not app.exception
    assert "turned by 90 degrees to the left and inverted" in texts(app.warning)
    button(app, "Turn and invert the image and read it again").click().run()
    assert not app.exception and "No result" not in texts(app.warning)
    if page == "diagnose":
        assert "film.png (turned and inverted)" in texts(app.markdown).replace("\\", "")
        assert "Probability of pneumonia" in texts(app.markdown)
    button(app, "Show the image as uploaded").click().run()
    assert not app.exception and "turned by 90 degrees" in texts(app.warning)


@pytest.mark.parametrize("page", ["diagnose", "compare"])
def test_a_radiograph_from_elsewhere_has_a_result_under_a_warning(page, generated, monkeypatch):
    """No adult's radiograph may lie in the repository: a check that calls everything so stands for one."""
    check = input_check.load()
    strict = replace(check, about=replace(check.about, limits=check.about.limits | {"elsewhere": -1e6}))
    monkeypatch.setattr(input_check, "load", lambda place=None: strict)
    st.cache_resource.clear()
    try:
        app = open_page(f"pages/clinic/{page}.py")
        if page == "diagnose":
            app = upload(app, ("chest.png", generated))
            assert "Probability of pneumonia" in texts(app.markdown)
            assert not [box for box in app.checkbox if "override" in box.key]
        else:
            app.file_uploader(key="compare.upload").set_value(("chest.png", generated, "image/png")).run()
        assert not app.exception
        assert "It looks like a frontal chest radiograph from elsewhere" in texts(app.warning)
    finally:
        st.cache_resource.clear()
