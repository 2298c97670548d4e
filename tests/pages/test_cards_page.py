"""The Model cards page through AppTest: every run, and its figures."""

import pytest

from pneumo import runs
from pneumo.runs import model_card
from tests.pages.test_pages import open_page, texts

PAGE = "pages/evidence/model_cards.py"


@pytest.mark.parametrize("name", runs.available())
def test_every_run_has_a_readable_page(name):
    app = open_page(PAGE)
    app.selectbox(key="cards.run").set_value(name).run()
    card = runs.read_card(runs.resolve(name))
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown.get("AUROC") == (f"{card.metrics['test'].auroc:.3f}" if card.metrics else None)
    written = texts(app.markdown)
    assert all(section.text in written for section in model_card.sections(card))
    assert ("The input check" in texts(app.subheader)) == (card.task == "classification")
    assert "Results" in [header.value for header in app.subheader]
    assert "not a medical device" in written
    assert len(app.json) == 0


def test_the_default_run_comes_first_and_can_be_taken_along():
    app = open_page(PAGE)
    assert app.selectbox(key="cards.run").value == runs.default_name()
    assert [b.label for b in app.get("download_button")] == ["Model card (Markdown)"]


def test_without_a_usable_run_the_page_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = open_page(PAGE)
    assert not app.exception
    assert "No model can be used" in texts(app.error)
