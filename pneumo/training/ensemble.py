"""An ensemble run: the mean of its members' calibrated probabilities, measured like any other run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pneumo import data, models, runs
from pneumo.images import transforms
from pneumo.metrics import calibration, classification, thresholds
from pneumo.schema import CLASS_NAMES, ImageSpec, PneumoError, Predictions, RunCard, WeightsInfo
from pneumo.training.session import check_free, versions

BATCH = 64


def make_ensemble(
    names: Sequence[str], source: str, folder: Path, progress: Callable[[int, int], None] | None = None
) -> RunCard:
    """Measures the members together on their common validation and internal test patients and saves the run in `folder`.

    Thresholds are chosen on validation, as for a single run. Raises PneumoError where the members were not trained on the
    same split of the same source, or see grey values differently.
    """
    check_free(folder)
    members = [runs.load(name, "classification") for name in names]
    _check_alike(members)
    first = members[0].card
    dataset = data.open_source(source)
    splits = data.split_patients(dataset, first.recipe.data)
    if data.split_digest(dataset, splits) != first.data.split_digest:
        raise PneumoError(f"{source} is not the data set {first.name!r} was trained on (its split has another digest)")
    size = max(member.card.image.size for member in members)
    image = ImageSpec(size=size, mean=(0.0,), std=(1.0,), intensity=first.image.intensity)
    model = runs.ensemble_of(members)
    resized = data.resized(dataset, image, progress)
    names_of_splits = [split for split in ("validation", "test") if len(splits[split])]
    rows = [(i, split) for split in names_of_splits for i in splits[split] if i not in resized.errors]
    logits = _logits(model, resized.array, np.array([i for i, _ in rows]), image)
    items = [dataset.items[i] for i, _ in rows]
    predictions = Predictions(
        names=np.array([item.name for item in items]),
        splits=np.array([split for _, split in rows]),
        patients=np.array([item.patient for item in items]),
        labels=np.array([item.label for item in items], dtype=np.int64),
        subtypes=np.array([item.subtype for item in items]),
        logits=logits,
        probabilities=calibration.calibrated(logits),
    )
    validation = predictions.split("validation")
    points = thresholds.operating_points(validation.labels, validation.probabilities)
    digests = {member.card.name: member.card.weights.sha256 for member in members}
    card = replace(
        first,
        name=folder.name,
        model="ensemble",
        model_args={},
        image=image,
        recipe=replace(
            first.recipe, name="ensemble", summary=f"Mean of calibrated probabilities: {', '.join(digests)}."
        ),
        metrics=classification.measure(predictions, points[0].threshold),
        operating_points=points,
        default_point=points[0].name,
        indeterminate=thresholds.indeterminate_band(validation.labels, validation.probabilities),
        temperature=1.0,
        bias=0.0,
        best_epoch=0,
        epochs_run=0,
        versions=versions(),
        class_names=CLASS_NAMES,
        minutes=round(sum(member.card.minutes for member in members), 2),
        weights=WeightsInfo(
            sha256=hashlib.sha256("".join(digests.values()).encode()).hexdigest(),
            size_bytes=sum(member.card.weights.size_bytes for member in members),
            parameters=models.count_parameters(model),
        ),
        members=digests,
    )
    runs.save(folder, card, None, [], predictions)
    return card


def _check_alike(members: Sequence[runs.Run]) -> None:
    if len(members) < 2:
        raise PneumoError("an ensemble needs two runs or more")
    names = [member.card.name for member in members]
    if len(set(names)) < len(names):
        raise PneumoError(f"every member counts once; got {', '.join(names)}")
    for member in members:
        if member.card.task != "classification" or member.members:
            raise PneumoError(f"run {member.card.name!r} is no single classifier; choose others")
        for what, of in (
            ("split", lambda card: card.data.split_digest),
            ("grey values", lambda card: (card.image.intensity, card.image.interpolation)),
        ):
            if of(member.card) != of(members[0].card):
                raise PneumoError(
                    f"runs {names[0]!r} and {member.card.name!r} differ in their {what}; train them alike"
                )


def _logits(model: torch.nn.Module, resized: np.ndarray, indices: np.ndarray, image: ImageSpec) -> np.ndarray:
    """(len(indices),) float64."""
    result = []
    for start in range(0, len(indices), BATCH):
        planes = transforms.normalise(torch.from_numpy(resized[indices[start : start + BATCH]]), image)
        with torch.inference_mode():
            result.append(model(planes)[:, 0].double().numpy())
    return np.concatenate(result)
