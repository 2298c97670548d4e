"""The Data page through AppTest: phantoms at first sight, folders where they may be named."""

import dataclasses

import numpy as np
import pytest
import streamlit as st

from pages import shared
from pneumo.images import radiograph
from pneumo.inference import dataset_audit
from pneumo.schema import AugmentSpec
from tests.pages.test_pages import open_page, texts

PAGE = "pages/evidence/data.py"


@pytest.fixture(autouse=True)
def few_phantoms(monkeypatch):
    """Enough to see everything, and quick."""
    monkeypatch.setattr(dataset_audit, "PHANTOMS", "phantom:24")
    monkeypatch.delenv(dataset_audit.SOURCE_VARIABLE, raising=False)


@pytest.fixture
def folder(tmp_path):
    """Eight pictures of noise in train and test, one copied from one into the other, one unreadable."""
    rng = np.random.default_rng(0)
    for n in range(8):
        blob = radiograph.encode_png(rng.integers(0, 255, (40, 50 + n), dtype=np.uint8))
        for split in ("train", "test") if n == 0 else ("train",):
            where = tmp_path / split / ("NORMAL", "PNEUMONIA")[n % 2]
            where.mkdir(parents=True, exist_ok=True)
            (where / f"patient{n}.png").write_bytes(blob)
    (tmp_path / "train" / "NORMAL" / "bad.png").write_bytes(b"nonsense")
    return tmp_path


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_phantoms_at_first_sight():
    app = open_page(PAGE)
    assert not app.exception
    assert metrics(app)["Images"] == "24"
    assert [h.value for h in app.subheader] == [
        "Classes and patients", "Sizes", "Duplicates", "Brightness", "Samples", "Augmentation",
    ]  # fmt: skip
    assert "None among 24 files" in texts(app.markdown)


def test_a_named_folder_comes_first(folder, monkeypatch):
    monkeypatch.setenv(dataset_audit.SOURCE_VARIABLE, str(folder))
    app = open_page(PAGE)
    assert not app.exception
    shown = metrics(app)
    assert (shown["Images"], shown["Duplicates"], shown["Unreadable"]) == ("10", "1", "1")
    assert str(folder) not in texts(app.markdown) + texts(app.caption)
    assert app.dataframe[1].value["splits"].tolist() == ["test, train"]
    app.get("button_group")[0].set_value("as the source has it").run()
    assert not app.exception


def test_nobody_types_a_folder_on_an_open_server():
    app = open_page(PAGE)
    assert not [box for box in app.text_input if box.key == "data.typed"]
    assert dataset_audit.SOURCE_VARIABLE in texts(app.caption)


@pytest.fixture
def own_machine(monkeypatch):
    """A server that listens to its own machine only."""
    real = st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: "localhost" if name == "server.address" else real(name))


def test_on_ones_own_machine_a_folder_is_typed(folder, own_machine):
    app = open_page(PAGE)
    app.text_input(key="data.typed").set_value(str(folder)).run()
    assert not app.exception
    assert metrics(app)["Images"] == "10"
    app.text_input(key="data.typed").set_value("/no/such/folder").run()
    assert not app.exception
    assert shared.plain("no folder '/no/such/folder'") in texts(app.error)


def test_behind_a_proxy_nobody_types(own_machine, monkeypatch):
    monkeypatch.setattr(type(st.context), "headers", {"X-Forwarded-For": "203.0.113.7"})
    app = open_page(PAGE)
    assert not [box for box in app.text_input if box.key == "data.typed"]


def test_other_samples_and_other_changes(monkeypatch):
    app = open_page(PAGE)
    before = texts(app.caption)
    app.button(key="data.samples_again").click().run()
    assert "Drawn with seed 1" in texts(app.caption) != before
    app.button(key="data.augment_again").click().run()
    assert not app.exception
    assert app.session_state["data.augment_seed"] == 1


def test_there_is_a_slider_for_every_change_and_each_recipe_sets_its_own():
    app = open_page(PAGE)
    names = {f.name for f in dataclasses.fields(AugmentSpec)}
    for recipe in dataset_audit.recipe_table().values():
        app.selectbox(key="data.recipe").set_value(recipe.name).run()
        assert not app.exception
        shown = {s.key.rsplit(".", 1)[1]: s.value for s in app.slider if s.key.startswith("data.augment.")}
        assert shown == pytest.approx({name: getattr(recipe.augment, name) for name in names})
        assert app.code[0].value == f"python -m pneumo train {recipe.name}"


def test_a_moved_slider_is_told_to_the_command_line():
    app = open_page(PAGE)
    recipe = app.selectbox(key="data.recipe").value
    app.slider(key=f"data.augment.{recipe}.zoom").set_value(0.25).run()
    assert app.code[0].value.endswith("augment.zoom=0.25")
