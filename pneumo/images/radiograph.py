"""From the bytes of a file to a grey radiograph, or a refusal with its reason.

    bytes -> containers (PNG, JPEG, WebP, BMP, TIFF) or dicom -> grey uint8 (H, W) + warnings

The one door for training and serving alike. It never warns, logs or keeps names, and may be called from threads.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePath

import numpy as np
from PIL import Image, ImageChops
from pydicom.errors import BytesLengthException, InvalidDicomError

from pneumo.images import containers, dicom
from pneumo.images.containers import MAX_PIXELS, RadiographError
from pneumo.schema import ImageWarning, PneumoError, Radiograph

__all__ = ["MAX_BYTES", "MAX_PIXELS", "RadiographError", "encode_png", "read"]

MAX_BYTES = 50_000_000  # an uncompressed 16-bit detector image of 25 megapixels; chest plates have up to 15
CHROMA_TOLERANCE = 16  # levels between channels that JPEG leaves in a grey image stored as colour
COLOURED_SHARE = 0.005  # of the pixels: a few coloured ones are noise, more are a stamp or a photograph
DARK_SHARE = 1 / 8  # of the 16-bit range: 12-bit detectors reach 1/16 of it
FULL_16_BIT = 65535.0
BAND_PIXELS = 1_000_000  # 8 MB of float64
UNIFORM_SPREAD = 16  # levels between the 1st and the 99th percentile; real radiographs span over 100
SMALL_SIDE_PX = 128  # the smallest input size of the models
EXTREME_ASPECT = 2.5  # chest radiographs lie between 0.7 and 2.2
INVERTED_LEVELS = 15  # mediastinum below the side margins; in 5,216 real ones it lies 22 or more above
COLOUR_SIDE_PX = 1024  # colours are looked for on a grid of about this many rows
SAMPLE_SIDE_PX = 256  # statistics for warnings are taken on a coarse grid

# What Pillow, pydicom and numpy are known to raise on arbitrary bytes. Decoders are written for good files, and a bad
# one surfaces as whatever went wrong first, so the families are caught as such, around decoding only.
DECODER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    BytesLengthException,
    InvalidDicomError,
)
WARNINGS = {
    "colour": "The image is in colour; radiographs are grey. It was converted, check that it is a radiograph.",
    "dark16": "The values fill a small part of their 16-bit range; they were stretched from darkest to brightest.",
    "uniform": "The image is nearly uniform; there is little to judge.",
    "small": f"The image is under {SMALL_SIDE_PX} pixels on its shorter side; fine lung texture is lost.",
    "aspect": f"One side is over {EXTREME_ASPECT} times the other; expected a whole frontal chest radiograph.",
    "inverted": "The image looks inverted: bone should be white and air black. Invert it and compare.",
    "burned_in": "Text burned into the pixels was not looked for; check that no name is visible before sharing.",
}
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".dcm", ".dicom"}
_OTHER_FILES = (
    (b"%PDF", "a PDF document; save the page as PNG"),
    (b"PK\x03\x04", "a ZIP archive or office document; extract the image first"),
    (b"Rar!", "a RAR archive; extract the image first"),
    (b"\x1f\x8b", "a gzip archive; extract the image first"),
    (b"7z\xbc\xaf", "a 7z archive; extract the image first"),
    (b"%!PS", "a PostScript file; save it as PNG"),
)


def read(data: bytes, name: str = "") -> Radiograph:
    """Decodes one radiograph.

    data: the bytes of a PNG, JPEG, WebP, BMP, TIFF or DICOM file, up to MAX_BYTES, recognised by content.
    name: the file's name; only its ending is used, to explain a refusal. It is neither kept nor logged.

    Returns pixels (H, W) uint8, read-only, 0 black to 255 white, upright, with warnings. 8-bit greys stay as
    they are; 16-bit greys of PNG and TIFF are scaled from their full range; floats in 0..1 from that, others
    from lowest to highest; DICOM by its window. Colour becomes ITU-R 601 luma; transparency lies on black.

    Raises RadiographError, for any bytes; its code is one of those listed there.
    """
    _check_bytes(data)
    if dicom.looks_like_dicom(data):
        pixels, codes = _read_dicom(data)
    else:
        pixels, codes = _read_pixels(data, name)
    codes |= _codes_of(pixels)
    pixels = np.ascontiguousarray(pixels)
    pixels.flags.writeable = False
    return Radiograph(pixels, tuple(ImageWarning(code, text) for code, text in WARNINGS.items() if code in codes))


def file_bytes(path: Path) -> bytes:
    """A file's bytes for `read`, no more than one above MAX_BYTES. PneumoError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PneumoError(f"the file cannot be read: {error.strerror}") from error


