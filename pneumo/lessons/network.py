"""A trained network laid open: its layers with shape, parameters and receptive field, and what each says of one radiograph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pneumo import models
from pneumo.images import transforms
from pneumo.models import efficientnet_lite, resnet
from pneumo.runs import Run, forward
from pneumo.schema import POSITIVE, ImageSpec, PneumoError

KINDS = (
    (nn.Conv2d, "convolution"),
    (nn.modules.batchnorm._BatchNorm, "batch norm"),
    (nn.MaxPool2d, "max pooling"),
    (nn.AvgPool2d, "average pooling"),
    (nn.AdaptiveAvgPool2d, "average pooling"),
    (nn.Flatten, "flatten"),
    (nn.Linear, "linear"),
    (nn.LogSoftmax, "log-softmax"),
    ((nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.LeakyReLU), "activation"),
)
BESIDE = ("downsample", ".proj.", ".se.")  # modules that are not on the way from the image to the head, but beside it
AGAIN = ":"  # "relu:2" is the second time that the module runs in one pass
CHUNK = 16


@dataclass(frozen=True)
class Field:
    """The part of the image that one number of a layer depends on: size pixels a side; neighbours lie `jump` pixels apart, and the
    middle of the first one's field lies at `start` (pixels from the image's edge)."""

    size: int
    jump: int
    start: float


@dataclass(frozen=True)
class Layer:
    """One step of the network on this image. shape: (C, h, w), or (F,) after flatten. field: None where it sees the whole image."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    field: Field | None
    beside: bool


@dataclass(frozen=True, eq=False)
class LastSum:
    """The last step, read as a sum. terms: (F,) float64, feature times weight; their sum and the bias are the logit."""

    features: np.ndarray
    weights: np.ndarray
    terms: np.ndarray
    bias: float
    logit: float


@dataclass(frozen=True, eq=False)
class Pixel:
    """How a convolution comes to one number. partial: (C,) float64, what each input channel gives; channels: those shown, the ones
    that give most; patches, kernels: (shown, k, k) float32; total: their sum over all channels, and the bias."""

    partial: np.ndarray
    channels: tuple[int, ...]
    patches: np.ndarray
    kernels: np.ndarray
    bias: float
    total: float


@dataclass(frozen=True, eq=False)
class Skip:
    """A residual block. shortcut, residual, after: (C, h, w) float32, what passes by, what is added, and their sum after ReLU.
    without: the logit of PNEUMONIA if this block's shortcut is cut."""

    name: str
    shortcut: np.ndarray
    residual: np.ndarray
    after: np.ndarray
    without: float


