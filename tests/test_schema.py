"""The nouns: what is written to disk comes back equal, and mistakes are named."""

import dataclasses
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo import formatting, runs
from pneumo.checks import ranges
from pneumo.codec import decode, encode
from pneumo.formatting import nearest
from pneumo.schema import AugmentSpec, DataSpec, ImageSpec, Interval, PneumoError, Recipe, RunCard

PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


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
        ({"epochs": "3"}, "epochs is '3'; expected a whole number"),
        ({"epochs": True}, "epochs is True; expected a whole number"),
        ({"epochs": 0}, "expected 1 to 100,000"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"image": {"size": 128, "channels": 1, "mean": [0.5, 0.5]}}, "give one per channel"),
        ({"image": {"std": [0.0]}}, "image.std has 0.0; expected a number above 0"),
        ({"image": {"size": 4}}, "expected 8 to 1,024 pixels"),
        ({"image": 7}, "image is 7; expected an object"),
        ({"image": {"mean": 0.5}}, "image.mean is 0.5; expected a list"),
        ({"augment": {"flip": "yes"}}, "augment.flip is 'yes'"),
        ({"learning_rate": 0}, "expected a number above 0, up to 100"),
        ({"ema_decay": 1}, "ema_decay is 1.0; expected 0 up to, not including, 1"),
        ({"data": {"validation": 0.9, "test": 0.2}}, "leave some for training"),
        ({"image": {"channels": 0, "mean": [], "std": []}}, "image.channels is 0; expected 1"),
        ({"augment": {"flip": 7}}, "augment.flip is 7.0; expected 0 to 1"),
        ({"augment": {"stretch": 3}}, "augment.stretch is 3.0; expected 0 to 0.9"),
        ({"augment": {"rotation_deg": -5}}, "augment.rotation_deg is -5.0; expected 0 to 180"),
        ({"learning_rate": 10**400}, "expected a finite number"),
        ({"learning_rate": float("inf")}, "learning_rate is inf; expected a finite number"),
        ({"clip_norm": float("nan")}, "clip_norm is nan; expected a finite number"),
        ({"weight_decay": -1}, "weight_decay is -1.0; expected 0 to 100"),
        ({"seed": -1}, "seed is -1; expected 0 to 4,294,967,295"),
        ({"label_smoothing": 1}, "label_smoothing is 1.0; expected 0 up to"),
        ({"model_args": [1]}, "model_args is [1]; expected an object"),
    ],
)
def test_mistakes_in_a_recipe_are_named(change, message):
    with pytest.raises(PneumoError) as caught:
        decode(Recipe, encode(Recipe()) | change)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "document", "message"),
    [
        (
            RunCard,
            {"operating_points": [{"titl": ""}]},
            "unknown key operating_points[0].titl; did you mean 'title'?",
        ),
        (RunCard, {"metrics": {"test": {"aurocc": 1}}}, "unknown key metrics.test.aurocc; did you mean 'auroc'?"),
        (RunCard, {"indeterminate": {"hgih": 1}}, "unknown key indeterminate.hgih; did you mean 'high'?"),
        (RunCard, {"recipe": {"image": {"sise": 1}}}, "unknown key recipe.image.sise; did you mean 'size'?"),
        (Recipe, {"model_args": {"a": [0.5, float("inf")]}}, "model_args.a[1] is inf; expected a finite number"),
        (Recipe, {"name": "x" * 10_000}, "name is 'xxxxxxxxxxxx...xxxxxxxxxxxxx'; expected 1 to 100 letters"),
        (Recipe, {"epochs": "x" * 10_000}, "epochs is 'xxxxxxxxxxxx...xxxxxxxxxxxxx'; expected a whole number"),
        (Recipe, {"snapshot_epochs": [1, 2.5]}, "snapshot_epochs[1] is 2.5; expected a whole number"),
        (Recipe, {"summary": None}, "summary is None; expected text"),
        (Recipe, {"summary": "\ud800"}, "Recipe cannot be read as JSON: "),
        (Recipe, {"epochs": 2**70}, "epochs is 1180591620717411303424; expected 1 to 100,000"),
        (Recipe, {"epochs": 10**400}, "; expected 1 to 100,000"),
        (Recipe, {"snapshot_epochs": [-1]}, "snapshot_epochs has -1; expected 0 to 100,000"),
        (Recipe, {"image": {"mean": [1e300]}}, "image.mean has 1e+300; expected -1,000 to 1,000"),
        (
            Recipe,
            {"batch_size": 4096, "image": {"size": 1024}},
            "has 4,294,967,296 of them; expected up to 268,435,456",
        ),
        (Recipe, [1], "Recipe is [1]; expected an object"),
        (Recipe, None, "Recipe is None; expected an object"),
    ],
)
def test_the_place_of_a_mistake_is_named(kind, document, message):
    with pytest.raises(PneumoError) as caught:
        decode(kind, document)
    assert message in str(caught.value)


def test_endless_levels_are_a_named_mistake():
    document: dict = {}
    for _ in range(100_000):
        document = {"model_args": document}
    with pytest.raises(PneumoError, match="too many levels"):
        decode(Recipe, document)


