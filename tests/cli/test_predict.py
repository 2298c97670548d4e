"""predict: a row for every file, one bad file among good ones."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from pneumo import cli, runs
from pneumo.cli.predict import print_rows
from pneumo.images import radiograph
from pneumo.inference import diagnosis


def test_predict_gives_a_row_for_each_file(weights, images, run):
    (images / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
    (images / "notes.txt").write_text("hello")
    (images / "empty.dcm").write_bytes(b"")
    code, out, _ = run("predict", images, "--json")
    rows = json.loads(out)
    assert code == cli.SOME_FAILED
    assert len(rows) == 7
    for row in rows:
        assert row.keys() == {"path", "probability", "label", "threshold", "warnings", "error", "input_check"}
    bad = [row for row in rows if row["error"]]
    assert {row["path"].rsplit("/", 1)[1] for row in bad} == {"broken.jpg", "notes.txt", "empty.dcm"}
    assert all(row["label"] is None and row["probability"] is None for row in bad)
    good = [row for row in rows if not row["error"]]
    zone = runs.load().card.indeterminate
    assert all(row["label"] == diagnosis.label_of(row["probability"], row["threshold"], zone) for row in good)


def test_predict_all_good_exits_0_and_obeys_the_threshold(weights, images, run):
    zone = runs.load().card.indeterminate
    for threshold, wrong in (("0", "NORMAL"), ("1", "PNEUMONIA")):
        code, out, _ = run("predict", images, "--json", "--threshold", threshold)
        rows = json.loads(out)
        assert code == cli.FINE
        assert [row["label"] for row in rows] == [
            diagnosis.label_of(row["probability"], float(threshold), zone) for row in rows
        ]
        assert wrong not in {row["label"] for row in rows}


def test_predict_for_people(weights, images, run):
    code, out, err = run("predict", images / "NORMAL")
    assert code == cli.FINE
    assert out.count("probability") == 2
    assert "Not a medical device" in err


def test_json_alone_is_on_stdout_and_no_bytes_of_a_file_in_any_output(weights, tmp_path):
    secret = "SECRET-PATIENT-NAME"
    (tmp_path / "a.png").write_bytes(radiograph.encode_png(radiograph.np.zeros((64, 64), "u1")) + secret.encode())
    (tmp_path / "b.dcm").write_bytes(b"\0" * 128 + b"DICM" + secret.encode())
    done = subprocess.run(
        [sys.executable, "-m", "pneumo", "predict", str(tmp_path), "--json"],
        capture_output=True, text=True, cwd=runs.REPOSITORY, check=False, timeout=60,
    )  # fmt: skip
    assert len(json.loads(done.stdout)) == 2
    assert secret not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_uniform_image_gets_no_label_and_says_why(weights, tmp_path, run):
    (tmp_path / "black.png").write_bytes(radiograph.encode_png(radiograph.np.zeros((200, 200), "u1")))
    code, out, _ = run("predict", tmp_path, "--json")
    [row] = json.loads(out)
    assert (code, row["label"], row["error"]) == (cli.FINE, None, None)
    assert "nearly uniform" in row["warnings"][0]
    assert 0 <= row["probability"] <= 1
    out = run("predict", tmp_path)[1]
    assert "black.png: no result\n" in out, "no number is shown where it means nothing"
    assert f"warning: {row['warnings'][0]}" in out


ROW = {"path": "x", "probability": 0.5, "label": "PNEUMONIA", "threshold": 0.5, "warnings": [], "error": None}


def test_no_certainty_is_printed(capsys):
    print_rows([ROW | {"probability": 0.99999}, ROW | {"probability": 0.00001}])
    out = capsys.readouterr().out
    assert "probability >0.999" in out
    assert "probability <0.001" in out


def test_a_refusal_is_told_from_a_file_that_cannot_be_read(capsys):
    print_rows([ROW | {"error": "why", "input_check": each} for each in ({"verdict": "refused"}, None)])
    assert capsys.readouterr().out.splitlines() == ["x: refused: why", "x: not read: why"]


def test_a_wrong_run_is_refused_before_a_folder_is_listed(weights, images, run, monkeypatch):
    monkeypatch.setattr("pneumo.inference.batch.files_below", lambda paths: pytest.fail("listed"))
    code, out, err = run("predict", images, "--run", "smal")
    assert (code, out) == (cli.USAGE, "")
    assert "did you mean 'small'" in err


def test_one_missing_path_does_not_stop_the_rest(weights, images, tmp_path, run):
    code, out, _ = run("predict", tmp_path / "gone.png", images / "NORMAL", "--json")
    rows = json.loads(out)
    assert code == cli.SOME_FAILED
    assert [row["error"] for row in rows] == ["there is no such file or folder", None, None]
    assert run("predict", tmp_path / "gone.png", images / "NORMAL")[1].startswith(
        f"{tmp_path}/gone.png: not read: there is no"
    )
    code, out, err = run("predict", tmp_path / "gone.png", tmp_path / "nor this")
    assert (code, out) == (cli.USAGE, "")
    assert "gone.png" in err and "nor this" in err


def test_what_is_passed_over_is_said_once_and_is_no_failure(weights, images, run):
    for name in ("Thumbs.db", "DICOMDIR", "._x.png"):
        (images / "NORMAL" / name).write_bytes(b"x")
    code, out, err = run("predict", images)
    assert code == cli.FINE and "Thumbs" not in out
    assert err.count("passed over 3 files") == 1


@pytest.mark.parametrize("name", ["two\nlines.png", "tab\tand\x1b[2Jmore.png", b"r\xf6ntgen.png"])
def test_a_name_stays_on_its_line(weights, examples, tmp_path, run, name):
    path = tmp_path / (name if isinstance(name, str) else os.fsdecode(name))
    path.write_bytes(examples[0].data)
    code, out, _ = run("predict", path)
    [first, *rest] = out.splitlines()
    assert code == cli.FINE and "probability" in first and first.isprintable()
    assert all(line.startswith("  warning: ") for line in rest)
    assert json.loads(run("predict", path, "--json")[1])[0]["path"] == str(path), "JSON escapes by itself"


def test_each_result_is_printed_before_the_next_file_is_read(weights, images, run, monkeypatch, capsys):
    printed = []

    def one_by_one(run, paths, **options):
        for path in paths:
            printed.append(capsys.readouterr().out)
            yield path, diagnosis.diagnose(run, path.read_bytes(), path.name)

    monkeypatch.setattr("pneumo.inference.batch.diagnose_files", one_by_one)
    for words in ((), ("--json",)):
        printed.clear()
        out = run("predict", images, *words)[1]
        assert [text.count("Example") for text in printed] == [0, 1, 1, 1]
        assert out.count("Example") == 1, "the last one"


def test_stability_is_told_where_it_is_asked_for(weights, images, run, monkeypatch):
    [plain, *_] = json.loads(run("predict", images, "--json")[1])
    assert "stability" not in plain
    rows = json.loads(run("predict", images, "--json", "--stability")[1])
    assert all(row["stability"]["low"] <= row["probability"] <= row["stability"]["high"] for row in rows)
    told = run("predict", images, "--stability")[1]
    assert told.count("under small changes, threshold") == 4
    monkeypatch.setattr(diagnosis, "is_unstable", lambda *_: True)
    rows = json.loads(run("predict", images, "--json", "--stability")[1])
    assert all(diagnosis.UNSTABLE in row["warnings"] for row in rows)


def test_a_broken_model_gives_errors_and_no_labels(weights, images, run, monkeypatch):
    nothing = lambda self, squares: np.full(len(squares), np.nan)  # noqa: E731
    monkeypatch.setattr("pneumo.runs.engine.Engine.logits", nothing)
    code, out, _ = run("predict", images, "--json", "--stability")
    rows = json.loads(out)
    assert code == cli.SOME_FAILED
    assert all(row["label"] is None and row["probability"] is None and "no finite" in row["error"] for row in rows)


# What one result does not need, each of which takes a tenth of a second or more.
UNNEEDED = {
    "accelerate", "datasets", "matplotlib", "pandas", "plotly.graph_objects", "pytorch_grad_cam", "sklearn",
    "scipy", "streamlit", "torchmetrics", "torchvision",
    "pneumo.generators", "pneumo.training",
}  # fmt: skip


def test_predict_imports_what_it_needs_and_no_more(examples, tmp_path):
    """With the default run and the shipped input check, as it is called first of all."""
    (tmp_path / "x.png").write_bytes(examples[0].data)
    code = (
        f"import sys; from pneumo import cli; cli.main(['predict', {str(tmp_path)!r}]); print('modules', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=runs.REPOSITORY, check=True)
    [*said, modules] = done.stdout.splitlines()
    assert "x.png: " in said[0]
    assert UNNEEDED & set(modules.split()) == set()
