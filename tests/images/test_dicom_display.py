"""DICOM files as viewers show them: every tag that shapes the image, as it should be and as it is found in archives."""

from __future__ import annotations

import contextlib
import time

import hypothesis.strategies as st
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from pneumo.images.radiograph import RadiographError, read
from pneumo.images.refusals import MAX_SIDE
from tests.hostile import SECRET, dicom, encoded, end_of_meta, picture, rle
from tests.seeds import codestreams, compressed, wide

PLAIN = picture(96, 80)
PAD, HIGH = 40, 4095  # columns of padding at the left; the highest of 12 bits


def codes(data: bytes) -> set[str]:
    return {warning.code for warning in read(data).warnings}


def level_error(data: bytes, expected: np.ndarray) -> float:
    """The largest difference in grey levels."""
    return float(np.abs(read(data).pixels.astype(float) - expected).max())


def spread(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255


def without(data: bytes, group: int, element: int) -> bytes:
    """An explicit, little-endian file without one of its elements of a short VR."""
    start = data.index(group.to_bytes(2, "little") + element.to_bytes(2, "little"), 132)
    return data[:start] + data[start + 8 + int.from_bytes(data[start + 6 : start + 8], "little") :]


# Padding


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("kind", ["u2", "i2"])
@pytest.mark.parametrize("padding", [0, 65535, -2000, 63536])
def test_padding_is_no_part_of_the_range_and_is_shown_black(photometric: str, kind: str, padding: int) -> None:
    values = wide().astype(kind) + 100
    word = padding % 65536
    values[:, :PAD] = word - 65536 if kind == "i2" and word > 32767 else word
    data = dicom(values, PhotometricInterpretation=photometric)
    at = data.index(b"\xe0\x7f\x10\x00")
    tag = b"\x28\x00\x20\x01" + (b"SS" if kind == "i2" else b"US") + b"\x02\x00" + word.to_bytes(2, "little")
    result = read(data[:at] + tag + data[at:]).pixels
    body = spread(values[:, PAD:], values[:, PAD:].min(), values[:, PAD:].max())
    assert (result[:, :PAD] == 0).all()
    assert np.abs(result[:, PAD:] - (255 - body if photometric == "MONOCHROME1" else body)).max() <= 1


def test_a_range_of_padding() -> None:
    values = wide() + 100
    values[:, :PAD] = np.arange(PAD)
    result = read(dicom(values, PixelPaddingValue=PAD, PixelPaddingRangeLimit=0)).pixels
    assert (result[:, :PAD] == 0).all()
    assert result[:, PAD:].max() == 255


def test_an_image_of_nothing_but_padding_is_shown_as_it_is() -> None:
    assert read(dicom(np.full((200, 200), 7, np.uint16), PixelPaddingValue=7)).pixels.shape == (200, 200)


def test_padding_beside_a_window() -> None:
    values = wide() + 100
    values[:, :PAD] = 60000
    result = read(dicom(values, PixelPaddingValue=60000, WindowCenter=2148, WindowWidth=4096)).pixels
    assert (result[:, :PAD] == 0).all()
    assert np.abs(result[:, PAD:] - spread(values[:, PAD:], 100, 4195)).max() <= 1


# Bits


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
def test_a_high_bit_above_is_shifted_down(bits: int) -> None:
    values = wide() >> (12 - min(bits, 12))
    data = dicom(values << (16 - bits), BitsStored=bits, HighBit=15)
    assert level_error(data, spread(values, values.min(), values.max())) <= 1


def test_a_high_bit_that_lies_leaves_low_values_alone() -> None:
    values = wide()
    data = dicom(values, BitsStored=12, HighBit=15)
    assert level_error(data, spread(values, values.min(), values.max())) <= 1


@pytest.mark.parametrize("bits", [1, 8, 10, 11])
def test_values_beyond_the_stated_bits_are_believed(bits: int) -> None:
    values = wide()
    data = dicom(values, BitsStored=bits, HighBit=bits - 1)
    assert level_error(data, spread(values, values.min(), values.max())) <= 1


@pytest.mark.parametrize("bits", [0, 17, 99])
def test_impossible_bits_count_as_unsaid(bits: int) -> None:
    values = wide()
    assert level_error(dicom(values, BitsStored=bits), spread(values, values.min(), values.max())) <= 1


def test_an_overlay_in_unused_bits_is_no_part_of_the_image() -> None:
    values = wide()
    drawn = values | (np.indices(values.shape).sum(0) % 7 == 0).astype(np.uint16) << 12
    data = dicom(drawn, BitsStored=12, HighBit=11)
    assert level_error(data, spread(values, values.min(), values.max())) <= 1


def test_signs_that_were_not_extended_are() -> None:
    values = wide().astype(np.int32) - 2048
    data = dicom((values & 0xFFF).astype(np.uint16), BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert level_error(data, spread(values, values.min(), values.max())) <= 1


# Windows


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"WindowCenter": 2048, "WindowWidth": 0}, "window"),
        ({"WindowCenter": 2048, "WindowWidth": -5}, "window"),
        ({"WindowCenter": 2048, "WindowWidth": 0.5}, "window"),
        ({"WindowCenter": 20000, "WindowWidth": 400}, "window"),
        ({"WindowCenter": -20000, "WindowWidth": 400}, "window"),
        ({"WindowCenter": [0, -9], "WindowWidth": [0, 2]}, "window"),
        ({"WindowCenter": 2048, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"}, "window"),
        ({"WindowCenter": 2048, "WindowWidth": 0, "VOILUTFunction": "LINEAR_EXACT"}, "window"),
        ({"RescaleSlope": 0, "RescaleIntercept": 9}, "left_out"),
        ({"RescaleSlope": "1e300", "RescaleIntercept": "-1e300"}, "left_out"),
    ],
    ids=str,
)
def test_what_would_show_nothing_is_left_out_and_said(tags: dict, told: str) -> None:
    data = dicom(wide(), **tags)
    assert level_error(data, spread(wide(), wide().min(), wide().max())) <= 1
    assert told in codes(data)
    assert "uniform" not in codes(data)


