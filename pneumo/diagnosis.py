"""The facade: a run and a radiograph give a Diagnosis. Pages and the command line come in here."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from pneumo import data, evaluation, explanation, generative, models, phantom, radiograph, runs, sheets, transforms
from pneumo import gate as gates
from pneumo.explanation import METHODS, Curves, Heatmap, Pointing, Stage
from pneumo.figures import overlay
from pneumo.gate import Gate
from pneumo.runs import Run
from pneumo.schema import (
    CLASS_NAMES,
    POSITIVE,
    Caution,
    Diagnosis,
    Interval,
    Metrics,
    PneumoError,
    Radiograph,
)

EXAMPLE_PATIENTS = ((3, 1), (11, 0), (24, 1), (8, 0))  # (patient, label) of the built-in phantoms
EXAMPLE_SIZE_PX = 448
PICTURES_SEED = 11
FAR_APART = 0.25  # two runs whose probabilities differ by more disagree, whatever their labels
RANDOM_DRAWS = 3  # maps drawn by chance are averaged: one alone may be lucky
NO_ANSWER = {  # cautions after which the probability, which every picture gets, says nothing about a chest
    "uniform": "nearly uniform picture",
    "aspect": "extreme proportions",
}
NOTES = {  # cautions in a few words, for a table
    "synthetic": "A drawn phantom.",
    "generated": "Synthetic, drawn by a GAN.",
    "colour": "Was in colour.",
    "dark16": "Dark 16-bit values, stretched.",
    "uniform": "Nearly uniform.",
    "small": "Small picture.",
    "aspect": "Unusual proportions.",
    "inverted": "Looks inverted.",
    "burned_in": "Check for burned-in text.",
}
SYNTHETIC = Caution("synthetic", "A phantom drawn by a program, not a radiograph of a person.")
GENERATED = Caution(
    "generated", "Drawn by a generative network, not a radiograph of a person: no shadow in it means anything."
)
GENERATED_SEED = 5
REFUSED = "not taken for a frontal chest radiograph"
GATE_NOTES = {  # in a few words, for a table
    "unusual": "Unusual for the training population.",
    "phantom": "Looks like a drawn phantom.",
}


@dataclass(frozen=True)
class Example:
    """A picture to try the model on.

    label: what it is known to show, or what was asked for. synthetic: a phantom, or `generated` by a GAN.
    lesion: (H, W) bool, known for phantoms.
    """

    name: str
    data: bytes
    label: int
    synthetic: bool
    generated: bool = False
    lesion: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def label_name(self) -> str:
        return CLASS_NAMES[self.label]


def diagnose(
    run: Run,
    blob: bytes,
    name: str,
    *,
    synthetic: bool = False,
    generated: bool = False,
    gate: Gate | None = None,
    overridden: bool = False,
) -> Diagnosis:
    """What the run says of a file's bytes. A file that cannot be read gives a Diagnosis with its error; nothing is raised.

    synthetic, generated: as in `Example`, said of the picture. gate: asked whether the picture is a chest radiograph at all; what it refuses has a probability and no answer, unless
    `overridden`, which stays in the Diagnosis.
    """
    try:
        picture = radiograph.read(blob, name)
    except radiograph.RadiographError as error:
        return Diagnosis(name, error=str(error))
    if synthetic:
        picture = Radiograph(picture.pixels, (GENERATED if generated else SYNTHETIC, *picture.cautions))
    found = diagnose_radiograph(run, picture, name)
    return replace(found, admission=gates.admit(gate, picture) if gate else None, overridden=overridden)


def diagnose_radiograph(run: Run, picture: Radiograph, name: str) -> Diagnosis:
    """What the run says of a radiograph that has been read: probability, stability, and the square it saw."""
    seen = transforms.to_square(picture.pixels, run.card.image)
    seen.setflags(write=False)
    original = transforms.normalise(_as_batch(seen), run.card.image)
    changed = transforms.normalise(transforms.variants(seen), run.card.image)
    with run.lock, torch.inference_mode():
        logit = models.positive_logit(run.model(original)).item()
        others = models.positive_logit(run.model(changed)).numpy()
    around = evaluation.calibrated(np.append(others, logit), run.card.temperature, run.card.bias)
    return Diagnosis(
        name=name,
        probability=float(evaluation.calibrated(np.array([logit]), run.card.temperature, run.card.bias)[0]),
        logit=logit,
        stability=Interval(float(around.min()), float(around.max())),
        radiograph=picture,
        seen=seen,
    )


def _as_batch(seen: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(seen.copy())[None]


def explain(run: Run, diagnosis: Diagnosis, method: str = "gradcam", layer: str | None = None) -> dict[str, Heatmap]:
    """The heatmap of each class, by class name. method: a key of METHODS. layer: one of `heatmap_layers`."""
    return explanation.heatmaps(run, _tensor(run, diagnosis), method, layer)


def _tensor(run: Run, diagnosis: Diagnosis) -> torch.Tensor:
    if diagnosis.seen is None:
        raise PneumoError(f"{diagnosis.name} was refused ({diagnosis.error}); there is nothing to explain")
    return transforms.normalise(_as_batch(diagnosis.seen), run.card.image)[0]


def heatmap_layers(run: Run) -> tuple[dict[str, tuple[int, int]], str]:
    """The layers a heatmap can look at, (h, w) cells by name from the picture to the head, and the default one."""
    return explanation.layers(run), explanation.default_layer(run)


def heatmap_methods() -> dict[str, tuple[str, str]]:
    """Title and meaning of each heatmap method."""
    return {name: (method.title, method.meaning) for name, method in METHODS.items()}


def label_of(probability: float, threshold: float) -> str:
    """The class name at a threshold: PNEUMONIA at or above it. For a file, ask `answer`."""
    return CLASS_NAMES[POSITIVE if probability >= threshold else 1 - POSITIVE]


def no_answer(found: Diagnosis) -> str | None:
    """Why the probability of a picture that was read means nothing, e.g. "nearly uniform picture"; None where it means something.

    Decided by the cautions of NO_ANSWER, and by the gate unless it was overridden. The probability stays in the Diagnosis: it is
    what the model computes of such a picture.
    """
    codes = {caution.code for caution in found.cautions}
    plain = next((reason for code, reason in NO_ANSWER.items() if code in codes), None)
    if plain or not is_refused(found) or found.overridden:
        return plain
    return f"{REFUSED}: {found.admission.reason}"


def is_refused(found: Diagnosis) -> bool:
    """Whether the gate refused the picture, whatever was decided afterwards."""
    return found.admission is not None and found.admission.verdict == "refused"


def answer(found: Diagnosis, threshold: float) -> str | None:
    """The class name of a file at a threshold; None where it was refused or where its probability means nothing."""
    return None if found.error or no_answer(found) else label_of(found.probability, threshold)


def warnings_of(found: Diagnosis) -> list[str]:
    """What a reader of the result should know, as sentences; first, why there is no answer where there is none."""
    reason = no_answer(found)
    told = [f"No answer: {reason}."] if reason else []
    return told + gate_warnings(found) + [caution.message for caution in found.cautions]


def gate_warnings(found: Diagnosis) -> list[str]:
    """What the gate says of a picture it let in, or that was let in against it, as sentences."""
    admission = found.admission
    if admission is None or admission.verdict == "radiograph":
        return []
    if admission.verdict == "refused":
        return [f"Answered by choice, although it was {REFUSED}: {admission.reason}."] if found.overridden else []
    if admission.verdict == "phantom" and any(caution.code == SYNTHETIC.code for caution in found.cautions):
        return []  # said already
    return [f"{admission.reason[0].upper()}{admission.reason[1:]}."]


def is_indeterminate(run_band: Interval | None, probability: float) -> bool:
    """Whether a probability lies where validation could not tell the classes apart."""
    return run_band is not None and run_band.low <= probability <= run_band.high


def phantom_examples() -> list[Example]:
    """The built-in examples: always there, always the same, marked synthetic."""
    drawn = [phantom.draw(patient, 0, label, size_px=EXAMPLE_SIZE_PX, seed=7) for patient, label in EXAMPLE_PATIENTS]
    return [Example(f"{p.name}.png", radiograph.encode_png(p.pixels), p.label, True, lesion=p.lesion) for p in drawn]


def generated_examples() -> list[Example]:
    """Two samples of each class by the finest GAN that knows both; none where there is no such GAN."""
    cards = [runs.read_card(runs.resolve(name)) for name in runs.available("gan")]
    both = [card for card in cards if not card.recipe.data.only]
    if not both:
        return []
    gan = runs.load(max(both, key=lambda card: (card.image.size, card.weights.parameters)).name)
    return [
        Example(f"generated_{name}_{n}.png", sheets.png(picture), label, synthetic=True, generated=True)
        for label, name in enumerate(CLASS_NAMES)
        for n, picture in enumerate(generative.samples(gan, 2, GENERATED_SEED, name))
    ]


def phantom_pictures(count: int) -> list[np.ndarray]:
    """(H, W) uint8 each: phantoms of both classes that no run was trained on."""
    return [each.pixels for each in phantom.draw_set(count, seed=PICTURES_SEED, prevalence=0.5)]


def read_picture(blob: bytes, name: str) -> np.ndarray:
    """(H, W) uint8: a file's pixels alone. RadiographError with the reason where it cannot be read."""
    return radiograph.read(blob, name).pixels


