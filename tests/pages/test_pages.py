"""Every page through AppTest, on the runs in the repository."""

import shutil

import numpy as np
import pyarrow as pa
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages import shared
from pneumo import runs
from pneumo.images import radiograph
from pneumo.inference import diagnosis, examples
from pneumo.metrics import classification, significance
from tests.hostile import hostile_files

TIMEOUT_S = 60
PAGES = (
    "pages/clinic/diagnose.py",
    "pages/evidence/results.py",
)


def open_page(page: str) -> AppTest:
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=TIMEOUT_S).run()
    return app if page == "pages/home.py" else app.switch_page(page).run()


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader(key="diagnose.upload").set_value([(name, blob, "image/png") for name, blob in files])
    return app.run()


def texts(elements) -> str:
    return "\n".join(str(element.value) for element in elements)


def tiles(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def leave_and_come_back(app: AppTest, page: str) -> AppTest:
    return app.switch_page("pages/home.py").run().switch_page(page).run()


def phantoms(count: int = 2) -> list[tuple[str, bytes]]:
    return [(example.name, example.data) for example in examples.phantom_examples()[:count]]


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


def test_diagnose_starts_with_an_example():
    app = open_page("pages/clinic/diagnose.py")
    assert "synthetic phantoms" in texts(app.info)
    assert len(app.dataframe[0].value) == 4
    assert "Probability of pneumonia" in texts(app.markdown)


def test_phantoms_are_read_by_a_run_that_knows_them_and_uploads_by_the_default():
    app = open_page("pages/clinic/diagnose.py")
    chosen = app.selectbox(key="diagnose.run_phantoms").value
    assert runs.load(chosen).card.data.source.startswith("phantom")
    table = app.dataframe[0].value
    assert [label in name for label, name in zip(table["label"], table["file"], strict=True)] == [True] * 4
    app = upload(app, *phantoms(1))
    assert app.selectbox(key="diagnose.run").value == runs.default_name()


def test_several_uploads_one_of_them_bad():
    app = upload(open_page("pages/clinic/diagnose.py"), *phantoms(2), ("bad.png", b"nonsense"))
    table = app.dataframe[0].value
    assert table["probability"].notna().tolist() == [True, True, False]
    assert table["note"][2] == "Not read."
    assert "got something else" in texts(app.markdown), "the reason in full, below the table"
    assert not app.exception
    app.selectbox(key="diagnose.open").select_index(2).run()
    assert "was not read" in texts(app.error)
    app.selectbox(key="diagnose.open").select_index(1).run()
    assert not app.error


def test_threshold_relabels_without_running_the_model_again(monkeypatch):
    app = upload(open_page("pages/clinic/diagnose.py"), *phantoms(1))
    probability = app.dataframe[0].value["probability"][0]

    def fail(*args, **kwargs):
        raise AssertionError("the model ran again")

    monkeypatch.setattr(diagnosis, "diagnose", fail)
    for threshold, label in ((max(0.0, probability - 0.05), "PNEUMONIA"), (min(1.0, probability + 0.05), "NORMAL")):
        app.slider(key="diagnose.threshold").set_value(round(threshold, 3)).run()
        assert app.dataframe[0].value["label"][0] == label
        assert not app.exception


def test_presets_move_the_threshold_and_the_expectation():
    """What to expect is counted on the internal test, which chose no threshold."""
    app, run = upload(open_page("pages/clinic/diagnose.py"), *phantoms(1)), runs.load()
    test = runs.read_predictions(run.folder).split("test")
    for point in run.card.operating_points:
        app.get("button_group")[0].set_value(point.name).run()
        assert app.slider(key="diagnose.threshold").value == pytest.approx(point.threshold)
        counts = classification.confusion(test.labels, test.probabilities, point.threshold)
        assert tiles(app)["Sensitivity"] == f"{counts['tp'] / (counts['tp'] + counts['fn']):.1%}"
        assert tiles(app)["Specificity"] == f"{counts['tn'] / (counts['tn'] + counts['fp']):.1%}"
        known = significance.wilson(counts["tp"], counts["tp"] + counts["fn"])
        assert f"95%: {known.low:.1%} to {known.high:.1%}, n = {(test.labels == 1).sum()}" in texts(app.caption)
    assert f"{len(test.labels)} internal test radiographs ({run.card.name})" in texts(app.caption)


def test_a_run_without_an_internal_test_is_judged_on_validation_and_says_so(tmp_path, monkeypatch):
    folder = runs.load().folder
    shutil.copytree(folder, tmp_path / folder.name)
    (tmp_path / runs.DEFAULT_FILE).write_text(folder.name)
    table = tmp_path / folder.name / runs.PREDICTIONS_FILE
    table.write_text("".join(line for line in table.open() if ",test," not in line))
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    app = open_page("pages/clinic/diagnose.py")
    st.cache_resource.clear()
    assert not app.exception
    n = len(runs.read_predictions(folder).split("validation").labels)
    assert f"{n} validation radiographs" in texts(app.caption)
    assert "flatter" in texts(app.caption)


def test_prevalence_changes_ppv_and_not_sensitivity():
    app = upload(open_page("pages/clinic/diagnose.py"), *phantoms(1))
    app.slider(key="diagnose.threshold").set_value(0.05).run()  # where some healthy ones are called PNEUMONIA
    seen = []
    for prevalence in (5, 80):
        app.slider(key="diagnose.prevalence").set_value(prevalence).run()
        seen.append({metric.label: metric.value for metric in app.metric})
    assert seen[0]["Sensitivity"] == seen[1]["Sensitivity"]
    assert float(seen[0]["PPV"].rstrip("%")) < float(seen[1]["PPV"].rstrip("%"))


def test_heatmap_window_and_views_draw():
    app = upload(open_page("pages/clinic/diagnose.py"), *phantoms(1))
    for key in ("diagnose.heatmap", "diagnose.invert", "diagnose.seen"):
        app.toggle(key=key).set_value(True).run()
        assert not app.exception
    for target in ("PNEUMONIA", "NORMAL"):
        app.radio(key="diagnose.target").set_value(target).run()
        assert not app.exception
    app.slider(key="diagnose.window").set_value((40, 200)).run()
    assert not app.exception


def test_overlays_are_prepared_for_the_readable_files():
    app = upload(open_page("pages/clinic/diagnose.py"), *phantoms(2), ("bad.png", b""))
    app.button(key="diagnose.prepare").click().run()
    assert not app.exception
    assert app.session_state["diagnose.zip"][:2] == b"PK"
    app = upload(app, *phantoms(1))
    assert "diagnose.zip" not in app.session_state, "it holds the pictures of files that were removed"


def test_results_of_removed_files_are_forgotten():
    app = upload(open_page("pages/clinic/diagnose.py"), *phantoms(2))
    app = upload(app, *phantoms(1))
    assert len(app.session_state["diagnose.results"]) == 1


def test_no_network_is_a_message():
    app = open_page("pages/clinic/diagnose.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "hub_examples", _no_network)
        app.button(key="diagnose.fetch").click().run()
    assert "no network" in texts(app.warning)
    assert not app.exception


def _no_network(count: int = 4):
    from pneumo.schema import PneumoError

    raise PneumoError("no network")


def test_hostile_names_are_shown_as_they_are():
    name = "<script>alert(1)</script>**x**.png"
    app = upload(open_page("pages/clinic/diagnose.py"), (name, b"nonsense"))
    assert "<script>" not in texts(app.error)
    assert app.dataframe[0].value["file"][0] == name


def test_hostile_files_on_the_page():
    """All at once, as a careless visitor would: no exception, each with a result or its own error."""
    files = [(name, blob) for name, blob in hostile_files() if len(blob) < 5_000_000]
    app = open_page("pages/clinic/diagnose.py")
    app.default_timeout = 300
    app = upload(app, *files)
    table = app.dataframe[0].value
    assert len(table) == len(files) >= 200
    assert not app.exception
    refused = table["probability"].isna()
    assert (table.loc[refused, "note"] == "Not read.").all()
    assert refused.sum() > 100


def test_a_16_bit_png_and_a_tiny_picture_are_read():
    noise = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    app = upload(open_page("pages/clinic/diagnose.py"), ("tiny.png", radiograph.encode_png(noise)))
    assert not app.exception
    assert "Small picture." in app.dataframe[0].value["note"][0]


# --- what a visitor chose stays chosen --------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [None, 0.123])
def test_threshold_and_prevalence_outlast_a_look_at_another_page(threshold):
    app = open_page("pages/clinic/diagnose.py")
    if threshold is not None:
        app.slider(key="diagnose.threshold").set_value(threshold).run()
    app.slider(key="diagnose.prevalence").set_value(7).run()
    before = app.slider(key="diagnose.threshold").value, app.get("button_group")[0].value, tiles(app)
    assert before[0] == threshold or threshold is None
    for _ in range(2):
        app = leave_and_come_back(app, "pages/clinic/diagnose.py")
        assert (app.slider(key="diagnose.threshold").value, app.get("button_group")[0].value, tiles(app)) == before
        assert app.slider(key="diagnose.prevalence").value == 7
    assert not app.exception


def test_files_model_and_view_outlast_a_look_at_another_page():
    app = upload(open_page("pages/clinic/diagnose.py"), *phantoms(3))
    app.selectbox(key="diagnose.run").set_value("first_steps").run()
    app.selectbox(key="diagnose.open").select_index(2).run()
    app.toggle(key="diagnose.heatmap").set_value(True).run()
    app.slider(key="diagnose.opacity").set_value(0.3).run()
    app = leave_and_come_back(app, "pages/clinic/diagnose.py")
    assert not app.exception
    assert len(app.dataframe[0].value) == 3
    assert app.selectbox(key="diagnose.run").value == "first_steps"
    assert app.selectbox(key="diagnose.open").value == f"3. {phantoms(3)[2][0]}"
    assert app.slider(key="diagnose.opacity").value == 0.3
    app.button(key="diagnose.back").click().run()
    assert "synthetic phantoms" in texts(app.info)
    assert not app.exception


def test_another_run_starts_at_its_own_threshold():
    app = open_page("pages/clinic/diagnose.py")
    app.slider(key="diagnose.threshold").set_value(0.123).run()
    app.selectbox(key="diagnose.run_phantoms").set_value("pneumonia_cnn").run()
    assert app.slider(key="diagnose.threshold").value == pytest.approx(
        runs.load("pneumonia_cnn").card.point().threshold
    )


def test_open_file_names_the_files_that_are_there():
    app = open_page("pages/clinic/diagnose.py")
    app.selectbox(key="diagnose.open").select_index(3).run()
    app = upload(app, ("mine.png", phantoms(1)[0][1]), ("yours.png", phantoms(2)[1][1]))
    opened = app.selectbox(key="diagnose.open")
    assert (opened.options, opened.value) == (["1. mine.png", "2. yours.png"], "1. mine.png")
    assert opened.proto.set_value, "the browser is told, or it would go on showing the former name"


def test_from_real_cases_back_to_the_phantoms():
    app = open_page("pages/clinic/diagnose.py")
    cases = [examples.Example("case.png", phantoms(1)[0][1], 1, synthetic=False)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "hub_examples", lambda count=4: cases)
        app.button(key="diagnose.fetch").click().run()
    assert app.dataframe[0].value["file"].tolist() == ["case.png"]
    assert "real cases" in texts(app.info)
    app.button(key="diagnose.back").click().run()
    assert len(app.dataframe[0].value) == 4
    assert "synthetic phantoms" in texts(app.info)


# --- what a page must not claim ---------------------------------------------------------------------------


def test_a_uniform_picture_gets_no_answer():
    black = radiograph.encode_png(np.zeros((200, 200), np.uint8))
    app = upload(open_page("pages/clinic/diagnose.py"), ("black.png", black))
    assert not app.exception
    row = app.dataframe[0].value.iloc[0]
    assert row["label"] == ""
    assert row["note"].startswith("No answer: nearly uniform picture.")
    assert row["probability"] > 0
    assert "No answer: nearly uniform picture" in texts(app.error)
    assert "font-size:2rem" not in texts(app.markdown), "no coloured label"
    assert "rated most alike" not in texts(app.markdown)


def test_the_page_says_whose_radiographs_the_chosen_model_learned_from():
    app = open_page("pages/clinic/diagnose.py")
    phantom, people = (runs.load(name).card.limits[0] for name in ("first_steps", "pneumonia_cnn"))
    assert phantom in texts(app.caption).replace("\\", "")
    assert "children aged one to five" not in texts(app.caption)
    app.selectbox(key="diagnose.run_phantoms").set_value("pneumonia_cnn").run()
    assert people in texts(app.caption).replace("\\", "")


def test_the_table_claims_no_certainty_and_shows_what_matters_first():
    app = open_page("pages/clinic/diagnose.py")
    table = app.dataframe[0]
    assert list(table.value.columns) == ["file", "label", "probability", "note"]
    written = pa.ipc.open_stream(table.proto.arrow_data.styler.display_values).read_all().to_pandas()
    shown = [shared.probability(value) for value in table.value["probability"]]
    assert written.iloc[:, 2].tolist() == shown
    assert table.value["note"].tolist() == ["A drawn phantom."] * 4


def test_generated_radiographs_are_offered_beside_the_phantoms_and_marked():
    app = open_page("pages/clinic/diagnose.py")
    choice = next(each for each in app.get("button_group") if each.key == "diagnose.examples")
    choice.set_value("generated").run()
    assert not app.exception
    assert "synthetic radiographs of nobody" in texts(app.info)
    assert app.selectbox(key="diagnose.run").value == runs.default_name()
    table = app.dataframe[0].value
    assert table["file"].tolist()[0] == "generated_NORMAL_0.png"
    assert all("Synthetic, drawn by a GAN." in note for note in table["note"])
    assert "The network was asked for" in texts(app.markdown)
    upload(app, *phantoms(1))
    assert "nobody" not in texts(app.info)
