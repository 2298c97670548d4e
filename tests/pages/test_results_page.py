"""The Results page through AppTest: models, five tabs with a conclusion each, one threshold, cases, tests between runs."""

import json
import shutil

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pneumo import plots, runs
from pneumo.formatting import metric, rate, score
from pneumo.inference import robustness
from pneumo.inference.robustness import CorruptionRow, FamilyProbe, Robustness
from pneumo.metrics import calibration, classification, conclusions, recalibration, significance
from pneumo.runs import evaluations, experiment_tables
from pneumo.runs.evaluations import ADULTS, OFFICIAL
from pneumo.runs.names import name_of
from tests.pages.test_pages import open_page, texts

PAGE = "pages/evidence/results.py"
TRAVEL = "How far does it travel?"
TABS = ("Accuracy", TRAVEL, "Calibration", "Robustness", "Training")
TWO = ["pneumonia_cnn", "pneumonia_cnn_origin"]


def open_tab(tab: str, app: AppTest | None = None) -> AppTest:
    app = app or open_page(PAGE)
    app.session_state["results.tab"] = tab
    return app.run()


def words(app: AppTest) -> str:
    """What a visitor reads, without the marks that keep Markdown harmless."""
    return texts([*app.caption, *app.markdown, *app.info]).replace("\\", "").replace("**", "")


