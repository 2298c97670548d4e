"""The command line as a whole: help, exit codes, usage errors."""

import subprocess
import sys
from pathlib import Path

import pytest

from pneumo import cli, runs

SHARED = {"__init__", "arguments", "printing"}


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
        (["data", "phantom:60", "--run", "small"], "needs --save NAME"),
        (["data", "phantom:60", "--save", "../x"], "small letters"),
        (["input-check", "--fit"], "need --data SOURCE"),
        (["input-check"], "fit one: python -m pneumo input-check --data SOURCE --elsewhere FOLDER --fit --save"),
        (["train", "first_steps", "epochs"], "is no key=value"),
        (["train", "first_steps", "folds=1"], "expected a whole number from 2 to 100"),
    ],
)
def test_usage_errors_exit_2_and_name_the_remedy(weights, tmp_path, monkeypatch, run, arguments, remedy):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (code, out) == (cli.USAGE, "")
    assert remedy in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["diagnose"],
        ["predict"],
        ["predict", "x", "--threshold", "2"],
        ["predict", "x", "--threshold", "nan"],
        ["sample"],
        ["sample", "x", "--out", "x.png", "--count", "0"],
        ["sample", "x", "--out", "x.png", "--seed", "١٢"],
        ["sample", "x", "--out", ""],
        ["train", "first_steps", "--out", " "],
        ["quality", "small", "--data", "phantom:60", "--seeds", "0"],
        ["robustness", "--data", "phantom:60", "--images", "-1"],
        ["runs", "--what"],
    ],
)
def test_argparse_exits_2_too(arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == cli.USAGE


def test_help_does_not_wait_for_torch():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pneumo", "--help"],
        capture_output=True, text=True, cwd=runs.REPOSITORY, check=True, timeout=60,
    )  # fmt: skip
    assert all(name in done.stdout for name in cli.COMMANDS)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "pneumo.schema" in loaded
    assert not loaded & {"torch", "pydantic", "sklearn", "scipy", "PIL", "tqdm"}


def test_every_module_is_a_command_or_shared():
    modules = {path.stem for path in Path(cli.__file__).parent.glob("*.py")}
    assert modules == {module.__name__.rsplit(".", 1)[-1] for module in cli.COMMANDS.values()} | SHARED
    assert {name.replace("-", "_") for name in cli.COMMANDS} == modules - SHARED


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == cli.FINE
    told = " ".join(capsys.readouterr().out.split())
    assert f"{cli.COMMANDS[command].SUMMARY.capitalize()[:1]}{cli.COMMANDS[command].SUMMARY[1:]}." in told


@pytest.mark.parametrize(("out", "remedy"), [("no/such/heat.png", "there is no folder"), (".", "it is a folder")])
@pytest.mark.parametrize("command", ["explain", "card"])
def test_an_output_that_cannot_be_written_is_a_usage_error(weights, images, tmp_path, run, command, out, remedy):
    words = [next((images / "NORMAL").iterdir())] if command == "explain" else []
    before = sorted(tmp_path.rglob("*"))
    code, text, err = run(command, *words, "--out", tmp_path / out)
    assert (code, text) == (cli.USAGE, "")
    assert remedy in err
    assert sorted(tmp_path.rglob("*")) == before


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
