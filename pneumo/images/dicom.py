"""DICOM files: the pixels of one frame as a radiology viewer would show them, and nothing else.

A private helper of `radiograph`. `dicom_tags` finds what describes the image, this module decodes its pixels, `dicom_display` turns
them into grey levels. What is announced is checked before anything is decoded. docs/reading-files.md says what is read.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from pneumo.images import codestreams, containers, decoders, dicom_display, dicom_palette, dicom_tags, jpeg_2000
from pneumo.images.codestreams import Announced
from pneumo.images.dicom_tags import DIRECTORY, FLOAT_PIXELS, ITEM, PIXEL_DATA, SEQUENCE_END, UNDEFINED, Tags
from pneumo.images.refusals import (
    MAX_COLOUR_PIXELS,
    MAX_DEEP_PIXELS,
    MAX_PIXELS,
    RadiographError,
    check_size,
    damaged,
    truncated,
)

MAX_FRAGMENTS = 20_000  # of one compressed image; archives cut it into a few, if at all
SAMPLES, PHOTOMETRIC, PLANAR, FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
ROWS, COLUMNS, ALLOCATED, STORED, HIGH_BIT, SIGNED = (
    0x00280010,
    0x00280011,
    0x00280100,
    0x00280101,
    0x00280102,
    0x00280103,
)
BURNED_IN, CLASS, MEDIA_CLASS = 0x00280301, 0x00080016, 0x00020002
_GREYS = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PALETTE = "PALETTE COLOR"
_OTHERS = (
    "HSV",
    "ARGB",
    "CMYK",
    "YBR_PARTIAL_422",
    "YBR_PARTIAL_420",
    "XYB",
)  # named in a refusal; other texts might be anything
_NATIVE = (dicom_tags.IMPLICIT, dicom_tags.EXPLICIT, dicom_tags.BIG_ENDIAN, dicom_tags.DEFLATED)
_RUN_LENGTHS, _DEFLATED_FRAME = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
_DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
_JP2_START = b"\0\0\0\x0cjP  "
_ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"  # the JPEG segment for "these are RGB, not YCbCr"


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    grey: (H, W) uint8, 255 is white, or None for a colour image.
    colour: an RGB Pillow image for a colour image, else None.
    codes: of the warnings it gives reason for, keys of `radiograph.WARNINGS`.
    broken: what was left out because it could not be used: keywords of tags, or "an element before the image".
    """

    grey: np.ndarray | None
    colour: Image.Image | None
    codes: frozenset[str] = frozenset()
    broken: tuple[str, ...] = ()


@dataclass
class _Image:
    """What the tags announce. allocated, stored, high_bit: bits, 0 where the file does not say; syntax: "" likewise."""

    tags: Tags
    syntax: str
    columns: int
    rows: int
    samples: int
    photometric: str
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    planar: bool
    codes: set[str] = field(default_factory=set)

    @property
    def values(self) -> int:
        return self.rows * self.columns * self.samples


def looks_like_dicom(data: bytes) -> bool:
    """With the DICM mark, or without it but beginning like a data set."""
    return dicom_tags.looks_like_dicom(data)


def decode(data: bytes) -> Frame:
    """The one frame of a DICOM file.

    Raises RadiographError, or what numpy and Pillow raise on damage; the caller translates that without its text.
    """
    syntax, tags = dicom_tags.read(data)
    _check_object(tags)
    image = _announced(syntax, tags)
    pixels, bits = _pixels(image)
    if tags.text(BURNED_IN) != "NO":
        image.codes.add("burned_in")
    if pixels.ndim == 2:
        if image.photometric == _PALETTE:
            colour = Image.fromarray(dicom_palette.applied(pixels, tags))
        else:
            return _grey(image, pixels, bits)
    else:
        colour = _colour(image, pixels, bits)
    return Frame(None, colour, frozenset(image.codes), _broken(tags))


def _grey(image: _Image, pixels: np.ndarray, bits: int | None) -> Frame:
    if bits is None:
        stored, high = image.stored or 8 * pixels.dtype.itemsize, image.high_bit
        pixels = dicom_display.unpacked(pixels, stored, high, image.signed)
        bits = image.stored
    elif image.signed and pixels.dtype.kind == "u":
        pixels = dicom_display.unpacked(pixels, image.stored or bits, 0, True)
    eight_bits = pixels.dtype == np.uint8 and bits in (0, 8)
    negative = image.photometric == "MONOCHROME1"
    shown = dicom_display.show(pixels, image.tags, negative=negative, eight_bits=eight_bits)
    return Frame(shown.grey, None, frozenset(image.codes | shown.codes), _broken(image.tags))


