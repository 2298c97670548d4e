"""pydicom's own test files: docs/reading-files.md tells what becomes of each, and what is read is what pydicom shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.pixels.processing import apply_color_lut

from pneumo.images.radiograph import RadiographError, read

MOST_LEVELS = 2
DIFFERENT = {  # why a file is not compared with what pydicom makes of it
    "17166": "its window shows nothing but white; here the range of the values is shown instead, and that is said",
    "17196": "as 17166",
    "OBXXXX1A_expb.dcm": "pydicom reads the palette in the wrong byte order; here it equals its little-endian twin",
    "OT-PAL-8-face.dcm": "pydicom asks for a transfer syntax, which the file does not say",
    "JPEG-lossy.dcm": "JPEG of 12 bits, which pydicom's decoders do not read",
    "JPGExtended.dcm": "as JPEG-lossy",
}


def _document():
    spec = importlib.util.spec_from_file_location(
        "reading_files", Path(__file__).parents[2] / "docs" / "reading_files.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DOCUMENT = _document()
FILES = {f"{path.parent.name}/{path.name}": path for path in DOCUMENT.files()}


def test_the_document_says_what_becomes_of_each_file() -> None:
    written = DOCUMENT.FILE.read_text()
    if f"`pydicom {pydicom.__version__}`" not in written:
        pytest.skip("written with another pydicom, which has other files")
    assert DOCUMENT.text() == written, "run python docs/reading_files.py"


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_what_is_read_is_what_pydicom_shows(path: Path) -> None:
    try:
        found = read(path.read_bytes(), path.name).pixels
    except RadiographError as error:
        assert len(str(error)) > 20
        return
    if path.name in DIFFERENT:
        with pytest.raises((AssertionError, AttributeError, RuntimeError)):
            _compare(found, path)
    else:
        _compare(found, path)


def _compare(found: np.ndarray, path: Path) -> None:
    expected = _shown_by_pydicom(pydicom.dcmread(path, force=True))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= MOST_LEVELS


def _shown_by_pydicom(data_set: pydicom.Dataset) -> np.ndarray:
    """(H, W) float64 grey levels by pydicom's own functions. They do not scale to 256 levels: that is done here."""
    pixels = pixel_array(data_set)
    if data_set.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data_set)
    if pixels.ndim == 3:
        eight = pixels.astype(np.uint16) >> 8 if pixels.dtype.itemsize == 2 else pixels
        return np.asarray(Image.fromarray(eight.astype(np.uint8)).convert("L")).astype(float)
    modal = apply_modality_lut(pixels, data_set)
    shown = apply_voi_lut(modal, data_set).astype(float)
    if "VOILUTSequence" in data_set:
        low, high = 0, 2 ** data_set.VOILUTSequence[0].LUTDescriptor[2] - 1
    elif data_set.get("WindowCenter") is not None:
        low, high = apply_voi_lut(np.array([-np.inf, np.inf]), data_set)
    elif pixels.dtype == np.uint8 and data_set.BitsStored == 8 and np.array_equal(modal, pixels):
        low, high = 0, 255
    else:
        low, high = shown.min(), shown.max()
    grey = np.clip((shown - low) / max(high - low, 1) * 255, 0, 255)
    return 255 - grey if data_set.PhotometricInterpretation == "MONOCHROME1" else grey


def test_enough_is_read() -> None:
    """The chest radiograph RG1 of an adult among them, in each of its four encodings."""
    rows = [row for row in DOCUMENT.FILE.read_text().splitlines() if "| read, " in row]
    assert len(rows) >= 80
    assert sum("RG1_" in row for row in rows) + sum("RG1_UNCI.dcm to RG1_UNCR.dcm" in row for row in rows) == 4
