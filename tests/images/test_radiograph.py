"""radiograph.read: every format, every refusal, every caution, and any bytes at all."""

from __future__ import annotations

import io
import threading
import time
import warnings
import zlib
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from pneumo.images import radiograph
from pneumo.images.radiograph import MAX_BYTES, RadiographError, encode_png, read
from pneumo.schema import Radiograph
from tests import hostile
from tests.hostile import SECRET, dicom, encoded, good_files, picture, rle

GOOD = good_files()
HOSTILE = hostile.hostile_files()
CODES = {
    "empty",
    "too_large",
    "not_an_image",
    "truncated",
    "damaged",
    "unsupported",
    "too_many_pixels",
    "animated",
    "multiframe",
}
LOSSY_LEVELS = 4  # the largest difference of the lossy good files
SECONDS_PER_FILE = 2.0
MEGABYTES = 600  # above what was in use before reading; one 64-megapixel colour picture takes 450


def codes(result: Radiograph) -> set[str]:
    return {warning.code for warning in result.warnings}


def refusal(data: bytes, name: str = "") -> RadiographError:
    with pytest.raises(RadiographError) as caught:
        read(data, name)
    return caught.value


def read_safely(data: bytes, name: str = "") -> Radiograph | RadiographError:
    """What read() gives or raises, checked against everything it promises; warnings are failures."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")  # as the reader does; SECRET is looked for elsewhere
        try:
            result = read(data, name)
        except RadiographError as error:
            assert error.code in CODES
            assert len(str(error)) > 20
            assert SECRET not in str(error)
            return error
    assert result.pixels.dtype == np.uint8
    assert result.pixels.ndim == 2
    assert min(result.pixels.shape) >= 1
    assert not result.pixels.flags.writeable
    assert all(warning.message.endswith(".") and SECRET not in warning.message for warning in result.warnings)
    return result


@pytest.mark.parametrize("name", GOOD)
def test_good_file(name: str) -> None:
    result = read_safely(GOOD[name], name)
    assert isinstance(result, Radiograph), result
    lossy = name.endswith("jpeg") or name in ("lossy.webp", "jpeg.dcm")
    difference = np.abs(result.pixels.astype(int) - picture()).max()
    assert difference <= (LOSSY_LEVELS if lossy else 0)
    assert codes(result) == ({"burned_in"} if name.endswith("dcm") else set())


def test_hostile_files_are_many_and_always_the_same() -> None:
    assert len(HOSTILE) >= 200
    assert [name for name, _ in HOSTILE] == [name for name, _ in hostile.hostile_files()]


def memory_kb() -> dict[str, int]:
    """What the process holds (VmRSS) and the most it held since it was last asked to forget (VmHWM); empty off Linux."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return {}
    rows = (line.split() for line in status.read_text().splitlines() if line.startswith(("VmRSS", "VmHWM")))
    return {name.rstrip(":"): int(kb) for name, kb, _ in rows}


def test_hostile_files_do_no_harm() -> None:
    slow, before = [], memory_kb()
    if before:
        Path("/proc/self/clear_refs").write_text("5")  # what earlier tests of this process took is not counted
    for name, data in HOSTILE:
        start = time.process_time()
        result = read_safely(data, name)
        took = time.process_time() - start
        if took > SECONDS_PER_FILE:
            slow.append((name, round(took, 2)))
        if name.startswith("truncated"):
            assert isinstance(result, RadiographError), name
    assert not slow
    if before:
        assert memory_kb()["VmHWM"] - before["VmRSS"] < MEGABYTES * 1024


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("empty.png", "empty"),
        ("text.png", "not_an_image"),
        ("drawing.png", "not_an_image"),
        ("page.jpeg", "not_an_image"),
        ("paper.pdf", "not_an_image"),
        ("archive.png", "not_an_image"),
        ("random3.bin", "not_an_image"),
        ("no-end.jpeg", "truncated"),
        ("no-end.png", "truncated"),
        ("truncated5-grey.png", "truncated"),
        ("truncated9-grey.jpeg", "truncated"),
        ("truncated9-explicit.dcm", "truncated"),
        ("truncated5-lossy.webp", "truncated"),
        ("short.dcm", "truncated"),
        ("report.dcm", "not_an_image"),
        ("fax.tiff", "unsupported"),
        ("animated.gif", "animated"),
        ("animated.png", "animated"),
        ("animated.webp", "animated"),
        ("still.gif", "unsupported"),
        ("pages.tiff", "multiframe"),
        ("frames.dcm", "multiframe"),
        ("lossless.dcm", "truncated"),
        ("video.dcm", "unsupported"),
        ("bomb-deflated.dcm", "too_large"),
        ("bomb-rle.bmp", "unsupported"),
        ("bomb-size.png", "too_many_pixels"),
        ("bomb-size.jpeg", "too_many_pixels"),
        ("bomb-size.webp", "too_many_pixels"),
        ("bomb-size.bmp", "too_many_pixels"),
        ("bomb-size.tiff", "too_many_pixels"),
        ("bomb-size.dcm", "too_many_pixels"),
        ("bomb-jpeg.dcm", "too_many_pixels"),
        ("bomb-jpeg-inside.dcm", "too_many_pixels"),
        ("bomb-meta.dcm", "unsupported"),
        ("bomb-in-item.dcm", "unsupported"),
        ("bomb-scans.dcm", "unsupported"),
    ],
)
def test_refusal_code(file: str, code: str) -> None:
    error = refusal(dict(HOSTILE)[file], file)
    assert error.code == code, str(error)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("paper.pdf", "PDF"),
        ("drawing.svg", "SVG"),
        ("page.jpeg", "web page"),
        ("archive.png", "ZIP"),
        ("text.png", ".png"),
        ("video.dcm", "gdcmconv"),
        ("bomb-size.png", "60000 x 60000"),
    ],
)
def test_refusal_says_what_came(file: str, words: str) -> None:
    assert words in str(refusal(dict(HOSTILE)[file], file))