def _broken(tags: Tags) -> tuple[str, ...]:
    return tuple(sorted(tags.broken))


# --- what is announced ------------------------------------------------------------------------------------


def _check_object(tags: Tags) -> None:
    """Whether this is an image at all; what else it is, is said by the name of its class, which tells nothing of a person."""
    kind = tags.text(MEDIA_CLASS) or tags.text(CLASS)
    if DIRECTORY in tags.elements or kind == _DIRECTORY_CLASS:
        raise RadiographError(
            "not_an_image", "the file is a DICOMDIR, the index of a CD or folder; choose one of the image files near it"
        )
    if PIXEL_DATA in tags.elements:
        return
    if any(tag in tags.elements for tag in FLOAT_PIXELS):
        raise _unsupported("holds floating point numbers (Float Pixel Data), not a radiograph; export it as PNG")
    name = name_of(kind)
    if name and ROWS not in tags and "Image" not in name:
        raise RadiographError("not_an_image", f"the DICOM file holds no image; it is of the class {name}")
    raise RadiographError("not_an_image", "the DICOM file has no Pixel Data; it holds no image, or was cut short")


def name_of(uid: str) -> str:
    """What the standard calls a class or a transfer syntax; empty for what it does not know."""
    from pydicom.uid import UID_dictionary

    return UID_dictionary[uid][0] if uid in UID_dictionary else ""


def _announced(syntax: str, tags: Tags) -> _Image:
    """One image of a size that can be read. What may be missing has the standard's default, or follows from the rest."""
    rows, columns = tags.whole(ROWS), tags.whole(COLUMNS)
    if rows is None or columns is None:
        raise RadiographError("damaged", "the DICOM file does not say its Rows and Columns; export it again")
    check_size(columns, rows)
    if (tags.whole(FRAMES) or 1) > 1:
        raise _multiframe()
    photometric = tags.text(PHOTOMETRIC)
    samples = tags.whole(SAMPLES) or (3 if photometric in _COLOURS else 1)
    codes = set()
    if not photometric:
        photometric = "RGB" if samples == 3 else "MONOCHROME2"
        codes |= {"photometric"} if samples == 1 else set()
    if photometric not in ((*_GREYS, _PALETTE) if samples == 1 else _COLOURS if samples == 3 else ()):
        named = f"{photometric}" if photometric in (*_OTHERS, *_GREYS, *_COLOURS, _PALETTE) else "of another kind"
        raise _unsupported(
            f"has a Photometric Interpretation {named} with {samples} samples a pixel; expected MONOCHROME1, MONOCHROME2, "
            "PALETTE COLOR, RGB or YBR_FULL. Export it as PNG"
        )
    allocated, stored, high = (tags.whole(tag) or 0 for tag in (ALLOCATED, STORED, HIGH_BIT))
    if photometric not in _GREYS:
        check_size(columns, rows, MAX_COLOUR_PIXELS if samples == 1 or allocated <= 8 else MAX_DEEP_PIXELS)
    if not stored and HIGH_BIT in tags:
        stored = high + 1
    signed, planar = tags.whole(SIGNED) == 1, tags.whole(PLANAR) == 1
    return _Image(
        tags, syntax, columns, rows, samples, photometric, allocated, stored, high or stored - 1, signed, planar, codes
    )


def _unsupported(text: str) -> RadiographError:
    return RadiographError("unsupported", f"the DICOM file {text}")


def _multiframe() -> RadiographError:
    return RadiographError("multiframe", "expected one frame, got a DICOM file with several; export one as PNG")


# --- pixels -----------------------------------------------------------------------------------------------


