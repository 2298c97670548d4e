"""Home: what this is, where to begin, a door to every page, and the default model in short."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages import home_doors, home_model, shared
from pneumo import runs
from pneumo.formatting import probability
from pneumo.images import overlays
from pneumo.inference import diagnosis
from pneumo.inference.diagnosis import Heatmap
from pneumo.runs import names
from pneumo.schema import POSITIVE, Diagnosis

GAP_PX, GAP_GREY = 2, 128  # between the two images of the hero, seen on black and on white


@dataclass(frozen=True, eq=False)
class Hero:
    """A generated radiograph as the default model reads it. image: (H, 2 W + gap, 3) uint8, plain and with its heatmap."""

    image: np.ndarray
    result: Diagnosis
    heat: Heatmap


def main() -> None:
    left, right = st.columns(2, gap="large", vertical_alignment="center")
    with left:
        st.title("pneumo")
        st.markdown(
            "#### Neural networks on chest X-rays, explained from the ground up\n"
            "Give it a chest X-ray: a model trained in this project says how likely pneumonia is, shows where it looked, "
            "and says how far to trust it. Every step behind that, from one convolution to networks that generate X-rays, "
            "can be opened and tried."
        )
        st.warning(shared.DISCLAIMER, icon=":material/medical_information:")
        if st.button("Diagnose an X-ray", key="home.diagnose", type="primary", icon=":material/pulmonology:"):
            st.switch_page("pages/clinic/diagnose.py")
    place = right.container()  # filled last: the text is there before an X-ray has been read
    home_doors.show_paths()
    home_doors.show_doors()
    home_model.show_default_model()
    with place:
        show_hero()


@shared.guarded
def show_hero() -> None:
    """A generated radiograph, its heatmap and the result; nothing where there is no network that generates them."""
    if not runs.available("classification") or not shared.generated_examples():
        return
    card = shared.load_card(shared.default_name())
    if card.task != "classification":
        return
    hero = read_hero(card.name)
    if hero is None:
        return
    threshold = card.point().threshold
    st.image(
        hero.image,
        width="stretch",
        alt="Left: a chest X-ray that a network generated. Right: the same with a heatmap. "
        + diagnosis.text_equivalent(hero.result, threshold, hero.heat),
    )
    label, value = diagnosis.label_for(hero.result, threshold), hero.result.probability
    st.markdown(shared.label_html(label), unsafe_allow_html=True)
    st.markdown(f"Probability of pneumonia: **{probability(value)}**")
    st.caption(
        f"This X-ray shows no patient: a GAN generated it. {names.name_of(card)}, the default model, read it; the heatmap shows "
        f"where it found evidence for {hero.heat.class_name}."
    )


@shared.kept_for_run(show_spinner="Reading a synthetic X-ray ...")
def read_hero(folder: str) -> Hero | None:
    """What a run says of the first generated radiograph with pneumonia; None where it says nothing of any."""
    example = next((each for each in shared.generated_examples() if each.label == POSITIVE), None)
    if example is None:
        return None
    run = shared.load_run(folder)
    result = diagnosis.diagnose(run, example.data, example.name, synthetic=True, generated=True)
    if diagnosis.no_result(result):
        return None
    heat = diagnosis.explain(run, result)[diagnosis.leaning(result)]
    pixels = result.radiograph.pixels
    gap = np.full((len(pixels), GAP_PX, 3), GAP_GREY, np.uint8)
    image = np.concatenate([np.stack([pixels] * 3, axis=-1), gap, overlays.overlay(pixels, heat.values)], axis=1)
    return Hero(image, result, heat)


main()
