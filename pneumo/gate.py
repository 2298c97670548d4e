"""The gate: whether a picture is a frontal chest radiograph at all, asked before a diagnosis.

Three figures of a picture, each the larger the odder:

    features     distance from the training radiographs in an encoder's features (Mahalanobis; Lee et al. 2018)
    unexplained  share of the picture's variance that an autoencoder of radiographs cannot give back
    position     how much its features are like those of turned, flipped or strongly cropped training radiographs

Thresholds come from validation radiographs alone: `ACCEPTED` of them pass all three. Pictures that are none (`oddities`)
only test it. Phantoms are told by their own distribution, and let through. The gate lies in weights/gate/.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pneumo import data, features, generative, oddities, phantom, runs, significance, transforms
from pneumo.modelcard import Section
from pneumo.schema import CLASS_NAMES, Admission, Interval, PneumoError, Radiograph, decode, encode

FOLDER, ABOUT_FILE, ARRAYS_FILE = "gate", "gate.json", "gate.safetensors"
SCHEMA_VERSION = 1
ENCODER, AUTOENCODER = "resnet18_frozen", "bottleneck_32"
ACCEPTED = (
    0.99  # of validation radiographs: 98% is asked of other patients, and one point is kept for their being others
)
TYPICAL = 0.95  # of validation radiographs; between the two a picture is let through with a warning
PHANTOMS = 900  # two thirds for their distribution, the others for its limit
PHANTOM_QUANTILE, PHANTOM_MARGIN = 0.99, 1.15  # validation radiographs lie 1.3 times the quantile away, or farther
PHANTOM_SEED = 1000  # not that of the built-in examples or of the tests
TURNED = 800  # training radiographs that are also shown turned, flipped and cropped
DOUBTS = {"colour", "aspect", "uniform"}  # cautions after which a picture has to be typical to be let in
LEAST_VARIANCE = 1e-5  # of the largest
BATCH = 64
SCORES = ("features", "unexplained", "position")
TITLES = {
    "features": "Distance in features",
    "unexplained": "Not explained by an autoencoder",
    "position": "Like a turned or cropped one",
}
REASONS = {
    "features": "it has little in common with the radiographs the models learned from",
    "unexplained": "an autoencoder that knows chest radiographs cannot give it back",
    "position": "it looks turned, flipped or strongly cropped",
}
SENTENCES = {
    "radiograph": "",
    "phantom": "it looks like a phantom drawn by pneumo, not like a radiograph of a person",
    "unusual": "few of the children's radiographs the models learned from are as unusual; those of adults, other views and other devices may look so",
}
# What is tried on a refused picture: if it would pass then, that is the reason.
REMEDIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "it seems to be turned by 180 degrees": lambda pixels: pixels[::-1, ::-1],
    "it seems to be upside down": lambda pixels: pixels[::-1],
    "it seems to be turned to the left": lambda pixels: np.rot90(pixels, 3),
    "it seems to be turned to the right": lambda pixels: np.rot90(pixels),
    "its black and white seem to be exchanged": lambda pixels: 255 - pixels,
}
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Limit:
    """Of one figure: above `typical` a picture is unusual, above `refused` it is not let in."""

    typical: float
    refused: float


@dataclass(frozen=True)
class Share:
    """`part` of n pictures, with Wilson's interval. bases: how many different originals the pictures were made from."""

    part: int
    n: int
    ci95: Interval
    bases: int = 0

    @property
    def value(self) -> float:
        return self.part / self.n


@dataclass(frozen=True)
class Measured:
    """What the gate does with pictures that set none of its thresholds.

    accepted: of the internal test radiographs. unusual: of them, let in with a warning. refused: by kind of picture that
    is none. others: share let in of pictures that are neither, for information.
    """

    accepted: Share
    patients: int
    unusual: Share
    refused: dict[str, Share]
    phantoms_named: Share
    others: dict[str, Share]

    @property
    def refused_mean(self) -> float:
        """Mean over the kinds, so that the many made from radiographs do not outweigh the others."""
        return float(np.mean([share.value for share in self.refused.values()]))


