"""Pretraining without labels, starting from a run, frozen features, and the runs they leave."""

import dataclasses

import numpy as np
import pytest
import torch

from pneumo import models, runs, training
from pneumo.schema import AugmentSpec, ImageSpec, PneumoError, Recipe
from pneumo.training import ContrastiveTask, FrozenBackboneTask, Trainer, recipes

IMAGE = ImageSpec(size=32)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A tiny pretraining, real in every part."""
    recipe = recipes.override(
        recipes.get("resnet18_encoder"),
        ["data.source=phantom:80", "image.size=32", "epochs=1", "batch_size=16", "precision=float32"],
    )
    folder = tmp_path_factory.mktemp("encoder") / "encoder"
    training.train(recipe, folder)
    return folder


def small(name: str, *changes: str) -> Recipe:
    return recipes.override(
        recipes.get(name),
        ["data.source=phantom:80", "image.size=32", "epochs=2", "batch_size=16", "precision=float32", *changes],
    )


def test_pretraining_leaves_a_run_without_diagnosis(encoder):
    card = runs.read_card(encoder)
    assert (card.task, card.metrics, card.operating_points, card.indeterminate) == ("contrastive", {}, (), None)
    rows = runs.read_history(encoder)
    assert {"validation_loss", "validation_accuracy", "validation_neighbour_auroc"} <= rows[0].keys()
    assert not (encoder / runs.PREDICTIONS_FILE).exists()
    assert runs.load(str(encoder)).model.backbone is not None


def test_contrastive_loss_by_hand(encoder):
    """Two pictures, codes at right angles, partners equal: each view has one at 1/T and two at 0."""
    recipe = recipes.get("resnet18_encoder")
    resized = np.zeros((4, 32, 32), np.uint8)
    recipe = dataclasses.replace(recipe, image=IMAGE, contrastive_temperature=0.5)
    task = ContrastiveTask(
        recipe, resized, np.array([0, 1, 0, 1]), {"train": np.arange(4), "validation": np.arange(4)}, 0
    )
    codes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    task.modules["encoder"] = lambda image: codes
    expected = -np.log(np.exp(2) / (np.exp(2) + 2))
    assert task._loss({"image": None})["loss"].item() == pytest.approx(expected, abs=1e-6)


def test_two_views_differ_and_stand_in_order():
    recipe = dataclasses.replace(recipes.get("resnet18_encoder"), image=IMAGE)
    resized = np.random.default_rng(0).integers(0, 255, (6, 32, 32), dtype=np.uint8)
    task = ContrastiveTask(recipe, resized, np.arange(6) % 2, {"train": np.arange(6), "validation": np.arange(6)}, 0)
    views = task.prepare(task.fetch([0, 1, 2]), torch.Generator().manual_seed(0))["image"]
    assert views.shape == (6, 1, 32, 32)
    assert not torch.equal(views[:3], views[3:])
    plain = dataclasses.replace(recipe, augment=AugmentSpec())
    task.recipe = plain
    views = task.prepare(task.fetch([0, 1, 2]), torch.Generator().manual_seed(0))["image"]
    assert torch.equal(views[:3], views[3:])


def test_a_frozen_run_keeps_the_encoders_backbone_bit_for_bit(encoder, tmp_path):
    training.train(small("resnet18_frozen", f"pretrained={encoder}"), tmp_path / "frozen")
    theirs = runs.load(str(encoder)).model.backbone.state_dict()
    run = runs.load(str(tmp_path / "frozen"))
    ours = run.model.backbone.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert run.card.recipe.pretrained == "encoder"  # a name, no path
    assert len(runs.read_history(run.folder)) == 3


@pytest.mark.parametrize("trainable", ["last_third", "all"])
def test_what_may_move_moves(tmp_path, trainable):
    recipe = recipes.override(Recipe(model="resnet18", image=IMAGE), ["epochs=1", "batch_size=8", "precision=float32"])
    recipe = dataclasses.replace(recipe, model_args={"trainable": trainable})
    resized = np.random.default_rng(0).integers(0, 255, (24, 32, 32), dtype=np.uint8)
    splits = {"train": np.arange(16), "validation": np.arange(16, 24)}
    start = models.build("resnet18", IMAGE).backbone.state_dict()
    task = training.ClassificationTask(recipe, resized, np.arange(24) % 2, splits, 0, start)
    Trainer(task, recipe, tmp_path).fit()
    ours = task.modules["classifier"].backbone.state_dict()
    same = {key for key in start if torch.equal(ours[key], start[key])}
    assert ("conv1.weight" in same) == ("bn1.running_mean" in same) == (trainable == "last_third")
    assert "layer4.1.conv2.weight" not in same


def test_cached_features_are_the_models_own():
    recipe = recipes.override(Recipe(model="resnet18", image=IMAGE), ["model_args.trainable=head", "precision=float32"])
    resized = np.random.default_rng(0).integers(0, 255, (24, 32, 32), dtype=np.uint8)
    splits = {"train": np.arange(16), "validation": np.arange(16, 24)}
    torch.manual_seed(0)
    task = FrozenBackboneTask(recipe, resized, np.arange(24) % 2, splits, 0)
    images = torch.from_numpy(resized[:16]).float().div(255).sub(0.5).div(0.5)[:, None]
    with torch.inference_mode():
        torch.testing.assert_close(task.features[0], task.whole.backbone(images), atol=1e-4, rtol=1e-4)
    assert len(task.features) == 1  # no augmentation, one copy
    assert task.assemble(task.modules["head"].state_dict()).keys() == task.whole.state_dict().keys()


def test_a_frozen_backbone_trains_its_head_and_resumes(tmp_path):
    recipe = recipes.override(
        Recipe(model="resnet18", image=IMAGE, augment=AugmentSpec(flip=0.5)),
        ["model_args.trainable=head", "precision=float32", "epochs=30", "learning_rate=.05", "batch_size=8"],
    )
    resized = np.random.default_rng(0).integers(0, 120, (48, 32, 32), dtype=np.uint8)
    labels = np.arange(48) % 2
    resized[labels == 1, 8:24, 8:24] += 100
    splits = {"train": np.arange(32), "validation": np.arange(32, 48)}

    def fit(epochs: int, folder, resume: bool = False) -> Trainer:
        torch.manual_seed(0)
        changed = dataclasses.replace(recipe, epochs=epochs)
        trainer = Trainer(FrozenBackboneTask(changed, resized, labels, splits, 0), changed, folder)
        trainer.fit(resume=resume)
        return trainer

    assert fit(30, tmp_path / "a").state.history[-1]["validation_auroc"] > 0.9
    assert fit(2, tmp_path / "b").task.averaged == "head"


def test_the_prior_bias_is_the_log_odds(tmp_path):
    recipe = dataclasses.replace(Recipe(model="simple_cnn", image=IMAGE), initial_bias="prior")
    labels = np.array([1] * 30 + [0] * 10)
    splits = {"train": np.arange(40), "validation": np.arange(40)}
    task = training.ClassificationTask(recipe, np.zeros((40, 32, 32), np.uint8), labels, splits, 0)
    assert task.modules["classifier"][-1].bias.item() == pytest.approx(np.log(3))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("vgg_cnn", "model=resnet18_encoder", "is for contrastive"),
        ("vgg_cnn", "pretrained=nowhere", "no run 'nowhere'"),
        ("resnet18_encoder", "model=resnet18", "is for classification"),
    ],
)
def test_what_does_not_fit_is_said_before_any_work(tmp_path, name, change, message):
    with pytest.raises(PneumoError, match=message):
        training.train(small(name, change), tmp_path / "run")


def test_a_run_without_backbone_is_no_start(small_run_folder, tmp_path):
    with pytest.raises(PneumoError, match="no backbone to start from"):
        training.train(small("resnet18_fine_tuned", f"pretrained={small_run_folder}"), tmp_path / "run")


def test_every_recipe_builds_what_it_names():
    for recipe in recipes.RECIPES.values():
        assert models.entry(recipe.model).task == recipe.task, recipe.name
        models.build(recipe.model, recipe.image, **recipe.model_args)


def test_an_epoch_of_a_given_length_repeats_a_small_set():
    from pneumo.training.trainer import EpochBatches

    class Ten:
        def __len__(self):
            return 10

        def sampling_weights(self):
            return None

    batches = list(EpochBatches(Ten(), 4, 0, epoch_images=25))
    assert [len(batch) for batch in batches] == [4] * 6
    seen = [i for batch in batches for i in batch]
    assert sorted(seen[:10]) == sorted(seen[10:20]) == list(range(10))  # each round has every image once
