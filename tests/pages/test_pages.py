"""What holds for every page: it opens, and a weights folder that cannot be used is said in words."""

import pytest
import streamlit as st

from pneumo import runs
from tests.pages.helpers import HOME, open_page, texts
from tests.pages.test_navigation import ENTRIES

PAGES = [HOME, *(page.file for page in ENTRIES)]
WITHOUT_RUNS = {
    "pages/classroom/convolution.py",
    "pages/classroom/course.py",
    "pages/classroom/gan_lab.py",
    "pages/classroom/glossary.py",
    "pages/classroom/thresholds.py",
    "pages/classroom/training_room.py",
    "pages/evidence/data.py",
}  # they have something to show all the same


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_an_exception_under_one_title(page):
    app = open_page(page)
    assert not app.exception
    assert len(app.title) == 1


@pytest.mark.parametrize("page", PAGES)
def test_without_a_usable_run_a_page_says_what_to_do(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    app = open_page(page)
    st.cache_resource.clear()
    assert not app.exception
    said = texts([*app.error, *app.warning, *app.info])
    assert page in WITHOUT_RUNS or any(word in said for word in ("train", "restore", "No model can be used")), said


def test_a_folder_of_runs_without_a_default_serves_every_page(tmp_path, monkeypatch):
    """D5: the first classification run takes its place."""
    for name in ("regnet", "vgg_cnn"):
        (tmp_path / name).symlink_to(runs.resolve(name))
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    st.cache_resource.clear()
    for page in (HOME, "pages/evidence/results.py", "pages/evidence/model_cards.py"):
        app = open_page(page)
        assert not app.exception and not app.error, texts(app.error)
    st.cache_resource.clear()
