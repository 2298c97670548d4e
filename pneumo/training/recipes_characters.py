"""The named recipes of models that read characters."""

from __future__ import annotations

from dataclasses import replace

from pneumo.schema import AugmentSpec, DataSpec, ImageSpec, Recipe

# The course project's network and optimiser. Its ten epochs leave the network half trained on drawings that differ as these do (97.4%
# on the test fonts), so it has twice the images and twice the epochs, under one-cycle. Its augmentation was rotation 10 and
# shift .1; the drawings turn and wander already, and what is pushed over the edge loses the tail of its Q.
PLAIN = Recipe(
    name="ocr_cnn",
    summary="The character reader of the course project: two convolutions, then nearly all of its weights in one linear layer.",
    task="characters",
    model="ocr_cnn",
    image=ImageSpec(size=64),
    augment=AugmentSpec(rotation_deg=5, shift=0.05),
    data=DataSpec(source="characters:40320", validation=0.15, test=0.0),
    batch_size=32,
    epochs=20,
    optimiser="adam",
    learning_rate=1e-3,
    schedule="onecycle",
    criterion="accuracy",
    storage="int8",
)

READERS: tuple[Recipe, ...] = (
    PLAIN,
    replace(
        PLAIN,
        name="ocr_cnn_deep",
        model="ocr_cnn_deep",
        summary="Two convolutions before each pool, and twice as many units.",
    ),
    replace(PLAIN, name="ocr_cnn_bn", model="ocr_cnn_bn", summary="The same, with batch norm after each convolution."),
    replace(
        PLAIN,
        name="ocr_resnet18",
        model="ocr_resnet18",
        summary="ResNet-18 with a stem for one channel, from random weights.",
    ),
)
