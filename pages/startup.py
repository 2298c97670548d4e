"""What the server does before its first visitor: it loads the default model, so that nobody waits for it."""

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

from pages import logs
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


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Started with the server, as the ASGI standard has it. Warming goes on beside the first visitors."""
    threading.Thread(target=warm, name="warm", daemon=True).start()
    if not st.get_option("server.headless"):  # `streamlit run` opens the browser for scripts alone
        address = st.get_option("server.address") or "localhost"
        timer = threading.Timer(1.0, webbrowser.open, [f"http://{address}:{st.get_option('server.port')}"])
        timer.daemon = True
        timer.start()
    yield


def warm() -> None:
    """Loads what Diagnose needs. A damaged folder is told to the visitor by the page, not here."""
    from pages import shared  # torch takes seconds, and the server must answer meanwhile
    from pages.clinic import diagnose_reading
    from pneumo import runs
    from pneumo.inference import input_check_report
    from pneumo.runs import forward

    forward.share_cores()

    try:
        name = runs.default_name()
        run = shared.load_run(name)
        shared.load_predictions(name)
        check = shared.load_input_check(str(input_check_report.folder()))
        diagnose_reading.warm(run, shared.generated_examples(), check)
        shared.phantom_examples()
        shared.real_cases()
    except PneumoError as error:
        log.warning("nothing was loaded in advance: %s", error)
    # Streamlit collects garbage after every run of a script, and no answer leaves the server meanwhile: a quarter of a second
    # for the half million objects of torch and its like. They stay for good, so they are not looked at again.
    gc.freeze()