@pytest.mark.parametrize("first", [(20000, 100), (5, 0), (2048, -3)])
def test_the_first_window_that_shows_something_is_taken(first: tuple[int, int]) -> None:
    data = dicom(wide(), WindowCenter=[first[0], 2048], WindowWidth=[first[1], 2000])
    assert level_error(data, spread(wide(), 2047.5 - 999.5, 2047.5 + 999.5)) <= 1
    assert "window" not in codes(data)


@pytest.mark.parametrize("function", ["LINEARE", "", "linear", "  LINEAR"])
def test_an_unknown_function_is_linear(function: str) -> None:
    data = dicom(wide(), WindowCenter=2048, WindowWidth=2000, VOILUTFunction=function)
    assert level_error(data, spread(wide(), 2047.5 - 999.5, 2047.5 + 999.5)) <= 1


@pytest.mark.parametrize("name", ["WindowWidth", "WindowCenter", "RescaleSlope", "RescaleIntercept"])
def test_a_number_that_is_none_is_left_out_by_name_and_its_text_is_not_told(name: str) -> None:
    data = dicom(
        wide(), **{"WindowCenter": 2048, "WindowWidth": 4096, "RescaleSlope": 1, "RescaleIntercept": 0} | {name: 77777}
    )
    damaged = data.replace(b"77777", b"DOE^J", 1)
    told = " ".join(warning.message for warning in read(damaged).warnings)
    assert name in told
    assert "DOE" not in told
    ends = (wide().min(), wide().max()) if name.startswith("Window") else (0, 4095)
    assert level_error(damaged, spread(wide(), *ends)) <= 1


def test_a_threshold_of_width_one_still_shows_two_greys() -> None:
    assert set(np.unique(read(dicom(wide(), WindowCenter=2000, WindowWidth=1)).pixels)) == {0, 255}


def test_windows_of_an_enhanced_object_lie_in_its_functional_groups() -> None:
    window, group = pydicom.Dataset(), pydicom.Dataset()
    window.WindowCenter, window.WindowWidth = 2048, 2000
    group.FrameVOILUTSequence = [window]
    data = dicom(wide(), SharedFunctionalGroupsSequence=[group])
    assert level_error(data, spread(wide(), 2047.5 - 999.5, 2047.5 + 999.5)) <= 1


# Tables


def table(entries: np.ndarray, first: int = 0, bits: int = 16, count: int | None = None) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.LUTDescriptor = [(len(entries) if count is None else count) % 65536, first % 65536, bits]
    item.LUTData = entries.tobytes()
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    return item


