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
from pneumo.schema import CLASS_NAMES, Metrics, Recipe, RunCard

LICENCE = "apache-2.0"  # of code and weights, see LICENSE
SPLITS = {"test": "Internal test", "validation": "Validation"}  # the honest one first; other sets follow by their names
METRICS = {  # field of Metrics: (title, the hub's name)
    "auroc": ("AUROC", "roc_auc"),
    "auprc": ("Average precision", "average_precision"),
    "sensitivity": ("Sensitivity", "recall"),
    "specificity": ("Specificity", "specificity"),
    "precision": ("Precision", "precision"),
    "f1": ("F1", "f1"),
    "accuracy": ("Accuracy", "accuracy"),
    "brier": ("Brier score", "brier_score"),
    "ece": ("Calibration error", "expected_calibration_error"),
}
OPTIMISERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
# By task: what the run does, what it answers with, and the hub's word for it.
DOES = {
    "classification": f"reads a frontal chest X-ray and gives a calibrated probability of {CLASS_NAMES[1]}",
    "gan": "draws frontal chest X-rays of nobody",
    "reconstruction": "puts a frontal chest X-ray into a code and gives it back",
    "contrastive": "turns a frontal chest X-ray into features, learned without labels",
}
ANSWERS = {
    "classification": "answers with one of " + " and ".join(CLASS_NAMES),
    "gan": "its discriminator answers how real they look; the generator starts from noise",
    "reconstruction": "answers with the picture itself",
    "contrastive": "answers with features",
}
PIPELINES = {
    "gan": "unconditional-image-generation",
    "reconstruction": "image-to-image",
    "contrastive": "image-feature-extraction",
}
INTENSITIES = {"raw": "grey values as they are", "stretch": "grey values stretched from the 1st to the 99th percentile"}


@dataclass(frozen=True)
class Section:
    """A part of the card. text: Markdown without headings. folded: detail that a page shows on request."""

    title: str
    text: str
    folded: bool = False


def markdown(card: RunCard, more: Sequence[Section] = ()) -> str:
    """The whole card: front matter between two lines of ---, then the body. more: as in `sections`. Ends with a line break."""
    body = [f"# {card.name}", summary(card)]
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
        for name, (title, hub_name) in METRICS.items():
            value, interval = getattr(metrics, name), metrics.ci95.get(name)
            if value is None:
                continue
            yield EvalResult(
                task_type="image-classification",
                dataset_type=re.sub(r"[^\w./-]+", "-", card.data.source.removeprefix("hub:")),
                dataset_name=f"{card.data.source}, {split} patients",
                dataset_split=split,
                metric_type=hub_name,
                metric_name=title,
                metric_value=value,
                metric_args={"threshold": metrics.threshold, "n": metrics.n}
                | ({"ci95": [interval.low, interval.high]} if interval else {}),
            )


def _by_split(card: RunCard) -> list[tuple[str, Metrics]]:
    order = [*SPLITS, *card.metrics]
    return sorted(card.metrics.items(), key=lambda pair: order.index(pair[0]))


def _is_phantom(card: RunCard) -> bool:
    return card.data.source.startswith("phantom")


# --- the body ---------------------------------------------------------------------------------------------


def summary(card: RunCard) -> str:
    """What it is and what it is not, in three sentences."""
    learned = "phantoms drawn by a program" if _is_phantom(card) else "radiographs"
    images = sum(card.data.counts.get("train", {}).values())
    return (
        f"`{card.name}` {DOES[card.task]}. It learned from "
        f"{images:,} {learned} of {card.data.patients.get('train', 0):,} patients. **It is not a medical device**"
        + (
            ", it names no other disease, and it does not know when a picture is none of its kind."
            if card.task == "classification"
            else "; nothing about a person can be read from what it makes."
        )
    )


def sections(card: RunCard, more: Sequence[Section] = ()) -> list[Section]:
    """The body's sections in order. more: what was measured beside the card, after its own results."""
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
        Section("The recipe in full", _table(("setting", "value"), _settings(encode(card.recipe))), folded=True),
        *measured,
        *more,
        Section("How to use it", _usage(card)),
        Section("Weights and versions", _provenance(card), folded=True),
        Section("Licence and citation", _licence(card)),
    ]


def _results(card: RunCard) -> str:
    splits = _by_split(card)
    header = ["", *(f"{SPLITS.get(p, p)} (n = {m.n:,}, {m.patients:,} patients)" for p, m in splits)]
    rows = [[title, *(_metric(m, name) for _, m in splits)] for name, (title, _) in METRICS.items()]
    words = {"tp": "called so rightly", "fn": "missed", "tn": "cleared rightly", "fp": "false alarms"}
    rows += [[f"{k.upper()}, {word}", *(f"{m.confusion[k]:,}" for _, m in splits)] for k, word in words.items()]
    thresholds = " and ".join(dict.fromkeys(f"{m.threshold:.3f}" for _, m in splits))
    return (
        _table(header, rows)
        + f"\n\nAt the threshold {thresholds}. In brackets 95% intervals: Wilson for the rates, bootstrap over patients for the "
        "others. Weights, calibration and thresholds were chosen on validation patients, so those figures flatter."
    )


def _metric(metrics: Metrics, name: str) -> str:
    """ "0.997 (0.994 to 0.999)", or a dash where it is not defined."""
    value, interval = getattr(metrics, name), metrics.ci95.get(name)
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" ({interval.low:.3f} to {interval.high:.3f})" if interval else "")


