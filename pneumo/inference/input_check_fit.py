"""Fitting the input check to a data set, and measuring it on images that set none of its thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pneumo import data, runs
from pneumo.generators import sampling
from pneumo.images import ood_samples, phantom, transforms
from pneumo.inference.input_check import (
    InputCheck,
    features_of,
    mahalanobis,
    scores_for,
    scores_from,
    thumbnails,
    verdicts_of,
)
from pneumo.inference.input_check_report import SCHEMA_VERSION, SCORES, About, Limit, Measured, Share
from pneumo.metrics import significance
from pneumo.runs import measured
from pneumo.schema import CLASS_NAMES, ImageSpec, PneumoError, Progress

ENCODER = "resnet18_fine_tuned"  # the default run: it computes these features on the way to its own result
# Measured on the first two blocks, the third, and the last one's features (docs/adr/0015): later blocks know less of what is
# no chest, being trained to tell chests apart, and cost more where another run is asked for the diagnosis.
LAYERS = ("backbone.layer1", "backbone.layer2")
COMPONENTS = 64  # main components of THUMBNAIL_PX squares
ACCEPTED = (
    0.99  # of validation radiographs: 98% is asked of other patients, and one point is kept for their being others
)
TYPICAL = 0.95  # of validation radiographs; between the two an image is accepted with a warning
PHANTOMS = 900  # two thirds for their distribution, the others for its limit
PHANTOM_QUANTILE, PHANTOM_MARGIN = 0.99, 1.15  # validation radiographs lie 1.3 times the quantile away, or farther
PHANTOM_SEED = 1000  # not that of the built-in examples or of the tests
TRANSFORMED = 800  # training radiographs whose rotated, flipped and cropped versions teach `position`
LEAST_VARIANCE = 1e-5  # of the largest


# --- fitting ----------------------------------------------------------------------------------------------


def fit(source: str, encoder: runs.Run, layers: Sequence[str] = LAYERS, progress: Progress | None = None) -> InputCheck:
    """An input check for the radiographs of a source: distributions from the training set, thresholds from validation.

    encoder: a run that was trained on the source. layers: of its model, from the image to the head, e.g. "blocks.1".
    """
    report, steps = progress or (lambda done, total: None), 5
    own = data.open_as_trained(encoder.card, source)
    train, validation = (own.resized[own.rows(split)] for split in ("train", "validation"))
    typical, held_out = (features_of(encoder, squares, layers) for squares in (train, validation))
    report(1, steps)
    transformed = features_of(encoder, _transformed(train, encoder.card.image), layers)
    report(2, steps)
    drawn = transforms.resize_all(_phantoms(PHANTOMS, PHANTOM_SEED), encoder.card.image)
    phantoms = features_of(encoder, drawn, layers)
    report(3, steps)
    for_distribution, for_limit = np.split(phantoms, [PHANTOMS * 2 // 3])
    arrays = _arrays(typical, transformed, for_distribution) | _components(thumbnails(train))
    scores = scores_from(arrays, held_out, thumbnails(validation))
    report(4, steps)
    about = About(
        schema_version=SCHEMA_VERSION,
        encoder=encoder.card.name,
        encoder_sha256=encoder.card.weights.sha256,
        layers=tuple(layers),
        arrays_sha256=measured.arrays_digest(arrays),
        split_digest=encoder.card.data.split_digest,
        n_train=len(train),
        n_validation=len(validation),
        limits={name: Limit(*(_limit(scores, name, share) for share in (TYPICAL, ACCEPTED))) for name in SCORES},
        phantom_limit=PHANTOM_MARGIN * float(np.quantile(mahalanobis(arrays, for_limit, "phantom_"), PHANTOM_QUANTILE)),
        validation={name: tuple(round(float(v), 4) for v in np.sort(values)) for name, values in scores.items()},
    )
    report(steps, steps)
    return InputCheck(about, arrays, encoder.folder)


def _arrays(typical: np.ndarray, transformed: np.ndarray, phantoms: np.ndarray) -> dict[str, np.ndarray]:
    """What `InputCheck.arrays` holds of features (N, F): of training radiographs, of transformed ones, and of phantoms."""
    centre, whiten = _distribution(typical)
    phantom_centre, phantom_whiten = _distribution(phantoms)
    weight, offset = _position(typical, transformed)
    return {
        "centre": centre,
        "whiten": whiten,
        "phantom_centre": phantom_centre,
        "phantom_whiten": phantom_whiten,
        "position_weight": weight,
        "position_offset": offset,
    }


def _components(small: np.ndarray) -> dict[str, np.ndarray]:
    """mean (P,) and components (K, P) of training thumbnails (N, P)."""
    mean = small.mean(0, dtype=np.float64)
    _, _, axes = np.linalg.svd(small - mean, full_matrices=False)
    return {"mean": mean.astype(np.float32), "components": axes[:COMPONENTS].astype(np.float32)}


def _transformed(squares: np.ndarray, image: ImageSpec) -> np.ndarray:
    """(4 * count, S, S) uint8: some training radiographs rotated, flipped and cropped."""
    chosen = np.random.default_rng(0).permutation(len(squares))[:TRANSFORMED]
    images = [each.pixels for each in ood_samples.transformed(list(squares[chosen]), seed=1)]
    return transforms.resize_all(images, image)


def _phantoms(count: int, seed: int) -> list[np.ndarray]:
    return [each.pixels for each in phantom.draw_set(count, seed=seed, prevalence=0.5)]


def _distribution(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre (F,) and whitening (F, F), so that a row's length after it is its Mahalanobis distance."""
    result = LedoitWolf().fit(seen.astype(np.float64))
    variances, axes = np.linalg.eigh(result.covariance_)
    # Phantoms vary along fewer axes than there are features: what never varied must not weigh without limit.
    variances = variances.clip(min=LEAST_VARIANCE * variances.max())
    # In the order of rows, or safetensors would write the transpose under the same shape.
    return result.location_.astype(np.float32), np.ascontiguousarray(axes / np.sqrt(variances), dtype=np.float32)


