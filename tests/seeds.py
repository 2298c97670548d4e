"""Files that a fuzzer begins with: one of every kind that is read, and the shapes that have gone wrong before: thin, tiled,
many-framed, nested, with palettes and with tables."""

from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.hostile import dicom, encoded, good_files, picture, png_chunk, rle, tiff_of

TWELVE_BITS = 4095


def wide(height: int = 96, width: int = 80) -> np.ndarray:
    """(H, W) uint16 of 12 bits."""
    return (picture(height, width).astype(np.uint16) * 16 + 7).clip(0, TWELVE_BITS)


def codestreams() -> dict[str, tuple[str, bytes]]:
    """Transfer syntax and compressed stream of `wide()`, by a short name."""
    pixels = wide()
    return {
        "lossless": (JPEGLosslessSV1, imagecodecs.jpeg8_encode(pixels, lossless=True, bitspersample=12)),
        "twelve": (JPEGExtended12Bit, imagecodecs.jpeg8_encode(pixels, level=95, bitspersample=12)),
        "jpeg-ls": (JPEGLSLossless, imagecodecs.jpegls_encode(pixels)),
        "jpeg-2000": (JPEG2000Lossless, imagecodecs.jpeg2k_encode(pixels, reversible=True, codecformat="j2k")),
    }


def seeds() -> dict[str, bytes]:
    """By name; the ending says the kind."""
    return good_files() | _compressed_dicom() | _dicom_tags() | _images() | _shapes()


def compressed(name: str, **tags: object) -> bytes:
    """A DICOM file of `wide()` around one of `codestreams()`."""
    syntax, stream = codestreams()[name]
    return dicom(wide(), syntax, encapsulate([stream]), BitsStored=12, HighBit=11, **tags)


def _compressed_dicom() -> dict[str, bytes]:
    stream = codestreams()["jpeg-2000"][1]
    jpeg = encoded(picture(), "JPEG")
    return {
        **{f"{name}.dcm": compressed(name) for name in codestreams()},
        "rle16.dcm": rle(wide()),
        "frames-said-1.dcm": dicom(wide(), JPEG2000Lossless, encapsulate([stream] * 6)),
        "frames-said-6.dcm": dicom(wide(), JPEG2000Lossless, encapsulate([stream] * 6), NumberOfFrames=6),
        "fragments.dcm": dicom(picture(), JPEGBaseline8Bit, encapsulate([jpeg], fragments_per_frame=5)),
        "rle-frames.dcm": dicom(picture(), RLELossless, encapsulate([bytes(64)] * 4)),
        "deflated.dcm": dicom(picture(), DeflatedExplicitVRLittleEndian),
    }


def _dicom_tags() -> dict[str, bytes]:
    import pydicom

    grey, ramp = picture(), np.arange(256, dtype=np.uint16)
    table = pydicom.Dataset()
    table.LUTDescriptor, table.LUTData = [256, 0, 16], (ramp << 8).tobytes()
    palette = {f"{name}PaletteColorLookupTableDescriptor": [256, 0, 16] for name in ("Red", "Green", "Blue")}
    palette |= {f"{name}PaletteColorLookupTableData": ramp.tobytes() for name in ("Red", "Green", "Blue")}
    segments = struct.pack("<8H", 0, 1, 0, 1, 255, 65535, 0, 0)
    segmented = {key: value for key, value in palette.items() if key.endswith("Descriptor")}
    segmented |= {f"Segmented{name}PaletteColorLookupTableData": segments for name in ("Red", "Green", "Blue")}
    nested = pydicom.Dataset()
    for _ in range(12):
        outer = pydicom.Dataset()
        outer.ReferencedImageSequence = [nested]
        nested = outer
    icon = pydicom.Dataset()
    icon.Rows = icon.Columns = 8
    icon.PixelData = bytes(64)
    icon["PixelData"].VR = "OB"
    return {
        "windows.dcm": dicom(wide(), WindowCenter=[2048, 500], WindowWidth=[4096, 100], PixelPaddingValue=7),
        "table.dcm": dicom(grey, VOILUTSequence=[table]),
        "modality.dcm": dicom(grey, ModalityLUTSequence=[table]),
        "rescaled.dcm": dicom(wide(), RescaleSlope="0.5", RescaleIntercept="-100", PresentationLUTShape="INVERSE"),
        "palette.dcm": dicom(grey, PhotometricInterpretation="PALETTE COLOR", **palette),
        "segmented.dcm": dicom(grey, PhotometricInterpretation="PALETTE COLOR", **segmented),
        "high-bit.dcm": dicom(wide() << 4, BitsStored=12, HighBit=15),
        "signed.dcm": dicom(wide().astype(np.int16) - 2048, BitsStored=12, HighBit=11, PixelPaddingValue=-2048),
        "nested.dcm": dicom(grey, ReferencedImageSequence=[nested]),
        "icon.dcm": dicom(grey, IconImageSequence=[icon]),
        "big16.dcm": dicom(wide(), ExplicitVRBigEndian),
        "ybr.dcm": dicom(np.stack([grey] * 3, -1), ExplicitVRLittleEndian, PhotometricInterpretation="YBR_FULL"),
    }


