"""Printed characters as a data set: 36 classes drawn in free fonts, a font in one split only.

`characters[:count[:seed]]`: so many images to train and validate with, and TEST_COUNT in fonts that no training image has. A
font stands where a patient stands elsewhere: whatever divides patients divides fonts. Which fonts are tested follows from
their names. Hand-drawn ones are for training alone: print is what is tested, and drawing with the mouse should work too.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from pneumo.data.cache import statements
from pneumo.data.dataset import DataSet, Item
from pneumo.formatting import shortened
from pneumo.images import characters
from pneumo.images.radiograph import RadiographError
from pneumo.schema import CHARACTERS, PneumoError, Radiograph

COUNT, TEST_COUNT = 20_160, 1_008  # 560 and 28 of each character
LIMITS = (2_520, 100_000)  # at least one of each character in each font
SEED_MOST = 2**32 - 1
TEST_FONTS = 12
FEWEST_FONTS = 20  # below that a network learns the fonts and not the letters
FOLDERS = ("/usr/share/fonts", "/usr/share/texmf/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")


@dataclass(frozen=True)
class Font:
    """A family as it is drawn: its files by name, the Debian package that has them. hand: drawn by hand."""

    name: str
    package: str
    regular: str
    bold: str = ""
    hand: bool = False


# Free families whose figures are as tall as their capitals and whose 0 is not their O; one of each design, no copies of a
# family under another name: Helvetica has five.
FONTS = tuple(Font(**each) for each in json.loads(Path(__file__).with_name("fonts.json").read_text()))


def tested(fonts: tuple[Font, ...] = FONTS) -> set[str]:
    """The names of the fonts that the test images are drawn in: of the printed ones, those whose names hash lowest."""
    printed = [font.name for font in fonts if not font.hand]
    return set(sorted(printed, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:TEST_FONTS])


def open_characters(source: str) -> DataSet:
    """The data set behind `characters[:count[:seed]]`. Images are drawn as they are read.

    Raises PneumoError where the source is written otherwise, or where too few of the fonts are installed.
    """
    count, seed = _arguments(source)
    there = found()
    drawn_from = _by_split(there)
    items: list[Item] = []
    plans: list[tuple[Path, str, tuple[int, ...]]] = []
    for split, images in (("train", count), ("test", TEST_COUNT)):
        fonts = drawn_from[split]
        for number in range(images):
            place = (seed, 0 if split == "train" else 1, number)
            rng = np.random.default_rng(place)
            font = fonts[number // len(CHARACTERS) % len(fonts)]  # every character equally often in every font
            path = there[font.name][int(rng.integers(len(there[font.name])))]
            label = number % len(CHARACTERS)
            digest = hashlib.sha256(f"{_drawing()} {_hash(path)} {label} {place}".encode()).hexdigest()
            name = f"{split}-{number:05d}-{CHARACTERS[label]}"
            items.append(Item(name, label, font.name, "", "test" if split == "test" else "", digest))
            plans.append((path, CHARACTERS[label], place))

    def read(index: int) -> Radiograph:
        path, character, place = plans[index]
        try:
            return Radiograph(characters.draw(path, character, np.random.default_rng((*place, 7))))
        except OSError as error:
            raise RadiographError(
                "damaged", f"the font {path.name} cannot be read: {error}; install it anew"
            ) from error

    return DataSet(
        source, tuple(items), read, "Apache-2.0 (drawn from free fonts)", "pneumo.images.characters", (), CHARACTERS
    )


def found() -> dict[str, list[Path]]:
    """The files of the fonts that are installed, regular first, by the font's name. PNEUMO_FONTS names one more folder."""
    folders = [os.environ.get("PNEUMO_FONTS", ""), *FOLDERS]
    files: dict[str, Path] = {}
    for folder in (Path(each).expanduser() for each in folders if each):
        for path in sorted(folder.rglob("*.?tf")):
            files.setdefault(path.name, path)
    result = {font.name: [files[name] for name in (font.regular, font.bold) if name in files] for font in FONTS}
    return {name: paths for name, paths in result.items() if paths}


def _by_split(there: dict[str, list[Path]]) -> dict[str, list[Font]]:
    test = tested()
    known = [font for font in FONTS if font.name in there]
    result = {"train": [f for f in known if f.name not in test], "test": [f for f in known if f.name in test]}
    if len(result["train"]) < FEWEST_FONTS or len(result["test"]) < TEST_FONTS:
        packages = " ".join(sorted({font.package for font in FONTS if font.name not in there}))
        raise PneumoError(
            f"characters are drawn in fonts, and {len(known)} of {len(FONTS)} are installed; expected all {TEST_FONTS} to test "
            f"with, and at least {FEWEST_FONTS} others. On Debian or Ubuntu: apt-get install --no-install-recommends {packages}"
        )
    return result


def _arguments(source: str) -> tuple[int, int]:
    words = re.fullmatch(r"characters(?::([0-9]{1,30}))?(?::([0-9]{1,30}))?", source)
    count, seed = (int(words[1] or COUNT), int(words[2] or 0)) if words else (-1, 0)
    if not (LIMITS[0] <= count <= LIMITS[1] and seed <= SEED_MOST):
        raise PneumoError(
            f"{shortened(source)} is no source of characters; write characters, characters:COUNT or characters:COUNT:SEED, "
            f"COUNT from {LIMITS[0]:,} to {LIMITS[1]:,}, SEED up to {SEED_MOST:,}"
        )
    return count, seed


@cache
def _drawing() -> str:
    """What decides the pixels beside font, character and place."""
    return hashlib.sha256(statements(inspect.getsource(characters)).encode()).hexdigest()


@cache
def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
