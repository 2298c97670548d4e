"""Results: how good the models are, in five tabs, from the files they left behind. Each tab is a module beside this one."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.evidence import results_accuracy, results_calibration, results_robustness, results_training, results_travel
from pages.evidence.results_common import Chosen
from pneumo.runs.names import name_of

TABS = {
    "Accuracy": results_accuracy.show,
    "How far does it travel?": results_travel.show,
    "Calibration": results_calibration.show,
    "Robustness": results_robustness.show,
    "Training": results_training.show,
}


@shared.guarded
def main() -> None:
    st.title("Results")
    st.caption(
        "All metrics of our models are computed from their saved predictions and measurements. Published results, named by their source, "
        "are from the literature."
    )
    show_tabs(choose())


def choose() -> Chosen:
    """The runs to look at; the default one until the visitor chooses others."""
    known = shared.classifiers()
    cards = {name: shared.card_with_sets(name) for name in known}
    if not set(shared.keep("results.runs", known[:1])) <= set(known):  # a run that is no longer there
        st.session_state["results.runs"] = known[:1]
    names = st.multiselect(
        "Models",
        known,
        format_func=lambda name: name_of(cards[name]),
        key="results.runs",
        help="The conclusions are about the first one; charts and tables show all of them.",
    )
    shared.tell_unusable()
    shared.tell_sets(names)
    if not names:
        st.info("Choose one model or more.")
        st.stop()
    return Chosen(tuple(names), cards)


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
