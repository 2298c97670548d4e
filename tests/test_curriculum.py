"""docs/curriculum.md: every page, part and run that it names is there."""

import re

import pytest

from pages.menu import LESSONS, MENU
from pneumo import runs
from pneumo.lessons import gallery_texts, texts
from pneumo.training import recipes
from tests.test_documents import ROOT

TEXT = (ROOT / "docs" / "curriculum.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\[([^\]]+)\]\(((?!\.\.)[^)]+)\)", TEXT)
PAGES = {page.name: page for pages in MENU.values() for page in pages}


@pytest.mark.parametrize(("title", "address"), sorted(set(LINKS)))
def test_each_page_and_part_is_there(title, address):
    name, _, query = address.partition("?part=")
    assert name in PAGES and (ROOT / PAGES[name].file).exists()
    if query:
        assert name in LESSONS and query in texts.lesson(name, _Any()).sections
    else:
        assert title == PAGES[name].title


class _Any(dict):
    def __missing__(self, key):
        return "1"


def test_each_named_run_and_recipe_is_there():
    named = set(re.findall(r"runs? `(\w+)`(?:, `(\w+)`)?", TEXT))
    assert named
    assert {name for pair in named for name in pair if name} <= set(runs.available())
    assert set(re.findall(r"recipe `(\w+)`", TEXT)) <= set(recipes.RECIPES)


def test_recordings_stand_at_the_numbers_named():
    names = list(gallery_texts.load())
    places = {"no_eval": 9, "no_zero_grad": 11, "softmax_twice": 10, "by_heart": 4, "rare": 6, "sixteen": 13}
    assert {name: names.index(name) + 1 for name in places} == places
    assert "recordings 9, 11, 10, 4" in TEXT and "recording 13" in TEXT and "recording 6" in TEXT


def test_every_project_of_the_origins_has_its_table():
    assert re.findall(r"^## (\d)\.", TEXT, re.MULTILINE) == ["1", "2", "3", "4", "5"]
    assert set(LESSONS) <= {address.partition("?")[0] for _, address in LINKS} | {"you_first", "gradcam"}
