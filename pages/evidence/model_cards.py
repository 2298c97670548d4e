"""Model cards: what a run is, how it was made, how good it is, and what it must not be used for."""

import re

import streamlit as st

from pages import shared
from pneumo import runs
from pneumo.formatting import counted, rate, score, span
from pneumo.generators import latent_report, quality_report
from pneumo.inference import heatmap_report, input_check_report
from pneumo.runs import character_report, model_card
from pneumo.runs.evaluations import in_order, title_of
from pneumo.runs.model_card import Section
from pneumo.runs.names import name_of
from pneumo.schema import PneumoError, RunCard

TILES = (
    ("Sensitivity", "sensitivity", rate),
    ("Specificity", "specificity", rate),
    ("AUROC", "auroc", score),
    ("Calibration error", "ece", score),
)
FENCED = re.compile(r"```\w*\n(.*?)\n```", re.DOTALL)  # a block of code in Markdown; the group is the code


@shared.guarded
def main() -> None:
    st.title("Model cards")
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        card = shared.card_with_sets(shared.pick_card("cards.run").name)
    more = measured_sections(card)
    right.download_button(
        "Download (Markdown)",
        model_card.markdown(card, more),
        f"{card.name}-card.md",
        "text/markdown",
        key="cards.download",
        icon=":material/download:",
        on_click="ignore",
        help="With the metadata that the Hugging Face hub reads. Nothing is sent anywhere.",
        width="stretch",
    )
    st.header(name_of(card), divider="gray")
    st.caption(f"Run {shared.plain(card.name)}")
    shared.tell_sets([card.name])
    st.markdown(model_card.summary(card, more))
    if card.metrics:
        show_metrics(card)
    show_sections(model_card.sections(card, more))


def measured_sections(card: RunCard) -> list[Section]:
    """What was measured beside a card: a GAN's samples, an autoencoder's reconstructions, a classifier's input check.
    A file that cannot be read is named here, and the cards go on."""
    result = []
    for look, at in (
        (character_report.card_sections, runs.resolve(card.name)),
        (quality_report.card_sections, runs.resolve(card.name)),
        (latent_report.card_sections, runs.resolve(card.name)),
        (input_check_report.card_sections, card),
        (heatmap_report.card_sections, runs.resolve(card.name)),
    ):
        try:
            result += look(at)
        except PneumoError as error:
            st.warning(shared.plain(str(error)), icon=":material/error:")
    return result


def show_metrics(card: RunCard) -> None:
    """What a classifier reached, on the most honest set there is."""
    split = in_order(card.metrics)[0]
    metrics = card.metrics[split]
    with st.container(horizontal=True):
        for title, name, write in TILES:
            interval = span(metrics.ci95.get(name), write) or None
            value = write(getattr(metrics, name))
            st.metric(title, value, interval, delta_color="off", delta_arrow="off", width=170)
    st.caption(
        f"{counted(metrics.n, 'radiograph')} of {counted(metrics.patients, 'patient')} "
        f"({title_of(split).lower()}, run {shared.plain(card.name)}) at the default threshold, with 95% intervals."
    )


def show_sections(sections: list[Section]) -> None:
    """A contents of jump links, then every section; details folded."""
    anchors = {section.title: re.sub(r"\W+", "-", section.title.lower()).strip("-") for section in sections}
    st.markdown("**Contents:** " + " · ".join(f"[{shared.plain(title)}](#{name})" for title, name in anchors.items()))
    for section in sections:
        st.subheader(section.title, anchor=anchors[section.title])
        if section.folded:
            with st.expander("Show details"):
                show_text(section.text)
        else:
            show_text(section.text)


def show_text(text: str) -> None:
    """Markdown whose code wraps, so that nobody has to scroll sideways for a command."""
    for number, part in enumerate(FENCED.split(text)):
        if part.strip():
            if number % 2:  # what the pattern's group took
                st.code(part, language=None, wrap_lines=True)
            else:
                st.markdown(part)


main()
