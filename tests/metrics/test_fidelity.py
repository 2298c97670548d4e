"""PSNR and SSIM against their definitions and against torchmetrics on whole batches."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from pneumo.metrics import fidelity

RNG = np.random.default_rng(0)
ORIGINALS = RNG.random((fidelity.BATCH + 3, 16, 16))
RESULTS = np.clip(ORIGINALS + 0.1 * RNG.standard_normal(ORIGINALS.shape), 0, 1).astype(np.float32)


def test_psnr_is_torchmetrics():
    errors = fidelity.squared_errors(RESULTS, ORIGINALS)
    pair = [torch.from_numpy(each.astype(np.float64)) for each in (RESULTS, ORIGINALS)]
    expected = peak_signal_noise_ratio(*pair, data_range=1.0, reduction="none", dim=(1, 2))
    np.testing.assert_allclose(fidelity.psnr(errors), expected.numpy(), rtol=1e-6)


def test_psnr_of_known_errors():
    np.testing.assert_allclose(fidelity.psnr(np.array([1, 0.1, 0.01, 0])), [0, 10, 20, 120])


def test_ssim_is_torchmetrics_image_by_image():
    found = fidelity.ssim(RESULTS, ORIGINALS)
    assert found.shape == (len(ORIGINALS),)
    for n in (0, fidelity.BATCH, len(ORIGINALS) - 1):
        pair = [torch.from_numpy(each[n].astype(np.float64))[None, None] for each in (RESULTS, ORIGINALS)]
        assert found[n] == pytest.approx(float(structural_similarity_index_measure(*pair, data_range=1.0)), abs=1e-9)
    assert fidelity.ssim(ORIGINALS, ORIGINALS) == pytest.approx(1)
