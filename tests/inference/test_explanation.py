"""Heatmaps: against the formula, in many threads, where there is nothing to show; and the checks of them."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from pneumo import models, runs
from pneumo.images import transforms
from pneumo.inference import diagnosis, explanation, heatmap_checks
from pneumo.schema import HEATMAP_METHODS, ImageSpec, PneumoError, Radiograph


def tensors(run, count=8):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (count, 64, 64), dtype=np.uint8)
    return [transforms.preprocess(image, run.card.image)[1] for image in images]


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
    result = explanation.heatmaps(small_run, tensor)
    np.testing.assert_allclose(result["PNEUMONIA"].cells, np.maximum(signed, 0) / peak, atol=1e-5)
    np.testing.assert_allclose(result["NORMAL"].cells, np.maximum(-signed, 0) / peak, atol=1e-5)


def test_maps_are_read_only_float32_in_range_and_share_one_scale(small_run):
    result = explanation.heatmaps(small_run, tensors(small_run, 1)[0])
    assert list(result) == ["NORMAL", "PNEUMONIA"]
    for heatmap in result.values():
        assert heatmap.values.shape == (32, 32)
        assert heatmap.values.dtype == np.float32
        assert heatmap.values.min() >= 0
        assert not heatmap.values.flags.writeable
    assert max(h.cells.max() for h in result.values()) == pytest.approx(1)


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
    result = explanation.heatmaps(run, torch.rand(1, 32, 32))
    assert result["PNEUMONIA"].has_evidence
    assert not result["NORMAL"].has_evidence
    assert result["NORMAL"].values.max() == 0


def test_no_evidence_for_either_class_gives_empty_maps(small_run):
    run = runs.Run(small_run.card, small_run.folder, Brightness())
    for heatmap in explanation.heatmaps(run, torch.zeros(1, 32, 32)).values():
        assert not heatmap.has_evidence
        assert np.isfinite(heatmap.values).all()


def test_frozen_layers_are_explained_all_the_same(small_run):
    tensor = tensors(small_run, 1)[0]
    free = explanation.heatmaps(small_run, tensor)["PNEUMONIA"].cells
    frozen = runs.load(str(small_run.folder))
    frozen.model.requires_grad_(False)
    np.testing.assert_array_equal(free, explanation.heatmaps(frozen, tensor)["PNEUMONIA"].cells)


def test_nothing_stays_on_the_model(small_run):
    explanation.heatmaps(small_run, tensors(small_run, 1)[0])
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
    result = explanation.heatmaps(runs.Run(small_run.card, small_run.folder, TwoClasses()), torch.rand(1, 32, 32))
    assert max(h.cells.max() for h in result.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", models.names("classification"))
def test_every_registered_classifier_can_be_explained(name, small_run):
    torch.manual_seed(0)
    image = ImageSpec(size=64)
    run = runs.Run(
        dataclasses.replace(small_run.card, model=name, image=image), small_run.folder, models.build(name, image).eval()
    )
    result = explanation.heatmaps(run, torch.rand(image.channels, 64, 64))
    assert result["PNEUMONIA"].values.shape == (64, 64)


def test_the_command_line_knows_every_method():
    assert tuple(explanation.METHODS) == HEATMAP_METHODS


def test_layers_go_from_the_image_to_the_head(small_run):
    result = explanation.layers(small_run)
    assert list(result.values()) == [(32, 32), (16, 16), (8, 8), (4, 4)]
    assert list(result)[-1] == explanation.default_layer(small_run) == "blocks.3.1"


@pytest.mark.parametrize("method", explanation.METHODS)
@pytest.mark.parametrize("layer", [None, "blocks.0.1"])
def test_every_method_at_every_layer_gives_maps_in_range(small_run, method, layer):
    side = 4 if layer is None else 32
    for tensor in (tensors(small_run, 1)[0], torch.zeros(1, 32, 32)):
        result = explanation.heatmaps(small_run, tensor, method, layer)
        assert list(result) == ["NORMAL", "PNEUMONIA"]
        for heatmap in result.values():
            assert (heatmap.values.shape, heatmap.cells.shape) == ((32, 32), (side, side))
            assert heatmap.values.dtype == heatmap.cells.dtype == np.float32
            assert 0 <= heatmap.values.min() <= heatmap.values.max() <= 1
    assert all(parameter.grad is None for parameter in small_run.model.parameters())
    assert not any(module._forward_hooks for module in small_run.model.modules())


@pytest.mark.parametrize("method", [name for name, method in explanation.METHODS.items() if not method.by_class])
def test_methods_that_ask_no_class_give_both_the_same_map(small_run, method):
    result = explanation.heatmaps(small_run, tensors(small_run, 1)[0], method)
    np.testing.assert_array_equal(result["NORMAL"].values, result["PNEUMONIA"].values)


def test_hirescam_is_gradient_times_activation(small_run):
    """Draelos & Carin 2020 written out, at an early layer."""
    tensor, kept = tensors(small_run, 1)[0], {}
    hook = small_run.model.blocks[1][1].register_forward_hook(lambda module, inputs, output: kept.update(a=output))
    logit = models.positive_logit(small_run.model(tensor[None]))
    hook.remove()
    [gradient] = torch.autograd.grad(logit.sum(), kept["a"])
    signed = (gradient * kept["a"]).sum(1)[0].detach().numpy()
    result = explanation.heatmaps(small_run, tensor, "hirescam", "blocks.1.1")
    np.testing.assert_allclose(result["PNEUMONIA"].cells, np.maximum(signed, 0) / np.abs(signed).max(), atol=1e-5)


def test_random_maps_follow_their_generator(small_run):
    def drawn(seed: int) -> np.ndarray:
        generator = torch.Generator().manual_seed(seed)
        tensor = tensors(small_run, 1)[0]
        return explanation.heatmaps(small_run, tensor, "random", generator=generator)["PNEUMONIA"].values

    np.testing.assert_array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1), drawn(2))


class InPlace(TwoClasses):
    """A ReLU that overwrites the layer's output, as torchvision's models do."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=inplace)))


