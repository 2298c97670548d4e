"""The Compare page through AppTest, on the runs in the repository."""

import numpy as np
import pytest

from pneumo import runs
from pneumo.images import radiograph
from pneumo.inference import comparison, diagnosis, examples
from tests.pages.test_pages import open_page, texts

PAGE = "pages/clinic/compare.py"


def upload(app, name: str, blob: bytes):
    app.file_uploader(key="compare.upload").set_value((name, blob, "image/png"))
    return app.run()


def test_opens_with_the_default_run_and_one_of_the_other_kind():
    app = open_page(PAGE)
    assert not app.exception
    first, second = app.multiselect(key="compare.runs").value
    assert first == runs.default_name()
    sources = [runs.read_card(runs.resolve(name)).data.source for name in (first, second)]
    assert sum(source.startswith("phantom") for source in sources) == 1
    assert "phantoms drawn by a program" in texts(app.caption)
    assert "radiographs of people" in texts(app.caption)
    assert len([text for text in app.markdown if "Probability of pneumonia" in text.value]) == 2


def test_each_run_is_labelled_at_its_own_threshold():
    app = open_page(PAGE)
    for name in app.multiselect(key="compare.runs").value:
        assert f"threshold {runs.read_card(runs.resolve(name)).point().threshold:.3f}" in texts(app.markdown)


def test_disagreement_is_flagged_and_agreement_said():
    app = open_page(PAGE)
    seen = set()
    for number, example in enumerate(examples.phantom_examples()):
        app.selectbox(key="compare.example").set_value(number).run()
        result = [
            (run := runs.load(name), diagnosis.diagnose(run, example.data, example.name))
            for name in app.multiselect(key="compare.runs").value
        ]
        verdicts = [
            comparison.Verdict(run.card.name, each.probability, run.card.point().threshold) for run, each in result
        ]
        differ = bool(comparison.disagreement(verdicts))
        assert ("The models disagree" in texts(app.error)) == differ
        assert ("The models agree" in texts(app.success)) != differ
        seen.add(differ)
    assert True in seen


def test_a_uniform_picture_gets_no_answer_from_any_run():
    app = upload(open_page(PAGE), "black.png", radiograph.encode_png(np.zeros((200, 200), np.uint8)))
    assert not app.exception
    assert "No answer: nearly uniform picture" in texts(app.error)
    assert not app.success
    assert texts(app.markdown).count("**No answer**") == 2
    assert "font-size:2rem" not in texts(app.markdown), "no coloured label"


def test_fewer_than_two_runs_is_a_message():
    app = open_page(PAGE)
    app.multiselect(key="compare.runs").set_value([runs.default_name()]).run()
    assert not app.exception
    assert "two or more" in texts(app.info)


def test_every_control_draws():
    app = open_page(PAGE)
    name = runs.default_name()
    app.selectbox(key="compare.method").set_value("layercam")
    app.selectbox(key="compare.target").set_value("NORMAL")
    app.selectbox(key=f"compare.layer.{name}").select_index(0).run()
    assert not app.exception
    app.get("button_group")[0].set_value("Cells")
    app.slider(key="compare.opacity").set_value(0.2)
    app.selectbox(key="compare.method").set_value("random").run()
    assert not app.exception
    assert "chance" in texts(app.caption)


def test_check_points_at_the_true_lesion_on_request():
    app = open_page(PAGE)
    assert not app.metric
    app.button(key="compare.check").click().run()
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Pointing game"] in ("hit", "miss")
    assert shown["Lesion's share of the picture"] == f"{examples.phantom_examples()[0].lesion.mean():.1%}"
    assert "Petsiuk" in texts(app.markdown)
    app.slider(key="compare.opacity").set_value(0.3).run()
    assert app.metric, "the checks stay while the view changes"
    app.selectbox(key="compare.target").set_value("NORMAL").run()
    assert not app.metric, "and go with the heatmap they are of"


def test_an_upload_has_no_true_mask():
    app = upload(open_page(PAGE), "mine.png", examples.phantom_examples()[0].data)
    assert not app.exception
    assert "never saw a person's radiograph" in texts(app.caption)
    app.button(key="compare.check").click().run()
    assert not app.metric
    assert "true mask" in texts(app.caption)


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
