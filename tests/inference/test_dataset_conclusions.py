"""What is concluded of a data set follows its numbers, in both directions."""

import dataclasses

import pytest

from pneumo import runs
from pneumo.inference import dataset_findings, dataset_summary
from pneumo.inference.dataset_summary import Cue, DataSetSummary, Duplicates
from pneumo.schema import Interval


@pytest.fixture(scope="module")
def shipped() -> DataSetSummary:
    return dataset_summary.for_run(runs.load().card)


def changed(summary: DataSetSummary, **fields: object) -> dict[str, str]:
    """Headlines and reasons of a summary with other numbers, which need not add up."""
    other = object.__new__(DataSetSummary)
    for field in dataclasses.fields(summary):
        object.__setattr__(other, field.name, fields.get(field.name, getattr(summary, field.name)))
    return dict(dataset_findings.conclusions(other))


def test_conclusions_of_the_shipped_set(shipped):
    found = dict(dataset_findings.conclusions(shipped))
    assert list(found) == [
        "Accuracy alone misleads.",
        "Split by patient, not by image.",
        "The grey levels offer a shortcut.",
        "Some files occur more than once.",
    ]
    assert found["Accuracy alone misleads."].endswith(f"right {3875 / 5216:.1%} of the time.")
    assert "up to 30 images" in found["Split by patient, not by image."]
    assert f"{shipped.random_split.seen:.1%} of the held-out images" in found["Split by patient, not by image."]
    shortcut = found["The grey levels offer a shortcut."]
    assert f"separate the classes: AUROC {shipped.cue('grey_levels').auroc:.3f} (n = 5,216" in shortcut
    assert shortcut.endswith(f"Mean brightness alone hardly separates them: {shipped.cue('brightness').auroc:.3f}.")
    assert found["Some files occur more than once."] == "24 images have identical copies, none in more than one split."


def test_balanced_classes_mislead_nobody(shipped):
    assert "Accuracy alone misleads." not in changed(shipped, classes={"NORMAL": 2608, "PNEUMONIA": 2608})


def test_one_class_alone_gives_no_ratio(shipped):
    assert "Accuracy alone misleads." not in changed(shipped, classes={"NORMAL": 0, "PNEUMONIA": 5216})


def test_one_image_a_patient_needs_no_split_by_patient(shipped):
    found = changed(shipped, images_per_patient={"NORMAL": (1341,), "PNEUMONIA": (3875,)})
    assert "Split by patient, not by image." not in found


def test_chance_is_no_shortcut(shipped):
    found = changed(shipped, cues=(Cue("grey_levels", 0.53, Interval(0.48, 0.58), 5216, "PNEUMONIA"),))
    assert "hardly separate the classes" in found["The grey levels offer no clear shortcut."]
    assert not any("shortcut" in headline for headline in changed(shipped, cues=()))


def test_copies_across_splits_are_counted(shipped):
    across = (
        Duplicates(1, 2, ("NORMAL",), 1, ("test", "train")),
        Duplicates(2, 2, ("NORMAL",), 1, ("train", "unused")),
    )
    assert changed(shipped, duplicates=across)["Some files occur more than once."] == (
        "3 images have identical copies, 1 of them in more than one split."
    )
    assert "Some files occur more than once." not in changed(shipped, duplicates=())
