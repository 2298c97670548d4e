"""Functions of the browser's modules, run by Node."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no Node on this machine")


def called(module: str, calls: list[list]) -> list:
    """The results of several calls, [function, *arguments] each, in one process."""
    done = subprocess.run(
        [NODE, str(HERE / "run.mjs")],
        input=json.dumps({"module": module, "calls": calls}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