def _position(upright: np.ndarray, transformed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight (F,) and offset (1,) of a linear probe that separates upright whole radiographs from rotated and cropped ones."""
    scaler = StandardScaler().fit(upright)
    rows, kinds = np.concatenate([upright, transformed]), np.repeat([0, 1], [len(upright), len(transformed)])
    probe = LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced").fit(scaler.transform(rows), kinds)
    weight = probe.coef_[0] / scaler.scale_
    return weight.astype(np.float32), (probe.intercept_ - weight @ scaler.mean_).astype(np.float32)


def _limit(scores: Mapping[str, np.ndarray], name: str, share: float) -> float:
    """The limit of one score at the quantile, the same for all scores, at which `share` passes them all."""
    for quantile in np.linspace(share, 1, 201):
        limits = {key: np.quantile(values, quantile) for key, values in scores.items()}
        if np.all([values <= limits[key] for key, values in scores.items()], axis=0).mean() >= share:
            return float(limits[name])
    raise AssertionError("at the largest values every image passes")


# --- testing ----------------------------------------------------------------------------------------------


def measure(check: InputCheck, source: str, progress: Progress | None = None) -> Measured:
    """The input check's two rates: on the internal test radiographs of the source, and on out-of-distribution samples."""
    own = data.open_as_trained(check.encoder.card, source)
    dataset, splits = own.dataset, own.splits
    if not len(splits.get("test", ())):
        raise PneumoError(f"{source} leaves no test set; there is nothing left to measure the input check on")
    images = [dataset.read(index) for index in splits["test"]]
    patients = len({dataset.items[index].patient for index in splits["test"]})
    ood: dict[str, list[ood_samples.OodSample]] = {}
    for each in (*ood_samples.photographs(), *ood_samples.drawn(), *ood_samples.transformed(images)):
        ood.setdefault(each.kind, []).append(each)
    report, steps, done = progress or (lambda done, total: None), len(ood) + 3, 1
    verdicts = _verdicts(check, images)
    report(done, steps)
    refused = {}
    for kind, result in ood.items():
        outcome = _verdicts(check, [each.pixels for each in result])
        refused[kind] = share(outcome == "refused", len({each.base for each in result}))
        done += 1
        report(done, steps)
    named = _verdicts(check, _phantoms(200, PHANTOM_SEED + 1))
    report(done + 1, steps)
    others = {"mirrored": [np.ascontiguousarray(each[:, ::-1]) for each in images], "inverted": [255 - each for each in images]}  # fmt: skip
    for name in runs.available("gan"):
        gan = runs.load(name)
        if sampling.classes(gan) == CLASS_NAMES:
            others[f"generated by {name}"] = list(sampling.samples(gan, 200, 0))
    accepted = {kind: share(_verdicts(check, result) != "refused") for kind, result in others.items()}
    report(steps, steps)
    return Measured(
        accepted=share(verdicts != "refused"),
        patients=patients,
        unusual=share(verdicts == "unusual"),
        refused=refused,
        phantoms_named=share(named == "phantom"),
        others=accepted,
    )


def _verdicts(check: InputCheck, images: Sequence[np.ndarray]) -> np.ndarray:
    """(N,) str. Without the reader's warnings: images here are grey arrays."""
    return verdicts_of(check, *scores_for(check, images))


def share(hits: np.ndarray, bases: int = 0) -> Share:
    """hits: (N,) bool."""
    count, n = int(hits.sum()), len(hits)
    return Share(count, n, significance.wilson(count, n), bases or n)
