"""Image files before decoding: what the file claims is checked, and what is not pixels is left out.

A private helper of `radiograph`. Pillow would read colour profiles, comments, EXIF blocks and extra frames of
whatever size the file likes, and meet irregularities with warnings. Silencing warnings changes the whole process,
not one thread (`warnings.catch_warnings` is not thread safe before Python 3.14). So the causes are removed
instead: each container is reduced to the parts that carry pixels, and then handed to Pillow's class for that
one format. `Image.open` is not used: its own size check warns.
"""

from __future__ import annotations

import io
import re
import struct
import zlib

from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from pneumo.schema import PneumoError

MAX_PIXELS = 64_000_000  # over four times the largest chest detectors (4300 x 3500); 64 MB as grey, 256 MB as RGBA
MAX_WEBP_PIXELS = 16_000_000  # Pillow's WebP decoder keeps four RGBA copies: 400 MB and a second at this size
MAX_SCAN_PIXELS = 640_000_000  # JPEG scans x pixels: ten scans, as encoders write, at the largest size
MAX_PARTS = 50_000  # chunks or segments of one file; 50 MB of PNG in the usual 8 KB chunks has 6,000
MAX_TABLE_BYTES = 1 << 18  # one TIFF table: strip offsets of an image of 64k rows; more only slows the decoder
EXIF_ORIENTATION = 0x0112

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_JPEG_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # the next marker after entropy-coded data
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_METADATA = (frozenset(range(0xE1, 0xF0)) - {0xEE}) | {0xFE}  # APP14 stays: it says whether CMYK is inverted
_TIFF_TYPE_BYTES = {1: 1, 3: 2, 4: 4, 7: 1}  # BYTE, SHORT, LONG, UNDEFINED: all that the tags below may use
_TIFF_ONE_VALUE = {256, 257, 259, 262, 266, 277, 278, 284, 317, 322, 323}
_TIFF_MANY_VALUES = {258, 273, 279, 320, 324, 325, 338, 339, 347, 530}
_TIFF_COMPRESSIONS = {1, 5, 7, 8, 32773, 32946}  # none, LZW, JPEG, deflate, PackBits; fax codings are for text


