"""What a run, and a layer of it, is called before people; the run's own name stays beside it, small."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pneumo.schema import RunCard

NAMES = {  # by the run's name: shipped runs, and runs trained by these recipes under their own name
    "ensemble": "Ensemble",
    "resnet18_fine_tuned": "ResNet-18, fine-tuned",
    "resnet18_last_third": "ResNet-18, last third trained",
    "resnet18_frozen": "ResNet-18, frozen",
    "resnet18_scratch": "ResNet-18, from scratch",
    "resnet18_origin": "ResNet-18, course project",
    "resnet18_encoder": "ResNet-18, encoder without labels",
    "efficientnet_b7_frozen": "EfficientNet-B7, frozen",
    "efficientnet_b7_last_third": "EfficientNet-B7, last third trained",
    "lite0_scratch": "EfficientNet-Lite0, from scratch",
    "lite0_frozen": "EfficientNet-Lite0, frozen",
    "lite0_last_third": "EfficientNet-Lite0, last third trained",
    "lite0_fine_tuned": "EfficientNet-Lite0, fine-tuned",
    "lite0_origin": "EfficientNet-Lite0, course project",
    "resnet18_travel": "ResNet-18, made to travel",
    "travel_ensemble": "Ensemble, made to travel",
    "regnet": "RegNetY-400MF",
    "pneumonia_cnn": "PneumoniaCNN",
    "pneumonia_cnn_origin": "PneumoniaCNN, course project",
    "vgg_cnn": "VGG-like CNN",
    "simple_cnn": "Small CNN",
    "first_steps": "First steps (phantoms)",
    "marker_reader": "Marker reader, a shortcut on purpose",
    "conv_autoencoder": "Convolutional autoencoder",
    "denoiser": "Denoising autoencoder",
    "fc_gan": "Fully connected GAN",
    "fc_gan_28": "Fully connected GAN, 28 px",
    "conv_gan": "Convolutional GAN",
    "ocr_cnn": "Character reader",
    "ocr_cnn_bn": "Character reader with batch norm",
    "ocr_cnn_deep": "Character reader, deeper",
    "ocr_resnet18": "Character reader, ResNet-18",
    "conv_gan_collapsed": "Convolutional GAN, collapsed on purpose",
}
CODE = re.compile(r"(bottleneck|vae)_(\d+)")
FAMILIES = {"bottleneck": "Bottleneck autoencoder", "vae": "Variational autoencoder"}
MODELS = {  # by the registry's name, for runs under names of their own
    "pneumonia_cnn": "PneumoniaCNN",
    "vgg_cnn": "VGG-like CNN",
    "simple_cnn": "Small CNN",
    "resnet18": "ResNet-18",
    "efficientnet_b7": "EfficientNet-B7",
    "efficientnet_lite0": "EfficientNet-Lite0",
    "regnet_y_400mf": "RegNetY-400MF",
    "small_cnn": "Net of the training room",
    "conv_autoencoder": "Convolutional autoencoder",
    "bottleneck_autoencoder": "Bottleneck autoencoder",
    "vae": "Variational autoencoder",
    "fc_gan": "Fully connected GAN",
    "conv_gan": "Convolutional GAN",
    "ensemble": "Ensemble",
}


def name_of(card: RunCard) -> str:
    """ "ResNet-18, fine-tuned"; for a run under a name of its own, its model and that name: "ResNet-18 (my_run)"."""
    known = NAMES.get(card.name)
    if known and (card.members or card.recipe.name in (card.name, "custom")):
        return known
    code = CODE.fullmatch(card.name)
    if code and card.recipe.name == card.name:
        return f"{FAMILIES[code[1]]}, code of {code[2]}"
    return f"{MODELS.get(card.model, card.model)} ({card.name})"


def short_name(card: RunCard) -> str:
    """The same for legends and narrow columns: "VAE 32", "Bottleneck 8"; else as `name_of`."""
    code = CODE.fullmatch(card.name)
    if code and card.recipe.name == card.name:
        return f"{'VAE' if code[1] == 'vae' else 'Bottleneck'} {code[2]}"
    return name_of(card)


def layer_titles(layers: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """The layers a heatmap can look at, by the module's name: "layer 3 of 5 (8 x 8 cells)". layers: in order, (h, w) cells."""
    return {
        name: f"layer {number} of {len(layers)} ({height} x {width} cells)"
        for number, (name, (height, width)) in enumerate(layers.items(), 1)
    }


def stage_titles(layers: Sequence[str]) -> list[str]:
    """The lowest randomised layer of each stage of a cascade from the head down: "head", "step 2", ... "all layers"."""
    if len(layers) < 2:
        return ["all layers"] * len(layers)
    return ["head", *(f"step {number}" for number in range(2, len(layers))), "all layers"]
