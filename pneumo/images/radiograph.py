"""From the bytes of a file to a grey radiograph, or a refusal with its reason.

    bytes -> containers (PNG, JPEG, WebP, BMP, TIFF, JPEG 2000, AVIF) or dicom -> grey uint8 (H, W) + warnings

The one door for training and serving alike. It never warns, logs or keeps names, and may be called from threads.
"""

from __future__ import annotations

import io
from pathlib import Path, PurePath

import numpy as np
from PIL import Image, ImageChops

from pneumo.images import containers, dicom, levels, refusals
from pneumo.images.refusals import MAX_PIXELS, RadiographError
from pneumo.schema import ImageWarning, PneumoError, Radiograph

__all__ = ["MAX_BYTES", "MAX_PIXELS", "RadiographError", "encode_png", "read"]

MAX_BYTES = 50_000_000  # an uncompressed 16-bit detector image of 25 megapixels; chest plates have up to 15
CHROMA_TOLERANCE = 16  # levels between channels that JPEG leaves in a grey image stored as colour
COLOURED_SHARE = 0.005  # of the pixels: a few coloured ones are noise, more are a stamp or a photograph
UNIFORM_SPREAD = 16  # levels between the 1st and the 99th percentile; real radiographs span over 100
SMALL_SIDE_PX = 128  # the smallest input size of the models
EXTREME_ASPECT = 2.5  # chest radiographs lie between 0.7 and 2.2
INVERTED_LEVELS = 15  # mediastinum below the side margins; in 5,216 real ones it lies 22 or more above
COLOUR_SIDE_PX = 1024  # colours are looked for on a grid of about this many rows
SAMPLE_SIDE_PX = 256  # statistics for warnings are taken on a coarse grid

