"""Image files: what a file claims is checked before it is decoded, and what is not pixels is left out.

A private helper of `radiograph`. Pillow would read colour profiles, comments, EXIF blocks and extra frames of
whatever size the file likes, and meet irregularities with warnings. Silencing warnings changes the whole process,
not one thread (`warnings.catch_warnings` is not thread safe before Python 3.14). So the causes are removed
instead: each container is reduced to the parts that carry pixels, and then handed to Pillow's class for that
one format. `Image.open` is not used: its own size check warns. What Pillow does not read with all its bits, or what a
library might choke on, is decoded in the helper process of `decoders`.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin, features

from pneumo.images import codestreams, decoders, jpeg_2000, tiff
from pneumo.images.refusals import (
    MAX_COLOUR_PIXELS,
    MAX_DEEP_PIXELS,
    MAX_PIXELS,
    MAX_WIDE_PIXELS,
    RadiographError,
    animated,
    check_parts,
    check_size,
    damaged,
    not_a,
    truncated,
)

MAX_WEBP_PIXELS = 16_000_000  # Pillow's WebP decoder keeps four RGBA copies: 400 MB and a second at this size
MAX_SCAN_PIXELS = 320_000_000  # JPEG scans x pixels, under a second: ten scans, as encoders write, of 32 megapixels
_ONE_CHANNEL = ("1", "L", "I;16", "I;16B", "I", "F")
_PNG_COLOURS = (2, 4, 6)  # RGB, grey with opacity, RGB with opacity

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_JPEG_MARKER = re.compile(
    rb"\xff[^\x00\xff\xd0-\xd7]"
)  # the next marker after entropy-coded data; `\xff+` would take hours
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_METADATA = (frozenset(range(0xE1, 0xF0)) - {0xEE}) | {0xFE}  # APP14 stays: it says whether CMYK is inverted


def kind_of(data: bytes) -> str | None:
    """The format by its first bytes: PNG, JPEG, WebP, BMP, GIF, TIFF, JPEG 2000, AVIF, or None."""
    for magic, kind in _MAGICS:
        if data.startswith(magic):
            return kind
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "AVIF"
    return "WebP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


class Opened(NamedTuple):
    """image: a Pillow image in whatever mode the file has, or an array (H, W) or (H, W, C) of the file's type, C up to 4 with
    opacity last. orientation: 1..8 as in EXIF, 1 is upright. codes: of warnings, keys of `radiograph.WARNINGS`."""

    image: Image.Image | np.ndarray
    orientation: int = 1
    codes: frozenset[str] = frozenset()


def decode(data: bytes, kind: str, upright: bool = True) -> Opened:
    """The decoded image, rotated as its EXIF block says if `upright`.

    Raises RadiographError, or what Pillow raises on damage; the caller translates that.
    """
    image, orientation, codes = _OPENERS[kind](data)
    turn = _TURNS.get(orientation) if upright else None
    if isinstance(image, np.ndarray):
        check_size(image.shape[1], image.shape[0])  # what was decoded may be another image than what was announced
        return Opened(image if turn is None else _turned(image, orientation), codes=codes)
    check_size(*image.size, MAX_PIXELS if image.mode in _ONE_CHANNEL else MAX_COLOUR_PIXELS)
    image.load()
    return Opened(image if turn is None else image.transpose(turn), codes=codes)


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """As `Image.transpose` turns images. pixels: (H, W) or (H, W, C)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    down, across = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(orientation, (1, 1))
    return pixels[::down, ::across]


def _open_png(data: bytes) -> Opened:
    keep, orientation, position, parts, seen = [data[:8]], 1, 8, 0, b""
    while seen != b"IEND":
        if position + 12 > len(data):
            raise truncated("PNG")
        length = int.from_bytes(data[position : position + 4], "big")
        seen, end = data[position + 4 : position + 8], position + 12 + length
        if end > len(data):
            raise truncated("PNG")
        if seen == b"acTL":
            raise animated("PNG")
        if seen in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            body = memoryview(data)[position + 4 : end - 4]
            if zlib.crc32(body) != int.from_bytes(data[end - 4 : end], "big"):
                raise damaged("PNG")
            keep.append(data[position:end])
        if seen == b"eXIf":
            orientation = _exif_orientation(data[position + 8 : end - 4])
        position, parts = end, parts + 1
        check_parts("PNG", parts)
    clean = b"".join(keep)
    depth, colours = clean[24], clean[25]
    if depth == 16 and colours in _PNG_COLOURS:  # of each Pillow would keep eight bits
        check_size(*struct.unpack(">LL", clean[16:24]), MAX_DEEP_PIXELS)
        return Opened(decoders.decode("png", clean), orientation)
    return Opened(PngImagePlugin.PngImageFile(io.BytesIO(clean)), orientation)


