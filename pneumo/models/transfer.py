"""Backbones with a new head: from scratch, frozen, or with the last third trainable.

A backbone's tensors are named as in torchvision, below `backbone.`, so ImageNet weights and the encoders of other
runs fit in without renaming. torchvision itself is imported where one of its models is built: it takes two seconds.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pneumo.models.efficientnet_lite import FEATURES, EfficientNetLite0, SamePadding
from pneumo.models.registry import register
from pneumo.models.resnet import ResNet18
from pneumo.schema import ImageSpec, PneumoError

Trainable = Literal["all", "last_third", "head"]
Head = Literal["logit", "log_softmax"]
FROZEN_SHARE = 0.66  # of the parameter tensors, in order: the course project's fine-tuning
SMALLEST_PX = 32  # these backbones halve the image five times
IMAGENET = {  # torchvision's names of the weights
    "resnet18": "ResNet18_Weights.IMAGENET1K_V1",
    "efficientnet_b7": "EfficientNet_B7_Weights.IMAGENET1K_V1",
    "regnet_y_400mf": "RegNet_Y_400MF_Weights.IMAGENET1K_V2",
}


class Transfer(nn.Module):
    """A backbone, then a small head. x: (B, C, S, S) float32, normalised.

    Returns logits (B, 1), or log-probabilities (B, 2) of NORMAL and PNEUMONIA. What is frozen stays in evaluation mode
    while training, so its batch-norm statistics do not move either.
    """

    def __init__(self, backbone: nn.Module, features: int, dropout: float, head: Head, trainable: Trainable) -> None:
        super().__init__()
        if head not in ("logit", "log_softmax"):
            raise PneumoError(f"head is {head!r}; expected 'logit' or 'log_softmax'")
        self.backbone = backbone
        last = [nn.Linear(features, 1)] if head == "logit" else [nn.Linear(features, 2), nn.LogSoftmax(1)]
        self.head = nn.Sequential(nn.Dropout(dropout), *last)
        self.trainable = trainable
        self._freeze()

    def _freeze(self) -> None:
        parameters = list(self.parameters())
        frozen = {
            "all": [],
            "last_third": parameters[: int(FROZEN_SHARE * len(parameters))],
            "head": list(self.backbone.parameters()),
        }
        if self.trainable not in frozen:
            raise PneumoError(f"trainable is {self.trainable!r}; expected one of {', '.join(map(repr, frozen))}")
        for parameter in frozen[self.trainable]:
            parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> Transfer:
        super().train(mode)
        if self.trainable == "head":
            self.backbone.eval()
        for module in self.backbone.modules():
            own = list(module.parameters(recurse=False))
            if own and not any(p.requires_grad for p in own):
                module.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))


def imagenet_state(name: str) -> dict[str, Tensor]:
    """ImageNet weights under torchvision's names, downloaded by torchvision with its progress bar.

    PneumoError where there are none or the hub cannot be reached.
    """
    if name not in IMAGENET:
        raise PneumoError(
            f"torchvision has no ImageNet weights for {name!r} (it has for {', '.join(IMAGENET)}); give a file of them: "
            "pretrained=FILE.safetensors (docs/transfer.md says where files come from)"
        )
    import torchvision.models as zoo

    try:
        return zoo.get_weight(IMAGENET[name]).get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network, a refused download, a wrong hash
        raise PneumoError(
            f"the ImageNet weights of {name} could not be downloaded ({type(error).__name__}); check the network, put "
            "the file into torch's hub cache, or start elsewhere: pretrained=none, or pretrained=<a run trained here>"
        ) from error


def load_backbone(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Tensors under torchvision's names into model.backbone; its own classifier is left behind.

    A stem of one channel gets the sum over three colours, which sees grey images as the original does.
    """
    if not hasattr(model, "backbone"):
        raise PneumoError("this model has no backbone to start from pretrained weights; use pretrained=none")
    wanted = model.backbone.state_dict()
    chosen = {key: _fit_stem(value, wanted[key]) for key, value in state.items() if key in wanted}
    missing = [key for key in wanted if key not in chosen]
    wrong = [key for key, value in chosen.items() if value.shape != wanted[key].shape]
    if missing or wrong:
        raise PneumoError(
            f"these weights do not fit the backbone: {len(missing)} tensors are missing and {len(wrong)} have another "
            f"shape (first: {(missing + wrong)[0]}); they belong to another model"
        )
    model.backbone.load_state_dict(chosen)


def _fit_stem(value: Tensor, wanted: Tensor) -> Tensor:
    if value.ndim == 4 and value.shape[1] == 3 and wanted.shape[1] == 1:
        return value.sum(1, keepdim=True)
    return value