WARNINGS = {
    "colour": "The image is in colour; radiographs are grey. It was converted, check that it is a radiograph.",
    "dark16": "The values fill a small part of their 16-bit range; they were stretched from darkest to brightest.",
    "uniform": "The image is nearly uniform; there is little to judge.",
    "small": f"The image is under {SMALL_SIDE_PX} pixels on its shorter side; fine lung texture is lost.",
    "aspect": f"One side is over {EXTREME_ASPECT} times the other; expected a whole frontal chest radiograph.",
    "inverted": "The image looks inverted: bone should be white and air black. Invert it and compare.",
    "photometric": "The DICOM file does not say whether high values are white or black; they were taken for white.",
    "window": "The window in the DICOM file would show nothing of the image; it was left out.",
    "halved": "The image is so large that it was decoded at a fraction of its size.",
    "left_out": "Parts of the DICOM file that shape the image are damaged and were left out: {}. Compare it with a viewer.",
    "burned_in": "Text burned into the pixels was not looked for; check that no name is visible before sharing.",
}
FORMATS = "PNG, JPEG, WebP, BMP, TIFF, JPEG 2000, AVIF or DICOM"
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".jp2", ".j2k", ".avif", ".dcm", ".dicom"}
_OTHER_FILES = (
    (b"%PDF", "a PDF document; save the page as PNG"),
    (b"PK\x03\x04", "a ZIP archive or office document; extract the image first"),
    (b"Rar!", "a RAR archive; extract the image first"),
    (b"\x1f\x8b", "a gzip archive; extract the image first"),
    (b"7z\xbc\xaf", "a 7z archive; extract the image first"),
    (b"%!PS", "a PostScript file; save it as PNG"),
    (b"\xff\n", "a JPEG XL image; save it as PNG or JPEG"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image; save it as PNG or JPEG"),
    (b"II\xbc", "a JPEG XR image; save it as PNG or JPEG"),
    (b"SIMPLE  =", "a FITS file; save the image as PNG"),
    (b"\x5c\x01\0\0", "a NIfTI file; save one slice as PNG"),
    (b"BZh", "a bzip2 archive; extract the image first"),
    (b"\xfd7zXZ", "an xz archive; extract the image first"),
    (b"8BPS", "a Photoshop file; save it as PNG"),
    (b"\x93NUMPY", "a NumPy array; save it as PNG"),
    (b"\x89HDF", "an HDF5 or MATLAB file; save the image as PNG"),
    (b"MATLAB 5", "a MATLAB file; save the image as PNG"),
)
_HEIC = "a HEIC image, as iPhones take them; share it as JPEG (Most Compatible), or save it as PNG"
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")


def read(data: bytes, name: str = "") -> Radiograph:
    """Decodes one radiograph.

    data: the bytes of a PNG, JPEG, WebP, BMP, TIFF, JPEG 2000, AVIF or DICOM file, up to MAX_BYTES, recognised by content.
    name: the file's name; only its ending is used, to explain a refusal. It is neither kept nor logged.

    Returns pixels (H, W) uint8, read-only, 0 black to 255 white, upright, with warnings. 8-bit greys stay as
    they are; other numbers of PNG and TIFF as `levels.to_grey` scales them; DICOM as viewers show it (`dicom_display`).
    Colour becomes ITU-R 601 luma; transparency lies on black. docs/reading-files.md has the whole list.

    Raises RadiographError, for any bytes; its code is one of those listed there.
    """
    _check_bytes(data)
    broken: tuple[str, ...] = ()
    if dicom.looks_like_dicom(data):
        pixels, codes, broken = _read_dicom(data)
    else:
        pixels, codes = _read_pixels(data, name)
    codes |= _codes_of(pixels) | ({"left_out"} if broken else set())
    pixels = np.ascontiguousarray(pixels)
    pixels.flags.writeable = False
    warnings = (ImageWarning(code, text.format(", ".join(broken))) for code, text in WARNINGS.items() if code in codes)
    return Radiograph(pixels, tuple(warnings))


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


def _read_dicom(data: bytes) -> tuple[np.ndarray, set[str], tuple[str, ...]]:
    """Pixels, codes of warnings, and keywords of what was left out."""
    try:
        frame = dicom.decode(data)
        pixels, codes = (frame.grey, set()) if frame.colour is None else _grey(frame.colour)
    except RadiographError:
        raise
    except MemoryError:
        raise refusals.no_memory("DICOM") from None
    except Exception:  # whatever the bytes made of the libraries; the cause's text may hold parts of the file
        raise refusals.damaged("DICOM") from None
    return pixels, codes | frame.codes, frame.broken


def _read_pixels(data: bytes, name: str) -> tuple[np.ndarray, set[str]]:
    kind = containers.kind_of(data)
    if kind is None:
        raise _not_an_image(data, name)
    try:
        image, _, said = containers.decode(data, kind)
        pixels, codes = _grey_of_numbers(image) if isinstance(image, np.ndarray) else _grey(image)
        return pixels, codes | said
    except RadiographError:
        raise
    except MemoryError:
        raise refusals.no_memory(kind) from None
    except Exception as error:  # decoders are written for good files; a bad one surfaces as whatever went wrong first
        raise (refusals.truncated if "truncated" in str(error) else refusals.damaged)(kind) from None


def _not_an_image(data: bytes, name: str) -> RadiographError:
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    got = next((text for magic, text in _OTHER_FILES if data.startswith(magic)), "something else")
    if data[4:8] == b"ftyp":
        got = _HEIC if data[8:12] in _HEIC_BRANDS else "a video; save one frame as PNG"
    if b"<svg" in start:
        got = "an SVG drawing; save it as PNG"
    elif start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        got = "a web page; download the image itself"
    elif start.startswith(b"<"):
        got = "a text file (XML)"
    suffix = PurePath(name).suffix.lower()
    claim = f", although the name ends in {suffix}" if suffix in _SUFFIXES else ""
    return RadiographError("not_an_image", f"expected a {FORMATS} file{claim}; got {got}")


def _grey(image: Image.Image) -> tuple[np.ndarray, set[str]]:
    """A decoded image of any mode as (H, W) uint8, with the codes of what was done to it."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        pixels, dark = levels.to_grey(np.asarray(image))
        return pixels, {"dark16"} if dark else set()
    if image.mode in ("1", "L"):
        return np.asarray(image if image.mode == "L" else image.convert("L")), set()
    if image.mode in ("PA", "LA", "La", "RGBa") or "transparency" in image.info:
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


def _grey_of_numbers(values: np.ndarray) -> tuple[np.ndarray, set[str]]:
    """Decoded numbers as (H, W) uint8, with the codes of what was done. values: (H, W) or (H, W, C), opacity last for C = 2 and 4."""
    if values.ndim == 2 or values.shape[2] == 1:
        pixels, dark = levels.to_grey(values.reshape(values.shape[:2]))
        return pixels, {"dark16"} if dark else set()
    opaque = values.shape[2] % 2
    colours, dark = levels.to_grey(np.ascontiguousarray(values if opaque else values[..., :-1]))
    codes = {"dark16"} if dark else set()
    if colours.shape[2] == 1:
        pixels = colours[..., 0]
    else:
        pixels, coloured = _grey(Image.fromarray(np.ascontiguousarray(colours)))
        codes |= coloured
    if not opaque:
        opacity = Image.fromarray(_opacity(np.ascontiguousarray(values[..., -1])))
        pixels = np.asarray(ImageChops.multiply(Image.fromarray(pixels), opacity))
    return pixels, codes


def _opacity(values: np.ndarray) -> np.ndarray:
    """(H, W) uint8, 255 is opaque, from whole numbers up to the highest of their type, or floats up to 1."""
    if values.dtype == np.uint16:
        return (values >> 8).astype(np.uint8)
    full = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1
    return np.round(np.nan_to_num(np.clip(values / full, 0, 1)) * levels.WHITE).astype(np.uint8)


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
