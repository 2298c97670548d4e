"""The facade: one way through for uploads and data sets, labels, tables, downloads."""

import csv
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pneumo import data
from pneumo.images import radiograph, transforms
from pneumo.inference import batch, comparison, diagnosis, evaluation
from pneumo.inference.examples import generated_examples, phantom_examples
from pneumo.runs import engine, forward
from pneumo.schema import Assessment, Interval, PneumoError
from tests.hostile import hostile_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory, examples):
    """NORMAL/ and PNEUMONIA/ with the built-in phantoms, and one file that is no picture."""
    root = tmp_path_factory.mktemp("set")
    for example in examples:
        (root / example.label_name).mkdir(exist_ok=True)
        (root / example.label_name / example.name).write_bytes(example.data)
    (root / "NORMAL" / "broken.png").write_bytes(b"not a picture")
    return root


def test_dataset_row_and_upload_give_the_same_bits_and_probability(folder, small_run):
    dataset = data.open_source(str(folder))
    resized = data.resized(dataset, small_run.card.image)
    for index, item in enumerate(dataset.items):
        if index in resized.errors:
            continue
        upload = diagnosis.diagnose(small_run, (folder / item.name).read_bytes(), "upload.png")
        np.testing.assert_array_equal(resized.array[index], upload.seen)
        row = transforms.normalise(torch.from_numpy(resized.array[index].copy())[None], small_run.card.image)[0]
        _, served = transforms.preprocess(upload.radiograph.pixels, small_run.card.image)
        assert row.equal(served)
        again = diagnosis.diagnose_radiographs(
            small_run, [("row", radiograph.read((folder / item.name).read_bytes()))]
        )[0]
        assert again.probability == upload.probability
        batch = forward.probabilities(small_run, resized.array, rows=np.array([index]))
        assert batch[0] == pytest.approx(upload.probability, abs=1e-6)  # in another batch


def test_png_and_dicom_of_the_same_pixels_give_the_same_probability(small_run, examples):
    pixels = radiograph.read(examples[0].data).pixels
    result = [diagnosis.diagnose(small_run, blob, name) for blob, name in (
        (radiograph.encode_png(pixels), "a.png"), (as_dicom(pixels), "a.dcm"))]  # fmt: skip
    assert result[0].error is None is result[1].error
    np.testing.assert_array_equal(result[0].radiograph.pixels, result[1].radiograph.pixels)
    assert result[0].probability == result[1].probability


def as_dicom(pixels: np.ndarray) -> bytes:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.Rows, file.Columns = pixels.shape
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 8, 8, 7, 0
    file.PatientName = "Do^Not^Keep"
    file.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_a_diagnosis_is_complete(small_run, examples):
    result = diagnosis.diagnose(small_run, examples[0].data, "x.png", synthetic=True)
    assert 0 < result.probability < 1
    assert result.stability is None
    assert result.seen.shape == (32, 32)
    assert [warning.code for warning in result.warnings] == ["synthetic"]


def test_stability_is_computed_only_where_it_is_asked_for(small_run, examples, monkeypatch):
    result = diagnosis.diagnose(small_run, examples[0].data, "x.png")
    told = diagnosis.with_stability(small_run, result)
    assert told.stability.low <= result.probability <= told.stability.high
    assert told.stability.low < told.stability.high, "eight variants of an image are never all alike"
    changed = transforms.variants(result.seen).numpy()
    each = [float(forward.probabilities(small_run, changed[n : n + 1])[0]) for n in range(8)] + [result.probability]
    assert (told.stability.low, told.stability.high) == pytest.approx((min(each), max(each)), abs=1e-6)
    monkeypatch.setattr(forward, "probabilities", lambda *_: pytest.fail("computed again"))
    assert diagnosis.with_stability(small_run, told) is told
    refused = diagnosis.diagnose(small_run, b"", "x.png")
    assert diagnosis.with_stability(small_run, refused) is refused
    uniform = diagnosis.diagnose(small_run, radiograph.encode_png(np.zeros((200, 200), np.uint8)), "b.png")
    assert diagnosis.with_stability(small_run, uniform).stability is None, "there is no label that could change"


