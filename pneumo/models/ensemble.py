"""The mean of several classifiers' calibrated probabilities, as one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pneumo.models.registry import positive_logit
from pneumo.schema import ImageSpec

INSIDE = 1e-6  # a mean of exactly 0 or 1 has no logit


@dataclass(frozen=True)
class Member:
    """One classifier with what it expects to see and how its logits are calibrated."""

    model: nn.Module
    image: ImageSpec
    temperature: float
    bias: float


class Ensemble(nn.Module):
    """x: (B, 1, S, S) float32 in 0..1, S the largest size among the members. Returns the logit of the mean probability (B, 1)."""

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        self.members = tuple(members)
        self.models = nn.ModuleList(member.model for member in members)

    def forward(self, x: Tensor) -> Tensor:
        logits = [
            positive_logit(m.model(member_input(x, m.image))).float() / m.temperature + m.bias for m in self.members
        ]
        return torch.stack(logits).sigmoid().mean(0).clamp(INSIDE, 1 - INSIDE).logit()[:, None]


def member_input(x: Tensor, image: ImageSpec) -> Tensor:
    """(B, 1, S, S) in 0..1 as a member of another size, channels and statistics sees it, grey levels rounded as on disk."""
    if x.shape[-1] != image.size:
        x = F.interpolate(x, (image.size, image.size), mode="bilinear", antialias=True, align_corners=False)
        x = (x * 255).round() / 255
    shape = (1, -1, 1, 1)
    mean, std = (torch.tensor(values, device=x.device).view(shape) for values in (image.mean, image.std))
    return (x.expand(-1, image.channels, -1, -1) - mean) / std
