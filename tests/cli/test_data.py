"""data: the audit, and the numbers that are kept."""

import json
import shutil

from pneumo import cli, runs
from pneumo.inference import dataset_summary


def test_data_prints_the_audit(images, run):
    code, out, _ = run("data", images, "--json")
    result = json.loads(out)
    assert code == cli.FINE
    assert result["classes"] == {"NORMAL": 2, "PNEUMONIA": 2}
    assert result["sizes"] == [{"width": 448, "height": 448, "images": 4}]
    assert "NORMAL" in run("data", images)[1]


def test_save_keeps_the_numbers_where_the_data_page_looks(weights, tmp_path, run, monkeypatch):
    place = tmp_path / "weights"
    shutil.copytree(weights / "small", place / "small")
    (place / runs.DEFAULT_FILE).write_text("small\n")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(place))
    code, out, err = run("data", "phantom:120", "--save", "phantoms", "--json")
    assert code == cli.FINE, err
    assert str(place / "datasets" / "phantoms.json") in err
    summary, card = dataset_summary.read("phantoms"), runs.read_card(place / "small")
    assert (summary.images, json.loads(out)["images"]) == (120, 120)
    assert summary.data.split_digest == card.data.split_digest
    code, _, err = run("data", "phantom:60", "--save", "others", "--run", "small")
    assert (code, (place / "datasets" / "others.json").exists()) == (cli.USAGE, False)
