"""Sheets of small pictures, and what their files say of themselves."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

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


def test_a_synthetic_picture_says_so_in_its_file():
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


def test_mosaic_places_maps_row_by_row():
    maps = np.stack([np.eye(4, dtype=np.float32) * n for n in range(1, 11)])
    grid = sheets.mosaic(maps, columns=8)
    assert grid.shape == (2 * 6, 8 * 6)
    np.testing.assert_array_equal(grid[1:5, 1:5], np.eye(4) * 255)
    assert (grid[6:, 12:] == 128).all()


def test_a_contact_sheet_leaves_the_grey_levels_alone():
    sheet = sheets.contact_sheet(np.stack([np.full((4, 4), 30 * n, np.uint8) for n in range(5)]), columns=3)
    assert sheet.shape == (12, 18)
    assert [sheet[3, 3], sheet[3, 9], sheet[9, 9], sheet[9, 15]] == [0, 30, 120, 128]


@pytest.mark.parametrize(
    ("shape", "size"), [((100, 200), (640, 320)), ((2400, 1200), (600, 1200)), ((700, 800), (800, 700))]
)
def test_images_for_the_screen_are_neither_tiny_nor_huge_and_keep_their_proportions(shape, size):
    blob = sheets.for_screen(np.full(shape, 90, np.uint8))
    assert Image.open(io.BytesIO(blob)).size == size
    assert Image.open(io.BytesIO(sheets.for_screen(np.zeros((*shape, 3), np.uint8), 72, 72))).mode == "RGB"