def test_what_is_not_finite_is_never_labelled(small_run, examples, monkeypatch):
    for wrong in (np.nan, np.inf, -np.inf):
        monkeypatch.setattr(engine.Engine, "logits", lambda *_, wrong=wrong: np.array([wrong]))
        result = diagnosis.diagnose(small_run, examples[0].data, "x.png")
        label, shown = diagnosis.label_for(result, 0.5), diagnosis.probability_for(result)
        assert (label, shown, result.probability) == (None, None, None)
        assert "no finite" in result.error
        [row] = batch.table(small_run, [result], 0.5)
        assert (row["label"], row["probability"]) == (None, None) and "no finite" in row["error"]
        assert diagnosis.caveat(small_run.card, result, 0.5).code == "error"
        with pytest.raises(PneumoError, match="has no label"):
            diagnosis.label_of(wrong, 0.5, None)


def test_stability_of_what_is_not_finite_is_none(small_run, examples, monkeypatch):
    result = diagnosis.diagnose(small_run, examples[0].data, "x.png")
    monkeypatch.setattr(forward, "probabilities", lambda *_: np.array([0.5, np.nan]))
    assert diagnosis.with_stability(small_run, result).stability is None


def test_small_changes_of_the_image_are_small():
    resized_image = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
    changed = transforms.variants(resized_image).numpy()
    assert changed.shape == (8, 64, 64)
    assert 0 <= changed.min() <= changed.max() <= 1
    np.testing.assert_allclose(changed[0], resized_image[:, ::-1] / 255, atol=1e-6)
    assert all(np.abs(other - resized_image / 255).mean() < 0.06 for other in changed[1:])


def test_a_refused_file_has_its_error_and_nothing_else(small_run):
    result = diagnosis.diagnose(small_run, b"<html>", "x.html")
    assert result.error
    assert (result.probability, result.radiograph, result.warnings) == (None, None, ())
    with pytest.raises(PneumoError, match=r"x\.html was refused"):
        diagnosis.explain(small_run, result)


@given(st.floats(0, 1), st.floats(0, 1))
def test_metrics_count_pneumonia_at_or_above_the_threshold(probability, threshold):
    assert (diagnosis.side_of(probability, threshold) == "PNEUMONIA") == (probability >= threshold)


ZONES = st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda ends: Interval(min(ends), max(ends)))


@given(st.floats(0, 1), st.floats(0, 1), ZONES)
def test_a_class_is_named_only_where_threshold_zone_and_one_half_agree(probability, threshold, zone):
    label = diagnosis.label_of(probability, threshold, zone)
    if label == "NORMAL":
        assert probability < min(threshold, 0.5, zone.low if zone else 1)
    elif label == "PNEUMONIA":
        assert probability >= max(threshold, 0.5) and not (zone and probability <= zone.high)
    else:
        between = diagnosis.uncertain_range(threshold, zone)
        assert label == "UNCERTAIN" and between.low <= probability <= between.high


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), ZONES)
def test_a_higher_probability_never_lowers_the_label(one, other, threshold, zone):
    low, high = (diagnosis.LABELS.index(diagnosis.label_of(p, threshold, zone)) for p in sorted((one, other)))
    assert low <= high


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), ZONES)
def test_a_higher_threshold_never_raises_the_label(probability, one, other, zone):
    strict, lenient = (diagnosis.label_of(probability, t, zone) for t in sorted((one, other), reverse=True))
    assert diagnosis.LABELS.index(strict) <= diagnosis.LABELS.index(lenient)


@pytest.mark.parametrize(
    ("probability", "threshold", "label"),
    [
        (0.951, 0.968, "UNCERTAIN"),  # once NORMAL: above the zone, below the threshold
        (0.968, 0.968, "PNEUMONIA"),
        (0.876, 0.5, "UNCERTAIN"),  # the zone's ends belong to it
        (0.877, 0.5, "PNEUMONIA"),
        (0.074, 0.5, "UNCERTAIN"),
        (0.073, 0.5, "NORMAL"),
        (0.073, 0.05, "UNCERTAIN"),
        (0.04, 0.05, "NORMAL"),
        (0.3, 0.2, "UNCERTAIN"),
    ],
)
def test_labels_at_the_default_runs_zone(probability, threshold, label):
    assert diagnosis.label_of(probability, threshold, Interval(0.074, 0.876)) == label


