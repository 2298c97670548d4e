"""Characters as a data set: every class equally often, no font on both sides, the same drawing from the same source, and a remedy without fonts."""

from collections import Counter

import numpy as np
import pytest

from pneumo import data
from pneumo.data import characters
from pneumo.data.characters import COUNT, FEWEST_FONTS, FONTS, LIMITS, TEST_COUNT, TEST_FONTS
from pneumo.images.radiograph import RadiographError
from pneumo.schema import CHARACTERS, PneumoError

try:
    characters.open_characters("characters:2520")
    MISSING = ""
except PneumoError as error:
    MISSING = str(error)
drawn = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def some():
    return data.open_source("characters:2520:3")


@pytest.fixture
def fonts_everywhere(monkeypatch, tmp_path):
    """As if every font were installed; the files hold no font."""

    def install(names):
        there = {}
        for name in names:
            there[name] = [tmp_path / f"{name}.ttf"]
            there[name][0].write_bytes(name.encode())
        monkeypatch.setattr(characters, "found", lambda: there)

    return install


# --- which fonts, with or without any ------------------------------------------------------------------------------


def test_the_list_of_fonts_names_each_once_and_its_package():
    assert len({font.name for font in FONTS}) == len(FONTS)
    assert all(font.package.startswith("fonts-") and font.regular for font in FONTS)


def test_the_fonts_of_the_test_are_printed_ones_and_follow_from_their_names():
    test = characters.tested()
    assert len(test) == TEST_FONTS and not {font.name for font in FONTS if font.hand} & test
    assert characters.tested(FONTS[::-1]) == test
    without = next(font for font in FONTS if font.name not in test)
    assert characters.tested(tuple(font for font in FONTS if font != without)) == test, "another font changes nothing"


def test_no_font_is_on_both_sides_and_hand_drawn_ones_only_train(fonts_everywhere):
    fonts_everywhere(font.name for font in FONTS)
    found = data.open_source("characters")
    fonts = {split: {item.patient for item in found.items if item.split == split} for split in ("", "test")}
    assert not fonts[""] & fonts["test"] and fonts["test"] == characters.tested()
    assert {font.name for font in FONTS if font.hand} <= fonts[""]
    assert fonts[""] | fonts["test"] == {font.name for font in FONTS}


def test_counts(fonts_everywhere):
    fonts_everywhere(font.name for font in FONTS)
    found = data.open_source("characters")
    counts = Counter((item.split, item.label) for item in found.items)
    assert set(counts.values()) == {COUNT // 36, TEST_COUNT // 36} == {560, 28} and len(counts) == 72
    assert found.class_names == CHARACTERS and len(CHARACTERS) == 36
    assert all(item.name.endswith(CHARACTERS[item.label]) for item in found.items)
    per_font = Counter(item.patient for item in found.items if item.split == "test")
    assert max(per_font.values()) - min(per_font.values()) <= 36
    assert len({item.digest for item in found.items}) == len(found.items)


def test_a_font_that_is_no_font_is_named(fonts_everywhere):
    fonts_everywhere(font.name for font in FONTS)
    with pytest.raises(RadiographError, match=r"the font .*\.ttf cannot be read: .*; install it anew"):
        data.open_source("characters:2520").read(0)


@pytest.mark.parametrize("missing", ["all", "a test font", "most"])
def test_without_enough_fonts_the_remedy_is_said(fonts_everywhere, missing):
    test = characters.tested()
    keep = {
        "all": [],
        "a test font": [font.name for font in FONTS if font.name != min(test)],
        "most": [*test, *[font.name for font in FONTS if font.name not in test][: FEWEST_FONTS - 1]],
    }[missing]
    fonts_everywhere(keep)
    with pytest.raises(PneumoError, match=rf"{len(keep)} of {len(FONTS)} are installed") as refused:
        data.open_source("characters")
    named = str(refused.value).split("apt-get install --no-install-recommends ")[1].split()
    assert set(named) == {font.package for font in FONTS if font.name not in keep}


def test_fonts_are_found_in_a_folder_that_the_environment_names(monkeypatch, tmp_path):
    monkeypatch.setattr(characters, "FOLDERS", (str(tmp_path / "none"),))
    assert characters.found() == {}
    font = next(font for font in FONTS if font.bold)
    (tmp_path / "deep").mkdir()
    for name in (font.regular, font.bold, "Other.ttf"):
        (tmp_path / "deep" / name).write_bytes(b"")
    monkeypatch.setenv("PNEUMO_FONTS", str(tmp_path))
    assert characters.found() == {font.name: [tmp_path / "deep" / font.regular, tmp_path / "deep" / font.bold]}


@pytest.mark.parametrize(
    "source",
    ["characters:", "characters:x", f"characters:{LIMITS[0] - 1}", f"characters:{LIMITS[1] + 1}", "characters:3000:-1",
     "characters:3000:4294967296", "characters:3000:1:2", "characters:" + "9" * 4000],
)  # fmt: skip
def test_a_source_written_otherwise_is_refused(source):
    with pytest.raises(PneumoError, match=r"characters:COUNT:SEED, COUNT from 2,520 to 100,000") as refused:
        data.open_source(source)
    assert len(str(refused.value)) < 400


# --- drawings ------------------------------------------------------------------------------------------------------


@drawn
def test_the_same_source_gives_the_same_drawings_and_another_seed_others(some):
    again, other = data.open_source("characters:2520:3"), data.open_source("characters:2520:4")
    assert some.items == again.items
    for n in (0, 1000, 2520 + 1007):
        np.testing.assert_array_equal(some.read(n), again.read(n))
        assert some.items[n].digest != other.items[n].digest and (some.read(n) != other.read(n)).any()


@drawn
def test_more_images_leave_the_test_set_as_it_is(some):
    more = data.open_source("characters:3600:3")
    test = [[item.digest for item in found.items if item.split == "test"] for found in (some, more)]
    assert test[0] == test[1] and len(test[0]) == TEST_COUNT


@drawn
def test_a_drawing_is_bright_on_dark_and_nothing_is_cut_off(some):
    for n in range(0, len(some.items), 61):
        pixels = some.read(n)
        assert pixels.shape == (64, 64) and pixels.dtype == np.uint8
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert np.median(border) < 128 < np.percentile(pixels, 99.5)
        ink = pixels > (np.median(border) + pixels.max()) / 2
        assert not (ink[0].any() or ink[-1].any() or ink[:, 0].any() or ink[:, -1].any()), some.items[n].name


@drawn
def test_fonts_are_divided_as_patients_are(some):
    from pneumo.training import recipes

    splits = data.training_splits(some, recipes.get("ocr_cnn"), {})
    fonts = {name: {some.items[i].patient for i in rows} for name, rows in splits.items()}
    assert not fonts["train"] & fonts["validation"]
    assert not (fonts["train"] | fonts["validation"]) & characters.tested()