def _open_jpeg(data: bytes) -> Opened:
    keep, orientation, position, parts, scans, pixels = [b"\xff\xd8"], 1, 2, 0, 0, 0
    while True:
        result = _JPEG_MARKER.search(data, position)
        if result is None:
            raise truncated("JPEG")
        marker, start = data[result.end() - 1], result.end()
        if scans:  # entropy-coded data, no fill bytes; before a scan Pillow would step over each byte in Python
            keep.append(data[position : result.start()].rstrip(b"\xff"))
        if marker == 0xD9:
            break
        stop = start + int.from_bytes(data[start : start + 2], "big")
        if stop > len(data):
            raise truncated("JPEG") if parts else not_a("JPEG")  # not even its first segment is there
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[start + 3 : start + 7])
            pixels = max(pixels, height * width)
        if marker == 0xDA:
            scans += 1
        if marker == 0xE1 and data[start + 2 : start + 8] == b"Exif\0\0":
            orientation = _exif_orientation(data[start + 8 : stop])
        if marker not in _JPEG_METADATA:
            keep.append(b"\xff" + data[result.end() - 1 : stop])
        position, parts = max(stop, start), parts + 1
        check_parts("JPEG", parts)
    if scans > 1 and scans * pixels > MAX_SCAN_PIXELS:
        raise RadiographError(
            "unsupported",
            f"the JPEG has {scans} scans of {pixels / 1e6:.0f} megapixels, which take too long to decode; save it as PNG",
        )
    return Opened(JpegImagePlugin.JpegImageFile(io.BytesIO(b"".join([*keep, b"\xff\xd9"]))), orientation)


def _open_webp(data: bytes) -> Opened:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise truncated("WebP")
    position, orientation, parts = 12, 1, 0
    while position + 8 <= end:
        name, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = data[position + 8 : position + 8 + min(length, 1 << 16)]  # EXIF blocks are no longer than that
        if name in (b"ANIM", b"ANMF"):
            raise animated("WebP")
        if name in (b"VP8 ", b"VP8L", b"VP8X"):
            check_size(*_webp_size(name, body), MAX_WEBP_PIXELS)  # the decoder allocates the canvas when it is opened
        if name == b"EXIF":
            orientation = _exif_orientation(body.removeprefix(b"Exif\0\0"))
        position, parts = position + 8 + length + length % 2, parts + 1
        check_parts("WebP", parts)
    return Opened(WebPImagePlugin.WebPImageFile(io.BytesIO(data)), orientation)


def _webp_size(name: bytes, body: bytes) -> tuple[int, int]:
    """Width and height of a chunk; https://developers.google.com/speed/webp/docs/riff_container."""
    if len(body) < 10 and name != b"VP8L":
        raise truncated("WebP")
    if name == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if name == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    bits = int.from_bytes(body[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _open_bmp(data: bytes) -> Opened:
    # Pillow expands run-length BMP in Python, pixel by pixel: a small file could hold a core for minutes.
    if int.from_bytes(data[14:18], "little") >= 40 and int.from_bytes(data[30:34], "little") in (1, 2):
        raise RadiographError("unsupported", "the BMP is run-length compressed; save it as PNG")
    return Opened(BmpImagePlugin.BmpImageFile(io.BytesIO(data)))


def _open_gif(data: bytes) -> Opened:
    # Not read at all: Pillow walks its blocks in Python, in quadratic time for long comments.
    if b"NETSCAPE2.0" in data or data.count(b"\x21\xf9\x04") > 1:
        raise animated("GIF")
    raise RadiographError("unsupported", "GIF files are not read; save the image as PNG")


def _open_tiff(data: bytes) -> Opened:
    return Opened(*tiff.opened(data))


def _open_jpeg_2000(data: bytes) -> Opened:
    stream = codestreams.jpeg_2000(codestreams.codestream_of(data))
    check_size(stream.width, stream.height, jpeg_2000.MAX_PIXELS)
    pixels, halvings = jpeg_2000.decoded(data, stream)
    return Opened(pixels, codes=frozenset({"halved"} if halvings else ()))


def _open_avif(data: bytes) -> Opened:
    if data[8:12] == b"avis":
        raise animated("AVIF")
    if not features.check("avif"):
        raise RadiographError("unsupported", "AVIF images are not read by the Pillow installed here; save it as PNG")
    check_size(*codestreams.largest_of(data), MAX_WIDE_PIXELS)
    return Opened(decoders.decode("avif", data))  # upright already


def _exif_orientation(block: bytes) -> int:
    """1..8 as in the EXIF standard; 1 (upright) where the block does not say or is damaged."""
    try:
        order, entries, _ = tiff.directory(block)
        return tiff.orientation(order, entries)
    except struct.error:
        return 1


_MAGICS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (codestreams.JPEG_2000_START, "JPEG 2000"),
)
_OPENERS = {
    "PNG": _open_png,
    "JPEG": _open_jpeg,
    "WebP": _open_webp,
    "BMP": _open_bmp,
    "GIF": _open_gif,
    "TIFF": _open_tiff,
    "JPEG 2000": _open_jpeg_2000,
    "AVIF": _open_avif,
}