@pytest.mark.parametrize(
    ("probability", "threshold", "zone", "words"),
    [
        (0.951, 0.968, (0.074, 0.876), "Above the indeterminate zone (0.074 to 0.876) and 0.5, but below the threshold 0.968."),
        (0.3, 0.2, None, "Above the threshold 0.200, but below 0.5."),
        (0.5, 0.2, (0.3, 0.6), "Inside the indeterminate zone, 0.300 to 0.600: there the model could not separate validation "
         "patients with and without pneumonia."),
        (0.99, 0.9, (0.3, 0.6), "Above the threshold 0.900 and the indeterminate zone (0.300 to 0.600)."),
    ],
)  # fmt: skip
def test_where_a_probability_lies_in_words(probability, threshold, zone, words, small_run, examples):
    result = replace(
        diagnosis.diagnose(small_run, examples[0].data, "x.png"),
        probability=probability, indeterminate=zone and Interval(*zone),
    )  # fmt: skip
    assert diagnosis.position(result, threshold) == words


def test_the_caveat_that_matters_most_comes_first(small_run, examples):
    plain = replace(
        diagnosis.diagnose(small_run, examples[0].data, "x.png"),
        probability=0.99, stability=Interval(0.98, 0.995), indeterminate=Interval(0.4, 0.6),
    )  # fmt: skip
    card = small_run.card
    refused = replace(plain, assessment=Assessment("refused", "it appears to be inverted", {}))
    elsewhere = replace(plain, assessment=Assessment("elsewhere", "it is from elsewhere", {}))
    mirrored = replace(plain, assessment=Assessment("training population", "", {}, mirrored=True))
    for result, threshold, code, words in (
        (plain, 0.9, "population", diagnosis.PHANTOMS_ONLY),
        (replace(plain, stability=Interval(0.5, 0.995)), 0.9, "unstable", "change the label"),
        (replace(plain, stability=None), 0.9, "population", diagnosis.PHANTOMS_ONLY),
        (plain, 0.995, "uncertain", "below the threshold 0.995"),
        (elsewhere, 0.995, "elsewhere", "It is from elsewhere."),
        (mirrored, 0.995, "image", diagnosis.MIRRORED),
        (refused, 0.9, "refused", "it appears to be inverted"),
        (replace(refused, overridden=True), 0.9, "image", "Shown at your request"),
        (diagnosis.diagnose(small_run, b"", "x.png"), 0.9, "error", "the file is empty"),
    ):
        told = diagnosis.caveat(card, result, threshold)
        assert (told.code, words in told.message) == (code, True), told


def test_the_text_of_an_image_says_what_it_shows(small_run, examples):
    result = replace(diagnosis.diagnose(small_run, examples[0].data, "x.png"), probability=0.934, indeterminate=None)
    values = np.zeros((30, 30), np.float32)
    values[25, 28] = 1
    heat = diagnosis.Heatmap("PNEUMONIA", values, values)
    assert diagnosis.text_equivalent(result, 0.5, heat) == (
        "Chest radiograph x.png, PNEUMONIA, probability 0.934, heatmap for PNEUMONIA: strongest evidence in the lower right"
    )
    empty = diagnosis.Heatmap("NORMAL", values * 0, values)
    assert diagnosis.text_equivalent(result, 0.5, empty).endswith("heatmap for NORMAL: no region supports it")
    black = diagnosis.diagnose(small_run, radiograph.encode_png(np.zeros((200, 200), np.uint8)), "b.png")
    assert diagnosis.text_equivalent(black, 0.5) == "Image b.png, no result"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ((0, 0), "upper left"),
        ((15, 15), "centre"),
        ((15, 29), "middle right"),
        ((29, 15), "lower centre"),
        ((3, 12), "upper left"),
    ],
)
def test_places_in_words(place, words):
    values = np.zeros((30, 30), np.float32)
    values[place] = 1
    assert diagnosis.strongest_place(diagnosis.Heatmap("NORMAL", values, values)) == words


