"""DICOM files through pydicom: the pixels of one frame as a reader would see them, and nothing else.

A private helper of `radiograph`. Only the tags that describe pixels are read: pydicom steps over the others
unconverted, so no name can reach a message, a log or memory that outlives the call.
"""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import dataclass

import numpy as np
import pydicom
from PIL import Image, Jpeg2KImagePlugin
from pydicom import encaps, uid
from pydicom.dataset import FileDataset
from pydicom.filereader import read_partial
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.pixels.utils import get_expected_length
from pydicom.tag import Tag

from pneumo.images import containers
from pneumo.images.containers import RadiographError, check_size, damaged, truncated

# What pydicom finds odd it says with the value, in a log and in a warning: names of patients on a server. Its own
# channel is closed for the whole process, as warnings cannot be silenced for one thread; other libraries keep theirs.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")

MAX_READS = 30_000  # two or three per element; radiographs have hundreds of elements
MAX_VALUE_BYTES = 1_000_000  # of any tag but the pixels; the longest, a look-up table of 16 bits, has 131,072
MAX_VALUES = 10_000  # of one tag
MAX_FRAGMENTS = 20_000  # of compressed pixels, which pydicom walks one by one in Python
MAX_SLOW_PIXELS = 16_000_000  # JPEG 2000 decodes ten times slower than JPEG, run lengths in Python
_TAGS = [
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "BurnedInAnnotation", "WindowCenter",
    "WindowWidth", "VOILUTFunction", "VOILUTSequence", "RescaleIntercept", "RescaleSlope", "ModalityLUTSequence",
    "PixelData",
]  # fmt: skip
_PIXEL_DATA = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")  # the tag in either byte order
_CHARACTER_SET = (b"\x08\x00\x05\x00", b"\x00\x08\x00\x05")
_COLOURS = {1: ("MONOCHROME1", "MONOCHROME2"), 3: ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")}
_NATIVE = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)
_JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
_J2K = (uid.JPEG2000Lossless, uid.JPEG2000)
# Run-length data is expanded in Python, in the worst case to 64 times as much; JPEG 2000 takes a second for 10 MB.
_MAX_BYTES = {uid.RLELossless: 3_000_000} | dict.fromkeys(_J2K, 14_000_000)
_ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"  # the JPEG segment for "these are RGB, not YCbCr"


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    grey: (H, W) uint8, 255 is white, or None for a colour image.
    colour: an RGB Pillow image for a colour image, else None.
    dark: the values filled a small part of their range and were stretched.
    burned_in: the file does not say that it is free of burned-in text.
    """

    grey: np.ndarray | None
    colour: Image.Image | None
    dark: bool
    burned_in: bool


def looks_like_dicom(data: bytes) -> bool:
    """With the DICM mark, or without a preamble but starting like a data set of group 2 or 8."""
    if data[128:132] == b"DICM" or data[:8] == b"\x02\x00\x00\x00UL\x04\x00":
        return True
    if data[:2] != b"\x08\x00" or len(data) < 16 or data[3] != 0:
        return False
    explicit = data[4:6] in (b"UL", b"CS", b"UI", b"SH", b"DA", b"TM", b"LO")
    return explicit or 0 < int.from_bytes(data[4:8], "little") <= 1024  # the length of a short first element


def decode(data: bytes) -> Frame:
    """The one frame of a DICOM file.

    Raises RadiographError, or what pydicom and Pillow raise on damage; the caller translates that without its text.
    """
    dataset = _read(data)
    _check_frame(dataset)
    pixels = _pixels(dataset)
    burned_in = str(dataset.get("BurnedInAnnotation", "")).upper() != "NO"
    if pixels.ndim == 3:
        return Frame(None, Image.fromarray(np.ascontiguousarray(pixels)), False, burned_in)
    grey, dark = _shown(pixels, dataset)
    return Frame(255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey, None, dark, burned_in)


class _Bounded(io.BytesIO):
    """The file as pydicom reads it: at every depth, few reads, and values of sane length."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise _unsupported("has far too many elements; save it as PNG")
        before = self.getvalue()[max(0, self.tell() - 12) : self.tell()].rjust(12, b"\0")
        tag = before[:4] if before[4:6].isalpha() else before[4:8]  # of a header of 12 bytes or of 8
        value = super().read(size)
        if len(value) <= 8 or tag in _PIXEL_DATA:  # up to 8 bytes may be the next header
            return value
        # No text is wanted, and pydicom comments on character sets at length. Other oversized values are not wanted.
        ood = tag in _CHARACTER_SET or len(value) > MAX_VALUE_BYTES or value.count(b"\\") > MAX_VALUES
        return b"" if ood else value


def _read(data: bytes) -> FileDataset:
    """The tags above; those without a value count as absent."""
    # pydicom inflates deflated files without a limit, before anything can be checked: 50 MB could become 50 GB.
    if uid.DeflatedExplicitVRLittleEndian.encode() in data:
        raise _compressed(uid.DeflatedExplicitVRLittleEndian.name)
    dataset = read_partial(_Bounded(data), force=True, specific_tags=[Tag(name) for name in _TAGS])
    for name in _TAGS:
        if name in dataset and dataset[name].is_empty:
            del dataset[name]
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else explicit
    return dataset