def hub_examples(count: int = 4) -> list[Example]:
    """Real cases streamed from the hub's official test part. PneumoError without a network."""
    rows = data.stream_hub(count=count)
    return [Example(name, blob, label, synthetic=False) for name, blob, label in rows]


# --- several runs on one picture, and whether a heatmap can be trusted ------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What one run says at its own default operating point."""

    run: str
    probability: float
    threshold: float

    @property
    def label(self) -> str:
        return label_of(self.probability, self.threshold)


def disagreement(verdicts: Sequence[Verdict]) -> list[str]:
    """In what the verdicts disagree, as sentences; empty where they agree."""
    low, high = (pick(verdicts, key=lambda verdict: verdict.probability) for pick in (min, max))
    found = []
    if len({verdict.label for verdict in verdicts}) > 1:
        said = {name: [v.run for v in verdicts if v.label == name] for name in CLASS_NAMES[::-1]}
        found.append("; ".join(f"{' and '.join(who)}: {name}" for name, who in said.items()) + ".")
    if high.probability - low.probability > FAR_APART:
        found.append(
            f"The probabilities of {high.run} and {low.run} lie {high.probability - low.probability:.2f} apart."
        )
    return found


@dataclass(frozen=True, eq=False)
class HeatmapCheck:
    """What speaks for and against one heatmap.

    stages: the randomisation check. curves: deletion and insertion; baseline: the same, averaged over random maps.
    pointing: against the true lesion, None where none is known.
    """

    stages: list[Stage]
    curves: Curves
    baseline: Curves
    pointing: Pointing | None


