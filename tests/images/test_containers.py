"""TIFF, PNG, JPEG 2000 and AVIF: every kind of numbers, and announced sizes that are checked before anything is decoded."""

from __future__ import annotations

import io
import struct
import time
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from pneumo.images import codestreams, containers, tiff
from pneumo.images.radiograph import RadiographError, read
from pneumo.images.refusals import MAX_SIDE
from tests.hostile import encoded, picture, png_chunk, png_of, tiff_of
from tests.seeds import wide

GREY = picture(96, 80)


def stretched(values: np.ndarray) -> np.ndarray:
    values = values.astype(float)
    return (values - values.min()) / (values.max() - values.min()) * 255


def codes(data: bytes) -> set[str]:
    return {warning.code for warning in read(data).warnings}


# TIFF


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("kind", ["u2", "u4", "i2", "i4", "f2", "f4", "f8"])
def test_tiff_of_any_numbers(kind: str, compression: str | None) -> None:
    values = wide().astype(kind) if kind[0] != "f" else (GREY / 255).astype(kind)
    data = imagecodecs.tiff_encode(values, compression=compression) if compression else imagecodecs.tiff_encode(values)
    expected = stretched(values) if kind[0] != "f" else GREY
    assert np.abs(read(data).pixels - expected).max() <= 1


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_tiff_and_png_with_16_bits_a_colour(channels: int, bits: int) -> None:
    values = np.repeat((GREY.astype(np.uint16) << (bits - 8))[..., None], channels, -1)
    if channels in (2, 4):
        values[..., -1] = 65535
    expected = GREY if bits == 16 else stretched(GREY)
    for data in (imagecodecs.png_encode(values), *([imagecodecs.tiff_encode(values)] if channels == 3 else [])):
        assert np.abs(read(data).pixels.astype(float) - expected).max() <= 2
        assert ("dark16" in codes(data)) == (bits < 16)


def test_opacity_of_16_bits_lies_on_black() -> None:
    values = np.stack(
        [np.full((60, 60), 65535, np.uint16), np.linspace(0, 65535, 3600).astype(np.uint16).reshape(60, 60)], -1
    )
    assert np.abs(read(imagecodecs.png_encode(values)).pixels.astype(float) - values[..., 1] / 257).max() <= 1


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compressed", [False, True])
def test_white_is_zero(bits: int, compressed: bool) -> None:
    values = GREY.astype(np.uint16) * 257 if bits == 16 else GREY
    raw = values.astype(f"<u{bits // 8}").tobytes()
    body = zlib.compress(raw) if compressed else raw
    start = 8 + 2 + 12 * 8 + 4
    data = tiff_of(
        (256, 3, 1, 80), (257, 3, 1, 96), (258, 3, 1, bits), (259, 3, 1, 8 if compressed else 1), (262, 3, 1, 0),
        (273, 4, 1, start + 64), (278, 3, 1, 96), (279, 4, 1, len(body)),
    ) + body  # fmt: skip
    np.testing.assert_array_equal(read(data).pixels, 255 - GREY)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (((258, 3, 1, 12),), "12 bits"),
        (((258, 3, 1, 64),), "64 bits"),
        (((258, 3, 1, 24), (339, 3, 1, 3)), "floating point"),
        (((322, 3, 1, 46336), (323, 3, 1, 46336)), "tiles"),
        (((256, 4, 1, 1 << 26),), "sides"),
        (((257, 4, 1, 1 << 31),), "sides"),
        (((277, 3, 1, 60000),), "samples"),
        (((259, 3, 1, 34712),), "compression 34712"),
    ],
    ids=str,
)
def test_what_a_tiff_announces_is_checked_first(entries: tuple, words: str) -> None:
    base = {256: (3, 1, 8), 257: (3, 1, 8), 258: (3, 1, 8), 262: (3, 1, 1), 273: (4, 1, 8), 279: (4, 1, 64)}
    base |= {tag: rest for tag, *rest in entries}
    start = time.process_time()
    with pytest.raises(RadiographError, match=words):
        read(tiff_of(*[(tag, *rest) for tag, rest in sorted(base.items())]))
    assert time.process_time() - start < 0.2


def test_a_small_image_may_lie_in_one_larger_tile() -> None:
    tile = np.zeros((64, 64), np.uint8)
    tile[:40, :30] = picture(40, 30)
    head = ((256, 3, 1, 30), (257, 3, 1, 40), (258, 3, 1, 8), (262, 3, 1, 1), (322, 3, 1, 64), (323, 3, 1, 64))
    start = 8 + 2 + 12 * 8 + 4 + 64
    data = tiff_of(*head, (324, 4, 1, start), (325, 4, 1, 4096)) + tile.tobytes()
    np.testing.assert_array_equal(read(data).pixels, picture(40, 30))