@pytest.mark.parametrize("method", explanation.METHODS)
def test_a_relu_in_place_changes_no_map(small_run, method):
    result = []
    for inplace in (False, True):
        torch.manual_seed(0)
        run = runs.Run(small_run.card, small_run.folder, InPlace(inplace).eval())
        result.append(explanation.heatmaps(run, tensors(small_run, 1)[0], method)["PNEUMONIA"].cells)
    np.testing.assert_array_equal(*result)


def test_unknown_methods_and_layers_name_the_nearest(small_run):
    tensor = tensors(small_run, 1)[0]
    with pytest.raises(PneumoError, match="did you mean 'layercam'"):
        explanation.heatmaps(small_run, tensor, "layer_cam")
    with pytest.raises(PneumoError, match=r"did you mean 'blocks\.3\.1'"):
        explanation.heatmaps(small_run, tensor, layer="blocks.3.2")


# --- checks of a heatmap ------------------------------------------------------------------------------------


def test_randomisation_leaves_the_shared_model_as_it_was(small_run):
    before = {name: value.clone() for name, value in small_run.model.state_dict().items()}
    state = torch.get_rng_state()
    stages = heatmap_checks.randomisation_check(small_run, tensors(small_run, 1)[0], torch.Generator().manual_seed(0))
    after = small_run.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert torch.equal(state, torch.get_rng_state())
    assert [stage.layer for stage in stages] == [
        "head.9", "head.5", "head.1", "blocks.3.0", "blocks.2.0", "blocks.1.0", "blocks.0.0",
    ]  # fmt: skip
    assert all(-1 <= stage.similarity <= 1 for stage in stages)


def test_randomisation_follows_its_generator(small_run):
    def similarities(seed: int) -> list[float]:
        generator = torch.Generator().manual_seed(seed)
        return [
            s.similarity for s in heatmap_checks.randomisation_check(small_run, tensors(small_run, 1)[0], generator)
        ]

    assert similarities(1) == similarities(1) != similarities(2)


@pytest.mark.parametrize("method", ["eigencam", "random"])
def test_methods_that_ask_no_class_ignore_a_random_head(small_run, method):
    """What the check is for: a map that stays although the head has forgotten everything."""
    stages = heatmap_checks.randomisation_check(
        small_run, tensors(small_run, 1)[0], torch.Generator().manual_seed(0), method
    )
    assert [stage.similarity for stage in stages if stage.layer.startswith("head")] == pytest.approx([1, 1, 1])
    assert abs(stages[-1].similarity) < 0.9