def _operating_points(card: RunCard) -> str:
    rows = [
        (
            f"**{point.title}** (default)" if point.name == card.default_point else point.title,
            f"{point.threshold:.3f}",
            f"{point.sensitivity:.3f}",
            f"{point.specificity:.3f}",
        )
        for point in card.operating_points
    ]
    chosen = dict.fromkeys(
        f"{p.chosen_on} (n = {p.n_positive:,} with pneumonia, {p.n_negative:,} without)" for p in card.operating_points
    )
    return _table(("", "threshold", "sensitivity", "specificity"), rows) + f"\n\nChosen on {', '.join(chosen)}."


def _calibration(card: RunCard) -> str:
    errors = " and ".join(f"{m.ece:.3f} ({SPLITS.get(p, p).lower()}, n = {m.n:,})" for p, m in _by_split(card))
    band = card.indeterminate
    apart = (
        f"Between {band.low:.3f} and {band.high:.3f} validation patients could not be told apart: such results are called indeterminate."
        if band
        else "No band is called indeterminate: validation patients of the two classes hardly overlap."
    )
    return (
        f"The probability is sigmoid(logit / {card.temperature:.3f} {card.bias:+.3f}), fitted on validation patients. The expected "
        f"calibration error is {errors}. {apart}"
    )


def _usage(card: RunCard) -> str:
    if card.task == "gan":
        return f"```sh\npython -m pneumo sample {card.name} --count 16 --seed 0 --out samples.png\n```"
    if card.task == "reconstruction":
        return f"```sh\npython -m pneumo reconstruct radiograph.png --run {card.name} --out reconstruction.png\n```"
    if card.task == "contrastive":
        return f"```sh\npython -m pneumo train resnet18_fine_tuned --data FOLDER pretrained={card.name}\n```"
    return (
        "```sh\n"
        f"python -m pneumo predict radiograph.png --run {card.name}\n"
        f"python -m pneumo explain radiograph.png --run {card.name} --out heatmap.png\n"
        f"python -m pneumo evaluate {card.name} --data FOLDER\n"
        "```\n\n"
        "PNG, JPEG, WebP, BMP, TIFF or DICOM; FOLDER holds NORMAL/ and PNEUMONIA/. `streamlit run app.py` opens the same in a browser."
    )


def _architecture(card: RunCard) -> str:
    image, arguments = card.image, ", ".join(f"{k} {v}" for k, v in card.model_args.items())
    return (
        f"`{card.model}`{f' ({arguments})' if arguments else ''}, {card.weights.parameters:,} parameters. It sees "
        f"{image.size} x {image.size} pixels in {image.channels} {'channel' if image.channels == 1 else 'channels'}, resized "
        f"({image.interpolation}) without keeping the aspect ratio, {INTENSITIES[image.intensity]}; {ANSWERS[card.task]}."
    )


def _data(card: RunCard) -> str:
    data, split = card.data, card.recipe.data
    rows = [
        (name, *(f"{counts.get(each, 0):,}" for each in CLASS_NAMES), f"{data.patients.get(name, 0):,}")
        for name, counts in data.counts.items()
    ]
    return (
        f"Source: `{data.source}`. Divided by patient, never by image: {split.validation:.0%} validation, {split.test:.0%} internal "
        f"test, the rest training (split seed {split.split_seed}).\n\n"
        + _table(("split", *CLASS_NAMES, "patients"), rows)
        + f"\n\nDigest of the split: `{data.split_digest}`"
    )


def _training(card: RunCard) -> str:
    recipe = card.recipe
    regular = [
        f"weight decay {recipe.weight_decay:g}" if recipe.weight_decay else "",
        f"label smoothing {recipe.label_smoothing:g}" if recipe.label_smoothing else "",
        f"averaged weights (decay {recipe.ema_decay:g})" if recipe.ema_decay else "",
        f"gradients clipped at norm {recipe.clip_norm:g}" if recipe.clip_norm else "",
        "both classes drawn equally often" if recipe.sampling == "balanced" else "",
        "classes weighed by their counts" if recipe.class_weights == "balanced" else "",
        f"R1 of weight {recipe.gan_r1:g} on real pictures" if recipe.gan_r1 else "",
        "brightness, contrast and place of real and generated pictures changed alike" if recipe.gan_augment else "",
    ]
    changed = [f"{k.replace('_deg', ' (degrees)')} {v:g}" for k, v in encode(recipe.augment).items() if v]
    anew = f"Every training image was changed anew each time: {', '.join(changed)}. " if changed else ""
    if not changed and not recipe.gan_augment:
        anew = "Training images were taken as they are. "
    return (
        f"{recipe.summary}\n\n{OPTIMISERS[recipe.optimiser]}, batches of {recipe.batch_size}, learning rate {recipe.learning_rate:g} "
        f"{_schedule(recipe)}; {', '.join(filter(None, regular)) or 'no regularisation but the model’s own'}. "
        f"{anew}{card.epochs_run} of {recipe.epochs} epochs ran; "
        + (
            "the last was kept. "
            if recipe.criterion == "last"
            else f"epoch {card.best_epoch}, the best on validation by {recipe.criterion}, was kept. "
        )
        + f"{card.minutes:.1f} minutes on {card.hardware}, seed {card.seed}."
    )


def _schedule(recipe: Recipe) -> str:
    return {
        "constant": "throughout",
        "plateau": f"times {recipe.gamma:g} after {recipe.plateau_patience} epochs without a better validation loss",
        "step": f"times {recipe.gamma:g} every {recipe.step_epochs} epochs",
        "exponential": f"falling by {recipe.gamma:g} over {recipe.step_epochs} epochs",
        "cosine": "falling along a cosine",
        "onecycle": "at the top of one cycle",
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
