"""The Compare page through AppTest, on the runs in the repository."""

import numpy as np
import pytest

from pneumo import runs
from pneumo.images import radiograph
from pneumo.inference import comparison, diagnosis, examples
from pneumo.runs import names
from tests.pages.helpers import open_page, texts

PAGE = "pages/clinic/compare.py"
SLOW_S = 120  # the check of a heatmap makes some hundred passes through a model


def upload(app, name: str, blob: bytes):
    app.file_uploader(key="compare.upload").set_value((name, blob, "image/png"))
    return app.run()


def choose(app, title: str):
    return app.selectbox(key="compare.example").set_value(title).run()


def test_opens_with_two_models_of_children_on_a_generated_radiograph():
    app = open_page(PAGE)
    assert not app.exception
    first, second = app.multiselect(key="compare.runs").value
    assert first == runs.default_name()
    assert not any(runs.read_card(runs.resolve(name)).data.source.startswith("phantom") for name in (first, second))
    assert app.selectbox(key="compare.example").value.startswith("Generated radiograph")
    headings = [heading.value.replace("\\", "") for heading in app.subheader]
    assert headings[:2] == [names.name_of(runs.read_card(runs.resolve(name))) for name in (first, second)]
    assert texts(app.markdown).count("Probability of pneumonia") == 2


def test_the_titles_of_examples_give_no_label_away():
    options = open_page(PAGE).selectbox(key="compare.example").options
    assert len(options) == 8
    assert not any("NORMAL" in title or "PNEUMONIA" in title for title in options)


def test_each_run_is_labelled_at_its_own_threshold():
    app = open_page(PAGE)
    for name in app.multiselect(key="compare.runs").value:
        assert f"threshold {runs.read_card(runs.resolve(name)).point().threshold:.3f}" in texts(app.markdown)


def test_disagreement_is_flagged_and_agreement_of_strangers_is_no_success():
    app = open_page(PAGE)
    app.multiselect(key="compare.runs").set_value([runs.default_name(), "first_steps"]).run()
    seen = set()
    for number, example in enumerate(examples.phantom_examples(), 1):
        choose(app, f"Phantom {number}")
        results = [
            (run := runs.load(name), diagnosis.diagnose(run, example.data, example.name))
            for name in app.multiselect(key="compare.runs").value
        ]
        verdicts = [
            comparison.Verdict(run.card.name, each.probability, run.card.point().threshold, run.card.indeterminate)
            for run, each in results
        ]
        differ = bool(comparison.disagreement(verdicts))
        assert ("The models disagree" in texts(app.error)) == differ
        assert ("never saw a phantom" in texts(app.warning)) != differ
        assert not app.success, "the default model learned from children"
        seen.add(differ)
    assert True in seen


def test_a_uniform_image_gets_no_result_from_any_run():
    app = upload(open_page(PAGE), "black.png", radiograph.encode_png(np.zeros((200, 200), np.uint8)))
    assert not app.exception
    assert "No result: nearly uniform" in texts(app.error)
    assert not app.success
    assert texts(app.markdown).count("**No result**") == 2
    assert "Probability of pneumonia" not in texts(app.markdown)


def test_fewer_than_two_runs_is_a_message():
    app = open_page(PAGE)
    app.multiselect(key="compare.runs").set_value([runs.default_name()]).run()
    assert not app.exception
    assert "two or more" in texts(app.info)


def test_controls_change_method_class_layer_and_map():
    app = open_page(PAGE)
    name = runs.default_name()
    assert "16 x 16 cells" in texts(app.caption), "the default model's own heatmap is finer than Grad-CAM's 4 x 4"
    app.selectbox(key="compare.method").set_value("layercam").run()
    app.selectbox(key="compare.target").set_value("NORMAL")
    layer = app.selectbox(key=f"compare.layer.{name}")
    assert layer.options[0].startswith("layer 1 of ") and layer.options[-1].endswith("(default)")
    layer.select_index(0).run()
    assert not app.exception
    app.get("button_group")[0].set_value("Cells")
    app.slider(key="compare.opacity").set_value(0.2)
    app.selectbox(key="compare.method").set_value("random").run()
    assert not app.exception
    assert "The baseline" in texts(app.caption)


def test_the_check_says_what_it_found_on_the_first_example():
    app = open_page(PAGE)
    assert not app.metric
    app.button(key="compare.check").click().run(timeout=SLOW_S)
    assert not app.exception
    said = texts(app.markdown)
    assert "random maps" in said and "layers are random" in said
    assert "hardly changes" not in texts(app.warning), "on the first example both curves move"
    assert "known in phantoms only" in texts(app.caption)


def test_the_check_points_at_the_true_lesion_of_a_phantom():
    app = open_page(PAGE)
    app.multiselect(key="compare.runs").set_value([runs.default_name(), "first_steps"])
    choose(app, "Phantom 1")
    assert app.selectbox(key="compare.check_run_phantoms").value == "first_steps", "the one that learned from phantoms"
    app.button(key="compare.check").click().run(timeout=SLOW_S)
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Pointing game"] in ("hit", "miss")
    assert shown["Lesion's share of the image"] == f"{examples.phantom_examples()[0].lesion.mean():.1%}"
    app.slider(key="compare.opacity").set_value(0.3).run()
    assert app.metric, "the checks stay while the view changes"
    app.selectbox(key="compare.target").set_value("NORMAL").run()
    assert not app.metric, "and go with the heatmap they are of"


@pytest.mark.parametrize("blob", [b"", b"nonsense"])
def test_an_unreadable_file_is_a_message(blob):
    app = upload(open_page(PAGE), "<b>bad</b>.png", blob)
    assert not app.exception
    assert "was not read" in texts(app.error)
    assert "<b>" not in texts(app.error)


def test_without_a_usable_run_the_page_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = open_page(PAGE)
    assert not app.exception
    assert "No model can be used" in texts(app.error)
