"""The shipped runs say what they said before the code was laid out anew: same weights, same numbers."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from pneumo import runs
from pneumo.generators import reconstruction, sampling
from pneumo.images import phantom
from pneumo.inference import diagnosis
from pneumo.schema import Radiograph

# What every shipped run makes of twelve phantoms: recorded with the code of commit fef181c, and when a run came to be shipped.
REFERENCE = json.loads((Path(__file__).parent / "reference.json").read_text())


@pytest.fixture(scope="module")
def phantoms():
    drawn = list(phantom.draw_set(12, size_px=224, seed=77, prevalence=0.5))
    assert hashlib.sha256(b"".join(each.pixels.tobytes() for each in drawn)).hexdigest() == REFERENCE["phantoms"]
    return drawn


def test_every_run_of_the_reference_is_there_with_the_same_weights():
    assert {name: runs.read_card(runs.resolve(name)).weights.sha256 for name in runs.available()} == REFERENCE[
        "weights"
    ]


@pytest.mark.parametrize("name", REFERENCE["probabilities"])
def test_a_classifier_gives_the_same_probabilities(name, phantoms):
    run = runs.load(name)
    results = diagnosis.diagnose_radiographs(run, [(each.name, Radiograph(each.pixels)) for each in phantoms])
    np.testing.assert_allclose(
        [result.probability for result in results], REFERENCE["probabilities"][name], rtol=0, atol=1e-6
    )
    np.testing.assert_allclose([result.logit for result in results], REFERENCE["logits"][name], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", REFERENCE["reconstructions"])
def test_an_autoencoder_gives_the_same_reconstructions(name, phantoms):
    results = [reconstruction.reconstruct(runs.load(name), each.pixels) for each in phantoms[:4]]
    np.testing.assert_allclose(
        [(result.psnr, result.ssim) for result in results], REFERENCE["reconstructions"][name], atol=1e-3
    )


@pytest.mark.parametrize("name", REFERENCE["samples"])
def test_a_gan_draws_the_same_samples(name):
    drawn = sampling.samples(runs.load(name), 4, 3, "PNEUMONIA")
    np.testing.assert_allclose(drawn.astype(float).mean((1, 2)), REFERENCE["samples"][name], atol=0.02)
