"""Data sets in numbers: what is stored is what the images say, and what is said of it is true of the numbers."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from pneumo import data, runs
from pneumo.codec import encode
from pneumo.images import radiograph
from pneumo.inference import dataset_audit, dataset_cues, dataset_findings, dataset_measures, dataset_summary
from pneumo.inference.dataset_summary import Brightness, Cue, DataSetSummary, Duplicates, RandomSplit, SizeCells, Sizes
from pneumo.metrics import classification, resampling
from pneumo.schema import CLASS_NAMES, DataSpec, Interval, PneumoError

SHIPPED = "guangzhou"
SOURCE_VARIABLE = "PNEUMO_DATA"


@pytest.fixture(scope="module")
def phantoms() -> dataset_audit.Survey:
    return dataset_audit.take("phantom:60")


@pytest.fixture(scope="module")
def summary(phantoms) -> DataSetSummary:
    return dataset_measures.summary_of(phantoms, data.open_source("phantom:60"), name="phantoms")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Twenty flat grey images of sixteen patients; a file twice, one under both classes, one unreadable."""
    root = tmp_path_factory.mktemp("set")
    for label, name in enumerate(CLASS_NAMES):
        (root / name).mkdir()
        for n in range(10):
            level = 60 + 10 * n + 50 * label
            image = np.full((40, 50 + label), level, np.uint8)
            file = f"person{n - n % 2}_virus_{n}.png" if label else f"IM-{n:04d}-0001.png"
            (root / name / file).write_bytes(radiograph.encode_png(image))
    copy = (root / "PNEUMONIA" / "person0_virus_0.png").read_bytes()
    (root / "PNEUMONIA" / "person0_virus_1.png").write_bytes(copy)
    (root / "NORMAL" / "IM-0009-0001.png").write_bytes((root / "PNEUMONIA" / "person8_virus_8.png").read_bytes())
    (root / "NORMAL" / "IM-0000-0001.png").write_bytes(b"nonsense")
    return root


@pytest.fixture(scope="module")
def small(folder) -> DataSetSummary:
    return dataset_measures.summarise(str(folder), name="small")


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    return tmp_path


# --- computing --------------------------------------------------------------------------------------------


def test_counts_are_those_of_the_audit_and_of_a_card(phantoms, summary):
    audit, card_like = phantoms.audit, summary.data
    assert (summary.images, summary.patients, summary.classes) == (60, audit["patients"], audit["classes"])
    assert card_like.counts == phantoms.counts
    assert card_like.patients == phantoms.patients_in
    assert summary.own_splits == {"none": audit["classes"]}
    assert summary.patients_shared == 0
    assert (summary.title, card_like.source) == ("Phantoms", "phantom:60")


def test_plots_get_what_the_images_gave(phantoms, summary):
    """A page draws the stored set by the functions that draw a surveyed one."""
    for name, values in dataset_summary.patient_values(summary).items():
        assert sorted(values) == sorted(dataset_audit.images_per_patient(phantoms)[name])
    np.testing.assert_allclose(dataset_summary.level_shares(summary), phantoms.level_shares, atol=1e-6)
    values, edges = dataset_summary.brightness_values(summary)
    for label, name in enumerate(CLASS_NAMES):
        real = phantoms.brightness[phantoms.labels == label]
        np.testing.assert_array_equal(np.histogram(values[name], edges)[0], np.histogram(real, edges)[0])
        assert summary.brightness[name].mean == pytest.approx(real.mean(), abs=1e-3)
        assert edges[0] <= real.min() <= real.max() < edges[-1]
    sizes, labels = dataset_summary.size_values(summary)
    assert sizes.tolist() == [[224, 224]] * 60
    assert np.bincount(labels).tolist() == np.bincount(phantoms.labels).tolist()


