"""The elements of a DICOM data set that decide its image, found without reading the others.

A private helper of `dicom`. Elements are stepped over by their lengths (PS3.5, chapter 7); no name or date is ever converted, so none
can reach a message, a log, or memory that outlives the call. What is broken is left out and named by its keyword, and the walk goes
on at the next landmark: a file with one bad optional element still shows its image. docs/adr/0017.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from pneumo.images.refusals import RadiographError

MAX_ELEMENTS = 30_000  # radiographs have hundreds
MAX_DEPTH = 32  # sequences within sequences
MAX_VALUE_BYTES = 1_000_000  # of any element but the pixels; the longest, a look-up table of 16 bits, has 131,072
MAX_VALUES = 64  # of a list of numbers, e.g. of windows
MAX_INFLATED_BYTES = 100_000_000  # a deflated file of twice the largest one that is read
# Transfer syntaxes. Written out, because importing pydicom takes longer than reading a hundred files.
IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN = (f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".1.99", ".2"))
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA, FLOAT_PIXELS = 0x7FE00010, (0x7FE00008, 0x7FE00009)
DIRECTORY = 0x00041220
SHARED_GROUPS, FRAME_GROUPS, FRAME_WINDOW, FRAME_VALUES = 0x52009229, 0x52009230, 0x00289132, 0x00289145
_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())  # a length of 32 bits after two of padding
_NUMBERS = {b"US": "H", b"SS": "h", b"UL": "L", b"SL": "l", b"FL": "f", b"FD": "d"}
_SHORTS = frozenset((
    0x00280002, 0x00280006, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280120,
    0x00280121, 0x00281101, 0x00281102, 0x00281103, 0x00283002,
))  # fmt: skip  # without a VR in the file they are US
_WANTED = _SHORTS | {
    0x00020002, 0x00020010, DIRECTORY, 0x00080016, 0x00280004, 0x00280008, 0x00280301, 0x00281050, 0x00281051,
    0x00281052, 0x00281053, 0x00281056, 0x00281201, 0x00281202, 0x00281203, 0x00281221, 0x00281222, 0x00281223,
    0x00283000, 0x00283006, 0x00283010, 0x20500020, SHARED_GROUPS, FRAME_GROUPS, FRAME_WINDOW, FRAME_VALUES,
    *FLOAT_PIXELS, PIXEL_DATA,
}  # fmt: skip
_GROUPS = (0x0002, 0x0004, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028)  # one of them begins a data set
# Where a walk that lost its way goes on: at Samples per Pixel or Rows, which are 2 bytes long, or else at Pixel Data.
_DESCRIPTIONS = {
    "<": [tag + length for tag in (b"\x28\0\2\0", b"\x28\0\x10\0") for length in (b"US\2\0", b"\2\0\0\0")],
    ">": [tag + length for tag in (b"\0\x28\0\2", b"\0\x28\0\x10") for length in (b"US\0\2", b"\0\0\0\2")],
}
_PIXEL_MARKS = {"<": b"\xe0\x7f\x10\0", ">": b"\x7f\xe0\0\x10"}
MAX_LANDMARKS = 16  # how often a walk goes on, and Pixel Data that is looked at: thumbnails come before the image


@dataclass(frozen=True)
class Element:
    """One raw value. vr: two letters, b"" where the file has none. undefined: it was delimited, not counted."""

    vr: bytes
    value: bytes
    undefined: bool = False


@dataclass
class Tags:
    """The wanted elements of one data set or item, converted when asked for.

    order: "<" or ">". budget: how many elements may still be walked over, one for a file and all items in it. broken: keywords of what could not be converted or was too long, for the reader to be told.
    """

    order: str
    elements: dict[int, Element]
    broken: set[str] = field(default_factory=set)
    explicit: bool = True
    budget: list[int] = field(default_factory=lambda: [MAX_ELEMENTS])

    def __contains__(self, tag: int) -> bool:
        return tag in self.elements and len(self.elements[tag].value) > 0

    def numbers(self, tag: int) -> list[float]:
        """The values of a number or a list of numbers; empty where there are none, or they are broken."""
        if tag not in self:
            return []
        element = self.elements[tag]
        try:
            return self._numbers(tag, element)
        except (ValueError, struct.error, OverflowError):
            self.broken.add(keyword(tag))
            return []

    def _numbers(self, tag: int, element: Element) -> list[float]:
        bare = element.vr in (b"", b"UN", b"OB", b"OW")  # the file does not say what it is; the dictionary does
        vr = element.vr if element.vr in _NUMBERS else b"US" if bare and tag in _SHORTS else b""
        if vr:
            code = _NUMBERS[vr]
            count = min(len(element.value) // struct.calcsize(f"={code}"), MAX_VALUES)
            found = struct.unpack_from(f"{self.order}{count}{code}", element.value)
        else:
            parts = element.value[: 32 * MAX_VALUES].decode("ascii").strip(" \0").rstrip("\\").split("\\")[:MAX_VALUES]
            found = [float(part.strip(" \0").replace(",", ".")) for part in parts]
        if not found or not all(abs(number) < 1e300 for number in found):  # neither NaN nor infinite
            raise ValueError
        return [float(number) for number in found]

    def number(self, tag: int) -> float | None:
        """The first value, or None."""
        return next(iter(self.numbers(tag)), None)

    def whole(self, tag: int) -> int | None:
        """The first value as a whole number, or None."""
        value = self.number(tag)
        return None if value is None else int(value)

    def text(self, tag: int) -> str:
        """The first value in capitals; empty where there is none."""
        if tag not in self:
            return ""
        return self.elements[tag].value[:64].decode("ascii", "replace").split("\\")[0].strip(" \0").upper()

    def blob(self, tag: int) -> bytes:
        """A value as it lies in the file."""
        return self.elements[tag].value if tag in self else b""

    def items(self, tag: int, most: int = MAX_VALUES) -> list[Tags]:
        """The first items of a sequence, up to a damaged one."""
        if tag not in self:
            return []
        found = []
        try:
            for value in islice(_items(self.elements[tag].value, self.order), most):
                elements = dict(_walk(value, 0, self.order, self.explicit, self.budget, self.broken))
                found.append(Tags(self.order, elements, self.broken, self.explicit, self.budget))
        except (_LostError, struct.error):
            self.broken.add(keyword(tag))
        return found


class _LostError(Exception):
    """The walk met something that is no element."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position