def test_libtiff_says_nothing_on_stderr(capfd: pytest.CaptureFixture) -> None:
    for compression in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits"):
        data = encoded(Image.fromarray(GREY), "TIFF", compression=compression)
        for changed in (data[:-200] + bytes(200), data.replace(data[200:260], bytes(60)), data):
            try:
                read(changed)
            except RadiographError:
                continue
    assert "".join(capfd.readouterr()) == ""


# Sides


@pytest.mark.parametrize(("width", "height"), [(1, MAX_SIDE + 1), (MAX_SIDE + 1, 1), (1, 64_000_000), (2**31 - 1, 1)])
@pytest.mark.parametrize("depth", [8, 16])
def test_thin_images_are_refused_before_they_are_decoded(width: int, height: int, depth: int) -> None:
    start = time.process_time()
    with pytest.raises(RadiographError, match="sides"):
        read(png_of(width, height, zlib.compress(bytes(1000)), depth=depth))
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize("kind", ["BMP", "JPEG", "WEBP", "TIFF"])
def test_the_longest_side_is_read(kind: str) -> None:
    side = min(MAX_SIDE, 16_383)  # WebP's own limit
    assert read(encoded(Image.new("L", (side, 2)).convert("RGB" if kind == "WEBP" else "L"), kind)).pixels.shape == (
        2,
        side,
    )


# JPEG 2000 and AVIF


@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_2000_files(boxed: bool, mode: str) -> None:
    data = encoded(Image.fromarray(GREY).convert(mode), "JPEG2000", no_jp2=not boxed)
    np.testing.assert_array_equal(read(data).pixels, GREY)


def test_jpeg_2000_of_sixteen_bits() -> None:
    values = GREY.astype(np.uint16) * 257
    np.testing.assert_array_equal(read(imagecodecs.jpeg2k_encode(values, reversible=True)).pixels, GREY)


def test_large_jpeg_2000_is_halved_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from pneumo.images import jpeg_2000

    monkeypatch.setattr(jpeg_2000, "WHOLE_BYTES", 2000)
    data = encoded(Image.fromarray(GREY), "JPEG2000")
    assert max(read(data).pixels.shape) < 96
    assert "halved" in codes(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda head: head[:8] + struct.pack(">LL", 1 << 30, 1 << 30) + head[16:], "sides|tiles"),
        (lambda head: head[:24] + struct.pack(">LL", 1, 1) + head[32:], "tiles"),
        (lambda head: head[:24] + struct.pack(">LL", 0, 0) + head[32:], "damaged"),
        (lambda head: head[:40] + struct.pack(">H", 16000) + head[42:], "components"),
        (lambda head: head[:42] + b"\x25" + head[43:], "16 bits"),
        (lambda head: head[:30], "damaged"),
    ],
)
def test_what_jpeg_2000_announces_is_checked_first(change, words: str) -> None:
    data = encoded(Image.fromarray(GREY), "JPEG2000", no_jp2=True)
    with pytest.raises(RadiographError, match=words):
        read(change(data))


def test_avif_is_read_upright_and_its_size_is_checked_first() -> None:
    image = Image.fromarray(GREY)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert np.abs(read(encoded(image, "AVIF", quality=95)).pixels.astype(int) - GREY).mean() < 2
    turned = read(encoded(image, "AVIF", quality=95, exif=exif)).pixels
    assert np.abs(turned.astype(int) - np.rot90(GREY, -1)).mean() < 3
    data = encoded(image, "AVIF")
    at = data.index(b"ispe") + 8
    with pytest.raises(RadiographError, match="sides"):
        read(data[:at] + struct.pack(">LL", 1 << 30, 1 << 30) + data[at + 8 :])


def test_animated_avif_and_missing_avif(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.fromarray(GREY), "AVIF")
    with pytest.raises(RadiographError, match="animated"):
        read(data.replace(b"ftypavif", b"ftypavis", 1))
    monkeypatch.setattr(containers.features, "check", lambda name: False)
    with pytest.raises(RadiographError, match="AVIF"):
        read(data)


