"""A source surveyed: counts, measures and pictures are those of its files."""

import dataclasses
import time

import numpy as np
import pytest
import torch

from pneumo import data
from pneumo.images import radiograph, transforms
from pneumo.inference import dataset_audit
from pneumo.schema import AugmentSpec, ImageSpec, PneumoError
from pneumo.training import recipes


@pytest.fixture(scope="module")
def phantoms() -> dataset_audit.Survey:
    return dataset_audit.take("phantom:40")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Flat grey pictures of known brightness: one filed twice, one under both classes, one unreadable."""
    root = tmp_path_factory.mktemp("set")
    greys = {"NORMAL": (60, 80, 100, 110), "PNEUMONIA": (110, 140, 160, 160)}
    for name, levels in greys.items():
        (root / name).mkdir()
        for n, level in enumerate(levels):
            image = np.full((40, 50 + n), level, np.uint8) if level != 160 else np.full((40, 50), level, np.uint8)
            image = np.full((44, 44), level, np.uint8) if level == 110 else image
            (root / name / f"{name.lower()}{n}.png").write_bytes(radiograph.encode_png(image))
    (root / "NORMAL" / "bad.png").write_bytes(b"nonsense")
    return root


@pytest.fixture(scope="module")
def small(folder) -> dataset_audit.Survey:
    return dataset_audit.take(str(folder))


def test_every_array_has_an_entry_an_image(phantoms):
    n = phantoms.audit["images"]
    assert n == 40 == len(phantoms.names) == len(phantoms.labels) == len(phantoms.resized)
    assert phantoms.sizes.tolist() == [[224, 224]] * n
    assert sum(sum(c.values()) for c in phantoms.counts.values()) == n
    assert sum(phantoms.patients_in.values()) == phantoms.audit["patients"]
    assert sum(v.sum() for v in dataset_audit.images_per_patient(phantoms).values()) == n


def test_brightness_and_levels_are_the_pixels(small):
    known = dict(zip(small.names, small.brightness, strict=True))
    assert known["NORMAL/normal0.png"] == 60
    assert known["PNEUMONIA/pneumonia2.png"] == 160
    assert np.isnan(known["NORMAL/bad.png"])
    np.testing.assert_allclose(small.level_shares.sum(1), 1)
    assert small.level_shares[0, 60 // 4] == 0.25
    assert small.level_shares[1, 160 // 4] == 0.5


def test_unreadable_files_have_no_size(small):
    assert small.readable.sum() == 8
    assert list(small.audit["unreadable"]) == ["NORMAL/bad.png"]
    assert dict(zip(small.names, small.sizes.tolist(), strict=True))["NORMAL/normal2.png"] == [52, 40]


def test_duplicates_are_listed_with_their_classes(small):
    rows = dataset_audit.duplicate_table(small)
    assert len(rows) == small.audit["duplicate_groups"] == 2
    assert {(row["copies"], row["classes"]) for row in rows} == {(2, "NORMAL, PNEUMONIA"), (2, "PNEUMONIA")}
    assert small.audit["duplicates_with_two_labels"] == 1


def test_a_set_without_a_readable_image_is_a_survey_too(tmp_path):
    for name in ("NORMAL", "PNEUMONIA"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bad.png").write_bytes(name.encode())
    result = dataset_audit.take(str(tmp_path))
    assert not result.readable.any()
    assert result.level_shares.sum() == 0
    assert dataset_audit.picks(result, 3, 0) == {"NORMAL": [], "PNEUMONIA": []}


def test_picks_follow_the_seed_and_the_class(phantoms):
    first = dataset_audit.picks(phantoms, 5, 1)
    assert first == dataset_audit.picks(phantoms, 5, 1) != dataset_audit.picks(phantoms, 5, 2)
    for label, indices in enumerate(first.values()):
        assert len(set(indices)) == 5
        assert set(phantoms.labels[indices]) == {label}
    assert sum(map(len, dataset_audit.picks(phantoms, 1000, 0).values())) == 40


def test_the_preview_is_what_training_does(phantoms):
    spec, image = recipes.get("pneumonia_cnn").augment, ImageSpec(size=48)
    original = dataset_audit.resized_image(phantoms, 0, image)
    np.testing.assert_array_equal(original, transforms.resize(phantoms.read(0), image))
    shown = dataset_audit.augmented(original, spec, 6, seed=3)
    batch = torch.from_numpy(np.stack([original] * 6))
    trained = transforms.augment(batch, spec, torch.Generator().manual_seed(3))
    assert shown.dtype == np.uint8
    np.testing.assert_allclose(shown, trained.numpy() * 255, atol=0.5 + 1e-4)
    assert len({one.tobytes() for one in shown}) == 6


def test_no_augmentation_changes_nothing(phantoms):
    image = dataset_audit.resized_image(phantoms, 1, ImageSpec(size=32))
    assert (dataset_audit.augmented(image, AugmentSpec(), 3, seed=0) == image).all()


def test_leaving_stops_the_reading(monkeypatch):
    """A visitor who goes away leaves no queue of images behind."""
    read, phantoms = [], data.open_source("phantom:100")

    def slowly(index):
        read.append(index)
        time.sleep(0.005)
        return phantoms.radiograph(index)

    monkeypatch.setattr(data, "open_source", lambda source: dataclasses.replace(phantoms, radiograph=slowly))

    def leave(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dataset_audit.take("phantom:100", leave)
    assert len(read) < 50


@pytest.mark.parametrize(
    ("value", "named"), [("", None), ("/no/such/folder", None), ("hub:owner/set", "hub:owner/set"), (".", ".")]
)
def test_the_named_source(value, named, monkeypatch):
    monkeypatch.setenv(dataset_audit.SOURCE_VARIABLE, value)
    assert dataset_audit.named_source() == named


def test_a_title_gives_no_place_on_the_disk_away(folder):
    assert dataset_audit.title(str(folder)) == folder.name
    assert dataset_audit.title("phantom:12") == "Phantoms"
    assert dataset_audit.title("hub:owner/set") == "hub:owner/set"


def test_a_source_that_is_not_there_says_what_to_do():
    with pytest.raises(PneumoError, match="no folder"):
        dataset_audit.take("/no/such/folder")