def keyword(tag: int) -> str:
    """E.g. "WindowCenter", as in the standard's dictionary."""
    from pydicom.datadict import dictionary_keyword

    return dictionary_keyword(tag)


def looks_like_dicom(data: bytes) -> bool:
    """With the mark DICM, or without it but beginning like a data set, in either byte order."""
    if b"DICM" in (data[128:132], data[:4]):
        return True
    for order in "<>":
        if len(data) < 16 or struct.unpack_from(f"{order}H", data)[0] not in _GROUPS or data[:2] == b"\0\0":
            continue
        if data[4:6] in _VRS:
            return True
        # A first element without a VR: short, of an even length, and followed by a tag that is not lower.
        tag, length = _tag(data, 0, order), struct.unpack_from(f"{order}L", data, 4)[0]
        if length <= 1024 and length % 2 == 0 and len(data) >= 12 + length and _tag(data, 8 + length, order) > tag:
            return (_tag(data, 8 + length, order) >> 16) - (tag >> 16) < 0x0100
    return False


def read(data: bytes) -> tuple[str, Tags]:
    """The transfer syntax, empty where the file does not say, and the wanted elements of the data set.

    Raises RadiographError for a deflated file that grows beyond all bounds, or one of far too many elements.
    """
    start = 132 if data[128:132] == b"DICM" else 4 if data[:4] == b"DICM" else 0
    budget, broken = [MAX_ELEMENTS], set()
    meta, start = _meta(data, start, budget)
    syntax = meta.text(0x00020010)
    if syntax == DEFLATED:
        data, start = _inflated(data[start:]), 0
    order, explicit = _encoding(data, start, syntax)
    elements = dict(_resuming(data, start, order, explicit, budget, broken))
    elements |= {tag: each for tag, each in meta.elements.items() if tag >> 16 == 2}
    return syntax, Tags(order, elements, broken, explicit, budget)


