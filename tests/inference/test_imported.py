"""Evaluations brought in: checked against weights, card and predictions; what does not fit is told, and the rest goes on."""

import json
import shutil
from pathlib import Path

import pytest

from pneumo import runs
from pneumo.codec import encode
from pneumo.inference import imported
from pneumo.runs import evaluations
from pneumo.runs.evaluations import ADULTS, OFFICIAL
from pneumo.schema import PneumoError

RUN = "simple_cnn"
REFEREE = runs.REPOSITORY.parent / "shared" / "referee"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A weights folder with one run and nothing measured beside it."""
    shutil.copytree(runs.resolve(RUN), tmp_path / "weights" / RUN)
    shutil.rmtree(tmp_path / "weights" / RUN / evaluations.FOLDER)
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def folder(tmp_path):
    """What somebody measured elsewhere: made of the shipped evaluations."""
    place = tmp_path / "referee"
    source = runs.REPOSITORY / "weights" / RUN
    found = evaluations.look(source).current
    (place / RUN).mkdir(parents=True)
    about = {"weights_sha256": runs.read_card(source).weights.sha256, "threshold": found[OFFICIAL].metrics.threshold}
    for name, each in found.items():
        about[name] = encode(each.metrics)
        shutil.copy(source / evaluations.FOLDER / f"{name}.csv", place / RUN)
    (place / imported.SUMMARY).write_text(json.dumps({RUN: about}))
    return place


def change(folder: Path, **changes) -> None:
    path = folder / imported.SUMMARY
    summary = json.loads(path.read_text())
    summary[RUN] |= changes
    path.write_text(json.dumps(summary))


def problems(folder: Path) -> dict[str, str]:
    return {each.set: each.problem for each in imported.bring_in(folder)}


def test_what_fits_is_brought_in(weights, folder):
    assert problems(folder) == {OFFICIAL: "", ADULTS: ""}
    found = evaluations.look(weights / RUN)
    assert list(found.current) == [OFFICIAL, ADULTS]
    assert found.current[OFFICIAL].title == "Official test"
    assert evaluations.predictions(weights / RUN, OFFICIAL).labels.sum() == 390


def test_other_weights_are_refused(weights, folder):
    change(folder, weights_sha256="0" * 64)
    assert all("other weights" in each for each in problems(folder).values())
    assert not (weights / RUN / evaluations.FOLDER).exists()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("auroc", 0.99, "auroc"),
        ("specificity", 0.9, "specificity"),
        ("n", 623, "n as 623"),
        ("threshold", 0.5, "threshold"),
        ("subgroups", [], "bacteria"),
    ],
)
def test_a_figure_that_does_not_follow_is_named_and_the_other_set_comes_in(weights, folder, field, value, message):
    summary = json.loads((folder / imported.SUMMARY).read_text())
    change(folder, **{OFFICIAL: summary[RUN][OFFICIAL] | {field: value}})
    found = problems(folder)
    assert message in found[OFFICIAL] and found[ADULTS] == ""
    assert list(evaluations.look(weights / RUN).current) == [ADULTS]


def test_altered_predictions_are_named(weights, folder):
    path = folder / RUN / f"{OFFICIAL}.csv"
    path.write_text(path.read_text().replace(",0.9", ",0.1", 1))
    assert "do not follow from its logits" in problems(folder)[OFFICIAL]


def test_a_missing_file_an_unknown_run_and_a_set_without_figures_are_told(weights, folder):
    (folder / RUN / f"{ADULTS}.csv").rename(folder / RUN / "elsewhere.csv")
    path = folder / imported.SUMMARY
    summary = json.loads(path.read_text())
    path.write_text(json.dumps(summary | {"nobody": summary[RUN]}))
    found = {(each.run, each.set): each.problem for each in imported.bring_in(folder)}
    assert f"{ADULTS}.csv" in found[RUN, ADULTS]
    assert "says nothing" in found[RUN, "elsewhere"]
    assert "no classification run 'nobody'" in found["nobody", OFFICIAL]
    assert found[RUN, OFFICIAL] == ""


@pytest.mark.parametrize("blob", [b"", b"{", b"[1]", b'{"a": 1}'])
def test_a_summary_that_is_none_is_refused(tmp_path, blob):
    (tmp_path / imported.SUMMARY).write_bytes(blob)
    with pytest.raises(PneumoError):
        imported.bring_in(tmp_path)
    with pytest.raises(PneumoError, match="there is no summary"):
        imported.bring_in(tmp_path / "nowhere")


@pytest.mark.skipif(not (REFEREE / imported.SUMMARY).is_file(), reason="the referee's files are not here")
def test_every_shipped_figure_is_the_referees():
    summary = json.loads((REFEREE / imported.SUMMARY).read_text())
    shipped = [name for name in summary if name in runs.available()]
    assert runs.default_name() in shipped and len(shipped) > len(summary) // 2, "a run may be retired, not all of them"
    for name in shipped:
        about = summary[name]
        found = evaluations.look(runs.resolve(name)).current
        for which in (OFFICIAL, ADULTS):
            assert {key: encode(found[which].metrics)[key] for key in about[which]} == about[which]
            file = REFEREE / name / f"{which}.csv"
            assert (runs.resolve(name) / evaluations.FOLDER / f"{which}.csv").read_bytes() == file.read_bytes()
