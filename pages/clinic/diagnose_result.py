"""Diagnose, the result of one file: label, probability, the caveat that matters most, and the threshold."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.clinic import correction, diagnose_bar
from pneumo import formatting
from pneumo.inference import diagnosis
from pneumo.inference.examples import Example
from pneumo.metrics import thresholds
from pneumo.runs import Run
from pneumo.schema import Diagnosis, RunCard

REVEALED = "diagnose.revealed"  # digests of the examples whose label this visitor has looked up
ICONS = {
    "error": ":material/block:",
    "refused": ":material/do_not_disturb_on:",
    "elsewhere": ":material/travel_explore:",
    "image": ":material/warning:",
    "uncertain": ":material/help:",
    "unstable": ":material/swap_horiz:",
    "population": ":material/info:",
}


def show_result(run: Run, file: Example, result: Diagnosis, repeat: int | None) -> float:
    """Returns the threshold, which the table needs too. repeat: the position of the first file with the same image."""
    head = st.container(key="diagnose.head")
    threshold = shared.choose_threshold(run.card, "diagnose", stacked=True)
    st.caption(default_text(run.card))
    with head:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            again = f" (same image as file {repeat + 1})" if repeat is not None else ""
            st.markdown(f"**{shared.plain(file.name)}**{again}", width="content")
            if file.label in (0, 1):
                offer_reveal(file)
        warned = diagnosis.caveat(run.card, result, threshold).code == "elsewhere"
        if warned:  # before the result, which is worth little then
            show_caveat(run, result, threshold)
        if diagnosis.label_for(result, threshold):
            st.markdown(diagnose_bar.verdict(result, threshold), unsafe_allow_html=True)
        if not warned:
            show_caveat(run, result, threshold)
        if diagnosis.can_override(result):
            correction.offer("diagnose", file, result)
            offer_override(file, result)
        correction.offer_undo("diagnose", file)
    return threshold


def show_caveat(run: Run, result: Diagnosis, threshold: float) -> None:
    """The one thing to know first, and in small what else was noticed about the file."""
    first = diagnosis.caveat(run.card, result, threshold)
    stopped = first.code in ("error", "refused") and not diagnosis.can_put_right(result)
    box = st.error if stopped else st.info if first.code == "population" else st.warning
    box(shared.plain(first.message), icon=ICONS[first.code])
    others = [text for text in diagnosis.warnings_of(result) if text != first.message]
    if others:
        st.caption(shared.plain(" ".join(others)))


def offer_override(file: Example, result: Diagnosis) -> None:
    """The choice against the input check; it is seen in the table and written into the CSV."""
    key, digest = f"diagnose.override.{file.digest[:12]}", file.digest
    st.session_state[key] = result.overridden

    def take() -> None:
        (shared.overridden().add if st.session_state[key] else shared.overridden().discard)(digest)

    st.checkbox(
        "Show the result for the image as it is"
        if diagnosis.can_put_right(result)
        else "This is a frontal chest X-ray: show the result anyway",
        key=key,
        on_change=take,
        help="The check may be wrong. Your choice is written into the table and the CSV.",
    )


def offer_reveal(file: Example) -> None:
    """What an example is known to show, after a click."""
    digest, revealed = file.digest, st.session_state.setdefault(REVEALED, set())
    if digest in revealed:
        st.markdown(f"{file.told} **{shared.SYMBOLS[file.label_name]} {file.label_name}**.", width="content")
        return
    st.button(
        "Reveal what it is",
        key=f"diagnose.reveal.{digest[:12]}",
        icon=":material/visibility:",
        type="tertiary",
        on_click=revealed.add,
        args=(digest,),
    )


def default_text(card: RunCard) -> str:
    """Why the default threshold is what it is, and what it costs; all from the card."""
    point = card.point()
    title = thresholds.titles(card.operating_points)[point.name]
    chosen_on = "clean and corrupted validation images" if point.name == "robust" else point.chosen_on
    return (
        f"Default “{title}” ({point.threshold:.3f}), chosen on {chosen_on}. On the clean ones it misses "
        f"{formatting.rate(1 - point.sensitivity)} of {point.n_positive} radiographs with pneumonia and raises a false alarm "
        f"on {formatting.rate(1 - point.specificity)} of {point.n_negative} without.{zone_text(card)}"
    )


def zone_text(card: RunCard) -> str:
    """Where no threshold changes the label."""
    zone = card.indeterminate
    if zone is None:
        return ""
    return f" Between {zone.low:.3f} and {zone.high:.3f} the label is UNCERTAIN wherever the threshold stands."
