"""A run's card as a page for people: Markdown, with the YAML front matter that the Hugging Face hub reads.

Everything in it comes from the RunCard; nothing is typed in and nothing asks the network. The form is that of
"Model Cards for Model Reporting", Mitchell et al. 2019.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from pneumo.codec import encode
from pneumo.formatting import METRICS, listed, metric, probability, rate, score
from pneumo.metrics import thresholds
from pneumo.runs.evaluations import ADULTS, OF_THE_RUN, OFFICIAL, in_order, title_of
from pneumo.runs.names import name_of
from pneumo.schema import CLASS_NAMES, Metrics, Recipe, RunCard

LICENCE = "apache-2.0"  # of code and weights, see LICENSE
INPUT_CHECK = "The input check"  # title of the section that the summary points to
HUB_NAMES = {  # field of Metrics: the hub's word for it
    "auroc": "roc_auc",
    "auprc": "average_precision",
    "sensitivity": "recall",
    "specificity": "specificity",
    "precision": "precision",
    "f1": "f1",
    "accuracy": "accuracy",
    "brier": "brier_score",
    "ece": "expected_calibration_error",
}
INTERVALS = {  # how `metrics.classification` estimates each interval: fields of Metrics by method
    "Wilson": ("sensitivity", "specificity", "precision", "accuracy"),
    "DeLong": ("auroc",),
    "bootstrap over patients": ("auprc", "f1", "brier"),
}
NAMES = ("AUROC", "F1", "Brier score")  # titles that keep their capital letter within a sentence
CONFUSION = {"tp": "true positives", "fn": "false negatives", "tn": "true negatives", "fp": "false positives"}
OPTIMISERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
DOES = {  # by task: what the run does
    "classification": f"reads a frontal chest X-ray and gives a calibrated probability of {CLASS_NAMES[1]}",
    "gan": "generates synthetic frontal chest X-rays",
    "reconstruction": "encodes a frontal chest X-ray and reconstructs it from the code",
    "characters": "reads a single printed character",
    "contrastive": "turns a frontal chest X-ray into features, learned without labels",
}
OUTPUTS = {
    "classification": f"the output is the probability of {CLASS_NAMES[1]}",
    "gan": "the generator turns random numbers into an image, and the discriminator rates how real an image looks",
    "reconstruction": "the output is the reconstructed image",
    "characters": "the output is one logit for each of 36 characters",
    "contrastive": "the output is a vector of features",
}
PIPELINES = {
    "gan": "unconditional-image-generation",
    "reconstruction": "image-to-image",
    "contrastive": "image-feature-extraction",
}
CRITERIA = {"loss": "loss", "accuracy": "accuracy", "f1": "F1", "auroc": "AUROC"}
INTENSITIES = {"raw": "grey values as they are", "stretch": "grey values stretched from the 1st to the 99th percentile"}


@dataclass(frozen=True)
class Section:
    """One section of the card. text: Markdown without headings. folded: detail that a page shows on request."""

    title: str
    text: str
    folded: bool = False


def markdown(card: RunCard, more: Sequence[Section] = ()) -> str:
    """The whole card: front matter between two lines of ---, then the body. more: as in `sections`. Ends with a line break."""
    body = [f"# {name_of(card)}", summary(card, more)]
    for section in sections(card, more):
        body += [f"## {section.title}", section.text]
    return f"---\n{front_matter(card).to_yaml()}\n---\n\n" + "\n\n".join(body) + "\n"


def front_matter(card: RunCard) -> ModelCardData:
    """Licence, tags, data sets and every metric, in the hub's terms."""
    hub_id = card.data.source.removeprefix("hub:") if card.data.source.startswith("hub:") else None
    measured = list(_eval_results(card))
    return ModelCardData(
        license=LICENCE,
        library_name="pneumo",
        pipeline_tag=PIPELINES.get(card.task, "image-classification"),
        tags=["chest-x-ray", "radiology", "pneumonia", "teaching", "pytorch", "safetensors"]
        + ["synthetic"] * _is_phantom(card),
        datasets=[hub_id] if hub_id else None,
        metrics=list(dict.fromkeys(result.metric_type for result in measured)),
        model_name=card.name if measured else None,  # the hub takes a name only together with results
        eval_results=measured or None,
    )


