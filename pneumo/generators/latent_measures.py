"""Measuring what an autoencoder keeps of held-out radiographs, beside principal components and JPEG."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from pneumo import data
from pneumo.generators import latent, reconstruction, sampling
from pneumo.generators.latent import DIRECTIONS, LARGEST_CODE
from pneumo.generators.latent_report import Fidelity, Gain, Latent, Mean, OodErrors, Space
from pneumo.images import transforms
from pneumo.metrics import classification, fidelity, resampling
from pneumo.runs import Run, forward, measured
from pneumo.schema import CLASS_NAMES, Progress

BYTES_A_NUMBER = 2  # of a code, as float16
EFFECT_SIDE_PX = 32  # what a direction does to an image is measured on small ones
STEP = 0.5  # standard deviations to either side, to see what a number of the code does
MAP_NUMBERS = 32  # of the strongest directions; the others change no image visibly
JPEG_SIDES_PX = (128, 96, 64, 48, 32, 24, 16, 8)


# --- measuring --------------------------------------------------------------------------------------------


def measure(run: Run, source: str, progress: Progress | None = None) -> Space:
    """Everything of a run on the data it was trained on. The held-out radiographs are of both classes, whatever it learned from."""
    sampling.check_task(run, "reconstruction")
    report, steps = progress or (lambda done, total: None), 6
    own_data = data.open_as_trained(run.card, source, both_classes=True)
    dataset, resized, rows = own_data.dataset, own_data.resized, own_data.rows("validation", "test")
    trained = data.only(dataset, own_data.splits, run.card.recipe.data.only)["train"]
    patients = np.array([dataset.items[i].patient for i in rows])
    held_out, labels = resized[rows], dataset.labels[rows]
    result = forward.reconstructions(run, held_out)
    report(1, steps)
    own = _closeness(held_out, result)
    errors = _errors(held_out, result)
    code_size = reconstruction.code_size(run)
    short = code_size <= LARGEST_CODE
    pca = _closeness(held_out, _by_components(resized[trained], held_out, code_size)) if short else None
    report(2, steps)
    jpeg = _closeness(held_out, _by_jpeg(held_out, BYTES_A_NUMBER * code_size)) if short else None
    report(3, steps)
    arrays = {"labels": labels.astype(np.int8), "errors": errors.astype(np.float32)}
    if short:
        arrays |= _space(run, resized[trained], dataset.labels[trained], held_out)
    report(5, steps)
    image = run.card.image
    about = Latent(
        weights_sha256=run.card.weights.sha256,
        arrays_sha256=measured.arrays_digest(arrays),
        n=len(rows),
        patients=len(set(patients)),
        code_size=code_size,
        input_size=image.channels * image.size**2,
        model=_fidelity(own, patients),
        pca=_fidelity(pca, patients) if pca else None,
        jpeg=_fidelity(jpeg, patients) if jpeg else None,
        gain=_fidelity(tuple(a - b for a, b in zip(own, pca, strict=True)), patients, Gain) if pca else None,
        class_auroc=classification.auroc(labels, errors),
        ood=_ood(run, errors),
        names=tuple(dataset.items[i].name for i in rows),
    )
    report(steps, steps)
    return Space(about, **arrays)


def _errors(resized: np.ndarray, results: np.ndarray) -> np.ndarray:
    return fidelity.squared_errors(results, resized / 255)


def _closeness(resized: np.ndarray, results: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PSNR and SSIM of each image, (N,) each. resized: (N, S, S) uint8; results: (N, S, S) float32 in 0..1."""
    return fidelity.psnr(_errors(resized, results)), fidelity.ssim(results, resized / 255)


def _by_components(train: np.ndarray, resized: np.ndarray, count: int) -> np.ndarray:
    """(N, S, S) float32: reconstructions from principal components of the training images."""
    flat = train.reshape(len(train), -1).astype(np.float32) / 255
    result = PCA(min(count, *flat.shape), svd_solver="randomized", random_state=0).fit(flat)
    wanted = resized.reshape(len(resized), -1).astype(np.float32) / 255
    return result.inverse_transform(result.transform(wanted)).clip(0, 1).reshape(resized.shape).astype(np.float32)


def _by_jpeg(resized: np.ndarray, limit: int) -> np.ndarray:
    """(N, S, S) float32: the best of JPEG within `limit` bytes."""
    return np.stack([jpeg_within(resized_image, limit) for resized_image in resized]).astype(np.float32) / 255