@pytest.mark.parametrize(("bits", "said"), [(14, 16), (12, 16), (8, 16), (12, 12), (12, 8), (16, 16), (10, 12)])
def test_white_is_the_highest_that_the_entries_reach_whatever_is_said(bits: int, said: int) -> None:
    curve = np.round(np.linspace(0, 1, HIGH + 1) ** 0.7 * ((1 << bits) - 1)).astype("<u2")
    data = dicom(wide(), VOILUTSequence=[table(curve, bits=said)])
    assert level_error(data, np.linspace(0, 1, HIGH + 1)[wide()] ** 0.7 * 255) <= 1 + 255 / (1 << bits)


def test_entries_of_one_byte_each() -> None:
    curve = np.arange(256, dtype=np.uint8)[::-1].copy()
    data = dicom(PLAIN, VOILUTSequence=[table(curve, bits=8)])
    assert level_error(data, 255 - PLAIN) <= 1


def test_fewer_entries_than_said_end_at_the_last() -> None:
    curve = np.linspace(0, 4095, 3000).astype("<u2")
    data = dicom(wide(), VOILUTSequence=[table(curve, bits=12, count=4096)])
    assert level_error(data, spread(np.minimum(wide(), 2999), 0, 2999)) <= 1


@pytest.mark.parametrize(
    "item",
    [table(np.zeros(256, "<u2")), table(np.zeros(0, "<u2"), count=9), table(np.arange(4096, dtype="<u2"), first=30000)],
    ids=["black", "empty", "elsewhere"],
)
def test_a_table_that_shows_nothing_gives_way_to_the_window(item: pydicom.Dataset) -> None:
    data = dicom(wide(), VOILUTSequence=[item], WindowCenter=2048, WindowWidth=2000)
    assert level_error(data, spread(wide(), 2047.5 - 999.5, 2047.5 + 999.5)) <= 1
    assert codes(data) & {"left_out", "window"}


def test_a_first_entry_below_zero() -> None:
    values = wide().astype(np.int16) - 2048
    data = dicom(values, VOILUTSequence=[table(np.arange(4096, dtype="<u2"), first=-2048, bits=12)])
    assert level_error(data, spread(values, -2048, 2047)) <= 1


# Presentation


@pytest.mark.parametrize(
    ("photometric", "shape", "negative"),
    [
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", "", True),
        ("MONOCHROME2", "inverse ", True),
        ("monochrome1", "", True),
        ("Monochrome2 ", "IDENTITY", False),
    ],
)
def test_the_image_is_turned_round_once(photometric: str, shape: str, negative: bool) -> None:
    tags = {"PresentationLUTShape": shape} if shape else {}
    data = dicom(PLAIN, PhotometricInterpretation=photometric, **tags)
    np.testing.assert_array_equal(read(data).pixels, 255 - PLAIN if negative else PLAIN)


# Outliers


@pytest.mark.parametrize("kind", ["u2", "i2"])
@pytest.mark.parametrize("hot", [1, 3, 20])
def test_a_few_defective_pixels_do_not_set_the_range(kind: str, hot: int) -> None:
    values = wide().astype(kind)
    values.reshape(-1)[np.linspace(0, values.size - 1, hot).astype(int)] = np.iinfo(kind).max
    expected = spread(wide(), wide().min(), wide().max())
    assert np.abs(read(dicom(values)).pixels - expected).mean() < 1


def test_a_marker_and_a_dead_line_do_not_set_the_range() -> None:
    values = picture(600, 500).astype(np.uint16) * 16
    high = int(values.max())
    values[300], values[5:15, 5:15] = 0, 65535
    result = read(dicom(values))
    assert np.abs(result.pixels[310:].astype(float) - spread(values[310:], 0, high)).max() <= 1


def test_a_bright_region_is_no_outlier() -> None:
    values = wide()
    values[:4, :4] = np.linspace(4095, 12000, 16).reshape(4, 4)
    assert level_error(dicom(values), spread(values, values.min(), 12000)) <= 1


# What is missing


@pytest.mark.parametrize("element", [0x0002, 0x0101, 0x0102, 0x0103, 0x0100])
def test_what_follows_from_the_rest_may_be_missing(element: int) -> None:
    data = without(dicom(wide()), 0x0028, element)
    assert level_error(data, spread(wide(), wide().min(), wide().max())) <= 1
    np.testing.assert_array_equal(read(without(dicom(PLAIN), 0x0028, element)).pixels, PLAIN)


