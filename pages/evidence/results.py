"""Results: how good the models are, in four tabs, from the files they left behind. Each tab is a module beside this one."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.evidence import results_accuracy, results_calibration, results_robustness, results_training
from pages.evidence.results_common import SPLITS, Chosen
from pneumo.runs.names import name_of

TABS = {
    "Accuracy": results_accuracy.show,
    "Calibration": results_calibration.show,
    "Robustness": results_robustness.show,
    "Training": results_training.show,
}
NOTES = {
    "test": "Patients held out of training and of every choice. They come from the same source as the training patients.",
    "validation": "Weights, calibration and thresholds were chosen on these patients, so these metrics are optimistic.",
    "left_out": "A cluster of images that was kept out of training.",
}


@shared.guarded
def main() -> None:
    st.title("Results")
    st.caption(
        "All metrics of our models are computed from their saved predictions and measurements. The table of published "
        "results is from the literature."
    )
    show_tabs(choose())


def choose() -> Chosen:
    """The runs, the default one first, and the patients to look at."""
    known = shared.classifiers()
    cards = {name: shared.load_card(name) for name in known}
    left, right = st.columns([3, 2], gap="large")
    if not set(shared.keep("results.runs", known[:1])) <= set(known):  # a run that is no longer there
        st.session_state["results.runs"] = known[:1]
    names = left.multiselect(
        "Models",
        known,
        format_func=lambda name: name_of(cards[name]),
        key="results.runs",
        help="The conclusions are about the first one; charts and tables show all of them.",
    )
    if not names:
        st.info("Choose one model or more.")
        st.stop()
    splits = [split for split in SPLITS if any(split in cards[name].metrics for name in names)]
    shared.keep("results.patients", splits[0], splits)
    split = right.segmented_control("Patients", splits, format_func=SPLITS.get, key="results.patients", required=True)
    right.caption(NOTES[split])
    return Chosen(tuple(names), cards, split)


@st.fragment
@shared.guarded
def show_tabs(chosen: Chosen) -> None:
    """Only the open tab is computed."""
    shared.keep("results.tab", next(iter(TABS)), TABS)
    for tab, show in zip(st.tabs(list(TABS), key="results.tab", on_change="rerun"), TABS.values(), strict=True):
        if tab.open:
            with tab:
                show(chosen)


main()
