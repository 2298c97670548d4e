"""Home through AppTest: the result of a generated radiograph, a door to every page, and the default model without flattery."""

import dataclasses
import shutil

import pytest
import streamlit as st

from pages import home_doors, home_model
from pages.menu import MENU
from pneumo import runs
from pneumo.formatting import metric, probability, rate, score, span
from pneumo.inference import diagnosis, examples
from pneumo.runs import evaluations, names
from pneumo.runs.evaluations import ADULTS, OFFICIAL
from tests.pages.helpers import open_page, texts

PAGE = "pages/home.py"


@pytest.fixture(scope="module")
def app():
    return open_page(PAGE)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Another weights folder, empty."""
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    yield tmp_path
    st.cache_resource.clear()


def links(app) -> list[str]:
    return [link.proto.page for link in app.get("page_link")]


def test_every_page_of_the_menu_has_a_door_in_its_group(app):
    assert list(home_doors.ABOUT) == list(MENU)
    assert list(home_doors.DOORS) == [page.name for pages in MENU.values() for page in pages]
    shown = texts(app.markdown)
    for group, pages in MENU.items():
        assert f"**{group}**  \n{home_doors.ABOUT[group]}" in shown
        for page in pages:
            assert home_doors.DOORS[page.name] in shown
            assert links(app).count(page.name) >= 1


def test_three_readers_get_a_path_of_pages_that_are_there(app):
    known = {page.file for pages in MENU.values() for page in pages}
    assert [path.reader for path in home_doors.PATHS] == ["Clinician", "Teacher", "Engineer"]
    for path in home_doors.PATHS:
        assert f"{path.reader}\n{path.aim}" in texts(app.markdown)
        assert path.steps and {page for page, _ in path.steps} <= known


def test_the_ten_lines_of_python_are_those_of_the_readme_which_a_test_runs(app):
    assert home_doors.FIRST_PREDICTION in (runs.REPOSITORY / "README.md").read_text()
    assert home_doors.FIRST_PREDICTION.strip() in texts(app.code)
    assert len(home_doors.FIRST_PREDICTION.splitlines()) <= 10


def test_the_first_image_is_a_generated_radiograph_read_by_the_default_model(app):
    run, example = runs.load(), next(each for each in examples.generated_examples() if each.label == 1)
    result = diagnosis.diagnose(run, example.data, example.name, synthetic=True, generated=True)
    label = diagnosis.label_for(result, run.card.point().threshold)
    shown = texts(app.markdown)
    assert f"{label}</span>" in shown
    assert f"Probability of pneumonia: **{probability(result.probability)}**" in shown
    assert "shows no patient" in texts(app.caption)
    [image] = [image for element in app.get("image") for image in element.proto.imgs]
    assert label in image.alt


def test_what_this_is_and_what_it_is_not(app):
    assert "explained from the ground up" in texts(app.markdown)
    assert "Not a medical device" in texts(app.warning)
    assert [button.label for button in app.button] == ["Diagnose an X-ray"]


def test_the_default_model_is_named_for_people_with_its_limits_in_plain_sight(app):
    card = runs.load().card
    shown = texts(app.markdown)
    assert names.name_of(card) in shown
    assert all(limit in shown for limit in card.limits)
    assert "children aged one to five" in card.limits[0]
    assert not app.expander, "nothing that matters is folded away"
    assert card.name in texts(app.caption)


def test_metrics_are_those_of_the_official_test_with_interval_and_n_the_lowest_first(app):
    card = runs.load().card
    found = evaluations.look(runs.resolve()).current
    metrics, adults = found[OFFICIAL].metrics, found[ADULTS].metrics
    worst = min(metrics.subgroups, key=lambda group: group.value)
    positive = metrics.confusion["tp"] + metrics.confusion["fn"]
    rows = [
        (
            "Sensitivity, viral" if worst.name == "virus" else "Sensitivity, bacterial",
            worst.value,
            worst.ci95,
            worst.n,
            rate,
        ),
        ("Sensitivity", metrics.sensitivity, metrics.ci95["sensitivity"], positive, rate),
        ("AUROC", metrics.auroc, metrics.ci95["auroc"], metrics.n, score),
        ("Specificity", metrics.specificity, metrics.ci95["specificity"], metrics.n - positive, rate),
    ]
    rows.sort(key=lambda row: row[1])
    assert [(metric.label, metric.value) for metric in app.metric] == [(row[0], row[4](row[1])) for row in rows]
    captions = texts(app.caption).replace(home_model.NO_BREAK, " ")
    for _, _, interval, n, write in rows:
        assert f"95% CI {span(interval, write)}, n = {n:,}" in captions
    assert diagnosis.population(card) in texts(app.markdown)
    assert "official test" in texts(app.markdown)
    assert f"AUROC {metric(adults, 'auroc')}, n = {adults.n:,}, where 0.5 is chance" in captions
    assert f"On {card.metrics['test'].n:,} radiographs kept back" in captions


def test_the_time_of_training_says_what_it_leaves_out(app):
    card = runs.load().card
    assert card.recipe.pretrained not in runs.available()
    text = home_model.training_in_short(card)
    assert text in texts(app.markdown)
    assert f"in {card.minutes:.0f} minutes" in text
    assert f"`{card.recipe.pretrained}`), whose own training time is not included" in text

    def told(pretrained: str) -> str:
        return home_model.training_in_short(
            dataclasses.replace(card, recipe=dataclasses.replace(card.recipe, pretrained=pretrained))
        )

    assert told("none").endswith("(CPU).")
    assert told("imagenet").endswith("weights trained on ImageNet.")
    shipped = runs.read_card(runs.resolve("pneumonia_cnn"))
    assert told("pneumonia_cnn").endswith(f"trained in {shipped.minutes:.0f} minutes.")


def test_without_a_model_the_doors_are_open_all_the_same(weights):
    app = open_page(PAGE)
    assert not app.exception
    assert "No model can be used" in texts(app.error)
    assert len(links(app)) >= len(home_doors.DOORS)


def test_without_a_generator_there_is_no_image(weights):
    source = runs.REPOSITORY / "weights" / "first_steps"
    shutil.copytree(source, weights / source.name)
    (weights / runs.DEFAULT_FILE).write_text(source.name)
    app = open_page(PAGE)
    assert not app.exception
    assert not app.get("image")
    assert runs.read_card(source).limits[0] in texts(app.markdown)
