"""DICOM files through pydicom: the pixels of one frame as a reader would see them, and nothing else.

A private helper of `radiograph`. Only the tags that describe pixels are read: pydicom steps over the others unconverted, so
no name can reach a message, a log or memory that outlives the call.
"""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import dataclass

import numpy as np
import pydicom
from PIL import Image
from pydicom import encaps, uid
from pydicom.dataset import FileDataset
from pydicom.filereader import read_partial
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.tag import Tag

from pneumo.containers import RadiographError, check_size, damaged, truncated

# What pydicom finds odd it says with the value, in a log and in a warning: names of patients on a server. Its own channel is
# closed for the whole process, because warnings cannot be silenced for one thread; other libraries' warnings are left alone.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")

TAGS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "BurnedInAnnotation",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "VOILUTSequence",
    "RescaleIntercept",
    "RescaleSlope",
    "ModalityLUTSequence",
    "FloatPixelData",
    "DoubleFloatPixelData",
    "PixelData",
)
MAX_READS = 60_000  # radiographs need hundreds; this many take a quarter of a second
MAX_ITEMS = 20_000  # sequence items and fragments, which pydicom walks one by one in Python
MAX_RLE_BYTES = 6_000_000  # run-length data is expanded in Python, in the worst case two bytes a step: under 2 s
MAX_J2K_PIXELS = 16_000_000  # JPEG 2000 decodes ten times slower than JPEG
FAR = 1e12  # beyond any stored value: where a window has reached black or white
_PICTURES = {
    uid.JPEGBaseline8Bit: "JPEG",
    uid.JPEGExtended12Bit: "JPEG",
    uid.JPEG2000Lossless: "JPEG2000",
    uid.JPEG2000: "JPEG2000",
}
_NATIVE = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    grey: (H, W) uint8, 255 is white, or None for a colour picture.
    colour: an RGB Pillow image for a colour picture, else None.
    dark: the values filled a small part of their range and were stretched.
    burned_in: the file does not say that it is free of burned-in text.
    """

    grey: np.ndarray | None
    colour: Image.Image | None
    dark: bool
    burned_in: bool


def looks_like_dicom(data: bytes) -> bool:
    """With the DICM mark, or without a preamble but starting like a data set of group 2 or 8."""
    if data[128:132] == b"DICM":
        return True
    if data[:4] == b"\x02\x00\x00\x00" and data[4:8] == b"UL\x04\x00":
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
    _check_encoding(dataset)
    burned_in = str(dataset.get("BurnedInAnnotation", "")).upper() != "NO"
    pixels = pixel_array(dataset)  # (H, W), or (H, W, 3) RGB: pydicom has converted YBR
    if pixels.ndim == 3:
        return Frame(None, Image.fromarray(np.ascontiguousarray(pixels)), False, burned_in)
    grey, dark = _shown(_stored_bits(pixels, dataset), dataset)
    grey = 255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey
    return Frame(grey, None, dark, burned_in)


class _BoundedReader(io.BytesIO):
    """Bytes that can be read from so many times: every element pydicom steps over costs it two or three calls."""

    calls = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.calls += 1
        if self.calls > MAX_READS:
            raise RadiographError("unsupported", "the DICOM file is cut into too many elements; save it as PNG")
        return super().read(size)


def _read(data: bytes) -> FileDataset:
    """The tags above. Bounded before and while pydicom walks the elements."""
    # Deflated files are inflated by the reader without a limit: 50 MB could become 50 GB.
    if uid.DeflatedExplicitVRLittleEndian.encode() in data:
        raise _unreadable(uid.DeflatedExplicitVRLittleEndian.name)
    if max(data.count(b"\xfe\xff\x00\xe0"), data.count(b"\xff\xfe\xe0\x00")) > MAX_ITEMS:
        raise RadiographError("unsupported", f"the DICOM file has over {MAX_ITEMS} items; save it as PNG")
    dataset = read_partial(_BoundedReader(data), force=True, specific_tags=[Tag(name) for name in TAGS])
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else explicit
    return dataset


def _check_frame(dataset: FileDataset) -> None:
    """What is announced must be one grey or RGB picture of a size that can be read."""
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise RadiographError("unsupported", "the DICOM file has floating-point pixels; expected 8 or 16 bit integers")
    if "Rows" not in dataset or "Columns" not in dataset:
        raise RadiographError("not_an_image", "the DICOM file holds no picture; expected an image object, not a report")
    check_size(dataset.Columns, dataset.Rows)
    if "PixelData" not in dataset:
        raise RadiographError("not_an_image", "the DICOM file has no Pixel Data; it is a report, or was cut short")
    if int(dataset.get("NumberOfFrames", 1) or 1) > 1:
        raise RadiographError("multiframe", "expected one frame, got a DICOM file with several; export one as PNG")
    if dataset.BitsAllocated not in (1, 8, 16):
        raise RadiographError("unsupported", "the DICOM file has an unusual Bits Allocated; expected 1, 8 or 16")
    if not str(dataset.PhotometricInterpretation).startswith(("MONOCHROME", "RGB", "YBR")):
        raise RadiographError(
            "unsupported", "the DICOM file has unusual colours; expected greys, RGB or YBR. Export it as PNG"
        )
    if dataset.get("SamplesPerPixel", 1) == 3 and dataset.BitsAllocated != 8:
        raise RadiographError("unsupported", "the DICOM file has colours of over 8 bits; export it as PNG")


def _check_encoding(dataset: FileDataset) -> None:
    """Compressed pixels must be of a kind that is read, and no larger inside than announced outside."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in _NATIVE:
        expected = dataset.Rows * dataset.Columns * dataset.get("SamplesPerPixel", 1) * dataset.BitsAllocated // 8
        if len(dataset.PixelData) < expected:
            raise truncated("DICOM")
        dataset.PixelData = dataset.PixelData[: expected + expected % 2]  # what follows is padding
        return
    if syntax == uid.RLELossless:
        if len(dataset.PixelData) > MAX_RLE_BYTES:
            raise RadiographError(
                "unsupported", "the DICOM file has much run-length data; decompress it, or save it as PNG"
            )
        return
    if syntax not in _PICTURES:
        raise _unreadable(syntax.name if syntax in uid.UID_dictionary else "an unknown encoding")
    with Image.open(
        io.BytesIO(encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)), formats=[_PICTURES[syntax]]
    ) as frame:
        check_size(*frame.size)
        if frame.size != (dataset.Columns, dataset.Rows):
            raise damaged("DICOM")
    if _PICTURES[syntax] == "JPEG2000":
        check_size(dataset.Columns, dataset.Rows, MAX_J2K_PIXELS)


