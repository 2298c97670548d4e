"""Commands with one fault in the weights folder: the rest is done, the bad file is named."""

import json
import shutil

import pytest

from pneumo import runs


@pytest.fixture
def folder(small_run_folder, tmp_path, monkeypatch):
    """Three runs; "bad" is the default one, and the test spoils it."""
    place = tmp_path / "weights"
    for name in ("bad", "good", "other"):
        shutil.copytree(small_run_folder, place / name)
    (place / runs.DEFAULT_FILE).write_text("bad")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(place))
    return place


SPOILED = {
    "card": (runs.CARD_FILE, b'{"schema_version": 2}'),
    "weights": (runs.WEIGHTS_FILE, b"cut"),
}


@pytest.fixture(params=SPOILED)
def spoiled(folder, request):
    file, blob = SPOILED[request.param]
    (folder / "bad" / file).write_bytes(blob)
    return request.param


def test_runs_lists_the_others_and_names_the_bad_one(spoiled, run):
    code, out, err = run("runs")
    assert code == 1
    assert "good" in out and "other" in out
    assert err.startswith("bad cannot be used: ") and len(err.splitlines()) == 1
    code, out, err = run("runs", "--json")
    assert {row["name"] for row in json.loads(out)} >= {"good", "other"} and "bad cannot be used" in err


def test_runs_says_what_is_wrong_with_the_default(folder, run):
    shutil.rmtree(folder / "bad")
    code, _, err = run("runs")
    assert code == 1 and "DEFAULT names it, and there is no such run; there are: good, other" in err
    (folder / runs.DEFAULT_FILE).write_text("../x")
    code, out, err = run("runs")
    assert code == 1 and "good" in out and "expected the name of a run" in err


@pytest.mark.parametrize(
    "words", [("predict", "{image}"), ("explain", "{image}", "--out", "{out}"), ("evaluate", "--data", "phantom:4")]
)
def test_a_default_run_that_cannot_be_used_is_named_with_the_others(spoiled, words, run, images, tmp_path):
    image = next(images.rglob("*/*"))
    given = [word.format(image=image, out=tmp_path / "heat.png") for word in words]
    code, out, err = run(*given)
    assert code == 2 and not out
    assert "the default run 'bad' cannot be used: " in err and err.rstrip().endswith("(RUN or --run): good, other")
    code, out, err = run(*given, *(["--run", "good"] if words[0] != "evaluate" else ["good"]))
    assert code == 0, err


def test_card_of_a_default_run_whose_card_is_damaged_names_the_others(folder, run):
    (folder / "bad" / runs.CARD_FILE).write_text("{")
    code, _, err = run("card")
    assert code == 2 and "name another run (RUN or --run): good, other" in err
    assert run("card", "good")[0] == 0


@pytest.mark.parametrize("file", ["heatmap.json", "quality.json", "latent.json"])
def test_card_leaves_out_what_cannot_be_read_and_says_so(folder, file, run):
    (folder / "good" / file).write_text("{")
    code, out, err = run("card", "good")
    assert code == 1 and "## Intended use" in out
    assert file in err and err.startswith("left out: ")


def test_predict_goes_on_without_an_input_check_that_is_damaged(folder, run, images):
    (folder / "input_check").mkdir()
    (folder / "input_check" / "input_check.json").write_text("{")
    code, out, err = run("predict", next(images.rglob("*/*")), "--run", "good")
    assert code == 0 and "probability" in out
    assert "the input check cannot be used, so any image gets a result" in err
