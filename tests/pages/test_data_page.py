"""The Data page through AppTest: the set of the shipped runs at first sight, phantoms, and folders where they may be named."""

import dataclasses

import numpy as np
import pytest
import streamlit as st

from pages import access, shared
from pages.evidence import data_numbers
from pneumo import runs
from pneumo.images import radiograph
from pneumo.inference import dataset_audit, dataset_cues, dataset_findings, dataset_summary
from pneumo.schema import AugmentSpec
from tests.pages.helpers import leave_and_come_back, open_page, texts, tiles

PAGE = "pages/evidence/data.py"
TABS = ["Classes and split", "Patients", "Sizes and copies", "Brightness", "Samples", "Augmentation"]


@pytest.fixture(autouse=True)
def few_phantoms(monkeypatch):
    """Enough to see everything, and quick."""
    monkeypatch.setattr(dataset_audit, "PHANTOMS", "phantom:24")
    monkeypatch.delenv(dataset_audit.SOURCE_VARIABLE, raising=False)


@pytest.fixture
def folder(tmp_path):
    """Eight images of noise in train and test, one copied from one into the other, one unreadable."""
    rng = np.random.default_rng(0)
    for n in range(8):
        blob = radiograph.encode_png(rng.integers(0, 255, (40, 50 + n), dtype=np.uint8))
        for split in ("train", "test") if n == 0 else ("train",):
            where = tmp_path / split / ("NORMAL", "PNEUMONIA")[n % 2]
            where.mkdir(parents=True, exist_ok=True)
            (where / f"patient{n}.png").write_bytes(blob)
    (tmp_path / "train" / "NORMAL" / "bad.png").write_bytes(b"nonsense")
    return tmp_path


@pytest.fixture
def own_machine(monkeypatch):
    """A server that listens to its own machine only, started with the switch for folders."""
    real = st.get_option
    monkeypatch.setenv(access.SWITCH, "1")
    monkeypatch.setattr(st, "get_option", lambda name: "localhost" if name == "server.address" else real(name))


@pytest.fixture(scope="module")
def stored() -> dataset_summary.DataSetSummary:
    return dataset_summary.for_run(runs.load().card)


def choose(app, source: str):
    app.get("button_group")[0].set_value(source).run()
    return app


def open_tab(app, title: str):
    app.session_state["data.tab"] = title
    return app.run()


def alternative_texts(app) -> str:
    return "\n".join(image.alt for element in app.get("image") for image in element.proto.imgs)


# --- the set of the shipped runs --------------------------------------------------------------------------


def test_the_set_of_the_shipped_runs_at_first_sight(stored):
    app = open_page(PAGE)
    assert not app.exception
    assert [tab.label for tab in app.tabs] == TABS
    assert app.session_state["data.source"] == "stored"
    assert tiles(app) == {
        "Images": "5,216",
        "Patients": "2,635",
        "Imbalance": "2.9 : 1",
        "Surplus copies": "26",
        "Unreadable": "0",
    }
    assert "What the models learned from" in texts(app.markdown)
    assert shared.plain(stored.data.citation) in texts(app.caption)


def test_the_conclusions_are_computed_from_the_stored_numbers(stored):
    shown = texts(open_page(PAGE).markdown)
    found = dataset_findings.conclusions(stored)
    assert len(found) == 4
    assert all(f"**{headline}** {text}" in shown for headline, text in found)


def test_every_finding_stands_in_one_of_the_tabs(stored):
    app, shown = open_page(PAGE), ""
    for title in TABS[:4]:
        shown += texts(open_tab(app, title).markdown)
        assert not app.exception
    for topic, text in dataset_findings.findings_by_topic(stored).items():
        assert shared.plain(text) in shown, topic


def test_brightness_says_what_the_numbers_say(stored):
    """Mean brightness is no shortcut here; eight grey-level statistics together are one."""
    app = open_tab(open_page(PAGE), "Brightness")
    shown = texts(app.markdown).replace("\\", "")
    assert (stored.cue("brightness").auroc < 0.55, stored.cue("grey_levels").auroc > 0.9) == (True, True)
    assert f"Brightness alone hardly separates the classes: AUROC {stored.cue('brightness').auroc:.3f}" in shown
    assert f"AUROC {stored.cue('grey_levels').auroc:.3f}" in shown
    assert set(data_numbers.CUES) == set(dataset_cues.TITLES)


