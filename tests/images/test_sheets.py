"""Sheets of small pictures, and what their files say of themselves."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.utils import make_grid

from pneumo.images import sheets


@given(st.integers(1, 20), st.integers(1, 9), st.integers(0, 6), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_cells_are_the_reverse_of_grid(count, side, columns, gap, seed):
    images = np.random.default_rng(seed).integers(0, 256, (count, side, side), dtype=np.uint8)
    result = sheets.cells(sheets.grid(images, columns, gap), side, gap)
    assert np.array_equal(result[:count], images)
    assert not result[count:].any()


def test_grid_is_as_square_as_it_gets():
    assert sheets.grid(np.zeros((16, 8, 8), np.uint8)).shape == (38, 38)
    assert sheets.grid(np.zeros((5, 8, 8), np.uint8), columns=5).shape == (8, 48)


def test_to_uint8_covers_the_range_and_cuts_off():
    images = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])[:, None, None, None]
    assert sheets.to_uint8(images).ravel().tolist() == [0, 0, 128, 255, 255]


def test_a_synthetic_image_says_so_in_its_file():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    with Image.open(io.BytesIO(sheets.png(pixels))) as image:
        assert image.text["Description"] == sheets.SYNTHETIC
        assert np.array_equal(np.asarray(image), pixels)
    with Image.open(io.BytesIO(sheets.png(pixels, synthetic=False))) as image:
        assert image.text == {}


def test_a_walk_goes_there_and_back_and_says_that_it_is_synthetic():
    frames = np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    with Image.open(io.BytesIO(sheets.gif(frames, side=16))) as image:
        assert image.n_frames == 8 and image.size == (16, 16)
        assert image.info["comment"] == sheets.SYNTHETIC.encode()


@given(st.integers(2, 20), st.integers(1, 9), st.integers(1, 9), st.integers(1, 6), st.integers(0, 3))
def test_a_grid_is_torchvisions_without_its_border(count, height, width, columns, gap):
    """torchvision leaves out columns that no image fills, and triples the channel."""
    columns = min(columns, count)
    images = np.random.default_rng(count).integers(0, 256, (count, height, width), dtype=np.uint8)
    expected = make_grid(torch.from_numpy(images)[:, None], columns, padding=gap, pad_value=7)[0].numpy()
    rows, wide = expected.shape
    assert np.array_equal(sheets.grid(images, columns, gap, background=7), expected[gap : rows - gap, gap : wide - gap])


def test_a_grid_leaves_grey_levels_alone_and_fills_with_its_background():
    images = np.stack([np.full((4, 4), 30 * n, np.uint8) for n in range(5)])
    sheet = sheets.grid(images, columns=3, background=sheets.GREY)
    assert sheet.shape == (10, 16)
    assert [sheet[2, 2], sheet[2, 8], sheet[8, 8], sheet[8, 14], sheet[4, 0]] == [0, 30, 120, 128, 128]
    assert sheets.grid(images[:1], columns=3).shape == (4, 16)


def test_each_map_is_stretched_to_its_own_range():
    maps = np.stack([np.eye(4, dtype=np.float32) * n - n for n in range(3)])
    expected = np.eye(4) * 255
    np.testing.assert_array_equal(sheets.stretched(maps), [np.zeros((4, 4)), expected, expected])


@pytest.mark.parametrize(
    ("shape", "size"), [((100, 200), (640, 320)), ((2400, 1200), (600, 1200)), ((700, 800), (800, 700))]
)
def test_images_for_the_screen_are_neither_tiny_nor_huge_and_keep_their_proportions(shape, size):
    blob = sheets.for_screen(np.full(shape, 90, np.uint8))
    assert Image.open(io.BytesIO(blob)).size == size
    assert Image.open(io.BytesIO(sheets.for_screen(np.zeros((*shape, 3), np.uint8), 72, 72))).mode == "RGB"


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1, 3), (1, 1), (40, 40), (3, 97)])
def test_no_side_of_a_shown_image_is_lost_when_it_is_scaled_down(shape):
    shown = sheets.showable(np.zeros(shape, np.uint8))
    assert max(shown.shape[:2]) <= 32 * min(shown.shape[:2])
    assert shown.shape == shape or max(shape[:2]) > 32 * min(shape[:2])
