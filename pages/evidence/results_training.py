"""The Training tab of Results: metrics by epoch, and the tables that experiments left."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.evidence.results_common import NO_BAR, Chosen, conclude, table
from pneumo import plots
from pneumo.formatting import listed
from pneumo.metrics import conclusions
from pneumo.runs import experiment_tables
from pneumo.schema import PneumoError

METRICS = {
    "loss": "Loss",
    "auroc": "AUROC",
    "accuracy": "Accuracy",
    "recall": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
}


@shared.guarded
def show(chosen: Chosen) -> None:
    histories = _histories(chosen)
    if histories:
        name = next(iter(histories))
        card = chosen.cards[name]
        conclude(
            conclusions.trained(chosen.bold(name), histories[name], card.best_epoch),
            f"Trained for {shared.plain(conclusions.effort(card))} The epoch was chosen on these validation patients, so their "
            f"metrics are optimistic (run {shared.plain(name)}).",
        )
        show_curves(chosen, histories)
    else:
        st.info("An ensemble is not trained itself; choose one of its members to see its training.")
    show_experiments()


def _histories(chosen: Chosen) -> dict[str, list[dict[str, float]]]:
    """By run. A file that cannot be read is said and leaves the others."""
    result = {}
    for name in chosen.names:
        try:
            rows = shared.load_history(name)
        except PneumoError as error:
            st.error(shared.plain(str(error)), icon=":material/error:")
            continue
        if rows:
            result[name] = rows
    return result


@st.fragment
@shared.guarded
def show_curves(chosen: Chosen, histories: dict[str, list[dict[str, float]]]) -> None:
    """One metric by epoch, runs overlaid."""
    st.subheader("How they were trained", divider="gray")
    shared.keep("results.metric", "loss", METRICS)
    shared.keep("results.log", False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = st.selectbox("Metric", METRICS, format_func=METRICS.get, key="results.metric", width=220)
        log_scale = st.toggle("Log scale", key="results.log")
    titled = {chosen.title(name): rows for name, rows in histories.items()}
    best = {chosen.title(name): chosen.cards[name].best_epoch for name in histories}
    st.plotly_chart(
        plots.histories(titled, best, metric, log_scale, METRICS[metric]),
        key="results.curves",
        config=NO_BAR,
        alt=f"{METRICS[metric]} of {listed(list(titled))} by epoch, on training and validation images.",
    )
    st.caption(
        "Solid: validation. Dotted: as many fixed training images. Both without augmentation and in evaluation mode."
    )
    for name in list(histories)[1:]:  # the conclusion has said it of the first
        st.caption(shared.plain(f"{chosen.title(name)}: {conclusions.effort(chosen.cards[name])}"))


@st.fragment
@shared.guarded
def show_experiments() -> None:
    """One of the tables that experiments left: label efficiency, folds, clusters left out."""
    names = experiment_tables.available()
    if not names:
        return
    st.subheader("Experiments", divider="gray")
    tables, damaged = shared.those_that_work(names, experiment_tables.read)
    for reason in damaged.values():
        st.warning(shared.plain(reason), icon=":material/heart_broken:")
    names = list(tables)
    if not names:
        return
    shared.keep("results.experiment", names[0], names)
    name = st.selectbox("Experiment", names, format_func=lambda each: tables[each].title, key="results.experiment")
    each = tables[name]
    if each.kind == "labels":
        st.plotly_chart(
            plots.label_efficiency(each.rows),
            key=f"results.experiment.{name}",
            config=NO_BAR,
            alt=f"{each.title} AUROC against the share of labelled training patients.",
        )
    else:
        table(each.rows, f"results.experiment.{name}")
    st.caption(each.note)