def test_indeterminate_includes_both_ends():
    band = Interval(0.4, 0.6)
    assert [diagnosis.is_indeterminate(band, p) for p in (0.39, 0.4, 0.6, 0.61)] == [False, True, True, False]


def test_examples_are_the_same_every_time_and_have_both_classes(examples):
    assert [e.data for e in examples] == [e.data for e in phantom_examples()]
    assert {e.label for e in examples} == {0, 1}
    assert all(e.synthetic for e in examples)


def test_evaluate_counts_every_readable_image(folder, small_run):
    result = evaluation.evaluate(small_run, str(folder), threshold=0.5)
    assert result.metrics.n == 4
    assert list(result.unreadable) == ["NORMAL/broken.png"]
    by_hand = [
        diagnosis.diagnose(small_run, (folder / name).read_bytes(), name).probability >= 0.5
        for name in (item.name for item in data.open_source(str(folder)).items)
        if "broken" not in name
    ]
    assert result.metrics.confusion["fp"] + result.metrics.confusion["tp"] == sum(by_hand)


def test_evaluate_takes_the_test_set_where_there_is_one(tmp_path, small_run, examples):
    for split, some in (("train", examples[:2]), ("test", examples[2:3])):
        for example in some:
            path = tmp_path / split / example.label_name / example.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(example.data)
    result = evaluation.evaluate(small_run, str(tmp_path))
    assert (result.metrics.n, result.split) == (1, "its test set")
    assert result.metrics.auroc is None


def test_internal_test_can_be_read_again_and_gives_the_cards_metrics(small_run):
    result = evaluation.evaluate(small_run, "phantom:120", split="test")
    card = small_run.card.metrics["test"]
    assert result.metrics.confusion == card.confusion
    assert result.metrics.auroc == pytest.approx(card.auroc)
    with pytest.raises(PneumoError, match="another digest"):
        evaluation.evaluate(small_run, "phantom:90", split="test")


