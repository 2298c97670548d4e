"""Every page through AppTest, on the runs in the repository."""

import pytest

from tests.pages.helpers import open_page, texts

PAGES = (
    "pages/home.py",
    "pages/clinic/diagnose.py",
    "pages/evidence/results.py",
    "pages/classroom/convolution.py",
)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_an_exception(page):
    app = open_page(page)
    assert not app.exception
    assert len(app.title) == 1


@pytest.mark.parametrize("page", PAGES[:3])
def test_without_a_usable_run_a_page_says_what_to_do(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = open_page(page)
    assert not app.exception
    assert "No model can be used" in texts(app.error)