def _check_frame(dataset: FileDataset) -> None:
    """What is announced must be one grey or RGB image of a size that can be read."""
    if not {"Rows", "Columns", "PixelData"} <= set(dataset.dir()):
        raise RadiographError("not_an_image", "the DICOM file has no Pixel Data; it is a report, or was cut short")
    check_size(dataset.Columns, dataset.Rows)
    if dataset.get("NumberOfFrames", 1) > 1:
        raise RadiographError("multiframe", "expected one frame, got a DICOM file with several; export one as PNG")
    samples = dataset.setdefault("SamplesPerPixel", 1).value
    if dataset.BitsAllocated not in ((1, 8, 16) if samples == 1 else (8,)):
        raise _unsupported("has unusual Bits Allocated; expected 8 or 16, and 8 in colour")
    if dataset.PhotometricInterpretation not in _COLOURS.get(samples, ()):
        raise _unsupported("has unusual colours; expected greys, RGB or YBR. Export it as PNG")


def _pixels(dataset: FileDataset) -> np.ndarray:
    """Stored values (H, W), or (H, W, 3) uint8 RGB. What is compressed may be no larger inside than announced."""
    syntax, size, stored = dataset.file_meta.TransferSyntaxUID, (dataset.Columns, dataset.Rows), dataset.PixelData
    if syntax in _NATIVE:
        expected = get_expected_length(dataset)
        if len(stored) < expected:
            raise truncated("DICOM")
        dataset.PixelData = stored[: expected + expected % 2]  # what follows is padding
        return pixel_array(dataset)
    if syntax not in (*_JPEG, *_J2K, uid.RLELossless):
        raise _compressed(syntax.name if syntax in uid.UID_dictionary else "an unknown encoding")
    if len(stored) > _MAX_BYTES.get(syntax, len(stored)) or stored.count(b"\xfe\xff\x00\xe0") > MAX_FRAGMENTS:
        raise _unsupported("has too much compressed data to be read quickly; decompress it or save it as PNG")
    frame = encaps.get_frame(stored, 0, number_of_frames=1)
    if syntax in _JPEG:
        return _jpeg(frame, dataset)
    check_size(*size, MAX_SLOW_PIXELS)
    if syntax in _J2K and Jpeg2KImagePlugin.Jpeg2KImageFile(_Bounded(frame)).size != size:
        raise damaged("DICOM")
    return pixel_array(dataset)


def _jpeg(frame: bytes, dataset: FileDataset) -> np.ndarray:
    """By Pillow, as in pydicom, but without EXIF and index blocks to warn of, and with few scans."""
    if dataset.BitsAllocated != 8:
        raise _compressed("JPEG of 12 bits")
    if dataset.PhotometricInterpretation == "RGB" and b"JFIF" not in frame[:16]:
        frame = frame[:2] + _ADOBE_RGB + frame[2:]
    image = containers.decode(frame, "JPEG", upright=False)
    if image.size != (dataset.Columns, dataset.Rows) or image.mode != ("L" if dataset.SamplesPerPixel == 1 else "RGB"):
        raise damaged("DICOM")
    return np.asarray(image)


def _unsupported(text: str) -> RadiographError:
    return RadiographError("unsupported", f"the DICOM file {text}")


def _compressed(encoding: str) -> RadiographError:
    return _unsupported(
        f"is compressed as {encoding}, which is not read here; expected uncompressed, RLE, JPEG baseline or JPEG "
        "2000. Decompress it, for example with `gdcmconv --raw` or `dcmdjpeg`, or export it as PNG"
    )


def _shown(stored: np.ndarray, dataset: FileDataset) -> tuple[np.ndarray, bool]:
    """Stored values as (H, W) uint8, and whether they had to be stretched.

    Modality LUT or rescale, then VOI LUT or window (DICOM part 3, C.11.1 and C.11.2), worked out once for each
    possible value. Without any of them 8-bit values stay as they are; others go from lowest to highest.
    """
    low, high = int(stored.min()), int(stored.max())
    levels = np.arange(low, high + 1, dtype=np.int32)  # at most 65,536
    modal, dark = apply_modality_lut(levels, dataset), False
    with np.errstate(all="ignore"):  # of this thread; what is not finite is refused below
        if "VOILUTSequence" in dataset:
            shown, white = apply_voi_lut(modal, dataset), 2.0 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
            dark = bool(shown.max() < white / 8)
            share = _stretched(shown) if dark else shown / white
        elif "WindowCenter" in dataset and "WindowWidth" in dataset:
            black, white = apply_voi_lut(np.array([-np.inf, np.inf]), dataset)
            share = (apply_voi_lut(modal, dataset) - black) / (white - black)
        elif stored.dtype == np.uint8 and dataset.get("BitsStored", 8) == 8 and np.array_equal(modal, levels):
            share = levels / 255
        else:
            share = _stretched(modal)
    if not np.isfinite(share).all():
        raise RadiographError("damaged", "the DICOM tags for rescaling or window are out of all range; export again")
    table = np.round(np.clip(share, 0, 1) * 255).astype(np.uint8)
    return table[stored.astype(np.int32) - low], dark


def _stretched(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return (values.astype(np.float64) - low) / (high - low) if high > low else np.zeros(len(values))
