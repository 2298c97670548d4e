"""One way from pixels to tensor, and an augmentation that does what its fields say."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pneumo.images import transforms
from pneumo.schema import AugmentSpec, ImageSpec

LIMITS = {"rotation_deg": 180.0, "shear_deg": 60.0, "zoom": 0.9, "stretch": 0.9, "gamma": 5.0}  # of the others 1
EVERYTHING = AugmentSpec(
    rotation_deg=20, shift=0.1, zoom=0.2, stretch=0.2, shear_deg=8, flip=0.5, gamma=0.5, contrast=0.4, brightness=0.2,
    equalise=0.5, exchange=0.5, blur=0.5, sharpen=0.5, noise=0.5, border=0.5, marker=0.5,
)  # fmt: skip
SINGLE = [
    dataclasses.replace(AugmentSpec(), **{f.name: getattr(EVERYTHING, f.name)}) for f in dataclasses.fields(EVERYTHING)
]


def resized(count: int = 16, size: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    noise = torch.randint(40, 160, (count, size, size), generator=generator, dtype=torch.uint8)
    ramp = torch.linspace(0, 90, size).to(torch.uint8)
    return noise + ramp


def augment(spec: AugmentSpec, seed: int = 0, images: torch.Tensor | None = None) -> torch.Tensor:
    images = resized() if images is None else images
    return transforms.augment(images, spec, torch.Generator().manual_seed(seed))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.sampled_from([8, 16, 33]), st.sampled_from(["raw", "stretch"]),
       st.sampled_from(["bilinear", "nearest"]))  # fmt: skip
def test_any_shape_becomes_a_resized_image(height, width, size, intensity, interpolation):
    pixels = np.random.default_rng(height * 100 + width).integers(0, 256, (height, width), dtype=np.uint8)
    resized_image = transforms.resize(pixels, ImageSpec(size=size, intensity=intensity, interpolation=interpolation))
    assert (resized_image.shape, resized_image.dtype) == ((size, size), np.uint8)
    if intensity == "raw":
        assert pixels.min() <= resized_image.min() <= resized_image.max() <= pixels.max()


def test_a_resized_image_of_the_right_size_is_left_alone_and_the_input_is_not_written_to():
    pixels = resized()[0].numpy().copy()
    pixels.setflags(write=False)
    np.testing.assert_array_equal(transforms.resize(pixels, ImageSpec(size=32)), pixels)


def test_halving_is_the_mean_of_blocks_inside():
    pixels = np.kron(np.arange(256, dtype=np.uint8).reshape(16, 16), np.ones((8, 8), np.uint8))
    np.testing.assert_array_equal(transforms.resize(pixels, ImageSpec(size=16))[1:-1, 1:-1], pixels[12:-8:8, 12:-8:8])


def test_stretch_takes_the_exposure_out():
    pixels = np.tile(np.arange(60, 188, dtype=np.uint8), (128, 1))
    resized_image = transforms.resize(pixels, ImageSpec(size=128, intensity="stretch"))
    assert (resized_image.min(), resized_image.max()) == (0, 255)
    brighter = transforms.resize(pixels + 40, ImageSpec(size=128, intensity="stretch"))
    np.testing.assert_array_equal(resized_image, brighter)


def test_preprocess_is_normalise_of_the_resized_image():
    image = ImageSpec(size=16, channels=3, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    pixels = resized(1, 40)[0].numpy()
    seen, tensor = transforms.preprocess(pixels, image)
    np.testing.assert_array_equal(seen, transforms.resize(pixels, image))
    assert (tensor.shape, tensor.dtype) == ((3, 16, 16), torch.float32)
    by_hand = (transforms.resize(pixels, image)[None] / 255 - np.array(image.mean)[:, None, None]) / np.array(
        image.std
    )[:, None, None]
    np.testing.assert_allclose(tensor.numpy(), by_hand, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3]), st.sampled_from(["raw", "stretch"]))
def test_preprocess_of_any_shape_is_normalise_of_the_resized_image(height, width, channels, intensity):
    image = ImageSpec(size=24, channels=channels, mean=(0.4,) * channels, std=(0.3,) * channels, intensity=intensity)
    pixels = np.random.default_rng(height * 100 + width).integers(0, 256, (height, width), dtype=np.uint8)
    resized_image = torch.from_numpy(transforms.resize(pixels, image))
    assert torch.equal(transforms.preprocess(pixels, image)[1], transforms.normalise(resized_image[None], image)[0])


def test_bytes_and_fractions_normalise_alike():
    image = ImageSpec(size=32)
    torch.testing.assert_close(
        transforms.normalise(resized(), image), transforms.normalise(resized().float() / 255, image)
    )


def test_resizing_keeps_the_place_and_the_mean():
    pixels = np.zeros((64, 32), np.uint8)
    pixels[:32, 16:] = 200  # upper right quarter
    resized_image = transforms.resize(pixels, ImageSpec(size=16))
    assert (resized_image[:7, 9:] == 200).all()
    assert not resized_image[9:].any()
    assert not resized_image[:, :7].any()
    assert resized_image.mean() == pytest.approx(50, abs=1)


def test_a_uniform_image_is_not_stretched():
    pixels = np.full((20, 30), 77, np.uint8)
    assert (transforms.resize(pixels, ImageSpec(size=16, intensity="stretch")) == 77).all()


def test_nothing_asked_nothing_changed():
    torch.testing.assert_close(augment(AugmentSpec()), resized().float() / 255, atol=1e-6, rtol=0)


@pytest.mark.parametrize("spec", SINGLE, ids=[f.name for f in dataclasses.fields(EVERYTHING)])
def test_each_field_alone_changes_something_and_stays_in_range(spec):
    changed = augment(spec)
    assert (changed - resized().float() / 255).abs().max() > 0.01
    assert 0 <= changed.min() <= changed.max() <= 1
    assert changed.shape == resized().shape


def test_the_generator_is_the_only_randomness():
    state = torch.get_rng_state()
    assert torch.equal(augment(EVERYTHING, 1), augment(EVERYTHING, 1))
    assert not torch.equal(augment(EVERYTHING, 1), augment(EVERYTHING, 2))
    assert torch.equal(state, torch.get_rng_state())


def test_images_of_a_batch_are_changed_each_in_its_own_way():
    same = resized(1).expand(16, -1, -1).contiguous()
    changed = augment(dataclasses.replace(EVERYTHING, noise=0, border=0, marker=0), images=same)
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 16


def test_flip_mirrors():
    changed = augment(AugmentSpec(flip=1.0))
    torch.testing.assert_close(changed, resized().flip(2).float() / 255, atol=1e-5, rtol=0)


def test_rotation_stays_within_its_angle():
    image = torch.zeros(64, 65, 65, dtype=torch.uint8)
    image[:, 32, :] = 255  # a horizontal line
    changed = augment(AugmentSpec(rotation_deg=10), images=image)
    heights = changed[:, :, 60].argmax(1).float() - 32  # 28 pixels right of the centre
    assert heights.abs().max() <= 28 * np.tan(np.radians(10)) + 1
    assert heights.abs().max() > 28 * np.tan(np.radians(6))


@pytest.mark.parametrize("angle_deg", [-12.0, 7.0, 20.0])
def test_rotation_turns_a_line_by_its_angle(monkeypatch, angle_deg):
    monkeypatch.setattr(
        transforms._Draws, "around", lambda self, centre, reach: torch.full((self.count,), centre + reach)
    )
    image = torch.zeros(1, 129, 129, dtype=torch.uint8)
    image[:, 63:66, :] = 255
    turned = augment(AugmentSpec(rotation_deg=abs(angle_deg)), images=image if angle_deg > 0 else image.flip(2))[0]
    rows = torch.arange(129).float()
    left, right = ((turned[:, column] * rows).sum() / turned[:, column].sum() for column in (24, 104))
    assert abs(torch.rad2deg(torch.atan2(right - left, torch.tensor(80.0)))) == pytest.approx(abs(angle_deg), abs=0.5)


def test_zoom_and_shift_are_fractions_of_the_side(monkeypatch):
    monkeypatch.setattr(
        transforms._Draws, "around", lambda self, centre, reach: torch.full((self.count,), centre + reach)
    )
    image = torch.zeros(1, 100, 100, dtype=torch.uint8)
    image[:, 40:60, 40:60] = 255
    assert (augment(AugmentSpec(zoom=0.5), images=image)[0] > 0.5).sum() == 30 * 30
    moved = augment(AugmentSpec(shift=0.1), images=image)[0]
    assert (moved[30:50, 30:50] > 0.99).all()
    assert moved.sum() == pytest.approx(400, abs=1)


@settings(max_examples=30, deadline=None)
@given(
    st.builds(
        AugmentSpec,
        **{f.name: st.floats(0, LIMITS.get(f.name, 1.0)) for f in dataclasses.fields(AugmentSpec)},
    ),
    st.integers(0, 2**31),
    st.sampled_from([8, 9, 32]),
)
def test_any_augmentation_that_is_accepted_gives_images(spec, seed, size):
    changed = augment(spec, seed, resized(3, size))
    assert changed.shape == (3, size, size)
    assert changed.dtype == torch.float32
    assert 0 <= changed.min() <= changed.max() <= 1  # false for NaN


def test_the_input_of_an_augmentation_is_not_written_to():
    images = resized()
    augment(EVERYTHING, images=images)
    assert torch.equal(images, resized())


def test_variants_are_harmless_and_all_different():
    resized_image = resized(1, 64)[0].numpy()
    variants = transforms.variants(resized_image)
    assert (variants.shape, variants.dtype) == ((8, 64, 64), torch.float32)
    assert 0 <= variants.min() <= variants.max() <= 1
    torch.testing.assert_close(variants[0], torch.from_numpy(resized_image).flip(1) / 255, atol=1e-5, rtol=0)
    assert (variants[5] >= torch.from_numpy(resized_image) / 255).all()  # brighter
    assert (variants[6] <= torch.from_numpy(resized_image) / 255).all()  # darker
    assert len({tuple(v.flatten().tolist()) for v in variants}) == 8


def test_shift_stays_within_its_share():
    image = torch.zeros(64, 50, 50, dtype=torch.uint8)
    image[:, 25, 25] = 255
    places = augment(AugmentSpec(shift=0.1), images=image).flatten(1).argmax(1)
    moved = torch.stack([places // 50, places % 50], 1) - 25
    assert moved.abs().max() <= 6
    assert moved.abs().max() >= 3


def test_curves_never_turn_bright_into_dark():
    draws = transforms._Draws(32, torch.Generator().manual_seed(0), torch.device("cpu"))
    spec = AugmentSpec(gamma=0.6, contrast=0.5, brightness=0.2, equalise=1.0)
    curves = transforms._curves(resized(32), spec, draws)
    assert (curves.diff(dim=1) >= 0).all()


def test_chances_are_about_what_they_say():
    changed = augment(AugmentSpec(flip=0.3), images=resized(400))
    share = (changed - resized(400).float() / 255).abs().amax((1, 2)).gt(0.01).float().mean()
    assert 0.2 < share < 0.4


def test_the_grid_is_that_of_torch():
    theta = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.affine_grid(theta, [5, 1, 24, 24], align_corners=False)
    torch.testing.assert_close(transforms._affine_grid(theta, 24), expected)