def _images() -> dict[str, bytes]:
    grey = picture()
    return {
        "rgb16.png": imagecodecs.png_encode(np.stack([wide()] * 3, -1)),
        "la16.png": imagecodecs.png_encode(np.stack([wide()] * 2, -1)),
        "interlaced.png": _interlaced(),
        "picture.jp2": encoded(Image.fromarray(grey), "JPEG2000"),
        "picture.j2k": encoded(Image.fromarray(grey), "JPEG2000", no_jp2=True),
        "picture.avif": encoded(Image.fromarray(grey), "AVIF"),
        "rgb16.tif": imagecodecs.tiff_encode(np.stack([wide()] * 3, -1)),
        "double.tif": imagecodecs.tiff_encode(grey / 255),
        "whole.tif": imagecodecs.tiff_encode(grey.astype(np.uint32) << 20),
        "jpeg.tif": encoded(Image.fromarray(grey), "TIFF", compression="jpeg"),
        "deflate.tif": encoded(Image.fromarray(grey), "TIFF", compression="tiff_adobe_deflate"),
        "palette.tif": encoded(Image.fromarray(grey).convert("P"), "TIFF"),
        "transparent.png": encoded(Image.fromarray(grey).convert("P"), "PNG", transparency=3),
        "palette.bmp": encoded(Image.fromarray(grey).convert("P"), "BMP"),
    }


def _interlaced() -> bytes:
    """Pillow writes none: the seven passes of an 8 x 8 image."""
    passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]
    rows = b"".join(b"\0" + bytes(range(width)) for width, height in passes for _ in range(height))
    header = png_chunk(b"IHDR", struct.pack(">LLBBBBB", 8, 8, 8, 0, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def _shapes() -> dict[str, bytes]:
    tiled = ((256, 3, 1, 16), (257, 3, 1, 16), (258, 3, 1, 8), (262, 3, 1, 1), (322, 3, 1, 16), (323, 3, 1, 16),
             (324, 4, 1, 8), (325, 4, 1, 256))  # fmt: skip
    pages = io.BytesIO()
    Image.fromarray(picture(24, 24)).save(pages, "TIFF", save_all=True, append_images=[Image.new("L", (24, 24))] * 3)
    frames = io.BytesIO()
    Image.fromarray(picture(24, 24)).save(frames, "PNG", save_all=True, append_images=[Image.new("L", (24, 24))] * 3)
    return {
        "thin.png": encoded(np.zeros((9000, 1), np.uint8), "PNG"),
        "flat.png": encoded(np.zeros((1, 9000), np.uint8), "PNG"),
        "thin.dcm": dicom(np.zeros((1, 9000), np.uint16)),
        "tiled.tif": tiff_of(*tiled) + bytes(256),
        "pages.tif": pages.getvalue(),
        "animated.png": frames.getvalue(),
    }