def test_files_below_lists_everything_and_refuses_what_is_not_there(tmp_path):
    for name in ("b.png", "a.txt", "deep/c.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [p.name for p in batch.files_below([tmp_path]).files] == ["a.txt", "b.png", "c.dcm"]
    with pytest.raises(PneumoError, match="no file or folder"):
        batch.files_below([tmp_path / "nothing"])


def test_what_lies_beside_images_is_passed_over_and_counted(tmp_path):
    beside = (
        "Thumbs.db", "THUMBS.DB", "desktop.ini", ".DS_Store", "._a.png", "deep/.hidden/b.png", "__MACOSX/a.png",
        "__MACOSX/deep/._a.png", "CD/DICOMDIR", "CD/dicomdir", "CD/DICOMDIR;1", "CD/AUTORUN.INF", "@eaDir/a.png", "a.lnk",
    )  # fmt: skip
    for name in (*beside, "a.png", "CD/IMG0001", "deep/thumbs.db.png", "MACOSX/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = batch.files_below([tmp_path])
    names = {str(path.relative_to(tmp_path)) for path in found.files}
    assert names == {"a.png", "CD/IMG0001", "deep/thumbs.db.png", "MACOSX/c.png"}
    assert found.passed_over == len({*beside})
    assert batch.files_below([tmp_path / "CD" / "DICOMDIR"]).files, "what a person names is read"
    inside = batch.files_below([tmp_path / "deep" / ".hidden"]).files
    assert [path.name for path in inside] == ["b.png"], "and so is the folder"


def test_a_missing_path_among_others_is_kept_and_nothing_at_all_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("x")
    (tmp_path / "empty").mkdir()
    given = [tmp_path / "gone.png", tmp_path / "a.png", tmp_path / "empty"]
    assert batch.files_below(given).files == given[:2]
    for nothing in ([tmp_path / "empty"], [tmp_path / "gone.png", tmp_path / "gone"], [tmp_path / "br\neak"]):
        with pytest.raises(PneumoError) as told:
            batch.files_below(nothing)
        assert "\n" not in str(told.value)
    (tmp_path / "empty" / "Thumbs.db").write_text("x")
    with pytest.raises(PneumoError, match="could be a radiograph"):
        batch.files_below([tmp_path / "empty"])


def test_table_csv_keeps_the_columns_and_defuses_formulas(small_run, examples):
    results = [
        diagnosis.diagnose(small_run, examples[0].data, "=HYPERLINK(1).png"),
        diagnosis.diagnose(small_run, b"", "empty.png"),
    ]
    rows = batch.table(small_run, results, 0.5)
    blob = batch.table_csv(rows)
    assert blob.startswith(b"\xef\xbb\xbf")
    good, bad = csv.DictReader(io.StringIO(blob.decode("utf-8-sig")))
    assert list(good) == [
        "file",
        "probability",
        "label",
        "threshold",
        "model",
        "weights_sha256",
        "input_check",
        "warnings",
        "error",
    ]
    assert good["file"] == "'=HYPERLINK(1).png"
    assert float(good["probability"]) == pytest.approx(results[0].probability, abs=1e-6)
    assert good["weights_sha256"] == small_run.card.weights.sha256
    assert (bad["probability"], bad["label"]) == ("", "")
    assert bad["error"]


def test_overlays_zip_has_one_safe_png_per_file(small_run, examples):
    results = [diagnosis.diagnose(small_run, e.data, "../../etc/x y.png") for e in examples[:2]]
    blob = batch.overlays_zip((r, diagnosis.explain(small_run, r)) for r in results)
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        assert archive.namelist() == ["001-x_y.png", "002-x_y.png"]
        assert Image.open(archive.open("001-x_y.png")).size == (448, 448)


def test_the_same_pixels_are_one_image_whatever_the_file(small_run, examples):
    """A DICOM file and the PNG exported from it; files that were not read are nobody's copy."""
    pixels = radiograph.read(examples[0].data).pixels
    blobs = (examples[0].data, b"", as_dicom(pixels), examples[1].data, b"", radiograph.encode_png(pixels))
    results = [diagnosis.diagnose(small_run, blob, f"{n}") for n, blob in enumerate(blobs)]
    assert batch.repeats(results) == [None, None, 0, None, None, 0]
    rows = batch.table(small_run, results, 0.5)
    assert [row["note"].startswith("Same image as file 1.") for row in rows] == [False, False, True, False, False, True]
    assert rows[2]["warnings"].startswith("Same image as file 1.")


def test_examples_give_nothing_away(examples):
    for some in (examples, generated_examples()):
        assert [each.name for each in some] == [f"Example {n}" for n in range(1, len(some) + 1)]


def test_hostile_files_never_raise(small_run):
    results = [diagnosis.diagnose(small_run, blob, name) for name, blob in hostile_files()]
    assert len(results) >= 200
    assert all((r.error is None) != (r.probability is None) for r in results)
    assert sum(r.error is not None for r in results) > 100


def test_a_heatmap_is_checked_against_the_lesion_where_there_is_one(small_run, examples):
    positive, healthy = examples[:2]
    diagnosed = diagnosis.diagnose(small_run, positive.data, positive.name)
    steps = []
    result = comparison.check_heatmap(
        small_run, diagnosed, "PNEUMONIA", lesion=positive.lesion, progress=lambda *done: steps.append(done)
    )
    assert result.pointing.area == pytest.approx(positive.lesion.mean())
    assert steps == sorted(set(steps)) and steps[-1][0] == steps[-1][1]
    assert result.curves.deletion[0] == pytest.approx(diagnosed.probability)
    assert result.baseline.deletion[0] == pytest.approx(diagnosed.probability)
    again = comparison.check_heatmap(small_run, diagnosed, "PNEUMONIA", lesion=positive.lesion)
    assert [s.similarity for s in again.stages] == [s.similarity for s in result.stages]
    assert comparison.check_heatmap(small_run, diagnosed, "NORMAL", lesion=positive.lesion).pointing is None
    assert comparison.check_heatmap(small_run, diagnosed, "PNEUMONIA", lesion=healthy.lesion).pointing is None


def test_examples_know_their_lesion(examples):
    for example in examples:
        assert example.lesion.any() == (example.label == 1)


def test_flip_averages_each_image_with_its_mirror(small_run, tmp_path):
    """A folder of a picture and its mirror image: with the flip both have the same logit, and mirroring changes nothing."""
    dataset = data.open_source("phantom:8")
    for index, item in enumerate(dataset.items):
        folder = tmp_path / ("NORMAL", "PNEUMONIA")[item.label]
        folder.mkdir(exist_ok=True)
        (folder / f"{index}.png").write_bytes(radiograph.encode_png(dataset.read(index)))
    mirrored = tmp_path / "mirrored"
    for path in tmp_path.glob("*/*.png"):
        place = mirrored / path.relative_to(tmp_path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(radiograph.encode_png(radiograph.read(path.read_bytes()).pixels[:, ::-1].copy()))
    both = [evaluation.evaluate(small_run, str(folder), flip=True).metrics for folder in (tmp_path, mirrored)]
    plain = evaluation.evaluate(small_run, str(tmp_path)).metrics
    assert both[0].brier == pytest.approx(both[1].brier, abs=1e-9)
    assert both[0].brier != pytest.approx(plain.brier, abs=1e-9)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((200, 200), np.uint8), "nearly uniform image"),
        (np.full((200, 200), 90, np.uint8), "nearly uniform image"),
        (np.tile(np.arange(200, dtype=np.uint8), (60, 4)), "extreme proportions"),
        (np.tile(np.arange(200, dtype=np.uint8), (200, 1)), None),
    ],
)
def test_what_cannot_be_a_chest_gets_no_result_and_keeps_its_probability(pixels, reason, small_run):
    result = diagnosis.diagnose(small_run, radiograph.encode_png(pixels), "x.png")
    assert 0 <= result.probability <= 1
    assert diagnosis.no_result(result) == reason
    for probability, label in ((1.0, "PNEUMONIA"), (0.0, "NORMAL")):
        certain = replace(result, probability=probability)
        assert diagnosis.label_for(certain, 0.5) == (None if reason else label)
    [row] = batch.table(small_run, [replace(result, probability=1.0)], 0.5)
    assert row["label"] == (None if reason else "PNEUMONIA")
    assert row["note"].startswith(f"No result: {reason}.") == bool(reason)
    assert row["warnings"].startswith(f"No result: {reason}.") == bool(reason)
    assert row["probability"] == (None if reason else 1.0)