def check_heatmap(
    run: Run,
    diagnosis: Diagnosis,
    class_name: str,
    method: str = "gradcam",
    layer: str | None = None,
    *,
    lesion: np.ndarray | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> HeatmapCheck:
    """Sanity checks of a heatmap. lesion: (H, W) bool; it bears on the map for PNEUMONIA alone."""
    tensor, generator = _tensor(run, diagnosis), torch.Generator().manual_seed(seed)
    heat = explanation.heatmaps(run, tensor, method, layer)[class_name]
    known = lesion is not None and lesion.any() and class_name == CLASS_NAMES[POSITIVE]
    return HeatmapCheck(
        stages=explanation.randomisation_check(run, tensor, generator, method, layer, class_name, progress),
        curves=explanation.deletion_insertion(run, tensor, heat),
        baseline=_random_curves(run, tensor, class_name, layer, generator),
        pointing=explanation.pointing_game(heat, lesion) if known else None,
    )


def _random_curves(
    run: Run, tensor: torch.Tensor, class_name: str, layer: str | None, generator: torch.Generator
) -> Curves:
    maps = [explanation.heatmaps(run, tensor, "random", layer, generator)[class_name] for _ in range(RANDOM_DRAWS)]
    drawn = [explanation.deletion_insertion(run, tensor, heat) for heat in maps]
    return replace(
        drawn[0],
        deletion=np.mean([curves.deletion for curves in drawn], axis=0),
        insertion=np.mean([curves.insertion for curves in drawn], axis=0),
    )


# --- many files -------------------------------------------------------------------------------------------


def files_below(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and every file in the folders, in order; hidden files of folders are left out.

    Raises PneumoError for a path that is not there.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise PneumoError(f"no file or folder {str(path)!r}")
        inside = sorted(p for p in path.rglob("*") if p.is_file() and p.name[0] != ".") if path.is_dir() else [path]
        found += inside
    return found


def diagnose_files(
    run: Run, paths: Iterable[Path], *, gate: Gate | None = None, overridden: bool = False
) -> Iterator[tuple[Path, Diagnosis]]:
    """One Diagnosis a file; files that are too large are refused unread. gate, overridden: as in `diagnose`."""
    for path in paths:
        yield path, _diagnose_file(run, path, gate, overridden)


def _diagnose_file(run: Run, path: Path, gate: Gate | None, overridden: bool) -> Diagnosis:
    try:
        blob = radiograph.file_bytes(path)
    except PneumoError as error:
        return Diagnosis(path.name, error=str(error))
    return diagnose(run, blob, path.name, gate=gate, overridden=overridden)


@dataclass(frozen=True, eq=False)
class DataSetEvaluation:
    """A run measured on a source. unreadable: error by file name."""

    source: str
    part: str
    metrics: Metrics
    unreadable: dict[str, str]


def evaluate(
    run: Run,
    source: str,
    *,
    threshold: float | None = None,
    part: str | None = None,
    flip: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> DataSetEvaluation:
    """The run on every image of a source, or on its test part where it has one.

    part: "train", "validation" or "test" divides the source as the run's recipe did and takes that part; the split's
    digest must then be the one in the card. threshold: the run's default operating point when left out. flip: the mean logit
    of each picture and its mirror image (test-time augmentation); the calibration stays that of single pictures.
    """
    dataset = data.open_source(source)
    indices, taken = _choose(run, dataset, part)
    squares = data.squares(dataset, run.card.image, progress)
    readable = np.array([i for i in indices if i not in squares.errors], dtype=np.int64)
    items = [dataset.items[i] for i in readable]
    logits = _logits(run, squares.array, readable)
    if flip:
        logits = (logits + _logits(run, squares.array[..., ::-1], readable)) / 2
    metrics = evaluation.evaluate(
        dataset.labels[readable],
        evaluation.calibrated(logits, run.card.temperature, run.card.bias),
        [item.patient for item in items],
        run.card.point().threshold if threshold is None else threshold,
        subtypes=[item.subtype for item in items],
        uncalibrated=evaluation.calibrated(logits),
    )
    chosen = set(indices.tolist())
    unreadable = {dataset.items[i].name: error for i, error in squares.errors.items() if i in chosen}
    return DataSetEvaluation(source, taken, metrics, unreadable)


def _choose(run: Run, dataset: data.DataSet, part: str | None) -> tuple[np.ndarray, str]:
    if part is None:
        own = np.array([i for i, item in enumerate(dataset.items) if item.split == "test"], dtype=np.int64)
        return (own, "its test part") if len(own) else (np.arange(len(dataset.items)), "every image")
    parts = data.divide(dataset, run.card.recipe.data)
    if data.split_digest(dataset, parts) != run.card.data.split_digest:
        raise PneumoError(
            f"{dataset.source} is not the data set {run.card.name!r} was trained on (its split has another digest), so "
            f"its {part} patients are not known; leave out --part"
        )
    return parts[part], f"the run's {part} patients"


def _logits(run: Run, squares: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """(len(indices),) float64 logits, 64 images at a time."""
    logits = [np.empty(0)]
    for start in range(0, len(indices), 64):
        batch = torch.from_numpy(squares[indices[start : start + 64]].copy())  # without the mirror's negative steps
        with run.lock, torch.inference_mode():
            logits.append(models.positive_logit(run.model(transforms.normalise(batch, run.card.image))).numpy())
    return np.concatenate(logits).astype(np.float64)


def validation_predictions(run: Run) -> runs.Predictions:
    """The run's own validation patients: what its thresholds and its calibration come from."""
    return runs.read_predictions(run.folder).part("validation")


# --- what a page or a file shows of many ------------------------------------------------------------------


def table(run: Run, results: Iterable[Diagnosis], threshold: float) -> list[dict[str, str | float | None]]:
    """One row a file: file, probability, label, threshold, model, weights_sha256, gate, warnings, error, and a note of a few words.

    gate: the verdict, "overridden" where a refusal was, empty where no gate was asked. label: None where the file was refused or has no answer. note: the reason of a refusal is in error alone.
    """
    return [
        {
            "file": found.name,
            "probability": found.probability,
            "label": answer(found, threshold),
            "threshold": threshold,
            "model": run.card.name,
            "weights_sha256": run.card.weights.sha256,
            "gate": gate_word(found),
            "warnings": " ".join(warnings_of(found)),
            "error": found.error or "",
            "note": "Not read." if found.error else _note(run, found),
        }
        for found in results
    ]


def gate_word(found: Diagnosis) -> str:
    """The gate's verdict in a word; "overridden" where it refused and a person went on."""
    if found.admission is None:
        return ""
    return "overridden" if is_refused(found) and found.overridden else found.admission.verdict


def _note(run: Run, found: Diagnosis) -> str:
    reason = no_answer(found)
    short = "no chest radiograph" if reason and reason.startswith(REFUSED) else reason
    words = [f"No answer: {short}."] if reason else []
    if not reason and is_indeterminate(run.card.indeterminate, found.probability):
        words.append("Indeterminate.")
    if found.overridden and is_refused(found):
        words.append("Answered against the gate.")
    others = [caution for caution in found.cautions if caution.code not in NO_ANSWER]
    if found.admission and not any(caution.code == SYNTHETIC.code for caution in others):
        words += [GATE_NOTES[found.admission.verdict]] if found.admission.verdict in GATE_NOTES else []
    return " ".join(words + [NOTES.get(caution.code, caution.message) for caution in others])


def table_csv(rows: list[dict[str, str | float | None]]) -> bytes:
    """The rows as UTF-8 CSV with a byte order mark, as spreadsheets want it."""
    columns = ("file", "probability", "label", "threshold", "model", "weights_sha256", "gate", "warnings", "error")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return buffer.getvalue().encode("utf-8-sig")


def _cell(value: str | float | None) -> str:
    """A file name that a spreadsheet would run as a formula gets an apostrophe in front."""
    if isinstance(value, float):
        return f"{value:.6f}"
    text = value or ""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def overlays_zip(pictures: Iterable[tuple[Diagnosis, dict[str, Heatmap]]]) -> bytes:
    """A zip with one PNG per file: the radiograph under the heatmap for PNEUMONIA; plain where it has no evidence."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed already
        for number, (found, heatmaps) in enumerate(pictures, 1):
            heat = heatmaps[CLASS_NAMES[POSITIVE]]
            painted = overlay(found.radiograph.pixels, heat.values) if heat.has_evidence else found.radiograph.pixels
            stem = re.sub(r"[^\w.-]+", "_", Path(found.name).stem)[:80]
            archive.writestr(f"{number:03d}-{stem}.png", radiograph.encode_png(painted))
    return buffer.getvalue()