def test_many_sizes_are_gathered_in_cells(phantoms):
    rng = np.random.default_rng(0)
    result = dataclasses.replace(phantoms, sizes=rng.integers(400, 2500, (60, 2)))
    exact = dataset_measures._sizes(result)
    assert (exact.distinct, exact.step_px) == (60, 1)
    labels = rng.integers(2, size=5000)
    many = dataclasses.replace(
        phantoms, sizes=rng.integers(400, 2500, (5000, 2)), labels=labels, resized=np.zeros((5000, 64, 64), np.uint8)
    )
    sizes = dataset_measures._sizes(many)
    cells = sum(len(each.images) for each in sizes.cells.values())
    assert cells <= dataset_measures.MOST_SIZE_CELLS
    assert [sum(each.images) for each in sizes.cells.values()] == np.bincount(labels).tolist()
    for label, name in enumerate(CLASS_NAMES):
        widths = np.repeat(sizes.cells[name].width, sizes.cells[name].images)
        real = np.sort(many.sizes[labels == label, 0])
        assert np.abs(np.sort(widths) - real).max() <= sizes.step_px / 2
        assert sizes.median[name] == tuple(np.median(many.sizes[labels == label], axis=0))


def test_what_is_wrong_with_a_folder_is_counted(small, folder):
    assert (small.images, small.unreadable, small.readable) == (20, 1, 19)
    assert small.data.source == folder.name
    assert small.families == {"IM-": 10}
    assert small.subtypes == {"virus": 10}
    assert small.images_per_patient == {"NORMAL": (10,), "PNEUMONIA": (0, 5)}
    assert small.sizes.cells["PNEUMONIA"] == SizeCells((51,), (40,), (10,))
    assert (small.duplicate_groups, small.surplus_images) == (2, 2)
    assert {(kind.classes, kind.patients) for kind in small.duplicates} == {(CLASS_NAMES, 2), (("PNEUMONIA",), 1)}
    assert all(len(kind.splits) == 1 for kind in small.duplicates)  # patients who share a file stay together
    assert sum(sum(count.values()) for count in small.data.counts.values()) == 19


def test_a_random_split_is_what_a_simulation_gives(phantoms):
    splits = data.split_patients(data.open_source("phantom:60"), DataSpec())
    expected = dataset_measures._random_split(phantoms, splits)
    p, rng, across, seen = expected.held_out, np.random.default_rng(0), [], []
    assert p == pytest.approx(1 - len(splits["train"]) / 60, abs=1e-6)
    patients = np.unique(phantoms.patients, return_inverse=True)[1]
    for _ in range(4000):
        out = rng.random(60) < p
        inside = np.bincount(patients[~out], minlength=patients.max() + 1) > 0
        across.append((inside & (np.bincount(patients[out], minlength=len(inside)) > 0)).sum())
        seen.append(inside[patients[out]].sum())
    assert np.mean(across) == pytest.approx(expected.patients, abs=0.15)
    assert np.mean(seen) / (60 * p) == pytest.approx(expected.seen, abs=0.01)


def test_a_set_without_a_readable_image_is_summarised_too(tmp_path):
    for name in CLASS_NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "bad.png").write_bytes(name.encode())
    result = dataset_measures.summarise(str(tmp_path))
    assert (result.images, result.readable, result.cues, result.sizes.distinct) == (2, 0, (), 0)
    assert dataset_summary.brightness_values(result)[0]["NORMAL"].size == 0
    assert dataset_summary.size_values(result)[0].shape == (0, 2)
    assert dataset_findings.findings_by_topic(result)["files"] == "2 of 2 files could not be read and were left out."


def test_the_split_is_that_of_the_run(small_run, weights):
    card = small_run.card
    result = dataset_measures.summarise("phantom:120", card, name="drawn")
    assert result.data == card.data
    dataset_summary.save(dataset_summary.folder(), result)
    assert dataset_summary.for_run(card) == result
    other = dataclasses.replace(card, data=dataclasses.replace(card.data, split_digest="0" * 64))
    assert dataset_summary.for_run(other) is None
    one_class = dataclasses.replace(card.data, split_digest=result.one_class_digests["PNEUMONIA"])
    assert dataset_summary.for_run(dataclasses.replace(card, data=one_class)) == result
    with pytest.raises(PneumoError, match="not the data set 'small' was trained on"):
        dataset_measures.summarise("phantom:100", card)