class Window(nn.Module):
    """PNEUMONIA if the square of rows and columns 8 to 15 is bright; blurred it is not bright enough."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(20.0))

    def forward(self, x):
        return self.gain * (x[:, :, 8:16, 8:16].mean((1, 2, 3)) - 0.7)[:, None]


@pytest.fixture
def window(small_run):
    """A run whose answer hangs on one square, its picture, and the maps that mark this square and all but it."""
    card = dataclasses.replace(small_run.card, temperature=1.0, bias=0.0)
    image, marked = torch.zeros(1, 32, 32), np.zeros((32, 32), np.float32)
    image[:, 8:16, 8:16] = 1
    marked[8:16, 8:16] = 1
    right, wrong = (explanation.Heatmap("PNEUMONIA", values, values) for values in (marked, 1 - marked))
    return runs.Run(card, small_run.folder, Window()), image, right, wrong


def test_deletion_and_insertion_know_the_map_that_matters(window):
    run, image, right, wrong = window
    good, bad = (heatmap_checks.deletion_insertion(run, image, heatmap, steps=16) for heatmap in (right, wrong))
    assert good.fractions.tolist() == pytest.approx(np.arange(17) / 16)
    assert good.deletion[0] == good.insertion[-1] > 0.99
    assert good.deletion[1] < 0.01, "the square is a sixteenth of the picture: one step and it is gone"
    assert good.insertion[1] > 0.99
    assert good.deletion_area < 0.1 < 0.9 < bad.deletion_area
    assert bad.insertion_area < 0.1 < 0.9 < good.insertion_area


def test_curves_of_normal_are_of_its_own_probability(window):
    run, image, right, _ = window
    for_normal = heatmap_checks.deletion_insertion(run, image, dataclasses.replace(right, class_name="NORMAL"))
    positive = heatmap_checks.deletion_insertion(run, image, right)
    np.testing.assert_allclose(for_normal.deletion, 1 - positive.deletion)


def test_equal_places_go_in_a_scattered_order():
    ranks = heatmap_checks._ranks(np.zeros((32, 32), np.float32))
    first = ranks < 0.25
    assert first.sum() == 256
    assert all(
        quarter.sum() == pytest.approx(64, abs=8) for half in np.split(first, 2) for quarter in np.split(half, 2, 1)
    )


def pointed(row: int, column: int, side: int = 224) -> explanation.Heatmap:
    values = np.zeros((side, side), np.float32)
    values[row, column] = 1
    return explanation.Heatmap("PNEUMONIA", values, values)


@pytest.mark.parametrize(
    ("row", "column", "hit"),
    [(110, 110, True), (100, 100, True), (100, 85, True), (100, 84, False), (134, 110, True), (135, 110, False),
     (90, 90, True), (88, 88, False), (0, 0, False)],
)  # fmt: skip
def test_pointing_game_forgives_fifteen_pixels(row, column, hit):
    mask = np.zeros((224, 224), bool)
    mask[100:120, 100:120] = True
    assert heatmap_checks.pointing_game(pointed(row, column), mask).hit == hit


def test_energy_is_the_share_of_the_map_inside():
    mask = np.zeros((64, 64), bool)  # twice as fine as the map
    mask[:32, :32] = True
    values = np.full((32, 32), 0.5, np.float32)
    flat = heatmap_checks.pointing_game(explanation.Heatmap("PNEUMONIA", values, values), mask)
    assert flat.energy == pytest.approx(flat.area) == 0.25
    assert heatmap_checks.pointing_game(pointed(3, 3, 32), mask).energy == 1


def test_an_empty_map_misses_and_an_empty_mask_is_refused():
    mask = np.zeros((32, 32), bool)
    mask[0, 0] = True
    empty = np.zeros((32, 32), np.float32)
    result = heatmap_checks.pointing_game(explanation.Heatmap("PNEUMONIA", empty, empty), mask)
    assert (result.hit, result.energy) == (False, None)
    with pytest.raises(PneumoError, match="mask is empty"):
        heatmap_checks.pointing_game(pointed(0, 0), np.zeros((224, 224), bool))


def rounds_equal(run, rounds: int) -> None:
    """Eight threads, eight pictures at once: every probability and every map must be the one computed alone."""
    rng = np.random.default_rng(1)
    images = [Radiograph(rng.integers(0, 256, (64, 64), dtype=np.uint8)) for _ in range(8)]

    def label_for(image: Radiograph) -> tuple[float, np.ndarray]:
        result = diagnosis.diagnose_radiographs(run, [("picture", image)])[0]
        return result.probability, diagnosis.explain(run, result)["PNEUMONIA"].values

    alone = [label_for(image) for image in images]
    together = threading.Barrier(len(images))

    def work(index: int) -> int:
        wrong = 0
        for _ in range(rounds):
            together.wait(timeout=60)
            probability, heat = label_for(images[index])
            wrong += probability != alone[index][0] or not np.array_equal(heat, alone[index][1])
        return wrong

    with ThreadPoolExecutor(len(images)) as pool:
        assert list(pool.map(work, range(len(images)))) == [0] * len(images)


def test_eight_threads_see_their_own_results(small_run):
    rounds_equal(small_run, rounds=20)


def test_threads_with_different_methods_and_layers_see_their_own_maps(small_run):
    choices = [(method, layer) for method in explanation.METHODS for layer in explanation.layers(small_run)]
    tensor = tensors(small_run, 1)[0]

    def computed(choice: tuple[str, str]) -> np.ndarray:
        return explanation.heatmaps(small_run, tensor, *choice)["PNEUMONIA"].values

    alone = [computed(choice) for choice in choices]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(computed, choices * 3))
    assert all(np.array_equal(result, alone[n % len(choices)]) for n, result in enumerate(together))


@pytest.mark.slow
def test_eight_threads_see_their_own_results_two_hundred_rounds():
    rounds_equal(runs.load(), rounds=200)
