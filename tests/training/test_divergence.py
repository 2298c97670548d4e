"""A training that diverges ends with a sentence; what is kept is finite, or nothing is."""

import dataclasses
import math

import pytest
import torch

from pneumo import runs
from pneumo.schema import PneumoError
from pneumo.training import ClassificationTask, Trainer, checkpoint, recipes, train
from tests.training.test_trainer import RECIPE, make_task

LAST = recipes.override(RECIPE, ["criterion=last"])  # so that every finished epoch is the best one so far
SMALL = ["data.source=phantom:60", "image.size=16", "epochs=3", "batch_size=8", "precision=float32"]


def break_step(monkeypatch, at: int, value: float = math.nan) -> None:
    """The loss of the task's step number `at`, from 1, is not finite; so are then the weights after it."""
    loss, count = ClassificationTask._loss, [0]

    def broken(self, batch):
        count[0] += 1
        result = loss(self, batch)
        return {"loss": result["loss"] * value} if count[0] == at else result

    monkeypatch.setattr(ClassificationTask, "_loss", broken)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_best_finite_weights_are_kept_and_the_epoch_is_named(tmp_path, monkeypatch, value):
    break_step(monkeypatch, at=8, value=value)  # five steps an epoch
    trainer = Trainer(make_task(), LAST, tmp_path)
    state = trainer.fit()
    assert "diverged in epoch 2, step 3: classifier.loss was " in state.diverged
    assert f"the weights are those of epoch {state.best_epoch}" in state.diverged
    assert state.best_epoch == 1
    assert [row["epoch"] for row in state.history] == [0, 1]
    assert all(torch.isfinite(tensor).all() for tensor in trainer.best.values())


def test_nothing_is_kept_where_no_epoch_was_finite(tmp_path, monkeypatch):
    break_step(monkeypatch, at=3)
    with pytest.raises(PneumoError, match=r"diverged in epoch 1, step 3: .* was nan; try a smaller learning_rate"):
        Trainer(make_task(), LAST, tmp_path).fit()
    assert not checkpoint.exists(tmp_path)  # going on from it would end the same way


def test_weights_that_broke_in_the_last_step_of_an_epoch_are_not_kept(tmp_path, monkeypatch):
    """The loss of a step is that of the weights before it."""
    trainer = Trainer(make_task(), dataclasses.replace(LAST, ema_decay=0.0), tmp_path)
    finish = trainer._finish_epoch

    def break_then_finish():
        if trainer.state.epoch == 2:
            with torch.no_grad():
                next(trainer._kept().parameters()).fill_(math.nan)
        finish()

    monkeypatch.setattr(trainer, "_finish_epoch", break_then_finish)
    state = trainer.fit()
    assert "diverged in epoch 2: " in state.diverged
    assert "weights that are not finite" in state.diverged
    assert all(torch.isfinite(tensor).all() for tensor in trainer.best.values())


def test_a_loss_on_validation_that_is_not_finite_ends_training(tmp_path, monkeypatch):
    measure, epochs = ClassificationTask._measure, [0]

    def broken(self, split, predict):
        epochs[0] += split == "validation"
        return measure(self, split, predict) * (math.nan if epochs[0] == 3 else 1)

    monkeypatch.setattr(ClassificationTask, "_measure", broken)
    state = Trainer(make_task(), LAST, tmp_path).fit()
    assert "diverged in epoch 2: validation_loss is nan" in state.diverged


def test_the_run_says_on_its_card_that_training_diverged(tmp_path, monkeypatch):
    recipe = recipes.override(recipes.get("first_steps"), SMALL)
    break_step(monkeypatch, at=12)
    outcome = train(recipe, tmp_path / "run")
    assert "diverged" in outcome.diverged
    card = runs.read_card(tmp_path / "run")
    assert outcome.diverged in card.limits
    assert card.epochs_run < recipe.epochs
    run = runs.load(str(tmp_path / "run"))
    assert all(torch.isfinite(tensor).all() for tensor in run.model.state_dict().values())


def test_a_real_divergence_leaves_no_run(tmp_path):
    """Decay times rate is far above 2, so every step makes each weight a hundred times larger, until float32 overflows."""
    recipe = recipes.override(
        recipes.get("first_steps"),
        [*SMALL, "optimiser=sgd", "learning_rate=100", "weight_decay=1", "schedule=constant"],
    )
    with pytest.raises(PneumoError, match="training diverged in epoch"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run" / runs.CARD_FILE).exists()
