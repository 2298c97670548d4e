"""The precision of a training: timed where nothing else tells, without a trace in what is trained, and kept."""

import dataclasses
import threading

import pytest
import torch

from pneumo.schema import Recipe
from pneumo.training import Interrupted, Trainer, precision, recipes
from pneumo.training.adversarial import GanTask
from pneumo.training.precision import Precision
from pneumo.training.trainer import State
from tests.training.test_trainer import RECIPE, assert_same, make_task

AUTO = dataclasses.replace(RECIPE, precision="auto")
CPU = torch.device("cpu")
TIMED = {"float32": 0.5, "bfloat16 autocast": 0.4}


@pytest.fixture(autouse=True)
def _no_amx(monkeypatch):
    monkeypatch.setattr(precision.models, "native_bf16", lambda device: False)


def steps_but_says(bf16: bool):
    """As `faster`: the steps are made, the result is fixed."""
    timed = precision.faster

    def says(step):
        assert timed(step).timed_s.keys() == TIMED.keys()
        return Precision(bf16, TIMED)

    return says


def trained(folder, recipe: Recipe, task=make_task, **options) -> Trainer:
    trainer = Trainer(task(recipe), recipe, folder, **options)
    trainer.fit()
    return trainer


def test_a_recipe_that_names_a_precision_gets_it():
    assert precision.fixed("bf16", CPU) == Precision(True)
    assert precision.fixed("float32", CPU) == Precision(False)
    assert precision.fixed("auto", CPU) is None


def test_where_bfloat16_is_certain_to_be_faster_nothing_is_timed(monkeypatch):
    monkeypatch.setattr(precision.models, "native_bf16", lambda device: True)
    assert precision.fixed("auto", CPU) == Precision(True)


@pytest.mark.parametrize("slow", [False, True], ids=["float32 is slow", "bfloat16 is slow"])
def test_the_faster_one_is_chosen_after_two_steps_of_each(monkeypatch, slow):
    clock, made = [0.0], []

    def step(bf16):
        made.append(bf16)
        clock[0] += 5.0 if bf16 == slow else 1.0

    monkeypatch.setattr(precision.time, "perf_counter", lambda: clock[0])
    result = precision.faster(step)
    assert result.bf16 is not slow
    assert sorted(result.timed_s.values()) == [1.0, 5.0]
    assert made.count(True) == made.count(False) == 1 + precision.TIMED_STEPS


def test_in_words():
    assert Precision(False).text == "float32"
    assert Precision(True, TIMED).text == "bfloat16 autocast (timed: 0.4 s a step, float32 0.5 s)"


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_timing_leaves_no_trace_in_what_is_trained(tmp_path, monkeypatch, bf16, optimiser):
    changes = [f"optimiser={optimiser}", "learning_rate=.01"]
    named = recipes.override(AUTO, [*changes, f"precision={'bf16' if bf16 else 'float32'}"])
    monkeypatch.setattr(precision, "faster", steps_but_says(bf16))
    auto = trained(tmp_path / "auto", recipes.override(AUTO, changes))
    plain = trained(tmp_path / "plain", named)
    assert_same(auto.best, plain.best)
    assert_same(dict(auto._kept().state_dict()), dict(plain._kept().state_dict()))
    for one, two in zip(auto.state.history, plain.state.history, strict=True):
        assert one == pytest.approx(two, rel=0, nan_ok=True)
    assert auto.state.timed_s == TIMED
    assert plain.state.timed_s == {}


def test_nor_in_a_gan_with_its_two_optimisers(tmp_path, monkeypatch):
    recipe = recipes.override(
        recipes.get("conv_gan"), ["image.size=32", "epochs=1", "batch_size=8", "precision=auto", "snapshot_epochs=[]"]
    )

    def task(recipe):
        made = make_task(RECIPE)
        resized = made.resized.repeat(2, axis=1).repeat(2, axis=2)
        torch.manual_seed(0)
        return GanTask(recipe, resized, made.labels, made.splits, 0)

    monkeypatch.setattr(precision, "faster", steps_but_says(False))
    auto = trained(tmp_path / "auto", recipe, task)
    plain = trained(tmp_path / "plain", dataclasses.replace(recipe, precision="float32"), task)
    assert_same(auto.best, plain.best)
    for name in auto.task.modules:
        assert_same(auto.task.modules[name].state_dict(), plain.task.modules[name].state_dict())


def test_a_resumed_training_goes_on_in_the_precision_of_its_first_start(tmp_path, monkeypatch):
    stop = threading.Event()
    monkeypatch.setattr(precision, "faster", steps_but_says(True))
    whole = trained(tmp_path / "whole", AUTO)
    with pytest.raises(Interrupted):
        trained(tmp_path / "part", AUTO, stop=stop, progress=lambda now: stop.set() if now.epoch == 2 else None)
    monkeypatch.setattr(precision, "faster", steps_but_says(False))
    resumed = Trainer(make_task(AUTO), AUTO, tmp_path / "part")
    resumed.fit(resume=True)
    assert resumed.state.precision == Precision(True, TIMED)
    assert_same(whole.best, resumed.best)


def test_what_was_timed_is_reported_from_the_start(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(precision, "faster", steps_but_says(True))
    trained(tmp_path, AUTO, progress=lambda now: said.append(now.precision))
    assert set(said) == {Precision(True, TIMED).text}


def test_a_checkpoint_from_before_precisions_were_timed_is_timed_then():
    assert State(epoch=3).bf16 is None