class RadiographError(PneumoError):
    """A file that is not read, and why.

    code: short and stable, for programs: empty, too_large, not_an_image, truncated, damaged, unsupported,
        too_many_pixels, animated, multiframe.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def truncated(kind: str) -> RadiographError:
    return RadiographError("truncated", f"the {kind} file ends too early; copy or export it again")


def damaged(kind: str) -> RadiographError:
    return RadiographError("damaged", f"the {kind} file is damaged and cannot be decoded; copy or export it again")


def not_a(kind: str) -> RadiographError:
    """For a file that begins like one of its kind and goes on like none."""
    return RadiographError("damaged", f"the file is damaged or not a {kind} file; copy or export it again")


def animated(kind: str) -> RadiographError:
    return RadiographError("animated", f"expected one still image, got an animated {kind}; save one frame as PNG")


def check_parts(kind: str, parts: int) -> None:
    """Refuses a file that is millions of empty parts: walking them would take longer than any image."""
    if parts > MAX_PARTS:
        raise RadiographError(
            "unsupported", f"the {kind} file is cut into over {MAX_PARTS} parts; save it again as PNG"
        )


def check_size(width: int, height: int, limit: int = MAX_PIXELS) -> None:
    """Refuses an image by its announced size, before anything is decoded."""
    if width < 1 or height < 1:
        raise RadiographError("damaged", f"the image is {width} x {height} pixels; expected at least 1 x 1")
    if width * height > limit:
        raise RadiographError(
            "too_many_pixels",
            f"the image is {width} x {height}, {width * height / 1e6:.0f} megapixels; "
            f"expected up to {limit // 1_000_000}. Scale it down and try again",
        )


def kind_of(data: bytes) -> str | None:
    """The format by its first bytes: PNG, JPEG, WebP, BMP, GIF, TIFF, or None."""
    for magic, kind in _MAGICS:
        if data.startswith(magic):
            return kind
    return "WebP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def decode(data: bytes, kind: str, upright: bool = True) -> Image.Image:
    """The decoded image, rotated as its EXIF block says if `upright`, in whatever Pillow mode the file has.

    Raises RadiographError, or what Pillow raises on damage; the caller translates that.
    """
    image, orientation = _OPENERS[kind](data)
    check_size(*image.size)
    image.load()
    turn = _TURNS.get(orientation) if upright else None
    return image if turn is None else image.transpose(turn)


def _open_png(data: bytes) -> tuple[Image.Image, int]:
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
    return PngImagePlugin.PngImageFile(io.BytesIO(b"".join(keep))), orientation


def _open_jpeg(data: bytes) -> tuple[Image.Image, int]:
    keep, orientation, position, parts, scans, pixels = [b"\xff\xd8"], 1, 2, 0, 0, 0
    while True:
        result = _JPEG_MARKER.search(data, position)
        if result is None:
            raise truncated("JPEG")
        marker, start = data[result.end() - 1], result.end()
        keep.append(data[position : result.start()])  # entropy-coded data of the scan before
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
    if scans * pixels > MAX_SCAN_PIXELS and pixels <= MAX_PIXELS:
        raise RadiographError(
            "unsupported", f"the JPEG has {scans} scans, more than any camera writes; save it again as PNG"
        )
    return JpegImagePlugin.JpegImageFile(io.BytesIO(b"".join([*keep, b"\xff\xd9"]))), orientation


def _open_webp(data: bytes) -> tuple[Image.Image, int]:
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
    return WebPImagePlugin.WebPImageFile(io.BytesIO(data)), orientation


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


def _open_bmp(data: bytes) -> tuple[Image.Image, int]:
    # Pillow expands run-length BMP in Python, pixel by pixel: a small file could hold a core for minutes.
    if int.from_bytes(data[14:18], "little") >= 40 and int.from_bytes(data[30:34], "little") in (1, 2):
        raise RadiographError("unsupported", "the BMP is run-length compressed; save it as PNG")
    return BmpImagePlugin.BmpImageFile(io.BytesIO(data)), 1


def _open_gif(data: bytes) -> tuple[Image.Image, int]:
    # Not read at all: Pillow walks its blocks in Python, in quadratic time for long comments.
    if b"NETSCAPE2.0" in data or data.count(b"\x21\xf9\x04") > 1:
        raise animated("GIF")
    raise RadiographError("unsupported", "GIF files are not read; save the image as PNG")


def _open_tiff(data: bytes) -> tuple[Image.Image, int]:
    """The first directory is written anew with the tags that describe pixels, each within the file."""
    if data[2:4] in (b"\x2b\x00", b"\x00\x2b"):
        raise RadiographError("unsupported", "the file is a BigTIFF; save it as an ordinary TIFF or as PNG")
    try:
        order, entries, following = _directory(data)
    except struct.error:
        raise truncated("TIFF") from None
    if following:
        raise RadiographError("multiframe", "expected one image, got a TIFF with several pages; save one page as PNG")
    kept = {tag: raw for tag, type_, count, raw in entries if _tiff_wanted(data, order, tag, type_, count, raw)}
    compression = _short(order, kept[259]) if 259 in kept else 1
    if compression not in _TIFF_COMPRESSIONS:
        raise RadiographError("unsupported", f"the TIFF uses compression {compression}; save it uncompressed or as PNG")
    offset = len(data) + len(data) % 2
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept[tag] for tag in sorted(kept)) + bytes(4)
    clean = data[:4] + struct.pack(order + "L", offset) + data[8:] + bytes(len(data) % 2) + directory
    orientation = next((_short(order, raw) for tag, _, _, raw in entries if tag == EXIF_ORIENTATION), 1)
    return TiffImagePlugin.TiffImageFile(io.BytesIO(clean)), orientation


def _directory(data: bytes) -> tuple[str, list[tuple[int, int, int, bytes]], int]:
    """The first directory of a TIFF or EXIF block.

    Returns the byte order for struct, the entries as (tag, type, count, 12 raw bytes), and the offset of the
    next directory, 0 if there is none. Raises struct.error where the block is too short.
    """
    order = ">" if data[:2] == b"MM" else "<"
    (offset,) = struct.unpack_from(order + "L", data, 4)
    (count,) = struct.unpack_from(order + "H", data, offset)
    starts = range(offset + 2, offset + 2 + 12 * count, 12)
    entries = [(*struct.unpack_from(order + "HHL", data, start), data[start : start + 12]) for start in starts]
    (following,) = struct.unpack_from(order + "L", data, offset + 2 + 12 * count)
    return order, entries, following


def _tiff_wanted(data: bytes, order: str, tag: int, type_: int, count: int, raw: bytes) -> bool:
    if type_ not in _TIFF_TYPE_BYTES or not (tag in _TIFF_MANY_VALUES or (tag in _TIFF_ONE_VALUE and count == 1)):
        return False
    size = count * _TIFF_TYPE_BYTES[type_]
    if size > MAX_TABLE_BYTES:
        raise RadiographError("unsupported", "the TIFF is cut into too many strips; save it as PNG")
    if size > 4 and struct.unpack(order + "L", raw[8:])[0] + size > len(data):
        raise truncated("TIFF")
    return len(raw) == 12 and size > 0


def _short(order: str, raw: bytes) -> int:
    """The value of a directory entry that holds one SHORT (or one LONG: type 4)."""
    return struct.unpack_from(order + ("L" if struct.unpack(order + "H", raw[2:4])[0] == 4 else "H"), raw, 8)[0]


def _exif_orientation(block: bytes) -> int:
    """1..8 as in the EXIF standard; 1 (upright) where the block does not say or is damaged."""
    try:
        order, entries, _ = _directory(block)
        return next((_short(order, raw) for tag, _, _, raw in entries if tag == EXIF_ORIENTATION), 1)
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
)
_OPENERS = {
    "PNG": _open_png,
    "JPEG": _open_jpeg,
    "WebP": _open_webp,
    "BMP": _open_bmp,
    "GIF": _open_gif,
    "TIFF": _open_tiff,
}
