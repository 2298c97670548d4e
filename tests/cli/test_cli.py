"""The command line as documented: JSON, exit codes, one bad file among good ones."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from pneumo import cli, runs
from pneumo.images import radiograph
from pneumo.schema import HEATMAP_METHODS


@pytest.fixture
def weights(small_run_folder, monkeypatch):
    """A weights folder whose default run is the small one."""
    (small_run_folder.parent / runs.DEFAULT_FILE).write_text("small\n")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(small_run_folder.parent))
    return small_run_folder.parent


@pytest.fixture
def images(tmp_path, examples):
    """Class folders with four good pictures."""
    for example in examples:
        (tmp_path / "set" / example.label_name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / example.label_name / example.name).write_bytes(example.data)
    return tmp_path / "set"


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli.main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    return code, out, err


def test_evaluate_json_is_the_documented_document(weights, images, capsys):
    code, out, _ = run(capsys, "evaluate", "--data", images, "--json")
    result = json.loads(out)
    assert code == cli.FINE
    assert {
        "run", "data", "n", "threshold", "accuracy", "sensitivity", "specificity", "precision", "f1", "auroc", "auprc",
        "brier", "ece", "confusion", "ci95",
    } <= result.keys()  # fmt: skip
    assert (result["run"], result["data"], result["n"]) == ("small", str(images), 4)
    assert set(result["confusion"]) == {"tn", "fp", "fn", "tp"}
    assert sum(result["confusion"].values()) == 4
    assert {"accuracy", "sensitivity", "specificity"} <= result["ci95"].keys()
    assert all(-(name == "mcc") <= i["low"] <= i["high"] <= 1 for name, i in result["ci95"].items())
    assert result["threshold"] == runs.load().card.point().threshold


def test_evaluate_with_an_unreadable_file_says_so_and_exits_1(weights, images, capsys):
    (images / "NORMAL" / "bad.png").write_bytes(b"")
    code, out, err = run(capsys, "evaluate", "small", "--data", images, "--json")
    assert code == cli.SOME_FAILED
    assert json.loads(out)["n"] == 4
    assert "bad.png" in err


def test_predict_gives_a_row_for_each_file(weights, images, capsys):
    (images / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
    (images / "notes.txt").write_text("hello")
    (images / "empty.dcm").write_bytes(b"")
    code, out, _ = run(capsys, "predict", images, "--json")
    rows = json.loads(out)
    assert code == cli.SOME_FAILED
    assert len(rows) == 7
    for row in rows:
        assert row.keys() == {"path", "probability", "label", "threshold", "warnings", "error", "input_check"}
    bad = [row for row in rows if row["error"]]
    assert {row["path"].rsplit("/", 1)[1] for row in bad} == {"broken.jpg", "notes.txt", "empty.dcm"}
    assert all(row["label"] is None and row["probability"] is None for row in bad)
    good = [row for row in rows if not row["error"]]
    assert all(row["label"] == ("PNEUMONIA" if row["probability"] >= row["threshold"] else "NORMAL") for row in good)


def test_predict_all_good_exits_0_and_obeys_the_threshold(weights, images, capsys):
    for threshold, label in (("0", "PNEUMONIA"), ("1", "NORMAL")):
        code, out, _ = run(capsys, "predict", images, "--json", "--threshold", threshold)
        assert code == cli.FINE
        assert {row["label"] for row in json.loads(out)} == {label}


def test_predict_for_people(weights, images, capsys):
    code, out, err = run(capsys, "predict", images / "NORMAL")
    assert code == cli.FINE
    assert out.count("probability") == 2
    assert "not a medical device" in err


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["predict", "nothing/here"], "no file or folder"),
        (["evaluate", "--data", "nothing/here"], "a SOURCE is a folder"),
        (["evaluate", "smal", "--data", "phantom"], "did you mean 'small'"),
        (["predict", ".", "--run", "none"], "there are: small"),
        (["train", "pneumonia_cn"], "did you mean 'pneumonia_cnn'"),
        (["train", "first_steps", "epoch=3"], "did you mean 'epochs'"),
        (["train", "first_steps", "image_size=50"], "multiple of 16"),
        (["data", "phantom:x"], "phantom:COUNT"),
    ],
)
def test_usage_errors_exit_2_and_name_the_remedy(weights, tmp_path, monkeypatch, capsys, arguments, remedy):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (cli.USAGE, "")
    assert remedy in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [[], ["diagnose"], ["predict"], ["predict", "x", "--threshold", "2"], ["runs", "--what"]]
)
def test_argparse_exits_2_too(arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == cli.USAGE


def test_runs_lists_what_is_there(weights, capsys):
    code, out, _ = run(capsys, "runs", "--json")
    [row] = json.loads(out)
    assert code == cli.FINE
    assert row.keys() == {"name", "model", "default", "task", "parameters", "size_bytes", "image_size", "metrics"}
    assert (row["name"], row["model"], row["default"], row["task"], row["image_size"]) == (
        "small", "pneumonia_cnn", True, "classification", 32,
    )  # fmt: skip
    assert row["size_bytes"] == (weights / "small" / runs.WEIGHTS_FILE).stat().st_size
    assert {"validation", "test"} == row["metrics"].keys()
    assert "small" in run(capsys, "runs")[1]


def test_data_prints_the_audit(images, capsys):
    code, out, _ = run(capsys, "data", images, "--json")
    result = json.loads(out)
    assert code == cli.FINE
    assert result["classes"] == {"NORMAL": 2, "PNEUMONIA": 2}
    assert result["sizes"] == [{"width": 448, "height": 448, "images": 4}]
    assert "NORMAL" in run(capsys, "data", images)[1]


def test_explain_writes_a_png_of_the_pictures_size(weights, images, tmp_path, capsys):
    source = next((images / "PNEUMONIA").iterdir())
    code, out, _ = run(capsys, "explain", source, "--out", tmp_path / "heat.png")
    assert code == cli.FINE
    assert "probability" in out
    with Image.open(tmp_path / "heat.png") as image:
        assert (image.size, image.mode) == ((448, 448), "RGB")
    (tmp_path / "bad.png").write_bytes(b"")
    assert run(capsys, "explain", tmp_path / "bad.png", "--out", tmp_path / "no.png")[0] == cli.SOME_FAILED
    assert not (tmp_path / "no.png").exists()
    assert run(capsys, "explain", tmp_path, "--out", tmp_path / "no.png")[0] == cli.USAGE


@pytest.mark.parametrize("method", HEATMAP_METHODS)
def test_explain_by_every_method(method, weights, images, tmp_path, capsys):
    source = next((images / "PNEUMONIA").iterdir())
    assert run(capsys, "explain", source, "--out", tmp_path / "heat.png", "--method", method)[0] == cli.FINE
    assert (tmp_path / "heat.png").read_bytes()[:4] == b"\x89PNG"


def test_train_makes_a_run_that_predict_can_use(tmp_path, images, capsys):
    out = tmp_path / "mine"
    options = ["data.source=phantom:80", "image_size=32", "epochs=1", "batch_size=16"]
    code, text, err = run(capsys, "train", "first_steps", "--out", out, *options)
    assert code == cli.FINE, err
    assert "best epoch" in text
    assert "epoch   0" in err
    assert run(capsys, "predict", images, "--run", out)[0] == cli.FINE
    code, _, err = run(capsys, "train", "first_steps", "--out", out, *options)
    assert code == cli.USAGE
    assert "finished run" in err


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


def test_help_does_not_wait_for_torch():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pneumo", "--help"],
        capture_output=True, text=True, cwd=runs.REPOSITORY, check=True, timeout=60,
    )  # fmt: skip
    assert "evaluate" in done.stdout
    assert " torch\n" not in done.stderr


@pytest.mark.parametrize(("out", "remedy"), [("no/such/heat.png", "there is no folder"), (".", "it is a folder")])
@pytest.mark.parametrize("command", ["explain", "card"])
def test_an_output_that_cannot_be_written_is_a_usage_error(weights, images, tmp_path, capsys, command, out, remedy):
    words = [next((images / "NORMAL").iterdir())] if command == "explain" else []
    before = sorted(tmp_path.rglob("*"))
    code, text, err = run(capsys, command, *words, "--out", tmp_path / out)
    assert (code, text) == (cli.USAGE, "")
    assert remedy in err
    assert sorted(tmp_path.rglob("*")) == before


def test_predict_gives_a_uniform_picture_no_label_and_says_why(weights, tmp_path, capsys):
    (tmp_path / "black.png").write_bytes(radiograph.encode_png(radiograph.np.zeros((200, 200), "u1")))
    code, out, _ = run(capsys, "predict", tmp_path, "--json")
    [row] = json.loads(out)
    assert (code, row["label"], row["error"]) == (cli.FINE, None, None)
    assert row["warnings"][0] == "No answer: nearly uniform picture."
    assert 0 <= row["probability"] <= 1
    out = run(capsys, "predict", tmp_path)[1]
    assert "black.png: no answer (probability" in out
    assert "note: No answer: nearly uniform picture." in out


def test_predict_claims_no_certainty(capsys):
    row = {"path": "x", "label": "PNEUMONIA", "threshold": 0.5, "warnings": [], "error": None}
    cli._print_predictions([row | {"probability": 0.99999}, row | {"probability": 0.00001}])
    out = capsys.readouterr().out
    assert "probability >0.999" in out
    assert "probability <0.001" in out


def test_resume_without_a_checkpoint_starts_from_the_beginning_and_says_so(tmp_path, capsys):
    out, options = tmp_path / "mine", ["data.source=phantom:80", "image_size=32", "epochs=1", "batch_size=16"]
    code, _, err = run(capsys, "train", "first_steps", "--out", out, "--resume", *options)
    assert code == cli.FINE, err
    assert f"no checkpoint in {out}: training starts from the beginning" in err
    assert (out / runs.CARD_FILE).exists()


def test_commands_refuse_runs_of_another_task(tmp_path, capsys, monkeypatch):
    from pneumo import training
    from tests.training.test_generators import small

    gan = str(training.train(small("fc_gan", "image.size=16", "epochs=1"), tmp_path / "gan").folder)
    image = tmp_path / "x.png"
    image.write_bytes(b"never read")
    for words in (
        ["predict", str(image), "--run", gan],
        ["explain", str(image), "--run", gan, "--out", str(tmp_path / "out.png")],
        ["evaluate", gan, "--data", "phantom:60"],
        ["robustness", gan, "--data", "phantom:60"],
        ["ensemble", gan, gan, "--data", "phantom:60", "--out", str(tmp_path / "both")],
        ["reconstruct", str(image), "--run", gan, "--out", str(tmp_path / "out.png")],
        ["sample", "pneumonia_cnn", "--out", str(tmp_path / "out.png")],
        ["quality", "pneumonia_cnn", "--data", "phantom:60"],
    ):
        assert cli.main(words) == cli.USAGE, words
        assert "was trained for" in capsys.readouterr().err, words
