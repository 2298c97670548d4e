"""What the server does before its first visitor: it loads the default model, so that nobody waits for it.

Whoever comes while that goes on sees at once what is being waited for, and the page as soon as it can answer.
"""

from __future__ import annotations

import gc
import logging
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.formparsers import MultiPartParser

from pages import logs, memory
from pneumo.schema import PneumoError

log = logging.getLogger(__name__)
logs.keep_visitors_out()
# Starlette puts uploads of more than a megabyte into a file on the disk while they come in. They stay in memory instead:
# as many bytes as Streamlit lets through (server.maxUploadSize), and the frame around them.
MultiPartParser.spool_max_size = 1_000_000 * (st.get_option("server.maxUploadSize") + 10)
# The frame and the warming thread run before there is a visitor; Streamlit would warn of that once a call, a page of lines.
logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").addFilter(
    lambda record: "missing ScriptRunContext" not in record.getMessage()
)
LOADING = "The server has just started and is loading the model. This takes a few seconds, once."
FIRST_PAGE_S = 10.0  # at most, for the first visitor's page before loading goes on beside it
_ready, _drawn = threading.Event(), threading.Event()
_ready.set()  # nothing is loaded in advance where there is no server, as in a test of a page
_waiting: set[int] = set()  # the threads of visitors who came too early


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Started with the server, as the ASGI standard has it. Warming goes on beside the first visitors."""
    _ready.clear()
    memory.give_back()
    threading.Thread(target=warm, name="warm", daemon=True).start()
    if not st.get_option("server.headless"):  # `streamlit run` opens the browser for scripts alone
        address = st.get_option("server.address") or "localhost"
        timer = threading.Timer(1.0, webbrowser.open, [f"http://{address}:{st.get_option('server.port')}"])
        timer.daemon = True
        timer.start()
    yield


def run(page: Any) -> None:
    """The page that st.navigation found. Its imports alone would take seconds in which the visitor saw nothing."""
    if _ready.is_set():
        page.run()
        return
    _waiting.add(threading.get_ident())
    try:
        with st.spinner(LOADING):
            _ready.wait()
        page.run()
    finally:  # a page may end by an exception of Streamlit's own, e.g. to run again
        _drawn.set()


def warm() -> None:
    """Loads what the first result on Diagnose needs and lets the visitors in, then what comes next."""
    try:
        _load_first_result()
    except PneumoError as error:  # a damaged folder is told to the visitor by the page, not here
        log.warning("nothing was loaded in advance: %s", error)
    finally:
        _ready.set()
    if _waiting:  # imports beside their page would make it wait for them
        _drawn.wait(FIRST_PAGE_S)
    try:
        _load_what_comes_next()
    except PneumoError as error:
        log.warning("not everything was loaded in advance: %s", error)
    # Streamlit collects garbage after every run of a script, and no answer leaves the server meanwhile: a quarter of a second
    # for the half million objects of torch and its like. They stay for good, so they are not looked at again.
    gc.freeze()


def _load_first_result() -> None:
    """All that Diagnose imports, the default model, the examples, and the first of their results."""
    from pages import shared  # torch takes seconds, and the server must answer meanwhile
    from pages.clinic import (  # noqa: F401  the page itself would draw itself
        diagnose_files,
        diagnose_image,
        diagnose_input,
        diagnose_reading,
        diagnose_result,
        diagnose_statistics,
    )
    from pneumo import runs
    from pneumo.inference import input_check_report
    from pneumo.runs import forward

    forward.share_cores()
    name = runs.default_name()
    model = shared.load_run(name)
    check = shared.load_input_check(str(input_check_report.folder()))
    shared.load_predictions(name)
    shared.real_cases()
    diagnose_reading.warm(model, shared.generated_examples()[:1], check)


def _load_what_comes_next() -> None:
    """The heatmap of the first example, with the library that draws it, the other examples, and what shows a table."""
    import pandas.io.formats.style  # noqa: F401  of many files; with it come jinja2 and pyarrow, half a second
    import pyarrow  # noqa: F401

    from pages import shared
    from pages.clinic import diagnose_reading
    from pneumo import runs
    from pneumo.inference import input_check_report

    model = shared.load_run(runs.default_name())
    check = shared.load_input_check(str(input_check_report.folder()))
    diagnose_reading.warm_heatmap(model, shared.generated_examples()[:1], check)
    diagnose_reading.warm(model, shared.generated_examples(), check)
    shared.phantom_examples()
