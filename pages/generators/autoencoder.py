"""Autoencoder: a radiograph compressed to a few numbers and reconstructed, and what can be done with the numbers."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.generators.autoencoder_denoise import show_denoising
from pages.generators.autoencoder_explore import show_exploration
from pages.generators.autoencoder_map import show_map
from pages.generators.autoencoder_ood import show_ood
from pages.generators.autoencoder_reconstruct import show_reconstructions
from pages.generators.autoencoder_runs import known_runs
from pages.generators.autoencoder_sizes import show_code_sizes

SECTIONS = {  # only the open one is computed
    "Reconstruct": show_reconstructions,
    "Code size": show_code_sizes,
    "Explore the code": show_exploration,
    "Map": show_map,
    "Denoise": show_denoising,
    "Out-of-distribution": show_ood,
}
SECTION = "autoencoder.section"


@shared.guarded
def main() -> None:
    st.title("Autoencoder")
    st.caption(
        "An autoencoder reproduces its input through a bottleneck: a few numbers, the **latent code**. What survives the "
        "bottleneck shows what the network has learned about chests. None of these images is a finding."
    )
    names = known_runs()
    shared.keep(SECTION, next(iter(SECTIONS)), SECTIONS)
    section = st.segmented_control("Section", list(SECTIONS), key=SECTION, required=True, label_visibility="collapsed")
    SECTIONS[section](names)


main()