@dataclass(frozen=True)
class About:
    """gate.json. validation: every figure of the validation radiographs, ascending, for histograms."""

    schema_version: int
    encoder: str
    encoder_sha256: str
    autoencoder: str
    autoencoder_sha256: str
    arrays_sha256: str
    split_digest: str
    n_train: int
    n_validation: int
    limits: dict[str, Limit]
    phantom_limit: float
    validation: dict[str, tuple[float, ...]]
    measured: Measured | None = None


@dataclass(frozen=True, eq=False)
class Gate:
    """A gate ready for use, shared between threads.

    arrays: centre (F,), whiten (F, F), phantom_centre (F,), phantom_whiten (F, F), position_weight (F,), position_offset (1,).
    """

    about: About
    arrays: Mapping[str, np.ndarray]
    encoder: runs.Run = field(repr=False)
    autoencoder: runs.Run = field(repr=False)


# --- asking -----------------------------------------------------------------------------------------------


def admit(gate: Gate, picture: Radiograph) -> Admission:
    """Whether a picture is let in, and why not. Deterministic, safe under threads."""
    figures, to_phantoms = figures_of(gate, [picture.pixels])
    verdict = str(_judge(gate, figures, to_phantoms)[0])
    scores = {name: float(values[0]) for name, values in figures.items()}
    if verdict == "unusual" and any(caution.code in DOUBTS for caution in picture.cautions):
        verdict = "refused"
    reason = _reason(gate, picture.pixels, scores) if verdict == "refused" else SENTENCES[verdict]
    return Admission(verdict, reason, scores)


def _judge(gate: Gate, figures: Mapping[str, np.ndarray], to_phantoms: np.ndarray) -> np.ndarray:
    """(N,) str, a verdict for each picture, from its figures alone."""
    limits = gate.about.limits
    unusual = np.any([figures[name] > limits[name].typical for name in SCORES], axis=0)
    refused = np.any([figures[name] > limits[name].refused for name in SCORES], axis=0)
    return np.select(
        [to_phantoms <= gate.about.phantom_limit, refused, unusual], ["phantom", "refused", "unusual"], "radiograph"
    )


def _reason(gate: Gate, pixels: np.ndarray, scores: Mapping[str, float]) -> str:
    """What would make it pass, else what is odd about it."""
    limits = gate.about.limits
    changed = [np.ascontiguousarray(change(pixels)) for change in REMEDIES.values()]
    figures, _ = figures_of(gate, changed)
    fits = np.all([figures[name] <= limits[name].refused for name in SCORES], axis=0)
    if fits.any():
        return list(REMEDIES)[int(np.argmin(np.where(fits, figures["features"], np.inf)))]
    # SCORES in their order: where it is odd in every way, that it is unlike a radiograph says the most.
    above = [name for name in SCORES if scores[name] > limits[name].refused] or list(SCORES)
    return REASONS[above[0]]


