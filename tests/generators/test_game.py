"""The game: fair deals, counts by hand."""

import numpy as np
import pytest

from pneumo import runs, training
from pneumo.generators import game
from pneumo.images import phantom
from tests.training.test_generators import small


@pytest.fixture(scope="module")
def gan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("game") / "gan"
    training.train(small("conv_gan", "image.size=16", "epochs=1"), folder)
    return runs.load(str(folder))


def test_ten_of_each_the_same_for_the_same_seed(gan):
    one, two, other = game.deal(gan, 3, []), game.deal(gan, 3, []), game.deal(gan, 4, [])
    assert one.images.shape == (20, 16, 16) and one.generated.sum() == 10 and one.verdicts.shape == (20,)
    assert np.array_equal(one.images, two.images) and np.array_equal(one.generated, two.generated)
    assert not np.array_equal(one.generated, other.generated)
    assert one.real == "phantoms"


def test_radiographs_are_used_where_there_are_enough(gan):
    real = [(np.full((40, 40), n, np.uint8), n % 2) for n in range(20)]
    dealt = game.deal(gan, 0, real)
    assert dealt.real == "radiographs"
    shown = dealt.images[~dealt.generated]
    assert all(len(np.unique(image)) == 1 and image[0, 0] < 20 for image in shown)
    assert game.deal(gan, 0, real[:9]).real == "phantoms"


def test_a_gan_of_one_class_meets_that_class_only(tmp_path):
    training.train(small("fc_gan", "image.size=16", "epochs=1"), tmp_path / "fc")
    normal = [(each.pixels, 0) for each in phantom.draw_set(20, size_px=32, seed=0)]
    assert game.deal(runs.load(str(tmp_path / "fc")), 0, normal).real == "phantoms"


def test_score_by_hand():
    generated = np.array([True, True, True, False, False])
    result = game.score(generated, np.array([True, False, True, True, False]))
    assert (result.sensitivity, result.specificity) == (pytest.approx(2 / 3), 0.5)
    assert (result.n_generated, result.n_real) == (3, 2)
    assert result.sensitivity_ci95.low < 2 / 3 < result.sensitivity_ci95.high
