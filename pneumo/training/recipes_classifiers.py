"""The named recipes of classifiers and of the encoder they may start from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pneumo.schema import AugmentSpec, DataSpec, ImageSpec, Recipe

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
# Chosen on clusters left out (docs/training-notes.md): what another room, machine or export may do. Half of the images take over
# the grey levels of another one, of either class: exposure alone tells the classes of the training hospital apart.
TRAVEL = replace(ROBUST, zoom=0.25, shift=0.1, equalise=0.2, exchange=0.5, sharpen=0.2)
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

CLASSIFIERS: tuple[Recipe, ...] = (
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
        summary="PneumoniaCNN made robust: strong augmentation, a one-cycle schedule, label smoothing, averaged weights.",
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
        summary="A small CNN to start with: convolution and pooling, class weights, an initial bias from the class counts, exponential decay, as in the course notes on tuning.",
        model="simple_cnn",
        augment=AugmentSpec(rotation_deg=20, shift=0.1, shear_deg=5.7, zoom=0.1, flip=0.5),  # shear .1 is 5.7 degrees
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
        summary="The VGG-like CNN as the course project trained it: SGD with Nesterov momentum, learning rate halved every five epochs.",
        model="vgg_cnn",
        **FIVE_TASKS,
    ),
    Recipe(
        name="efficientnet_b7_frozen",
        summary="Feature extraction: EfficientNet-B7 with frozen ImageNet weights and a new head.",
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
        summary="ResNet-18 with frozen ImageNet weights and a log-softmax head for two classes, as in the course project.",
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
            summary=f"ResNet-18 {summary}; the same head, patients and number of epochs as the other three ResNet-18 runs.",
            model="resnet18",
            model_args={"trainable": trainable, "dropout": 0.1},
            pretrained=pretrained,
            **TRANSFER,
        )
        for name, trainable, pretrained, summary in (
            ("scratch", "all", "none", "from random weights"),
            ("frozen", "head", "resnet18_encoder", "on the frozen encoder that was trained without labels"),
            (
                "last_third",
                "last_third",
                "resnet18_encoder",
                "from the encoder that was trained without labels, last third trained",
            ),
            (
                "fine_tuned",
                "all",
                "resnet18_encoder",
                "from the encoder that was trained without labels, all layers trained",
            ),
        )
    ),
    *(
        Recipe(
            name=f"lite0_{name}",
            summary=f"EfficientNet-Lite0 {summary}.",
            model="efficientnet_lite0",
            model_args={"trainable": trainable, "dropout": 0.2},
            pretrained=pretrained,
            **TRANSFER | {"image": ImageSpec(size=160), "augment": TRAVEL, "epochs": 8, "learning_rate": rate},
        )
        for name, trainable, pretrained, rate, summary in (
            ("scratch", "all", "none", 2e-3, "from random weights"),
            ("frozen", "head", "imagenet", 1e-3, "on frozen ImageNet weights, a new head trained"),
            ("last_third", "last_third", "imagenet", 1e-3, "from ImageNet weights, last third trained"),
            ("fine_tuned", "all", "imagenet", 5e-4, "from ImageNet weights, all layers trained"),
        )
    ),
    Recipe(
        name="lite0_origin",
        summary="EfficientNet-Lite0 with frozen ImageNet weights and a log-softmax head for two classes, as in the course project.",
        model="efficientnet_lite0",
        model_args={"trainable": "head", "head": "log_softmax"},
        pretrained="imagenet",
        image=ImageSpec(size=160),
        epochs=5,
        optimiser="adam",
        learning_rate=1e-3,
        criterion="accuracy",
        storage="int8",
    ),
    Recipe(
        name="resnet18_travel",
        summary="ResNet-18 at 192 pixels from the encoder that was trained without labels, with augmentation against another hospital's exposure, sharpness and crop.",
        model="resnet18",
        model_args={"trainable": "all", "dropout": 0.1},
        pretrained="resnet18_encoder",
        **TRANSFER | {"image": ImageSpec(size=192), "augment": TRAVEL, "epochs": 12},
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
        summary="A ResNet-18 encoder trained on the training radiographs without their labels (SimCLR).",
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
        name="first_steps",
        summary="A few minutes on phantoms, for a first look at training: small images, few epochs.",
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
    Recipe(
        name="marker_reader",
        summary="A model with a shortcut, on purpose: a small CNN on phantoms whose side marker gives the class away. For the Shortcut lab.",
        model="simple_cnn",
        model_args={"dense": 32},
        image=ImageSpec(size=64),
        # Marks may lie anywhere near either edge: they are told by what they are, not by where.
        augment=AugmentSpec(shift=0.05, flip=0.5, gamma=0.2),
        data=DataSpec(source="phantom-marked:1200"),
        batch_size=32,
        epochs=12,
        learning_rate=2e-3,
        schedule="onecycle",
        clip_norm=1.0,
        class_weights="balanced",
        precision="float32",  # the same weights on every machine of one kind
        storage="int8",
    ),
)
