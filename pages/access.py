"""Whether a visitor may type a folder, and what may be typed. Elsewhere PNEUMO_DATA alone says what is shown."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import streamlit as st

from pneumo.schema import PneumoError

SWITCH = "PNEUMO_FOLDERS"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")  # a proxy stands before the server
LONGEST = 1000  # letters of a path or an id; systems end at 4,096 bytes
HOW = f"start the app with {SWITCH}=1 and `--server.address localhost`"


def obstacle() -> str | None:
    """Why no folder can be typed here, in a sentence for whoever started the app; None where it can.

    It takes the switch, a server that listens to its own machine, and a request that came from there under its name: through
    a proxy, or by a name that another site has pointed to this machine, strangers could look through its disk. A hub id
    counts as a folder, because it makes the server fetch what a visitor names, and keep it.
    """
    if os.environ.get(SWITCH) != "1":
        return f"To type a folder here, {HOW}."
    address = st.get_option("server.address")
    if address not in LOOPBACK:
        listens = f"listens at {address}" if address else "listens to the whole network"
        return f"{SWITCH} is set, but this server {listens}, where others could read its folders. To type one, {HOW}."
    headers = st.context.headers
    if any(name in headers for name in FORWARDED) or _host(headers.get("Host")) not in (*LOOPBACK, None):
        return f"{SWITCH} is set, but this page did not come straight from this machine. Open it at http://localhost to type a folder."
    return None


def _host(header: str | None) -> str | None:
    """The name in a Host header without its port."""
    return urlsplit(f"//{header}").hostname if header else None


def checked(typed: str) -> str:
    """What was typed, without spaces around it. PneumoError, which does not repeat it, where it can be no folder and no id."""
    text = typed.strip()
    if len(text) > LONGEST:
        raise PneumoError(f"what was typed has {len(text):,} letters; expected a path or an id of at most {LONGEST:,}")
    if not text.isprintable():  # a NUL, a line break, half of a surrogate pair
        raise PneumoError("what was typed holds letters that no path has; type it again instead of pasting it")
    return text