def tiles(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def buttons(app: AppTest, key: str):
    return next(each for each in app.get("button_group") if each.key == key)


def frame(app: AppTest, column: str):
    """The table that has this column."""
    return next(each.value for each in app.dataframe if column in each.value.columns)


def official_test(name: str | None = None):
    return evaluations.predictions(runs.resolve(name), OFFICIAL)


def with_sets(name: str | None = None):
    folder = runs.resolve(name)
    card = runs.read_card(folder)
    return evaluations.with_sets(card, evaluations.look(folder, card).current)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A copy of the weights folder that a test may change."""
    folder = tmp_path / "weights"
    shutil.copytree(runs.weights_folder(), folder)
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(folder))
    return folder


# --- the tabs and their conclusions -----------------------------------------------------------------------


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_computes_its_own_content_only(tab):
    app = open_tab(tab)
    assert not app.exception
    assert not app.error
    shown = {
        "Accuracy": any(each.key == "results.threshold" for each in app.slider),
        TRAVEL: any(each.key == "results.travel" for each in app.get("button_group")),
        "Calibration": any("before" in each.value.columns for each in app.dataframe),
        "Robustness": any(each.key == "results.corrupted" for each in app.get("button_group")),
        "Training": any(each.key == "results.metric" for each in app.selectbox),
    }
    assert [name for name, there in shown.items() if there] == [tab]


def test_accuracy_concludes_with_misses_first_and_why_the_threshold_is_so():
    app, card, result = open_page(PAGE), runs.read_card(runs.resolve()), official_test()
    counts = classification.confusion(result.labels, result.probabilities, card.point().threshold)
    assert conclusions.accuracy(name_of(card), counts) in words(app)
    virus = (result.subtypes == "virus") & (result.labels == 1)
    missed = int((result.probabilities[virus] < card.point().threshold).sum())
    bacteria = (result.subtypes == "bacteria") & (result.labels == 1)
    others = int((result.probabilities[bacteria] < card.point().threshold).sum())
    assert f"{others} of {bacteria.sum()}" in words(app) and f"{missed} of {virus.sum()}" in words(app)
    assert conclusions.default_point(card) in words(app)
    assert f"Measured on {len(result.labels)} radiographs of {len(set(result.patients))} patients" in words(app)
    assert f"run {card.name}" in words(app)
    assert card.limits[0] in words(app), "from one hospital, children"


def test_calibration_concludes_with_the_error():
    app, result = open_tab("Calibration"), official_test()
    name = name_of(runs.read_card(runs.resolve()))
    assert conclusions.calibrated(name, result.labels, result.probabilities) in words(app)
    assert frame(app, "before")["ece"][0] == pytest.approx(calibration.ece(result.labels, result.probabilities))


def test_robustness_concludes_with_the_worst_corruption():
    app, folder = open_tab("Robustness"), runs.resolve()
    measured = robustness.read(folder)
    text = conclusions.robust(
        name_of(runs.read_card(folder)), measured.rows, plots.CORRUPTION_TITLES, measured.threshold
    )
    assert text in words(app)
    assert f"{measured.n} {measured.split} images of {measured.patients} patients" in words(app)


def test_training_concludes_with_the_gap_and_what_the_minutes_leave_out():
    app, card = open_tab("Training"), runs.read_card(runs.resolve())
    assert conclusions.trained(name_of(card), runs.read_history(runs.resolve()), card.best_epoch).replace(
        "**", ""
    ) in words(app)
    assert "not counting the pretraining of resnet18_encoder" in words(app)


def test_the_page_claims_nothing_of_the_published_results():
    app = open_page(PAGE)
    assert "none is typed in" not in words(app)
    assert "are from the literature" in words(app)
    assert "sick" not in words(app) and "healthy" not in words(app)


def test_an_ensemble_has_no_training_of_its_own():
    app = open_page(PAGE)
    app.multiselect(key="results.runs").set_value(["ensemble"]).run()
    app = open_tab("Training", app)
    assert "An ensemble is not trained itself" in words(app)
    assert not app.exception


# --- one threshold ----------------------------------------------------------------------------------------


def test_one_threshold_moves_rates_people_and_kinds():
    app, result = open_page(PAGE), official_test()
    for threshold in (app.slider(key="results.threshold").value, 0.9, 0.05):
        app.slider(key="results.threshold").set_value(threshold).run()
        rates = classification.rates(classification.confusion(result.labels, result.probabilities, threshold))
        shown = tiles(app)
        assert shown["Sensitivity"] == rate(rates["sensitivity"])
        assert shown["Specificity"] == rate(rates["specificity"])
        assert shown["F1"] == score(rates["f1"])
        people = plots.people_counts(rates["sensitivity"], rates["specificity"], 0.3)
        assert f"Of 300 patients with pneumonia {people['fn'] or 'none'} would be missed" in words(app)
        virus = result.probabilities[(result.subtypes == "virus") & (result.labels == 1)]
        kinds = frame(app, "missed").set_index("kind")
        assert kinds.loc["viral pneumonia", "missed"] == pytest.approx(100 * (virus < threshold).mean())
        assert list(kinds["missed"]) == sorted(kinds["missed"], reverse=True), "the worst first"
        assert not app.exception


def test_intervals_stand_with_the_rates():
    app, result = open_page(PAGE), official_test()
    threshold = app.slider(key="results.threshold").value
    counts = classification.confusion(result.labels, result.probabilities, threshold)
    interval = significance.wilson(counts["tp"], counts["tp"] + counts["fn"])
    sensitivity = next(metric for metric in app.metric if metric.label == "Sensitivity")
    assert sensitivity.delta == f"{interval.low:.1%} to {interval.high:.1%}"


def test_an_operating_point_sets_the_threshold_and_a_moved_slider_leaves_it():
    app, card = open_page(PAGE), runs.read_card(runs.resolve())
    app.selectbox(key="results.point").set_value("youden").run()
    assert app.slider(key="results.threshold").value == pytest.approx(card.point("youden").threshold, abs=5e-4)
    app.slider(key="results.threshold").set_value(0.123).run()
    assert app.selectbox(key="results.point").value == "own"


def test_metrics_follow_the_patients():
    app, card = open_page(PAGE), with_sets()
    shown = buttons(app, "results.patients")
    assert shown.options[0] == "Official test", "what says most about other patients stands first"
    for name, places in (
        (OFFICIAL, 2),
        (ADULTS, 2),
        ("test", 3),
        ("validation", 3),
    ):  # the files round what areas come from
        buttons(app, "results.patients").set_value(name).run()
        assert float(tiles(app)["AUROC"]) == pytest.approx(card.metrics[name].auroc, abs=10**-places / 2)
    assert "so the metrics are optimistic" in words(app)
    assert not app.exception


# --- cases ------------------------------------------------------------------------------------------------


def test_a_cell_lists_its_cases_by_name_without_the_data_folder():
    app, result = open_page(PAGE), official_test()
    threshold = app.slider(key="results.threshold").value
    app.session_state["results.cell"] = "fn"
    app.run()
    missed = result.names[(result.labels == 1) & (result.probabilities < threshold)]
    listed = frame(app, "File")
    assert sorted(listed["File"]) == sorted(missed)
    assert list(listed["Probability"]) == sorted(listed["Probability"])  # the worst first
    assert f"Missed: PNEUMONIA called NORMAL: {len(missed)} cases" in words(app)
    assert "PNEUMO_DATA" in words(app)


def test_cases_show_their_images_where_the_folder_is_at_hand(tmp_path, monkeypatch, examples):
    result = runs.read_predictions(runs.resolve()).split("test")
    normal = result.labels == 0
    name = result.names[normal][np.argmax(result.probabilities[normal])]  # the most surprising one
    place = tmp_path / name
    place.parent.mkdir(parents=True)
    place.write_bytes(examples[0].data)
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path))
    app = open_page(PAGE)
    buttons(app, "results.patients").set_value("test").run()
    app.slider(key="results.threshold").set_value(0.0).run()  # all NORMAL are called PNEUMONIA
    app.session_state["results.cell"] = "fp"
    app.run()
    assert not app.exception
    assert f"{name.rsplit('/', 1)[-1]}: {result.probabilities[normal].max():.3f}" in words(app)
    assert "PNEUMO_DATA" not in words(app)


# --- several runs, tables ---------------------------------------------------------------------------------


def test_two_runs_are_tested_against_each_other():
    app = open_page(PAGE)
    app.multiselect(key="results.runs").set_value(TWO).run()
    assert not app.exception
    table = frame(app, "p_delong")
    one, two = map(official_test, TWO)
    expected = significance.delong_test(one.labels, one.probabilities, two.probabilities)
    assert table["p_delong"][0] == pytest.approx(expected.p)
    assert table["n"][0] == len(one.labels)
    for tab in TABS[1:]:
        assert not open_tab(tab, app).exception


def test_the_leaderboard_has_every_run_trained_on_people_under_its_name_for_people():
    app = open_page(PAGE)
    buttons(app, "results.patients").set_value("test").run()
    table = frame(app, "auroc_ci95")
    cards = [runs.read_card(runs.resolve(name)) for name in runs.available("classification")]
    people = {card.name: name_of(card) for card in cards if not card.data.source.startswith("phantom")}
    assert set(table["run"]) == set(people)
    assert list(table["auroc"]) == sorted(table["auroc"], reverse=True)
    for run, model in zip(table["run"], table["model"], strict=True):
        assert model == people[run] + (" (default)" if run == runs.default_name() else "")
    default = table.set_index("run").loc[runs.default_name()]
    card = runs.read_card(runs.resolve())
    assert default["sensitivity"] == pytest.approx(100 * card.metrics["test"].sensitivity), "written as 93.4%"


def test_the_leaderboard_ranks_on_the_official_test_among_published_results():
    table = frame(open_page(PAGE), "source")
    assert set(table["n"]) == {624}
    ours = table[table["source"] == "this project"]
    assert len(ours) == len({each for each in runs.available("classification") if OFFICIAL in with_sets(each).metrics})
    areas = [value for value in table["auroc"] if value == value]
    assert areas == sorted(areas, reverse=True)
    assert any("Kermany" in each for each in table["source"])
    assert "from the literature, on the same 624 radiographs" in words(open_page(PAGE))


# --- how far it travels -----------------------------------------------------------------------------------


def test_every_figure_of_the_travel_view_is_that_of_the_files():
    app = open_tab(TRAVEL)
    for field in ("auroc", "specificity", "ece"):
        buttons(app, "results.travel").set_value(field).run()
        table = frame(app, OFFICIAL).set_index("run")
        for name in runs.available("classification"):
            card = with_sets(name)
            if card.data.source.startswith("phantom"):
                continue
            for which in (OFFICIAL, ADULTS, "test"):
                expected = metric(card.metrics[which], field) if which in card.metrics else None
                shown = table.loc[name, which]
                assert shown == expected or (expected is None and shown != shown)
    assert "no better than chance" in words(app)
    assert not app.exception


def test_sets_of_other_weights_are_named_and_left_out(weights):
    path = weights / runs.default_name() / evaluations.FOLDER / f"{OFFICIAL}.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"weights_sha256": "0" * 64}))
    app = open_page(PAGE)
    assert not app.exception
    assert any("measured with other weights" in each for each in words(app).splitlines())
    assert "Official test" not in buttons(app, "results.patients").options


def test_a_table_of_local_cases_gives_a_threshold_and_what_it_gains(monkeypatch):
    monkeypatch.setattr(recalibration, "ROUNDS", 20)
    app = open_tab(TRAVEL)
    table = results_recalibrate_example()
    app.file_uploader(key="results.local").set_value(("local.csv", table, "text/csv")).run()
    assert not app.exception and not app.error
    assert {"Sensitivity", "Specificity", "Calibration error"} <= tiles(app).keys()
    app.button(key="results.use_threshold").click().run()
    kept = app.session_state["kept"]
    assert kept["diagnose.point"] == "own" and 0 < kept["diagnose.threshold"] < 1
    app.file_uploader(key="results.local").set_value(("local.csv", b"a,b\n1,2\n", "text/csv")).run()
    assert "No column with the truth" in app.error[0].value


def results_recalibrate_example() -> bytes:
    known = official_test()
    rows = [
        f"{p:.6f};{'PNEUMONIA' if label else 'NORMAL'}"
        for p, label in zip(known.probabilities, known.labels, strict=True)
    ]
    return "\n".join(["probability;truth", *rows[::8]]).encode("utf-8-sig")


def test_robustness_and_experiments_are_shown_where_they_were_measured(weights):
    folder = weights / runs.default_name()
    sha = runs.read_card(folder).weights.sha256
    rows = (CorruptionRow("clean", 0, 0.99, 0.0, 0.95, 0.99), CorruptionRow("blur", 1, 0.98, 0.01, 0.9, 0.8))
    robustness.save(
        folder, Robustness(folder.name, sha, "validation", 100, 50, 0.5, 0.6, rows, FamilyProbe(40, 0.6, 0.7))
    )
    tables = weights / experiment_tables.FOLDER
    (tables / "aa.csv").write_text("fold,sensitivity\n1,0.9\n")
    (tables / "aa.json").write_text(json.dumps({"title": "Folds of a test", "kind": "table", "note": "n = 1"}))
    app = open_tab("Robustness")
    assert not app.exception
    assert "100 validation images of 50 patients" in words(app)
    assert "“Blur, severity 1”" in words(app)
    assert frame(app, "greys")["features"][0] == 0.6
    (folder / robustness.FILE).unlink()
    assert "Not measured for these models" in words(app.run())
    app = open_tab("Training", app)
    assert app.selectbox(key="results.experiment").options[0] == "Folds of a test"
    assert frame(app, "fold")["sensitivity"][0] == pytest.approx(90), "written as 90.0%"


# --- what can go wrong ------------------------------------------------------------------------------------


def test_nothing_chosen_asks_for_a_choice():
    app = open_page(PAGE)
    app.multiselect(key="results.runs").set_value([]).run()
    assert "Choose one model or more" in words(app)
    assert not app.exception


@pytest.mark.parametrize("tab", ["Accuracy", "Calibration"])
def test_damaged_predictions_are_said_and_leave_the_other_models(weights, tab):
    (weights / TWO[0] / runs.PREDICTIONS_FILE).write_text("name,part\nnonsense")
    app = open_page(PAGE)
    app.multiselect(key="results.runs").set_value(TWO).run()
    buttons(app, "results.patients").set_value("test").run()
    app = open_tab(tab, app)
    assert not app.exception
    assert [runs.PREDICTIONS_FILE in error.value.replace("\\", "") for error in app.error] == [True]
    other = name_of(runs.read_card(weights / TWO[1]))
    assert other in words(app), "the conclusion is about the model that can be read"
    app.multiselect(key="results.runs").set_value(TWO[:1]).run()
    assert not app.exception
    assert "have no predictions for these patients" in words(app)


@pytest.mark.parametrize(("tab", "file"), [("Robustness", robustness.FILE), ("Training", runs.HISTORY_FILE)])
def test_other_damaged_files_are_said_in_their_tab(weights, tab, file):
    (weights / runs.default_name() / file).write_text("{nonsense")
    app = open_tab(tab)
    assert not app.exception
    assert file in texts(app.error).replace("\\", "")


def test_what_a_visitor_chose_outlasts_a_look_at_another_page():
    app = open_page(PAGE)
    app.multiselect(key="results.runs").set_value(["vgg_cnn", "simple_cnn"]).run()
    buttons(app, "results.patients").set_value("validation").run()
    app.slider(key="results.threshold").set_value(0.4).run()
    app.slider(key="results.prevalence").set_value(12).run()
    app.switch_page("pages/evidence/model_cards.py").run().switch_page(PAGE).run()
    assert not app.exception
    assert app.multiselect(key="results.runs").value == ["vgg_cnn", "simple_cnn"]
    assert buttons(app, "results.patients").value == "validation"
    assert app.slider(key="results.threshold").value == 0.4
    assert app.slider(key="results.prevalence").value == 12
    app = open_tab("Training", app)
    app.selectbox(key="results.metric").set_value("auroc").run()
    app.switch_page("pages/evidence/model_cards.py").run().switch_page(PAGE).run()
    assert app.session_state["results.tab"] == "Training"
    assert app.selectbox(key="results.metric").value == "auroc"
    app = open_tab("Accuracy", app)
    app.multiselect(key="results.runs").set_value(["simple_cnn"]).run()
    assert app.slider(key="results.threshold").value != 0.4  # another run starts at its own threshold
