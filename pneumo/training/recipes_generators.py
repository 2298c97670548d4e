"""The named recipes of autoencoders and GANs."""

from __future__ import annotations

from typing import Any

from pneumo.schema import DataSpec, ImageSpec, Recipe

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

GENERATORS: tuple[Recipe, ...] = (
    Recipe(
        name="conv_autoencoder",
        summary="The convolutional autoencoder as the course project trained it, on PNEUMONIA only. Its code is larger than its input.",
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
            summary=f"{title} with a code of {code} numbers, trained on both classes.",
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
        summary="An autoencoder with a code of 128 numbers, trained to turn noisy images into clean ones.",
        model="bottleneck_autoencoder",
        model_args={"code": 128},
        denoise=0.15,
        **BOTTLENECK,
    ),
    Recipe(
        name="fc_gan",
        summary="The fully connected GAN of the course project: 32 px, PNEUMONIA only, 200 epochs.",
        image=ImageSpec(size=32),
        storage="int8",
        **FC_GAN,
    ),
    Recipe(
        name="fc_gan_28",
        summary="The fully connected GAN of the course project at 28 px, with its smaller discriminator.",
        image=ImageSpec(size=28),
        model_args={"discriminator_hidden": [512, 256]},
        **FC_GAN,
    ),
    Recipe(
        name="conv_gan",
        summary="A convolutional GAN conditioned on the class: R1 penalty on real images, non-saturating loss, differentiable augmentation, averaged weights.",
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
        summary="Mode collapse on purpose: the generator's learning rate is twenty times the discriminator's, and the discriminator does not see how much samples differ.",
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
)
