"""The app as people serve it, on a port of this machine, for tests that need a real server and no browser."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TextIO

from benchmarks.browser import free_port
from pneumo import runs

START_TIMEOUT_S = 120
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


@dataclass(frozen=True)
class Server:
    """address: without a slash at the end. pid: of the process that serves."""

    address: str
    pid: int
    log: TextIO

    def written(self) -> str:
        """What it wrote so far, to stdout and stderr."""
        self.log.seek(0)
        return self.log.read()


@contextmanager
def served(way: str = "streamlit", *flags: str, folder: Path | None = None, **environment: str) -> Iterator[Server]:
    """The app until the block ends. way: a key of WAYS. folder: where it is started, the repository by default.

    It reaches no hub. environment: variables in addition to this process's.
    """
    app, port = runs.REPOSITORY / "app.py", free_port()
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(runs.REPOSITORY), **environment}
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *WAYS[way](app, port), *flags],
            cwd=folder or runs.REPOSITORY, env=variables, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        server = Server(f"http://127.0.0.1:{port}", process.pid, log)
        try:
            _wait_for(server, process)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(server: Server, process: subprocess.Popen) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{server.address}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the app did not start: {server.written()[-3000:]}")
