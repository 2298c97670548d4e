"""Every page through AppTest, on the runs in the repository."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pneumo import diagnosis, radiograph, runs
from tests.hostile import hostile_files

TIMEOUT_S = 60
PAGES = ("pages/home.py", "pages/diagnose.py", "pages/evidence.py", "pages/convolution.py")


def open_page(page: str) -> AppTest:
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=TIMEOUT_S).run()
    return app if page == "pages/home.py" else app.switch_page(page).run()


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader(key="diagnose.upload").set_value([(name, blob, "image/png") for name, blob in files])
    return app.run()


def texts(elements) -> str:
    return "\n".join(str(element.value) for element in elements)


def phantoms(count: int = 2) -> list[tuple[str, bytes]]:
    return [(example.name, example.data) for example in diagnosis.phantom_examples()[:count]]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_an_exception(page):
    app = open_page(page)
    assert not app.exception
    assert len(app.title) == 1


def test_home_names_the_default_run_with_its_figures_and_the_disclaimer():
    app, card = open_page("pages/home.py"), runs.load().card
    assert "Not a medical device" in texts(app.warning)
    assert card.name in texts(app.markdown)
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["AUROC"] == f"{card.metrics['test'].auroc:.3f}"
    assert all(limit in texts(app.markdown) for limit in card.limits)


@pytest.mark.parametrize("page", PAGES[:3])
def test_without_a_usable_run_a_page_says_what_to_do(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = open_page(page)
    assert not app.exception
    assert "No model can be used" in texts(app.error)


def test_diagnose_starts_with_an_example():
    app = open_page("pages/diagnose.py")
    assert "synthetic phantoms" in texts(app.info)
    assert len(app.dataframe[0].value) == 4
    assert "Probability of pneumonia" in texts(app.markdown)


def test_phantoms_are_read_by_a_run_that_knows_them_and_uploads_by_the_default():
    app = open_page("pages/diagnose.py")
    chosen = app.selectbox(key="diagnose.run_phantoms").value
    assert runs.load(chosen).card.data.source.startswith("phantom")
    table = app.dataframe[0].value
    assert [label in name for label, name in zip(table["label"], table["file"], strict=True)] == [True] * 4
    app = upload(app, *phantoms(1))
    assert app.selectbox(key="diagnose.run").value == runs.default_name()


def test_several_uploads_one_of_them_bad():
    app = upload(open_page("pages/diagnose.py"), *phantoms(2), ("bad.png", b"nonsense"))
    table = app.dataframe[0].value
    assert table["probability"].notna().tolist() == [True, True, False]
    assert "Not read" in table["note"][2]
    assert not app.exception
    app.selectbox(key="diagnose.open").set_value(2).run()
    assert "was not read" in texts(app.error)
    app.selectbox(key="diagnose.open").set_value(1).run()
    assert not app.error


def test_threshold_relabels_without_running_the_model_again(monkeypatch):
    app = upload(open_page("pages/diagnose.py"), *phantoms(1))
    probability = app.dataframe[0].value["probability"][0]

    def fail(*args, **kwargs):
        raise AssertionError("the model ran again")

    monkeypatch.setattr(diagnosis, "diagnose", fail)
    for threshold, label in ((max(0.0, probability - 0.05), "PNEUMONIA"), (min(1.0, probability + 0.05), "NORMAL")):
        app.slider(key="diagnose.threshold").set_value(round(threshold, 3)).run()
        assert app.dataframe[0].value["label"][0] == label
        assert not app.exception


def test_presets_move_the_threshold_and_the_expectation():
    app, card = upload(open_page("pages/diagnose.py"), *phantoms(1)), runs.load().card
    for point in card.operating_points:
        app.get("button_group")[0].set_value(point.name).run()
        assert app.slider(key="diagnose.threshold").value == pytest.approx(point.threshold)
        shown = {metric.label: metric.value for metric in app.metric}
        assert shown["Sensitivity"] == f"{point.sensitivity:.1%}"
        assert shown["Specificity"] == f"{point.specificity:.1%}"


def test_prevalence_changes_ppv_and_not_sensitivity():
    app = upload(open_page("pages/diagnose.py"), *phantoms(1))
    seen = []
    for prevalence in (5, 80):
        app.slider(key="diagnose.prevalence").set_value(prevalence).run()
        seen.append({metric.label: metric.value for metric in app.metric})
    assert seen[0]["Sensitivity"] == seen[1]["Sensitivity"]
    assert float(seen[0]["PPV"].rstrip("%")) < float(seen[1]["PPV"].rstrip("%"))


def test_heatmap_window_and_views_draw():
    app = upload(open_page("pages/diagnose.py"), *phantoms(1))
    for key in ("diagnose.heatmap", "diagnose.invert", "diagnose.seen"):
        app.toggle(key=key).set_value(True).run()
        assert not app.exception
    for target in ("PNEUMONIA", "NORMAL"):
        app.radio(key="diagnose.target").set_value(target).run()
        assert not app.exception
    app.slider(key="diagnose.window").set_value((40, 200)).run()
    assert not app.exception


def test_overlays_are_prepared_for_the_readable_files():
    app = upload(open_page("pages/diagnose.py"), *phantoms(2), ("bad.png", b""))
    app.button(key="diagnose.prepare").click().run()
    assert not app.exception
    assert app.session_state["diagnose.zip"][:2] == b"PK"


def test_results_of_removed_files_are_forgotten():
    app = upload(open_page("pages/diagnose.py"), *phantoms(2))
    app = upload(app, *phantoms(1))
    assert len(app.session_state["diagnose.results"]) == 1


def test_no_network_is_a_message():
    app = open_page("pages/diagnose.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnosis, "hub_examples", _no_network)
        app.button(key="diagnose.fetch").click().run()
    assert "no network" in texts(app.warning)
    assert not app.exception


def _no_network(count: int = 4):
    from pneumo.schema import PneumoError

    raise PneumoError("no network")


def test_hostile_names_are_shown_as_they_are():
    name = "<script>alert(1)</script>**x**.png"
    app = upload(open_page("pages/diagnose.py"), (name, b"nonsense"))
    assert "<script>" not in texts(app.error)
    assert app.dataframe[0].value["file"][0] == name


def test_hostile_files_on_the_page():
    """All at once, as a careless visitor would: no exception, each with a result or its own error."""
    files = [(name, blob) for name, blob in hostile_files() if len(blob) < 5_000_000]
    app = open_page("pages/diagnose.py")
    app.default_timeout = 300
    app = upload(app, *files)
    table = app.dataframe[0].value
    assert len(table) == len(files) >= 200
    assert not app.exception
    refused = table["probability"].isna()
    assert table.loc[refused, "note"].str.startswith("Not read: ").all()
    assert refused.sum() > 100


def test_evidence_follows_the_part():
    app, card = open_page("pages/evidence.py"), runs.load().card
    assert {m.label: m.value for m in app.metric}["AUROC"] == f"{card.metrics['test'].auroc:.3f}"
    app.get("button_group")[0].set_value("validation").run()
    assert {m.label: m.value for m in app.metric}["AUROC"] == f"{card.metrics['validation'].auroc:.3f}"
    assert not app.exception


def test_a_16_bit_png_and_a_tiny_picture_are_read():
    noise = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    app = upload(open_page("pages/diagnose.py"), ("tiny.png", radiograph.encode_png(noise)))
    assert not app.exception
    assert "small" in app.dataframe[0].value["note"][0]


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(0.0, "<0.001"), (0.0004, "<0.001"), (0.0005, "0.001"), (0.5, "0.500"), (0.9994, "0.999"), (1.0, ">0.999")],
)
def test_no_page_claims_certainty(probability, shown):
    from pages import _ui

    assert _ui.chance(probability) == shown
