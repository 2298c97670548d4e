"""What is measured beside a run: it comes back, belongs to its weights, and what does not fit is named with the remedy."""

import json
import shutil
from dataclasses import dataclass

import numpy as np
import pytest

from pneumo import runs
from pneumo.generators import latent_report, quality_report
from pneumo.inference import dataset_summary, input_check_report, robustness
from pneumo.runs import measured


@dataclass(frozen=True)
class Result:
    weights_sha256: str
    values: tuple[float, ...]


@pytest.fixture
def folder(small_run_folder, tmp_path):
    return shutil.copytree(small_run_folder, tmp_path / "run")


def test_it_comes_back_for_the_same_weights_only(folder):
    assert measured.read(folder, "result.json", Result) is None
    result = Result(runs.read_card(folder).weights.sha256, (0.5, 1.0))
    measured.save(folder, "result.json", result)
    assert measured.read(folder, "result.json", Result) == result
    measured.save(folder, "result.json", Result("of other weights", ()))
    assert measured.read(folder, "result.json", Result) is None
    assert measured.read_json(folder / "result.json", Result) == Result("of other weights", ())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "Expecting property name"),
        ("[" * 100_000, "too many levels"),
        ("\xff", "utf-8"),
        ('{"weights_sha256": "a", "value": []}', "unknown key value; did you mean 'values'"),
        ('{"weights_sha256": "a", "values": ["b"]}', r"values\[0\] is 'b'"),
    ],
)
def test_what_does_not_fit_is_named_with_the_remedy(folder, text, says):
    (folder / "result.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(
        runs.RunError, match=rf"result\.json does not fit its schema: .*{says}.*Restore the file, or bake it again$"
    ):
        measured.read(folder, "result.json", Result, "bake it again")


def test_arrays_belong_to_their_json_file(tmp_path):
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T  # not row by row in memory
    arrays = {"turned": turned, "one": np.ones(2, np.int8)}
    digest = measured.arrays_digest(arrays)
    measured.save_with_arrays(tmp_path, "result.json", Result(digest, ()), arrays)
    path = tmp_path / "result.safetensors"
    again = measured.read_arrays(path, digest)
    assert again.keys() == arrays.keys()
    assert all(np.array_equal(again[name], value) for name, value in arrays.items())
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(
        runs.RunError, match=r"result\.safetensors is missing or not what result\.json was written for.*measure again"
    ):
        measured.read_arrays(path, digest)
    path.write_bytes(b"no")
    with pytest.raises(runs.RunError, match="cannot be read"):
        measured.read_arrays(path, runs.digest(b"no"))


@pytest.mark.parametrize(
    ("file", "read", "remedy"),
    [
        (robustness.FILE, robustness.read, "measure again"),
        (quality_report.FILE, quality_report.read, "measure again"),
        (latent_report.FILE, latent_report.read, "measure again"),
        (input_check_report.ABOUT_FILE, input_check_report.read_about, "fit the input check again"),
    ],
)
def test_every_reader_names_its_file(folder, file, read, remedy):
    assert read(folder) is None
    (folder / file).write_text(json.dumps({"nothing": 1}))
    with pytest.raises(runs.RunError, match=f"{file} does not fit its schema: unknown key nothing.*{remedy}"):
        read(folder)


def test_a_damaged_summary_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    (tmp_path / dataset_summary.FOLDER).mkdir()
    (tmp_path / dataset_summary.FOLDER / "set.json").write_text("{")
    with pytest.raises(runs.RunError, match=r"set\.json does not fit its schema.*data SOURCE --save set"):
        dataset_summary.read("set")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_neither_written_nor_read(tmp_path, value):
    arrays = {"centre": np.array([1.0, value], np.float32)}
    blob = measured.arrays_as_bytes(arrays)
    with pytest.raises(runs.RunError, match="'centre' is not finite"):
        measured.save_with_arrays(tmp_path, "result.json", Result(runs.digest(blob), ()), arrays)
    with pytest.raises(runs.RunError, match=r"result\.json was not written: a number in it is not finite"):
        measured.save(tmp_path, "result.json", Result("a", (0.5, value)))
    assert not list(tmp_path.iterdir())
    (tmp_path / "result.safetensors").write_bytes(blob)
    with pytest.raises(runs.RunError, match=r"'centre' is not finite.*restore the file, or fit it again"):
        measured.read_arrays(tmp_path / "result.safetensors", runs.digest(blob), "fit it again")


@pytest.mark.parametrize("place", ["folder", "loop"])
def test_what_is_no_file_is_named(folder, place):
    path = folder / "result.json"
    path.mkdir() if place == "folder" else path.symlink_to(path.name)
    with pytest.raises(runs.RunError, match=r"result\.json cannot be read"):
        measured.read(folder, "result.json", Result)


def test_a_key_that_is_there_twice_is_named(folder):
    (folder / "result.json").write_text('{"weights_sha256": "a", "values": [], "values": [1.0]}')
    with pytest.raises(runs.RunError, match="the key 'values' is there twice"):
        measured.read(folder, "result.json", Result)
