"""Two networks against each other: the discriminator's phase, then the generator's (Goodfellow et al. 2014)."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pneumo import runs
from pneumo.images import sheets
from pneumo.training.tasks import Batch, ImageTask, Phase, Predict, subset

SNAPSHOT_SAMPLES = 16  # the first half NORMAL, the second PNEUMONIA where the set has both
MEASURED = 256  # real and generated images whose verdicts are averaged after each epoch
# Differentiable augmentation (Zhao et al. 2020): both networks see only changed images, so few images last longer.
R1_EVERY = 8  # steps on average: as good as at every one, at an eighth of the price (Karras et al. 2020)
SHIFT = 1 / 16  # of the side
BRIGHTNESS, CONTRAST = 0.1, 0.2


class GanTask(ImageTask):
    """Images in [-1, 1] from noise and a class."""

    averaged = "generator"

    def build(self, model: nn.Module, seed: int, start: dict[str, Tensor] | None) -> dict[str, nn.Module]:
        self.z_size = model.z_size
        generator = torch.Generator().manual_seed(seed)
        classes = sorted(set(self.train_labels.tolist()))
        self.measured = {split: subset(self.splits[split], MEASURED, seed) for split in ("train", "validation")}
        self.measured_z = torch.randn(MEASURED, self.z_size, generator=generator)
        self.fixed_z = torch.randn(SNAPSHOT_SAMPLES, self.z_size, generator=generator)
        self.fixed_labels = torch.tensor(classes).repeat_interleave(SNAPSHOT_SAMPLES // len(classes))
        return {"generator": model.generator, "discriminator": model.discriminator}

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase(
                "discriminator",
                self.modules["discriminator"].parameters,
                self._discriminator_loss,
                self.recipe.gan_rate,
            ),
            Phase("generator", self.modules["generator"].parameters, self._generator_loss),
        )

    def assemble(self, best: dict[str, Tensor]) -> dict[str, Tensor]:
        """The averaged generator and the discriminator it was trained against."""
        judge = self.modules["discriminator"].state_dict()
        return {f"generator.{k}": v for k, v in best.items()} | {f"discriminator.{k}": v for k, v in judge.items()}

    # --- losses -------------------------------------------------------------------------------------------

    def _discriminator_loss(self, batch: Batch) -> dict[str, Tensor]:
        real, labels = batch["image"], batch["label"]
        _learns(self.modules["discriminator"], True)
        with torch.no_grad():
            fake = self._draw(labels)
        on_real = self._judge(real, labels)
        on_fake = self._judge(fake, labels)
        if self.recipe.gan_loss == "hinge":
            loss = F.relu(1 - on_real).mean() + F.relu(1 + on_fake).mean()
        else:
            loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
        # At random: a count of steps would not survive a resume. Alike in all processes: a step is penalised on its whole batch
        # or not at all, and every process passes through the discriminator equally often.
        if self.recipe.gan_r1 and torch.rand((), generator=self.shared) < 1 / R1_EVERY:
            loss = loss + R1_EVERY * self.recipe.gan_r1 / 2 * self._r1_penalty(real, labels)
        return {"loss": loss, "real": on_real.mean().detach(), "fake": on_fake.mean().detach()}

    def _r1_penalty(self, real: Tensor, labels: Tensor) -> Tensor:
        """Mean squared norm of the discriminator's gradient at real images (R1, Mescheder et al. 2018); in float32, because it
        is differentiated again."""
        images = self._changed(real).detach().requires_grad_()
        with torch.autocast(images.device.type, enabled=False):
            verdict = self.modules["discriminator"](images, labels).sum()
            [gradient] = torch.autograd.grad(verdict, images, create_graph=True)
        return gradient.square().sum((1, 2, 3)).mean()

    def _generator_loss(self, batch: Batch) -> dict[str, Tensor]:
        _learns(self.modules["discriminator"], False)  # its gradients would be computed and thrown away
        verdict = self._judge(self._draw(batch["label"]), batch["label"])
        loss = -verdict.mean() if self.recipe.gan_loss == "hinge" else F.softplus(-verdict).mean()
        return {"loss": loss}

    def _draw(self, labels: Tensor) -> Tensor:
        z = torch.randn(len(labels), self.z_size, device=labels.device)
        return self.modules["generator"](z, labels).float()

    def _judge(self, images: Tensor, labels: Tensor) -> Tensor:
        return self.modules["discriminator"](self._changed(images), labels).float()

    def _changed(self, images: Tensor) -> Tensor:
        return differentiable_augment(images) if self.recipe.gan_augment else images

    # --- metrics and snapshots ----------------------------------------------------------------------------

    def metrics(self, predict: Predict) -> dict[str, float]:
        """The discriminator's mean probability of "real" for training, held-out and generated images, and the share of each it
        gets right. A discriminator that tells training from validation images has memorised them."""
        device = self.device()
        labels = torch.from_numpy(self.labels[self.measured["train"]]).repeat(MEASURED)[:MEASURED].to(device)
        fake = predict(lambda generator: generator(self.measured_z.to(device), labels)).float()
        judge = self.modules["discriminator"].eval()
        row: dict[str, float] = {}
        with torch.inference_mode():
            verdicts = {"generated": judge(fake, labels)}
            for split, rows in self.measured.items():
                verdicts[split] = judge(self.normalised(rows), torch.from_numpy(self.labels[rows]).to(device))
        for name, logits in verdicts.items():
            real = logits.float().sigmoid()
            right = real < 0.5 if name == "generated" else real >= 0.5
            row |= {f"{name}_real": real.mean().item(), f"{name}_right": right.float().mean().item()}
        row["spread"] = fake.std(0).mean().item()  # between samples; towards 0 all samples are one: mode collapse
        return row

    def record(self, epoch: int, predict: Predict, folder: Path) -> None:
        """A sheet of the same sixteen samples, at the epochs the recipe names and at the last one."""
        if epoch not in self.recipe.snapshot_epochs and epoch != self.recipe.epochs:
            return
        device = self.device()
        images = predict(lambda generator: generator(self.fixed_z.to(device), self.fixed_labels.to(device))).float()
        place = folder / runs.SNAPSHOT_FOLDER
        place.mkdir(parents=True, exist_ok=True)
        runs.write(place / f"epoch_{epoch:04d}.png", sheets.png(sheets.grid(sheets.to_uint8(images))))


def _learns(network: nn.Module, learns: bool) -> None:
    for parameter in network.parameters():
        parameter.requires_grad_(learns)


def differentiable_augment(images: Tensor) -> Tensor:
    """Brightness, contrast and a shift, each image its own, gradients passing through.

    images: (B, 1, S, S) in about [-1, 1]. Draws from torch's global generator, as dropout does. Gentler than published and
    without the cut-out square: with both, a small discriminator under spectral norm learned nothing in 1,500 steps.
    """
    count, _, side, _ = images.shape
    brightness, contrast = (torch.rand(count, 1, 1, 1, device=images.device) * 2 - 1 for _ in range(2))
    mean = images.mean((1, 2, 3), keepdim=True)
    images = (images - mean) * (1 + CONTRAST * contrast) + mean + BRIGHTNESS * brightness
    reach = max(1, int(side * SHIFT))
    rows, columns = (torch.randint(-reach, reach + 1, (count, 1), device=images.device) for _ in range(2))
    at = torch.arange(side, device=images.device)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    index = torch.arange(count, device=images.device)[:, None, None]
    return padded[index, 0, (at + rows + reach)[:, :, None], (at + columns + reach)[:, None, :]][:, None]
