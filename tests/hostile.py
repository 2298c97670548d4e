"""Files that a radiograph reader meets on a bad day, made without randomness, and one good file per format."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib

import numpy as np
import pydicom
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

SECRET = "DOE^JANE"  # a patient's name that may appear nowhere


def picture(height: int = 160, width: int = 144) -> np.ndarray:
    """(H, W) uint8: dark margins, a bright spine between two lungs, a fine texture."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    body = 190 * np.exp(-((np.abs(x) / 0.75) ** 6))
    lungs = sum(120 * np.exp(-(((x - side) / 0.22) ** 2) - (y / 0.6) ** 2) for side in (-0.38, 0.38))
    texture = 8 * np.sin(40 * x) * np.cos(31 * y)
    return np.clip(body - lungs + texture + 20, 0, 255).astype(np.uint8)


def encoded(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def dicom(pixels: np.ndarray, syntax: str = ExplicitVRLittleEndian, data: bytes | None = None, **tags: object) -> bytes:
    """A DICOM file. pixels: (H, W), (H, W, 3) or (frames, H, W) integers; data replaces the encoded pixel data."""
    data_set = pydicom.Dataset()
    data_set.file_meta = pydicom.dataset.FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = syntax
    data_set.SOPClassUID = DigitalXRayImageStorageForPresentation
    data_set.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    data_set.PatientName, data_set.PatientID = SECRET, SECRET
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    data_set.Rows, data_set.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    data_set.SamplesPerPixel = 3 if colour else 1
    data_set.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data_set.PlanarConfiguration = 0
    data_set.BitsAllocated = data_set.BitsStored = 8 * pixels.dtype.itemsize
    data_set.HighBit = data_set.BitsStored - 1
    data_set.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes() if data is None else data
    data_set.PixelData = raw + b"\0" * (len(raw) % 2)
    data_set["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    data_set["PixelData"].is_undefined_length = syntax in (RLELossless, JPEGBaseline8Bit, JPEG2000Lossless)
    for name, value in tags.items():
        setattr(data_set, name, value)
    buffer = io.BytesIO()
    data_set.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def end_of_meta(data: bytes) -> int:
    """Where the data set of a DICOM file begins."""
    return 132 + 12 + int.from_bytes(data[140:144], "little")


def rle(pixels: np.ndarray) -> bytes:
    """pixels (H, W) uint8 or uint16 as RLE Lossless, encoded by pydicom."""
    data_set = pydicom.dcmread(io.BytesIO(dicom(pixels)))
    data_set.compress(RLELossless)
    buffer = io.BytesIO()
    data_set.save_as(buffer)
    return buffer.getvalue()


def good_files() -> dict[str, bytes]:
    """One valid file per supported form, all of `picture()`; lossy ones come close to it."""
    grey = picture()
    wide = grey.astype(np.uint16) * 257
    image = Image.fromarray(grey)
    colour = image.convert("RGB")
    return {
        "grey.png": encoded(image, "PNG"),
        "grey16.png": encoded(wide, "PNG"),
        "palette.png": encoded(image.convert("P"), "PNG"),
        "rgb.png": encoded(colour, "PNG"),
        "rgba.png": encoded(image.convert("RGBA"), "PNG"),
        "la.png": encoded(image.convert("LA"), "PNG"),
        "grey.jpeg": encoded(image, "JPEG", quality=95),
        "rgb.jpeg": encoded(colour, "JPEG", quality=95),
        "progressive.jpeg": encoded(colour, "JPEG", quality=95, progressive=True),
        "cmyk.jpeg": encoded(colour.convert("CMYK"), "JPEG", quality=95),
        "lossy.webp": encoded(colour, "WEBP", quality=95),
        "lossless.webp": encoded(colour, "WEBP", lossless=True),
        "grey.bmp": encoded(image, "BMP"),
        "rgb.bmp": encoded(colour, "BMP"),
        "grey.tiff": encoded(image, "TIFF"),
        "lzw.tiff": encoded(image, "TIFF", compression="tiff_lzw"),
        "grey16.tiff": encoded(wide, "TIFF"),
        "float.tiff": encoded(grey.astype(np.float32) / 255, "TIFF"),
        "explicit.dcm": dicom(grey),
        "implicit.dcm": dicom(grey, ImplicitVRLittleEndian),
        "big.dcm": dicom(grey, ExplicitVRBigEndian),
        "rle.dcm": rle(grey),
        "jpeg.dcm": dicom(grey, JPEGBaseline8Bit, encapsulate([encoded(image, "JPEG", quality=95)])),
        "j2k.dcm": dicom(grey, JPEG2000Lossless, encapsulate([encoded(image, "JPEG2000", no_jp2=True)])),
        "rgb.dcm": dicom(np.stack([grey] * 3, axis=-1)),
        "bare.dcm": dicom(grey)[128 + 4 :],
    }


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))