# What is named


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypmif1", "HEIC"),
        (b"\0\0\0\x18ftyphevc", "HEIC"),
        (b"\0\0\0\x20ftypisom", "video"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"II\xbc\x01", "JPEG XR"),
        (b"8BPS\0\1", "Photoshop"),
        (b"SIMPLE  =                    T", "FITS"),
        (b"\x93NUMPY\x01\0", "NumPy"),
    ],
)
def test_other_formats_are_named_with_the_way_out(head: bytes, words: str) -> None:
    for name in ("x.heic", "x.jpg", ""):
        with pytest.raises(RadiographError, match=words) as told:
            read(head + bytes(400), name)
        assert "save" in str(told.value) or "share" in str(told.value)


@pytest.mark.parametrize("scans", [1, 3, 11])
def test_the_limit_of_scans_holds_inside_other_containers_too(scans: int) -> None:
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    from tests.hostile import dicom

    jpeg = encoded(Image.new("L", (5600, 5600), 90), "JPEG", progressive=True)
    first = jpeg.index(b"\xff\xda")
    second = jpeg.index(b"\xff\xda", first + 2)
    data = jpeg[:second] + jpeg[second:-2] * scans + jpeg[-2:]
    many = data.count(b"\xff\xda") * 5600 * 5600 > containers.MAX_SCAN_PIXELS
    for file in (
        data,
        dicom(np.zeros((2, 2), np.uint8), JPEGBaseline8Bit, encapsulate([data]), Rows=5600, Columns=5600),
    ):
        if many:
            with pytest.raises(RadiographError, match="scans"):
                read(file)
        else:
            assert read(file).pixels.shape == (5600, 5600)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_arrays_turn_as_images_do(orientation: int) -> None:
    grey = GREY[:20, :30]
    exif = png_chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHLHH", 0x0112, 3, 1, orientation, 0) + bytes(4))
    plain, deep = (
        encoded(grey, "PNG"),
        imagecodecs.png_encode(np.repeat(grey[..., None].astype(np.uint16) * 257, 3, -1)),
    )
    first, second = (read(data[:33] + exif + data[33:]).pixels for data in (plain, deep))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("filler", [b"\x00", b"\xff", b"\xff\x00", b"\xff\xd8", b"nonsense"])
