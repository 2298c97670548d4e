"""TIFF files: the first directory is written anew with the tags that describe pixels, and what it announces is checked.

A private helper of `containers`. Uncompressed images of a common kind go to Pillow; everything else to the helper process of `decoders`,
because libtiff writes to stderr and Pillow reads 16 bits of grey and no more. TIFF 6.0 (Adobe, 1992).
"""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image, TiffImagePlugin

from pneumo.images import decoders, levels
from pneumo.images.refusals import (
    MAX_COLOUR_PIXELS,
    MAX_DEEP_PIXELS,
    MAX_PIXELS,
    MAX_WIDE_PIXELS,
    RadiographError,
    check_size,
    truncated,
)

MAX_TABLE_BYTES = 1 << 18  # one table: strip offsets of an image of 64k rows; more only slows the decoder
SPARE_TILE_PIXELS = 1 << 20  # a small image may lie in one large tile, up to 1024 x 1024
ORIENTATION = 0x0112
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR, TILE_WIDTH, TILE_HEIGHT, FORMAT = (
    256, 257, 258, 259, 262, 277, 284, 322, 323, 339,
)  # fmt: skip
EXTRA = 338
WHITE_IS_ZERO = 0
_SCHEMES = {
    1: (0, 1),
    2: (0, 1),
    3: (2,),
    4: (2,),
}  # photometric interpretations by samples: grey, and RGB; with opacity
MAX_PIECES = 20_000  # strips or tiles; an image of the longest side in strips of one row has 16,384
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
_TYPE_BYTES = {1: 1, 3: 2, 4: 4, 7: 1}  # BYTE, SHORT, LONG, UNDEFINED: all that the tags below may use
_TYPE_CODES = {1: "B", 3: "H", 4: "L", 7: "B"}
_ONE_VALUE = {WIDTH, HEIGHT, COMPRESSION, PHOTOMETRIC, 266, SAMPLES, 278, PLANAR, 317, TILE_WIDTH, TILE_HEIGHT}
_MANY_VALUES = {BITS, 273, 279, 320, 324, 325, 338, FORMAT, 347, 530}
_PIECES = (273, 279, 324, 325)  # where strips and tiles lie, and how long they are
_NONE, _DEFLATE = 1, 8
_COMPRESSIONS = {_NONE, 5, 7, _DEFLATE, 32773, 32946}  # none, LZW, JPEG, deflate, PackBits; fax codings are for text

Entry = tuple[int, int, int, bytes]  # tag, type, count, the 12 raw bytes


def opened(data: bytes) -> tuple[Image.Image | np.ndarray, int]:
    """A Pillow image before it is decoded, or an array (H, W) or (H, W, C) that is; and its EXIF orientation.

    Raises RadiographError, or what Pillow raises on damage.
    """
    if data[2:4] in (b"\x2b\x00", b"\x00\x2b"):
        raise RadiographError("unsupported", "the file is a BigTIFF; save it as an ordinary TIFF or as PNG")
    try:
        order, entries, following = directory(data)
    except struct.error:
        raise truncated("TIFF") from None
    if following:
        raise RadiographError("multiframe", "expected one image, got a TIFF with several pages; save one page as PNG")
    kept = {entry[0]: entry for entry in entries if _wanted(data, order, *entry)}
    said = {
        tag: _values(data, order, entry) for tag, entry in kept.items() if tag in _ONE_VALUE | {BITS, FORMAT, EXTRA}
    }
    _check(said)
    clean = _written_anew(data, order, kept)
    turned = orientation(order, entries)
    bits, kind = said.get(BITS, [1]), said.get(FORMAT, [UNSIGNED])[0]
    samples, white_is_zero = said.get(SAMPLES, [1])[0], said.get(PHOTOMETRIC, [1])[0] == WHITE_IS_ZERO
    plain = said.get(COMPRESSION, [_NONE])[0] == _NONE
    if max(bits) <= 8 and kind == UNSIGNED:
        return (_by_pillow(clean) if plain else decoders.decode("compressed_tiff", clean)), turned
    if plain and not white_is_zero and samples == 1 and (bits[0], kind) in ((16, UNSIGNED), (32, FLOAT)):
        return _by_pillow(clean), turned
    return _numbers(clean, said), turned


def _numbers(clean: bytes, said: dict[int, list[int]]) -> np.ndarray:
    """What Pillow does not read: (H, W), or (H, W, C) with opacity last, black is low."""
    samples, scheme = said.get(SAMPLES, [1])[0], said.get(PHOTOMETRIC, [1])[0]
    if scheme not in _SCHEMES[samples]:
        raise RadiographError(
            "unsupported",
            f"the TIFF has {samples} samples a pixel in an unusual colour scheme; save it as grey, or as PNG",
        )
    pixels = decoders.decode("tiff", clean)
    if pixels.ndim == 3 and said.get(PLANAR, [1])[0] == 2:
        pixels = np.moveaxis(pixels, 0, 2)
    if samples in (2, 4) and said.get(EXTRA, [0])[0] not in (1, 2):  # a channel more, but not opacity
        pixels = pixels[..., :-1]
    if scheme != WHITE_IS_ZERO:
        return pixels
    if pixels.ndim == 2:
        return _turned_round(pixels)
    return np.concatenate([_turned_round(pixels[..., :1]), pixels[..., 1:]], axis=2)


