"""The gallery: each recording shows what its text says, read from the file itself; and each mistake is really made."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pneumo.lessons import gallery, gallery_exhibits, gallery_texts
from pneumo.lessons import gallery_mistakes as mistakes
from pneumo.lessons.gallery import FOLDER
from pneumo.lessons.gallery_exhibits import EXHIBITS
from pneumo.lessons.gallery_training import Films
from pneumo.schema import CHARACTERS, AugmentSpec, ImageSpec, PneumoError, Recipe
from pneumo.training.recognition import CharacterTask
from pneumo.training.tasks import ClassificationTask
from pneumo.training.trainer import Trainer

MOST_BYTES = 4_000_000
WITHOUT_FILMS = ("softmax_twice",)  # characters are followed by their curves alone


def recorded(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def column(name, which, training=0):
    """(epochs + 1,) of one training; NaN where nothing was measured."""
    looks = recorded(name)["trainings"][training]["looks"]
    return np.array([np.nan if each["row"].get(which) is None else each["row"][which] for each in looks])


def test_there_is_a_text_and_a_recording_for_each_exhibit_and_no_other():
    assert list(gallery_texts.load()) == list(EXHIBITS)
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{name}.json" for name in EXHIBITS)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MOST_BYTES


@pytest.mark.parametrize("name", EXHIBITS)
def test_a_recording_is_whole(name):
    found = gallery.recorded(name)
    assert found["name"] == name and found["found"] and found["seed"] == gallery_exhibits.SEED
    for training in found["trainings"]:
        looks = training["looks"]
        assert [look["row"]["epoch"] for look in looks] == list(range(len(looks)))
        assert all(key in looks[-1]["row"] for key in found["extra"])
        if name in WITHOUT_FILMS:
            continue
        assert [each["label"] for each in training["cases"]] == [0, 0, 0, 1, 1, 1]
        assert all(each["address"].startswith("data:image/jpeg;base64,") for each in training["cases"])
        validation = sum(looks[0]["matrix"])
        for look in looks:
            assert sum(look["matrix"]) == validation and len(look["cases"]) == 6 and len(look["kernels"]) == 8
            tn, _, _, tp = look["matrix"]
            if look["row"]["validation_loss"] is not None:
                assert look["row"]["validation_accuracy"] == pytest.approx((tn + tp) / validation, abs=0.006)


def test_a_recording_that_is_missing_says_how_to_make_it():
    with pytest.raises(PneumoError, match="python -m pneumo gallery"):
        gallery.recorded("nothing")


def test_a_symptom_that_does_not_show_is_not_recorded(monkeypatch):
    monkeypatch.setitem(EXHIBITS, "good", lambda: gallery_exhibits.Exhibit([], False, "nothing at all"))
    with pytest.raises(PneumoError, match="good does not show what it should: nothing at all"):
        gallery_exhibits.record("good")


# --- the symptoms -----------------------------------------------------------------------------------------------------


def test_good_learns_and_both_losses_fall_together():
    train, validation = column("good", "train_loss"), column("good", "validation_loss")
    assert column("good", "validation_auroc")[-1] > 0.95
    assert train[-1] < train[0] / 2 and validation[-1] < validation[0] / 2 and abs(train[-1] - validation[-1]) < 0.15


def test_too_high_leaps():
    losses = column("too_high", "train_loss")
    assert recorded("too_high")["trainings"][0]["diverged"] or np.nanmax(losses) > 2 * losses[0]


def test_too_low_is_nearly_level():
    losses = column("too_low", "train_loss")
    assert 0 < losses[0] - losses[-1] < 0.02


def test_by_heart_turns_up():
    losses = column("by_heart", "validation_loss")
    best = losses.argmin()
    assert 0 < best < len(losses) - 1 and losses[-1] > 1.3 * losses[best]
    assert column("by_heart", "train_loss")[-1] < 0.02


def test_less_memory_keeps_a_better_epoch():
    assert column("less_memory", "validation_loss").min() < column("by_heart", "validation_loss")[-1]


def test_rare_is_accurate_and_finds_next_to_nobody():
    tn, fp, fn, tp = recorded("rare")["trainings"][0]["looks"][-1]["matrix"]
    assert tp / (tp + fn) < 0.5 and (tn + tp) / (tn + fp + fn + tp) >= 0.93


def test_leak_knows_the_patient_and_nothing_else():
    by_film, by_patient = (column("leak", "validation_auroc", n)[-5:].mean() for n in (0, 1))
    assert by_film > 0.65 and by_patient < 0.6
    assert [each["line"] for each in recorded("leak")["trainings"]] == ["split by film", "split by patient"]


def test_letter_reads_the_letter():
    assert column("letter", "validation_auroc")[-1] - column("letter", "plain_auroc")[-1] > 0.2


def test_without_eval_one_measures_something_else():
    """That one film's probability depends on its neighbours cannot be read from the file; `record` checks it."""
    off = np.abs(column("no_eval", "validation_auroc") - column("no_eval", "eval_auroc"))[1:]
    assert off.max() > 0.1


