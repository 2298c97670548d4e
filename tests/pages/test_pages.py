"""Every page through AppTest, on the runs in the repository."""

import pytest

from pneumo import runs
from tests.pages.helpers import leave_and_come_back, open_page, texts

PAGES = (
    "pages/clinic/diagnose.py",
    "pages/evidence/results.py",
)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_an_exception(page):
    app = open_page(page)
    assert not app.exception
    assert len(app.title) == 1


@pytest.mark.parametrize("page", PAGES)
def test_without_a_usable_run_a_page_says_what_to_do(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = open_page(page)
    assert not app.exception
    assert "No model can be used" in texts(app.error)


def test_evidence_follows_the_part():
    app, card = open_page("pages/evidence/results.py"), runs.load().card
    assert {m.label: m.value for m in app.metric}["AUROC"] == f"{card.metrics['test'].auroc:.3f}"
    app.get("button_group")[0].set_value("validation").run()
    assert {m.label: m.value for m in app.metric}["AUROC"] == f"{card.metrics['validation'].auroc:.3f}"
    assert not app.exception


def test_the_place_of_the_window_outlasts_a_look_at_another_page():
    app = open_page("pages/classroom/convolution.py")
    app.slider(key="convolution.row").set_value(3).run()
    app.button(key="convolution.step").click().run()
    app.selectbox(key="convolution.picture").set_value(2).run()
    app = leave_and_come_back(app, "pages/classroom/convolution.py")
    assert (app.slider(key="convolution.row").value, app.slider(key="convolution.column").value) == (3, 7)
    assert app.selectbox(key="convolution.picture").value == 2