def _pixels(image: _Image) -> tuple[np.ndarray, int | None]:
    """(H, W), or (H, W, 3), as stored; and the bits of a sample as a compressed stream says, None where nothing but the tags does."""
    element = image.tags.elements[PIXEL_DATA]
    stored = element.value
    wrapped = element.undefined or (image.syntax not in _NATIVE and _begins_item(stored))
    if not wrapped and (image.syntax in _NATIVE or not image.syntax or len(stored) >= image.values):
        return _native(image, stored, element.vr), None
    frame = _one_frame(stored) if wrapped else stored
    if frame.startswith(codestreams.JPEG_START):
        return _jpeg(image, frame)
    if frame.startswith((codestreams.JPEG_2000_START, _JP2_START)):
        return _jpeg_2000(image, codestreams.codestream_of(frame))
    if image.syntax == _RUN_LENGTHS:
        return _run_lengths(image, frame), None
    if image.syntax == _DEFLATED_FRAME:
        expected = -(-image.values * (image.allocated or 16) // 8)
        return _native(image, zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame, expected + 1), b"OB"), None
    raise _unsupported(
        f"is compressed as {name_of(image.syntax) or 'an unknown encoding'}, which is not read here; "
        "decompress it, for example with `gdcmconv --raw`, or export it as PNG"
    )


def _begins_item(stored: bytes) -> bool:
    return len(stored) >= 8 and struct.unpack_from("<HH", stored) == (ITEM >> 16, ITEM & 0xFFFF)