def test_one_class_alone_has_the_digest_of_such_a_run(summary):
    dataset, spec = data.open_source("phantom:60"), DataSpec(only="PNEUMONIA")
    splits = data.only(dataset, data.split_patients(dataset, spec), spec.only)
    assert summary.one_class_digests["PNEUMONIA"] == data.split_digest(dataset, splits)


@pytest.mark.parametrize("spec", [DataSpec(labels=0.5), DataSpec(leave_out="subtype:virus")])
def test_a_run_on_some_of_the_images_is_refused_before_reading(spec):
    with pytest.raises(PneumoError, match="only some of the training images"):
        dataset_measures.summarise("phantom:60", spec)


# --- cues -------------------------------------------------------------------------------------------------


def test_brightness_separates_by_its_auroc(phantoms, summary):
    cue = summary.cue("brightness")
    area = classification.auroc(phantoms.labels, phantoms.brightness)
    assert cue.auroc == pytest.approx(max(area, 1 - area), abs=1e-6)
    assert cue.ci95.low < cue.auroc < cue.ci95.high
    assert cue.n == 60
    assert {cue.name for cue in summary.cues} <= set(dataset_cues.TITLES)
    assert summary.cue("aspect") is None  # all of one size


def test_a_cue_says_which_class_has_the_larger_values(small):
    assert small.cue("brightness").higher_in == "PNEUMONIA"
    aspect = small.cue("aspect")
    assert aspect.auroc == pytest.approx(1 - 0.5 / 9)  # the NORMAL image that is a copy of a PNEUMONIA one
    assert small.cue("grey_levels") is None  # five patients with pneumonia are too few


def test_the_interval_is_over_patients(phantoms):
    labels, scores = phantoms.labels, np.stack([phantoms.brightness, -phantoms.brightness])
    areas = dataset_cues._areas(labels, scores)
    assert areas[0] == pytest.approx(classification.auroc(labels, phantoms.brightness))
    assert areas.sum() == pytest.approx(1)
    low, high = dataset_cues._ends(labels, scores, np.array(phantoms.patients)).T[0]
    drawn = [
        classification.auroc(labels[rows], phantoms.brightness[rows])
        for rows in resampling.patient_draws(phantoms.patients, seed=0)
    ]
    np.testing.assert_allclose([low, high], np.percentile(drawn, [2.5, 97.5]))


def test_noise_does_not_separate_on_patients_held_out():
    """Fitted and asked on the same images, eight statistics of 100 images would seem to tell."""
    rng = np.random.default_rng(1)
    labels, patients = np.arange(100) % 2, np.arange(100) // 4  # four images of each patient
    grey = rng.normal(size=(25, 8))[patients] + 0.01 * rng.normal(size=(100, 8))
    scores = dataset_cues._held_out_scores(grey, labels, patients)
    assert abs(classification.auroc(labels, scores) - 0.5) < 0.12


# --- on disk ----------------------------------------------------------------------------------------------


def test_what_is_saved_is_read(small, weights):
    assert dataset_summary.available() == []
    path = dataset_summary.save(dataset_summary.folder(), small)
    assert path == weights / "datasets" / "small.json"
    assert dataset_summary.available() == ["small"]
    assert dataset_summary.read("small") == small
    assert runs.available() == []
    path.rename(path.with_name("renamed.json"))
    assert dataset_summary.read("renamed") == dataclasses.replace(small, name="renamed")


@pytest.mark.parametrize("name", ["", "card", "../up", "a/b", "Set", ".hidden", "a b"])
def test_a_name_that_no_file_may_have(name, small, weights):
    with pytest.raises(PneumoError, match="cannot name a data set"):
        dataset_summary.save(dataset_summary.folder(), dataclasses.replace(small, name=name))
    assert not (weights / "datasets").exists()


