"""The table of named recipes, and changing single fields of one from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from pneumo.schema import AugmentSpec, DataSpec, ImageSpec, PneumoError, Recipe, decode, encode, nearest

NUMBER = re.compile(r"[+-]?(\.\d+|\d+\.)")  # the two forms that JSON does not take

GREY = ImageSpec(size=128)
COLOUR = ImageSpec(size=224, channels=3, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))  # ImageNet's statistics
# Chosen for the default run on validation patients (docs/training-notes.md): what a frame, a marker or an exposure may be.
ROBUST = AugmentSpec(
    rotation_deg=15,
    shift=0.08,
    zoom=0.15,
    stretch=0.15,
    shear_deg=5,
    flip=0.5,
    gamma=0.4,
    contrast=0.3,
    brightness=0.1,
    equalise=0.3,
    blur=0.2,
    noise=0.3,
    border=0.3,
    marker=0.3,
)
# Two views of one radiograph must not be told by their frame, exposure or sharpness.
VIEWS = AugmentSpec(
    rotation_deg=12,
    shift=0.1,
    zoom=0.25,
    stretch=0.15,
    shear_deg=5,
    flip=0.5,
    gamma=0.5,
    contrast=0.3,
    brightness=0.1,
    blur=0.2,
    noise=0.2,
    border=0.3,
    marker=0.3,
)

# What the course project with five tasks gave all its CNNs. Its jitter of brightness and contrast is .2; it had a quarter
# for validation where all runs here share one split; how many epochs it trained is not told.
FIVE_TASKS: dict[str, Any] = {
    "image": replace(COLOUR, size=256),
    "augment": AugmentSpec(rotation_deg=30, flip=0.5, brightness=0.1, contrast=0.2),
    "batch_size": 16,
    "epochs": 20,
    "optimiser": "sgd",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 1e-5,
    "schedule": "step",
    "step_epochs": 5,
    "gamma": 0.5,
    "criterion": "accuracy",
    "positive_weight": 0.0,
}
# The four ResNets differ in where they start and what may move, in nothing else.
TRANSFER: dict[str, Any] = {
    "image": GREY,
    "augment": ROBUST,
    "batch_size": 32,
    "epochs": 10,
    "optimiser": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 0.02,
    "schedule": "onecycle",
    "label_smoothing": 0.05,
    "ema_decay": 0.995,
    "clip_norm": 1.0,
    "criterion": "auroc",
    "storage": "int8",
}

UNIT = ImageSpec(size=128, mean=(0.0,), std=(1.0,))  # autoencoders work on 0..1
SNAPSHOTS = (0, 1, 5, 10, 25, 50, 100, 150, 200)
# The fully connected GAN as the course projects trained it; the one drew 28 px, the other 32.
FC_GAN: dict[str, Any] = {
    "task": "gan",
    "model": "fc_gan",
    "data": DataSpec(only="PNEUMONIA"),
    "batch_size": 100,
    "epochs": 200,
    "optimiser": "adam",
    "learning_rate": 1e-4,
    "criterion": "last",
    "snapshot_epochs": SNAPSHOTS,
}
CONV_GAN: dict[str, Any] = {
    "task": "gan",
    "model": "conv_gan",
    "batch_size": 32,
    "optimiser": "adam",
    "gan_loss": "bce",
    "criterion": "last",
}
BOTTLENECK: dict[str, Any] = {
    "task": "reconstruction",
    "image": UNIT,
    "batch_size": 32,
    "epochs": 14,
    "learning_rate": 4e-3,  # six epochs from principal components at 1e-3 gained half as much
    "schedule": "onecycle",
    "clip_norm": 1.0,
    "criterion": "loss",
    "kl_weight": 0.1,  # at 1 all but the first twenty numbers of a code are noise
    "storage": "int8",
}

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="pneumonia_cnn_origin",
            summary="PneumoniaCNN exactly as the course project trained it: Adam, plateau schedule, balanced sampling.",
            augment=AugmentSpec(rotation_deg=15, shift=0.10, flip=0.5),
            batch_size=32,
            epochs=25,
            optimiser="adam",
            learning_rate=1e-3,
            schedule="plateau",
            gamma=0.5,
            plateau_patience=3,
            patience=5,
            criterion="loss",
            sampling="balanced",
            seed=42,
        ),
        Recipe(
            name="pneumonia_cnn",
            summary="The same network made robust: strong augmentation, one cycle, label smoothing, averaged weights.",
            # Strong augmentation regularises already: with the origin's dropout (.25 and .5) validation AUROC was .9956.
            model_args={"spatial_dropout": 0.1, "dropout": 0.4},
            augment=ROBUST,
            batch_size=32,
            epochs=20,
            optimiser="adamw",
            learning_rate=2e-3,
            weight_decay=0.02,
            schedule="onecycle",
            label_smoothing=0.05,
            ema_decay=0.998,
            clip_norm=1.0,
            criterion="auroc",
            seed=42,
        ),
        Recipe(
            name="simple_cnn",
            summary="The net to start with: conv-pool pairs, class weights, prior bias, exponential decay, as in the notes on tuning.",
            model="simple_cnn",
            augment=AugmentSpec(
                rotation_deg=20, shift=0.1, shear_deg=5.7, zoom=0.1, flip=0.5
            ),  # shear .1 is 5.7 degrees
            epochs=30,
            optimiser="sgd",  # the notes name none; at their rate of .01 Adam does not learn
            learning_rate=0.01,
            schedule="exponential",
            gamma=0.1,
            step_epochs=20,
            patience=8,
            criterion="loss",
            class_weights="balanced",
            initial_bias="prior",
        ),
        Recipe(
            name="vgg_cnn",
            summary="The VGG-like net as the course project trained it: SGD with Nesterov, halved every five epochs.",
            model="vgg_cnn",
            **FIVE_TASKS,
        ),
        Recipe(
            name="efficientnet_b7_frozen",
            summary="Feature extraction: EfficientNet-B7 with ImageNet weights, all frozen, a new head.",
            model="efficientnet_b7",
            model_args={"trainable": "head"},
            pretrained="imagenet",
            **FIVE_TASKS | {"learning_rate": 0.005},
        ),
        Recipe(
            name="efficientnet_b7_last_third",
            summary="Fine-tuning: EfficientNet-B7 with ImageNet weights, the first 66% of the tensors frozen.",
            model="efficientnet_b7",
            model_args={"trainable": "last_third"},
            pretrained="imagenet",
            **FIVE_TASKS,
        ),
        Recipe(
            name="resnet18_origin",
            summary="ResNet-18 with ImageNet weights, frozen, head to two classes with log-softmax, as the course project had it.",
            model="resnet18",
            model_args={"trainable": "head", "head": "log_softmax"},
            pretrained="imagenet",
            image=COLOUR,
            epochs=5,
            optimiser="adam",
            learning_rate=1e-3,
            criterion="accuracy",
        ),
        *(
            Recipe(
                name=f"resnet18_{name}",
                summary=f"ResNet-18 {summary}; same head, patients and budget as its three siblings.",
                model="resnet18",
                model_args={"trainable": trainable, "dropout": 0.1},
                pretrained=pretrained,
                **TRANSFER,
            )
            for name, trainable, pretrained, summary in (
                ("scratch", "all", "none", "from random weights"),
                ("frozen", "head", "resnet18_encoder", "on the frozen encoder learned without labels"),
                (
                    "last_third",
                    "last_third",
                    "resnet18_encoder",
                    "from the encoder learned without labels, last third trained",
                ),
                (
                    "fine_tuned",
                    "all",
                    "resnet18_encoder",
                    "from the encoder learned without labels, everything trained",
                ),
            )
        ),
        Recipe(
            name="regnet",
            summary="RegNetY-400MF from scratch: a modern compact network that trains twice as fast as ResNet-18 on a CPU.",
            model="regnet_y_400mf",
            image=ImageSpec(size=160),
            **{key: value for key, value in TRANSFER.items() if key != "image"} | {"epochs": 15, "learning_rate": 2e-3},
        ),
        Recipe(
            name="resnet18_encoder",
            summary="A ResNet-18 encoder learned from the training radiographs without their labels (SimCLR).",
            task="contrastive",
            model="resnet18_encoder",
            image=ImageSpec(size=96),
            augment=VIEWS,
            batch_size=64,
            epochs=25,
            learning_rate=1e-3,
            weight_decay=1e-4,
            schedule="onecycle",
            clip_norm=1.0,
            criterion="loss",
            storage="int8",
        ),
        Recipe(
            name="conv_autoencoder",
            summary="The autoencoder as the course project trained it, on PNEUMONIA only; its code is larger than its input.",
            task="reconstruction",
            model="conv_autoencoder",
            image=ImageSpec(size=256, channels=3, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
            data=DataSpec(only="PNEUMONIA"),
            batch_size=2,
            epochs=100,
            optimiser="adam",
            learning_rate=1e-3,
            criterion="loss",
        ),
        *(
            Recipe(
                name=f"{name}_{code}",
                summary=f"{title} with a code of {code} numbers, both classes.",
                model=model,
                model_args={"code": code},
                **BOTTLENECK,
            )
            for name, model, title in (
                ("bottleneck", "bottleneck_autoencoder", "An autoencoder"),
                ("vae", "vae", "A variational autoencoder"),
            )
            for code in (8, 32, 128)
        ),
        Recipe(
            name="denoiser",
            summary="An autoencoder with a code of 128 numbers that was shown noisy pictures and asked for clean ones.",
            model="bottleneck_autoencoder",
            model_args={"code": 128},
            denoise=0.15,
            **BOTTLENECK,
        ),
        Recipe(
            name="fc_gan",
            summary="The fully connected GAN of the course project, 32 px, PNEUMONIA only, 200 epochs.",
            image=ImageSpec(size=32),
            **FC_GAN,
        ),
        Recipe(
            name="fc_gan_28",
            summary="The 28 px form of the fully connected GAN, with the smaller discriminator.",
            image=ImageSpec(size=28),
            model_args={"discriminator_hidden": [512, 256]},
            **FC_GAN,
        ),
        Recipe(
            name="conv_gan",
            summary="A convolutional GAN told the class: R1 on real pictures, non-saturating loss, differentiable augmentation, averaged weights.",
            # Spectral norm kept the discriminator too weak; 8 channels at 128 px cost as much as 16 at 64 px (docs/training-notes.md).
            model_args={"spectral": False, "width": 8},
            image=ImageSpec(size=128),
            epochs=60,
            learning_rate=5e-4,
            schedule="cosine",
            beta1=0.0,
            beta2=0.99,
            ema_decay=0.999,
            gan_augment=True,
            gan_r1=1.0,
            channels_last=True,  # such narrow layers take a third of the time
            sampling="balanced",
            snapshot_epochs=(0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55),
            **CONV_GAN,
        ),
        Recipe(
            name="conv_gan_collapsed",
            summary="A mode collapse on purpose: the generator learns twenty times as fast as the discriminator, which is not shown how far samples differ.",
            model_args={"deviation": False},
            epochs=24,
            epoch_images=1280,
            sampling="balanced",
            snapshot_epochs=(0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 22),
            **CONV_GAN
            | {
                "image": ImageSpec(size=32),
                "learning_rate": 4e-3,
                "gan_rate": 0.05,
                "beta1": 0.5,
                "beta2": 0.9,
                "storage": "int8",
            },
        ),
        Recipe(
            name="first_steps",
            summary="A few minutes on phantoms: small images, few epochs; for a first look at training.",
            model_args={"spatial_dropout": 0.05, "dropout": 0.3},
            image=ImageSpec(size=96),
            augment=AugmentSpec(rotation_deg=5, shift=0.05, flip=0.5, gamma=0.1),
            data=DataSpec(source="phantom:1200"),
            batch_size=32,
            epochs=15,
            learning_rate=2e-3,
            schedule="onecycle",
            ema_decay=0.98,
            clip_norm=1.0,
        ),
    )
}


def get(name: str) -> Recipe:
    """The recipe of that name; PneumoError with the nearest name otherwise."""
    if name not in RECIPES:
        raise PneumoError(f"no recipe named {name!r}{nearest(name, RECIPES)}; there are: {', '.join(sorted(RECIPES))}")
    return RECIPES[name]


def override(recipe: Recipe, assignments: Iterable[str]) -> Recipe:
    """A copy with fields changed by `key=value` texts.

    A key is a field (`epochs`), or a field within one, by dot or underscore (`image.size`, `image_size`,
    `augment.rotation_deg`). Values are JSON, or plain words. Unknown keys and wrong types raise PneumoError.
    """
    plain = encode(recipe)
    paths = dict(_paths(plain))
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise PneumoError(f"{assignment!r} is no key=value; for example: epochs=5")
        _assign(plain, _resolve(key.strip(), paths), _parse(text.strip()))
    return decode(Recipe, plain)


def _paths(plain: dict[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every spelling of every field, with its path: ("image.size", ("image", "size")), ("image_size", ...)."""
    for key, value in plain.items():
        path = (*prefix, key)
        if isinstance(value, dict) and key != "model_args":
            yield from _paths(value, path)
            continue
        yield ".".join(path), path
        yield "_".join(path), path


def _resolve(key: str, paths: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if key.startswith("model_args."):
        return tuple(key.split(".", 1))
    if key not in paths:
        raise PneumoError(f"unknown key {key!r}{nearest(key, paths)}")
    return paths[key]


def _assign(plain: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        plain = plain[key]
        if not isinstance(plain, dict):
            raise PneumoError(f"{key} is {plain!r}; expected an object before {'.'.join(path)} can be set")
    plain[path[-1]] = value


def _parse(text: str) -> Any:
    """JSON; numbers as people write them (.5, 1.); and anything else as a word."""
    if NUMBER.fullmatch(text):
        return float(text)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except PneumoError:
        raise
    except (ValueError, RecursionError):  # no JSON, a number of over 4,300 digits, or endless brackets
        return text


def _refuse_constant(word: str) -> None:
    raise PneumoError(f"{word} is no usable number")