@pytest.mark.parametrize(
    "path", sorted((runs.REPOSITORY / "weights").glob("*/card.json")), ids=lambda path: path.parent.name
)
def test_shipped_cards_are_read_as_they_were_written(path):
    """Field by field what the file says; fields that came later have their defaults."""
    plain = json.loads(path.read_bytes())
    again = encode(decode(RunCard, plain))

    def same(written, read, place):
        for key, value in written.items():
            if isinstance(value, dict):
                same(value, read[key], f"{place}.{key}")
            else:
                assert (read[key], type(read[key])) == (value, type(value)), f"{place}.{key}"

    same(plain, again, "card")
    defaults = encode(Recipe())
    assert all(again["recipe"][key] == defaults[key] for key in defaults.keys() - plain["recipe"].keys())


BOUNDED = [
    (kind, name, limit)
    for kind in (ImageSpec, AugmentSpec, DataSpec, Recipe)
    for name, limit in ranges(kind).items()
    if not isinstance(getattr(kind(), name), tuple)
]


@pytest.mark.parametrize(("kind", "name", "limit"), BOUNDED, ids=[f"{k.__name__}.{name}" for k, name, _ in BOUNDED])
def test_numbers_out_of_their_range_are_refused_wherever_they_come_from(kind, name, limit):
    default = getattr(kind(), name)
    assert limit.fits(default)
    for value in (type(default)(-1), float("nan"), float("inf"), 10**400):
        with pytest.raises(PneumoError, match=f"{name} is .*; expected {re.escape(limit.words)}"):
            kind(**{name: value})
    with pytest.raises(PneumoError, match=f"{name} is .*; expected {re.escape(limit.words)}"):
        decode(kind, {name: -1})


def test_missing_keys_without_a_default_are_named():
    with pytest.raises(PneumoError, match=r"missing key high"):
        decode(Interval, {"low": 1.0})


def test_whole_numbers_are_taken_for_floats_and_not_the_reverse():
    assert decode(DataSpec, {"validation": 0.2, "test": 0}).test == 0.0
    with pytest.raises(PneumoError, match=r"split_seed is 1.5; expected a whole number"):
        decode(DataSpec, {"split_seed": 1.5})


def test_nearest_suggests_or_is_silent():
    assert nearest("pneumonia_cn", ["pneumonia_cnn", "resnet18"]) == "; did you mean 'pneumonia_cnn'?"
    assert nearest("zzz", ["pneumonia_cnn"]) == ""


@given(
    st.builds(
        Recipe,
        name=st.from_regex(r"[a-z_0-9][a-z_0-9 .+-]{0,8}[a-z_0-9]", fullmatch=True),
        model_args=st.dictionaries(
            st.text(max_size=5), st.integers() | st.booleans() | st.text(max_size=5), max_size=3
        ),
        image=st.builds(ImageSpec, size=st.integers(8, 512), interpolation=st.sampled_from(["bilinear", "nearest"])),
        data=st.builds(DataSpec, validation=st.floats(0.01, 0.5), test=st.floats(0, 0.4)),
        epochs=st.integers(1, 10**5),
        learning_rate=st.floats(1e-9, 10),
        nesterov=st.booleans(),
    )
)
def test_a_recipe_survives_json(recipe):
    assert decode(Recipe, json.loads(json.dumps(encode(recipe)))) == recipe


@given(st.sampled_from([f.name for f in dataclasses.fields(Recipe)]), PLAIN_JSON)
def test_any_json_value_in_any_field_is_kept_or_a_named_mistake(name, value):
    try:
        recipe = decode(Recipe, encode(Recipe()) | {name: value})
    except PneumoError as error:
        assert name in str(error)
    else:
        assert decode(Recipe, encode(recipe)) == recipe


@given(PLAIN_JSON)
def test_any_json_document_as_a_card_is_a_named_mistake(document):
    with pytest.raises(PneumoError, match=r"RunCard is|unknown key|missing key|expected a finite number"):
        decode(RunCard, document)


@pytest.mark.parametrize(
    ("probability", "written"),
    [(0.0, "<0.001"), (0.0004, "<0.001"), (0.0005, "0.001"), (0.5, "0.500"), (0.9994, "0.999"), (1.0, ">0.999")],
)
def test_certainty_is_never_written(probability, written):
    assert formatting.probability(probability) == written


# --- names that become folders ----------------------------------------------------------------------------

BAD_NAMES = [
    "", " ", ".", "..", "../../x", "/abs", "a/b", "a\\b", "a\0b", "a\nb", "-x", ".hidden", "x.", "x ", "CON", "nul", "com1.txt",
    "LPT9", "aux .x", "x" * 101, "C:", "a:b", "a*b", "a?b", '"x"', "<x>", "a|b", "~", "\ud800", "\u202ex",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_folder_of_its_own_is_refused(name):
    with pytest.raises(PneumoError, match="that name one folder"):
        Recipe(name=name)


@pytest.mark.parametrize(
    "name", ["custom", "x", "_x", "my run", "röntgen", "v1.2", "a=1,b=2", "x" * 100, "console", "com10"]
)
def test_ordinary_names_are_taken(name):
    assert Recipe(name=name).name == name


@given(st.text(max_size=120) | st.text("./\\ ~:cCoOnN", max_size=8))
def test_whatever_is_taken_as_a_name_stays_one_level_below(name):
    from pathlib import Path, PureWindowsPath

    try:
        Recipe(name=name)
    except PneumoError as error:
        assert len(str(error)) < 400
        return
    for kind in (Path, PureWindowsPath):
        assert kind("runs", name).parent == kind("runs")
        assert kind("runs", name).name == name
    assert len(name.encode()) <= 255 or not name.isascii()
