"""What the browser tests share: one Chromium, and one app with the shipped runs. Skipped where there is no Chromium."""

import re
from pathlib import Path

import pytest

from benchmarks import browser

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """One worker runs them all, one after the other; see `pytest_configure` in tests/conftest.py."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def chromium():
    """The browser of all tests of this folder; closed after them, because Playwright keeps an event loop running."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        try:
            launched = browser.launch(driver)
        except playwright.Error:
            if browser.chromium():
                raise
            pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
        yield launched
        launched.close()


def started(chromium, **environment):
    """An app whose log has to be without a traceback at the end; for a fixture to yield from."""
    with browser.running_app(**environment) as app:
        yield app
        written = app.written()
        assert "Traceback" not in written, written[written.index("Traceback") :][:3000]


@pytest.fixture(scope="package")
def app(chromium):
    """The app with the shipped runs, started once for all files of tests that do not start their own.

    Its first visitor comes by a link to a page: Streamlit knows no page but the first until app.py has run once.
    """
    for app in started(chromium):
        page = chromium.new_page()
        page.goto(f"{app.address}/data")
        page.get_by_role("heading", name="Data", level=1).wait_for(timeout=60_000)
        assert not page.get_by_role("dialog").count(), page.get_by_role("dialog").inner_text()
        page.close()
        yield app


@pytest.fixture
def new_page(chromium):
    """Opens windows, each a visitor of its own, with the errors of its console in `errors`; keywords as in `new_context`."""
    contexts = []

    def open_one(**options):
        contexts.append(chromium.new_context(**{"viewport": {"width": 1280, "height": 1000}} | options))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.errors = []
        page.on("console", lambda message: page.errors.append(message.text) if _is_error(message) else None)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def page(app, new_page):
    """A window at Home."""
    page = new_page()
    page.goto(app.address)
    return page


def _is_error(message) -> bool:
    """Streamlit looks for its own address: from a page it asks /<page>/_stcore/... before /_stcore/..., and the browser
    reports the first as not found. Every other error on the console counts."""
    probing = re.search(r"^https?://[^/]+/[^/]+/_stcore/(health|host-config)$", message.location.get("url", ""))
    return message.type == "error" and not (probing and "404" in message.text)
