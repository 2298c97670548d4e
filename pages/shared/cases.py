"""Real cases from the hub for every visitor: fetched once a server, beside the pages, and kept in memory."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

import streamlit as st

from pneumo.inference import examples
from pneumo.inference.examples import Example
from pneumo.schema import PneumoError

RETRY_S = 600.0  # without a network, the next visitor after so long asks again
log = logging.getLogger(__name__)


@dataclass
class CaseCache:
    """What was fetched, and whether a thread is fetching."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    cases: list[Example] = field(default_factory=list)
    fetching: bool = False
    asked_s: float = float("-inf")

    def ask(self) -> list[Example]:
        """The cases there are; starts a thread that fetches them where there are none and none was started lately."""
        with self.lock:
            due = not self.cases and not self.fetching and time.monotonic() - self.asked_s > RETRY_S
            if due:
                self.fetching, self.asked_s = True, time.monotonic()
                threading.Thread(target=self._fetch, name="real cases", daemon=True).start()
            return self.cases

    def _fetch(self) -> None:
        found: list[Example] = []
        try:
            found = examples.hub_examples()
        except PneumoError as error:
            log.info("no real cases: %s", error)
        finally:
            with self.lock:
                self.cases, self.fetching = found, False


@st.cache_resource(show_spinner=False)
def case_cache() -> CaseCache:
    return CaseCache()


def real_cases() -> list[Example]:
    """Real radiographs of the public test set; empty while they are being fetched and where the hub cannot be reached."""
    return case_cache().ask()
