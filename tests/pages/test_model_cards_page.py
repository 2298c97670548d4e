"""The Model cards page through AppTest: every run, its contents and its metrics."""

import re
import shutil

import pytest
from streamlit.testing.v1 import AppTest

from pneumo import runs
from pneumo.formatting import rate, score
from pneumo.runs import evaluations, model_card
from pneumo.runs.names import name_of
from tests.pages.test_pages import open_page, texts

PAGE = "pages/evidence/model_cards.py"


def squeezed(text: str) -> str:
    """Without spaces, line breaks and the fences of code, which the page lays out its own way."""
    return re.sub(r"\s+|```\w*", "", text)


@pytest.fixture(scope="module")
def app() -> AppTest:
    """One visitor who looks at one card after the other."""
    return open_page(PAGE)


@pytest.mark.parametrize("name", runs.available())
def test_every_run_has_a_readable_page(app, name):
    app.selectbox(key="cards.run").set_value(name).run()
    card = runs.read_card(runs.resolve(name))
    assert not app.exception
    assert app.header[0].value == name_of(card)
    assert f"Run {name}" in texts(app.caption).replace("\\", "")
    shown = {metric.label: metric.value for metric in app.metric}
    card = evaluations.with_sets(card, evaluations.look(runs.resolve(card.name)).current)
    metrics = card.metrics[evaluations.in_order(card.metrics)[0]] if card.metrics else None
    assert shown.get("AUROC") == (score(metrics.auroc) if metrics else None)
    assert shown.get("Sensitivity") == (rate(metrics.sensitivity) if metrics else None)
    written = squeezed(texts([*app.markdown, *app.code]))
    for section in model_card.sections(card):
        assert all(squeezed(part) in written for part in re.split(r"```\w*", section.text)), section.title
    assert "Results" in [header.value for header in app.subheader]
    assert "not a medical device" in texts(app.markdown)


@pytest.mark.parametrize("name", ["resnet18_fine_tuned", "conv_gan", "vae_32"])
def test_contents_lead_to_every_section(app, name):
    app.selectbox(key="cards.run").set_value(name).run()
    contents = next(each.value for each in app.markdown if each.value.startswith("**Contents:**"))
    links = re.findall(r"\[([^\]]+)\]\(#([\w-]+)\)", contents)
    assert [title.replace("\\", "") for title, _ in links] == [header.value for header in app.subheader]
    assert [anchor for _, anchor in links] == [header.anchor for header in app.subheader]
    assert len({anchor for _, anchor in links}) == len(links)


def test_commands_wrap_on_a_phone():
    app = open_page(PAGE)
    assert all("```" not in each.value for each in app.markdown)
    assert "python -m pneumo predict" in texts(app.code)


def test_the_default_run_comes_first_and_can_be_downloaded():
    app = open_page(PAGE)
    chosen = app.selectbox(key="cards.run")
    assert chosen.value == runs.default_name()
    assert chosen.options[0] == f"{name_of(runs.read_card(runs.resolve()))} (default)"
    assert [b.label for b in app.get("download_button")] == ["Download (Markdown)"]


def test_one_damaged_card_leaves_the_others_within_reach(tmp_path, monkeypatch):
    for name in (runs.default_name(), "simple_cnn"):
        shutil.copytree(runs.resolve(name), tmp_path / name)
    (tmp_path / runs.DEFAULT_FILE).write_text(runs.default_name())
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    (tmp_path / "simple_cnn" / runs.CARD_FILE).write_text("{}")
    app = open_page(PAGE)
    assert not app.exception
    assert app.header[0].value == "ResNet-18, fine-tuned"
    assert len(app.selectbox(key="cards.run").options) == 1
    told = texts(app.markdown).replace("\\", "")
    assert "simple_cnn" in told and runs.CARD_FILE in told


def test_without_a_usable_run_the_page_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = open_page(PAGE)
    assert not app.exception
    assert "No model can be used" in texts(app.error)
