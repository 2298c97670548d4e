"""The autoencoder lesson: its numbers, the pad's places, and codes that repeat."""

import math

import numpy as np
import pytest

from pneumo import runs
from pneumo.generators import latent, latent_report
from pneumo.images import sheets
from pneumo.lessons import bottleneck


@pytest.fixture(scope="module")
def spaces():
    return {name: latent_report.read(runs.resolve(name)) for name in ("bottleneck_32", "bottleneck_128", "vae_128")}


def test_the_numbers_are_those_of_the_course_and_of_what_was_measured(spaces):
    facts = bottleneck.facts(spaces)
    assert (facts["code"], facts["image"], facts["ratio"]) == ("262,144", "196,608", "1.33")
    assert (facts["parameters"], facts["squeeze"]) == ("1,331,459", "512")
    assert (facts["psnr_01"], facts["psnr_001"]) == ("20", "30")
    network, components, variational = (float(facts[each]) for each in ("network", "components", "variational"))
    assert network > components > variational, "what the reveal says"
    assert network - components < 1, "barely"
    assert facts["n"] == f"{spaces['bottleneck_128'].about.n:,}"


def test_without_measurements_it_says_so():
    assert bottleneck.facts({})["network"] == "?"


def test_the_pad_has_the_mean_in_its_middle_and_the_directions_at_its_sides(spaces):
    run, space = runs.load("bottleneck_32"), spaces["bottleneck_32"]
    tiles = sheets.cells(bottleneck.pad(run, space), run.card.image.size, gap=0)
    assert len(tiles) == bottleneck.PLACES**2
    middle, last = bottleneck.PLACES // 2, bottleneck.PLACES - 1
    for row, column, along in (
        (middle, middle, (0, 0)),
        (middle, last, (3, 0)),
        (0, middle, (0, 3)),
        (last, 0, (-3, -3)),
    ):
        wanted = latent.moved(run, space, None, along)
        assert np.abs(tiles[row * bottleneck.PLACES + column].astype(int) - wanted).max() <= 1


def test_random_codes_repeat_by_seed(spaces):
    run, space = runs.load("bottleneck_32"), spaces["bottleneck_32"]
    one, again, other = (bottleneck.random_codes(run, space, 2, seed, fitted=False) for seed in (1, 1, 2))
    assert (one == again).all() and not (one == other).all()
    assert not (one == bottleneck.random_codes(run, space, 2, 1, fitted=True)).all()


def test_psnr():
    assert bottleneck.psnr(0.01) == 20 and math.isclose(bottleneck.psnr(0.001), 30)
