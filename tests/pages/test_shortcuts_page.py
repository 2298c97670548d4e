"""Shortcut lab through AppTest: what its text says is what was measured, and what a model says waits for a prediction."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.classroom import shortcuts_rates
from pneumo import runs
from pneumo.inference import robustness
from tests.pages.helpers import open_page, texts

PAGE = "pages/classroom/shortcuts.py"


@pytest.fixture
def app():
    return open_page(PAGE)


def go_to(app, part: str):
    app.segmented_control(key="shortcuts.section").set_value(part).run()
    assert not app.exception
    return app


def test_it_opens_with_an_r_and_the_result_hidden(app):
    assert not app.exception and not app.error
    assert [title.value for title in app.title] == ["Shortcut lab"]
    app.button(key="shortcuts.show").click().run()
    assert not app.exception
    assert "shortcuts.show" not in [button.key for button in app.button]


def test_the_numbers_of_the_text_are_those_of_the_default_runs_robustness():
    measured = robustness.read(runs.resolve())
    rows = {(row.corruption, row.severity): row for row in measured.rows}
    facts = shortcuts_rates.facts()
    assert (facts["normals"], facts["clean"]) == ("61", "0.984")
    assert (facts["frame"], facts["crop"], facts["inverted"]) == ("0.836", "0.705", "0.082")
    assert facts["crop_auroc"] == f"{rows['crop', 2].auroc:.3f}" == "0.999"
    assert rows["inverted", 1].specificity == min(
        rows[each].specificity for each in (("border", 2), ("crop", 2), ("inverted", 1))
    ), "the prediction's third answer is the right one"


def test_no_model_withstands_every_corruption():
    """As part 3 says: no column is dark throughout."""
    for name, measured in shortcuts_rates._all_measured().items():
        assert min(row.specificity for row in measured.rows if row.severity == 2) < 0.9, name


def test_a_prediction_reveals_and_opens_the_charts(app):
    go_to(app, "recorded")
    assert any("Predict first" in info.value for info in app.info)
    app.radio(key="shortcuts.predicted").set_value(2).run()
    app.button(key="shortcuts.commit").click().run()
    assert not app.exception
    assert "That is right" in texts(app.success)
    assert "0.082" in texts(app.markdown)
    assert not app.info


def test_a_rate_comes_with_n_and_interval(app):
    go_to(app, "rates")
    assert "of 40**" in texts(app.markdown) and "of 20 without" in texts(app.markdown)
    app.selectbox(key="shortcuts.kind").set_value("patch").run()
    assert app.toggle(key="shortcuts.on_lesion").value
    assert not app.exception


def test_an_address_gives_the_change_back():
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=60).switch_page(PAGE)
    app.query_params["part"], app.query_params["rates"] = "rates", '{"kind":"crop","strength":0.8}'
    app.run()
    assert not app.exception
    assert app.selectbox(key="shortcuts.kind").value == "crop"
    assert app.slider(key="shortcuts.strength.crop").value == 0.8
    app.selectbox(key="shortcuts.kind").set_value("blur").run()
    assert '"blur"' in str(app.query_params["rates"])


def test_the_two_models_are_named_after_the_answer_only(app):
    go_to(app, "two")
    said = texts(app.markdown)
    assert "Marker reader" not in said and "First steps" not in said
    app.radio(key="shortcuts.reader").set_value("A").run()
    app.button(key="shortcuts.two.commit").click().run()
    assert not app.exception
    said = texts(app.markdown)
    assert "Marker reader" in said and "First steps" in said
    app.button(key="shortcuts.two.again").click().run()
    assert app.query_params["seed"] != ["1"]
    assert app.radio(key="shortcuts.reader").value is None


def test_other_models_lists_do_not_name_the_reader(app):
    assert "marker_reader" not in app.selectbox(key="shortcuts.run").options


@pytest.mark.parametrize(
    "lab",
    [
        "{",
        "[1]",
        '{"kind":"magic"}',
        '{"kind":["letter"]}',
        '{"kind":"letter","strength":9,"row":"x","column":true}',
        '{"kind":"exposure","other":-1}',
        '{"kind":"letter","strength":NaN}',
    ],
)
def test_a_bad_address_is_no_error(lab):
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=60).switch_page(PAGE)
    app.query_params["lab"] = lab
    app.run()
    assert not app.exception and not app.error


def test_without_runs_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    app = open_page(PAGE)
    st.cache_resource.clear()
    assert not app.exception
    assert app.error