def test_softmax_twice_has_a_floor_and_logits_have_none():
    for split in ("train", "validation"):
        assert column("softmax_twice", f"{split}_loss").min() > 2.63
        assert column("softmax_twice", f"{split}_loss", 1).min() < 2.63
    assert column("softmax_twice", "train_loss")[0] == pytest.approx(np.log(36), abs=0.05)


def test_without_zero_grad_it_swings():
    losses = column("no_zero_grad", "train_loss")
    swing = losses / np.minimum.accumulate(losses)
    assert recorded("no_zero_grad")["trainings"][0]["diverged"] or swing.max() > 2


def test_an_augmented_test_is_random():
    assert (
        np.abs(column("augmented_test", "validation_auroc") - column("augmented_test", "second_auroc"))[1:].max() > 0.01
    )


def test_sixteen_films_move_by_an_eighth_and_more():
    few = column("sixteen", "few_accuracy")
    assert np.abs(np.diff(few)).max() >= 0.125
    np.testing.assert_allclose(few * 16, np.round(few * 16), atol=1e-3)


@pytest.mark.slow
def test_too_low_recorded_anew_is_what_is_shown():
    again, kept = gallery_exhibits.record("too_low"), recorded("too_low")
    losses = [look["row"]["train_loss"] for look in again["trainings"][0]["looks"]]
    np.testing.assert_allclose(losses, column("too_low", "train_loss"), atol=0.002)
    assert again["found"] == kept["found"]


# --- the mistakes -------------------------------------------------------------------------------------------------------

SIDE = 16
TOY = Recipe(
    model="small_cnn", image=ImageSpec(size=SIDE), optimiser="sgd", momentum=0.0, learning_rate=0.01, precision="float32",
    epochs=1, batch_size=16, augment=AugmentSpec(noise=1.0, shift=0.2), model_args={"channels": [4]},
)  # fmt: skip


def films(count=48):
    rng = np.random.default_rng(0)
    labels = (np.arange(count) % 2).astype(np.int64)
    pixels = rng.integers(0, 120, (count, SIDE, SIDE), dtype=np.uint8)
    pixels[labels == 1, 4:12, 4:12] += 90
    return Films(pixels, labels, {"train": np.arange(32), "validation": np.arange(32, count)})


def task(kind=ClassificationTask):
    torch.manual_seed(0)
    given = films()
    return kind(TOY, given.resized, given.labels, given.splits, 0)


@pytest.mark.parametrize("kind", [Trainer, mistakes.WithoutZeroGrad])
def test_without_zero_grad_every_step_goes_along_the_sum_of_all_gradients(tmp_path, kind):
    """Plain SGD: how far a weight has moved is the rate times the sum of the gradients that were used."""
    trainer = kind(task(), TOY, tmp_path)
    weight, own, used = trainer.task.modules["classifier"][-1].weight, [], []
    weight.register_hook(lambda gradient: own.append(gradient.clone()))
    weight.register_post_accumulate_grad_hook(lambda each: used.append(each.grad.clone()))
    before = weight.detach().clone()
    trainer.fit()
    assert len(own) == 2
    torch.testing.assert_close(used[1], own[0] + own[1] if kind is mistakes.WithoutZeroGrad else own[1])
    torch.testing.assert_close(weight.detach(), before - 0.01 * (used[0] + used[1]))


@pytest.mark.parametrize(("kind", "training"), [(Trainer, False), (mistakes.WithoutEval, True)])
def test_without_eval_a_film_depends_on_its_neighbours(tmp_path, kind, training):
    trainer = kind(task(), TOY, tmp_path)
    trainer.state.bf16 = False
    trainer.task.modules["classifier"].train()

    def first(neighbours):
        rows = np.array([32, *neighbours])
        return trainer._predict(lambda model: model(trainer.task.normalised(rows)))[0]

    assert torch.equal(first(range(0, 8, 2)), first(range(1, 9, 2))) != training


def test_an_augmented_test_differs_between_two_looks_and_a_proper_one_does_not():
    for kind, same in ((ClassificationTask, True), (mistakes.AugmentedTest, False)):
        held = task(kind)
        looks = [held.normalised(held.measured["validation"]) for _ in range(2)]
        assert torch.equal(*looks) == same, kind


def test_softmax_twice_charges_the_certain_and_right_2_630():
    certain = 1e4 * F.one_hot(torch.arange(36), 36).float()
    twice = mistakes.SoftmaxTwice.loss(None, certain, torch.arange(36))
    assert float(twice) == pytest.approx(2.630, abs=5e-4) and len(CHARACTERS) == 36
    assert float(CharacterTask.loss(None, certain, torch.arange(36))) == 0