def _eval_results(card: RunCard) -> Iterator[EvalResult]:
    for split, metrics in _by_split(card):
        own = split in OF_THE_RUN
        for name, hub_name in HUB_NAMES.items():
            value, interval = getattr(metrics, name), metrics.ci95.get(name)
            if value is None:
                continue
            yield EvalResult(
                task_type="image-classification",
                dataset_type=re.sub(r"[^\w./-]+", "-", card.data.source.removeprefix("hub:")) if own else split,
                dataset_name=f"{card.data.source}, {split} patients" if own else title_of(split),
                dataset_split=split,
                metric_type=hub_name,
                metric_name=METRICS[name][0],
                metric_value=value,
                metric_args={"threshold": metrics.threshold, "n": metrics.n}
                | ({"ci95": [interval.low, interval.high]} if interval else {}),
            )


def _by_split(card: RunCard) -> list[tuple[str, Metrics]]:
    return [(name, card.metrics[name]) for name in in_order(card.metrics)]


def _is_phantom(card: RunCard) -> bool:
    return card.data.source.startswith("phantom")


# --- the body ---------------------------------------------------------------------------------------------


def summary(card: RunCard, more: Sequence[Section] = ()) -> str:
    """What it is and what it is not, in a few sentences. more: as in `sections`."""
    owner, learned = "patients", "computer-drawn phantoms" if _is_phantom(card) else "radiographs"
    if card.task == "characters":
        owner, learned = "fonts", "drawn characters"
    images = sum(card.data.counts.get("train", {}).values())
    told = [
        f"`{card.name}` {DOES[card.task]}.",
        f"It learned from {images:,} {learned} of {card.data.patients.get('train', 0):,} {owner}.",
        "**It is not a medical device.** Do not use it for diagnosis or treatment.",
    ]
    if card.task == "classification":
        told += ["It recognises no other disease.", _unsuitable(more)]
    elif card.task != "characters":
        told.append("Its output says nothing about the health of a person.")
    return " ".join(told)


def _unsuitable(more: Sequence[Section]) -> str:
    """What becomes of images that no classifier should be asked about."""
    alone = "On its own the model cannot recognise unsuitable images"
    if any(section.title == INPUT_CHECK for section in more):
        return f"{alone}; the app puts an input check before it (see below)."
    return f"{alone}."


def sections(card: RunCard, more: Sequence[Section] = ()) -> list[Section]:
    """The body's sections in order. more: what was measured beside the card; it follows the card's own results."""
    classifies = card.task == "classification"
    measured = [
        Section("Results", _results(card)),
        Section("Operating points", _operating_points(card)),
        Section("Calibration", _calibration(card)),
    ] if classifies else []  # fmt: skip
    return [
        Section("Intended use", card.intended_use),
        Section("Limits", "\n".join(f"- {limit}" for limit in card.limits) or "None stated."),
        Section("Architecture", _architecture(card)),
        Section("Data", _data(card)),
        Section("Training", _training(card)),
        *([] if card.members else [_recipe(card)]),
        *measured,
        *more,
        Section("How to use it", _usage(card)),
        Section("Weights and versions", _provenance(card), folded=True),
        Section("Licence and citation", _licence(card)),
    ]


def _results(card: RunCard) -> str:
    splits = _by_split(card)
    header = ["", *(f"{title_of(p)} (n = {m.n:,}, {m.patients:,} patients)" for p, m in splits)]
    rows = [[title, *(metric(m, name) for _, m in splits)] for name, (title, _) in METRICS.items()]
    rows += [[word.capitalize(), *(f"{m.confusion[key]:,}" for _, m in splits)] for key, word in CONFUSION.items()]
    at = listed(list(dict.fromkeys(probability(m.threshold) for _, m in splits)))
    return (
        _table(header, rows)
        + f"\n\nAt the threshold {at}. In brackets: 95% intervals ({_methods()}). Weights, calibration and thresholds "
        f"were chosen on validation patients, so the validation column is optimistic.{_elsewhere(card)}"
    )


def _elsewhere(card: RunCard) -> str:
    told = ""
    if OFFICIAL in card.metrics:
        told += " The official test is what the collection sets apart: other children, read once with the finished run."
    adults = card.metrics.get(ADULTS)
    if adults:
        told += (
            f" **Adults of another hospital** (NIH, half labelled pneumonia) are not told apart: AUROC {metric(adults, 'auroc')}, where 0.5 "
            "is chance. No threshold repairs that."
        )
    return told


