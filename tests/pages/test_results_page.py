"""The Results page through AppTest: runs, patients, one threshold, cases, tests between runs, tables."""

import json
import shutil

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pneumo import runs
from pneumo.inference import robustness
from pneumo.inference.robustness import CorruptionRow, FamilyProbe, Robustness
from pneumo.metrics import classification, significance
from pneumo.runs import experiment_tables

TWO = ["pneumonia_cnn", "pneumonia_cnn_origin"]


def open_page() -> AppTest:
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=60)
    return app.run().switch_page("pages/evidence/results.py").run()


def tiles(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    return " ".join(each.value for each in [*app.caption, *app.markdown, *app.info])


def buttons(app: AppTest, key: str):
    return next(each for each in app.get("button_group") if each.key == key)


def frames(app: AppTest) -> list[list[str]]:
    return [list(frame.value.columns) for frame in app.dataframe]


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A copy of the weights folder that a test may add to."""
    folder = tmp_path / "weights"
    shutil.copytree(runs.weights_folder(), folder)
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(folder))
    return folder


def test_tiles_are_the_figures_at_the_threshold():
    app = open_page()
    result = runs.read_predictions(runs.resolve()).split("test")
    for threshold in (app.slider(key="evidence.threshold").value, 0.9):
        app.slider(key="evidence.threshold").set_value(threshold).run()
        rates = classification.rates(classification.confusion(result.labels, result.probabilities, threshold))
        assert tiles(app)["Sensitivity"] == f"{rates['sensitivity']:.3f}"
        assert tiles(app)["Specificity"] == f"{rates['specificity']:.3f}"
        assert not app.exception


def test_a_preset_sets_the_threshold_and_a_moved_slider_leaves_it():
    app, card = open_page(), runs.read_card(runs.resolve())
    preset = next(each for each in app.get("button_group") if each.key == "evidence.preset")
    preset.set_value("sensitivity95").run()
    assert app.slider(key="evidence.threshold").value == pytest.approx(card.point("sensitivity95").threshold, abs=5e-4)
    app.slider(key="evidence.threshold").set_value(0.123).run()
    assert app.session_state["evidence.preset"] is None


def test_a_cell_lists_its_cases_by_name_without_the_data_folder():
    app = open_page()
    result = runs.read_predictions(runs.resolve()).split("test")
    threshold = app.slider(key="evidence.threshold").value
    app.session_state["evidence.cell"] = "fn"
    app.run()
    missed = sorted(result.names[(result.labels == 1) & (result.probabilities < threshold)])
    listed = next(frame.value for frame in app.dataframe if "file" in frame.value.columns)
    assert sorted(listed["file"]) == missed
    assert list(listed["probability"]) == sorted(listed["probability"])  # the worst first
    assert "PNEUMO_DATA" in words(app)


def test_cases_show_their_pictures_where_the_folder_is_at_hand(tmp_path, monkeypatch, examples):
    result = runs.read_predictions(runs.resolve()).split("test")
    name = result.names[(result.labels == 0)][0]
    place = tmp_path / name
    place.parent.mkdir(parents=True)
    place.write_bytes(examples[0].data)
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path))
    app = open_page()
    app.slider(key="evidence.threshold").set_value(0.0).run()  # all NORMAL are called PNEUMONIA
    app.session_state["evidence.cell"] = "fp"
    app.run()
    assert not app.exception
    shown = [
        caption.value
        for caption in app.caption
        if name.rsplit("/", 1)[-1].split(".")[0].replace("-", "\\-") in caption.value
    ]
    probability = result.probabilities[result.names == name][0]
    worst = np.sort(result.probabilities[result.labels == 0])[::-1][:12]
    assert bool(shown) == (probability >= worst[-1])


def test_two_runs_are_tested_against_each_other():
    app = open_page()
    app.multiselect(key="evidence.runs").set_value(TWO).run()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "p (DeLong)" in frame.value.columns)
    one, two = (runs.read_predictions(runs.resolve(name)).split("test") for name in TWO)
    expected = significance.delong_test(one.labels, one.probabilities, two.probabilities)
    assert table["p (DeLong)"][0] == pytest.approx(expected.p)
    assert table["n"][0] == len(one.labels)


def test_nothing_chosen_asks_for_a_choice():
    app = open_page()
    app.multiselect(key="evidence.runs").set_value([]).run()
    assert "Choose one run or more" in words(app)
    assert not app.exception


def test_stress_and_experiments_are_shown_where_they_were_measured(weights):
    folder = weights / runs.default_name()
    sha = runs.read_card(folder).weights.sha256
    row = CorruptionRow("blur", 1, 0.98, 0.01, 0.9, 0.9)
    robustness.save(
        folder, Robustness(folder.name, sha, "validation", 100, 50, 0.5, 0.6, (row,), FamilyProbe(40, 0.6, 0.7))
    )
    tables = weights / experiment_tables.FOLDER
    tables.mkdir(exist_ok=True)
    (tables / "zz.csv").write_text("arm,labels,auroc\nscratch,0.01,0.9\n")
    (tables / "zz.json").write_text(json.dumps({"title": "Label efficiency", "kind": "labels", "note": "n = 1"}))
    app = open_page()
    assert not app.exception
    assert "n = 100 validation images of 50 patients" in words(app)
    assert "Label efficiency" in words(app)
    assert any("from grey levels" in columns for columns in frames(app))


def test_the_league_names_every_run_trained_on_people_and_what_was_reported():
    app = open_page()
    leaderboard, reported = (frame.value for frame in app.dataframe if "accuracy_ci95" in frame.value.columns)
    cards = [runs.read_card(runs.resolve(name)) for name in runs.available("classification")]
    people = {card.name for card in cards if not card.data.source.startswith("phantom")}
    assert set(leaderboard["run"]) == people
    assert set(reported["n"]) == {624}


def test_what_a_visitor_chose_outlasts_a_look_at_another_page():
    app = open_page()
    app.multiselect(key="evidence.runs").set_value(["vgg_cnn", "simple_cnn"]).run()
    buttons(app, "evidence.part").set_value("validation").run()
    app.slider(key="evidence.threshold").set_value(0.4).run()
    app.slider(key="evidence.prevalence").set_value(12).run()
    buttons(app, "evidence.figure").set_value("auroc").run()
    app.switch_page("pages/home.py").run().switch_page("pages/evidence/results.py").run()
    assert not app.exception
    assert app.multiselect(key="evidence.runs").value == ["vgg_cnn", "simple_cnn"]
    assert buttons(app, "evidence.part").value == "validation"
    assert app.slider(key="evidence.threshold").value == 0.4
    assert app.slider(key="evidence.prevalence").value == 12
    assert buttons(app, "evidence.figure").value == "auroc"
    app.multiselect(key="evidence.runs").set_value(["simple_cnn"]).run()
    assert app.slider(key="evidence.threshold").value != 0.4  # another run starts at its own threshold
