"""The nouns: what is written to disk comes back equal, and mistakes are named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.schema import AugmentSpec, DataSpec, ImageSpec, PneumoError, Recipe, decode, encode, nearest


@given(st.builds(AugmentSpec, rotation_deg=st.floats(0, 90), flip=st.floats(0, 1), gamma=st.floats(0, 2)))
def test_encode_and_decode_are_inverse(spec):
    assert decode(AugmentSpec, encode(spec)) == spec


def test_recipe_round_trip_keeps_nested_values():
    recipe = Recipe(
        image=ImageSpec(size=64, channels=3, mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0)), model_args={"dropout": 0.1}
    )
    assert decode(Recipe, encode(recipe)) == recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epohcs": 3}, "unknown key epohcs; did you mean 'epochs'"),
        ({"epochs": "3"}, "epochs is '3' (str); expected int"),
        ({"epochs": True}, "expected int"),
        ({"epochs": 0}, "expected 1 or more"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"image": {"size": 128, "channels": 1, "mean": [0.5, 0.5]}}, "give one per channel"),
        ({"image": {"std": [0.0]}}, "must be above 0"),
        ({"image": {"size": 4}}, "expected 8 or more pixels"),
        ({"image": 7}, "image is 7; expected an object"),
        ({"image": {"mean": 0.5}}, "image.mean is 0.5; expected a list"),
        ({"augment": {"flip": "yes"}}, "augment.flip is 'yes'"),
        ({"learning_rate": 0}, "expected a number above 0"),
        ({"ema_decay": 1}, "expected 0 (off)"),
        ({"data": {"validation": 0.9, "test": 0.2}}, "leave some for training"),
    ],
)
def test_mistakes_in_a_recipe_are_named(change, message):
    with pytest.raises(PneumoError) as caught:
        decode(Recipe, encode(Recipe()) | change)
    assert message in str(caught.value)


def test_missing_keys_without_a_default_are_named():
    from pneumo.schema import Interval

    with pytest.raises(PneumoError, match=r"missing key high"):
        decode(Interval, {"low": 1.0})


def test_whole_numbers_are_taken_for_floats_and_not_the_reverse():
    assert decode(DataSpec, {"validation": 0.2, "test": 0}).test == 0.0
    with pytest.raises(PneumoError, match="expected int"):
        decode(DataSpec, {"split_seed": 1.5})


def test_nearest_suggests_or_is_silent():
    assert nearest("pneumonia_cn", ["pneumonia_cnn", "resnet18"]) == "; did you mean 'pneumonia_cnn'?"
    assert nearest("zzz", ["pneumonia_cnn"]) == ""