def _methods() -> str:
    """ "Wilson for sensitivity and specificity, DeLong for AUROC, ..."."""
    titles = {name: title if title in NAMES else title[0].lower() + title[1:] for name, (title, _) in METRICS.items()}
    told = [f"{method} for {listed([titles[each] for each in names])}" for method, names in INTERVALS.items()]
    missing = [titles[name] for name in METRICS if name not in {each for names in INTERVALS.values() for each in names}]
    return "; ".join([*told, f"none for the {listed(missing)}"])


def _operating_points(card: RunCard) -> str:
    titles = thresholds.titles(card.operating_points)
    rows = [
        (
            f"**{titles[point.name]}** (default)" if point.name == card.default_point else titles[point.name],
            probability(point.threshold),
            rate(point.sensitivity),
            rate(point.specificity),
            point.chosen_on,
        )
        for point in sorted(card.operating_points, key=lambda point: point.threshold)
    ]
    counts = dict.fromkeys(f"{p.n_positive:,} with pneumonia, {p.n_negative:,} without" for p in card.operating_points)
    return (
        _table(("", "threshold", "sensitivity", "specificity", "chosen on"), rows)
        + f"\n\nThe rates are those of clean validation images (n = {listed(list(counts))})."
    )


def _calibration(card: RunCard) -> str:
    errors = listed([f"{score(m.ece)} ({title_of(p).lower()}, n = {m.n:,})" for p, m in _by_split(card)])
    zone = card.indeterminate
    apart = (
        f"Between {probability(zone.low)} and {probability(zone.high)} the model could not separate validation patients with and "
        "without pneumonia: the app calls such results UNCERTAIN."
        if zone
        else "There is no indeterminate zone: the probabilities of validation patients with and without pneumonia hardly overlap."
    )
    origin = (
        "The probability is the mean of the members' calibrated probabilities."
        if card.members
        else f"The probability is sigmoid(logit / {card.temperature:.3f} {'+' if card.bias >= 0 else '-'} {abs(card.bias):.3f}), fitted on validation patients."
    )
    return f"{origin} The expected calibration error is {errors}. {apart}"


def _usage(card: RunCard) -> str:
    if card.task == "gan":
        return f"```sh\npython -m pneumo sample {card.name} --count 16 --seed 0 --out samples.png\n```"
    if card.task == "reconstruction":
        return f"```sh\npython -m pneumo reconstruct radiograph.png --run {card.name} --out reconstruction.png\n```"
    if card.task == "characters":
        return "`streamlit run app.py`, page *Characters*: draw one, upload a photograph, or pick a test image."
    if card.task == "contrastive":
        return f"```sh\npython -m pneumo train resnet18_fine_tuned --data FOLDER pretrained={card.name}\n```"
    return (
        "```sh\n"
        f"python -m pneumo predict radiograph.png --run {card.name}\n"
        f"python -m pneumo explain radiograph.png --run {card.name} --out heatmap.png\n"
        f"python -m pneumo evaluate {card.name} --data FOLDER\n"
        "```\n\n"
        "It reads PNG, JPEG, WebP, BMP, TIFF, JPEG 2000, AVIF and DICOM; FOLDER holds NORMAL/ and PNEUMONIA/. `streamlit run app.py` opens the app in a browser."
    )


def _architecture(card: RunCard) -> str:
    image, arguments = card.image, ", ".join(f"{k}: {v}" for k, v in card.model_args.items())
    return (
        f"`{card.model}`{f' ({arguments})' if arguments else ''}, {card.weights.parameters:,} parameters. Images have "
        f"{image.size} x {image.size} pixels in {image.channels} {'channel' if image.channels == 1 else 'channels'}, resized "
        f"({image.interpolation}) without keeping the aspect ratio, {INTENSITIES[image.intensity]}; {OUTPUTS[card.task]}."
    )


def _data(card: RunCard) -> str:
    data, split = card.data, card.recipe.data
    if card.task == "characters":
        return _fonts(card)
    rows = [
        (name, *(f"{counts.get(each, 0):,}" for each in CLASS_NAMES), f"{data.patients.get(name, 0):,}")
        for name, counts in data.counts.items()
    ]
    return (
        f"Source: `{data.source}`. Split by patient, never by image: {rate(split.validation, 0)} of the patients for validation, "
        f"{rate(split.test, 0)} for the internal test, the others for training (split seed {split.split_seed}).\n\n"
        + _table(("split", *CLASS_NAMES, "patients"), rows)
        + f"\n\nDigest of the split: `{data.split_digest}`"
    )


