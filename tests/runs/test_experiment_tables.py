"""Tables of experiments beside the runs."""

import json

import pytest

from pneumo import runs
from pneumo.runs import experiment_tables


def test_tables_of_experiments(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    assert experiment_tables.available() == []
    folder = tmp_path / experiment_tables.FOLDER
    folder.mkdir()
    (folder / "labels.csv").write_text("arm,labels,auroc\nscratch,0.01,0.9\nscratch,1,0.99\n")
    (folder / "labels.json").write_text(json.dumps({"title": "T", "kind": "labels", "note": "N"}))
    table = experiment_tables.read("labels")
    assert table.rows[0] == {"arm": "scratch", "labels": 0.01, "auroc": 0.9}
    (folder / "labels.json").write_text("{}")
    with pytest.raises(runs.RunError, match="does not fit"):
        experiment_tables.read("labels")
