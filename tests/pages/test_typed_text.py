"""What visitors type and how their files are called: refused in a sentence where it makes no sense, and never written down."""

import io
import logging

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pages import access
from pneumo.images import radiograph
from tests.hostile import SECRET, dicom, good_files, picture
from tests.pages.helpers import open_page, texts, upload

DATA = "pages/evidence/data.py"
SPOKEN = f"{SECRET}-secret"
TYPED = {
    "a NUL": f"/home/{SPOKEN}\0/x",
    "300,000 letters": SPOKEN * 25_000,
    "a line break": f"/tmp/{SPOKEN}\n/etc/passwd",
    "a folder that is not there": f"/nowhere/{SPOKEN}",
    "a file": f"/etc/passwd/{SPOKEN}",
    "a hub id": f"hub:{SPOKEN}/{SPOKEN}",
    "a hub id with a NUL": f"hub:{SPOKEN}\0",
    "phantoms without end": f"phantom:{'9' * 40}:{SPOKEN}",
    "Markdown": f"[{SPOKEN}](javascript:alert(1)) <script>{SPOKEN}</script>",
    "a home that nobody has": f"~{SPOKEN}/x",
}


@pytest.fixture
def server(monkeypatch):
    """Sets how the app was started: server("localhost", host="localhost:8501")."""
    real = st.get_option

    def start(address, switch="1", **headers):
        monkeypatch.setattr(st, "get_option", lambda name: address if name == "server.address" else real(name))
        monkeypatch.setenv(access.SWITCH, switch)
        monkeypatch.setattr(type(st.context), "headers", property(lambda self: headers))

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return start


@pytest.fixture
def written(caplog, capfd):
    """All that was logged, at any level, by any library, and all that was printed, also by code in C."""
    logger = logging.getLogger()
    caplog.set_level(logging.DEBUG)
    for name in ("streamlit", "pneumo", "pages"):
        caplog.set_level(logging.DEBUG, logger=name)
    assert logger.level == logging.DEBUG
    return lambda: caplog.text + "".join(capfd.readouterr())


def folder_page(app=None):
    app = app or open_page(DATA)
    app.get("button_group")[0].set_value("folder").run()
    return app


@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED)
def test_any_text_as_a_folder_is_one_sentence_and_is_never_logged(typed, server, written):
    server("localhost", Host="localhost:8501")
    app = folder_page()
    app.text_input(key="data.typed").set_value(typed).run()
    assert not app.exception
    assert len(app.error) == 1 and len(app.error[0].value) < 2000
    assert SPOKEN not in written()


@pytest.mark.parametrize(
    ("address", "switch", "headers", "says"),
    [
        ("localhost", "0", {}, "start the app with PNEUMO_FOLDERS=1"),
        ("localhost", "", {}, "start the app with PNEUMO_FOLDERS=1"),
        (None, "1", {}, "this server listens to the whole network"),
        ("0.0.0.0", "1", {}, "this server listens at 0.0.0.0"),
        ("192.168.0.7", "1", {}, "this server listens at 192.168.0.7"),
        ("localhost", "1", {"X-Forwarded-For": "10.0.0.1"}, "did not come straight from this machine"),
        ("localhost", "1", {"Forwarded": "for=10.0.0.1"}, "did not come straight from this machine"),
        ("127.0.0.1", "1", {"Host": "evil.example:8501"}, "did not come straight from this machine"),
    ],
)
def test_a_folder_can_be_typed_only_with_the_switch_and_from_the_own_machine(address, switch, headers, says, server):
    server(address, switch, **headers)
    app = folder_page()
    assert not app.text_input and not app.exception
    assert says in texts(app.info)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "::1"])
@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501", "LOCALHOST"])
def test_with_the_switch_a_folder_can_be_typed_on_the_own_machine(address, host, server):
    server(address, Host=host)
    assert folder_page().text_input


def spoken_files() -> dict[str, bytes]:
    """Files with a name in their names and inside them, whole and damaged; libraries like to quote what they stumble over."""
    info, buffer = PngInfo(), io.BytesIO()
    info.add_text("Author", SPOKEN)
    Image.fromarray(picture()).save(buffer, "PNG", pnginfo=info)
    tiff = io.BytesIO()
    Image.fromarray(picture()).save(tiff, "TIFF", artist=SPOKEN, compression="tiff_lzw")
    good = good_files()
    return {
        f"{SPOKEN}.png": buffer.getvalue(),
        f"{SPOKEN} cut.png": buffer.getvalue()[:-900],
        f"{SPOKEN}.tif": tiff.getvalue(),
        f"{SPOKEN} cut.tif": tiff.getvalue()[: len(tiff.getvalue()) // 2],
        f"{SPOKEN}.dcm": dicom(picture(), PatientComments=SPOKEN),
        f"{SPOKEN} cut.dcm": dicom(picture())[:-5000],
        f"{SPOKEN} value.dcm": dicom(picture()).replace(b"1.2.826.0.1.3680043.8.498.1", SECRET.encode().ljust(27)),
        f"{SPOKEN}\n../../etc/{'x' * 300}.jpeg": good["grey.jpeg"][: len(good["grey.jpeg"]) // 3],
        f"{SPOKEN} empty.png": b"",
        f"{SPOKEN}.webp": b"RIFF" + SPOKEN.encode(),
        f"<b>{SPOKEN}</b>.bmp": good["grey.bmp"][:60],
    }


def test_names_of_files_and_what_is_in_them_are_never_logged_by_diagnose(written):
    app = upload(open_page("pages/clinic/diagnose.py"), *spoken_files().items())
    assert not app.exception
    assert len(app.dataframe[0].value) == len(spoken_files())
    assert SECRET not in written()


@pytest.mark.parametrize(
    ("page", "key"), [("pages/clinic/compare.py", "compare.upload"), ("pages/generators/autoencoder.py", "autoencoder.upload")]
)  # fmt: skip
def test_names_of_files_and_what_is_in_them_are_never_logged_elsewhere(page, key, written):
    app = open_page(page)
    for name, blob in list(spoken_files().items())[:6]:
        app.file_uploader(key=key).set_value((name, blob, "image/png")).run()
        assert not app.exception
    assert SECRET not in written()


def test_what_is_typed_is_kept_for_nobody_else(server, tmp_path):
    server("localhost", Host="localhost")
    (tmp_path / "NORMAL").mkdir()
    (tmp_path / "NORMAL" / "a.png").write_bytes(radiograph.encode_png(np.zeros((40, 40), np.uint8)))
    app = folder_page()
    app.text_input(key="data.typed").set_value(str(tmp_path)).run()
    assert folder_page().text_input(key="data.typed").value == ""