def _fonts(card: RunCard) -> str:
    data, validation = card.data, card.recipe.data.validation
    rows = [
        (name, f"{sum(counts.values()):,}", f"{data.patients.get(name, 0):,}") for name, counts in data.counts.items()
    ]
    return (
        f"Source: `{data.source}`: {len(card.class_names)} characters drawn in free fonts. Split by font, never by image: "
        f"{rate(validation, 0)} of the fonts for validation, the others for training. The fonts of the test set are in neither.\n\n"
        + _table(("split", "images", "fonts"), rows)
        + f"\n\nDigest of the split: `{data.split_digest}`"
    )


def _training(card: RunCard) -> str:
    recipe = card.recipe
    if card.members:
        return (
            f"{recipe.summary} The members were trained one by one, {card.minutes:.1f} minutes in all, and have cards of their own; "
            "the ensemble itself is not trained."
        )
    regular = [
        f"weight decay {recipe.weight_decay:g}" if recipe.weight_decay else "",
        f"label smoothing {recipe.label_smoothing:g}" if recipe.label_smoothing else "",
        f"averaged weights (decay {recipe.ema_decay:g})" if recipe.ema_decay else "",
        f"gradients clipped at norm {recipe.clip_norm:g}" if recipe.clip_norm else "",
        "both classes drawn equally often" if recipe.sampling == "balanced" else "",
        "classes weighted by their counts" if recipe.class_weights == "balanced" else "",
        f"R1 penalty of weight {recipe.gan_r1:g} on real images" if recipe.gan_r1 else "",
        "the same random changes of brightness, contrast and position for real and generated images"
        if recipe.gan_augment
        else "",
    ]
    changed = [f"{k.replace('_deg', ' (degrees)')} {v:g}" for k, v in encode(recipe.augment).items() if v]
    anew = (
        f"Each time an image was used in training it was changed at random: {', '.join(changed)}. " if changed else ""
    )
    if not changed and not recipe.gan_augment:
        anew = "Training images were not augmented. "
    return (
        f"{recipe.summary}\n\n{OPTIMISERS[recipe.optimiser]}, batches of {recipe.batch_size}, learning rate {recipe.learning_rate:g} "
        f"{_schedule(recipe)}; {', '.join(filter(None, regular)) or 'no regularisation besides the model’s own'}. "
        f"{anew}{card.epochs_run} of {recipe.epochs} epochs ran; "
        + (
            "the weights of the last one were kept. "
            if recipe.criterion == "last"
            else f"the weights of epoch {card.best_epoch} were kept, the best on validation patients by {CRITERIA[recipe.criterion]}. "
        )
        + f"{card.minutes:.1f} minutes on {card.hardware}, seed {card.seed}."
    )


def _recipe(card: RunCard) -> Section:
    return Section("The recipe in full", _table(("setting", "value"), _settings(encode(card.recipe))), folded=True)


def _schedule(recipe: Recipe) -> str:
    return {
        "constant": "throughout",
        "plateau": f"multiplied by {recipe.gamma:g} after {recipe.plateau_patience} epochs without a better validation loss",
        "step": f"multiplied by {recipe.gamma:g} every {recipe.step_epochs} epochs",
        "exponential": f"falling by the factor {recipe.gamma:g} over {recipe.step_epochs} epochs",
        "cosine": "falling along a cosine",
        "onecycle": "at the peak of a one-cycle schedule",
    }[recipe.schedule]


def _settings(plain: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a recipe as ("image.size", "128")."""
    for key, value in plain.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _provenance(card: RunCard) -> str:
    rows = [
        ("weights, sha256", f"`{card.weights.sha256}`"),
        ("weights, size", f"{card.weights.size_bytes / 1e6:.1f} MB, safetensors"),
        ("hardware", card.hardware),
        ("minutes", f"{card.minutes:.1f}"),
        ("seed", str(card.seed)),
        *card.versions.items(),
    ]
    return _table(("", ""), rows)


def _licence(card: RunCard) -> str:
    return (
        f"Code and weights: {LICENCE.replace('apache', 'Apache')}. Training data: {card.data.licence}.\n\n"
        f"Training data: {card.data.citation or card.data.source}."
    )


def _table(header: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    """A Markdown table; the cells' own bars are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in row) + " |" for row in lines
    )