def _grey_stem(stem: nn.Conv2d, channels: int) -> nn.Conv2d:
    """The same convolution for another number of channels."""
    return nn.Conv2d(
        channels, stem.out_channels, stem.kernel_size, stem.stride, stem.padding, bias=stem.bias is not None
    )


def _check_size(name: str, image: ImageSpec) -> None:
    if image.size < SMALLEST_PX:
        raise PneumoError(f"{name} halves the image five times: image_size must be {SMALLEST_PX} or more")


def resnet18_backbone(image: ImageSpec) -> tuple[nn.Module, int]:
    """ResNet-18 (He et al. 2016) without its classifier, and its number of features."""
    _check_size("resnet18", image)
    backbone = ResNet18()
    backbone.fc = nn.Identity()
    if image.channels != 3:
        backbone.conv1 = _grey_stem(backbone.conv1, image.channels)
    return backbone, 512


@register(task="classification", family="transfer", cam_layer=lambda model: model.backbone.layer4)
def resnet18(image: ImageSpec, trainable: Trainable = "all", head: Head = "logit", dropout: float = 0.0) -> nn.Module:
    """ResNet-18: 11,177,025 parameters at three channels with one logit."""
    return Transfer(*resnet18_backbone(image), dropout, head, trainable)


@register(task="classification", family="transfer", cam_layer=lambda model: model.backbone.features[-1])
def efficientnet_b7(
    image: ImageSpec, trainable: Trainable = "all", head: Head = "logit", dropout: float = 0.2
) -> nn.Module:
    """EfficientNet-B7 (Tan and Le 2019): 63,789,521 parameters at three channels, 2,561 of them in the head."""
    _check_size("efficientnet_b7", image)
    import torchvision.models as zoo

    backbone = zoo.efficientnet_b7(weights=None)
    backbone.classifier = nn.Identity()
    if image.channels != 3:
        backbone.features[0][0] = _grey_stem(backbone.features[0][0], image.channels)
    return Transfer(backbone, 2560, dropout, head, trainable)


@register(task="classification", family="transfer", cam_layer=lambda model: model.backbone.bn1)
def efficientnet_lite0(
    image: ImageSpec, trainable: Trainable = "all", head: Head = "logit", dropout: float = 0.2
) -> nn.Module:
    """EfficientNet-Lite0: 3,371,009 parameters at one channel with one logit. It was taught with a mean and deviation of one half."""
    _check_size("efficientnet_lite0", image)
    backbone = EfficientNetLite0()
    backbone.fc = nn.Identity()
    if image.channels != 3:
        backbone.conv_stem = SamePadding(image.channels, backbone.conv_stem.out_channels, 3, stride=2, bias=False)
    return Transfer(backbone, FEATURES, dropout, head, trainable)


@register(task="classification", family="transfer", cam_layer=lambda model: model.backbone.trunk_output)
def regnet_y_400mf(
    image: ImageSpec, trainable: Trainable = "all", head: Head = "logit", dropout: float = 0.1
) -> nn.Module:
    """RegNetY-400MF (Radosavovic et al. 2020): 3.9 million parameters.

    The compact modern backbone. On one core at 128 px it trains at 103 images/s, as fast as MobileNetV3-small and twice
    as fast as ResNet-18 (54) or MobileNetV3-large (47), because its group convolutions suit a CPU better than depthwise ones.
    """
    _check_size("regnet_y_400mf", image)
    import torchvision.models as zoo

    backbone = zoo.regnet_y_400mf(weights=None)
    features = backbone.fc.in_features
    backbone.fc = nn.Identity()
    if image.channels != 3:
        backbone.stem[0] = _grey_stem(backbone.stem[0], image.channels)
    return Transfer(backbone, features, dropout, head, trainable)


class ContrastiveEncoder(nn.Module):
    """A backbone and a projector of two layers (SimCLR, Chen et al. 2020). Returns (B, width) on the unit sphere."""

    def __init__(self, backbone: nn.Module, features: int, width: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = nn.Sequential(
            nn.Linear(features, features), nn.BatchNorm1d(features), nn.ReLU(), nn.Linear(features, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.projector(self.backbone(x)).float(), dim=1)


@register(task="contrastive", family="transfer")
def resnet18_encoder(image: ImageSpec, width: int = 128) -> nn.Module:
    """ResNet-18 for pretraining without labels; the classifier `resnet18` takes over its backbone."""
    return ContrastiveEncoder(*resnet18_backbone(image), width)
