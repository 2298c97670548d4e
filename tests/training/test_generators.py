"""GANs and autoencoders through the one trainer."""

import numpy as np
import pytest
import torch

from pneumo import runs, training
from pneumo.images import sheets
from pneumo.schema import PneumoError
from pneumo.training import recipes
from pneumo.training.adversarial import GanTask, differentiable_augment
from pneumo.training.reconstruction import ReconstructionTask


def small(name: str, *changes: str):
    """A recipe cut to seconds on phantoms."""
    return recipes.override(
        recipes.get(name), ["data.source=phantom:80", "epochs=2", "batch_size=16", "precision=float32", *changes]
    )


def image_size(name: str) -> str:
    return "image.size=32" if name in ("conv_gan", "fc_gan") else "image.size=16"


@pytest.mark.parametrize("name", ["conv_gan", "fc_gan", "bottleneck_8", "vae_8", "denoiser"])
def test_stopped_in_mid_epoch_and_resumed_gives_the_same_weights(tmp_path, name):
    recipe = small(name, image_size(name))
    whole = training.train(recipe, tmp_path / "whole")
    seen = []

    def stop_at(progress: training.Progress) -> None:
        seen.append(progress)
        if progress.epoch == 2 and progress.step == 2:
            stop.set()

    import threading

    stop = threading.Event()
    with pytest.raises(training.Interrupted):
        training.train(recipe, tmp_path / "parts", progress=stop_at, stop=stop)
    splits = training.train(recipe, tmp_path / "parts", resume=True)
    assert splits.card.weights.sha256 == whole.card.weights.sha256
    assert seen


def test_a_gan_leaves_snapshots_losses_and_verdicts(tmp_path):
    training.train(small("conv_gan", "image.size=32", "snapshot_epochs=[0,1]"), tmp_path / "gan")
    result = sorted(path.name for path in (tmp_path / "gan" / "snapshots").iterdir())
    assert result == ["epoch_0000.png", "epoch_0001.png", "epoch_0002.png"]
    history = runs.read_history(tmp_path / "gan")
    assert {"step_discriminator.loss", "step_generator.loss", "generated_right", "validation_right", "spread"} <= set(
        history[-1]
    )
    assert all(0 <= row[f"{split}_right"] <= 1 for row in history for split in ("generated", "train", "validation"))
    card = runs.read_card(tmp_path / "gan")
    assert card.metrics == {} and card.task == "gan" and card.best_epoch == 2


def test_only_one_class_is_learned_from(tmp_path):
    outcome = training.train(small("fc_gan", "image.size=16", "epochs=1"), tmp_path / "gan")
    assert outcome.card.data.counts["train"]["NORMAL"] == 0 < outcome.card.data.counts["train"]["PNEUMONIA"]


def test_a_classifier_of_one_class_is_refused(tmp_path):
    with pytest.raises(PneumoError, match="a classifier needs both classes"):
        training.train(small("pneumonia_cnn", "image.size=32", "data.only=NORMAL"), tmp_path / "run")


def test_only_the_phase_at_work_changes_its_network():
    resized = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    labels, splits = np.arange(40) % 2, {"train": np.arange(30), "validation": np.arange(30, 40)}
    task = GanTask(small("conv_gan", "image.size=16"), resized, labels, splits, 0)
    batch = task.prepare(task.fetch(list(range(16))), torch.Generator().manual_seed(0))
    judge, artist = task.modules["discriminator"], task.modules["generator"]
    for phase, moved, still in zip(task.phases(), (judge, artist), (artist, judge), strict=True):
        for parameter in (*judge.parameters(), *artist.parameters()):
            parameter.grad = None
        phase.loss(batch)["loss"].backward()
        assert any(p.grad is not None and p.grad.any() for p in moved.parameters())
        assert all(p.grad is None for p in still.parameters())


def test_whether_a_step_is_penalised_does_not_depend_on_the_process():
    """A step is penalised in all processes or in none: the penalty is of the whole batch, as in a training with one process."""
    resized = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    labels, splits = np.arange(40) % 2, {"train": np.arange(30), "validation": np.arange(30, 40)}
    recipe = small("conv_gan", "image.size=16", "gan_r1=1")
    penalised = []
    for process in range(2):
        task = GanTask(recipe, resized, labels, splits, 0)
        batch = task.prepare(task.fetch(list(range(8))), torch.Generator().manual_seed(0))
        passes, discriminator_phase = [], task.phases()[0]
        task.modules["discriminator"].register_forward_pre_hook(lambda *_: passes.append(1))  # noqa: B023
        counts = []
        for step in range(40):
            torch.manual_seed(100 * process + step)  # as the trainer does: another seed for each process
            task.shared = torch.Generator().manual_seed(step)
            passes.clear()
            discriminator_phase.loss(batch)
            counts.append(len(passes))
        penalised.append(counts)
    assert penalised[0] == penalised[1]
    assert set(penalised[0]) == {2, 3}  # real and generated, and now and then the penalty


def test_differentiable_augment_changes_every_image_and_passes_gradients():
    images = torch.rand(8, 1, 32, 32, requires_grad=True)
    torch.manual_seed(0)
    changed = differentiable_augment(images)
    assert changed.shape == images.shape
    assert all((a != b).any() for a, b in zip(changed, images, strict=True))
    changed.sum().backward()
    assert images.grad.any()


def test_the_noise_of_a_denoiser_is_on_the_input_alone():
    resized = np.full((20, 16, 16), 128, dtype=np.uint8)
    splits = {"train": np.arange(16), "validation": np.arange(16, 20)}
    task = ReconstructionTask(small("denoiser", "image.size=16"), resized, np.zeros(20, np.int64), splits, 0)
    batch = task.prepare(task.fetch([0, 1]), torch.Generator().manual_seed(0))
    assert batch["image"].std() == 0
    assert 0.1 < batch["noisy"].std() < 0.2 and 0 <= batch["noisy"].min() <= batch["noisy"].max() <= 1


def test_the_same_snapshot_comes_from_the_same_seed(tmp_path):
    recipe = small("conv_gan", "image.size=16", "epochs=1")
    sheets_found = []
    for name in ("one", "two"):
        training.train(recipe, tmp_path / name)
        sheets_found.append((tmp_path / name / "snapshots" / "epoch_0001.png").read_bytes())
    assert sheets_found[0] == sheets_found[1]
    assert sheets.SYNTHETIC.encode() in sheets_found[0]
