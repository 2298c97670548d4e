"""Grad-CAM: against the formula, in many threads, and where there is nothing to show."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from pneumo import diagnosis, explanation, models, runs, transforms
from pneumo.schema import ImageSpec, Radiograph


def tensors(run, count=8):
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (count, 64, 64), dtype=np.uint8)
    return [transforms.preprocess(picture, run.card.image) for picture in pictures]


def test_map_is_the_gradient_weighted_sum(small_run):
    """Against Selvaraju et al. 2017 written out: weights are mean gradients, the map their weighted sum, clipped."""
    tensor = tensors(small_run, 1)[0]
    layer, kept = models.cam_layer(small_run.card.model, small_run.model), {}
    hook = layer.register_forward_hook(lambda module, inputs, output: kept.update(a=output))
    logit = models.positive_logit(small_run.model(tensor[None]))
    hook.remove()
    [gradient] = torch.autograd.grad(logit.sum(), kept["a"])
    signed = (gradient.mean((2, 3), keepdim=True) * kept["a"]).sum(1)[0].detach().numpy()
    peak = np.abs(signed).max()
    found = explanation.grad_cam(small_run, tensor)
    np.testing.assert_allclose(found["PNEUMONIA"].cells, np.maximum(signed, 0) / peak, atol=1e-5)
    np.testing.assert_allclose(found["NORMAL"].cells, np.maximum(-signed, 0) / peak, atol=1e-5)


def test_maps_are_read_only_float32_in_range_and_share_one_scale(small_run):
    found = explanation.grad_cam(small_run, tensors(small_run, 1)[0])
    assert list(found) == ["NORMAL", "PNEUMONIA"]
    for heatmap in found.values():
        assert heatmap.values.shape == (32, 32)
        assert heatmap.values.dtype == np.float32
        assert heatmap.values.min() >= 0
        assert not heatmap.values.flags.writeable
    assert max(h.cells.max() for h in found.values()) == pytest.approx(1)


class Brightness(nn.Module):
    """Says PNEUMONIA in proportion to brightness: all evidence is for it, none against."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Sequential(nn.Identity(), nn.Identity(), nn.ReLU()))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.scale * self.blocks(x).mean((1, 2, 3))[:, None]


def test_no_positive_evidence_where_there_is_none(small_run):
    run = runs.Run(small_run.card, small_run.folder, Brightness())
    found = explanation.grad_cam(run, torch.rand(1, 32, 32))
    assert found["PNEUMONIA"].has_evidence
    assert not found["NORMAL"].has_evidence
    assert found["NORMAL"].values.max() == 0


def test_no_evidence_for_either_class_gives_empty_maps(small_run):
    run = runs.Run(small_run.card, small_run.folder, Brightness())
    for heatmap in explanation.grad_cam(run, torch.zeros(1, 32, 32)).values():
        assert not heatmap.has_evidence
        assert np.isfinite(heatmap.values).all()


def test_frozen_layers_are_explained_all_the_same(small_run):
    tensor = tensors(small_run, 1)[0]
    free = explanation.grad_cam(small_run, tensor)["PNEUMONIA"].cells
    frozen = runs.load(str(small_run.folder))
    frozen.model.requires_grad_(False)
    np.testing.assert_array_equal(free, explanation.grad_cam(frozen, tensor)["PNEUMONIA"].cells)


def test_nothing_stays_on_the_model(small_run):
    explanation.grad_cam(small_run, tensors(small_run, 1)[0])
    assert all(parameter.grad is None for parameter in small_run.model.parameters())
    assert not any(module._forward_hooks for module in small_run.model.modules())


class TwoClasses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Identity(), nn.ReLU()))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.blocks(x).mean((2, 3)))


def test_two_class_heads_are_explained(small_run):
    torch.manual_seed(0)
    found = explanation.grad_cam(runs.Run(small_run.card, small_run.folder, TwoClasses()), torch.rand(1, 32, 32))
    assert max(h.cells.max() for h in found.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", models.names("classification"))
def test_every_registered_classifier_can_be_explained(name, small_run):
    torch.manual_seed(0)
    image = ImageSpec(size=64)
    run = runs.Run(
        dataclasses.replace(small_run.card, model=name, image=image), small_run.folder, models.build(name, image).eval()
    )
    found = explanation.grad_cam(run, torch.rand(image.channels, 64, 64))
    assert found["PNEUMONIA"].values.shape == (64, 64)


def rounds_equal(run, rounds: int) -> None:
    """Eight threads, eight pictures at once: every probability and every map must be the one computed alone."""
    rng = np.random.default_rng(1)
    pictures = [Radiograph(rng.integers(0, 256, (64, 64), dtype=np.uint8)) for _ in range(8)]

    def answer(picture: Radiograph) -> tuple[float, np.ndarray]:
        found = diagnosis.diagnose_radiograph(run, picture, "picture")
        return found.probability, diagnosis.explain(run, found)["PNEUMONIA"].values

    alone = [answer(picture) for picture in pictures]
    together = threading.Barrier(len(pictures))

    def work(index: int) -> int:
        wrong = 0
        for _ in range(rounds):
            together.wait(timeout=60)
            probability, heat = answer(pictures[index])
            wrong += probability != alone[index][0] or not np.array_equal(heat, alone[index][1])
        return wrong

    with ThreadPoolExecutor(len(pictures)) as pool:
        assert list(pool.map(work, range(len(pictures)))) == [0] * len(pictures)


def test_eight_threads_see_their_own_answers(small_run):
    rounds_equal(small_run, rounds=20)


@pytest.mark.slow
def test_eight_threads_see_their_own_answers_two_hundred_rounds():
    rounds_equal(runs.load(), rounds=200)
