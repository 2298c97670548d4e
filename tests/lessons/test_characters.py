"""Reading characters: what is cut out, what the shipped run says of its own test images, and the numbers of the text."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pneumo import runs
from pneumo.lessons import characters
from pneumo.runs import character_report
from pneumo.schema import CHARACTERS, PneumoError

SIDE = 64


@pytest.fixture(scope="module")
def run():
    return runs.load(characters.RUN, "characters")


@pytest.fixture(scope="module")
def report(run):
    return characters.report(run)


@pytest.fixture(scope="module")
def tests(run, report):
    return character_report.sheet(run.folder, report.n, SIDE)


def letter(side=200, at=(60, 90), high=50, wide=30, ink=255, paper=0):
    """An L, somewhere on a sheet."""
    pixels = np.full((side, side), paper, np.uint8)
    row, column = at
    pixels[row : row + high, column : column + 8] = ink
    pixels[row + high - 8 : row + high, column : column + wide] = ink
    return pixels


# --- cutting out ------------------------------------------------------------------------------------------------------


def test_what_is_cut_out_is_bright_on_dark_in_the_middle_and_of_the_usual_size():
    seen = characters.isolate(letter(), SIDE)
    assert seen.shape == (SIDE, SIDE) and seen.dtype == np.uint8
    rows, columns = np.flatnonzero((seen > 100).any(1)), np.flatnonzero((seen > 100).any(0))
    assert len(rows) == pytest.approx(characters.CAPITAL * SIDE, abs=1)
    assert len(columns) / len(rows) == pytest.approx(30 / 50, abs=0.03), "not stretched"
    for found in (rows, columns):
        assert (found[0] + found[-1]) / 2 == pytest.approx(SIDE / 2 - 0.5, abs=1)


@pytest.mark.parametrize(
    "other",
    [letter(at=(5, 150)), letter(ink=0, paper=255), letter(ink=90, paper=140), letter(ink=140, paper=100)],
    ids=["elsewhere", "dark on light", "faint on grey", "faint on dark"],
)  # fmt: skip
def test_place_polarity_and_contrast_do_not_matter(other):
    one, two = (characters.isolate(each, SIDE).astype(int) for each in (letter(), other))
    assert np.abs(one - two).mean() < 12


def test_size_does_not_matter():
    large = letter().repeat(3, 0).repeat(3, 1)
    assert np.abs(characters.isolate(letter(), SIDE).astype(int) - characters.isolate(large, SIDE)).mean() < 12


def test_specks_do_not_count_and_the_dot_of_a_character_of_two_parts_does():
    specks = letter()
    specks[5, 5] = specks[190, 20] = specks[100, 180] = 255
    np.testing.assert_array_equal(characters.isolate(specks, SIDE), characters.isolate(letter(), SIDE))
    apart = letter()
    apart[20:40, 90:98] = 255
    assert (characters.isolate(apart, SIDE) != characters.isolate(letter(), SIDE)).any()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_nothing_to_read_is_said(value):
    flat = np.full((50, 60), value, np.uint8)
    with pytest.raises(PneumoError, match="nothing to read: draw a character"):
        characters.isolate(flat, SIDE)
    flat[20:30, 20:30] += 20 if value == 0 else 0
    with pytest.raises(PneumoError, match="more contrast"):
        characters.isolate(flat, SIDE)


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_any_image_is_cut_out_or_refused(pixels):
    try:
        seen = characters.isolate(pixels, SIDE)
    except PneumoError:
        return
    assert seen.shape == (SIDE, SIDE) and seen.dtype == np.uint8 and seen.max() > 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2000, 1500), (513, 2)])
def test_shapes_at_the_edge(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    try:
        assert characters.isolate(pixels, SIDE).shape == (SIDE, SIDE)
    except PneumoError:
        assert shape == (1, 1)


def test_an_upload_that_is_no_image_is_refused():
    with pytest.raises(PneumoError):
        characters.read_file(b"no image", "x.png")


# --- the shipped run ----------------------------------------------------------------------------------------------------


def test_the_shipped_run_reads_its_kept_test_images_as_its_report_says(run, report, tests):
    """Not all: the sheet is WebP, which drops some noise."""
    read = [CHARACTERS.index(characters.read(run, each).likeliest[0][0]) for each in tests[::4]]
    same = np.array(read) == np.array(report.predicted[::4])
    assert report.n == len(tests) == 1008 and same.mean() >= 0.99


def test_what_was_cut_out_is_still_read(run, report, tests):
    """Through the door that drawings take: a test image as a drawing, and dark on light."""
    for image in (tests, 255 - tests):
        right = [
            characters.read(run, characters.isolate(image[n], SIDE)).likeliest[0][0] == CHARACTERS[report.labels[n]]
            for n in range(0, 1008, 14)
        ]
        assert np.mean(right) > 0.85


def test_a_reading_is_five_probabilities_in_order_and_the_maps_of_each_convolution(run, tests):
    reading = characters.read(run, tests[10])
    shares = [p for _, p in reading.likeliest]
    assert len(shares) == 5 and shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1 + 1e-6
    assert [maps.shape for maps in reading.maps] == [(8, 64, 64), (8, 32, 32)]
    assert all((maps >= 0).all() and maps.any() for maps in reading.maps), "after ReLU"
    sheet = characters.maps_sheet(reading, 1)
    assert sheet.dtype == np.uint8 and sheet.shape[1] >= 8 * 64
    assert not any(module._forward_hooks for module in run.model.modules()), "nothing stays behind on a shared model"


def test_the_report_agrees_with_itself_and_with_the_card(run, report):
    assert report.weights_sha256 == run.card.weights.sha256
    right = sum(a == b for a, b in zip(report.labels, report.predicted, strict=True))
    assert right == report.right == report.stored[run.card.recipe.storage].right
    assert len(report.changed) >= abs(report.stored["float32"].right - report.stored[run.card.recipe.storage].right)
    cells = characters.cells(report)
    assert sum(map(len, cells.values())) == report.n
    assert sum(len(each) for (truth, said), each in cells.items() if truth != said) == report.n - right
    assert sum(n for _, _, n in characters.pairs(report)) == report.n - right
    assert report.stored["int8"].bytes < report.stored["float16"].bytes < report.stored["float32"].bytes


def test_the_fonts_of_the_report_are_those_that_were_never_trained_on(report):
    from pneumo.data.characters import tested

    assert set(report.fonts) == tested()


def test_without_a_report_or_sheet_the_remedy_is_said(run, tmp_path):
    from dataclasses import replace

    with pytest.raises(PneumoError, match="has no measurements beside it; train it again"):
        characters.report(replace(run, folder=tmp_path))
    with pytest.raises(PneumoError, match="train the run again"):
        character_report.sheet(tmp_path, 36, SIDE)
    (tmp_path / character_report.SHEET_FILE).write_bytes((run.folder / character_report.SHEET_FILE).read_bytes())
    with pytest.raises(PneumoError, match=r"2304 x 1792 pixels; expected 2304 x 64"):
        character_report.sheet(tmp_path, 36, SIDE)
    (tmp_path / character_report.FILE).write_text('{"n": 1}')
    with pytest.raises(PneumoError):
        character_report.read(tmp_path)


def test_report_and_sheet_come_back_as_they_were_saved(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (40, 8, 8)).astype(np.uint8).repeat(8, 1).repeat(8, 2) * 200
    labels = tuple(n % 36 for n in range(40))
    kept = character_report.Report("a" * 64, 40, labels, labels, ("F",) * 40, {}, ())
    character_report.save(tmp_path, kept, images)
    assert np.abs(character_report.sheet(tmp_path, 40, 64).astype(int) - images).mean() < 6, "in their order"
    with pytest.raises(PneumoError, match="a label, a prediction and a font for each"):
        character_report.Report("a" * 64, 39, labels, labels, ("F",) * 40, {}, ())


# --- the numbers of the text ----------------------------------------------------------------------------------------------


def test_the_numbers_of_the_text():
    facts = characters.facts()
    assert (facts["loss"], facts["log_twice"], facts["softmax"]) == ("0.417", "0.417", "0.659, 0.242, 0.099")
    assert (facts["guess"], facts["floor"], facts["floor_two"]) == ("3.584", "2.630", "0.313")
    assert (facts["parameters"], facts["layers"]) == ("4,222,628", "320 + 18,496 + 4,194,560 + 9,252")
    assert facts["linear"] == "99.6" and int(facts["seed_right"]) - int(facts["seed_final"]) == 5
    assert [round(100 * int(facts[each]) / 1008, 2) for each in ("seed_right", "seed_final")] == [98.51, 98.02]


def test_softmax_floors_by_hand():
    for classes in (2, 3, 36):
        assert characters.softmax_floor(classes) == pytest.approx(math.log(math.e + classes - 1) - 1)
    logits = torch.tensor([[40.0, 0.0]]).softmax(1)
    assert float(torch.nn.functional.cross_entropy(logits, torch.tensor([0]))) >= characters.softmax_floor(2) - 1e-6


def test_the_compared_networks_are_all_of_them_with_their_true_sizes():
    from pneumo import models
    from pneumo.schema import ImageSpec

    found = characters.compared()
    assert sorted(found) == sorted(models.names("characters"))
    for name, each in found.items():
        assert each.parameters == models.count_parameters(models.build(name, ImageSpec(size=SIDE)))
        assert each.n == 1008 and each.ci95.low <= each.right / each.n <= each.ci95.high
