"""The training room: every setting means a recipe that trains, nothing else gets in, and the numbers of its text are computed."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pneumo import data, models
from pneumo.data import DataSet, Item
from pneumo.images import transforms
from pneumo.lessons import training_room as rooms
from pneumo.lessons import training_sums
from pneumo.lessons.training_room import Settings, as_json, from_json
from pneumo.schema import ImageSpec, PneumoError, Radiograph, Recipe
from pneumo.training.tasks import ClassificationTask

TINY = Settings(count=100, side=32, epochs=1)
CHOICES = [
    *(("data", each) for each in ("phantom", "generated")),
    *(("count", each) for each in rooms.COUNTS),
    *(("percent", each) for each in rooms.PERCENTS),
    *(("side", each) for each in rooms.SIDES),
    *(("net", each) for each in rooms.NETS),
    *(("rate", each) for each in rooms.RATES),
    *(("batch", each) for each in rooms.BATCHES),
    *(("optimiser", each) for each in rooms.OPTIMISERS),
    *(("schedule", each) for each in rooms.SCHEDULES),
    *(("augment", each) for each in rooms.AUGMENTS),
    *(("remedy", each) for each in rooms.REMEDIES),
    ("widths", (4,)), ("widths", (4, 8, 8, 16, 64)), ("batch_norm", False), ("dropout", 0.9), ("epochs", 60), ("prior", True),
    ("l1", 0.1), ("l2", 1.0), ("patience", 60), ("seed", 10**6 - 1),
]  # fmt: skip


@pytest.fixture(scope="module")
def films():
    """Resized images, labels and splits of a hundred phantoms."""
    found = data.open_source(TINY.source)
    resized = data.resized(found, TINY.recipe.image)
    return np.asarray(resized.array), found.labels, data.training_splits(found, TINY.recipe, resized.errors)


@pytest.mark.parametrize(("name", "value"), CHOICES)
def test_every_choice_builds_a_model_that_learns_from_a_batch(films, name, value):
    settings = replace(TINY, **{name: value})
    assert from_json(json.loads(json.dumps(as_json(settings)))) == settings
    recipe, (resized, labels, splits) = settings.recipe, films
    assert settings.parameters <= rooms.MOST_PARAMETERS
    resized = np.stack([transforms.resize(each, recipe.image) for each in resized])
    torch.manual_seed(0)
    task = ClassificationTask(recipe, resized, labels, splits, 0)
    batch = task.prepare(task.fetch(list(range(8))), torch.Generator().manual_seed(0))
    loss = task.phases()[0].loss(batch)["loss"]
    loss.backward()
    assert torch.isfinite(loss) and all(p.grad is not None for p in task.modules["classifier"].parameters())


def test_the_settings_say_what_is_trained():
    recipe = Settings(
        net="flat", widths=(4, 8), batch_norm=False, dropout=0.3, remedy="pos_weight", prior=True, l1=1e-3, l2=1e-2,
        schedule="exponential", patience=4, seed=7, count=200, percent=95,
    ).recipe  # fmt: skip
    assert (recipe.data.source, recipe.data.test) == ("phantom:200:0:95", 0)
    assert (recipe.positive_weight, recipe.initial_bias, recipe.l1, recipe.weight_decay) == (0, "prior", 1e-3, 1e-2)
    model = models.build(recipe.model, recipe.image, **recipe.model_args)
    kinds = [type(each).__name__ for each in model.modules()]
    assert "BatchNorm2d" not in kinds and kinds.count("Conv2d") == 2 and kinds.count("Linear") == 2
    assert next(each.p for each in model.modules() if isinstance(each, torch.nn.Dropout)) == 0.3
    rates = training_sums.rates(recipe, 21)
    assert rates[20] / rates[0] == pytest.approx(0.1), "× .1 over 20 epochs, as the choice says"
    halved = training_sums.rates(replace(TINY, schedule="step").recipe, 11)
    assert halved[4:6] == pytest.approx([1e-3, 5e-4]) and halved[10] == pytest.approx(2.5e-4), "every 5 epochs"


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.lists(st.integers() | st.floats() | st.none(), max_size=4)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(as_json(TINY))) | st.text(max_size=4), VALUES, max_size=4))
def test_what_comes_from_an_address_is_settings_or_refused(said):
    try:
        settings = from_json(said)
    except PneumoError as error:
        assert str(error)
        return
    assert from_json(as_json(settings)) == settings
    json.dumps(as_json(settings), allow_nan=False)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"net": "smal"}, "did you mean 'small'"),
        ({"count": 300}, "100, 200, 400, 800"),
        ({"count": True}, "expected int"),
        ({"rate": float("nan")}, "rate"),
        ({"dropout": float("nan")}, "dropout"),
        ({"widths": []}, "1 to 5 blocks"),
        ({"widths": [8, 65]}, "1 to 64 channels"),
        ({"widths": [True]}, "channels"),
        ({"widths": "8-16"}, "expected tuple"),
        ({"seed": -1}, "seed"),
        ({"colour": 1}, "unknown settings: colour"),
    ],
)
def test_what_is_no_settings_is_named(bad, named):
    with pytest.raises(PneumoError, match=named):
        from_json(bad)


def test_what_does_not_fit_is_refused_before_it_is_queued():
    with pytest.raises(PneumoError, match=r"8,000,000.*fewer channels"):
        _ = Settings(net="flat", widths=(64,), side=96).parameters


def test_the_small_net_has_6033_parameters():
    assert Settings().parameters == 6_033


def test_the_l1_penalty_is_the_sum_of_absolute_weights_and_leaves_biases_alone(films):
    resized, labels, splits = films
    plain, fined = (replace(TINY, l1=factor).recipe for factor in (0.0, 0.01))
    losses = []
    for recipe in (plain, fined):
        torch.manual_seed(0)
        task = ClassificationTask(recipe, resized, labels, splits, 0)
        batch = task.prepare(task.fetch(list(range(8))), torch.Generator())
        losses.append(task.phases()[0].loss(batch)["loss"])
    weights = sum(p.detach().abs().sum().item() for p in task.modules["classifier"].parameters() if p.ndim > 1)
    assert (losses[1] - losses[0]).item() == pytest.approx(0.01 * weights, rel=1e-4)
    row = task.metrics(lambda function: function(task.modules["classifier"].eval()).detach())
    assert row["train_loss"] < 1 < losses[1].item(), "what is measured holds no penalty"


# --- images ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("percent", [5, 50, 95])
def test_phantoms_come_in_the_share_that_was_asked_for(percent):
    found = data.open_source(f"phantom:200:0:{percent}")
    assert len(found.items) == 200 and found.labels.mean() == pytest.approx(percent / 100, abs=0.03)


def test_phantoms_without_a_share_are_those_of_before():
    assert [each.digest for each in data.open_source("phantom:40").items] == [
        each.digest for each in data.open_source("phantom:40:0:74").items
    ]


@pytest.mark.parametrize("source", ["phantom:40:0:0", "phantom:40:0:100", "phantom:40:0:5.5", "phantom:40:0:5:1"])
def test_a_share_that_cannot_be_is_refused(source):
    with pytest.raises(PneumoError, match=r"1 to 99|PERCENT"):
        data.open_source(source)


def test_of_real_images_whole_patients_are_taken_and_none_of_the_test_set(monkeypatch):
    items = tuple(
        Item(f"{split}{n}", n % 2, f"{split}{n // 3}", "", split, f"{split}{n}")
        for split in ("train", "validation", "test")
        for n in range(60)
    )
    whole = DataSet("folder", items, lambda n: Radiograph(np.full((4, 4), n, np.uint8)), "", "")
    monkeypatch.setattr(rooms, "open_source", lambda source: whole)
    monkeypatch.setattr(rooms, "check_source", lambda source: None)
    rooms.dataset.cache_clear()
    some = rooms.dataset("folder", 50)
    rooms.dataset.cache_clear()
    assert 50 <= len(some.items) < 53 and not any(each.split == "test" for each in some.items)
    taken = {each.patient for each in some.items}
    assert len(some.items) == sum(each.patient in taken for each in items), "no patient is cut in two"
    assert all(items[int(some.read(n)[0, 0])] == each for n, each in enumerate(some.items)), "each has its own pixels"


def test_generated_images_have_the_share_and_their_own_labels():
    found = rooms.dataset("generated:20:0:75", 20)
    rooms.dataset.cache_clear()
    assert [each.label for each in found.items] == [0] * 5 + [1] * 15
    assert len({each.patient for each in found.items}) == len({each.digest for each in found.items}) == 20
    assert found.read(0).dtype == np.uint8 and found.read(0).ndim == 2


def test_real_images_are_offered_where_the_environment_names_a_folder(monkeypatch):
    monkeypatch.delenv(rooms.FOLDER, raising=False)
    assert rooms.kinds() == ["phantom", "generated"]
    monkeypatch.setenv(rooms.FOLDER, " /somewhere ")
    assert rooms.kinds()[-1] == "real" and Settings(data="real").source == "/somewhere"


# --- the numbers of the text ------------------------------------------------------------------------------------------


def test_the_numbers_of_the_text():
    """As the design of the classroom says them, section "Training room"."""
    assert {
        "loss_zero": "0.693", "loss_prior": "0.572", "prior": "1.050", "loss_weighted": "0.360", "weight_normal": "1.929",
        "weight_pneumonia": "0.675", "ball_slow": "0.107", "ball_one": "±1", "ball_fast": "6.19", "step_rate": "0.0025",
        "exponential_rate": "0.00316", "plateau_epoch": "7", "dropout": "1.6", "norm": "-1.2247, 0, 1.2247", "small_parameters": "6,033",
    }.items() <= training_sums.facts().items()  # fmt: skip


def test_the_ball_by_hand():
    assert training_sums.descent(2.0, 0.25, 3) == pytest.approx([2, 1, 0.5, 0.25])
    assert training_sums.descent(1.0, 1.0, 4) == pytest.approx([1, -1, 1, -1, 1])


def test_the_project_measured_what_the_formula_says():
    assert training_sums.loss_before_training(weight=0.26 / 0.74) == pytest.approx(0.3601, abs=1e-3)


def test_a_plateau_waits_for_patience_and_one_epoch_more():
    recipe = Recipe(schedule="plateau", learning_rate=0.01, plateau_patience=2, image=ImageSpec(size=32))
    assert training_sums.rates(recipe, 5, (1.0, 1.0, 1.0, 1.0, 1.0)) == [0.01] * 4 + [0.005]