def jpeg_within(resized_image: np.ndarray, limit: int) -> np.ndarray:
    """(S, S) uint8: an image through JPEG, with the nearest of all sizes and qualities whose coded data fit into `limit` bytes.

    Headers and tables are not counted, as the weights of an autoencoder are not: both sides know them. Where none
    fits, the nearest of those that do not.
    """
    side = resized_image.shape[0]
    tried: list[tuple[bool, float, np.ndarray]] = []
    for small_side in [each for each in JPEG_SIDES_PX if each <= side] or [side]:
        small = Image.fromarray(resized_image).resize((small_side, small_side), Image.Resampling.LANCZOS)
        low, high = 1, 95
        while low < high:  # the best quality that fits
            middle = (low + high + 1) // 2
            low, high = (middle, high) if _coded_bytes(_jpeg(small, middle)) <= limit else (low, middle - 1)
        blob = _jpeg(small, low)
        with Image.open(io.BytesIO(blob)) as image:
            back = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
        error = float(np.square(back.astype(np.float32) - resized_image).mean())
        tried.append((_coded_bytes(blob) > limit, error, back))
    return min(tried, key=lambda each: each[:2])[2]


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _coded_bytes(blob: bytes) -> int:
    """Bytes after the header of the scan: what JPEG needs for the image itself."""
    start = blob.index(b"\xff\xda")
    return len(blob) - start - 2 - int.from_bytes(blob[start + 2 : start + 4], "big") - 2  # without the end mark


def _fidelity(values: tuple[np.ndarray, np.ndarray], patients: np.ndarray, kind: type = Fidelity) -> Fidelity | Gain:
    return kind(*(mean_by_patient(each, patients) for each in values))


def mean_by_patient(values: np.ndarray, patients: np.ndarray) -> Mean:
    """Mean of (N,) values; the interval from drawing patients again, with all their images."""
    drawn = [values[rows].mean() for rows in resampling.patient_draws(patients, seed=0)]
    return Mean(float(values.mean()), resampling.interval(drawn))


def _space(run: Run, train: np.ndarray, labels: np.ndarray, held_out: np.ndarray) -> dict[str, np.ndarray]:
    known, codes = forward.codes(run, train), forward.codes(run, held_out)
    mean, covariance = known.mean(0), np.atleast_2d(np.cov(known.astype(np.float64), rowvar=False))
    variances, axes = np.linalg.eigh(covariance)
    spread = axes * np.sqrt(variances.clip(min=0))  # (K, K)
    effect = _effect(run, mean)  # (pixels, K)
    _, strengths, ways = np.linalg.svd(effect @ spread, full_matrices=False)
    directions = (spread @ ways.T).T  # (K, K), one standard deviation each
    placed = (codes - mean) @ np.linalg.pinv(directions.T).T * strengths
    placed = placed[:, :MAP_NUMBERS]
    perplexity = min(30.0, (len(codes) - 1) / 3)
    flat = TSNE(
        2, perplexity=perplexity, init="pca" if placed.shape[1] > 1 else "random", random_state=0
    ).fit_transform(placed)
    classes = [known[labels == label] for label in range(len(CLASS_NAMES))]
    return {
        "codes": codes.astype(np.float16),
        "map": flat.astype(np.float32),
        "mean": mean.astype(np.float32),
        "spread": spread.astype(np.float32),
        "directions": directions[:DIRECTIONS].astype(np.float32),
        "class_means": np.stack([each.mean(0) if len(each) else mean for each in classes]).astype(np.float32),
    }


def _effect(run: Run, mean: np.ndarray) -> np.ndarray:
    """(pixels, K): how images change with each number of the code, around the mean code."""
    steps = STEP * np.eye(len(mean), dtype=np.float32)
    up, down = (reconstruction.decode(run, mean + sign * steps).astype(np.float32) for sign in (1, -1))
    factor = max(1, up.shape[1] // EFFECT_SIDE_PX)
    change = (up - down) / (2 * STEP)
    small = change.reshape(len(mean), change.shape[1] // factor, factor, -1, factor).mean((2, 4))
    return small.reshape(len(mean), -1).T


def _ood(run: Run, errors: np.ndarray) -> dict[str, OodErrors]:
    """Images that anybody can draw again: those of `ood_samples.drawn`."""
    result = {}
    for kind, images in latent.ood_images().items():
        resized = transforms.resize_all(images, run.card.image)
        own = _errors(resized, forward.reconstructions(run, resized))
        truth = np.repeat([0, 1], [len(errors), len(own)])
        result[kind] = OodErrors(
            tuple(round(float(e), 6) for e in own), classification.auroc(truth, np.concatenate([errors, own]))
        )
    return result
