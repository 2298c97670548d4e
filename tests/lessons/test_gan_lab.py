"""The GAN lab: losses are their formulas, each step leaves the other network as it was, presets do what they say, everything repeats."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pneumo.lessons import gan_lab
from pneumo.lessons.gan_lab import LOSSES, PRESETS, Lab, Settings
from pneumo.schema import PneumoError


def weights(network):
    return torch.cat([each.detach().ravel().clone() for each in network.parameters()])


def test_parameters_and_the_first_losses():
    facts = gan_lab.facts()
    assert (facts["d_parameters"], facts["g_parameters"]) == ("1,185", "1,218")
    lab = Lab(Settings())
    assert np.ptp(lab.frame().surface) == 0 and lab.frame().surface[0, 0] == 0.5, "undecided everywhere"
    assert lab.train_discriminator() == pytest.approx(2 * math.log(2))
    assert Lab(Settings()).train_generator() == pytest.approx(math.log(2))


def test_a_step_leaves_the_other_network_as_it_was_to_the_last_bit():
    lab = Lab(Settings())
    lab.burst("both", 5)
    g, d = weights(lab.generator), weights(lab.discriminator)
    lab.train_discriminator()
    assert torch.equal(g, weights(lab.generator)) and not torch.equal(d, weights(lab.discriminator))
    d = weights(lab.discriminator)
    lab.train_generator()
    assert torch.equal(d, weights(lab.discriminator)) and not torch.equal(g, weights(lab.generator))
    before = weights(lab.generator), weights(lab.discriminator)
    lab.frame()
    assert all(
        torch.equal(a, b) for a, b in zip(before, (weights(lab.generator), weights(lab.discriminator)), strict=True)
    )


def test_losses_by_hand():
    real, fake = torch.tensor([math.log(9.0)]), torch.tensor([-math.log(9.0)])  # D says .9 and .1
    assert float(gan_lab.discriminator_loss("non_saturating", real, fake)) == pytest.approx(0.2107, abs=1e-4)
    assert float(gan_lab.generator_loss("non_saturating", fake)) == pytest.approx(2.3026, abs=1e-4)
    assert float(gan_lab.generator_loss("saturating", fake)) == pytest.approx(math.log(0.9))
    assert float(gan_lab.discriminator_loss("hinge", torch.tensor([0.5]), torch.tensor([-2.0]))) == 0.5
    assert float(gan_lab.discriminator_loss("wasserstein", torch.tensor([3.0]), torch.tensor([1.0]))) == -2
    for kind, slope in (("non_saturating", 0.99), ("saturating", 0.01)):
        logit = torch.tensor([math.log(0.01 / 0.99)], requires_grad=True)
        gan_lab.generator_loss(kind, logit).backward()
        assert abs(float(logit.grad)) == pytest.approx(slope, abs=1e-4), kind


def test_training_the_discriminator_alone_raises_the_generators_loss():
    assert float(gan_lab.facts()["after"]) > 0.75


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("distribution", gan_lab.DISTRIBUTIONS)
def test_the_same_settings_give_the_same_numbers(loss, distribution):
    drawn = [[0.1, 0.2], [-0.5, 0.9]]
    one, other = (Lab(Settings(distribution, loss, seed=3), drawn).burst("both", 6, 2) for _ in range(2))
    assert len(one) == 2
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.fakes, b.fakes)
        assert (a.loss_d, a.loss_g, a.distance) == (b.loss_d, b.loss_g, b.distance)
    assert not one[-1].broken


def played(name, seed):
    return Lab(replace(PRESETS[name].settings, seed=seed)).burst("both", PRESETS[name].steps, 60)


def test_the_collapsing_preset_meets_at_most_two_modes():
    assert played("collapse", 1)[-1].modes <= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_the_presets_do_what_they_say_for_five_seeds(seed):
    """With room to spare: the dynamics are chaotic, and another CPU rounds otherwise."""
    assert played("converge", seed)[-1].modes == gan_lab.MODES
    assert played("collapse", seed)[-1].modes <= 2
    later = np.array([each.distance for each in played("oscillate", seed)[30:]])
    turns = (np.diff(later)[:-1] * np.diff(later)[1:] < 0).sum()
    assert turns >= 6 and later.max() > 3 * later.min(), "over 20 seeds: 12 turns or more, more than 9 times"


def test_distances_and_modes_by_hand():
    ring = np.repeat(gan_lab.centres(), 20, axis=0)
    assert (
        gan_lab.modes_met(ring) == 8 and gan_lab.modes_met(ring[:40]) == 2 and gan_lab.modes_met(np.zeros((50, 2))) == 0
    )
    assert gan_lab.energy_distance(ring, ring) == pytest.approx(0, abs=1e-12)
    assert gan_lab.energy_distance(np.zeros((3, 2)), np.full((4, 2), [3.0, 4.0])) == pytest.approx(10)


def test_divergence_is_noticed():
    lab = Lab(Settings(rate_g=1, rate_d=1))
    with torch.no_grad():
        lab.generator[0].weight.fill_(float("nan"))
    assert lab.burst("both", 50)[-1].broken and lab.step_g < 50, "it stops there"


@pytest.mark.parametrize(
    "bad",
    [{"distribution": "spiral"}, {"loss": "x"}, {"rate_g": 0}, {"rate_d": float("nan")}, {"steps_d": 0}, {"seed": -1}],
)
def test_settings_are_checked(bad):
    with pytest.raises(PneumoError):
        Settings(**bad)


@given(
    st.recursive(
        st.none() | st.text(max_size=3) | st.floats() | st.integers(),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=12,
    )
)
def test_a_drawing_is_checked(drawn):
    try:
        points = gan_lab.checked_points(drawn)
    except PneumoError:
        return
    assert points is None or (points.shape[1] == 2 and np.abs(points).max() <= gan_lab.EXTENT + 1e-6)


def test_nothing_drawn_is_said():
    with pytest.raises(PneumoError, match="draw some points"):
        gan_lab.sample("drawn", 3, torch.Generator())
    with pytest.raises(PneumoError, match="burst"):
        Lab(Settings()).burst("x", 1)