def encode_png(pixels: np.ndarray) -> bytes:
    """A PNG file. pixels: (H, W) or (H, W, 3) uint8. Raises ValueError for another shape or type."""
    grey = pixels.ndim == 2
    if pixels.dtype != np.uint8 or not (grey or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(f"expected (H, W) or (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return buffer.getvalue()


def _check_bytes(data: bytes) -> None:
    if not data:
        raise RadiographError("empty", "the file is empty (0 bytes); copy or export it again")
    if len(data) > MAX_BYTES:
        raise RadiographError(
            "too_large",
            f"the file has {len(data) / 1e6:.0f} MB; expected up to {MAX_BYTES // 1_000_000}. Scale it down",
        )


def _read_dicom(data: bytes) -> tuple[np.ndarray, set[str]]:
    try:
        frame = dicom.decode(data)
    except RadiographError:
        raise
    except DECODER_ERRORS:
        raise containers.damaged("DICOM") from None  # the cause's text may hold parts of the file
    codes = {code for code, here in (("dark16", frame.dark), ("burned_in", frame.burned_in)) if here}
    if frame.colour is None:
        return frame.grey, codes
    pixels, more = _grey(frame.colour)
    return pixels, codes | more


def _read_pixels(data: bytes, name: str) -> tuple[np.ndarray, set[str]]:
    kind = containers.kind_of(data)
    if kind is None:
        raise _not_an_image(data, name)
    try:
        image = containers.decode(data, kind)
    except RadiographError:
        raise
    except DECODER_ERRORS as error:
        raise (containers.truncated if "truncated" in str(error) else containers.damaged)(kind) from error
    return _grey(image)


def _not_an_image(data: bytes, name: str) -> RadiographError:
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    got = next((text for magic, text in _OTHER_FILES if data.startswith(magic)), "something else")
    if b"<svg" in start:
        got = "an SVG drawing; save it as PNG"
    elif start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        got = "a web page; download the image itself"
    elif start.startswith(b"<"):
        got = "a text file (XML)"
    suffix = PurePath(name).suffix.lower()
    claim = f", although the name ends in {suffix}" if suffix in _SUFFIXES else ""
    return RadiographError("not_an_image", f"expected a PNG, JPEG, WebP, BMP, TIFF or DICOM file{claim}; got {got}")


def _grey(image: Image.Image) -> tuple[np.ndarray, set[str]]:
    """A decoded image of any mode as (H, W) uint8, with the codes of what was done to it."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _scaled(image)
    if image.mode in ("1", "L"):
        return np.array(image if image.mode == "L" else image.convert("L")), set()
    if image.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGB")  # CMYK, YCbCr, LAB
    codes = {"colour"} if _is_coloured(image) else set()
    grey = image.convert("L")
    if image.mode == "RGBA":  # luma is linear: over black it is luma times opacity
        grey = ImageChops.multiply(grey, image.getchannel("A"))
    return np.array(grey), codes


def _is_coloured(image: Image.Image) -> bool:
    """Whether channels of an RGB or RGBA image differ in more than a few pixels, as far as they are opaque."""
    step = max(1, min(image.size) // COLOUR_SIDE_PX)
    size = (-(-image.width // step), -(-image.height // step))
    red, green, blue, *alpha = (image if step == 1 else image.resize(size, Image.Resampling.NEAREST)).split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    spread = ImageChops.subtract(brightest, darkest)
    counts = (ImageChops.multiply(spread, alpha[0]) if alpha else spread).histogram()
    return sum(counts[CHROMA_TOLERANCE + 1 :]) > COLOURED_SHARE * sum(counts)


def _scaled(image: Image.Image) -> tuple[np.ndarray, set[str]]:
    """An image of 16 or 32 bit integers, or floats, as (H, W) uint8; NaN and infinities become black."""
    pixels = np.empty((image.height, image.width), np.uint8)
    ends = [(values.min(), values.max()) for _, values in _bands(image)]
    low, high = float(min(least for least, _ in ends)), float(max(most for _, most in ends))
    low, high, codes = _value_range(image.mode == "F", low, high)
    for rows, values in _bands(image):
        pixels[rows] = np.round((values - low) / (high - low) * 255) if high > low else 0
    return pixels, codes


def _bands(image: Image.Image) -> Iterator[tuple[slice, np.ndarray]]:
    """Some rows at a time, (h, W) float64 and finite: all at once, a large image would take over a gigabyte."""
    height = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        values = np.asarray(image.crop((0, top, image.width, bottom)))
        with np.errstate(invalid="ignore"):  # signalling NaN; local to this thread
            values = values.astype(np.float64)
        yield slice(top, bottom), np.where(np.isfinite(values), values, 0.0)


def _value_range(floating: bool, low: float, high: float) -> tuple[float, float, set[str]]:
    """The values that become 0 and 255, given the lowest and highest there are."""
    if floating or low < 0 or high > FULL_16_BIT:
        return (0.0, 1.0, set()) if floating and low >= 0 and high <= 1 else (low, high, set())
    if 0 < high < DARK_SHARE * FULL_16_BIT:
        return low, high, {"dark16"}
    return 0.0, FULL_16_BIT, set()


def _codes_of(pixels: np.ndarray) -> set[str]:
    """What the grey image itself gives reason to mention. pixels: (H, W) uint8."""
    height, width = pixels.shape
    step = max(1, min(height, width) // SAMPLE_SIDE_PX)
    sample = pixels[::step, ::step]
    low, high = np.percentile(sample, (1, 99))
    result = {
        "uniform": high - low < UNIFORM_SPREAD,
        "small": min(height, width) < SMALL_SIDE_PX,
        "aspect": max(height, width) > EXTREME_ASPECT * min(height, width),
    }
    result["inverted"] = not result["uniform"] and _looks_inverted(sample)
    return {code for code, here in result.items() if here}


def _looks_inverted(sample: np.ndarray) -> bool:
    """Whether the middle (spine, heart) is clearly darker than the side margins (air, arms). sample: (H, W) uint8."""
    height, width = sample.shape
    if height < 8 or width < 12:
        return False
    rows = sample[height // 8 : height * 3 // 4]
    middle = rows[:, width * 5 // 12 : width * 7 // 12].mean()
    margin = max(1, width // 10)
    sides = (sample[:, :margin].mean() + sample[:, -margin:].mean()) / 2
    return bool(middle < sides - INVERTED_LEVELS)
