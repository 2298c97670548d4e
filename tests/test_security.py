"""The app as shipped, against a running server: whose pages may open a session, who may upload, and what is written down."""

import logging
import urllib.error

import pytest

from pages import logs
from tests.server import WAYS, served
from tests.visitors.client import Visitor, is_refused

SECRET = "DOE^JANE"  # stands for whatever somebody typed


@pytest.fixture(scope="module", params=WAYS)
def server(request, tmp_path_factory):
    """Both ways to serve it, once from its own folder and once from elsewhere: its settings must be found all the same."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") if request.param == "streamlit" else None
    with served(request.param, folder=elsewhere) as server:
        yield server
        written = server.written()
        assert SECRET not in written and "Traceback" not in written


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://evil.example", "http://localhost.evil.example", "null", "file://"]
)
def test_a_page_of_another_site_opens_no_session(server, origin):
    assert is_refused(server.address, origin)


def test_a_page_of_this_server_opens_one(server):
    assert not is_refused(server.address, server.address)


def test_an_upload_needs_the_token_of_its_own_page(server):
    with Visitor(server.address) as visitor:
        visitor.start()
        [place] = visitor.places_for([f"{SECRET}.png"])
        for token in ("", "another"):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                visitor.put(place.upload_url, f"{SECRET}.png", b"pixels", token)
        assert visitor.put(place.upload_url, f"{SECRET}.png", b"pixels") == 204


def test_an_upload_beyond_the_limit_is_refused(server):
    """The default of Streamlit is 200 MB: the settings that lie beside app.py are in force."""
    with Visitor(server.address) as visitor:
        visitor.start()
        [place] = visitor.places_for(["large.png"])
        with pytest.raises((urllib.error.HTTPError, ConnectionError, urllib.error.URLError)) as caught:
            visitor.put(place.upload_url, "large.png", bytes(52 * 1024 * 1024))
        assert getattr(caught.value, "code", 413) == 413


# --- what is written down ---------------------------------------------------------------------------------


def failing():
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise ValueError(f"no folder {SECRET}") from error


@pytest.mark.parametrize("write", ["exception", "exc_info", "argument", "message"])
def test_an_exception_is_logged_with_its_place_and_without_its_message(write, caplog):
    logs.keep_visitors_out()
    log = logging.getLogger("streamlit.error_util.test")
    with caplog.at_level(logging.DEBUG, log.name):
        try:
            failing()
        except ValueError as error:
            if write == "exception":
                log.exception("Uncaught app execution")
            elif write == "exc_info":
                log.debug("Uncaught app execution", exc_info=error)
            elif write == "argument":
                log.error("failed: %s", error)
            else:
                log.warning(error)
    assert SECRET not in caplog.text and "ValueError" in caplog.text
    if write in ("exception", "exc_info"):
        assert "in failing" in caplog.text and "KeyError" in caplog.text and "test_security.py" in caplog.text


def test_an_exception_without_end_is_written_once():
    error = ValueError(SECRET)
    error.__cause__ = KeyError(SECRET)
    error.__cause__.__cause__ = error
    text = logs.place_of(error)
    assert text.count("ValueError") == 1 and SECRET not in text
    assert logs.place_of(None)


def test_uploads_stay_in_memory_while_they_come_in():
    """Starlette keeps a megabyte in memory and puts the rest into a file."""
    import asyncio

    from starlette.datastructures import Headers
    from starlette.formparsers import MultiPartParser

    import pages.startup  # noqa: F401  its import sets the limit

    size = 50 * 1024 * 1024
    head = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n'

    async def stream():
        yield head
        for _ in range(size >> 20):
            yield bytes(1 << 20)
        yield b"\r\n--x--\r\n"

    headers = Headers({"content-type": "multipart/form-data; boundary=x"})
    form = asyncio.run(MultiPartParser(headers, stream()).parse())
    assert form["a"].size == size
    assert not form["a"].file._rolled