def test_a_summary_that_is_not_there_says_which_are(small, weights):
    with pytest.raises(runs.RunError, match="there are: none"):
        dataset_summary.read("small")
    dataset_summary.save(dataset_summary.folder(), small)
    with pytest.raises(runs.RunError, match="did you mean 'small'"):
        dataset_summary.read("smal")


def changed(plain: dict, path: str, value: object) -> str:
    """The summary as JSON with another value at a dotted path."""
    *parents, last = path.split(".")
    place = plain
    for parent in parents:
        place = place[parent]
    place[last] = value
    return json.dumps(plain)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schema_version", 2, "this version reads 1"),
        ("pixels", [1], "unknown key pixels"),
        ("images", 21, "classes adds up to 20 images; expected 21"),
        ("unreadable", 0, "expected 20"),
        ("own_splits", {}, "own_splits adds up to 0"),
        ("images_per_patient.NORMAL", [9], "images_per_patient adds up to 19"),
        ("classes", {"PNEUMONIA": 10, "NORMAL": 10}, "expected NORMAL, PNEUMONIA"),
        ("levels.NORMAL", [0.5, 0.5], "expected 64 values"),
        ("brightness.NORMAL.mean", float("nan"), "expected a finite number"),
        ("data.split_digest", 7, "data.split_digest is 7"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_the_remedy(path, value, message, small, weights):
    file = dataset_summary.save(dataset_summary.folder(), small)
    file.write_text(changed(encode(small), path, value))
    with pytest.raises(runs.RunError) as caught:
        dataset_summary.read("small")
    assert message in str(caught.value)
    assert str(file) in str(caught.value)
    assert "--save small" in str(caught.value)


@pytest.mark.parametrize("blob", [b"", b"\xff\xfe", b"[" * 10000, b"[]", b"null"])
def test_a_broken_file_is_an_error_with_a_remedy(blob, small, weights):
    dataset_summary.save(dataset_summary.folder(), small).write_bytes(blob)
    with pytest.raises(runs.RunError, match="Restore the file"):
        dataset_summary.read("small")


def test_text_is_stored_as_it_is(small, weights):
    """Lists of numbers are put on one line, but a title may look like one."""
    strange = dataclasses.replace(small, title="[1, 2]  [ 3 ]")
    dataset_summary.save(dataset_summary.folder(), strange)
    assert dataset_summary.read("small") == strange


# --- the shipped set --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> DataSetSummary:
    return dataset_summary.read(SHIPPED)


def test_the_shipped_summary_is_of_the_set_the_default_run_was_trained_on(shipped):
    card = runs.read_card(runs.resolve())
    assert shipped.data == card.data
    assert {split: sum(n.values()) for split, n in shipped.data.counts.items()} == {
        "train": 3865,
        "validation": 850,
        "test": 501,
    }
    assert (shipped.images, shipped.unreadable, shipped.patients) == (5216, 0, sum(card.data.patients.values()))
    assert shipped.classes == {name: sum(n[name] for n in card.data.counts.values()) for name in CLASS_NAMES}


def test_held_out_predictions_are_of_the_same_images(shipped):
    result = runs.read_predictions(runs.resolve())
    for split in ("validation", "test"):
        held_out = result.split(split)
        assert shipped.data.counts[split] == dict(zip(CLASS_NAMES, np.bincount(held_out.labels).tolist(), strict=True))
        assert shipped.data.patients[split] == len(set(held_out.patients))


def test_every_run_trained_on_radiographs_has_its_set(shipped):
    for name in runs.available():
        card = runs.read_card(runs.resolve(name))
        result = dataset_summary.for_run(card)
        assert result == (None if card.data.source.startswith(("phantom", "characters")) else shipped), name


def test_the_shipped_file_is_small_and_names_nobody(shipped):
    path = dataset_summary.folder() / f"{SHIPPED}.json"
    text = path.read_text()
    assert len(text) < 60_000
    for word in (".jp", ".png", "person", "IM-0", "/"):
        assert word not in text.replace(shipped.data.citation, ""), word
    assert dataset_summary.FOLDER not in runs.available()


@pytest.mark.slow
@pytest.mark.skipif(
    not Path(os.environ.get(SOURCE_VARIABLE, "?")).is_dir(), reason=f"{SOURCE_VARIABLE} names no folder"
)
def test_the_images_give_the_shipped_numbers(shipped):
    result = dataset_measures.summarise(os.environ[SOURCE_VARIABLE], runs.read_card(runs.resolve()), name=SHIPPED)
    assert dataclasses.replace(result, cues=()) == dataclasses.replace(shipped, cues=())
    for cue, stored in zip(result.cues, shipped.cues, strict=True):
        assert cue.auroc == pytest.approx(stored.auroc, abs=1e-4)


# --- findings ---------------------------------------------------------------------------------------------


def test_findings_of_the_shipped_set(shipped):
    result = dataset_findings.findings_by_topic(shipped)
    assert list(result) == [
        "classes",
        "kinds",
        "split",
        "patients",
        "sizes",
        "duplicates",
        "brightness",
        "grey_levels",
    ]
    assert dataset_findings.findings(shipped) == list(result.values())
    assert "1,341 NORMAL and 3,875 PNEUMONIA, or 2.9 PNEUMONIA images for every NORMAL image" in result["classes"]
    assert "right 74.3% of the time (n = 5,216)" in result["classes"]
    assert "2,530 show bacterial pneumonia (65.3%) and 1,345 show viral pneumonia (34.7%)" in result["kinds"]
    assert "1,977 patients (3,865 images) for training" in result["split"]
    assert "No patient is in more than one of these." in result["split"]
    assert "at most 30" in result["patients"]
    assert "hardly separates the classes: AUROC 0.519" in result["brightness"]
    assert f"AUROC {shipped.cue('grey_levels').auroc:.3f}" in result["grey_levels"]


@pytest.fixture
def made_up(summary) -> DataSetSummary:
    """Four images of three patients, nothing wrong with any."""
    counts = [0] * 64
    counts[30] = 2
    spread = Brightness(122.0, 1.0, tuple(counts))
    info = dataclasses.replace(
        summary.data,
        counts={"train": {"NORMAL": 1, "PNEUMONIA": 1}, "validation": {"NORMAL": 1, "PNEUMONIA": 1}},
        patients={"train": 2, "validation": 2},
    )
    cells = {name: SizeCells((100,), (80,), (2,)) for name in CLASS_NAMES}
    return dataclasses.replace(
        summary,
        data=info,
        images=4,
        patients=4,
        classes=dict.fromkeys(CLASS_NAMES, 2),
        own_splits={"none": dict.fromkeys(CLASS_NAMES, 2)},
        images_per_patient=dict.fromkeys(CLASS_NAMES, (2,)),
        random_split=RandomSplit(0.5, 0.0, 0.0, 0.0),
        sizes=Sizes(1, 1, cells, dict.fromkeys(CLASS_NAMES, (100.0, 80.0))),
        brightness=dict.fromkeys(CLASS_NAMES, spread),
        cues=(),
    )


def test_findings_of_a_sound_set(made_up):
    assert dataset_findings.findings_by_topic(made_up) == {
        "classes": "The classes are balanced: 2 NORMAL and 2 PNEUMONIA (n = 4).",
        "split": "The split is by patient, not by image: 2 patients (2 images) for training and 2 patients (2 images) for "
        "validation. No patient is in more than one of these.",
        "patients": "Every patient has one image (n = 4), as far as the file names tell.",
        "sizes": "All 4 images are stored at 100 × 80 pixels, so their size cannot give the class away.",
        "duplicates": "No file occurs twice (n = 4).",
    }


def said(summary: DataSetSummary, topic: str, **changes: object) -> str:
    return dataset_findings.findings_by_topic(dataclasses.replace(summary, **changes))[topic]


def test_what_is_wrong_is_said(made_up):
    pair = Duplicates(1, 2, CLASS_NAMES, 2, ("train", "validation"))
    text = said(made_up, "duplicates", duplicates=(pair,))
    assert "1 image is stored more than once, byte for byte, which makes 1 surplus copy" in text
    assert "1 image carries both labels: one of the two is wrong." in text
    assert "1 image has copies in more than one split." in text
    two = [dataclasses.replace(pair, groups=2, classes=("NORMAL",), splits=("train", "unused"))]
    text = said(made_up, "duplicates", duplicates=tuple(two), random_split=RandomSplit(0.5, 0, 0, 1.4))
    assert "2 images are stored more than once, byte for byte, which makes 2 surplus copies" in text
    assert "No image carries two labels. No image has copies in more than one split." in text
    assert "copies of about 1 would be on both sides" in text
    assert "1 patient is in more than one of these, which makes metrics too optimistic" in said(
        made_up, "split", patients_shared=1
    )
    assert "In the source's own splits, 3 patients are in more than one." in said(
        made_up, "split", patients_in_several_own=3
    )
    one = {"classes": {"NORMAL": 0, "PNEUMONIA": 4}, "own_splits": {"none": {"NORMAL": 0, "PNEUMONIA": 4}}}
    assert said(made_up, "classes", **one) == "All 4 images are PNEUMONIA: a classifier needs both classes."
    assert "for 1 the kind is unknown" in said(made_up, "kinds", subtypes={"virus": 1})


def test_several_images_of_a_patient(made_up):
    text = said(
        made_up,
        "patients",
        images_per_patient={"NORMAL": (0, 1), "PNEUMONIA": (2,)},
        random_split=RandomSplit(0.5, 1.0, 0.25, 0),
    )
    assert "2.0 NORMAL images (n = 1 patient) or 1.0 PNEUMONIA images (n = 2 patients), and at most 2." in text
    assert "with 50.0% of them held out, about 1 patient would be on both sides: 25.0% of the held-out images" in text


@pytest.mark.parametrize(
    ("auroc", "interval", "verb"),
    [
        (0.52, (0.51, 0.53), "hardly separates"),
        (0.60, (0.49, 0.70), "does not measurably separate"),
        (0.60, (0.55, 0.65), "weakly separates"),
        (0.80, (0.75, 0.85), "separates"),
    ],
)
def test_words_for_a_cue_follow_its_interval(auroc, interval, verb, made_up):
    cues = tuple(Cue(name, auroc, Interval(*interval), 4, "NORMAL") for name in ("brightness", "grey_levels"))
    low, high = interval
    figures = f"AUROC {auroc:.3f} (95% CI {low:.3f} to {high:.3f}, n = 4; 0.5 is chance)"
    result = dataset_findings.findings_by_topic(dataclasses.replace(made_up, cues=cues))
    assert f"Brightness alone {verb} the classes: {figures}." in result["brightness"]
    shortcut = verb.endswith("separates") and verb != "hardly separates"
    assert ("NORMAL images tend to be brighter, a shortcut" in result["brightness"]) == shortcut
    assert f", {verb} the classes on patients it was not fitted to: {figures}." in result["grey_levels"]
    assert ("a shortcut that a model can take" in result["grey_levels"]) == shortcut


def test_sizes_that_differ(made_up):
    sizes = Sizes(2, 1, made_up.sizes.cells, {"NORMAL": (120.0, 90.5), "PNEUMONIA": (100.0, 80.0)})
    cue = Cue("pixels", 1.0, None, 4, "NORMAL")
    text = said(made_up, "sizes", sizes=sizes, cues=(cue,))
    assert "come in 2 sizes; the median width and height are 120 × 90 for NORMAL and 100 × 80 for PNEUMONIA" in text
    assert "The number of pixels alone separates the classes: AUROC 1.000 (n = 4; 0.5 is chance)." in text