def test_a_missing_photometric_interpretation_is_said() -> None:
    data = without(dicom(PLAIN), 0x0028, 0x0004)
    np.testing.assert_array_equal(read(data).pixels, PLAIN)
    assert "photometric" in codes(data)


@pytest.mark.parametrize("element", [0x0010, 0x0011])
def test_missing_rows_are_named(element: int) -> None:
    with pytest.raises(RadiographError, match="Rows and Columns"):
        read(without(dicom(PLAIN), 0x0028, element))


@pytest.mark.parametrize("kind", ["lossless", "jpeg-ls", "jpeg-2000", "twelve"])
@pytest.mark.parametrize(
    "end", [lambda data: data[:-8], lambda data: data[:-8] + bytes(8), lambda data: data + bytes(400)]
)
def test_a_missing_end_of_the_fragments_is_no_damage(kind: str, end) -> None:
    data = compressed(kind)
    np.testing.assert_array_equal(read(end(data)).pixels, read(data).pixels)


def test_run_lengths_without_an_end() -> None:
    data = rle(PLAIN)
    np.testing.assert_array_equal(read(data[: data.rindex(b"\xfe\xff\xdd\xe0")]).pixels, PLAIN)


# Without a header


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("cut", ["all", "preamble", "meta", "preamble but the mark"])
def test_preamble_and_header_may_be_missing_in_any_byte_order(syntax: str, cut: str) -> None:
    data = dicom(wide(), syntax)
    begins = {"all": data[end_of_meta(data) :], "preamble": data[132:], "preamble but the mark": data[128:]}
    begins["meta"] = data[:132] + data[end_of_meta(data) :]
    assert level_error(begins[cut], spread(wide(), wide().min(), wide().max())) <= 1


@pytest.mark.parametrize("said", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_transfer_syntax_that_lies_is_seen_through(said: str) -> None:
    right = ExplicitVRLittleEndian if said == ImplicitVRLittleEndian else ImplicitVRLittleEndian
    claimed, real = dicom(PLAIN, said), dicom(PLAIN, right)
    data = claimed[: end_of_meta(claimed)] + real[end_of_meta(real) :]
    np.testing.assert_array_equal(read(data).pixels, PLAIN)


# Broken parts before the image


@pytest.mark.parametrize("length", [b"\xff\xff\xff\x00", b"\x03\x00\x00\x00"])
def test_a_damaged_sequence_before_the_image_costs_a_warning(length: bytes) -> None:
    data = dicom(PLAIN)
    start = end_of_meta(data)
    broken = b"\x08\x00\x40\x11SQ\x00\x00" + length + b"\xfe\xff\x00\xe0\x99\x99\x99\x00garbage, no item"
    result = read(data[:start] + broken + data[start:])
    np.testing.assert_array_equal(result.pixels, PLAIN)
    assert "left_out" in {warning.code for warning in result.warnings}


def test_a_thumbnail_before_a_damaged_part_is_not_taken_for_the_image() -> None:
    icon = pydicom.Dataset()
    icon.Rows = icon.Columns = 8
    icon.PixelData = bytes(64)
    icon["PixelData"].VR = "OB"
    np.testing.assert_array_equal(read(dicom(PLAIN, IconImageSequence=[icon])).pixels, PLAIN)


# Compressed


@pytest.mark.parametrize("kind", ["lossless", "jpeg-ls", "jpeg-2000"])
def test_lossless_streams_give_every_value(kind: str) -> None:
    assert level_error(compressed(kind), spread(wide(), wide().min(), wide().max())) <= 1


def test_twelve_bit_jpeg() -> None:
    assert np.abs(read(compressed("twelve")).pixels - spread(wide(), wide().min(), wide().max())).mean() < 2


@pytest.mark.parametrize("kind", list(codestreams()))
def test_the_stream_decides_not_the_transfer_syntax(kind: str) -> None:
    stream = codestreams()[kind][1]
    data = dicom(wide(), JPEGBaseline8Bit, encapsulate([stream]), BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(read(data).pixels, read(compressed(kind)).pixels)


def test_eight_bits_in_sixteen_allocated() -> None:
    jpeg = encoded(PLAIN, "JPEG", quality=95)
    data = dicom(wide(), JPEGBaseline8Bit, encapsulate([jpeg]), BitsStored=8, HighBit=7)
    assert np.abs(read(data).pixels.astype(float) - PLAIN).mean() < 2


def test_run_lengths_of_an_ordinary_plate() -> None:
    values = (picture(2500, 2048).astype(np.uint16) * 16) + np.arange(2048, dtype=np.uint16) % 16
    data = rle(values)
    assert len(data) > 4_000_000
    assert level_error(data, spread(values, values.min(), values.max())) <= 1


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, RLELossless])
def test_frames_that_were_not_announced_are_refused(syntax: str) -> None:
    parts = [codestreams()["jpeg-2000"][1]] * 9 if syntax == JPEG2000Lossless else [bytes(80)] * 9
    for with_offsets in (True, False):
        with pytest.raises(RadiographError) as told:
            read(dicom(wide(), syntax, encapsulate(parts, has_bot=with_offsets)))
        assert told.value.code == "multiframe"


