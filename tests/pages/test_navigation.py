"""Menu, title, address and file of a page agree, so that a reader finds one from the other."""

import ast
import re
from pathlib import Path

import pytest

from benchmarks import browser
from pneumo import runs

ROOT = runs.REPOSITORY


def entries() -> list[tuple[str, str, str]]:
    """(file, title in the menu, address) of every page but Home, which is the default one."""
    tree = ast.parse((ROOT / "app.py").read_text())
    result = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Page":
            options = {each.arg: each.value.value for each in node.keywords}
            if not options.get("default"):
                result.append((node.args[0].value, options["title"], options["url_path"]))
    return result


@pytest.mark.parametrize(("file", "title", "address"), entries())
def test_file_title_and_address_are_one_name(file, title, address):
    assert Path(file).stem == address == title.lower().replace(" ", "_")
    assert (ROOT / file).is_file()
    assert re.search(rf'\.title\("{title}"', (ROOT / file).read_text())


def test_every_page_lies_in_the_folder_of_its_menu_group():
    tree = ast.parse((ROOT / "app.py").read_text())
    menu = next(node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "PAGES")
    for group, pages in zip(menu.keys, menu.values, strict=True):
        for page in pages.elts:
            parent = Path(page.args[0].value).parent
            assert parent == Path("pages") / group.value.lower()


def test_the_frame_is_short_and_leads_to_every_page():
    assert len((ROOT / "app.py").read_text().splitlines()) <= 45
    assert len(browser.links()) == len(entries()) + 1