def png_of(width: int, height: int, data: bytes, *extra: bytes, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG with the announced size and the given zlib stream, whether they agree or not."""
    header = png_chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def tiff_of(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """A little-endian TIFF of one directory; entries are (tag, type, count, value or offset)."""
    body = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<LH", 8, len(entries)) + body + struct.pack("<L", following) + bytes(64)


def _zeros(size: int) -> bytes:
    """A zlib stream of that many zero bytes, made in small steps."""
    packer = zlib.compressobj(1)
    return b"".join([packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]) + packer.flush()


def _truncations() -> list[tuple[str, bytes]]:
    names = (
        "grey.png",
        "grey.jpeg",
        "progressive.jpeg",
        "explicit.dcm",
        "rle.dcm",
        "lossy.webp",
        "lzw.tiff",
        "grey.bmp",
    )
    good = good_files()
    return [
        (f"truncated{tenth}-{name}", good[name][: len(good[name]) * tenth // 10])
        for name in names
        for tenth in range(1, 10)
    ]


def _flipped() -> list[tuple[str, bytes]]:
    draw, files = random.Random(7), []
    for name, data in good_files().items():
        for turn, count in enumerate((1, 8, 64)):
            changed = bytearray(data)
            for _ in range(count):
                changed[draw.randrange(len(changed) if turn else 400)] ^= 1 << draw.randrange(8)
            files.append((f"flipped{count}-{name}", bytes(changed)))
    return files


def _bombs() -> list[tuple[str, bytes]]:
    zeros = _zeros(64 << 20)
    header = png_chunk(b"IHDR", struct.pack(">LLBBBBB", 64, 64, 8, 0, 0, 0, 0))
    jpeg = encoded(picture(), "JPEG")
    huge_frame = jpeg.index(b"\xff\xc0") + 5
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = dicom(picture())
    meta_end = plain.index(b"\x08\x00\x16\x00", 132)
    head, body, many = plain[:meta_end], plain[meta_end:], struct.pack("<L", 4_000_000)
    j2k = encoded(picture(), "JPEG2000", no_jp2=True)
    j2k = j2k[: 4 + int.from_bytes(j2k[4:6], "big")]  # up to the end of its first segment, the size
    deflated = dicom(picture(), DeflatedExplicitVRLittleEndian)
    deflated = deflated[: end_of_meta(deflated)]
    deflated += b"".join(raw.compress(bytes(1 << 20)) for _ in range(256)) + raw.flush()
    return [
        ("bomb-size.png", png_of(60_000, 60_000, zeros)),
        ("bomb-overlong.png", png_of(64, 64, zeros)),
        ("bomb-full.png", png_of(7900, 8000, zeros)),
        ("bomb-iccp.png", png_of(64, 64, zlib.compress(bytes(64 * 65)), png_chunk(b"iCCP", b"x\0\0" + zeros))),
        ("bomb-ztxt.png", png_of(64, 64, zlib.compress(bytes(64 * 65)), *[png_chunk(b"zTXt", b"x\0\0" + zeros)] * 20)),
        ("bomb-chunks.png", b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", b"") * 400_000),
        ("bomb-size.jpeg", jpeg[:huge_frame] + b"\xff\xdc\xff\xdc" + jpeg[huge_frame + 4 :]),
        ("bomb-segments.jpeg", b"\xff\xd8" + b"\xff\xfe\x00\x02" * 2_000_000 + jpeg[2:]),
        ("bomb-scans.jpeg", _many_scans()),
        ("bomb-size.webp", b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\xff\xff" * 2 + bytes(8)),
        ("bomb-chunks.webp", b"RIFF" + struct.pack("<L", 8_000_004) + b"WEBP" + b"JUNK\0\0\0\0" * 1_000_000),
        ("bomb-size.bmp", _bmp(60000, 60000, 24, 0)),
        ("bomb-rle.bmp", _bmp(8000, 8000, 8, 1)),
        ("bomb-size.tiff", tiff_of((256, 4, 1, 60000), (257, 4, 1, 60000), (258, 3, 1, 8), (262, 3, 1, 1),
                                   (273, 4, 1, 8))),
        ("bomb-strips.tiff", _many_strips(60_000)),
        ("bomb-tables.tiff", _many_strips(1_000_000)),
        ("bomb-comment.gif", b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe" + b"\1x" * 1_000_000 + b"\0;"),
        ("bomb-deflated.dcm", deflated),
        ("bomb-size.dcm", dicom(picture(), Rows=60000, Columns=60000)),
        ("bomb-elements.dcm", head + b"\x09\x00\x01\x00UN\0\0\0\0\0\0" * 500_000),
        ("bomb-nested.dcm", head + b"\x09\x00\x01\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 20_000),
        ("bomb-meta.dcm", head + b"\x02\x00\x10\x01CS\0\0" * 1_500_000 + body),
        ("bomb-command.dcm", bytes(128) + b"DICM" + b"\0\0\0\x01\0\0\0\0" * 1_500_000),
        ("bomb-items.dcm", head + b"\x09\x00\x01\x10SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x0d\xe0\0\0\0\0" * 1_500_000),
        ("bomb-in-item.dcm", head + _sequence(b"\x09\x00\x10\x00CS\0\0" * 1_500_000) + body),
        ("bomb-charset.dcm", head + _sequence(b"\x08\x00\x05\x00UT\0\0" + many + b"x\\y\\" * 1_000_000) + body),
        ("bomb-window.dcm", head + b"\x28\x00\x50\x10UT\0\0" + many + b"1\\2\\" * 1_000_000 + body),
        ("bomb-voi.dcm", head + b"\x28\x00\x10\x30SQ\0\0" + struct.pack("<L", 8_000_000) + b"\xfe\xff\0\xe0"
                         + struct.pack("<L", 7_999_992) + b"\x09\x00\x10\x00CS\0\0" * 999_999 + body),
        ("bomb-jpeg.dcm", _jpeg_dicom(jpeg[:huge_frame] + b"\xff\xdc\xff\xdc" + jpeg[huge_frame + 4 :])),
        ("bomb-jpeg-inside.dcm", _jpeg_dicom(jpeg[:huge_frame] + b"\x27\x10\x27\x10" + jpeg[huge_frame + 4 :])),
        ("bomb-scans.dcm", _jpeg_dicom(_many_scans(), Rows=5000, Columns=6000)),
        ("bomb-segments.dcm", _jpeg_dicom(b"\xff\xd8" + b"\xff\xfe\x00\x02" * 2_000_000 + jpeg[2:])),
        ("bomb-markers.dcm", dicom(picture(), JPEG2000Lossless, encapsulate([j2k + b"\xff\x30\x00\x02" * 3_000_000]))),
        ("bomb-rle.dcm", _rle_dicom(b"\x80" * 2_900_000)),
        ("bomb-rle-runs.dcm", _rle_dicom(b"\x81\x01" * 1_450_000)),
        ("bomb-rle-long.dcm", _rle_dicom(b"\x80" * 7_900_000)),
    ]  # fmt: skip


def _many_scans() -> bytes:
    """A progressive JPEG of 30 megapixels whose scans are repeated 500 times."""
    data = encoded(Image.new("L", (6000, 5000), 90), "JPEG", progressive=True)
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xda", first + 2)
    return data[:first] + data[first:second] + data[second:-2] * 500 + data[-2:]


def _many_strips(count: int) -> bytes:
    """An uncompressed TIFF whose strips all start at the same byte and claim to be the whole picture."""
    start = 8 + 2 + 12 * 7 + 4
    entries = ((256, 4, 1, 4000), (257, 4, 1, 4000), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, count, start), (278, 4, 1, 4000), (279, 4, count, start))  # fmt: skip
    body = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    return (
        b"II*\0"
        + struct.pack("<LH", 8, 7)
        + body
        + bytes(4)
        + struct.pack("<L", 8) * count
        + bytes(16_000_000 - 4 * min(count, 3_000_000))
    )


def _bmp(width: int, height: int, depth: int, compression: int) -> bytes:
    fields = (54, 0, 0, 54, 40, width, height, 1, depth, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<LHHLLllHHLLllLL", *fields)


def _sequence(item: bytes) -> bytes:
    """A private DICOM sequence of undefined length with one item."""
    start = b"\x09\x00\x01\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return start + item + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"


def _with_segment(marker: bytes, body: bytes) -> bytes:
    jpeg = encoded(picture(), "JPEG")
    return jpeg[:2] + b"\xff" + marker + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _jpeg_dicom(jpeg: bytes, **tags: object) -> bytes:
    return dicom(picture(), JPEGBaseline8Bit, encapsulate([jpeg]), **tags)


def _rle_dicom(segment: bytes) -> bytes:
    """A 4000 x 4000 DICOM file of one segment: no step forward, short or long runs."""
    frame = struct.pack("<16L", 1, 64, *[0] * 14) + segment
    return dicom(np.zeros((10, 4000), np.uint8), RLELossless, encapsulate([frame]), Rows=4000, Columns=4000)


def _wrong_kinds() -> list[tuple[str, bytes]]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("xray.png", encoded(picture(), "PNG"))
    svg = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    files = [
        ("empty.png", b""),
        ("one.png", b"\x89"),
        ("magic.png", b"\x89PNG\r\n\x1a\n"),
        ("magic.jpeg", b"\xff\xd8\xff"),
        ("magic.webp", b"RIFF\x04\0\0\0WEBP"),
        ("magic.bmp", b"BM"),
        ("magic.tiff", b"II*\0"),
        ("magic.dcm", bytes(128) + b"DICM"),
        ("drawing.svg", svg),
        ("drawing.png", svg),
        ("page.jpeg", b"<!DOCTYPE html><html><body>404 not found</body></html>"),
        ("text.png", b"not a picture at all\n" * 50),
        ("paper.pdf", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF"),
        ("archive.png", archive.getvalue()),
        ("script.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n"),
        ("program.png", b"\x7fELF" + bytes(400)),
        ("zeros.dcm", bytes(4096)),
        ("ones.png", b"\xff" * 4096),
        ("still.gif", encoded(picture(), "GIF")),
        ("big.tiff", b"II+\0\x08\0\0\0" + bytes(64)),
        ("picture.ppm", b"P5 4 4 255\n" + bytes(16)),
        ("picture.ico", encoded(picture(64, 64), "ICO")),
    ]
    files += [(f"random{seed}.bin", random.Random(seed).randbytes(997 * (seed + 1))) for seed in range(12)]
    heads = (
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"BM",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        bytes(128) + b"DICM",
    )
    return files + [(f"random-after-magic{i}", head + random.Random(i).randbytes(3000)) for i, head in enumerate(heads)]


def _ood_images() -> list[tuple[str, bytes]]:
    grey = picture()
    frames = [Image.fromarray(np.roll(grey, shift, 1)) for shift in (0, 9, 18)]
    many = {"save_all": True, "append_images": frames[1:], "duration": 50}
    ramp = (np.arange(grey.size, dtype=np.uint16).reshape(grey.shape)) % 4096
    good, start = good_files(), b"\x08\x00\x16\x00UI"  # of the first element after group 2
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, SECRET
    broken_exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff\xff\xff\xff\xff" * 3
    files = [
        ("dot.png", encoded(grey[:1, :1], "PNG")),
        ("line.png", encoded(np.zeros((1, 20000), np.uint8), "PNG")),
        ("column.jpeg", encoded(np.zeros((20000, 1), np.uint8), "JPEG")),
        ("dot.dcm", dicom(grey[:1, :1])),
        ("bit.png", encoded(Image.fromarray(grey).convert("1"), "PNG")),
        ("ramp12.png", encoded(ramp, "PNG")),
        ("ramp12.tiff", encoded(ramp, "TIFF")),
        ("int32.tiff", encoded(grey.astype(np.int32) - 1000, "TIFF")),
        ("nan.tiff", encoded(np.full((40, 40), np.nan, np.float32), "TIFF")),
        ("infinite.tiff", encoded(np.where(grey > 90, np.inf, 1e38).astype(np.float32), "TIFF")),
        ("cmyk.tiff", encoded(Image.fromarray(grey).convert("CMYK"), "TIFF")),
        ("lab.tiff", encoded(Image.fromarray(grey).convert("RGB").convert("LAB"), "TIFF")),
        ("pages.tiff", encoded(frames[0], "TIFF", **many)),
        ("animated.gif", encoded(frames[0], "GIF", **many)),
        ("animated.webp", encoded(frames[0].convert("RGB"), "WEBP", **many)),
        ("animated.png", encoded(frames[0], "PNG", **many)),
        ("frames.dcm", dicom(np.stack([grey, grey]), NumberOfFrames=2)),
        ("frames-many.dcm", dicom(grey, NumberOfFrames=2_000_000_000)),
        ("turned.jpeg", encoded(frames[0], "JPEG", exif=exif)),
        ("exif-broken.jpeg", encoded(frames[0], "JPEG", exif=broken_exif)),
        ("exif-broken.png", encoded(frames[0], "PNG", exif=broken_exif)),
        ("exif-broken.webp", encoded(frames[0].convert("RGB"), "WEBP", exif=broken_exif)),
        ("no-end.jpeg", good["grey.jpeg"][:-2]),
        ("no-end.png", good["grey.png"][:-12]),
        ("trailer.jpeg", good["grey.jpeg"] + bytes(5000)),
        ("trailer.png", good["grey.png"] + b"PK\x03\x04" + bytes(500)),
        ("short.dcm", dicom(grey, data=bytes(100))),
        ("long.dcm", dicom(grey, data=grey.tobytes() + bytes(999))),
        ("lossless.dcm", dicom(grey, JPEGLosslessSV1, data=encapsulate([b"\xff\xd8\xff\xd9"]))),
        ("video.dcm", dicom(grey, MPEG2MPML, data=encapsulate([bytes(200)]))),
        ("deflated.dcm", dicom(grey, DeflatedExplicitVRLittleEndian)),
        ("unknown-syntax.dcm", dicom(grey).replace(b"10008.1.2.1", b"10008.9.9.9", 1)),
        ("report.dcm", dicom(grey)[: dicom(grey).index(b"\xe0\x7f\x10\x00")]),
        ("signalling-nan.tiff", good["float.tiff"].replace(np.float32(grey[80, 70] / 255).tobytes(), b"\1\0\x80\x7f")),
        ("index.dcm", _jpeg_dicom(_with_segment(b"\xe2", b"MPF\0II*\0\x08\0\0\0\xff\xff"))),
        ("exif-broken.dcm", _jpeg_dicom(_with_segment(b"\xe1", broken_exif))),
        ("empty-tags.dcm", dicom(grey, WindowCenter=None, WindowWidth=None, RescaleSlope=None, RescaleIntercept=None)),
        ("charset-name.dcm",
                             dicom(grey).replace(start, b"\x08\x00\x05\x00CS\x08\x00DOE^JANE" + start, 1)),
        ("no-rows.dcm", dicom(grey, Rows=0)),
        ("palette.dcm", dicom(grey, PhotometricInterpretation="PALETTE COLOR")),
        ("bits32.dcm", dicom(grey, BitsAllocated=32)),
        ("bits-stored.dcm", dicom(grey, BitsStored=12, HighBit=11)),
        ("window-zero.dcm", dicom(grey, WindowCenter=10, WindowWidth=0)),
        ("window-tiny.dcm", dicom(grey, WindowCenter=10, WindowWidth=1)),
        ("window-text.dcm", dicom(grey, WindowCenter=1, WindowWidth=77).replace(b"77", b"xy")),
        ("slope-infinite.dcm", dicom(grey, RescaleSlope="1e300", RescaleIntercept="1e300")),
        ("slope-zero.dcm", dicom(grey, RescaleSlope=0, RescaleIntercept=5)),
        ("charset.dcm", dicom(grey).replace(b"\x08\x00\x16\x00UI", b"\x08\x00\x05\x00CS", 1)),
        ("not-jpeg.dcm", dicom(grey, JPEGBaseline8Bit, encapsulate([b"\x89PNG" + bytes(99)]))),
        ("no-fragments.dcm", dicom(grey, RLELossless, encapsulate([b"xx"]))),
        ("tags.tiff", tiff_of(*[(tag, 99, 7, 2**32 - 1) for tag in range(256, 400)])),
        ("far.tiff", tiff_of((256, 4, 1, 8), (257, 4, 1, 8), (273, 4, 9000, 2**32 - 9))),
        ("subnormal.tiff", encoded(np.where(grey > 90, 1.4e-45, -1.4e-45).astype(np.float32), "TIFF")),
        ("fax.tiff", encoded(Image.fromarray(grey).convert("1"), "TIFF", compression="group4")),
        ("loop.tiff", tiff_of((256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), following=8)),
        ("no-palette.png", png_of(40, 40, zlib.compress(bytes(40 * 41)), colour=3)),
        ("wrong-depth.png", png_of(40, 40, zlib.compress(bytes(40 * 41)), depth=7)),
        ("too-short.png", png_of(40, 40, zlib.compress(bytes(99)))),
        ("not-zlib.png", png_of(40, 40, bytes(99))),
        ("twice.png", png_of(8, 8, zlib.compress(bytes(8 * 9)), png_chunk(b"IHDR", struct.pack(">LLBBBBB", 60000, 60000, 8, 0, 0, 0, 0)))),
        ("bad-actl.png", png_of(8, 8, zlib.compress(bytes(8 * 9)), png_chunk(b"acTL", bytes(8)))),
    ]  # fmt: skip
    names = [
        ("grey.png", "x.dcm"),
        ("explicit.dcm", "x.png"),
        ("grey.bmp", "x.jpeg"),
        ("grey.jpeg", "../../etc/x.tiff"),
    ]
    return files + [(to, good[of]) for of, to in names]


def hostile_files() -> list[tuple[str, bytes]]:
    """Over 200 (name, bytes), the same at every call. Some are readable after all; none may do harm."""
    return _wrong_kinds() + _ood_images() + _truncations() + _flipped() + _bombs()