def test_a_size_inside_that_is_not_the_one_outside_is_named() -> None:
    with pytest.raises(RadiographError, match=r"announces 50 x 96 .* 80 x 96"):
        read(compressed("jpeg-ls", Columns=50))


# Palettes


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("first", [0, 3])
def test_a_palette_is_applied(bits: int, first: int) -> None:
    curve = np.round(np.linspace(0, 1, 256) ** 2 * 255)
    data = (curve.astype("<u2") << (bits - 8)).astype("<u2").tobytes()
    tags = {f"{name}PaletteColorLookupTableDescriptor": [256, first, 16] for name in ("Red", "Green", "Blue")}
    tags |= {f"{name}PaletteColorLookupTableData": data for name in ("Red", "Green", "Blue")}
    expected = curve[np.clip(PLAIN.astype(int) - first, 0, 255)]
    assert level_error(dicom(PLAIN, PhotometricInterpretation="PALETTE COLOR", **tags), expected) <= 1


def test_a_missing_palette_is_named() -> None:
    with pytest.raises(RadiographError, match="PALETTE COLOR"):
        read(dicom(PLAIN, PhotometricInterpretation="PALETTE COLOR"))


# What is no image


def test_float_pixels_are_named() -> None:
    data = dicom(PLAIN)
    at = data.index(b"\xe0\x7f\x10\x00")
    with pytest.raises(RadiographError, match="floating point"):
        read(data[:at] + b"\xe0\x7f\x08\x00OF\x00\x00\x04\x00\x00\x00" + bytes(4))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_dicomdir_is_named(syntax: str) -> None:
    data_set = pydicom.Dataset()
    data_set.FileSetID = SECRET[:8]
    data_set.DirectoryRecordSequence = []
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    pydicom.filewriter.write_dataset(buffer, data_set)
    with pytest.raises(RadiographError, match="DICOMDIR"):
        read(dicom(PLAIN, syntax)[: end_of_meta(dicom(PLAIN, syntax))] + buffer.getvalue())


def test_an_object_without_pixels_is_called_by_its_class() -> None:
    data = dicom(PLAIN, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    start, end = data.index(b"\x28\x00\x02\x00US"), len(data)
    with pytest.raises(RadiographError, match="Basic Text SR"):
        read(data[:start] + data[end:])


def test_a_value_of_the_photometric_interpretation_is_not_told_unless_known() -> None:
    with pytest.raises(RadiographError) as told:
        read(dicom(PLAIN, PhotometricInterpretation=SECRET))
    assert SECRET not in str(told.value)
    assert "Photometric Interpretation" in str(told.value)
    with pytest.raises(RadiographError, match="CMYK"):
        read(dicom(PLAIN, PhotometricInterpretation="CMYK"))


def test_a_thin_image_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(RadiographError, match="sides"):
        read(dicom(np.zeros((1, 4), np.uint16), Columns=MAX_SIDE + 1))


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept"]),
        st.sampled_from(["0", "-1", "1e308", "-1e308", "nan", "inf", "1e-300", "5", "4095", "x", "", "1\\2"]),
    ),
    st.sampled_from([0, 1, 7, 8, 12, 15, 16, 200]),
    st.sampled_from([0, 7, 11, 15, 99]),
    st.sampled_from([0, 1, 2]),
)
def test_no_combination_of_tags_costs_the_image(tags: dict, stored: int, high: int, representation: int) -> None:
    values = wide().copy()
    marks = {name: f"{1000 + n}" for n, name in enumerate(tags)}
    data = dicom(values, BitsStored=stored, HighBit=high, PixelRepresentation=representation, **marks)
    for name, mark in marks.items():
        text = tags[name].encode()
        data = data.replace(
            b"DS\x04\x00" + mark.encode(),
            b"DS" + (len(text) + len(text) % 2).to_bytes(2, "little") + text + b" " * (len(text) % 2),
        )
    assert read(data).pixels.shape == values.shape