def test_too_many_bytes() -> None:
    assert refusal(bytes(MAX_BYTES + 1)).code == "too_large"


def test_the_name_never_reaches_a_message() -> None:
    assert SECRET not in str(refusal(b"text", f"{SECRET}.png"))


def test_trailing_bytes_are_ignored() -> None:
    for name in ("trailer.png", "trailer.jpeg", "long.dcm"):
        assert isinstance(read_safely(dict(HOSTILE)[name]), Radiograph)


# Greys, colours, transparency


def test_sixteen_bits_from_the_full_range() -> None:
    wide = np.linspace(0, 65535, 160 * 144).reshape(160, 144).astype(np.uint16)
    expected = np.round(wide / 257).astype(np.uint8)
    for kind in ("PNG", "TIFF"):
        result = read(encoded(wide, kind))
        np.testing.assert_array_equal(result.pixels, expected)
        assert "dark16" not in codes(result)


def test_twelve_bits_in_sixteen_are_stretched() -> None:
    wide = np.linspace(100, 4095, 160 * 144).reshape(160, 144).astype(np.uint16)
    result = read(encoded(wide, "PNG"))
    assert (result.pixels.min(), result.pixels.max()) == (0, 255)
    assert "dark16" in codes(result)


def test_colour_is_mentioned_and_equal_channels_are_not() -> None:
    grey = picture()
    tinted = np.stack([grey, grey // 2, grey // 3], axis=-1)
    assert "colour" in codes(read(encoded(tinted, "PNG")))
    assert "colour" in codes(read(encoded(tinted, "JPEG", quality=60)))
    near = np.stack([grey, np.clip(grey, 3, 255) - 3, grey], axis=-1)
    assert "colour" not in codes(read(encoded(near, "PNG")))
    assert "colour" not in codes(read(encoded(np.stack([grey] * 3, axis=-1), "JPEG", quality=30)))


def test_colour_in_dicom() -> None:
    tinted = np.stack([picture(), picture() // 2, picture() // 3], axis=-1)
    result = read(dicom(tinted))
    assert "colour" in codes(result)
    np.testing.assert_array_equal(result.pixels, read(encoded(tinted, "PNG")).pixels)
    planar = np.ascontiguousarray(tinted.transpose(2, 0, 1)).tobytes()
    np.testing.assert_array_equal(read(dicom(tinted, data=planar, PlanarConfiguration=1)).pixels, result.pixels)


def test_ybr_dicom() -> None:
    grey = picture()
    ybr = np.stack([grey, np.full_like(grey, 128), np.full_like(grey, 128)], axis=-1)
    result = read(dicom(ybr, PhotometricInterpretation="YBR_FULL"))
    np.testing.assert_array_equal(result.pixels, grey)
    assert "colour" not in codes(result)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_lies_on_black(mode: str) -> None:
    image = Image.fromarray(np.full((130, 130), 200, np.uint8)).convert(mode)
    image.putalpha(Image.fromarray(np.tile(np.arange(130, dtype=np.uint8), (130, 1))))
    expected = np.round(200 * np.arange(130) / 255).astype(int)
    assert np.abs(read(encoded(image, "PNG")).pixels[0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation(kind: str, orientation: int) -> None:
    corner = np.full((130, 200), 30, np.uint8)
    corner[:40, :60] = 220
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    image = Image.fromarray(corner).convert("RGB")
    result = read(encoded(image, kind, exif=exif, **options)).pixels.astype(int)
    forward = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose}
    forward |= {6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).T, 8: np.rot90}
    expected = forward[orientation](corner)
    assert result.shape == expected.shape
    assert np.abs(result - expected).mean() < 1


# DICOM


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.randoms(use_true_random=False))
def test_png_and_dicom_give_the_same_pixels(height: int, width: int, draw) -> None:
    pixels = np.frombuffer(draw.randbytes(height * width), np.uint8).reshape(height, width)
    np.testing.assert_array_equal(read(encode_png(pixels)).pixels, pixels)
    np.testing.assert_array_equal(read(dicom(pixels)).pixels, pixels)
    np.testing.assert_array_equal(read(dicom(pixels, RescaleSlope=1, RescaleIntercept=0)).pixels, pixels)


def test_monochrome1_is_inverted() -> None:
    result = read(dicom(picture(), PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(result.pixels, 255 - picture())


def wide_values(kind: str) -> np.ndarray:
    return (np.linspace(-1500, 2500, 160 * 144) if kind == "i2" else np.linspace(0, 4000, 160 * 144)).reshape(160, 144)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_sixteen_bit_dicom_without_window_from_lowest_to_highest(syntax: str) -> None:
    values = wide_values("u2").astype(np.uint16) + 50
    data = rle(values) if syntax == RLELossless else dicom(values, syntax)
    expected = np.round((values.astype(float) - 50) / 4000 * 255)
    np.testing.assert_array_equal(read(data).pixels, expected)


WINDOWS = [
    {"WindowCenter": 1000, "WindowWidth": 800},
    {"WindowCenter": [1000, 5], "WindowWidth": [800, 6]},
    {"WindowCenter": 1000, "WindowWidth": 800, "VOILUTFunction": "LINEAR_EXACT"},
    {"WindowCenter": 1000, "WindowWidth": 800, "VOILUTFunction": "SIGMOID"},
    {"WindowCenter": 1000, "WindowWidth": 1},
    {"WindowCenter": -300, "WindowWidth": 1500, "RescaleSlope": 0.5, "RescaleIntercept": -1024},
]


@pytest.mark.parametrize("kind", ["u2", "i2"])
@pytest.mark.parametrize("tags", WINDOWS, ids=str)
def test_windows_as_pydicom_applies_them(tags: dict, kind: str) -> None:
    data = dicom(wide_values(kind).astype(kind), BitsStored=13, HighBit=12, **tags)
    reference = pydicom.dcmread(io.BytesIO(data))
    stored = reference.pixel_array
    shown = apply_voi_lut(apply_modality_lut(stored, reference), reference)
    ends = np.array([-4096, 4095] if kind == "i2" else [0, 8191])
    slope, intercept = float(reference.get("RescaleSlope", 1)), float(reference.get("RescaleIntercept", 0))
    low, high = ends * slope + intercept
    expected = np.round((shown - low) / (high - low) * 255)
    assert np.abs(read(data).pixels - expected).max() <= 1  # the last bit of rounding


def lut_item(first: int, entries: np.ndarray, bits: int) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item.LUTData = entries.astype("<u2").tobytes()
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    return item


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", ImplicitVRLittleEndian])
def test_voi_lut_as_pydicom_applies_it(syntax: str, undefined: bool) -> None:
    curve = np.round(4095 * np.linspace(0, 1, 2000) ** 0.5)
    sequence = pydicom.Sequence([lut_item(500, curve, 12)])
    sequence.is_undefined_length = undefined
    values = wide_values("u2").astype(np.uint16)
    data = dicom(values, syntax, VOILUTSequence=sequence)
    expected = np.round(apply_voi_lut(values, pydicom.dcmread(io.BytesIO(data))) / 4095 * 255)
    np.testing.assert_array_equal(read(data).pixels, expected)


def test_modality_lut_as_pydicom_applies_it() -> None:
    curve = np.round(60000 * np.linspace(0, 1, 4096) ** 2)
    values = wide_values("u2").astype(np.uint16)
    item = lut_item(0, curve, 16)
    item.ModalityLUTType = "US"
    data = dicom(values, ModalityLUTSequence=pydicom.Sequence([item]))
    shown = apply_modality_lut(values, pydicom.dcmread(io.BytesIO(data))).astype(float)
    expected = np.round((shown - shown.min()) / (shown.max() - shown.min()) * 255)
    np.testing.assert_array_equal(read(data).pixels, expected)


def test_empty_tags_count_as_absent_and_character_sets_as_unread() -> None:
    for name in ("empty-tags.dcm", "charset-name.dcm"):
        np.testing.assert_array_equal(read(dict(HOSTILE)[name]).pixels, picture())


def test_jpeg_in_dicom_is_the_colour_that_the_tags_say() -> None:
    tinted = np.stack([picture(), picture() // 2, picture() // 3], axis=-1)
    expected = read(encoded(tinted, "PNG")).pixels.astype(int)
    rgb = encoded(tinted, "JPEG", quality=95, keep_rgb=True)
    bare = rgb.replace(rgb[2:18], b"", 1)  # without the Adobe segment that says RGB
    ybr = encoded(tinted, "JPEG", quality=95)
    for photometric, jpeg in (("RGB", rgb), ("RGB", bare), ("YBR_FULL_422", ybr)):
        data = dicom(tinted, JPEGBaseline8Bit, encapsulate([jpeg]), PhotometricInterpretation=photometric)
        assert np.abs(read(data).pixels - expected).max() <= 8


def test_unused_high_bits_are_ignored() -> None:
    values = wide_values("u2").astype(np.uint16)
    clean = read(dicom(values, BitsStored=12, HighBit=11)).pixels
    np.testing.assert_array_equal(read(dicom(values | 0xF000, BitsStored=12, HighBit=11)).pixels, clean)


def test_burned_in_text_is_mentioned_unless_the_file_denies_it() -> None:
    assert "burned_in" in codes(read(dicom(picture())))
    assert "burned_in" in codes(read(dicom(picture(), BurnedInAnnotation="YES")))
    assert "burned_in" not in codes(read(dicom(picture(), BurnedInAnnotation="NO")))


@pytest.mark.parametrize("wbits", [-15, 15], ids=["as the standard has it", "with the header of zlib"])
def test_deflated_dicom_is_read(wbits: int) -> None:
    data = dicom(picture(), DeflatedExplicitVRLittleEndian)
    start = hostile.end_of_meta(data)
    body = zlib.decompress(data[start:].rstrip(b"\0") + bytes(8), -15)
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    np.testing.assert_array_equal(read(data[:start] + packer.compress(body) + packer.flush()).pixels, picture())


def test_no_tag_reaches_logs_or_errors(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture) -> None:
    data = dicom(picture(), WindowCenter=1, WindowWidth=77, StudyDescription=SECRET)
    for changed in (data, data.replace(b"77", b"xy"), data[:-1000], data.replace(b"ISO_IR", SECRET[:6].encode())):
        result = read_safely(changed, f"{SECRET}.dcm")
        assert SECRET not in repr(result)
    assert caplog.text == ""
    assert "".join(capfd.readouterr()) == ""


# Cautions from the picture itself


@pytest.mark.parametrize(
    ("pixels", "code"),
    [
        (np.full((200, 200), 90, np.uint8), "uniform"),
        (picture(100, 140), "small"),
        (picture(140, 400), "aspect"),
        (255 - picture(400, 360), "inverted"),
    ],
)
def test_warning(pixels: np.ndarray, code: str) -> None:
    assert code in codes(read(encode_png(pixels)))


def test_an_ordinary_image_has_no_warning() -> None:
    assert read(encode_png(picture(400, 360))).warnings == ()


# Any bytes


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM", b"II*\0"]))
def test_any_bytes(body: bytes, head: bytes) -> None:
    read_safely(head + body)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_damaged_good_files(name: str, data: st.DataObject) -> None:
    changed = bytearray(GOOD[name])
    places = st.integers(0, len(changed) - 1) | st.integers(0, min(700, len(changed) - 1))
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=12)):
        changed[place] = value
    cut = data.draw(st.none() | st.integers(0, len(changed)))
    read_safely(bytes(changed[:cut]), name)


def test_many_threads_read_the_same_as_one() -> None:
    expected = {name: read(data).pixels for name, data in GOOD.items()}
    filters = list(warnings.filters)
    wrong: list[str] = []

    def work() -> None:
        for name, data in GOOD.items():
            if not np.array_equal(read(data, name).pixels, expected[name]):
                wrong.append(name)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert warnings.filters == filters


# encode_png


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_encode_png(shape: tuple[int, ...]) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_png(pixels)))), pixels)


@pytest.mark.parametrize("pixels", [np.zeros((5, 7)), np.zeros((5, 7, 4), np.uint8), np.zeros(5, np.uint8)])
def test_encode_png_refuses(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        encode_png(pixels)


def test_limits_have_the_documented_values() -> None:
    assert radiograph.MAX_PIXELS == 36_000_000
    assert radiograph.MAX_BYTES == 50_000_000


def test_what_begins_like_a_jpeg_and_goes_on_like_none_is_not_told_to_be_cut_short():
    with pytest.raises(radiograph.RadiographError, match="damaged or not a JPEG file") as told:
        radiograph.read(b"\xff\xd8\xff\xe0" + b"nonsense, no JPEG at all" * 9, "broken.jpg")
    assert told.value.code == "damaged"
