import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.images import overlays

GREY = np.full((6, 8), 100, np.uint8)


def test_overlay_is_clear_where_nothing_was_found_and_follows_the_map():
    heat = np.zeros((6, 8), np.float32)
    heat[2, 3], heat[4, 5] = 1.0, 0.5
    painted = overlays.overlay(GREY, heat, opacity=0.6, floor=0.15)
    assert painted.shape == (6, 8, 3)
    assert (painted[heat == 0] == 100).all()
    expected = 100 * 0.4 + overlays.heat_colours()[255] * 0.6
    np.testing.assert_allclose(painted[2, 3], expected, atol=1)
    alpha = 0.6 * (0.5 - 0.15) / 0.85
    np.testing.assert_allclose(painted[4, 5], 100 * (1 - alpha) + overlays.heat_colours()[128] * alpha, atol=1)


@given(st.floats(0, 1), st.floats(0, 0.9), st.integers(1, 9), st.integers(1, 9))
def test_overlay_takes_any_map_size_and_setting(opacity, floor, height, width):
    heat = np.random.default_rng(0).random((height, width), dtype=np.float32)
    assert overlays.overlay(GREY, heat, opacity, floor).shape == (6, 8, 3)


def test_no_opacity_is_the_image():
    assert (overlays.overlay(GREY, np.ones((3, 3), np.float32), opacity=0.0) == 100).all()


def test_heat_colours_get_brighter_all_the_way():
    brightness = overlays.heat_colours() @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(brightness) > -1).all()
    assert brightness[-1] - brightness[0] > 200


def test_window_spreads_and_inverts():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(overlays.windowed(ramp, 0, 255), ramp)
    np.testing.assert_array_equal(overlays.windowed(ramp, 0, 255, invert=True), 255 - ramp)
    spread = overlays.windowed(ramp, 100, 150).ravel()
    assert (spread[:101] == 0).all()
    assert (spread[150:] == 255).all()
    assert overlays.windowed(ramp, 100, 100).max() == 255


def test_a_small_map_lies_where_it_was_seen():
    heat = np.zeros((2, 2), np.float32)
    heat[0, 1] = 1
    changed = (overlays.overlay(np.full((40, 60), 100, np.uint8), heat) != 100).any(2)
    assert changed[:10, 45:].all()
    assert not changed[30:].any()
    assert not changed[:, :15].any()


def test_a_stretched_map_has_its_cells_centres_where_the_image_has_them():
    """Along a row of two cells, bilinear with centres at a quarter and three quarters."""
    heat = np.array([[0.0, 1.0]], np.float32)
    image = np.zeros((4, 8), np.uint8)
    painted = overlays.overlay(image, heat, opacity=1, floor=0)
    level = np.clip((np.arange(8) + 0.5) / 8 * 2 - 0.5, 0, 1)
    expected = np.round(overlays.heat_colours()[np.round(level * 255).astype(np.uint8)] * level[:, None])
    np.testing.assert_allclose(painted[2], expected, atol=1)
    assert (painted == painted[:1]).all()


@given(st.integers(0, 255), st.integers(0, 255), st.booleans())
def test_any_window_is_monotone(low, high, invert):
    levels = overlays.windowed(np.arange(256, dtype=np.uint8)[None], low, high, invert)[0].astype(int)
    steps = np.diff(levels)
    assert ((steps <= 0) if invert else (steps >= 0)).all()
    assert {levels[0], levels[-1]} <= set(range(256))


def test_cells_keep_their_hard_edges():
    heat = np.array([[0, 1], [0.5, 0]], np.float32)
    painted = overlays.overlay(np.full((6, 8), 100, np.uint8), heat, floor=0, smooth=False)
    for rows, columns in ((0, 0), (0, 1), (1, 0), (1, 1)):
        block = painted[3 * rows : 3 * rows + 3, 4 * columns : 4 * columns + 4]
        assert (block == block[0, 0]).all()
    assert (painted[0, 0] == 100).all()
    assert (painted[0, 4] != painted[3, 0]).any()


@pytest.mark.parametrize("image", [np.full((40, 40), 90, np.uint8), np.full((40, 40, 3), 90, np.uint8)])
def test_outline_goes_round_the_mask_and_leaves_it_clear(image):
    mask = np.zeros((40, 40), bool)
    mask[10:20, 10:20] = True
    painted = overlays.outline(image, mask)
    changed = (painted != 90).any(-1)
    assert changed.sum() == 40, "four sides of ten pixels"
    assert not changed[mask].any()
    assert (image == 90).all()
    assert (overlays.outline(image, np.zeros_like(mask)) == 90).all()
