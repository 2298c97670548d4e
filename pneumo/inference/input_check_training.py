"""Training the input check's network: its pools of images, and a loop of its own.

`training.Trainer` goes through one labelled source, epoch by epoch. Here each batch is put together anew from four pools, and
half of its labels are drawn with it; there is no epoch. The loop is as short as that allows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pneumo.data.elsewhere import Elsewhere
from pneumo.images import ood_samples, phantom, transforms
from pneumo.inference.input_check_net import Answers, Network, as_arrays
from pneumo.inference.input_check_samples import ADULTS, CHILDREN, Batch, Pools, draw
from pneumo.schema import ImageSpec, Progress

IMAGE = ImageSpec()  # the squares it is shown: what the classifiers are shown too
STEPS = 1000
LEARNING_RATE, WEIGHT_DECAY, WARM_UP, AVERAGING, CLIP = 3e-3, 0.02, 0.15, 0.995, 5.0
SMOOTHING = 0.02  # of the kinds' labels: a few images of a source are not worth certainty
# Not those of the built-in examples, of the tests, or of what is measured.
PHANTOMS, PHANTOM_SEED, DRAWN, DRAWN_SEED = 400, 1000, 60, 7
# How often a group is drawn: the more an image's kind varies, the more of it is needed.
WEIGHTS = {"photograph": 4.0, "ct mr": 3.0, "dental": 2.0}


def pools_of(children: np.ndarray, elsewhere: Elsewhere, squares: np.ndarray, without: Collection[str] = ()) -> Pools:
    """What is learned from. children: (N, S, S) uint8, training patients only. squares: (M, S, S) uint8, of `elsewhere`.

    without: groups (`Elsewhere.groups`) that are left out.
    """
    kept, groups = ~np.isin(elsewhere.groups, list(without)), elsewhere.groups
    lateral = kept & (elsewhere.kinds == "lateral")
    others = {
        group: torch.from_numpy(squares[groups == group])
        for group in sorted(set(groups[kept & ~elsewhere.frontal & ~lateral]))
    }
    bundled = [*ood_samples.photographs(DRAWN_SEED), *ood_samples.drawn(DRAWN, DRAWN_SEED)]
    for kind in sorted({each.kind for each in bundled}):
        images = [each.pixels for each in bundled if each.kind == kind]
        others[f"{kind}, bundled"] = torch.from_numpy(transforms.resize_all(images, IMAGE))
    drawn = [each.pixels for each in phantom.draw_set(PHANTOMS, seed=PHANTOM_SEED, prevalence=0.5)]
    return Pools(
        children=torch.from_numpy(np.array(children)),
        elsewhere={
            group: torch.from_numpy(squares[groups == group]) for group in sorted(set(groups[kept & elsewhere.frontal]))
        },
        lateral=torch.from_numpy(squares[lateral]) if lateral.any() else None,
        others=others,
        phantoms=torch.from_numpy(transforms.resize_all(drawn, IMAGE)),
        weights={group: WEIGHTS.get(group.split(",")[0], 1.0) for group in others},
    )


def train(pools: Pools, seed: int, steps: int = STEPS, progress: Progress | None = None) -> dict[str, np.ndarray]:
    """The weights of `input_check_net.as_arrays`; the same for the same seed on the same machine, with any number of cores."""
    report, generator = progress or (lambda done, total: None), torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]), _one_core():
        torch.manual_seed(seed)
        network = Network().to(memory_format=torch.channels_last)
        optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps, pct_start=WARM_UP)
        averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGING), use_buffers=True)
        for step in range(steps):
            batch = draw(pools, generator)
            optimiser.zero_grad()
            loss_of(network(batch.planes), batch).backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimiser.step()
            schedule.step()
            averaged.update_parameters(network)
            report(step + 1, steps)
    return as_arrays(averaged.module)


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Sums over a batch depend on how many cores share them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def loss_of(answers: Answers, batch: Batch) -> Tensor:
    """The sum of five losses; where an image comes from is asked of upright radiographs alone."""
    frontal = answers.of(slice(0, len(batch.turns)))
    upright = (batch.turns == 0) & ~batch.inverted
    elsewhere = batch.elsewhere[upright].float()
    alike = torch.where(batch.elsewhere[upright], CHILDREN / ADULTS, 1.0)  # both populations weigh the same
    return (
        F.cross_entropy(answers.kinds, batch.kinds, label_smoothing=SMOOTHING)
        + F.cross_entropy(frontal.turns, batch.turns)
        + F.binary_cross_entropy_with_logits(frontal.inverted, batch.inverted.float())
        + F.binary_cross_entropy_with_logits(frontal.mirrored, batch.mirrored.float())
        + F.binary_cross_entropy_with_logits(frontal.elsewhere[upright], elsewhere, weight=alike)
    )
