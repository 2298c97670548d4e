"""explain: a PNG of the image's size, and one file only."""

from pathlib import Path

import pytest
from PIL import Image

from pneumo import cli
from pneumo.schema import HEATMAP_METHODS


def test_explain_writes_a_png_of_the_images_size(weights, images, tmp_path, run):
    source = next((images / "PNEUMONIA").iterdir())
    code, out, _ = run("explain", source, "--out", tmp_path / "heat.png")
    assert code == cli.FINE
    assert "probability" in out
    with Image.open(tmp_path / "heat.png") as image:
        assert (image.size, image.mode) == ((448, 448), "RGB")
    (tmp_path / "bad.png").write_bytes(b"")
    assert run("explain", tmp_path / "bad.png", "--out", tmp_path / "no.png")[0] == cli.SOME_FAILED
    assert not (tmp_path / "no.png").exists()
    assert run("explain", tmp_path, "--out", tmp_path / "no.png")[0] == cli.USAGE


@pytest.mark.parametrize("method", HEATMAP_METHODS)
def test_explain_by_every_method(method, weights, images, tmp_path, run):
    source = next((images / "PNEUMONIA").iterdir())
    assert run("explain", source, "--out", tmp_path / "heat.png", "--method", method)[0] == cli.FINE
    assert (tmp_path / "heat.png").read_bytes()[:4] == b"\x89PNG"


def test_a_folder_is_refused_without_being_listed(weights, images, tmp_path, run, monkeypatch):
    for name in ("rglob", "glob", "iterdir"):
        monkeypatch.setattr(Path, name, lambda *arguments: pytest.fail("listed"))
    monkeypatch.setattr("os.scandir", lambda *arguments: pytest.fail("listed"))
    code, out, err = run("explain", images, "--out", tmp_path / "no.png")
    assert (code, out) == (cli.USAGE, "")
    assert "is a folder; explain takes one file" in err
    code, _, err = run("explain", images / "none.png", "--out", tmp_path / "no.png")
    assert code == cli.USAGE
    assert "no file" in err
