"""Model cards: what a run is, how it was made, how often it is right and what it must not be used for."""

import streamlit as st

from pages import shared
from pneumo import runs
from pneumo.generators import latent, quality
from pneumo.inference import input_check
from pneumo.runs import model_card
from pneumo.runs.model_card import Section
from pneumo.schema import PneumoError, RunCard

TILES = (
    ("AUROC", "auroc"),
    ("Sensitivity", "sensitivity"),
    ("Specificity", "specificity"),
    ("Calibration error", "ece"),
)


def show_metrics(card: RunCard) -> None:
    """What a classifier reached, on the most honest set there is."""
    split = "test" if "test" in card.metrics else next(iter(card.metrics))
    metrics = card.metrics[split]
    for column, (title, name) in zip(st.columns(len(TILES)), TILES, strict=True):
        value, interval = getattr(metrics, name), metrics.ci95.get(name)
        column.metric(title, "–" if value is None else f"{value:.3f}", border=True)
        if interval:
            column.caption(f"95%: {interval.low:.3f} to {interval.high:.3f}")
    st.caption(
        f"n = {metrics.n:,} radiographs of {metrics.patients:,} patients ({card.name}, {model_card.SPLITS.get(split, split).lower()})."
    )


def measured_sections(card: RunCard) -> list[Section]:
    """What was measured beside a card: a GAN's samples, an autoencoder's reconstructions, the gate before a classifier.
    A file that cannot be read is said here and spoils no card."""
    result = []
    for look, at in (
        (quality.card_sections, runs.resolve(card.name)),
        (latent.card_sections, runs.resolve(card.name)),
        (input_check.card_sections, card),
    ):
        try:
            result += look(at)
        except PneumoError as error:
            st.warning(shared.plain(str(error)), icon=":material/error:")
    return result


st.title("Model cards")
card = shared.pick_card("cards.run")
more = measured_sections(card)
st.download_button(
    "Model card (Markdown)",
    model_card.markdown(card, more),
    f"{card.name}-card.md",
    "text/markdown",
    key="cards.download",
    icon=":material/download:",
    on_click="ignore",
    help="With the front matter that the Hugging Face hub reads; nothing is sent anywhere.",
)

st.header(card.name, divider="gray")
st.markdown(model_card.summary(card))
if card.metrics:
    show_metrics(card)

for section in model_card.sections(card, more):
    if section.folded:
        with st.expander(section.title):
            st.markdown(section.text)
    else:
        st.subheader(section.title)
        st.markdown(section.text)
