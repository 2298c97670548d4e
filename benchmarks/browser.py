"""The app in a real Chromium: start it, list its pages, open one and know when it is complete.

Shared by the benchmark of the pages, the browser tests and the script of the screenshots. Playwright is imported where it is
needed, because only the development requirements bring it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess  # nosec B404  starts the app itself, nothing else
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, TextIO

from pages.menu import MENU

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

REPOSITORY = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 60
COMPLETE_TIMEOUT_S = 120  # the slowest first opening on a busy machine took half of it
SETTLED_MS = 400  # longer than the pauses between two fragments or two images of one page
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Link:
    """A page of the navigation: its title in the menu, and its path below the app's address ("" for the default page)."""

    title: str
    path: str

    @property
    def name(self) -> str:
        """What to call the page in a table or a file name: "home", "diagnose" ..."""
        return self.path or "home"


@dataclass(frozen=True)
class App:
    """A running app: its address without a slash at the end, the process that serves, and what it wrote so far."""

    address: str
    pid: int
    log: TextIO

    def written(self) -> str:
        self.log.seek(0)
        return self.log.read()


def links() -> list[Link]:
    """The pages in the order of the menu."""
    return [Link("Home", ""), *(Link(page.title, page.name) for pages in MENU.values() for page in pages)]


def chromium() -> str | None:
    """The path of a Chromium on this machine; None where there is none but perhaps Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def launch(driver: Playwright) -> Browser:
    """A headless browser: the machine's Chromium, or the one that `playwright install chromium` brought."""
    # Chromium's sandbox refuses to start for root, which is who runs in most containers.
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return driver.chromium.launch(executable_path=chromium(), args=[*FLAGS, *root])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_app(port: int | None = None, **environment: str) -> Iterator[App]:
    """The app on a port of this machine until the block ends.

    It sees the built-in examples only: no folder of the visitor's (PNEUMO_DATA) and no hub, so that two runs see the same.
    environment: variables in addition to this process's.
    """
    port = port or free_port()
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", **environment}
    if "PNEUMO_DATA" not in environment:
        variables.pop("PNEUMO_DATA", None)
    words = ["streamlit", "run", "app.py", "--server.headless", "true", "--server.port", str(port),
             "--server.address", "127.0.0.1", "--server.fileWatcherType", "none", "--logger.enableRich", "false"]  # fmt: skip
    with started(words, port, REPOSITORY, variables) as app:
        yield app


@contextmanager
def started(words: list[str], port: int, folder: Path, variables: dict[str, str]) -> Iterator[App]:
    """A server until the block ends, from the moment it answers. words: a Python module that serves on the port, and its options;
    folder: where it is started; variables: its whole environment. RuntimeError with what it wrote where it does not start."""
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(  # nosec B603  fixed words and a number, no shell
            [sys.executable, "-m", *words], cwd=folder, env=variables, stdout=log, stderr=subprocess.STDOUT
        )
        app = App(f"http://127.0.0.1:{port}", process.pid, log)
        try:
            _wait_for_health(app, process)
            yield app
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for_health(app: App, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{app.address}/_stcore/health", timeout=2).read()  # nosec B310  http, by our own hand
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the app did not start within {START_TIMEOUT_S} s:\n{app.written()}")


ERROR = "[data-testid=stException]"  # what Streamlit shows of an exception that a page did not catch

# Whether the page is complete: Streamlit runs nothing, nothing on screen is left over from before, nothing is a placeholder,
# there is a heading, and every image has its pixels.
COMPLETE = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    return app !== null && app.dataset.testScriptState === 'notRunning'
        && !document.querySelector('[data-stale=true], [data-testid=stSkeleton], [data-testid=stSpinner]')
        && document.querySelector('[data-testid=stMain] :is(h1, h2, h3)') !== null
        && [...document.images].every(each => each.complete && each.naturalWidth > 0);
}"""

# Resolves to the time (performance.now) since which the page has been complete without a break of SETTLED_MS, or to null.
SETTLED = """([settled, timeout]) => new Promise(resolve => {
    const complete = COMPLETE, begun = performance.now();
    let since = null;
    const look = () => {
        const now = performance.now();
        since = complete() ? since ?? now : null;
        if (since !== null && now - since >= settled) resolve(since);
        else if (now - begun > timeout) resolve(null);
        else requestAnimationFrame(look);
    };
    look();
})""".replace("COMPLETE", COMPLETE)


def wait_complete(page: Page, timeout_s: float = COMPLETE_TIMEOUT_S) -> float:
    """Waits until the page is complete and stays so; the time since when, in ms of the browser's clock from its opening.

    Raises TimeoutError with the address of a page that does not become complete.
    """
    since_ms = page.evaluate(SETTLED, [SETTLED_MS, 1000 * timeout_s])
    if since_ms is None:
        raise TimeoutError(f"{page.url} was not complete after {timeout_s:.0f} s")
    return since_ms


def open_page(page: Page, app: App, link: Link) -> float:
    """Opens a page by its address, a new session of the app; ms from the navigation until it was complete."""
    page.goto(f"{app.address}/{link.path}")
    return wait_complete(page)
