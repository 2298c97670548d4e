"""The pure parts of the browser's modules by Node's own runner, and how modules travel to the browser."""

import base64
import re
import subprocess

import pytest

from pages import components
from tests.components.node import HERE, NODE, needs_node

MODULES = sorted(path.name for path in components.FOLDER.glob("*.js"))


@needs_node
def test_nodes_own_tests_pass():
    files = [str(path) for path in sorted(HERE.glob("*.test.mjs"))]
    done = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_travels_with_all_that_it_imports(name):
    text = components.script(name)
    assert not re.search(r'from "\./', text), "a relative address leads nowhere in the browser"
    for encoded in re.findall(r'from "data:text/javascript;base64,([^"]+)"', text):
        assert 'from "./' not in base64.b64decode(encoded).decode()


@needs_node
@pytest.mark.parametrize("name", MODULES)
def test_node_can_read_every_module(name):
    done = subprocess.run(
        [NODE, "--check", str(components.FOLDER / name)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_component_has_the_shared_styles_and_its_own():
    css = components.style("base.css", "convolution.css")
    assert ".player" in css and ".boards" in css