def _unreadable(encoding: str) -> RadiographError:
    return RadiographError(
        "unsupported",
        f"the DICOM file is compressed as {encoding}, which is not read here; expected uncompressed, RLE, JPEG "
        "baseline or JPEG 2000. Decompress it, for example with `gdcmconv --raw` or `dcmdjpeg`, or export it as PNG",
    )


def _stored_bits(pixels: np.ndarray, dataset: FileDataset) -> np.ndarray:
    """Without what old files keep in the unused high bits; the sign is carried up where there is one."""
    spare = 8 * pixels.dtype.itemsize - dataset.get("BitsStored", dataset.BitsAllocated)
    return (pixels << spare) >> spare if dataset.BitsAllocated > 1 and 0 < spare < 16 else pixels


def _shown(stored: np.ndarray, dataset: FileDataset) -> tuple[np.ndarray, bool]:
    """Stored values as (H, W) uint8, and whether they had to be stretched.

    Modality LUT or rescale, then VOI LUT or window (DICOM part 3, C.11.1 and C.11.2), worked out once for each possible
    value. Without any of them 8-bit values stay as they are; others go from their lowest to 0 and their highest to 255.
    """
    low, high = int(stored.min()), int(stored.max())
    levels = np.arange(low, high + 1, dtype=np.int32)  # at most 65,536
    modal = apply_modality_lut(levels, dataset)
    dark = False
    with np.errstate(all="ignore"):  # of this thread; what is not finite is refused below
        if "VOILUTSequence" in dataset or "WindowWidth" in dataset:
            shown = apply_voi_lut(modal, dataset).astype(np.float64)
            black, white = _ends(dataset)
            dark = "VOILUTSequence" in dataset and shown.max() < white / 8
            share = _stretched(shown) if dark else (shown - black) / (white - black)
        elif stored.dtype == np.uint8 and dataset.get("BitsStored", 8) == 8 and np.array_equal(modal, levels):
            share = levels / 255
        else:
            share = _stretched(modal.astype(np.float64))
    if not np.isfinite(share).all():
        raise RadiographError("damaged", "the DICOM tags for rescaling or window are out of all range; export again")
    table = np.round(np.clip(share, 0, 1) * 255).astype(np.uint8)
    return table[stored.astype(np.int32) - low], dark


def _ends(dataset: FileDataset) -> tuple[float, float]:
    """The values that VOI LUT or window show as black and as white."""
    if "VOILUTSequence" in dataset:
        return 0.0, 2.0 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
    black, white = apply_voi_lut(np.array([-FAR, FAR]), dataset)
    return float(black), float(white)


def _stretched(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