def _meta(data: bytes, start: int, budget: list[int]) -> tuple[Tags, int]:
    """Group 2, which is explicit and little endian whatever follows, and where it ends."""
    elements: dict[int, Element] = {}
    position = start
    while position + 8 <= len(data) and data[position : position + 2] == b"\x02\0":
        tag, vr, length, content = _header(data, position, "<", explicit=True)
        if length == UNDEFINED or content + length > len(data):
            break
        if tag in _WANTED:
            elements[tag] = Element(vr, data[content : content + length])
        position = content + length
        _spend(budget)
    return Tags("<", elements), position


def _inflated(data: bytes) -> bytes:
    """A deflated data set, without the 50 GB that 50 MB may become."""
    wrapped = len(data) > 1 and data[0] == 0x78 and int.from_bytes(data[:2], "big") % 31 == 0  # against the standard
    machine = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
    try:
        result = machine.decompress(data, MAX_INFLATED_BYTES)
    except zlib.error:
        raise RadiographError(
            "damaged", "the deflated DICOM file is damaged and cannot be decoded; copy or export it again"
        ) from None
    if machine.unconsumed_tail:
        raise RadiographError(
            "too_large", f"the deflated DICOM file has over {MAX_INFLATED_BYTES // 1_000_000} MB inside; save it as PNG"
        )
    return result


def _encoding(data: bytes, start: int, syntax: str) -> tuple[str, bool]:
    """Byte order, and whether elements name their VR: as the first element shows, which is right more often than the syntax."""
    if start + 8 > len(data):
        return "<", True
    little, big = (struct.unpack_from(f"{order}H", data, start)[0] for order in "<>")
    order = ">" if syntax == BIG_ENDIAN else "<"
    if (little in _GROUPS) != (big in _GROUPS):
        order = "<" if little in _GROUPS else ">"
    return order, data[start + 4 : start + 6] in _VRS


def _resuming(
    data: bytes, start: int, order: str, explicit: bool, budget: list[int], broken: set[str]
) -> Iterator[tuple[int, Element]]:
    """The wanted elements; where the walk gets lost it goes on at the next landmark, and at last at Pixel Data."""
    for _ in range(MAX_LANDMARKS):
        try:
            for tag, element in _walk(data, start, order, explicit, budget, broken):
                yield tag, element
                if tag == PIXEL_DATA:
                    return
            return
        except _LostError as lost:
            following = _landmark(data, lost.position, order, explicit)
            if following is None:
                return
            broken.add("an element before the image")
            start = following


def _landmark(data: bytes, after: int, order: str, explicit: bool) -> int | None:
    """Where the description of the image begins after a position, or the longest Pixel Data; None where neither follows."""
    first = [at for at in (data.find(each, after + 1) for each in _DESCRIPTIONS[order]) if at >= 0]
    if first:
        return min(first)
    mark = _PIXEL_MARKS[order]
    spans, position = {}, data.find(mark, after + 1)
    while 0 <= position <= len(data) - 12 and len(spans) < MAX_LANDMARKS:
        length, content = _header(data, position, order, explicit)[2:]
        spans[position] = len(data) - content if length == UNDEFINED else length
        position = data.find(mark, position + 1)
    fitting = {at: span for at, span in spans.items() if at + span <= len(data)}
    return max(fitting, key=fitting.get, default=None)