def test_a_refused_file_has_no_result_either(small_run):
    refused = diagnosis.diagnose(small_run, b"", "x.png")
    assert (diagnosis.label_for(refused, 0.0), diagnosis.no_result(refused)) == (None, None)
    [row] = batch.table(small_run, [refused], 0.5)
    assert (row["note"], row["error"]) == ("Not read.", refused.error)


def test_every_warning_has_its_note():
    """A bare code says nothing to a reader, and a sentence of its length no table can show."""
    codes = {*radiograph.WARNINGS, diagnosis.SYNTHETIC.code, diagnosis.GENERATED.code}
    assert codes == batch.NOTES.keys()
    assert diagnosis.NO_RESULT.keys() <= codes
    assert all(note.endswith(".") and len(note) < 35 for note in batch.NOTES.values())


def test_generated_examples_are_marked_and_stay_out_where_there_is_no_gan(tmp_path, monkeypatch, small_run):
    result = generated_examples()
    assert [example.label for example in result] == [1, 0, 0, 1] and all(example.generated for example in result)
    assert all(b"Not a radiograph of a person" in example.data for example in result)
    told = diagnosis.diagnose(small_run, result[0].data, result[0].name, synthetic=True, generated=True)
    assert told.warnings[0].code == "generated" and "no real patient" in told.warnings[0].message
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    assert generated_examples() == []


def test_label_counts_add_up_and_the_sentence_names_them():
    labels, probabilities = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.6, 0.99, 0.05, 0.6, 0.99])
    counts = diagnosis.label_counts(labels, probabilities, 0.9, Interval(0.3, 0.7))
    assert counts == {
        "NORMAL": {"NORMAL": 1, "UNCERTAIN": 1, "PNEUMONIA": 1},
        "PNEUMONIA": {"NORMAL": 1, "UNCERTAIN": 1, "PNEUMONIA": 1},
    }
    said = diagnosis.three_labels_text(counts)
    assert "UNCERTAIN of 1 of the 3 radiographs with pneumonia and of 1 of the 3 NORMAL ones" in said