def prepared(run: Run, pixels: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """(S, S) uint8 as the model gets it, and (1, C, S, S) float32 as its first layer does. pixels: (H, W) uint8.

    PneumoError for an ensemble, which has no layers of its own.
    """
    if run.members:
        raise PneumoError(f"{run.card.name} is an ensemble and has no layers of its own; choose one of its members")
    seen = transforms.resize(pixels, run.card.image)
    return seen.reshape(-1, *seen.shape[-2:])[0], transforms.normalise(
        torch.from_numpy(seen.copy())[None], run.card.image
    )


def layers(run: Run, model: nn.Module | None = None) -> list[Layer]:
    """Every step from the image to the logit, in the order of computation."""
    network = model or run.model
    spec, found = run.card.image, []
    field: Field | None = Field(1, 1, 0.5)

    def look(name: str, module: nn.Module) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            nonlocal field
            calls = sum(each.name.split(AGAIN)[0] == name for each in found)
            beside = any(part in f".{name}." for part in BESIDE)
            if not beside:
                field = _wider(field, module, inputs[0].shape[-1])
            found.append(
                Layer(
                    f"{name}{AGAIN}{calls + 1}" if calls else name,
                    kind_of(module),
                    tuple(output.shape[1:]),
                    sum(each.numel() for each in module.parameters(recurse=False)),
                    field,
                    beside,
                )
            )

        return hook

    with run.lock, torch.inference_mode(), _hooked(network, look):
        network(torch.zeros(1, spec.channels, spec.size, spec.size))
    return found


def kind_of(module: nn.Module) -> str:
    """What a module does, in a word; "" for those that the lesson leaves out (dropout, containers)."""
    return next((name for kinds, name in KINDS if isinstance(module, kinds)), "")


@contextmanager
def _hooked(network: nn.Module, look: Callable[[str, nn.Module], Callable]) -> Iterator[None]:
    hooks = [
        module.register_forward_hook(look(name, module)) for name, module in network.named_modules() if kind_of(module)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _wider(field: Field | None, module: nn.Module, side: int) -> Field | None:
    """The field after one more module (Dumoulin and Visin 2016): it grows by (kernel - 1) jumps, and strides multiply the jump.

    side: of what goes into the module, in its own pixels.
    """
    if field is None or isinstance(module, nn.AdaptiveAvgPool2d | nn.Flatten | nn.Linear):
        return None
    if not isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return field
    kernel, stride, dilation = (_one(getattr(module, name, 1)) for name in ("kernel_size", "stride", "dilation"))
    reach, before = dilation * (kernel - 1), _around(module, side)[0]
    return Field(field.size + reach * field.jump, field.jump * stride, field.start + (reach / 2 - before) * field.jump)


def _around(module: nn.Module, side: int) -> tuple[int, int]:
    """Padding before and after a side."""
    return module.around(side) if isinstance(module, efficientnet_lite.SamePadding) else (_one(module.padding),) * 2


def _one(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]


def output_of(run: Run, batch: Tensor, name: str, model: nn.Module | None = None) -> np.ndarray:
    """(N, C, h, w) float32: what one layer makes of these images, (N, C, S, S) float32. Unknown names raise PneumoError."""
    return _taken(run, batch, name, model)[1]


def _taken(run: Run, batch: Tensor, name: str, model: nn.Module | None = None) -> tuple[np.ndarray, np.ndarray]:
    """What goes into a layer and what comes out of it."""
    network = model or run.model
    module, _, call = name.partition(AGAIN)
    module = dict(network.named_modules()).get(module)
    if module is None or not kind_of(module) or not (call or "1").isdigit():
        raise PneumoError(f"run {run.card.name!r} has no layer {name!r} to look at")
    kept: list[tuple[Tensor, Tensor]] = []
    # Copies: an activation that works in place would change them afterwards.
    hook = module.register_forward_hook(lambda _, inputs, output: kept.append((inputs[0].clone(), output.clone())))
    with run.lock, torch.inference_mode():
        try:
            passes = [network(part) for part in batch.split(CHUNK)]
        finally:
            hook.remove()
    each_pass = len(kept) // len(passes)
    wanted = kept[int(call or 1) - 1 :: each_pass] if 1 <= int(call or 1) <= each_pass else []
    if not wanted:
        raise PneumoError(f"run {run.card.name!r} has no layer {name!r} to look at")
    return tuple(torch.cat(each).float().numpy() for each in zip(*wanted, strict=True))


def pixel(run: Run, batch: Tensor, name: str, channel: int, row: int, column: int, shown: int = 6) -> Pixel:
    """One number of a convolution taken apart. batch: (1, C, S, S) float32. PneumoError where the layer is no convolution."""
    module = dict(run.model.named_modules()).get(name)
    if not isinstance(module, nn.Conv2d):
        raise PneumoError(f"{name!r} is no convolution: its numbers are no sums over a patch")
    inputs, _ = _taken(run, batch, name)
    kernel, stride, dilation = (_one(getattr(module, each)) for each in ("kernel_size", "stride", "dilation"))
    per_group = module.in_channels // module.groups
    first = channel // (module.out_channels // module.groups) * per_group
    around = _around(module, inputs.shape[-1])
    padded = np.pad(inputs[0, first : first + per_group], ((0, 0), around, around))
    rows = row * stride + dilation * np.arange(kernel)
    columns = column * stride + dilation * np.arange(kernel)
    patches = padded[:, rows[:, None], columns[None, :]]
    kernels = module.weight[channel].detach().float().numpy()
    partial = (patches.astype(np.float64) * kernels).sum((1, 2))
    bias = 0.0 if module.bias is None else float(module.bias[channel].detach())
    most = np.argsort(-np.abs(partial))[:shown]
    return Pixel(
        partial,
        tuple(int(each) + first for each in most),
        patches[most],
        kernels[most],
        bias,
        float(partial.sum() + bias),
    )


def last_sum(run: Run, batch: Tensor) -> LastSum:
    """The last linear layer on one image, as a sum. batch: (1, C, S, S) float32. A head of two classes: the difference of both."""
    name, module = [(name, each) for name, each in run.model.named_modules() if isinstance(each, nn.Linear)][-1]
    inputs, _ = _taken(run, batch, name)
    weight, bias = module.weight.detach().double().numpy(), module.bias.detach().double().numpy()
    if len(weight) == 2:
        weight, bias = (each[POSITIVE] - each[1 - POSITIVE] for each in (weight, bias))
    else:
        weight, bias = weight[0], bias[0]
    terms = inputs[0].astype(np.float64) * weight
    with run.lock, torch.inference_mode():
        logit = float(models.positive_logit(run.model(batch)).sum())
    return LastSum(inputs[0], weight, terms, float(bias), logit)


def exciting(run: Run, images: Tensor, name: str) -> tuple[np.ndarray, np.ndarray]:
    """For each channel of a layer the images that excite it, most first, and where: (C, N) int order, (N, C, 2) int rows and columns.

    images: (N, C, S, S) float32, normalised.
    """
    found = output_of(run, images, name)
    flat = found.reshape(*found.shape[:2], -1)
    places = np.stack(np.unravel_index(flat.argmax(-1), found.shape[2:]), axis=-1)
    return np.argsort(-flat.max(-1).T, axis=1), places


def stacked(batches: list[Tensor]) -> Tensor:
    """(N, C, S, S) of N single images (1, C, S, S)."""
    return torch.cat(batches)


def framed(seen: np.ndarray, field: Field | None, place: np.ndarray) -> np.ndarray:
    """An image with a white frame around what the number at a place (row, column) of a layer sees. seen: (S, S) uint8."""
    if field is None:
        return seen
    shown, side = seen.copy(), seen.shape[-1]
    (top, left), reach = (field.start + np.asarray(place) * field.jump - field.size / 2), field.size
    y0, x0 = (int(np.clip(round(each), 0, side - 1)) for each in (top, left))
    y1, x1 = (int(np.clip(round(each + reach), 1, side)) - 1 for each in (top, left))
    shown[[y0, y1], x0 : x1 + 1] = 255
    shown[y0 : y1 + 1, [x0, x1]] = 255
    return shown


def probability(run: Run, batch: Tensor) -> float:
    """The calibrated probability of PNEUMONIA of one image (1, C, S, S)."""
    return float(forward.probabilities(run, batch)[0])


def untrained(run: Run) -> nn.Module:
    """The run's network as it was before training: the same architecture with the random weights of its seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.card.seed)
        return models.build(run.card.model, run.card.image, **run.card.model_args).eval()


def skips(run: Run, batch: Tensor) -> list[Skip]:
    """The residual blocks of a ResNet on one image; empty for other networks. batch: (1, C, S, S) float32."""
    found = []
    for name, block in run.model.named_modules():
        if not isinstance(block, resnet.Block):
            continue
        kept: dict[str, Tensor] = {}

        def cut(
            _module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, block: nn.Module = block, kept: dict = kept
        ) -> Tensor:
            kept["after"] = output.clone()
            kept["shortcut"] = block.downsample(inputs[0]) if block.downsample is not None else inputs[0].clone()
            return F.relu(kept["residual"])

        with run.lock, torch.inference_mode():
            hooks = [
                block.bn2.register_forward_hook(lambda _m, _i, output, kept=kept: kept.update(residual=output.clone())),
                block.register_forward_hook(cut),
            ]
            try:
                without = float(models.positive_logit(run.model(batch)).sum())
            finally:
                for hook in hooks:
                    hook.remove()
        planes = {each: tensor[0].float().numpy() for each, tensor in kept.items()}
        found.append(Skip(name, planes["shortcut"], planes["residual"], planes["after"], without))
    return found


def facts() -> dict[str, str]:
    """The numbers of the lesson's text."""
    grey = ImageSpec(size=128)
    model = models.build("pneumonia_cnn", grey)
    total = models.count_parameters(model)
    linear = next(each for each in model.modules() if isinstance(each, nn.Linear))
    heavy = sum(each.numel() for each in linear.parameters())
    convolutions = sum(
        sum(p.numel() for p in each.parameters()) for each in model.modules() if isinstance(each, nn.Conv2d)
    )
    return {
        "field": str(fields(model)[-1]),
        "fields": " ".join(map(str, fields(model))),
        "side": str(grey.size),
        "total": f"{total:,}",
        "heavy": f"{heavy:,}",
        "share": f"{heavy / total:.1%}",
        "convolutions": f"{convolutions:,}",
    }


def fields(model: nn.Module) -> list[int]:
    """The receptive fields after each convolution and pool of a plain network, in pixels."""
    field, sizes = Field(1, 1, 0.5), []
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d):
            field = _wider(field, module, 0)
            sizes.append(field.size)
    return sizes
