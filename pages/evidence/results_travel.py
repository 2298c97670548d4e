"""The tab of Results that asks how far a run travels: the same metrics at home, on other children, and on adults elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages import shared
from pages.evidence.results_common import NO_BAR, Chosen, conclude, note_of, table
from pages.evidence.results_recalibrate import show_recalibration
from pneumo import plots, runs
from pneumo.formatting import METRICS, metric
from pneumo.metrics import conclusions
from pneumo.runs.evaluations import ADULTS, OFFICIAL, in_order, title_of
from pneumo.runs.names import name_of
from pneumo.schema import Interval, Metrics, RunCard

SHOWN = ("auroc", "sensitivity", "specificity", "accuracy", "ece")
HOME = "test"
BESIDE = (OFFICIAL, ADULTS, HOME)  # the least flattering columns that everybody has, then the run's own hospital
PLACES = {HOME: "internal", OFFICIAL: "official", ADULTS: "adults"}


@shared.guarded
def show(chosen: Chosen) -> None:
    cards = measured_cards()
    name = chosen.names[0]
    sets = in_order({split for card in cards.values() for split in card.metrics} - {"validation", "left_out"})
    if not any(which in card.metrics for card in cards.values() for which in sets if which != HOME):
        st.info("No model was measured away from home yet: `python -m pneumo evaluate RUN --data FOLDER --save NAME`.")
    else:
        show_conclusion(chosen, name, sets)
        show_beside(cards, sets)
    show_why()
    show_recalibration(chosen)


def measured_cards() -> dict[str, RunCard]:
    """Every classifier of people, best AUROC on the official test first, by name."""
    cards = [shared.card_with_sets(name) for name in runs.available("classification")]
    cards = [card for card in cards if not card.data.source.startswith("phantom")]
    return {card.name: card for card in sorted(cards, key=_rank)}


def _rank(card: RunCard) -> tuple[bool, float, str]:
    metrics = card.metrics.get(OFFICIAL)
    return (metrics is None, -(metrics.auroc or 0) if metrics else 0.0, card.name)


def show_conclusion(chosen: Chosen, name: str, sets: list[str]) -> None:
    """The first chosen run in a sentence or two, and what each set is."""
    metrics = chosen.cards[name].metrics
    conclude(
        conclusions.travels(chosen.bold(name), metrics.get(HOME), metrics.get(OFFICIAL), metrics.get(ADULTS)),
        *(f"**{title_of(which)}:** {note_of(which)}" for which in sets),
    )


@st.fragment
@shared.guarded
def show_beside(cards: Mapping[str, RunCard], sets: list[str]) -> None:
    """One metric of every run on every set: a chart, and the same as numbers."""
    st.subheader("Every model, at home and elsewhere", divider="gray")
    shared.keep("results.travel", SHOWN[0], SHOWN)
    name = st.segmented_control(
        "Show", SHOWN, format_func=lambda field: METRICS[field][0], key="results.travel", required=True
    )
    title = METRICS[name][0]
    st.plotly_chart(
        plots.travel(values_of(cards, sets, name), [title_of(which) for which in sets], title, chance=name == "auroc"),
        key="results.travel.chart",
        config=NO_BAR,
        alt=f"{title} of every model on each set, with 95% intervals. The table below gives the numbers.",
    )
    rows = [
        {"model": name_of(card)}
        | {which: metric(card.metrics[which], name) if which in card.metrics else None for which in sets}
        | {"run": card.name}
        for card in cards.values()
    ]
    sizes = {which: next(card.metrics[which] for card in cards.values() if which in card.metrics) for which in sets}
    table(rows, "results.travel.table", {which: _column_title(which, sizes[which]) for which in sets})
    st.caption(
        "Each model at its default threshold; in brackets 95% intervals, none for the calibration error. "
        + ("The lower the calibration error, the better. " if name == "ece" else "")
        + "At home the models look the same; elsewhere they do not."
    )


def _column_title(which: str, metrics: Metrics) -> str:
    return f"{title_of(which)} (n = {metrics.n:,})"


def values_of(
    cards: Mapping[str, RunCard], sets: list[str], name: str
) -> dict[str, dict[str, tuple[float, Interval | None]]]:
    """One field of Metrics with its interval, by the run's and the set's names for people."""
    return {
        name_of(card): {
            title_of(which): (getattr(metrics, name), metrics.ci95.get(name))
            for which in sets
            if (metrics := card.metrics.get(which)) and getattr(metrics, name) is not None
        }
        for card in cards.values()
    }


def show_why() -> None:
    """What differs between the sets, folded."""
    with st.expander("Why is it worse elsewhere?", icon=":material/help:"):
        st.markdown(conclusions.WHY_ELSEWHERE)