def _turned_round(values: np.ndarray) -> np.ndarray:
    """White-is-zero numbers as black-is-zero ones of the same range, so that a narrow one is still noticed."""
    if values.dtype == np.uint16:
        dark = levels.to_grey(values)[1]
        return values.max() - values if dark else np.uint16(0xFFFF) - values
    return values.max() - values if values.dtype.kind == "u" else levels.WHITE - levels.to_grey(values)[0]


def _by_pillow(clean: bytes) -> Image.Image:
    return TiffImagePlugin.TiffImageFile(io.BytesIO(clean))


def _check(said: dict[int, list[int]]) -> None:
    """Every announced size and kind, before anything is allocated."""
    if not said.get(WIDTH) or not said.get(HEIGHT):
        raise RadiographError("damaged", "the TIFF does not say its width and height; save it again, or as PNG")
    width, height = said[WIDTH][0], said[HEIGHT][0]
    bits, kind, samples = said.get(BITS, [1]), said.get(FORMAT, [UNSIGNED])[0], said.get(SAMPLES, [1])[0]
    check_size(width, height, _most_pixels(max(bits), samples, said.get(COMPRESSION, [_NONE])[0] != _NONE))
    tile = said.get(TILE_WIDTH, [0])[0] * said.get(TILE_HEIGHT, [0])[0]
    if tile > 2 * width * height + SPARE_TILE_PIXELS:
        raise RadiographError("damaged", "the TIFF has tiles larger than its image; save it again, or as PNG")
    compression = said.get(COMPRESSION, [_NONE])[0]
    if compression not in _COMPRESSIONS:
        raise RadiographError("unsupported", f"the TIFF uses compression {compression}; save it uncompressed or as PNG")
    if len(set(bits)) > 1 or not 1 <= samples <= 4:
        raise RadiographError("unsupported", "the TIFF has samples of different sizes, or over four; save it as PNG")
    allowed = {UNSIGNED: (1, 2, 4, 8, 16, 32), SIGNED: (8, 16, 32), FLOAT: (16, 32, 64)}.get(kind, ())
    if bits[0] not in allowed:
        name = {UNSIGNED: "whole numbers", SIGNED: "signed numbers", FLOAT: "floating point numbers"}.get(
            kind, "values"
        )
        raise RadiographError("unsupported", f"the TIFF has {name} of {bits[0]} bits; save it with 8 or 16, or as PNG")


def _most_pixels(bits: int, samples: int, compressed: bool) -> int:
    if samples == 1:
        return MAX_PIXELS if bits <= 16 else MAX_WIDE_PIXELS
    if bits > 8:
        return MAX_DEEP_PIXELS
    return MAX_WIDE_PIXELS if compressed else MAX_COLOUR_PIXELS  # what the helper process has room for


def _written_anew(data: bytes, order: str, kept: dict[int, Entry]) -> bytes:
    """The file with one directory of the wanted tags, at its end."""
    offset = len(data) + len(data) % 2
    table = struct.pack(order + "H", len(kept)) + b"".join(kept[tag][3] for tag in sorted(kept)) + bytes(4)
    return b"".join((data[:4], struct.pack(order + "L", offset), data[8:], bytes(len(data) % 2), table))


def directory(data: bytes) -> tuple[str, list[Entry], int]:
    """The first directory of a TIFF or EXIF block.

    Returns the byte order for struct, the entries, and the offset of the next directory, 0 if there is none. Raises struct.error
    where the block is too short.
    """
    order = ">" if data[:2] == b"MM" else "<"
    (offset,) = struct.unpack_from(order + "L", data, 4)
    (count,) = struct.unpack_from(order + "H", data, offset)
    starts = range(offset + 2, offset + 2 + 12 * count, 12)
    entries = [(*struct.unpack_from(order + "HHL", data, start), data[start : start + 12]) for start in starts]
    (following,) = struct.unpack_from(order + "L", data, offset + 2 + 12 * count)
    return order, entries, following


def orientation(order: str, entries: list[Entry]) -> int:
    """1..8 as in the EXIF standard, if the tag is sane; 1 where there is none."""
    for tag, type_, _, raw in entries:
        if tag == ORIENTATION:
            return struct.unpack_from(order + ("L" if type_ == 4 else "H"), raw, 8)[0]
    return 1


def _wanted(data: bytes, order: str, tag: int, type_: int, count: int, raw: bytes) -> bool:
    if type_ not in _TYPE_BYTES or not (tag in _MANY_VALUES or (tag in _ONE_VALUE and count == 1)):
        return False
    size = count * _TYPE_BYTES[type_]
    if size > MAX_TABLE_BYTES or (tag in _PIECES and count > MAX_PIECES):
        raise RadiographError("unsupported", "the TIFF is cut into too many strips; save it as PNG")
    if size > 4 and struct.unpack(order + "L", raw[8:])[0] + size > len(data):
        raise truncated("TIFF")
    return len(raw) == 12 and size > 0


def _values(data: bytes, order: str, entry: Entry) -> list[int]:
    """The values of an entry that `_wanted` has found to lie within the file."""
    _, type_, count, raw = entry
    code = f"{order}{count}{_TYPE_CODES[type_]}"
    if count * _TYPE_BYTES[type_] <= 4:
        return list(struct.unpack_from(code, raw, 8))
    return list(struct.unpack_from(code, data, struct.unpack(order + "L", raw[8:])[0]))
