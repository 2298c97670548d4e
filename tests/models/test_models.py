"""Every registered model: shapes, gradients, saving, learning; and the registry itself."""

import urllib.error

import pytest
import torch
from safetensors.torch import load, save
from torchvision.ops import StochasticDepth

from pneumo import models
from pneumo.models.registry import register
from pneumo.schema import ImageSpec, PneumoError
from pneumo.training import recipes

IMAGE = ImageSpec(size=32)
CLASSIFIERS = models.names("classification")
COLOUR = ImageSpec(size=64, channels=3, mean=(0.5,) * 3, std=(0.5,) * 3)


def build(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return models.build(name, IMAGE)


def batch(count: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 1, 32, 32, generator=generator) * 2 - 1, (torch.arange(count) % 2).float()


@pytest.mark.parametrize(("size", "channels", "count"), [(128, 1, 4_617_153), (64, 1, 1_471_425), (128, 3, 4_617_729)])
def test_pneumonia_cnn_counts(size, channels, count):
    image = ImageSpec(size=size, channels=channels, mean=(0.5,) * channels, std=(0.5,) * channels)
    assert models.count_parameters(models.build("pneumonia_cnn", image)) == count


@pytest.mark.parametrize(("size", "near"), [(100, 96), (8, 16), (127, 128), (30, 32)])
def test_pneumonia_cnn_refuses_sizes_it_cannot_halve_and_names_the_nearest(size, near):
    with pytest.raises(PneumoError, match=f"multiple of 16, got {size}; the nearest is {near}$"):
        models.build("pneumonia_cnn", ImageSpec(size=size))
    assert models.build("pneumonia_cnn", ImageSpec(size=near)) is not None


@pytest.mark.parametrize("size", [16, 48])
def test_grad_cam_looks_at_eighths(size):
    model = models.build("pneumonia_cnn", ImageSpec(size=size)).eval()
    shapes = []
    hook = models.cam_layer("pneumonia_cnn", model).register_forward_hook(lambda m, i, out: shapes.append(out.shape))
    model(torch.zeros(2, 1, size, size))
    hook.remove()
    assert shapes == [(2, 256, size // 8, size // 8)]


@pytest.mark.parametrize("dropout", [7, -0.1, "much", None])
def test_arguments_a_layer_refuses_are_named(dropout):
    with pytest.raises(PneumoError, match=r"'pneumonia_cnn' cannot be built with \{'dropout': "):
        models.build("pneumonia_cnn", IMAGE, dropout=dropout)


def test_building_is_decided_by_the_global_generator():
    one, two = build("pneumonia_cnn"), build("pneumonia_cnn")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_forward_gives_one_logit_an_image_and_gradients_reach_every_parameter(name):
    model, (images, labels) = build(name), batch()
    logits = models.positive_logit(model(images))
    assert logits.shape == (8,)
    torch.nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()
    without = [key for key, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    # A bias before batch norm is taken out again by the mean: its gradient is zero but for rounding.
    assert [key for key in without if not key.endswith("bias")] == []
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_saved_and_loaded_gives_the_same_logits(name):
    model, (images, _) = build(name).eval(), batch()
    blob = save({key: value.contiguous() for key, value in model.state_dict().items()})
    torch.manual_seed(99)
    other = models.build(name, IMAGE).eval()
    assert not torch.equal(model(images), other(images))
    other.load_state_dict(load(blob))
    assert torch.equal(model(images), other(images))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "efficientnet_b7" else n for n in CLASSIFIERS]
)
def test_overfits_one_batch(name):
    model, (images, labels) = build(name), batch()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout | torch.nn.Dropout2d | StochasticDepth):
            module.p = 0.0
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(40):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(models.positive_logit(model(images)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.02


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_one_image_does_not_change_anothers_logit_in_eval_mode(name):
    model, (images, _) = build(name).eval(), batch()
    changed = images.clone()
    changed[1:] = 0
    torch.testing.assert_close(model(images)[0], model(changed)[0])


def test_registry_refuses_a_second_model_of_a_name():
    with pytest.raises(ValueError, match="registered already"):

        @register(task="classification", family="cnn")
        def pneumonia_cnn(image):
            """Never built."""

    assert models.count_parameters(build("pneumonia_cnn")) > 1000  # the first one stays


def test_registry_names_mistakes():
    with pytest.raises(PneumoError, match="did you mean 'pneumonia_cnn'"):
        models.build("pneumonia_cn", IMAGE)
    with pytest.raises(PneumoError, match="no argument 'dropuot'; did you mean 'dropout'"):
        models.build("pneumonia_cnn", IMAGE, dropuot=0.1)


def test_both_heads_give_the_logit_of_pneumonia():
    assert models.positive_logit(torch.tensor([[2.0], [-1.0]])).tolist() == [2, -1]
    assert models.positive_logit(torch.tensor([[1.0, 4.0]])).tolist() == [3]
    with pytest.raises(ValueError, match="expected outputs"):
        models.positive_logit(torch.zeros(2, 3))


def test_a_model_without_a_layer_for_grad_cam_says_so(monkeypatch):
    monkeypatch.setattr("pneumo.models.registry._entries", {})

    @register(task="other", family="test")
    def plain(image):
        return torch.nn.Identity()

    assert (models.names(), models.names("other"), models.names("classification")) == (["plain"], ["plain"], [])
    with pytest.raises(PneumoError, match="has no layer for Grad-CAM"):
        models.cam_layer("plain", models.build("plain", IMAGE))


def test_frozen_parameters_are_counted_apart():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    model[0].weight.requires_grad_(False)
    assert (models.count_parameters(model), models.count_parameters(model, trainable_only=True)) == (12, 6)


@pytest.mark.parametrize(
    ("name", "image", "arguments", "count", "trainable"),
    [
        ("vgg_cnn", COLOUR, {}, 4_689_729, 4_689_729),
        ("simple_cnn", ImageSpec(size=128), {}, 1_145_985, 1_145_985),
        ("resnet18", COLOUR, {}, 11_177_025, 11_177_025),
        ("resnet18", COLOUR, {"trainable": "head"}, 11_177_025, 513),
        ("resnet18", COLOUR, {"trainable": "head", "head": "log_softmax"}, 11_177_538, 1_026),
        ("efficientnet_b7", COLOUR, {}, 63_789_521, 63_789_521),
        ("efficientnet_b7", COLOUR, {"trainable": "head"}, 63_789_521, 2_561),
        ("regnet_y_400mf", COLOUR, {}, 3_903_585, 3_903_585),
    ],
)
def test_parameter_counts(name, image, arguments, count, trainable):
    model = models.build(name, image, **arguments)
    assert models.count_parameters(model) == count
    assert models.count_parameters(model, trainable_only=True) == trainable


def test_the_last_third_is_a_third_of_the_tensors():
    model = models.build("efficientnet_b7", COLOUR, trainable="last_third")
    tensors = list(model.parameters())
    first = next(n for n, p in enumerate(tensors) if p.requires_grad)
    assert first == int(0.66 * len(tensors))
    assert all(p.requires_grad for p in tensors[first:])


@pytest.mark.parametrize("trainable", ["head", "last_third", "all"])
def test_frozen_is_frozen_statistics_too(trainable):
    torch.manual_seed(0)
    model = models.build("resnet18", IMAGE, trainable=trainable).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    images, labels = batch()
    for _ in range(2):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(models.positive_logit(model(images)), labels).backward()
        optimiser.step()
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    stem = {"backbone.conv1.weight", "backbone.bn1.running_mean", "backbone.bn1.num_batches_tracked"}
    assert "head.1.weight" in moved
    assert (stem <= moved) if trainable == "all" else not (stem & moved)
    assert ("backbone.layer4.1.bn2.running_var" in moved) == (trainable != "head")
    assert all(key.startswith("head") for key in moved) == (trainable == "head")


def test_log_softmax_head_gives_log_probabilities():
    model = models.build("resnet18", IMAGE, head="log_softmax").eval()
    assert torch.allclose(model(batch()[0]).exp().sum(1), torch.ones(8), atol=1e-5)


@pytest.mark.parametrize(("key", "value"), [("head", "softmax"), ("trainable", "half")])
def test_transfer_models_name_mistakes(key, value):
    with pytest.raises(PneumoError, match=f"{key} is '{value}'; expected"):
        models.build("resnet18", IMAGE, **{key: value})


@pytest.mark.parametrize("name", ["resnet18", "regnet_y_400mf", "efficientnet_b7"])
def test_too_small_images_are_refused(name):
    with pytest.raises(PneumoError, match="must be 32 or more"):
        models.build(name, ImageSpec(size=16))


def test_a_colour_backbone_fits_a_grey_stem():
    torch.manual_seed(0)
    colour = models.build("resnet18", COLOUR).eval()
    grey = models.build("resnet18", ImageSpec(size=64)).eval()
    models.load_backbone(grey, colour.backbone.state_dict())
    x = torch.randn(2, 1, 64, 64)
    torch.testing.assert_close(grey.backbone(x), colour.backbone(x.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4)


def test_backbones_that_do_not_fit_are_refused():
    with pytest.raises(PneumoError, match="do not fit the backbone"):
        models.load_backbone(build("resnet18"), build("regnet_y_400mf").backbone.state_dict())
    with pytest.raises(PneumoError, match="has no backbone"):
        models.load_backbone(build("vgg_cnn"), {})


def test_imagenet_weights_come_from_torchvisions_cache(tmp_path, monkeypatch):
    """A file where torch's hub keeps its downloads is taken without a network; its hash is checked."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    state = build("resnet18").backbone.state_dict()
    file = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    file.parent.mkdir(parents=True)
    torch.save(state, file)
    result = models.imagenet_state("resnet18")
    assert torch.equal(result["conv1.weight"], state["conv1.weight"])


def test_no_network_for_imagenet_is_a_message(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    with pytest.raises(PneumoError, match="could not be downloaded"):
        models.imagenet_state("resnet18")
    with pytest.raises(PneumoError, match="no ImageNet weights for 'vgg_cnn'"):
        models.imagenet_state("vgg_cnn")


def test_ensemble_is_the_mean_of_calibrated_probabilities():
    torch.manual_seed(0)
    images = (ImageSpec(size=32), ImageSpec(size=16, channels=3, mean=(0.4,) * 3, std=(0.2,) * 3))
    members = [
        models.Member(models.build("simple_cnn", image).eval(), image, temperature, bias)
        for image, temperature, bias in zip(images, (0.5, 2.0), (0.3, -0.2), strict=True)
    ]
    x = torch.rand(3, 1, 32, 32)
    expected = torch.stack(
        [
            (models.positive_logit(m.model(models.member_input(x, m.image))) / m.temperature + m.bias).sigmoid()
            for m in members
        ]
    ).mean(0)
    torch.testing.assert_close(models.Ensemble(members)(x)[:, 0].sigmoid(), expected)
    assert models.member_input(x, images[1]).shape == (3, 3, 16, 16)


def test_contrastive_codes_lie_on_the_sphere():
    codes = build("resnet18_encoder").eval()(batch()[0])
    assert codes.shape == (8, 128)
    assert torch.allclose(codes.norm(dim=1), torch.ones(8), atol=1e-5)


# --- characters -------------------------------------------------------------------------------------------

READERS = {"ocr_cnn": 4_222_628, "ocr_cnn_bn": 4_222_820, "ocr_cnn_deep": 8_472_580, "ocr_resnet18": 11_188_708}


def test_counts_of_the_models_that_read_characters():
    assert {
        name: models.count_parameters(models.build(name, ImageSpec(size=64))) for name in models.names("characters")
    } == READERS
    parts = [
        sum(p.numel() for p in module.parameters())
        for module in models.build("ocr_cnn", ImageSpec(size=64)).modules()
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)
    ]
    assert parts == [320, 18_496, 4_194_560, 9_252]


@pytest.mark.parametrize("name", READERS)
def test_readers_give_a_logit_for_each_class_and_gradients_reach_every_parameter(name):
    model, (images, _) = build(name), batch()
    logits = model(images)
    assert logits.shape == (8, 36)
    torch.nn.functional.cross_entropy(logits, torch.arange(8)).backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias before batch norm is taken out again by the mean: its gradient is zero but for rounding.
    assert [key for key in without if not key.endswith("bias")] == []
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("name", READERS)
def test_readers_saved_and_loaded_give_the_same_logits(name):
    model, (images, _) = build(name).eval(), batch()
    blob = save({key: value.contiguous() for key, value in model.state_dict().items()})
    torch.manual_seed(99)
    other = models.build(name, IMAGE).eval()
    assert not torch.equal(model(images), other(images))
    other.load_state_dict(load(blob))
    assert torch.equal(model(images), other(images))
    changed = images.clone()
    changed[1:] = 0
    torch.testing.assert_close(model(images)[0], model(changed)[0])


@pytest.mark.parametrize("name", READERS)
def test_readers_overfit_one_batch(name):
    model, (images, _), labels = build(name), batch(), torch.tensor([0, 24, 35, 1, 18, 7, 12, 30])
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.05
    assert model(images).argmax(1).tolist() == labels.tolist()


# --- the small net of the training room -------------------------------------------------------------------


def test_the_small_net_has_6033_parameters_and_flattened_one_for_each_place():
    assert models.count_parameters(models.build("small_cnn", ImageSpec(size=64))) == 6_033
    flat = models.build("small_cnn", ImageSpec(size=64), channels=[4, 8], flatten=True, dense=10)
    assert flat[2].in_features == 8 * 16 * 16 and flat[2].out_features == 10


def test_the_small_net_with_an_average_pool_sees_no_places_and_flattened_it_does():
    images = torch.zeros(2, 1, 64, 64)
    images[0, 0, 24:28, 24:28] = images[1, 0, 32:36, 32:36] = 1
    for flatten in (False, True):
        torch.manual_seed(0)
        model = models.build("small_cnn", ImageSpec(size=64), flatten=flatten).eval()
        one, other = model(images)[:, 0]
        assert torch.isclose(one, other, atol=1e-6) != flatten


def test_the_small_net_names_the_smallest_image():
    with pytest.raises(PneumoError, match="for each of 4 blocks: image_size must be 16 or more, got 8"):
        models.build("small_cnn", ImageSpec(size=8), channels=[4] * 4)


# --- generators -------------------------------------------------------------------------------------------

UNIT = ImageSpec(size=16, mean=(0.0,), std=(1.0,))
UNIT_COLOUR = ImageSpec(size=16, channels=3, mean=(0.0,) * 3, std=(1.0,) * 3)
GREY = ImageSpec(size=16)
AUTOENCODERS, GANS = models.names("reconstruction"), models.names("gan")


def test_counts_of_the_course_projects_generators():
    assert models.count_parameters(models.build("conv_autoencoder", UNIT_COLOUR)) == 1_331_459
    gan = models.build("fc_gan", ImageSpec(size=32))
    assert models.count_parameters(gan.generator) == 1_732_352
    assert models.count_parameters(gan.discriminator) == 1_705_985
    smaller = models.build("fc_gan", ImageSpec(size=28), discriminator_hidden=(512, 256))
    widths = [
        (layer.in_features, layer.out_features) for layer in smaller.discriminator.net if hasattr(layer, "in_features")
    ]
    assert widths == [(784, 512), (512, 256), (256, 1)]
    assert smaller.generator.net[-2].out_features == 784


def test_the_plain_autoencoders_code_is_larger_than_a_grey_input():
    model = models.build("conv_autoencoder", ImageSpec(size=128, mean=(0.0,), std=(1.0,)))
    assert model.code_size == model.encode(torch.zeros(1, 1, 128, 128)).numel() == 4 * 128 * 128


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_autoencoders_reconstruct_an_image_and_learn(name):
    torch.manual_seed(0)
    model = models.build(name, UNIT)
    coarse = torch.rand(4, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.interpolate(coarse, 16, mode="bilinear")
    optimiser, losses = torch.optim.Adam(model.parameters(), 1e-3), []
    for _ in range(250):
        result = model(images)
        result = result[0] if isinstance(result, tuple) else result
        loss = torch.nn.functional.mse_loss(result, images)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert result.shape == images.shape
    assert all(p.grad is not None for p in model.parameters())
    assert losses[-1] < images.var() / 4  # a constant picture would give the variance
    model.eval()
    assert torch.equal(model(images), model.decode(model.encode(images)))


@pytest.mark.parametrize("name", [*AUTOENCODERS, *GANS])
def test_generators_saved_and_loaded_are_equal(name):
    def make() -> torch.nn.Module:
        return models.build(name, UNIT if name in AUTOENCODERS else GREY)

    torch.manual_seed(0)
    model = make()
    other = make()
    other.load_state_dict(load(save({key: value.contiguous() for key, value in model.state_dict().items()})))
    model.eval(), other.eval()
    if name in AUTOENCODERS:
        images = torch.rand(3, 1, 16, 16)
        assert torch.equal(model(images), other(images))
        return
    z, labels = torch.randn(3, model.z_size), torch.tensor([0, 1, 0])
    assert torch.equal(model(z, labels), other(z, labels))
    assert torch.equal(model.discriminator(model(z, labels), labels), other.discriminator(other(z, labels), labels))


@pytest.mark.parametrize("name", GANS)
def test_gans_draw_in_range_and_gradients_reach_both_networks(name):
    torch.manual_seed(0)
    model, labels = models.build(name, GREY), torch.arange(8) % 2
    images = model(torch.randn(8, model.z_size), labels)
    assert images.shape == (8, 1, 16, 16) and images.abs().max() <= 1
    model.discriminator(images, labels).sum().backward()
    without = [key for key, p in model.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize("name", GANS)
def test_discriminators_learn_one_batch(name):
    torch.manual_seed(0)
    judge, labels = models.build(name, GREY).discriminator, torch.arange(16) % 2
    images, real = torch.rand(16, 1, 16, 16) * 2 - 1, (torch.arange(16) < 8).float()
    optimiser = torch.optim.Adam(judge.parameters(), 2e-3)
    for _ in range(200):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(judge(images, labels), real)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert ((judge.eval()(images, labels) > 0) == (real > 0)).all()


def test_the_class_changes_what_a_conditional_generator_draws():
    torch.manual_seed(0)
    model = models.build("conv_gan", GREY)
    for up in model.generator.ups:  # scale and offset start alike for both classes
        torch.nn.init.normal_(up.norms[0].offset.weight)
    z = torch.randn(4, model.z_size)
    model.eval()
    assert not torch.equal(model(z, torch.zeros(4, dtype=torch.long)), model(z, torch.ones(4, dtype=torch.long)))


@pytest.mark.parametrize(
    ("name", "image", "match"),
    [
        ("conv_gan", ImageSpec(size=24), "image_size must be 8, 16, 32, 64 or 128, got 24"),
        ("conv_gan", UNIT, "image.mean and image.std 0.5"),
        ("fc_gan", COLOUR, "image.channels must be 1"),
        ("conv_autoencoder", ImageSpec(size=20, mean=(0.0,), std=(1.0,)), "multiple of 8, got 20"),
        ("vae", GREY, "image.mean must be 0 and image.std 1"),
        ("bottleneck_autoencoder", ImageSpec(size=48, mean=(0.0,), std=(1.0,)), "got 48"),
    ],
)
def test_generators_name_what_they_cannot_draw(name, image, match):
    with pytest.raises(PneumoError, match=match):
        models.build(name, image)


@pytest.mark.parametrize("name", sorted(recipes.RECIPES))
def test_every_recipe_is_checked_without_memory_for_it(name):
    recipe = recipes.get(name)
    models.check(recipe.model, recipe.image, **recipe.model_args)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("bottleneck_autoencoder", {"code": 10**12}, "expected for code a whole number from 1 to 4,096"),
        ("bottleneck_autoencoder", {"code": 0}, "expected for code a whole number from 1 to 4,096"),
        ("vae", {"width": True}, "expected for width a whole number"),
        ("vae", {"code": 8.5}, "expected for code a whole number"),
        ("simple_cnn", {"dense": 10**400}, "expected for dense a whole number from 1 to 4,096"),
        ("simple_cnn", {"dropout": float("nan")}, "expected for dropout a number from 0 to 1"),
        ("simple_cnn", {"dropout": "half"}, "expected for dropout a number from 0 to 1"),
        ("conv_gan", {"spectral": 1}, "expected for spectral true or false"),
        ("fc_gan", {"generator_hidden": [256, -1]}, "expected for generator_hidden whole numbers from 1 to 4,096"),
        ("fc_gan", {"generator_hidden": []}, "expected for generator_hidden whole numbers"),
        ("fc_gan", {"generator_hidden": [8] * 17}, "expected for generator_hidden whole numbers"),
        ("fc_gan", {"generator_hidden": "abc"}, "expected for generator_hidden whole numbers"),
    ],
)
def test_absurd_arguments_are_refused_with_the_permitted_range(name, arguments, message):
    with pytest.raises(PneumoError) as refused:
        models.build(name, ImageSpec(size=32, mean=(0.0,), std=(1.0,)), **arguments)
    assert message in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_model_too_large_is_refused_before_memory_is_taken():
    with pytest.raises(PneumoError, match="parameters; expected up to 200,000,000"):
        models.check("fc_gan", ImageSpec(size=1024), generator_hidden=[4096] * 4)
