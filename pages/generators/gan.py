"""GAN: synthetic radiographs, how the generator learned to make them, how good they are, and a game."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.generators.gan_game import show_game
from pages.generators.gan_quality import show_quality
from pages.generators.gan_samples import show_samples
from pages.generators.gan_training import show_training
from pneumo import runs
from pneumo.runs import Run

SECTIONS = {  # only the open one is computed
    "Samples": show_samples,
    "Training": show_training,
    "Quality": show_quality,
    "Real or generated?": show_game,
}
SECTION, RUN = "gan.section", "gan.run"


@shared.guarded
def main() -> None:
    st.title("GAN")
    st.caption(
        "A generator makes synthetic radiographs from noise. A discriminator learns to tell them from real ones, and each learns from "
        "the other. **None of these images is a finding**: they show nobody, and a shadow in them means nothing."
    )
    run = choose_run()
    shared.keep(SECTION, next(iter(SECTIONS)), SECTIONS)
    section = st.segmented_control("Section", list(SECTIONS), key=SECTION, required=True, label_visibility="collapsed")
    SECTIONS[section](run)


def choose_run() -> Run:
    """A run of a GAN, the finest first; stops the page where there is none."""
    known = runs.available("gan")
    if not known:
        st.info(
            "There is no trained GAN in the weights folder yet. Two epochs on phantoms take a minute: "
            "`python -m pneumo train conv_gan epochs=2 image_size=32 --out weights/conv_gan`"
        )
        shared.tell_unusable()
        st.stop()
    known.sort(key=lambda name: (-shared.load_card(name).image.size, name))
    return shared.pick_loaded(RUN, known, width=400)


main()
