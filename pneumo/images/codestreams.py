"""What compressed pixels announce of themselves, read before any decoder sees them: size, components, bits.

A private helper of `radiograph`. JPEG and JPEG-LS (ITU T.81 B.2, T.87 C.2), JPEG 2000 (ITU T.800 A.5), and the boxes of JP2, AVIF and
HEIC files (ISO/IEC 14496-12).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pneumo.images.refusals import RadiographError, check_parts, damaged, truncated

MAX_TILES = 4096  # of JPEG 2000; a decoder prepares every one of them
MAX_BOXES = 2000
JPEG_START, JPEG_2000_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
_JPEG_FRAMES = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}
_ALONE = frozenset(range(0xD0, 0xD8)) | {0x01}  # markers without a length
_LOSSLESS, _JPEG_LS = frozenset({0xC3, 0xC7, 0xCB, 0xCF}), 0xF7
_CONTAINERS = {b"jp2h", b"meta", b"iprp", b"ipco"}


@dataclass(frozen=True)
class Announced:
    """One compressed image as its header has it.

    width, height: pixels. components: 1 grey, 3 colour. bits: of each sample. signed: below 0 too. lossless, jpeg_ls: the kinds of
    JPEG that Pillow does not decode. levels: JPEG 2000 can be decoded at 2 ** -1 ... 2 ** -levels of its sides.
    """

    width: int
    height: int
    components: int
    bits: int
    signed: bool = False
    lossless: bool = False
    jpeg_ls: bool = False
    levels: int = 0


def jpeg(data: bytes) -> Announced:
    """The frame header of a JPEG or JPEG-LS stream. RadiographError where it has none."""
    position, parts = 2, 0
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise damaged("JPEG")
        marker = data[position + 1]
        if marker == 0xFF or marker in _ALONE:
            position, parts = position + (1 if marker == 0xFF else 2), parts + 1
            check_parts("JPEG", parts)
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker in _JPEG_FRAMES:
            if position + 10 > len(data):
                break
            bits, height, width, components = struct.unpack_from(">BHHB", data, position + 4)
            return Announced(width, height, components, bits, lossless=marker in _LOSSLESS, jpeg_ls=marker == _JPEG_LS)
        if marker in (0xD9, 0xDA) or length < 2:  # a scan before any frame
            raise damaged("JPEG")
        position, parts = position + 2 + length, parts + 1
        check_parts("JPEG", parts)
    raise truncated("JPEG")


def jpeg_2000(data: bytes) -> Announced:
    """The main header of a JPEG 2000 codestream. RadiographError where it is none, or announces more than can be prepared."""
    if not data.startswith(JPEG_2000_START) or len(data) < 42:
        raise damaged("JPEG 2000")
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, components = struct.unpack_from(
        ">8LH", data, 8
    )
    samples = [
        struct.unpack_from(">BBB", data, 42 + 3 * n) for n in range(min(components, 4)) if 45 + 3 * n <= len(data)
    ]
    if not 1 <= components <= 4 or len(samples) != components or len(set(samples)) > 1 or samples[0][1:] != (1, 1):
        raise RadiographError(
            "unsupported", "the JPEG 2000 image has unusual components; expected grey or colour in one size"
        )
    if right <= left or bottom <= top or not tile_width or not tile_height or tile_left > left or tile_top > top:
        raise damaged("JPEG 2000")
    tiles = -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height)
    if tiles > MAX_TILES:
        raise RadiographError("unsupported", f"the JPEG 2000 image is cut into over {MAX_TILES} tiles; save it as PNG")
    depth = samples[0][0]
    if (depth & 0x7F) + 1 > 16:
        raise RadiographError("unsupported", "the JPEG 2000 image has over 16 bits a sample; save it as PNG")
    return Announced(
        right - left,
        bottom - top,
        components,
        (depth & 0x7F) + 1,
        signed=bool(depth & 0x80),
        levels=_levels(data, 40 + 2 + 3 * components),
    )


def _levels(data: bytes, position: int) -> int:
    """How often the image was halved when it was written: from the segment COD, which follows somewhere before the first tile."""
    parts = 0
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] not in (0x90, 0xD9):
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position + 1] == 0x52 and position + 10 <= len(data):
            return min(data[position + 9], 32)
        if length < 2:
            break
        position, parts = position + 2 + length, parts + 1
        check_parts("JPEG 2000", parts)
    return 0


def boxes(
    data: bytes, start: int = 0, end: int | None = None, depth: int = 0, *, inside: bool = True
) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of every box's content in a file of boxes, those inside others after them if `inside`; damaged ones end the walk."""
    position, end, count = start, len(data) if end is None else end, 0
    while position + 8 <= end and count < MAX_BOXES >> 2 * depth and depth < 6:  # fewer inside: they multiply
        length, kind = struct.unpack_from(">L4s", data, position)
        content = position + 8
        if length == 1:  # 64 bits follow
            if content + 8 > end:
                return
            (length,) = struct.unpack_from(">Q", data, content)
            content += 8
        stop = end if length == 0 else position + length
        if stop < content or stop > end:
            return
        yield kind, content, stop
        if inside and kind in _CONTAINERS:
            yield from boxes(data, content + 4 * (kind == b"meta"), stop, depth + 1)
        position, count = stop, count + 1


def codestream_of(data: bytes) -> bytes:
    """The JPEG 2000 codestream of a JP2 file, or the bytes themselves where they are one. RadiographError where there is none."""
    if data.startswith(JPEG_2000_START):
        return data
    for kind, start, end in boxes(data, inside=False):  # one hidden in another box is not the one that is decoded
        if kind == b"jp2c":
            return data[start:end]
    raise truncated("JPEG 2000")


def largest_of(data: bytes) -> tuple[int, int]:
    """The largest width and height that an AVIF or HEIC file announces of any image in it. RadiographError where none is."""
    sizes = [
        struct.unpack_from(">LL", data, start + 4)
        for kind, start, end in boxes(data)
        if kind == b"ispe" and end - start >= 12
    ]
    if not sizes:
        raise damaged("AVIF")
    return max(width for width, _ in sizes), max(height for _, height in sizes)