@pytest.mark.parametrize("place", ["before the first scan", "after the start"])
def test_megabytes_of_filler_in_a_jpeg_cost_nothing(filler: bytes, place: str) -> None:
    jpeg = encoded(Image.fromarray(GREY), "JPEG", progressive=True)
    at = 2 if place == "after the start" else jpeg.index(b"\xff\xda")
    start = time.process_time()
    try:
        found = read(jpeg[:at] + filler * (8_000_000 // len(filler)) + jpeg[at:]).pixels
    except RadiographError:
        found = None
    assert time.process_time() - start < 0.5
    assert found is None or found.shape == GREY.shape


@pytest.mark.parametrize("body", [b"\xff" * 2_000_000, b"\xff\x01" * 1_000_000])
def test_fill_bytes_before_a_frame_header_are_not_walked_for_ever(body: bytes) -> None:
    start = time.process_time()
    with pytest.raises(RadiographError):
        codestreams.jpeg(b"\xff\xd8" + body)
    assert time.process_time() - start < 0.5


def test_segments_of_jpeg_2000_and_boxes_in_boxes_are_not_walked_for_ever() -> None:
    head = encoded(Image.fromarray(GREY), "JPEG2000", no_jp2=True)
    size = 4 + int.from_bytes(head[4:6], "big")
    start = time.process_time()
    with pytest.raises(RadiographError):
        codestreams.jpeg_2000(head[:size] + b"\xff\x64\x00\x02" * 1_000_000)
    inside = b"\0\0\0\x08free" * 2000
    box = struct.pack(">L4s", len(inside) + 8, b"jp2h") + inside
    assert len(list(codestreams.boxes(box * 2000))) < 1_100_000
    assert time.process_time() - start < 2


def test_white_is_zero_of_twelve_bits_is_stretched_and_said() -> None:
    values = wide()
    raw = (4095 - values).astype("<u2").tobytes()
    start = 8 + 2 + 12 * 8 + 4
    data = tiff_of(
        (256, 3, 1, 80), (257, 3, 1, 96), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 0),
        (273, 4, 1, start + 64), (278, 3, 1, 96), (279, 4, 1, len(raw)),
    ) + raw  # fmt: skip
    assert np.abs(read(data).pixels - stretched(values)).max() <= 1
    assert "dark16" in codes(data)


def strip_tiff(values: np.ndarray, *entries: tuple[int, int, int, int]) -> bytes:
    """An uncompressed TIFF of one strip. values: (H, W) or (H, W, C), at most two samples' bits fit in an entry; entries: more tags."""
    samples = 1 if values.ndim == 2 else values.shape[2]
    bits = 8 * values.dtype.itemsize
    raw = values.astype(values.dtype.newbyteorder("<")).tobytes()
    many = samples > 2
    count = 9 + len(entries)
    start = 8 + 2 + 12 * count + 4 + 64
    base = [
        (256, 3, 1, values.shape[1]), (257, 3, 1, values.shape[0]), (262, 3, 1, 1), (273, 4, 1, start + 8), (277, 3, 1, samples),
        (278, 3, 1, values.shape[0]), (279, 4, 1, len(raw)), (284, 3, 1, 1),
        (258, 3, samples, start if many else bits | (bits << 16 if samples == 2 else 0)),
    ]  # fmt: skip
    told = {tag for tag, *_ in entries}
    kept = [entry for entry in base if entry[0] not in told]
    padding = [
        (65000 + n, 3, 1, 0) for n in range(len(base) - len(kept))
    ]  # so that the strip lies where it was said to
    data = tiff_of(*sorted([*kept, *entries, *padding]))
    return data + struct.pack("<4H", *([bits] * 4)) + raw


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("opaque", [False, True])
def test_grey_with_another_channel(scheme: int, opaque: bool) -> None:
    grey = GREY.astype(np.uint16) * 257
    second = np.full_like(grey, 65535 if opaque else 1000)
    stored = np.stack([65535 - grey if scheme == 0 else grey, second], -1)
    found = read(strip_tiff(stored, (262, 3, 1, scheme), (338, 3, 1, 2 if opaque else 0))).pixels
    assert np.abs(found.astype(int) - GREY).max() <= 1  # a channel that is not said to be opacity is none


@pytest.mark.parametrize(("samples", "scheme"), [(4, 5), (1, 3), (3, 8), (2, 2)])
def test_unusual_colour_schemes_of_wide_numbers_are_refused_by_name(samples: int, scheme: int) -> None:
    values = np.zeros((20, 20, samples), np.uint16) if samples > 1 else np.zeros((20, 20), np.uint32)
    with pytest.raises(RadiographError, match="colour scheme"):
        read(strip_tiff(values, (262, 3, 1, scheme)))


def test_a_tiff_cut_into_too_many_pieces_is_refused_before_they_are_prepared() -> None:
    start = time.process_time()
    count = tiff.MAX_PIECES + 1
    entries = ((256, 4, 1, 200), (257, 4, 1, 200), (258, 3, 1, 8), (262, 3, 1, 1), (322, 3, 1, 1), (323, 3, 1, 1), (324, 4, count, 180),
               (325, 3, count, 180))  # fmt: skip
    with pytest.raises(RadiographError, match="strips"):
        read(tiff_of(*entries) + bytes(4 * count))
    assert time.process_time() - start < 0.2


def test_an_image_hidden_in_another_box_does_not_stand_for_the_one_that_is_decoded() -> None:
    small, large = (encoded(Image.new("L", size), "JPEG2000", no_jp2=True) for size in ((8, 8), (400, 400)))
    decoy = struct.pack(">L4s", len(small) + 16, b"jp2h") + struct.pack(">L4s", len(small) + 8, b"jp2c") + small
    data = b"\0\0\0\x0cjP  \r\n\x87\n" + decoy + struct.pack(">L4s", len(large) + 8, b"jp2c") + large
    assert codestreams.jpeg_2000(codestreams.codestream_of(data)).width == 400


def test_announced_by_jpeg() -> None:
    found = codestreams.jpeg(encoded(Image.fromarray(GREY).convert("RGB"), "JPEG"))
    assert (found.width, found.height, found.components, found.bits, found.lossless) == (80, 96, 3, 8, False)
    for broken in (
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8abc",
        b"\xff\xd8\xff\xda\0\2\0\0",
        b"\xff\xd8\xff\xc0\0\x0b\x08",
    ):
        with pytest.raises(RadiographError):
            codestreams.jpeg(broken)


def test_boxes_that_loop_or_lie_end_the_walk() -> None:
    assert list(codestreams.boxes(b"\0\0\0\0meta" * 9))
    assert list(codestreams.boxes(struct.pack(">L4sQ", 1, b"meta", 3))) == []
    deep = b"abcd"
    for _ in range(50):
        deep = struct.pack(">L4s", len(deep) + 8, b"ipco") + deep
    assert len(list(codestreams.boxes(deep))) < 50
    buffer = io.BytesIO(b"\0\0\0\x08free" * 5000)
    assert len(list(codestreams.boxes(buffer.getvalue()))) <= codestreams.MAX_BOXES
