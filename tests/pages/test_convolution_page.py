"""Convolution through AppTest: what goes to the browser, what comes back from it, and what an address may say."""

import json
import shutil

import numpy as np
import pytest
import streamlit as st
from hypothesis import given, strategies

from pages.classroom.convolution import checked
from pneumo import runs
from pneumo.lessons import convolution
from tests.pages.helpers import leave_and_come_back, open_page, texts

PAGE = "pages/classroom/convolution.py"
JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.floats() | strategies.integers() | strategies.text(max_size=5),
    lambda inner: strategies.lists(inner, max_size=9) | strategies.dictionaries(strategies.sampled_from(["row", "kernels", "kernel", "bias", "channels", "step", "padding", "chosen"]), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@pytest.fixture
def app():
    return open_page(PAGE)


def test_it_opens_with_a_generated_radiograph_and_without_an_error(app):
    assert not app.exception and not app.error
    assert app.selectbox(key="convolution.slide_image").value == "Generated radiograph 1"
    assert "4 × 4 of the notes" in app.selectbox(key="convolution.slide_image").options


def test_a_phantom_stands_in_where_nothing_can_be_generated(tmp_path, monkeypatch):
    shutil.copytree(runs.REPOSITORY / "weights" / "first_steps", tmp_path / "first_steps")
    (tmp_path / runs.DEFAULT_FILE).write_text("first_steps")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    app = open_page(PAGE)
    st.cache_resource.clear()
    assert not app.exception
    assert app.selectbox(key="convolution.slide_image").value == "Phantom 1"


def test_without_a_model_it_says_so_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = open_page(PAGE)
    assert not app.exception and not app.error
    app.segmented_control(key="convolution.section").set_value("learned").run()
    assert "first layer would be shown" in texts(app.info)


def test_image_and_part_outlast_a_look_at_another_page(app):
    app.selectbox(key="convolution.slide_image").set_value("Phantom 2").run()
    app = leave_and_come_back(app, PAGE)
    assert app.selectbox(key="convolution.slide_image").value == "Phantom 2"


def test_the_reveal_waits_for_the_prediction(app):
    assert "**7**" not in texts(app.markdown)
    app.number_input(key="convolution.predicted").set_value(8).run()
    app.button(key="convolution.commit").click().run()
    assert "**8**" in texts(app.warning) and "notes print" in texts(app.warning), "a mistake gets its own reply"
    assert "**7**" in texts(app.markdown)


@given(JSON, strategies.sampled_from(["slide", "channels", "steps", "learned"]))
def test_what_comes_from_a_browser_or_an_address_is_checked(sent, mode):
    said = sent if isinstance(sent, dict) else {"kernels": sent, "row": sent, "bias": sent, "step": sent}
    good = checked(mode, said, 1)
    assert set(good) <= {
        "row",
        "column",
        "seed",
        "padding",
        "stride",
        "dilation",
        "bias",
        "kernel",
        "kernels",
        "channels",
        "step",
        "chosen",
    }
    json.dumps(good, allow_nan=False)
    assert checked(mode, good, 1) == good


def test_good_settings_pass_and_others_do_not():
    kernels = [[0.0, 1.0, -2.5, 0.0]]
    good = {
        "row": 3,
        "column": 0,
        "padding": 2,
        "stride": 4,
        "dilation": 3,
        "bias": -1.5,
        "kernel": 2,
        "kernels": kernels,
    }
    assert checked("slide", good, 1) == good
    for bad in (
        {"padding": 4},
        {"stride": 0},
        {"dilation": True},
        {"bias": 1e9},
        {"kernel": 6, "kernels": [[0] * 36]},
        {"kernel": 2, "kernels": [[1, 2, 3]]},
        {"row": -1},
    ):
        assert checked("slide", bad, 1) == {}, bad


def test_the_learned_kernels_are_those_of_the_model():
    run = runs.load()
    layer = convolution.learned(run, np.zeros((64, 64), np.uint8))
    assert layer.kernels.shape == (64, 7, 7) and (layer.padding, layer.stride) == (3, 2)
