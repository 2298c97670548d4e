"""runs: what is in weights/."""

import json

from pneumo import cli, runs


def test_runs_lists_what_is_there(weights, run):
    code, out, _ = run("runs", "--json")
    [row] = json.loads(out)
    assert code == cli.FINE
    assert row.keys() == {"name", "model", "default", "task", "parameters", "size_bytes", "image_size", "metrics"}
    assert (row["name"], row["model"], row["default"], row["task"], row["image_size"]) == (
        "small", "pneumonia_cnn", True, "classification", 32,
    )  # fmt: skip
    assert row["size_bytes"] == (weights / "small" / runs.WEIGHTS_FILE).stat().st_size
    assert {"validation", "test"} == row["metrics"].keys()
    assert "small" in run("runs")[1]


def test_a_folder_that_names_no_default_has_one_all_the_same(weights, run):
    """The first classifier in alphabetical order, for `predict` as well."""
    (weights / runs.DEFAULT_FILE).unlink()
    code, out, err = run("runs", "--json")
    assert (code, err) == (cli.FINE, "")
    assert [row["default"] for row in json.loads(out)] == [True]
    assert runs.load().card.name == "small"


def test_an_empty_folder_has_no_runs(tmp_path, monkeypatch, run):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path / "none"))
    assert run("runs", "--json") == (cli.FINE, "[]\n", "")
