"""Recipes by name, and single fields changed from the command line."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo import models
from pneumo.schema import PneumoError, Recipe
from pneumo.training import recipes


@pytest.mark.parametrize("name", sorted(recipes.RECIPES))
def test_every_recipe_builds_its_model_and_says_what_it_is(name):
    recipe = recipes.get(name)
    assert recipe.name == name
    assert recipe.summary.endswith(".")
    assert models.build(recipe.model, recipe.image, **recipe.model_args) is not None


def test_origin_recipe_is_the_course_projects():
    """Batch 32, at most 25 epochs, Adam 1e-3, plateau .5 / 3, early stopping 5, balanced sampling, seed 42."""
    recipe = recipes.get("pneumonia_cnn_origin")
    assert (recipe.batch_size, recipe.epochs, recipe.optimiser, recipe.learning_rate) == (32, 25, "adam", 1e-3)
    assert (recipe.schedule, recipe.gamma, recipe.plateau_patience, recipe.patience) == ("plateau", 0.5, 3, 5)
    assert (recipe.sampling, recipe.criterion, recipe.seed) == ("balanced", "loss", 42)
    assert (recipe.image.size, recipe.image.mean, recipe.image.std) == (128, (0.5,), (0.5,))
    changed = {f.name for f in dataclasses.fields(recipe.augment) if getattr(recipe.augment, f.name)}
    assert changed == {"rotation_deg", "shift", "flip"}
    assert (recipe.augment.rotation_deg, recipe.augment.shift) == (15, 0.10)


@pytest.mark.parametrize(
    ("assignment", "read"),
    [
        ("epochs=3", lambda r: r.epochs == 3),
        ("image.size=64", lambda r: r.image.size == 64),
        ("image_size=64", lambda r: r.image.size == 64),
        ("augment.rotation_deg=7", lambda r: r.augment.rotation_deg == 7.0),
        ("learning_rate=.5", lambda r: r.learning_rate == 0.5),
        ("learning_rate=1.", lambda r: r.learning_rate == 1.0),
        ("learning_rate=1e-4", lambda r: r.learning_rate == 1e-4),
        ("nesterov=true", lambda r: r.nesterov is True),
        ("schedule=cosine", lambda r: r.schedule == "cosine"),
        ("data.source=/some/folder with=sign", lambda r: r.data.source == "/some/folder with=sign"),
        ("model_args.dropout=0.1", lambda r: r.model_args == {"dropout": 0.1}),
        ("image.mean=[0.1]", lambda r: r.image.mean == (0.1,)),
        (" epochs = 4 ", lambda r: r.epochs == 4),
        ('name="5"', lambda r: r.name == "5"),
        ("name=my run, again", lambda r: r.name == "my run, again"),
        ('model_args={"dropout": 0.2}', lambda r: r.model_args == {"dropout": 0.2}),
        ("data_split_seed=7", lambda r: r.data.split_seed == 7),
    ],
)
def test_override(assignment, read):
    assert read(recipes.override(Recipe(), [assignment]))


def test_override_leaves_the_original_alone():
    original = Recipe()
    recipes.override(original, ["epochs=3", "model_args.dropout=0.1"])
    assert original == Recipe()


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs", "is no key=value"),
        ("epoch=3", "did you mean 'epochs'"),
        ("image.sise=3", "did you mean 'image.size'"),
        ("epochs=three", "expected a whole number"),
        ("image_size=1000000", "image.size is 1000000; expected 8 to 1,024 pixels"),
        ("epochs=100000000000000000000", "epochs is 100000000000000000000; expected 1 to 100,000"),
        ("epochs=" + "9" * 400, "; expected 1 to 100,000"),
        ("epochs=1e400", "expected a finite number"),
        ("epochs=-0.0", "expected a whole number"),
        ("epochs=١٢", "expected a whole number"),
        ("learning_rate=١.", "expected a number"),
        ("batch_size=4096", None),
        ("name=../../x", "name is '../../x'; expected 1 to 100 letters"),
        ("name=", "name is ''; expected"),
        ("learning_rate=NaN", "no usable number"),
        ("learning_rate=1e999", "expected a finite number"),
        ("learning_rate=" + "9" * 400, "expected a finite number"),
        ("epochs=" + "9" * 5000, "expected a whole number"),
        ("epochs=" + "[" * 100_000, "expected a whole number"),
        ("image.channels=0", "image.channels is 0"),
        ("data={}", "did you mean"),
        ("nesterov=1", "expected true or false"),
    ],
)
def test_override_names_mistakes(assignment, message):
    if message is None:
        assert isinstance(recipes.override(Recipe(), [assignment]), Recipe)
        return
    with pytest.raises(PneumoError) as caught:
        recipes.override(Recipe(), [assignment])
    assert message in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_recipe_or_a_named_mistake(text):
    try:
        assert isinstance(recipes.override(Recipe(), [text]), Recipe)
    except PneumoError as error:
        assert str(error)


SPELLINGS = sorted(dict(recipes._paths(recipes.encode(Recipe()))))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*SPELLINGS, "model_args.dropout"]),
            st.text(max_size=12)
            | st.floats().map(str)
            | st.integers().map(str)
            | st.sampled_from(["[]", "{}", "null", "[1]"]),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_value_of_a_known_key_is_a_recipe_or_a_named_mistake(pairs):
    try:
        recipe = recipes.override(Recipe(), [f"{key}={value}" for key, value in pairs])
    except PneumoError as error:
        assert str(error)
    else:
        assert recipes.override(recipe, []) == recipe


@given(st.sampled_from(["epochs", "batch_size", "image.size", "image_size", "seed"]), st.integers(8, 512))
def test_a_whole_number_arrives_where_it_was_sent(key, number):
    recipe = recipes.override(Recipe(), [f"{key}={number}"])
    expected = {"epochs": recipe.epochs, "batch_size": recipe.batch_size, "seed": recipe.seed}
    assert expected.get(key, recipe.image.size) == number


def test_later_assignments_win_and_an_argument_needs_an_object():
    assert recipes.override(Recipe(), ["epochs=3", "epochs=4"]).epochs == 4
    with pytest.raises(PneumoError, match="model_args is 5; expected an object"):
        recipes.override(Recipe(), ["model_args=5", "model_args.dropout=0.1"])


def test_unknown_recipe_lists_the_known():
    with pytest.raises(PneumoError, match="did you mean 'first_steps'"):
        recipes.get("first_step")
