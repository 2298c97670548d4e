"""Convolution through AppTest: what it says of the models is true of them, and each control redraws what depends on it."""

import re
import shutil

import pytest
import streamlit as st
from torch import nn

from pneumo import runs
from pneumo.lessons import convolution
from tests.pages.helpers import leave_and_come_back, open_page, texts

PAGE = "pages/classroom/convolution.py"


@pytest.fixture
def app():
    return open_page(PAGE)


def test_title_menu_and_address_agree(app):
    assert not app.exception
    assert [title.value for title in app.title] == ["Convolution"]
    source = (runs.REPOSITORY / "app.py").read_text()
    assert f'"{PAGE}", title="Convolution"' in source
    assert 'url_path="convolution"' in source


def test_what_it_says_of_the_first_step_is_true_of_the_models(app):
    """The convolutional networks here begin with a convolution; the default's is the size the page names; some are larger than 3 x 3."""
    height, width = convolution.first_kernel(runs.load())
    said = f"the default model uses {height} × {width}".replace(" × ", "\u00a0×\u00a0")
    assert said in texts(app.markdown)
    sizes = set()
    for name in runs.available("classification"):
        run = runs.load(name)
        for member in run.members or (run,):
            first = next(module for module in member.model.modules() if list(module.parameters(recurse=False)))
            assert isinstance(first, nn.Conv2d), name
            sizes.add(first.kernel_size)
    assert (3, 3) in sizes
    assert (height, width) in sizes
    assert max(sizes) > (3, 3), "some with larger kernels"


def test_it_starts_with_a_generated_radiograph_of_the_default_models_kind(app):
    offered = app.selectbox(key="convolution.image")
    assert offered.value == "Generated radiograph 1"
    assert offered.options[-1].startswith("Phantom")
    run, maps = runs.load(), [image for element in app.get("image") for image in element.proto.imgs]
    assert f"{run.model.get_submodule('backbone.conv1').out_channels} small images" in maps[0].alt


def test_a_phantom_stands_in_where_nothing_can_be_generated(tmp_path, monkeypatch):
    shutil.copytree(runs.REPOSITORY / "weights" / "first_steps", tmp_path / "first_steps")
    (tmp_path / runs.DEFAULT_FILE).write_text("first_steps")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    app = open_page(PAGE)
    st.cache_resource.clear()
    assert not app.exception
    assert app.selectbox(key="convolution.image").value == "Phantom 1"


def test_stride_and_padding_give_the_size_of_the_formula(app):
    for padding, stride in ((1, 1), (0, 2), (3, 4)):
        app.slider(key="convolution.padding").set_value(padding)
        app.slider(key="convolution.stride").set_value(stride).run()
        side = convolution.output_size(24, 3, padding, stride)
        assert f"**{side} × {side}**" in texts(app.markdown)
    assert not app.exception


def test_the_window_goes_on_line_by_line_and_starts_again(app):
    last = 24 - 3
    app.slider(key="convolution.row").set_value(last)
    app.slider(key="convolution.column").set_value(last).run()
    app.button(key="convolution.step").click().run()
    assert (app.slider(key="convolution.row").value, app.slider(key="convolution.column").value) == (0, 0)
    app.button(key="convolution.back").click().run()
    assert (app.slider(key="convolution.row").value, app.slider(key="convolution.column").value) == (last, last)


def test_image_and_place_of_the_window_outlast_a_look_at_another_page(app):
    app.slider(key="convolution.row").set_value(3).run()
    app.button(key="convolution.step").click().run()
    app.selectbox(key="convolution.image").set_value("Phantom 2").run()
    app = leave_and_come_back(app, PAGE)
    assert (app.slider(key="convolution.row").value, app.slider(key="convolution.column").value) == (3, 6)
    assert app.selectbox(key="convolution.image").value == "Phantom 2"


def test_without_a_model_it_says_so_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = open_page(PAGE)
    assert not app.exception and not app.error
    assert len(app.warning) == 1
    assert app.slider(key="convolution.row") is not None


def test_the_first_window_lies_on_an_edge_that_the_first_kernel_finds(app):
    total = re.search(r"Their sum is \*\*(-?\d+\.\d{3})\*\*", texts(app.markdown))
    assert float(total[1]) > 0.2
    app.selectbox(key="convolution.kernel").set_value("identity").run()
    assert "-0.000" not in texts(app.markdown)