@pytest.mark.parametrize("element", [0x0100, 0x0101])
def test_run_lengths_say_their_bits_themselves(element: int) -> None:
    for pixels in (PLAIN, wide()):
        np.testing.assert_array_equal(read(without(rle(pixels), 0x0028, element)).pixels, read(rle(pixels)).pixels)


def test_signs_without_bits_stored_follow_from_the_high_bit() -> None:
    values = wide().astype(np.int32) - 2048
    data = dicom((values & 0xFFF).astype(np.uint16), BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert level_error(without(data, 0x0028, 0x0101), spread(values, values.min(), values.max())) <= 1


@pytest.mark.parametrize("boxed", [False, True])
def test_one_frame_in_two_fragments_with_or_without_offsets(boxed: bool) -> None:
    stream = encoded(PLAIN, "JPEG2000", no_jp2=not boxed)
    for count in (1, 2, 3):
        data = dicom(PLAIN, JPEG2000Lossless, encapsulate([stream], fragments_per_frame=count, has_bot=False))
        np.testing.assert_array_equal(read(data).pixels, PLAIN)
    start = data.index(b"\xfe\xff\x00\xe0\x00\x00\x00\x00")
    np.testing.assert_array_equal(read(data[:start] + data[start + 8 :]).pixels, PLAIN)


def test_colour_inside_what_is_said_to_be_grey_is_colour_and_held_to_its_limit() -> None:
    import imagecodecs

    colour = np.stack([PLAIN, PLAIN // 2, PLAIN // 3], -1)
    stream = imagecodecs.jpegls_encode(colour)
    data = dicom(PLAIN, JPEGLSLossless, encapsulate([stream]))
    np.testing.assert_array_equal(read(data).pixels, read(encoded(colour, "PNG")).pixels)
    at = stream.index(b"\xff\xf7") + 5
    large = stream[:at] + (6000).to_bytes(2, "big") * 2 + stream[at + 4 :]
    with pytest.raises(RadiographError, match="megapixels"):
        read(dicom(PLAIN, JPEGLSLossless, encapsulate([large]), Rows=6000, Columns=6000))


def test_a_native_image_may_begin_like_an_item() -> None:
    values = wide()
    values[0, :2] = 0xFFFE, 0xE000
    assert read(dicom(values)).pixels.shape == values.shape


def test_an_empty_value_at_the_end_of_a_list_costs_nothing() -> None:
    data = dicom(wide(), WindowCenter=2048, WindowWidth=2000)
    changed = data.replace(b"2048", b"204\\", 1).replace(b"2000", b"200\\", 1)
    assert "left_out" not in codes(changed)


@pytest.mark.parametrize("filler", [b"\x28\x00", b"\x28\x00\x02\x00US\x02\x00", b"\xe0\x7f\x10\x00"])
def test_a_walk_that_gets_lost_again_and_again_ends(filler: bytes) -> None:
    data = dicom(PLAIN)
    lost = b"\xfe\xff\x00\xe0\x00\x00\x00\x00"
    start = time.process_time()
    with contextlib.suppress(RadiographError):
        read(data[: end_of_meta(data)] + (lost + filler * 50) * (8_000_000 // (8 + 50 * len(filler))))
    assert time.process_time() - start < 0.5


def test_items_of_all_sequences_share_one_budget() -> None:
    empty = b"\x09\x00\x10\x00CS\x00\x00" * 100_000
    item = b"\xfe\xff\x00\xe0" + len(empty).to_bytes(4, "little") + empty
    data = dicom(PLAIN)
    at = data.index(b"\xe0\x7f\x10\x00")
    sequence = b"\x28\x00\x10\x30SQ\x00\x00" + len(item).to_bytes(4, "little") + item
    with pytest.raises(RadiographError, match="too many elements"):
        read(data[:at] + sequence + data[at:])
