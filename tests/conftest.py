"""Fixtures every test may use. No test needs a network, a GPU, or anything outside the repository."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from pneumo import models, runs, training
from pneumo.codec import decode, encode
from pneumo.inference.examples import Example, phantom_examples
from pneumo.metrics import calibration
from pneumo.runs import Run
from pneumo.schema import Recipe

SIZE = 32
# A busy machine is no failure: what is slow is measured in benchmarks/.
settings.register_profile("pneumo", deadline=None)
settings.load_profile("pneumo")


def pytest_configure(config):
    """With several workers the browser tests stay together (tests/e2e), so that one app and one Chromium serve them all."""
    if getattr(config.option, "dist", "no") == "load":
        config.option.dist = "loadgroup"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """The user's cache folder is not the tests' to write to."""
    os.environ["PNEUMO_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def small_run_folder(tmp_path_factory) -> Path:
    """A run trained for one epoch on a few phantoms at 32 px: real in every part, good at nothing."""
    recipe = decode(
        Recipe,
        encode(Recipe()) | {"image": encode(Recipe().image) | {"size": SIZE}, "epochs": 1, "batch_size": 16}
        | {"data": encode(Recipe().data) | {"source": "phantom:120"}, "name": "small"},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("runs") / "small"
    training.train(recipe, folder)
    return folder


@pytest.fixture(scope="session")
def small_run(small_run_folder) -> Run:
    return runs.load(str(small_run_folder))


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """The built-in phantoms."""
    return phantom_examples()


@pytest.fixture
def random_model(small_run) -> torch.nn.Module:
    torch.manual_seed(0)
    return models.build("pneumonia_cnn", small_run.card.image).eval()


@pytest.fixture(scope="session")
def scores() -> tuple[np.ndarray, np.ndarray]:
    """300 labels and probabilities of a good but not perfect model."""
    rng = np.random.default_rng(0)
    labels = (rng.random(300) < 0.6).astype(np.int64)
    return labels, calibration.calibrated(rng.normal(4 * labels - 2, 1.5), 1.0)