def _native(image: _Image, stored: bytes, vr: bytes) -> np.ndarray:
    """Uncompressed pixels. What follows the frame is padding."""
    halved = image.photometric == "YBR_FULL_422"
    numbers = image.values * 2 // 3 if halved else image.values
    allocated = image.allocated or 8 * (len(stored) // numbers)
    if allocated not in ((1, 8, 16) if image.samples == 1 else (8, 16)):
        raise _unsupported(f"has {allocated} bits a sample (Bits Allocated); expected 8 or 16. Export it as PNG")
    expected = -(-numbers * allocated // 8)
    if len(stored) < expected:
        raise truncated("DICOM")
    shape = (image.rows, image.columns)
    if allocated == 1:
        bits = np.unpackbits(np.frombuffer(stored, np.uint8, expected), bitorder="little")
        return bits[: image.values].reshape(shape)
    order = image.tags.order
    if order == ">" and allocated == 8 and vr == b"OW":  # bytes were written as halves of words
        stored = np.frombuffer(stored[: expected + expected % 2], ">u2").astype("<u2").tobytes()
    flat = np.frombuffer(stored, f"{order}u{allocated // 8}", expected // (allocated // 8))
    flat = flat.astype(flat.dtype.newbyteorder("="), copy=False)
    if image.samples == 1:
        return flat.reshape(shape)
    if halved:
        return _from_halved(flat, shape)
    return np.moveaxis(flat.reshape(3, *shape), 0, 2) if image.planar else flat.reshape(*shape, 3)


def _from_halved(flat: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) from Y Y Cb Cr for every two pixels of a row (PS3.3 C.7.6.3.1.2)."""
    pairs = flat.reshape(shape[0], -1, 4)
    result = np.empty((*shape, 3), flat.dtype)
    result[:, 0::2, 0], result[:, 1::2, 0] = pairs[:, :, 0], pairs[:, :, 1]
    result[..., 1:] = np.repeat(pairs[:, :, 2:], 2, axis=1)
    return result


def _one_frame(stored: bytes) -> bytes:
    """The fragments of the one frame. A missing delimiter at the end is no damage; a second frame is refused."""
    parts, position, ended = [], 0, False
    while position + 8 <= len(stored) and not ended:
        group, element, length = struct.unpack_from("<HHL", stored, position)
        tag = group << 16 | element
        if tag != ITEM:
            if tag == SEQUENCE_END or not any(stored[position : position + 8]) or parts[1:]:
                break
            raise damaged("DICOM")
        if length == UNDEFINED or position + 8 + length > len(stored):
            raise truncated("DICOM")
        parts.append(stored[position + 8 : position + 8 + length])
        position += 8 + length
        if len(parts) > MAX_FRAGMENTS:
            raise _unsupported(f"is cut into over {MAX_FRAGMENTS} fragments; decompress it or save it as PNG")
    offsets = parts[0] if parts else b""
    starts = (codestreams.JPEG_START, codestreams.JPEG_2000_START, _JP2_START)
    if len(parts) > 1 and not offsets.startswith(
        starts
    ):  # the table of offsets, one for each frame; some writers leave it out
        parts = parts[1:]
        if len(offsets) >= 8 and offsets[4:8] != offsets[:4]:
            raise _multiframe()
    parts = [part for part in parts if part]
    if not parts:
        raise truncated("DICOM")
    if len(parts) > 1 and (not parts[0].startswith(starts) or any(part.startswith(parts[0][:4]) for part in parts[1:])):
        raise _multiframe()  # run lengths are one fragment a frame, and every other stream begins with its own mark
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _check_stream(image: _Image, stream: Announced, limit: int = MAX_PIXELS) -> None:
    """What is compressed may be no larger inside than announced outside."""
    check_size(stream.width, stream.height, limit)
    if (stream.width, stream.height) != (image.columns, image.rows):
        raise RadiographError(
            "damaged",
            f"the DICOM file announces {image.columns} x {image.rows} pixels, the compressed image in it "
            f"{stream.width} x {stream.height}; export it again",
        )
    if stream.components not in (1, 3):
        raise _unsupported(f"has {stream.components} components inside; expected 1 or 3. Export it as PNG")
    if stream.components == 3:
        check_size(stream.width, stream.height, MAX_COLOUR_PIXELS if stream.bits <= 8 else MAX_DEEP_PIXELS)
        if image.photometric not in _COLOURS:
            image.photometric = "RGB"  # the stream decides, as it does of the encoding


def _jpeg(image: _Image, frame: bytes) -> tuple[np.ndarray, int]:
    """Baseline and progressive JPEG by Pillow, without EXIF and with few scans; all others in the helper process."""
    stream = codestreams.jpeg(frame)
    _check_stream(image, stream)
    if stream.jpeg_ls:
        pixels = decoders.decode("jpeg_ls", frame)
    elif stream.lossless or stream.bits != 8:
        pixels = decoders.decode("jpeg", frame)
    else:
        if image.photometric == "RGB" and b"JFIF" not in frame[:16] and stream.components == 3:
            frame = frame[:2] + _ADOBE_RGB + frame[2:]
        pixels = np.asarray(containers.decode(frame, "JPEG", upright=False).image)
        image.photometric = "RGB" if stream.components == 3 else image.photometric
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.shape[:2] != (image.rows, image.columns):
        raise damaged("DICOM")
    return pixels, stream.bits


def _jpeg_2000(image: _Image, frame: bytes) -> tuple[np.ndarray, int]:
    stream = codestreams.jpeg_2000(frame)
    _check_stream(image, stream, jpeg_2000.MAX_PIXELS)
    pixels, halvings = jpeg_2000.decoded(frame, stream)
    if halvings:
        image.codes.add("halved")
    if image.photometric in ("YBR_ICT", "YBR_RCT"):
        image.photometric = "RGB"  # the decoder has undone it
    return pixels, stream.bits


def _run_lengths(image: _Image, frame: bytes) -> np.ndarray:
    """One segment for each byte of a sample, so their number says how many bits there are, whatever the tags do."""
    segments = struct.unpack_from("<L", frame)[0] if len(frame) >= 64 else 0
    width = segments // image.samples
    if image.allocated not in (0, 8, 16) or width > 2:
        raise _unsupported(
            f"has {image.allocated or 8 * width} bits a sample (Bits Allocated); expected 8 or 16. Export it as PNG"
        )
    if segments not in (image.samples, 2 * image.samples) or image.allocated not in (0, 8 * width):
        raise damaged("DICOM")
    flat = decoders.decode("run_lengths", frame, dtype=f"<u{width}")
    if flat.size < image.values:
        raise truncated("DICOM")
    flat = flat[: image.values]
    if image.samples == 1:
        return flat.reshape(image.rows, image.columns)
    return np.moveaxis(flat.reshape(3, image.rows, image.columns), 0, 2)  # a segment, and so a plane, for each sample


def _colour(image: _Image, pixels: np.ndarray, bits: int | None) -> Image.Image:
    """An RGB image. pixels: (H, W, 3) uint8 or uint16."""
    if pixels.dtype.itemsize > 1:
        used = max(min(bits or image.stored or 16, 16), int(pixels.max()).bit_length())
        pixels = (pixels >> max(used - 8, 0)).astype(np.uint8)
    pixels = np.ascontiguousarray(pixels.view(np.uint8))
    if image.photometric == "RGB":
        return Image.fromarray(pixels)
    size = (pixels.shape[1], pixels.shape[0])
    return Image.frombuffer("YCbCr", size, pixels, "raw", "YCbCr", 0, 1).convert("RGB")
