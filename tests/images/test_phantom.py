"""Phantoms are reproducible, anatomically sane, and differ between the classes by their lesion alone."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pneumo.images import phantom
from pneumo.images.phantom import anatomy, drawing
from pneumo.schema import PneumoError


@pytest.fixture(scope="module")
def drawn() -> list[phantom.Phantom]:
    return list(phantom.draw_set(160, size_px=112, seed=3))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[phantom.Phantom, phantom.Phantom]]:
    """The same films without and with their lesion."""
    return [tuple(phantom.draw(patient, 0, label, size_px=112) for label in (0, 1)) for patient in range(40)]


def _same(a: phantom.Phantom, b: phantom.Phantom) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("pixels", "lesion", "lungs"))


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


def _auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    positive, negative = scores[labels == 1], scores[labels == 0]
    return float((positive[:, None] > negative[None, :]).mean())


# --- one phantom


def test_same_arguments_same_phantom():
    first = phantom.draw(7, 2, 1, size_px=96, seed=5)
    anatomy.draw_anatomy.cache_clear()
    assert _same(first, phantom.draw(7, 2, 1, size_px=96, seed=5))


@pytest.mark.parametrize("other", [{"patient": 8}, {"image": 3}, {"seed": 6}])
def test_every_argument_matters(other):
    arguments = {"patient": 7, "image": 2, "label": 1, "size_px": 96, "seed": 5}
    assert not _same(phantom.draw(**arguments), phantom.draw(**(arguments | other)))


def test_global_generators_are_left_alone():
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].copy()
    phantom.draw(0, 0, 1, size_px=64)
    list(phantom.draw_set(4, size_px=64))
    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])


@settings(max_examples=25, deadline=None)
@given(size_px=st.integers(32, 300), patient=st.integers(0, 10_000), label=st.integers(0, 1))
def test_any_size(size_px, patient, label):
    one = phantom.draw(patient, 0, label, size_px=size_px)
    assert one.pixels.shape == one.lesion.shape == one.lungs.shape == (size_px, size_px)
    assert (one.pixels.dtype, one.lesion.dtype, one.lungs.dtype) == (np.uint8, np.bool_, np.bool_)
    assert one.lesion.any() == bool(label)
    assert not (one.lesion & ~one.lungs).any()
    assert 0.15 < one.lungs.mean() < 0.50


def test_largest_size():
    assert phantom.draw(0, 0, 1, size_px=1024).pixels.shape == (1024, 1024)


def test_a_size_only_resamples():
    small, large = (phantom.draw(4, 0, 1, size_px=size_px) for size_px in (112, 448))
    coarse = large.lungs.reshape(112, 4, 112, 4).mean(axis=(1, 3)) > 0.5
    assert _overlap(small.lungs, coarse) > 0.97


def test_names():
    one = phantom.draw(7, 2, 1, size_px=64)
    assert (one.patient, one.name, one.label) == ("phantom-0007", "phantom-0007-02-PNEUMONIA", 1)
    assert phantom.draw(7, 2, 0, size_px=64).name == "phantom-0007-02-NORMAL"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size_px": 31}, "size_px is 31; expected 32 to 1024"),
        ({"size_px": 1025}, "size_px is 1025"),
        ({"label": 2}, "label is 2; expected 0"),
        ({"patient": -1}, "patient is -1; expected 0 or more"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(PneumoError, match=message):
        phantom.draw(**({"patient": 0, "image": 0, "label": 0} | arguments))


# --- anatomy


def test_lungs_are_dark_between_spine_and_chest_wall(drawn):
    for one in drawn:
        columns = np.flatnonzero(one.lungs.any(axis=0))
        assert columns[0] < 112 * 0.35
        assert columns[-1] > 112 * 0.65
        spine = one.pixels[40:90, 50:62].mean()
        healthy = one.pixels[one.lungs & ~one.lesion].mean()
        assert healthy < spine - 20


def test_heart_lies_to_the_patients_left(drawn):
    right = np.mean([one.lungs[:, :56].sum() for one in drawn])
    left = np.mean([one.lungs[:, 56:].sum() for one in drawn])
    assert left < 0.95 * right


def test_a_patient_keeps_the_anatomy():
    first = [phantom.draw(patient, 0, 0, size_px=112) for patient in range(8)]
    second = [phantom.draw(patient, 1, 0, size_px=112) for patient in range(8)]
    same = np.mean([_overlap(a.lungs, b.lungs) for a, b in zip(first, second, strict=True)])
    other = np.mean([_overlap(a.lungs, b.lungs) for a, b in zip(first, second[1:], strict=False)])
    assert same > 0.75
    assert same > other


# --- the lesion


def test_label_changes_the_lungs_alone(pairs):
    for normal, pneumonia in pairs:
        assert np.array_equal(normal.lungs, pneumonia.lungs)
        changed = np.abs(pneumonia.pixels.astype(int) - normal.pixels) > 2
        assert changed.any()
        reach = np.zeros_like(changed)  # the lungs' soft border: one pixel around the mask
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                reach |= np.roll(normal.lungs, (down, right), (0, 1))
        assert not (changed & ~reach).any()


def test_lesion_is_denser_than_the_lung_it_replaces(pairs):
    gains = [p.pixels[p.lesion].mean() - n.pixels[p.lesion].mean() for n, p in pairs]
    assert min(gains) > 3
    assert np.mean(gains) > 15


def test_lesion_sizes(pairs):
    shares = [p.lesion.sum() / p.lungs.sum() for _, p in pairs]
    assert min(shares) > 0.01
    assert max(shares) < 0.85


def test_mean_intensity_does_not_give_the_label_away(drawn):
    labels = np.array([one.label for one in drawn])
    scores = np.array([one.pixels.mean() for one in drawn])
    assert 0.3 < _auroc(scores, labels) < 0.85


# --- sets


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 400), seed=st.integers(0, 1000), prevalence=st.floats(0.05, 0.95))
def test_plan(count, seed, prevalence):
    rng = np.random.default_rng(seed)
    sizes = drawing._images_per_patient(rng, count)
    labels = drawing._labels(rng, sizes, prevalence)
    assert sum(sizes) == count
    assert min(sizes) >= 1
    assert max(sizes) <= 3
    if count >= 4:
        assert set(labels) == {0, 1}
    if count >= 60:
        assert abs(np.dot(sizes, labels) - prevalence * count) <= 2


def test_set_is_reproducible_and_patients_have_one_label(drawn):
    again = phantom.draw_set(160, size_px=112, seed=3)
    assert all(_same(a, b) for a, b, _ in zip(drawn, again, range(10), strict=False))
    assert len({one.name for one in drawn}) == 160
    assert len({(one.patient, one.label) for one in drawn}) == len({one.patient for one in drawn})


@pytest.mark.parametrize("arguments", [{"count": 0}, {"count": 4, "prevalence": 1.0}, {"count": 4, "size_px": 8}])
def test_set_refuses_before_drawing(arguments):
    with pytest.raises(PneumoError):
        phantom.draw_set(**arguments)