def figures_of(gate: Gate, pictures: Sequence[np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The three figures, (N,) each, and the distance from phantoms (N,). pictures: (H, W) uint8 of any sizes."""
    seen = features.of_pictures(gate.encoder, pictures)
    squares = np.stack([transforms.to_square(each, gate.autoencoder.card.image) for each in pictures])
    return _figures(gate.arrays, seen, unexplained(gate.autoencoder, squares)), _distance(gate.arrays, seen, "phantom_")


def _figures(arrays: Mapping[str, np.ndarray], seen: np.ndarray, missing: np.ndarray) -> dict[str, np.ndarray]:
    position = seen @ arrays["position_weight"] + arrays["position_offset"]
    return {"features": _distance(arrays, seen), "unexplained": missing, "position": position}


def _distance(arrays: Mapping[str, np.ndarray], seen: np.ndarray, of: str = "") -> np.ndarray:
    return np.linalg.norm((seen - arrays[f"{of}centre"]) @ arrays[f"{of}whiten"], axis=1)


def unexplained(autoencoder: runs.Run, squares: np.ndarray) -> np.ndarray:
    """(N,) mean squared error of the reconstruction over the picture's variance. squares: (N, S, S) uint8."""
    found = []
    with autoencoder.lock, torch.inference_mode():
        for start in range(0, len(squares), BATCH):
            planes = transforms.normalise(
                torch.from_numpy(squares[start : start + BATCH].copy()), autoencoder.card.image
            )
            error = (autoencoder.model(planes).clamp(0, 1) - planes).square().mean((1, 2, 3))
            found.append((error / planes.var((1, 2, 3)).clamp(min=1e-4)).numpy())
    return np.concatenate(found).astype(np.float64)


# --- fitting ----------------------------------------------------------------------------------------------


def fit(source: str, encoder: runs.Run, autoencoder: runs.Run, progress: Progress | None = None) -> Gate:
    """A gate for the radiographs of a source: distributions from its training part, thresholds from its validation part.

    Both runs must have been trained on the same split of it.
    """
    report, steps = progress or (lambda done, total: None), 5
    dataset, parts = _open(source, encoder.card)
    if autoencoder.card.data.split_digest != encoder.card.data.split_digest:
        raise PneumoError(f"{autoencoder.card.name!r} and {encoder.card.name!r} were not trained on the same split; choose runs that were")  # fmt: skip
    squares = data.squares(dataset, encoder.card.image).array
    seen = {part: features.of_squares(encoder, squares[parts[part]]) for part in ("train", "validation")}
    report(1, steps)
    turned = _turned(encoder, squares[parts["train"]])
    report(2, steps)
    drawn = features.of_pictures(encoder, _phantoms(PHANTOMS, PHANTOM_SEED))
    report(3, steps)
    centre, whiten = _distribution(seen["train"])
    phantom_centre, phantom_whiten = _distribution(drawn[: PHANTOMS * 2 // 3])
    weight, offset = _position(seen["train"], turned)
    arrays = {
        "centre": centre,
        "whiten": whiten,
        "phantom_centre": phantom_centre,
        "phantom_whiten": phantom_whiten,
        "position_weight": weight,
        "position_offset": offset,
    }
    of_autoencoder = data.squares(dataset, autoencoder.card.image).array[parts["validation"]]
    figures = _figures(arrays, seen["validation"], unexplained(autoencoder, of_autoencoder))
    report(4, steps)
    to_phantoms = _distance(arrays, drawn[PHANTOMS * 2 // 3 :], "phantom_")
    about = About(
        schema_version=SCHEMA_VERSION,
        encoder=encoder.card.name,
        encoder_sha256=encoder.card.weights.sha256,
        autoencoder=autoencoder.card.name,
        autoencoder_sha256=autoencoder.card.weights.sha256,
        arrays_sha256=runs.digest(save_arrays(arrays)),
        split_digest=encoder.card.data.split_digest,
        n_train=len(parts["train"]),
        n_validation=len(parts["validation"]),
        limits={name: Limit(*(_limit(figures, name, share) for share in (TYPICAL, ACCEPTED))) for name in SCORES},
        phantom_limit=PHANTOM_MARGIN * float(np.quantile(to_phantoms, PHANTOM_QUANTILE)),
        validation={name: tuple(round(float(v), 4) for v in np.sort(values)) for name, values in figures.items()},
    )
    report(steps, steps)
    return Gate(about, arrays, encoder, autoencoder)


def _open(source: str, card: runs.RunCard) -> tuple[data.DataSet, dict[str, np.ndarray]]:
    dataset = data.open_source(source)
    spec = replace(card.recipe.data, only="", labels=1.0, leave_out="")
    unreadable = list(data.squares(dataset, card.image).errors)
    parts = {part: rows[~np.isin(rows, unreadable)] for part, rows in data.divide(dataset, spec).items()}
    if data.split_digest(dataset, parts) != card.data.split_digest:
        raise PneumoError(f"{source} is not the data {card.name!r} was trained on; name that source")
    return dataset, parts


def _turned(encoder: runs.Run, squares: np.ndarray) -> np.ndarray:
    """(4 * count, F): features of some training radiographs turned, flipped and cropped."""
    chosen = np.random.default_rng(0).permutation(len(squares))[:TURNED]
    return features.of_pictures(encoder, [each.pixels for each in oddities.spoiled(list(squares[chosen]), seed=1)])


def _phantoms(count: int, seed: int) -> list[np.ndarray]:
    return [each.pixels for each in phantom.draw_set(count, seed=seed, prevalence=0.5)]


def _distribution(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre (F,) and whitening (F, F), so that a row's length after it is its Mahalanobis distance."""
    found = LedoitWolf().fit(seen.astype(np.float64))
    variances, axes = np.linalg.eigh(found.covariance_)
    # Phantoms vary along fewer axes than there are features: what never varied must not weigh without limit.
    variances = variances.clip(min=LEAST_VARIANCE * variances.max())
    # In the order of rows, or safetensors would write the transpose under the same shape.
    return found.location_.astype(np.float32), np.ascontiguousarray(axes / np.sqrt(variances), dtype=np.float32)


def _position(upright: np.ndarray, turned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight (F,) and offset (1,) of a linear probe that tells upright whole radiographs from turned and cropped ones."""
    scaler = StandardScaler().fit(upright)
    rows, kinds = np.concatenate([upright, turned]), np.repeat([0, 1], [len(upright), len(turned)])
    probe = LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced").fit(scaler.transform(rows), kinds)
    weight = probe.coef_[0] / scaler.scale_
    return weight.astype(np.float32), (probe.intercept_ - weight @ scaler.mean_).astype(np.float32)


def _limit(figures: Mapping[str, np.ndarray], name: str, share: float) -> float:
    """The limit of one figure at the quantile, the same for all figures, at which `share` passes them all."""
    for quantile in np.linspace(share, 1, 201):
        limits = {key: np.quantile(values, quantile) for key, values in figures.items()}
        if np.all([values <= limits[key] for key, values in figures.items()], axis=0).mean() >= share:
            return float(limits[name])
    raise AssertionError("at the largest values every picture passes")


# --- testing ----------------------------------------------------------------------------------------------


def measure(gate: Gate, source: str, progress: Progress | None = None) -> Measured:
    """The gate's two rates: on the internal test radiographs of the source, and on pictures that are none."""
    dataset, parts = _open(source, gate.encoder.card)
    if not len(parts.get("test", ())):
        raise PneumoError(f"{source} leaves no test part; nothing is left that the gate has not seen")
    pictures = [dataset.read(index) for index in parts["test"]]
    patients = len({dataset.items[index].patient for index in parts["test"]})
    odd: dict[str, list[oddities.Oddity]] = {}
    for each in (*oddities.photographs(), *oddities.drawn(), *oddities.spoiled(pictures)):
        odd.setdefault(each.kind, []).append(each)
    report, steps, done = progress or (lambda done, total: None), len(odd) + 3, 1
    verdicts = _verdicts(gate, pictures)
    report(done, steps)
    refused = {}
    for kind, found in odd.items():
        outcome = _verdicts(gate, [each.pixels for each in found])
        refused[kind] = share(outcome == "refused", len({each.base for each in found}))
        done += 1
        report(done, steps)
    named = _verdicts(gate, _phantoms(200, PHANTOM_SEED + 1))
    report(done + 1, steps)
    others = {"mirrored": [np.ascontiguousarray(each[:, ::-1]) for each in pictures], "inverted": [255 - each for each in pictures]}  # fmt: skip
    for name in runs.available("gan"):
        gan = runs.load(name)
        if generative.classes(gan) == CLASS_NAMES:
            others[f"generated by {name}"] = list(generative.samples(gan, 200, 0))
    let_in = {kind: share(_verdicts(gate, found) != "refused") for kind, found in others.items()}
    report(steps, steps)
    return Measured(
        accepted=share(verdicts != "refused"),
        patients=patients,
        unusual=share(verdicts == "unusual"),
        refused=refused,
        phantoms_named=share(named == "phantom"),
        others=let_in,
    )


def _verdicts(gate: Gate, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """(N,) str. The cautions of the reader play no part: pictures here are grey arrays."""
    return _judge(gate, *figures_of(gate, pictures))


def share(hits: np.ndarray, bases: int = 0) -> Share:
    """hits: (N,) bool."""
    part, n = int(hits.sum()), len(hits)
    return Share(part, n, significance.wilson(part, n), bases or n)


# --- on disk ----------------------------------------------------------------------------------------------


def folder() -> Path:
    """Where the gate lies: beside the runs."""
    return runs.weights_folder() / FOLDER


def save(gate: Gate, place: Path) -> None:
    """Writes gate.safetensors and gate.json into a folder, the latter last."""
    place.mkdir(parents=True, exist_ok=True)
    runs.write(place / ARRAYS_FILE, save_arrays(dict(gate.arrays)))
    runs.write(place / ABOUT_FILE, json.dumps(encode(gate.about)).encode())


def read_about(place: Path) -> About | None:
    """gate.json of a folder, or None where there is no gate."""
    path = place / ABOUT_FILE
    if not path.is_file():
        return None
    try:
        return decode(About, json.loads(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise runs.RunError(
            f"{path} does not fit its schema: {error}. Restore the file, or fit the gate again"
        ) from error


def load(place: Path | None = None) -> Gate | None:
    """The gate of a folder, by default the one in weights/; None where there is none. RunError where it cannot be used."""
    place = place or folder()
    about = read_about(place)
    if about is None:
        return None
    path = place / ARRAYS_FILE
    blob = path.read_bytes() if path.is_file() else b""
    if runs.digest(blob) != about.arrays_sha256:
        raise runs.RunError(f"{path} is missing or not what {ABOUT_FILE} was written for; restore the file, or fit the gate again")  # fmt: skip
    try:
        arrays = load_arrays(blob)
    except SafetensorError as error:
        raise runs.RunError(f"{path} cannot be read: {error}; fit the gate again") from error
    return Gate(
        about,
        arrays,
        _beside(place, about.encoder, about.encoder_sha256),
        _beside(place, about.autoencoder, about.autoencoder_sha256),
    )


def _beside(place: Path, name: str, digest: str) -> runs.Run:
    """The run beside the gate's folder, with the weights the gate was fitted with."""
    beside = place.parent / name
    run = runs.load(str(beside) if (beside / runs.CARD_FILE).is_file() else name)
    if run.card.weights.sha256 != digest:
        raise runs.RunError(
            f"the gate in {place} was fitted with other weights of {name!r}; fit it again, or restore the run"
        )
    return run


# --- for people -------------------------------------------------------------------------------------------


def kinds_of(measured: Measured) -> list[tuple[str, Share]]:
    """The kinds that should be refused with their shares, the worst guarded first."""
    return sorted(measured.refused.items(), key=lambda pair: pair[1].value)


def card_sections(card: runs.RunCard) -> list[Section]:
    """What a classifier's card says of the gate before it; nothing for other runs, or where no measured gate is there."""
    about = read_about(folder()) if card.task == "classification" else None
    if about is None or about.measured is None:
        return []
    found = about.measured
    rows = [("let in", "internal test radiographs", found.accepted), ("of them with a warning", "", found.unusual)]
    rows += [("refused", kind, share) for kind, share in kinds_of(found)]
    rows += [("named", "phantoms", found.phantoms_named)]
    rows += [("let in", kind, share) for kind, share in found.others.items()]
    table = "\n".join(
        f"| {what} | {kind} | {each.value:.1%} | {each.ci95.low:.1%} to {each.ci95.high:.1%} | {each.n} |"
        for what, kind, each in rows
    )
    text = (
        "Before a diagnosis a picture is asked whether it is a frontal chest radiograph at all, by its distance in features, by what an autoencoder cannot give back, and by "
        f"whether it looks turned or cropped. Limits come from {about.n_validation} validation radiographs; the pictures below set none of them. A person can go on all the same. Refused on average over "
        f"{len(found.refused)} kinds of other pictures: {found.refused_mean:.1%}.\n\n"
        f"| | pictures | share | 95% (Wilson) | n |\n| --- | --- | --- | --- | --- |\n{table}"
    )
    return [Section("The gate before it", text)]
