"""A network whose numbers are none draws nothing: a black pixel would look as if it meant something."""

import numpy as np
import pytest
import torch

from pneumo import runs
from pneumo.generators import game, latent, latent_report, reconstruction, sampling
from pneumo.schema import PneumoError


def spoiled(name, part):
    """A shipped run with NaN in the last tensor of one of its parts, as an overflow in mid-use would leave it."""
    run = runs.load(name)
    with torch.no_grad():
        list(getattr(run.model, part).parameters())[-1].fill_(float("nan"))
    return run


@pytest.fixture(scope="module")
def gan():
    return spoiled("fc_gan", "generator")


@pytest.mark.parametrize(
    "use",
    [
        lambda gan: sampling.samples(gan, 2, 0),
        lambda gan: sampling.one(gan, 0, 0, "PNEUMONIA", 1.0, [0.0]),
        lambda gan: sampling.walk(gan, 0, 0, 1, "PNEUMONIA", 3),
        lambda gan: game.deal(gan, 0, []),
    ],
)
def test_a_generator_that_overflows_draws_nothing(gan, use):
    with pytest.raises(PneumoError, match=r"'fc_gan' generates is not finite.*use another run"):
        use(gan)


def test_a_discriminator_that_overflows_gives_no_verdict():
    gan = spoiled("fc_gan", "discriminator")
    size = gan.card.image.size
    with pytest.raises(PneumoError, match="not finite"):
        sampling.verdicts(gan, np.zeros((2, size, size), np.uint8), torch.zeros(2, dtype=torch.int64))


def test_an_autoencoder_that_overflows_reconstructs_nothing():
    run = runs.load("bottleneck_8")
    with torch.no_grad():
        for parameter in run.model.parameters():
            parameter.fill_(float("nan"))
    pixels = np.random.default_rng(0).integers(0, 256, (90, 80), dtype=np.uint8)
    space = latent_report.read(runs.resolve("bottleneck_8"))
    for use in (
        lambda: reconstruction.reconstruct(run, pixels),
        lambda: latent.code_of(run, pixels),
        lambda: latent.sample(run, space, 2, 0),
        lambda: latent.denoise(run, pixels, 0.1, 0),
        lambda: reconstruction.decode(run, np.zeros((1, 8))),
    ):
        with pytest.raises(PneumoError, match="'bottleneck_8' generates is not finite"):
            use()
