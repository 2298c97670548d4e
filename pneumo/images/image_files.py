"""Finished images as the bytes of a file, in the format that the ending of its name says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from pneumo import files
from pneumo.schema import PneumoError

JPEG_QUALITY = 95
DESCRIPTION_TAG, SOFTWARE_TAG = 0x010E, 0x0131  # of EXIF and TIFF
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
SILENT = ("BMP",)  # formats without a place for text


def check(path: Path) -> None:
    """Raises PneumoError where an image cannot be written under this name: its place, its ending. Nothing is left behind."""
    files.check_file(path)
    check_ending(path)


def check_ending(path: Path) -> str:
    """The format that a file's name asks for, e.g. "JPEG". PneumoError with the list where there is none."""
    ending = path.suffix.lower()
    if ending not in FORMATS:
        came = f"ends in {path.suffix!r}" if ending else "has no ending"
        raise PneumoError(f"the name {path.name!r} {came}; expected one of {', '.join(FORMATS)}")
    return FORMATS[ending]


def encode(pixels: np.ndarray, path: Path, description: str = "") -> bytes:
    """(H, W) or (H, W, 3) uint8 in the format of the name's ending; JPEG at quality 95, the others without loss.

    description: kept in the file's own text, where viewers of metadata show it; BMP has no place for it. Raises
    PneumoError for another ending.
    """
    from PIL import Image  # not needed to check a name

    kind = check_ending(path)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, kind, **_options(kind, description))
    return buffer.getvalue()


def _options(kind: str, description: str) -> dict[str, Any]:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    about: dict[str, Any] = {
        "PNG": {"optimize": True},
        "JPEG": {"quality": JPEG_QUALITY, "subsampling": 0},
        "WEBP": {"lossless": True},
        "TIFF": {"compression": "tiff_lzw"},
    }.get(kind, {})
    if not description or kind in SILENT:
        return about
    if kind == "PNG":
        text = PngInfo()
        text.add_text("Description", description)
        text.add_text("Software", "pneumo")
        return about | {"pnginfo": text}
    tags = Image.Exif()
    tags[DESCRIPTION_TAG], tags[SOFTWARE_TAG] = description, "pneumo"
    return about | ({"tiffinfo": dict(tags)} if kind == "TIFF" else {"exif": tags.tobytes()})
