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
