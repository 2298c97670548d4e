"""Transfer learning through AppTest: parts, what waits for a prediction, addresses that nobody should send."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pneumo import runs
from tests.pages.helpers import open_page, texts

PAGE = "pages/classroom/transfer.py"


@pytest.fixture
def app():
    return open_page(PAGE)


def go_to(app, part: str):
    app.segmented_control(key="transfer.section").set_value(part).run()
    assert not app.exception
    return app


def test_it_opens_with_a_head_to_teach(app):
    assert not app.exception and not app.error
    assert [title.value for title in app.title] == ["Transfer learning"]
    assert "into 512 numbers" in texts(app.markdown)
    assert app.selectbox(key="transfer.run").value == "resnet18_frozen"


def test_another_encoder_has_other_features(app):
    app.selectbox(key="transfer.run").set_value("first_steps").run()
    assert not app.exception
    assert "into 128 numbers" in texts(app.markdown)


def test_the_numbers_of_b7_are_in_the_details(app):
    app.toggle(key="classroom.details").set_value(True).run()
    go_to(app, "layers")
    said = texts(app.markdown)
    assert all(number in said for number in ("63,789,521", "2,561", "17.6%", "11,170,753", "513", "1,026"))


def test_the_curves_wait_for_a_prediction(app):
    go_to(app, "labels")
    assert any("Predict first" in info.value for info in app.info)
    app.radio(key="transfer.predicted").set_value(3).run()
    app.button(key="transfer.commit").click().run()
    assert not app.exception and not app.info
    assert "That is right" in texts(app.success)
    assert "**0.983**" in texts(app.markdown)
    assert len(app.dataframe[0].value) == 12


@pytest.mark.parametrize(
    "query",
    [
        {"head": "{"},
        {"head": '{"source":7,"picks":"NNN","at":-1}'},
        {"head": '{"source":true,"picks":5,"at":"x"}'},
        {"part": "layers", "layers": '{"name":["x"],"share":NaN}'},
        {"part": "layers", "layers": '{"name":"magic","share":2}'},
    ],
)
def test_a_bad_address_is_no_error(query):
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=60).switch_page(PAGE)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception and not app.error


def test_without_runs_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    app = open_page(PAGE)
    st.cache_resource.clear()
    assert not app.exception
    assert any("needs a classifier" in info.value for info in app.info)
