"""An ensemble run: the mean of its members' calibrated probabilities, measured like any other run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pneumo import data, runs
from pneumo.formatting import listed
from pneumo.runs import forward
from pneumo.schema import CLASS_NAMES, ImageSpec, PneumoError, RunCard, WeightsInfo
from pneumo.training import measurement
from pneumo.training.session import check_free, only_writer, versions

MOST_MEMBERS = 32  # every one of them is in memory


def make_ensemble(
    names: Sequence[str], source: str, folder: Path, progress: Callable[[int, int], None] | None = None
) -> RunCard:
    """Measures the members together on their common validation and internal test patients and saves the run in `folder`.

    Thresholds are chosen on validation, as for a single run. Raises PneumoError where the members were not trained on the
    same split of the same source, or see grey values differently.
    """
    with only_writer(folder):
        return _make(names, source, folder, progress)


def _make(names: Sequence[str], source: str, folder: Path, progress: Callable[[int, int], None] | None) -> RunCard:
    """As `make_ensemble`, in a folder that nobody else writes to."""
    check_free(folder)
    if len(names) > MOST_MEMBERS:
        raise PneumoError(f"{len(names)} runs were named; expected 2 to {MOST_MEMBERS}")
    members = [runs.load(name, "classification") for name in names]
    _check_alike(members)
    card = _card(members, folder.name)
    own = data.open_as_trained(card, source, progress)
    run = runs.Run(card, folder, runs.ensemble_of(members))
    splits = measurement.measured_splits(own.splits)
    logits = {name: forward.logits(run, own.resized, rows=rows) for name, rows in splits.items()}
    measured = measurement.measure(own.dataset, splits, logits)
    card = replace(
        card,
        metrics=measured.metrics,
        operating_points=measured.points,
        default_point=measured.points[0].name,
        indeterminate=measured.indeterminate,
    )
    runs.save(folder, card, None, [], measured.predictions)
    return card


def _card(members: Sequence[runs.Run], name: str) -> RunCard:
    """The card of an ensemble before it is measured: the first member's, as far as all are alike. It sees images at the
    largest size among the members."""
    cards = [member.card for member in members]
    first, digests = cards[0], {card.name: card.weights.sha256 for card in cards}
    size = max(card.image.size for card in cards)
    return replace(
        first,
        name=name,
        model="ensemble",
        model_args={},
        image=ImageSpec(size=size, mean=(0.0,), std=(1.0,), intensity=first.image.intensity),
        recipe=replace(
            first.recipe,
            name="ensemble",
            summary=f"The mean of the calibrated probabilities of {listed(list(digests))}.",
        ),
        metrics={},
        operating_points=(),
        default_point="",
        indeterminate=None,
        temperature=1.0,
        bias=0.0,
        best_epoch=0,
        epochs_run=0,
        versions=versions(),
        class_names=CLASS_NAMES,
        minutes=round(sum(card.minutes for card in cards), 2),
        weights=WeightsInfo(
            sha256=hashlib.sha256("".join(digests.values()).encode()).hexdigest(),
            size_bytes=sum(card.weights.size_bytes for card in cards),
            parameters=sum(card.weights.parameters for card in cards),
        ),
        members=digests,
    )


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