def test_only_the_open_tab_is_computed(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("samples were drawn for a tab that is closed")

    monkeypatch.setattr("pages.evidence.data_images.samples_of", fail)
    app = open_page(PAGE)
    assert not app.exception
    assert not app.get("image")


def test_samples_of_the_stored_set_are_generated_and_say_so():
    app = open_tab(open_page(PAGE), "Samples")
    assert not app.exception
    assert "are not part of this project. **These are synthetic:**" in texts(app.markdown)
    assert alternative_texts(app).splitlines() == [
        "8 generated radiographs of the class NORMAL.",
        "8 generated radiographs of the class PNEUMONIA.",
    ]
    before = [image.url for element in app.get("image") for image in element.proto.imgs]
    app.button(key="data.samples_again").click().run()
    assert [image.url for element in app.get("image") for image in element.proto.imgs] != before


def test_augmentation_starts_with_the_default_models_recipe():
    app = open_tab(open_page(PAGE), "Augmentation")
    assert not app.exception
    card = runs.load().card
    assert app.selectbox(key="data.recipe").value == card.recipe.name
    assert "it is randomly rotated, shifted, brightened or degraded" in texts(app.markdown)
    assert "Original (synthetic, 128 × 128 pixels)" in alternative_captions(app)
    shown = {s.key.rsplit(".", 1)[1]: s.value for s in app.slider}
    assert shown == pytest.approx(dataclasses.asdict(card.recipe.augment))


def alternative_captions(app) -> list[str]:
    return [image.caption for element in app.get("image") for image in element.proto.imgs]


def test_without_a_stored_set_it_starts_with_phantoms(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    app = open_page(PAGE)
    st.cache_resource.clear()
    assert not app.exception
    assert app.session_state["data.source"] == "phantoms"
    assert tiles(app)["Images"] == "24"


# --- phantoms and folders ---------------------------------------------------------------------------------


def test_phantoms_beside_it_and_the_choice_outlasts_a_look_at_another_page():
    app = choose(open_page(PAGE), "phantoms")
    assert not app.exception
    assert tiles(app)["Images"] == "24"
    assert "Drawn by a program, no patients" in texts(app.caption).replace("\\", "")
    assert "No file occurs twice (n = 24)" in texts(open_tab(app, "Sizes and copies").markdown).replace("\\", "")
    assert "6 images of the class NORMAL." in alternative_texts(open_tab(app, "Samples"))
    app = leave_and_come_back(app, PAGE)
    assert tiles(app)["Images"] == "24"


def test_a_named_folder(folder, monkeypatch):
    monkeypatch.setenv(dataset_audit.SOURCE_VARIABLE, str(folder))
    app = choose(open_page(PAGE), "folder")
    assert not app.exception
    shown = tiles(app)
    assert (shown["Images"], shown["Surplus copies"], shown["Unreadable"]) == ("10", "1", "1")
    assert str(folder) not in texts(app.markdown) + texts(app.caption)
    split = next(each for each in app.get("button_group") if each.key == "data.split")
    split.set_value(data_numbers.OWN).run()
    assert not app.exception
    open_tab(app, "Sizes and copies")
    assert app.dataframe[1].value["splits"].tolist() == ["test, train"]


def test_what_was_passed_over_and_noticed_in_a_folder_is_said_once(folder, monkeypatch):
    (folder / "train" / "COVID *x*").mkdir()
    (folder / "train" / "COVID *x*" / "a.png").write_bytes(b"x")
    monkeypatch.setenv(dataset_audit.SOURCE_VARIABLE, str(folder))
    app = choose(open_page(PAGE), "folder")
    [box] = app.warning
    assert "passed over 'train/COVID \\*x\\*' \\(1 file\\)" in box.value
    assert "The image is under 128 pixels" in box.value
    assert not choose(open_page(PAGE), "phantoms").warning


@pytest.mark.parametrize("typed", ["a\0b", "x" * 300_000, "x" * 300, "hub:" + "x" * 5000, "hub:../x"])
def test_whatever_is_typed_is_one_sentence_and_in_no_log(own_machine, monkeypatch, caplog, typed):
    monkeypatch.setenv("PNEUMO_FOLDERS", "1")
    app = choose(open_page(PAGE), "folder")
    app.text_input(key="data.typed").set_value(typed).run()
    assert not app.exception
    [said] = app.error
    assert len(said.value) < 600
    assert not [record for record in caplog.records if typed[:20] in record.getMessage()]


def test_nobody_types_a_folder_on_an_open_server():
    app = choose(open_page(PAGE), "folder")
    assert not app.text_input
    assert dataset_audit.SOURCE_VARIABLE in texts(app.info)
    assert not app.tabs


def test_on_ones_own_machine_a_folder_is_typed(folder, own_machine):
    app = choose(open_page(PAGE), "folder")
    app.text_input(key="data.typed").set_value(str(folder)).run()
    assert not app.exception
    assert tiles(app)["Images"] == "10"
    app.text_input(key="data.typed").set_value("/no/such/folder").run()
    assert not app.exception
    assert shared.plain("no folder '/no/such/folder'") in texts(app.error)


def test_behind_a_proxy_nobody_types(own_machine, monkeypatch):
    monkeypatch.setattr(type(st.context), "headers", {"X-Forwarded-For": "203.0.113.7"})
    assert not choose(open_page(PAGE), "folder").text_input


# --- augmentation -----------------------------------------------------------------------------------------


def test_new_changes_of_the_same_image():
    app = open_tab(open_page(PAGE), "Augmentation")
    before = [image.url for element in app.get("image") for image in element.proto.imgs]
    app.button(key="data.augment_again").click().run()
    after = [image.url for element in app.get("image") for image in element.proto.imgs]
    assert not app.exception
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


def test_there_is_a_slider_for_every_change_and_each_recipe_sets_its_own():
    app = open_tab(open_page(PAGE), "Augmentation")
    names = {f.name for f in dataclasses.fields(AugmentSpec)}
    for recipe in dataset_audit.recipe_table().values():
        app.selectbox(key="data.recipe").set_value(recipe.name).run()
        assert not app.exception
        shown = {s.key.rsplit(".", 1)[1]: s.value for s in app.slider if s.key.startswith("data.augment.")}
        assert shown == pytest.approx({name: getattr(recipe.augment, name) for name in names})
        assert app.code[0].value == f"python -m pneumo train {recipe.name}"
        assert ("This recipe changes nothing" in alternative_captions(app)) == (recipe.augment == AugmentSpec())


def test_a_moved_slider_is_told_to_the_command_line():
    app = open_tab(open_page(PAGE), "Augmentation")
    recipe = app.selectbox(key="data.recipe").value
    app.slider(key=f"data.augment.{recipe}.zoom").set_value(0.25).run()
    assert app.code[0].value.endswith("augment.zoom=0.25")
