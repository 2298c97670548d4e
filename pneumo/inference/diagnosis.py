"""The facade: a run and a radiograph give a Diagnosis. Pages and the command line come in here."""

from __future__ import annotations

from dataclasses import replace

import torch

from pneumo.images import radiograph, transforms
from pneumo.inference import explanation, input_check
from pneumo.inference.explanation import METHODS, Heatmap
from pneumo.inference.input_check import InputCheck
from pneumo.metrics import calibration
from pneumo.runs import Run, forward
from pneumo.schema import CLASS_NAMES, POSITIVE, Diagnosis, ImageWarning, Interval, PneumoError, Radiograph

NO_RESULT = {  # cautions after which the probability, which every picture gets, says nothing about a chest
    "uniform": "nearly uniform picture",
    "aspect": "extreme proportions",
}
SYNTHETIC = ImageWarning("synthetic", "A phantom drawn by a program, not a radiograph of a person.")
GENERATED = ImageWarning(
    "generated", "Drawn by a generative network, not a radiograph of a person: no shadow in it means anything."
)
REFUSED = "not taken for a frontal chest radiograph"


def diagnose(
    run: Run,
    blob: bytes,
    name: str,
    *,
    synthetic: bool = False,
    generated: bool = False,
    check: InputCheck | None = None,
    overridden: bool = False,
) -> Diagnosis:
    """What the run says of a file's bytes. A file that cannot be read gives a Diagnosis with its error; nothing is raised.

    synthetic, generated: as in `Example`, said of the picture. gate: asked whether the picture is a chest radiograph at all; what it refuses has a probability and no answer, unless
    `overridden`, which stays in the Diagnosis.
    """
    try:
        image = radiograph.read(blob, name)
    except radiograph.RadiographError as error:
        return Diagnosis(name, error=str(error))
    if synthetic:
        image = Radiograph(image.pixels, (GENERATED if generated else SYNTHETIC, *image.warnings))
    result = diagnose_radiograph(run, image, name)
    return replace(result, assessment=input_check.assess(check, image) if check else None, overridden=overridden)


def diagnose_radiograph(run: Run, image: Radiograph, name: str) -> Diagnosis:
    """What the run says of a radiograph that has been read: probability, stability, and the resized image it saw."""
    seen, tensor = transforms.preprocess(image.pixels, run.card.image)
    variants = transforms.normalise(transforms.variants(seen), run.card.image)
    seen.setflags(write=False)
    logits = forward.logits(run, torch.cat([tensor[None], variants]))  # the radiograph first, in one pass
    probabilities = calibration.calibrated(logits, run.card.temperature, run.card.bias)
    return Diagnosis(
        name=name,
        probability=float(probabilities[0]),
        logit=float(logits[0]),
        stability=Interval(float(probabilities.min()), float(probabilities.max())),
        radiograph=image,
        seen=seen,
    )


def explain(run: Run, diagnosis: Diagnosis, method: str = "gradcam", layer: str | None = None) -> dict[str, Heatmap]:
    """The heatmap of each class, by class name. method: a key of METHODS. layer: one of `heatmap_layers`."""
    return explanation.heatmaps(run, model_input(run, diagnosis), method, layer)


def model_input(run: Run, diagnosis: Diagnosis) -> torch.Tensor:
    if diagnosis.seen is None:
        raise PneumoError(f"{diagnosis.name} was refused ({diagnosis.error}); there is nothing to explain")
    return transforms.normalise(torch.from_numpy(diagnosis.seen.copy())[None], run.card.image)[0]


def heatmap_layers(run: Run) -> tuple[dict[str, tuple[int, int]], str]:
    """The layers a heatmap can look at, (h, w) cells by name from the picture to the head, and the default one."""
    return explanation.layers(run), explanation.default_layer(run)


def heatmap_methods() -> dict[str, tuple[str, str]]:
    """Title and meaning of each heatmap method."""
    return {name: (method.title, method.meaning) for name, method in METHODS.items()}


def label_of(probability: float, threshold: float) -> str:
    """The class name at a threshold: PNEUMONIA at or above it. For a file, ask `answer`."""
    return CLASS_NAMES[POSITIVE if probability >= threshold else 1 - POSITIVE]


def no_result(result: Diagnosis) -> str | None:
    """Why the probability of a picture that was read means nothing, e.g. "nearly uniform picture"; None where it means something.

    Decided by the cautions of NO_ANSWER, and by the gate unless it was overridden. The probability stays in the Diagnosis: it is
    what the model computes of such a picture.
    """
    codes = {warning.code for warning in result.warnings}
    plain = next((reason for code, reason in NO_RESULT.items() if code in codes), None)
    if plain or not is_refused(result) or result.overridden:
        return plain
    return f"{REFUSED}: {result.assessment.reason}"


def is_refused(result: Diagnosis) -> bool:
    """Whether the gate refused the picture, whatever was decided afterwards."""
    return result.assessment is not None and result.assessment.verdict == "refused"


def label_for(result: Diagnosis, threshold: float) -> str | None:
    """The class name of a file at a threshold; None where it was refused or where its probability means nothing."""
    return None if result.error or no_result(result) else label_of(result.probability, threshold)


def warnings_of(result: Diagnosis) -> list[str]:
    """What a reader of the result should know, as sentences; first, why there is no answer where there is none."""
    reason = no_result(result)
    told = [f"No answer: {reason}."] if reason else []
    return told + input_check_warnings(result) + [warning.message for warning in result.warnings]


def input_check_warnings(result: Diagnosis) -> list[str]:
    """What the gate says of a picture it let in, or that was let in against it, as sentences."""
    assessment = result.assessment
    if assessment is None or assessment.verdict == "radiograph":
        return []
    if assessment.verdict == "refused":
        return [f"Answered by choice, although it was {REFUSED}: {assessment.reason}."] if result.overridden else []
    if assessment.verdict == "phantom" and any(warning.code == SYNTHETIC.code for warning in result.warnings):
        return []  # said already
    return [f"{assessment.reason[0].upper()}{assessment.reason[1:]}."]


def is_indeterminate(run_band: Interval | None, probability: float) -> bool:
    """Whether a probability lies where validation could not tell the classes apart."""
    return run_band is not None and run_band.low <= probability <= run_band.high
