"""Thumbnails of a map: decoded or the radiographs themselves, made in the background."""

import base64
import io
import time

import numpy as np
import pytest
from PIL import Image

from pneumo import runs, training
from pneumo.generators import latent_measures, latent_report, reconstruction
from pneumo.images import phantom, radiograph, transforms
from pneumo.inference import latent_map
from pneumo.schema import ImageSpec, PneumoError
from tests.training.test_generators import small

SOURCE = "phantom:80"


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """An autoencoder of seconds and what was measured of it."""
    folder = tmp_path_factory.mktemp("weights") / "vae_8"
    training.train(small("vae_8", "image.size=16", "epochs=1"), folder)
    run = runs.load(str(folder))
    latent_report.save(folder, latent_measures.measure(run, SOURCE))
    return run, latent_report.read(folder)


@pytest.fixture
def no_folder(monkeypatch):
    monkeypatch.delenv("PNEUMO_DATA", raising=False)


@pytest.fixture
def folder(measured, tmp_path, monkeypatch):
    """A folder with an image for every point of the map."""
    for n, name in enumerate(measured[1].about.names):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(radiograph.encode_png(phantom.draw(n, 0, n % 2, size_px=48).pixels))
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path))
    return tmp_path


def finished(thumbnails: latent_map.Thumbnails) -> latent_map.Thumbnails:
    deadline = time.monotonic() + 60
    while not (thumbnails.complete or thumbnails.failed) and time.monotonic() < deadline:
        time.sleep(0.02)
    return thumbnails


def test_without_a_folder_they_are_decoded_codes(measured, no_folder):
    run, space = measured
    assert not latent_map.at_hand(space) and latent_map.held_out(space, 2) == {}
    thumbnails = finished(latent_map.Thumbnails(run, space, 12, real=False))
    assert thumbnails.complete and thumbnails.images.shape == (space.about.n, 12, 12)
    decoded = reconstruction.decode(run, space.codes.astype(np.float32))
    expected = np.stack([transforms.resize(each, ImageSpec(size=12)) for each in decoded])
    assert np.array_equal(thumbnails.images, expected)


def test_with_the_folder_they_are_the_radiographs(measured, folder):
    run, space = measured
    assert latent_map.at_hand(space)
    thumbnails = finished(latent_map.Thumbnails(run, space, 12, real=True))
    last = radiograph.read((folder / space.about.names[-1]).read_bytes(), "x.png").pixels
    as_seen = transforms.resize(transforms.resize(last, run.card.image), ImageSpec(size=12))
    assert thumbnails.complete and np.array_equal(thumbnails.images[-1], as_seen)
    assert [label for _, label in latent_map.held_out(space, 2).values()] == [0, 0, 1, 1]


def test_one_missing_radiograph_means_decoded_codes_for_all(measured, folder):
    (folder / measured[1].about.names[3]).unlink()
    assert not latent_map.at_hand(measured[1])
    with pytest.raises(PneumoError, match="cannot be read any more"):
        latent_map.images_of(*measured, [3], real=True)
    assert finished(latent_map.Thumbnails(*measured, 12, real=True)).failed


def test_the_sheet_holds_every_thumbnail_in_its_place():
    thumbnails = np.repeat(np.arange(0, 250, 50, dtype=np.uint8), 64).reshape(5, 8, 8)
    kind, _, blob = latent_map.sheet_url(thumbnails, columns=2).partition(",")
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(blob))))
    assert kind == "data:image/jpeg;base64" and sheet.shape == (24, 16)
    for n in range(5):
        cell = sheet[n // 2 * 8 : n // 2 * 8 + 8, n % 2 * 8 : n % 2 * 8 + 8]
        assert abs(int(cell.mean()) - 50 * n) <= 3


def test_when_it_was_measured_is_known_or_none(measured):
    run, _ = measured
    assert latent_map.written_at(str(run.folder)) == (run.folder / latent_report.FILE).stat().st_mtime_ns
    (run.folder / latent_report.FILE).rename(run.folder / "away.json")
    assert latent_map.written_at(str(run.folder)) is None
    (run.folder / "away.json").rename(run.folder / latent_report.FILE)
