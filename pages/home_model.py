"""The default model in short: whom it learned from, how often it is wrong, and what it cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import streamlit as st

from pages import shared
from pneumo.formatting import counted, metric, probability, rate, score, span
from pneumo.inference import dataset_findings, diagnosis
from pneumo.runs import names
from pneumo.runs.evaluations import ADULTS, OFFICIAL
from pneumo.schema import Interval, Metrics, PneumoError, RunCard

NO_BREAK = "\u00a0"
WHOSE = {  # the patients of the tiles
    OFFICIAL: "that the collection sets apart for testing (official test)",
    "test": "from the same source",
    "validation": "on whom its thresholds were chosen",
}


@dataclass(frozen=True)
class Tile:
    """One of the metrics: title, what it means, value with its interval, and the number of radiographs."""

    title: str
    meaning: str
    value: float | None
    ci95: Interval | None
    n: int
    write: Callable[[float | None], str] = rate


def show_default_model() -> None:
    st.subheader("The default model, in short", divider="gray")
    try:
        card = shared.card_with_sets(shared.default_name())
    except PneumoError as error:
        st.error(f"No model can be used: {shared.plain(str(error))}", icon=":material/error:")
        return
    shared.tell_unusable()
    if not card.metrics:
        st.info("No classification model is there to be shown in short.", icon=":material/info:")
        return
    st.markdown(f"##### {names.name_of(card)}")
    show_metrics(card)
    left, right = st.columns([3, 2], gap="large")
    left.markdown("\n".join(f"- {limit}" for limit in card.limits))
    right.markdown(training_in_short(card))
    right.caption(
        f"`{card.name}`, {card.weights.parameters:,} parameters, {card.image.size}{NO_BREAK}×{NO_BREAK}{card.image.size} "
        "pixels"
    )


def show_metrics(card: RunCard) -> None:
    """The lowest first, each with its interval and n."""
    which = next(name for name in (OFFICIAL, "test", "validation") if name in card.metrics)
    metrics = card.metrics[which]
    st.markdown(
        f"**{diagnosis.population(card)}** Measured on {counted(metrics.n, 'radiograph')} of "
        f"{counted(metrics.patients, 'other patient')} {WHOSE[which]}, at the default threshold of "
        f"{probability(metrics.threshold)}:"
    )
    show_tiles(metrics)
    st.caption(" ".join(elsewhere(card)))


def elsewhere(card: RunCard) -> Iterator[str]:
    """What was measured beside the tiles' set: at home, and on adults, where the figure is worst."""
    adults, home = card.metrics.get(ADULTS), card.metrics.get("test")
    if adults:
        yield (
            f"On adults of another hospital the model fails: AUROC {metric(adults, 'auroc')}, n = {adults.n:,}, where 0.5 is "
            "chance."
        )
    if home and OFFICIAL in card.metrics:
        yield (
            f"On {home.n:,} radiographs kept back from its own training data: sensitivity {metric(home, 'sensitivity')}, "
            f"specificity {metric(home, 'specificity')}, AUROC {metric(home, 'auroc')}."
        )


def show_tiles(metrics: Metrics) -> None:
    shown = tiles(metrics)
    for column, tile in zip(st.columns(len(shown)), shown, strict=True):
        with column, st.container(border=True, height="stretch", gap="xsmall"):
            st.metric(tile.title, tile.write(tile.value), help=tile.meaning)
            interval = f"95% CI {span(tile.ci95, tile.write)}, " if tile.ci95 else ""
            st.caption(f"{interval}n = {tile.n:,}".replace("n = ", f"n{NO_BREAK}={NO_BREAK}"))


def tiles(metrics: Metrics) -> list[Tile]:
    """Sensitivity, also to the kind of pneumonia that is missed most often, specificity and AUROC; the lowest first."""
    cells, ends = metrics.confusion, metrics.ci95
    positive, negative = cells["tp"] + cells["fn"], cells["tn"] + cells["fp"]
    result = [
        Tile(
            "Sensitivity",
            "Share of the radiographs with pneumonia that the model calls PNEUMONIA.",
            metrics.sensitivity,
            ends.get("sensitivity"),
            positive,
        ),
        Tile(
            "Specificity",
            "Share of the radiographs without pneumonia that the model calls NORMAL.",
            metrics.specificity,
            ends.get("specificity"),
            negative,
        ),
        Tile(
            "AUROC",
            "Of two radiographs, one with pneumonia and one without: how often the first gets the higher probability. 0.5 is "
            "chance.",
            metrics.auroc,
            ends.get("auroc"),
            metrics.n,
            score,
        ),
    ]
    kinds = [group for group in metrics.subgroups if group.rate == "sensitivity"]
    if kinds:
        worst = min(kinds, key=lambda group: group.value)
        kind = dataset_findings.KINDS.get(worst.name, worst.name).removesuffix(" pneumonia")  # the tile is narrow
        meaning = "The sensitivity to the kind of pneumonia that the model misses most often."
        result.append(Tile(f"Sensitivity, {kind}", meaning, worst.value, worst.ci95, worst.n))
    return sorted((tile for tile in result if tile.value is not None), key=lambda tile: tile.value)


def training_in_short(card: RunCard) -> str:
    """On what and how long a model was trained; what its time leaves out is named."""
    images, patients = card.data.counts["train"], card.data.patients["train"]
    text = (
        f"Trained on {shared.class_count(images)} radiographs of {counted(patients, 'patient')} in {_minutes(card.minutes)} "
        f"({card.hardware.split(',')[0]})"
    )
    before = card.recipe.pretrained
    if before == "none":
        return f"{text}."
    if before == "imagenet":
        return f"{text}, starting from weights trained on ImageNet."
    try:
        time = f"trained in {_minutes(shared.load_card(before).minutes)}"
    except PneumoError:  # it need not be shipped
        time = "whose own training time is not included"
    return f"{text}, starting from another network (`{before}`), {time}."


def _minutes(value: float) -> str:
    return "less than a minute" if value < 1 else counted(round(value), "minute")
