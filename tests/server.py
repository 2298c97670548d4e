"""The app as people serve it, on a port of this machine, for tests that need a real server and no browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.browser import App, free_port, started
from pneumo import runs

WAYS = {  # the words that start the app; the file of the app and the port follow in their own place
    "streamlit": lambda app, port: [
        "streamlit",
        "run",
        str(app),
        "--server.headless",
        "true",
        "--server.port",
        str(port),
    ],
    "uvicorn": lambda app, port: ["uvicorn", "app:app", "--app-dir", str(app.parent), "--port", str(port)],
}


@contextmanager
def served(way: str = "streamlit", *flags: str, folder: Path | None = None, **environment: str) -> Iterator[App]:
    """The app until the block ends. way: a key of WAYS. folder: where it is started, the repository by default.

    It reaches no hub. environment: variables in addition to this process's.
    """
    app, port = runs.REPOSITORY / "app.py", free_port()
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(runs.REPOSITORY), **environment}
    with started([*WAYS[way](app, port), *flags], port, folder or runs.REPOSITORY, variables) as server:
        yield server
