"""The Robustness tab of Results: what a run loses on corrupted images, and what its features know of a file's origin."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.evidence.results_common import NO_BAR, Chosen, conclude, table
from pneumo import plots
from pneumo.inference.robustness import Robustness
from pneumo.metrics import conclusions
from pneumo.schema import PneumoError, RunCard

METRICS = {"specificity": "Specificity", "sensitivity": "Sensitivity", "auroc_lost": "AUROC lost"}
COLUMNS = 2  # charts beside each other; more leave no room for the numbers in their cells


@shared.guarded
def show(chosen: Chosen) -> None:
    measured = _measured(chosen)
    if not measured:
        st.info("Not measured for these models. To measure it: `python -m pneumo robustness RUN --data FOLDER`.")
        return
    name, first = next(iter(measured.items()))
    conclude(
        conclusions.robust(chosen.bold(name), first.rows, plots.CORRUPTION_TITLES, first.threshold),
        conclusions.withstood(first.rows, plots.CORRUPTION_TITLES),
        f"Measured on {first.n:,} {first.split} images of {first.patients:,} patients (run {shared.plain(name)}). "
        + threshold_text(first.threshold, chosen.cards[name]),
    )
    show_corruptions(chosen, measured)
    show_origin(chosen, measured)


def threshold_text(threshold: float, card: RunCard) -> str:
    """At which threshold the rates were measured, where that is not today's default."""
    default = card.point().threshold
    if abs(threshold - default) < 5e-4:
        return "Rates are at the default threshold."
    why = ", chosen from these measurements" if card.default_point == "robust" else ""
    return f"Rates are at {threshold:.3f}, the default when this was measured. Today's is {default:.3f}{why}."


def _measured(chosen: Chosen) -> dict[str, Robustness]:
    """By run. A file that cannot be read is said and leaves the others."""
    result = {}
    for name in chosen.names:
        try:
            measured = shared.load_robustness(name)
        except PneumoError as error:
            st.error(shared.plain(str(error)), icon=":material/error:")
            continue
        if measured:
            result[name] = measured
    return result


@st.fragment
@shared.guarded
def show_corruptions(chosen: Chosen, measured: dict[str, Robustness]) -> None:
    """A chart a run: every corruption in three severities."""
    st.subheader("Corrupted images", divider="gray")
    shared.keep("results.corrupted", "specificity", METRICS)
    metric = st.segmented_control("Show", METRICS, format_func=METRICS.get, key="results.corrupted", required=True)
    names = list(measured)
    for start in range(0, len(names), COLUMNS):
        row = names[start : start + COLUMNS]
        for column, name in zip(st.columns(min(COLUMNS, len(names)), gap="medium"), row, strict=False):
            each = measured[name]
            column.markdown(chosen.bold(name))
            column.caption(f"{each.n:,} {each.split} images, run {shared.plain(name)}")
            column.plotly_chart(
                plots.robustness_map(each.rows, metric),
                key=f"results.corrupted.{name}",
                config=NO_BAR,
                alt=f"{METRICS[metric]} under each corruption. "
                + conclusions.robust(chosen.title(name), each.rows, plots.CORRUPTION_TITLES, each.threshold),
            )
    st.caption(
        "The brighter a cell, the worse. Sensitivity and specificity are at one threshold, which does not "
        "move: a model can still rank radiographs well and yet call every one of them PNEUMONIA."
    )


def show_origin(chosen: Chosen, measured: dict[str, Robustness]) -> None:
    """Whether a linear probe on the features tells where a file came from."""
    rows = [
        {
            "model": chosen.title(name),
            "n": each.family_probe.n,
            "features": each.family_probe.auroc,
            "greys": each.family_probe.baseline,
            "run": name,
        }
        for name, each in measured.items()
        if each.family_probe
    ]
    if not rows:
        return
    st.subheader("Can the model tell where a file came from?", divider="gray")
    table(rows, "results.probe", {"features": "AUROC from features", "greys": "AUROC from grey levels"})
    st.caption(
        "AUROC of a linear probe that tells NORMAL files named IM- from those named NORMAL2-, five folds over patients. At 0.5 "
        "the features say nothing about the origin of a file; what they say above that can serve as a shortcut."
    )