def _walk(
    data: bytes, position: int, order: str, explicit: bool, budget: list[int], broken: set[str]
) -> Iterator[tuple[int, Element]]:
    """The wanted elements of one data set. Raises _LostError at what is no element."""
    while position + 8 <= len(data):
        _spend(budget)
        tag, vr, length, content = _header(data, position, order, explicit)
        if tag == ITEM_END:
            return
        if tag >> 16 in (0, 0xFFFF) or (tag >> 16 == 0xFFFE and tag != SEQUENCE_END):
            raise _LostError(position)
        if tag == PIXEL_DATA:
            stop = len(data) if length == UNDEFINED else min(content + length, len(data))
            yield tag, Element(vr, data[content:stop], length == UNDEFINED)
            return
        stop = content + length
        if length == UNDEFINED:
            stop = _sequence_end(data, content, order, explicit, budget, 1)
        if stop > len(data):
            raise _LostError(position)
        if tag in _WANTED:
            if stop - content > MAX_VALUE_BYTES and tag not in FLOAT_PIXELS and tag != DIRECTORY:
                broken.add(keyword(tag))
            else:
                yield tag, Element(vr, data[content : min(stop, content + MAX_VALUE_BYTES)], length == UNDEFINED)
        position = stop


def _header(data: bytes, position: int, order: str, explicit: bool) -> tuple[int, bytes, int, int]:
    """Tag, VR, length and start of the value of the element at a position. An element without a VR may stand among others."""
    tag, vr = _tag(data, position, order), data[position + 4 : position + 6]
    if tag >> 16 == 0xFFFE or not explicit or vr not in _VRS:
        return tag, b"", struct.unpack_from(f"{order}L", data, position + 4)[0], position + 8
    if vr not in _LONG_VRS:
        return tag, vr, struct.unpack_from(f"{order}H", data, position + 6)[0], position + 8
    if position + 12 > len(data):
        raise _LostError(position)
    return tag, vr, struct.unpack_from(f"{order}L", data, position + 8)[0], position + 12


def _sequence_end(data: bytes, position: int, order: str, explicit: bool, budget: list[int], depth: int) -> int:
    """Where a sequence without a length ends, after its delimiter."""
    if depth > MAX_DEPTH:
        raise _LostError(position)
    while position + 8 <= len(data):
        _spend(budget)
        tag, _, length, content = _header(data, position, order, explicit)
        if tag == SEQUENCE_END:
            return content
        if tag != ITEM:
            raise _LostError(position)
        position = content + length if length != UNDEFINED else _item_end(data, content, order, explicit, budget, depth)
    raise _LostError(position)


def _item_end(data: bytes, position: int, order: str, explicit: bool, budget: list[int], depth: int) -> int:
    while position + 8 <= len(data):
        _spend(budget)
        tag, _, length, content = _header(data, position, order, explicit)
        if tag == ITEM_END:
            return content
        if length == UNDEFINED:
            position = _sequence_end(data, content, order, explicit, budget, depth + 1)
        else:
            position = content + length
    raise _LostError(position)


def _items(value: bytes, order: str) -> Iterator[bytes]:
    """The items of a sequence. One without a length runs on to the end: the walk in it stops at its delimiter."""
    position = 0
    while True:
        if position + 8 > len(value) or _tag(value, position, order) == SEQUENCE_END:
            return
        if _tag(value, position, order) != ITEM:
            raise _LostError(position)
        length = struct.unpack_from(f"{order}L", value, position + 4)[0]
        stop = len(value) if length == UNDEFINED else position + 8 + length
        yield value[position + 8 : stop]
        position = stop


def _tag(data: bytes, position: int, order: str) -> int:
    group, element = struct.unpack_from(f"{order}HH", data, position)
    return group << 16 | element


def _spend(budget: list[int]) -> None:
    """One element more. A list, so that all walks through one file share it."""
    budget[0] -= 1
    if budget[0] < 0:
        raise RadiographError("unsupported", "the DICOM file has far too many elements; save it as PNG")
