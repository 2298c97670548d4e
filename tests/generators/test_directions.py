"""The word of a direction is that of the property that was changed."""

import numpy as np
import pytest

from pneumo import runs, training
from pneumo.generators import directions, latent_measures, latent_report
from pneumo.schema import PneumoError
from tests.training.test_generators import small

SIDE = 64


def chests(
    shift: float = 0.0, contrast: float = 1.0, width: float = 0.0, lungs: float = 0.0, seed: int = 0
) -> np.ndarray:
    """(16, 64, 64) uint8: bright ellipses with two dark ones, of varied brightness and size."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    images = []
    for _ in range(16):
        level, wide = rng.normal(0, 12) + shift, 0.36 + rng.normal(0, 0.02) + width
        lung = 0.09 + rng.normal(0, 0.008) + lungs
        grey = np.where((x / wide) ** 2 + (y / 0.48) ** 2 < 1, 140.0, 10.0)
        for side in (-1, 1):
            grey[((x - 0.15 * side) / lung) ** 2 + (y / 0.25) ** 2 < 1] = 70.0
        images.append((grey - grey.mean()) * contrast * rng.normal(1, 0.05) + grey.mean() + level)
    return np.stack(images).clip(0, 255).round().astype(np.uint8)


def brighter(images: np.ndarray, rows: slice, columns: slice, by: int) -> np.ndarray:
    changed = images.astype(int)
    changed[:, rows, columns] += by
    return changed.clip(0, 255).astype(np.uint8)


ALL, FIRST, SECOND = slice(None), slice(0, SIDE // 2), slice(SIDE // 2, None)


@pytest.mark.parametrize(
    ("rows", "columns", "name"),
    [
        (FIRST, ALL, "brightness of the upper half"),
        (SECOND, ALL, "brightness of the lower half"),
        (ALL, FIRST, "brightness of the left half"),
        (ALL, SECOND, "brightness of the right half"),
    ],
)
def test_where_it_becomes_brighter(rows, columns, name):
    images = chests()
    up = brighter(images, rows, columns, 40)
    assert directions.word(images, up, images) == name
    assert directions.word(up, images, images) == name, "darker is the same property"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"contrast": 1.3}, "contrast"),
        ({"width": 0.08}, "width of the chest"),
        ({"lungs": 0.04}, "dark area of the lungs"),
    ],
)
def test_what_changes_in_shape_and_contrast(change, name):
    assert directions.word(chests(), chests(**change), chests(seed=1)) == name


def test_a_small_change_and_one_of_no_common_sign_get_no_word():
    images = chests()
    assert directions.word(images, brighter(images, ALL, ALL, 1), images) is None
    mixed = images.copy()
    mixed[::2] = brighter(images, ALL, ALL, 60)[::2]
    mixed[1::2] = brighter(images, ALL, ALL, -60)[1::2]
    assert directions.word(images, mixed, images) is None


def test_measures_are_shares_and_grey_levels():
    white = np.full((2, SIDE, SIDE), 255, np.uint8)
    result = directions.measures(white)
    assert result["brightness"].tolist() == [255, 255] and result["contrast"].tolist() == [0, 0]
    assert result["width of the chest"].tolist() == [1, 1] and result["dark area of the lungs"].tolist() == [0, 0]


def test_every_direction_of_a_run_has_a_word_or_none(tmp_path):
    training.train(small("conv_gan", "image.size=16", "epochs=1"), tmp_path / "gan")
    training.train(small("vae_8", "image.size=16", "epochs=1"), tmp_path / "vae")
    gan, vae = (runs.load(str(tmp_path / name)) for name in ("gan", "vae"))
    space = latent_measures.measure(vae, "phantom:80")
    assert isinstance(space, latent_report.Space)
    names = {None, *directions.measures(np.zeros((1, 8, 8), np.uint8))}
    assert len(directions.of_gan(gan, 4)) == 4 and set(directions.of_gan(gan, 4)) <= names
    assert len(directions.of_code(vae, space)) == len(space.directions) and set(directions.of_code(vae, space)) <= names
    assert directions.z_size(gan) == gan.model.z_size
    with pytest.raises(PneumoError, match="a GAN"):
        directions.z_size(vae)
