"""The input check's network and the batches it learns from."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pneumo.inference import input_check_net as net
from pneumo.inference import input_check_samples as samples
from pneumo.inference import input_check_training as training

SIDE = 128


def some(count: int, seed: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, SIDE, SIDE), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def pools(lateral: bool = True) -> samples.Pools:
    return samples.Pools(
        children=some(5, 0),
        elsewhere={"a": some(3, 1), "b": some(1, 2), "c": some(2, 3)},
        lateral=some(2, 4) if lateral else None,
        others={"x": some(2, 5), "y": some(3, 6)},
        phantoms=some(2, 7),
    )


@pytest.fixture(scope="module")
def trained() -> net.Network:
    """One whose batch norms have seen something."""
    torch.manual_seed(0)
    network = net.Network()
    for number in range(5):
        network(net.small(some(8, number)))
    return network.eval()


def test_what_is_kept_says_nearly_what_was_trained(trained):
    squares = some(70, 9)
    again = net.answers(net.from_arrays(net.as_arrays(trained)), squares.numpy())
    with torch.inference_mode():
        before = trained(net.small(squares))
    for field in fields(net.Answers):
        kept, own = getattr(again, field.name), getattr(before, field.name)
        assert kept.shape == own.shape and torch.allclose(kept, own, atol=0.03), field.name


def test_its_arrays_are_half_as_large_and_of_known_shapes(trained):
    arrays = net.as_arrays(trained)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}
    assert {name: array.shape for name, array in arrays.items()} == net.shapes()
    assert sum(array.nbytes for array in arrays.values()) < 2_000_000


def test_exposure_and_contrast_change_nothing(trained):
    planes = net.small(some(4, 11)) * 0.5
    with torch.inference_mode():
        darker, brighter = trained(planes * 0.7), trained(planes + 0.4)
    assert torch.allclose(darker.kinds, brighter.kinds, atol=1e-3)


def test_a_uniform_image_gives_finite_answers(trained):
    found = net.answers(net.from_arrays(net.as_arrays(trained)), np.full((1, SIDE, SIDE), 77, np.uint8))
    assert all(torch.isfinite(getattr(found, field.name)).all() for field in fields(net.Answers))


def test_log_odds_against_a_kind():
    kinds = torch.tensor([[2.0, -30.0, -30.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    assert net.log_odds_against(kinds, net.FRONTAL).tolist() == pytest.approx([-1.0, np.log(3)], abs=1e-5)


@settings(max_examples=5)
@given(st.integers(0, 2**31), st.booleans())
def test_a_batch_has_a_label_for_every_question(seed, lateral):
    batch = samples.draw(pools(lateral), torch.Generator().manual_seed(seed))
    frontal = samples.CHILDREN + samples.ADULTS
    assert batch.planes.shape == (len(batch.kinds), 1, net.SIDE_PX, net.SIDE_PX)
    assert float(batch.planes.min()) >= 0 and float(batch.planes.max()) <= 1
    assert (batch.kinds[:frontal] == net.FRONTAL).all() and (batch.kinds[frontal:] != net.FRONTAL).all()
    assert len(batch.turns) == len(batch.inverted) == len(batch.mirrored) == len(batch.elsewhere) == frontal
    assert int(batch.elsewhere.sum()) == samples.ADULTS
    assert int((batch.kinds == net.LATERAL).sum()) == (samples.LATERALS if lateral else 0)


def test_the_same_seed_draws_the_same_batch_and_learns_the_same_weights():
    first, second = (samples.draw(pools(), torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first.planes, second.planes) and torch.equal(first.turns, second.turns)
    one, two, other = (training.train(pools(), seed, 2) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["embed.weight"], other["embed.weight"])


def test_what_is_made_of_radiographs_has_lost_their_layout():
    squares = some(6, 13)
    for make in (samples._cropped, samples._shuffled, samples._scrambled, samples._bent):
        made = make(squares, torch.Generator().manual_seed(0))
        assert made.shape == squares.shape and made.dtype == torch.uint8
        assert all(not torch.equal(one, two) for one, two in zip(made, squares, strict=True)), make.__name__


def test_a_turn_is_to_the_left():
    plane = torch.zeros(2, 8, 8)
    plane[:, 0, -1] = 1  # upper right
    turned = samples._turned(plane, torch.tensor([1, 2]))
    assert turned[0, 0, 0] == 1 and turned[1, -1, 0] == 1
