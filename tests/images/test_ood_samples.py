"""Pictures that are no radiographs: what the gate is tested with."""

import numpy as np
import pytest

from pneumo.images import ood_samples


def test_every_kind_is_drawn_as_often_as_asked_and_no_two_images_are_alike():
    result = list(ood_samples.drawn(each=5))
    assert {kind: sum(each.kind == kind for each in result) for kind in ood_samples.DRAWN} == dict.fromkeys(
        ood_samples.DRAWN, 5
    )
    assert len({each.pixels.tobytes() for each in result}) == len(result)


@pytest.mark.parametrize("make", [ood_samples.photographs, lambda seed: ood_samples.drawn(3, seed)])
def test_the_same_seed_gives_the_same_images_and_another_others(make):
    first, again, other = ([each.pixels for each in make(seed)] for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(first, other, strict=True))


def test_images_are_grey_and_show_something():
    for each in (*ood_samples.photographs(), *ood_samples.drawn(4)):
        assert each.pixels.ndim == 2 and each.pixels.dtype == np.uint8
        assert min(each.pixels.shape) >= 8 and each.pixels.std() > 1, each.base


def test_photographs_come_whole_and_in_crops_of_the_same_base():
    result = list(ood_samples.photographs())
    bases = {each.base for each in result}
    assert {"china.jpg", "flower.jpg"} <= bases
    assert len(result) == len(bases) * (1 + ood_samples.CROPS)


def test_radiographs_are_rotated_flipped_and_cropped_as_the_names_say():
    pixels = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30).astype(np.uint8)
    result = {each.kind: each.pixels for each in ood_samples.transformed([pixels])}
    assert result.keys() == ood_samples.TRANSFORMED.keys()
    assert np.array_equal(result["rotated by 180 degrees"], pixels[::-1, ::-1])
    assert np.array_equal(result["upside down"], pixels[::-1])
    assert result["rotated by 90 degrees"].shape == (30, 20)
    assert result["strongly cropped"].shape == (8, 12)
