"""Batch norms folded into the convolutions before them, for a model that will only be asked, never trained or explained."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-5  # of the largest output: what reordering float32 sums may do


def folded(model: nn.Module, example: Tensor) -> nn.Module:
    """A copy that computes the same with fewer layers; a plain copy where folding would change what it computes.

    model: in evaluation mode. Which batch norm follows which convolution is seen in a pass of `example`, (N, C, H, W) float32,
    so the model's code need not be known. Folded batch norms become `nn.Identity`; containers keep their names and outputs, and
    the outputs of the folded convolutions are the normalised ones.
    """
    with torch.no_grad():  # not inference_mode: what is made there can be computed with nowhere else
        pairs, expected = _pairs(model, example)
        result = copy.deepcopy(model).requires_grad_(False)
        for convolution, norm in pairs:
            fused = fuse_conv_bn_eval(result.get_submodule(convolution), result.get_submodule(norm))
            result.set_submodule(convolution, fused.requires_grad_(False))
            result.set_submodule(norm, nn.Identity())
        found = result(example)
    same = (found - expected).abs().max() <= TOLERANCE * expected.abs().max().clamp(min=1)
    return result if same else copy.deepcopy(model).requires_grad_(False)  # a comparison with NaN is false


def _pairs(model: nn.Module, example: Tensor) -> tuple[list[tuple[str, str]], Tensor]:
    """Names of (convolution, batch norm) where the one's output, and nothing else, went into the other; and the model's output."""
    made: dict[int, str] = {}  # by the identity of an output
    kept: list[Tensor] = []  # so that no identity is given twice
    found: list[tuple[str, str]] = []

    def leaves(name: str, output: Tensor) -> None:
        kept.append(output)
        made[id(output)] = name

    def enters(name: str, inputs: tuple) -> None:
        if (source := made.get(id(inputs[0]))) is not None:
            found.append((source, name))

    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(lambda _, __, output, name=name: leaves(name, output)))
        if isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            hooks.append(module.register_forward_pre_hook(lambda _, inputs, name=name: enters(name, inputs)))
    try:
        output = model(example)
    finally:
        for hook in hooks:
            hook.remove()
    once = [pair for pair in found if all(sum(name in each for each in found) == 1 for name in pair)]
    return once, output
