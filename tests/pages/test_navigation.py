"""Menu, title, address and file of a page agree, so that a reader finds one from the other."""

import re

import pytest

from benchmarks import browser
from pages.menu import LESSONS, MENU, Entry
from pneumo import runs
from pneumo.lessons import texts

ROOT = runs.REPOSITORY
ENTRIES: list[Entry] = [page for pages in MENU.values() for page in pages]


@pytest.mark.parametrize("page", ENTRIES, ids=lambda page: page.name)
def test_file_title_and_address_are_one_name(page):
    assert (ROOT / page.file).is_file()
    if page.name in LESSONS:
        assert texts.title_of(page.name) == page.title, "a lesson's title stands in its text"
        assert f'"{page.name}"' in (ROOT / page.file).read_text(), "it shows the lesson of its name"
    else:
        assert page.name == page.title.lower().replace(" ", "_").removesuffix("_and_quiz")
        assert re.search(rf'\.title\("{page.title}"', (ROOT / page.file).read_text())


def test_every_name_is_there_once():
    names = [page.name for page in ENTRIES]
    assert len(set(names)) == len(names)
    assert len({page.icon for page in ENTRIES}) == len(names), "one icon, one page"


def test_the_frame_is_short_and_leads_to_every_page():
    assert len((ROOT / "app.py").read_text().splitlines()) < 40
    assert len(browser.links()) == len(ENTRIES) + 1
