"""train: a run that other commands can use."""

import pytest

from pneumo import cli, runs


def test_train_makes_a_run_that_predict_can_use(tmp_path, images, run):
    out = tmp_path / "mine"
    options = ["data.source=phantom:80", "image_size=32", "epochs=1", "batch_size=16"]
    code, text, err = run("train", "first_steps", "--out", out, *options)
    assert code == cli.FINE, err
    assert "best epoch" in text
    assert "epoch   0" in err
    assert run("predict", images, "--run", out)[0] == cli.FINE
    code, _, err = run("train", "first_steps", "--out", out, *options)
    assert code == cli.USAGE
    assert "finished run" in err


def test_resume_without_a_checkpoint_starts_from_the_beginning_and_says_so(tmp_path, run):
    out, options = tmp_path / "mine", ["data.source=phantom:80", "image_size=32", "epochs=1", "batch_size=16"]
    code, _, err = run("train", "first_steps", "--out", out, "--resume", *options)
    assert code == cli.FINE, err
    assert f"no checkpoint in {out}: training starts from the beginning" in err
    assert (out / runs.CARD_FILE).exists()


def test_settings_stand_anywhere_between_the_options(monkeypatch):
    seen = []
    monkeypatch.setattr("pneumo.cli.train.run", lambda options: seen.append(options) or cli.FINE)
    words = ["train", "a=1", "--out", "x", "first_steps", "b=2", "--resume", "c=3", "--data", "phantom", "d=--4"]
    assert cli.main([*words[:1], words[4], *words[1:4], *words[5:]]) == cli.FINE
    [options] = seen
    assert sorted(options.overrides) == ["a=1", "b=2", "c=3", "d=--4"]
    assert (options.recipe, str(options.out), options.resume, options.data) == ("first_steps", "x", True, "phantom")
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "first_steps", "--out", "x", "epochs"])
    assert stop.value.code == cli.USAGE
