"""The one forward pass: the same numbers however the images come, under the lock, without gradients."""

import threading

import numpy as np
import pytest
import torch

from pneumo import models, runs
from pneumo.images import transforms
from pneumo.metrics import calibration
from pneumo.runs import forward
from pneumo.schema import ImageSpec

COUNT = 2 * forward.BATCH + 5  # three passes, the last one short


@pytest.fixture(scope="module")
def resized(small_run):
    side = small_run.card.image.size
    array = np.random.default_rng(0).integers(0, 256, (COUNT, side, side), dtype=np.uint8)
    array.setflags(write=False)  # as the cache is
    return array


@pytest.fixture(scope="module")
def expected(small_run, resized):
    """Logits of one pass over everything, without `forward`."""
    planes = transforms.normalise(torch.from_numpy(resized.copy()), small_run.card.image)
    with torch.inference_mode():
        return models.positive_logit(small_run.model(planes)).double().numpy()


def test_logits_do_not_depend_on_the_batches(small_run, resized, expected):
    logits = forward.logits(small_run, resized)
    assert (logits.shape, logits.dtype) == ((COUNT,), np.float64)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-6)


def test_probabilities_are_calibrated_logits(small_run, resized, expected):
    card = small_run.card
    np.testing.assert_allclose(
        forward.probabilities(small_run, resized),
        calibration.calibrated(expected, card.temperature, card.bias),
        rtol=0,
        atol=1e-6,
    )


def test_images_may_be_floats_or_normalised_already(small_run, resized, expected):
    floats = torch.from_numpy(resized.astype(np.float32) / 255)
    np.testing.assert_allclose(forward.logits(small_run, floats), expected, atol=1e-6)
    np.testing.assert_allclose(forward.logits(small_run, floats.numpy()), expected, atol=1e-6)
    planes = transforms.normalise(floats, small_run.card.image)
    np.testing.assert_allclose(forward.logits(small_run, planes), expected, atol=1e-6)


def test_rows_choose_and_order_images(small_run, resized, expected):
    rows = np.array([COUNT - 1, 0, 7])
    np.testing.assert_allclose(forward.logits(small_run, resized, rows=rows), expected[rows], atol=1e-6)
    assert forward.logits(small_run, resized, rows=rows[:0]).shape == (0,)


def test_a_mirrored_view_is_what_its_copy_is(small_run, resized):
    view = resized[..., ::-1]
    np.testing.assert_array_equal(forward.logits(small_run, view), forward.logits(small_run, view.copy()))


def test_change_sees_each_batch_with_its_place(small_run, resized, expected):
    starts = []

    def darken(batch, start):
        starts.append((start, len(batch)))
        return batch // 2

    changed = forward.logits(small_run, resized, change=darken)
    assert starts == [(0, forward.BATCH), (forward.BATCH, forward.BATCH), (2 * forward.BATCH, 5)]
    np.testing.assert_allclose(changed, forward.logits(small_run, resized // 2), atol=1e-6)
    assert np.abs(changed - expected).max() > 1e-3


def test_progress_counts_images(small_run, resized):
    seen = []
    forward.logits(small_run, resized, progress=lambda *step: seen.append(step))
    assert seen == [(forward.BATCH, COUNT), (2 * forward.BATCH, COUNT), (COUNT, COUNT)]


def test_features_are_what_the_last_layer_reads(small_run, resized, expected):
    features = forward.features(small_run, resized)
    last = [module for module in small_run.model.modules() if isinstance(module, torch.nn.Linear)][-1]
    assert (features.shape, features.dtype) == ((COUNT, last.in_features), np.float32)
    with torch.inference_mode():
        logits = models.positive_logit(last(torch.from_numpy(features))).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert not last._forward_pre_hooks


def autoencoder() -> runs.Run:
    class Halves(torch.nn.Module):
        """Its code is an image's first row; it gives back half of each image, and one value above 1."""

        def encode(self, x):
            return x[:, :, 0]

        def forward(self, x):
            out = x / 2
            out[:, :, 0, 0] = 2
            return out

    class Card:
        image = ImageSpec(size=8, mean=(0.0,), std=(1.0,))

    return runs.Run(Card(), None, Halves())


def test_codes_and_reconstructions():
    images = np.random.default_rng(1).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    run = autoencoder()
    np.testing.assert_allclose(forward.codes(run, images), images[:, 0] / 255, atol=1e-6)
    given_back = forward.reconstructions(run, images)
    assert (given_back.shape, given_back.dtype) == ((3, 8, 8), np.float32)
    np.testing.assert_allclose(given_back[:, 1:], images[:, 1:] / 510, atol=1e-6)
    assert (given_back[:, 0, 0] == 1).all()


def test_the_lock_is_held_for_a_batch_and_free_between_two(small_run, resized):
    """Without the lock hooks of a heatmap would meet the pass; held throughout, a measurement would keep visitors waiting."""
    inside, between = [], []
    hook = small_run.model.register_forward_hook(lambda *_: inside.append(free(small_run.lock)))
    try:
        forward.logits(small_run, resized, progress=lambda *_: between.append(free(small_run.lock)))
    finally:
        hook.remove()
    assert inside == [False] * 3
    assert between == [True] * 3


def free(lock) -> bool:
    """Whether another thread could take it."""
    result = []

    def attempt():
        result.append(lock.acquire(blocking=False))
        if result[0]:
            lock.release()

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return result[0]
