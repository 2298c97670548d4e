"""Diagnose, the radiograph with its heatmap. The former image stands until the new one is there."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pages.clinic import diagnose_reading as reading
from pneumo.images import overlays, sheets
from pneumo.inference import diagnosis
from pneumo.inference.diagnosis import Heatmap
from pneumo.inference.examples import Example
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, Diagnosis

OFF = "Off"
HEAT, HEAT_OF = "diagnose.heat", "diagnose.heat_of"
PAINTED = "diagnose.painted"  # (what was asked for, JPEG bytes): a moved threshold paints nothing again
VIEW = {  # how the image is shown, and what it starts with
    "diagnose.opacity": 0.6,
    "diagnose.floor": 0.15,
    "diagnose.invert": False,
    "diagnose.seen": False,
    "diagnose.window": (0, 255),
}
TAUGHT, TAUGHT_TITLE = "diagnose.taught", "Grad-CAM"


@st.fragment
@shared.guarded
def show_image(run: Run, file: Example, result: Diagnosis, threshold: float) -> None:
    """The image on top, its controls below."""
    slot = st.container(key="diagnose.image")
    caption = st.container()
    shared.keep_all(VIEW | {TAUGHT: False})
    if not reading.default_heatmap(run.card.name)[1]:
        st.session_state[TAUGHT] = False  # it is the only one there is
    target = (
        choose_view(run, file, result) if diagnosis.label_for(result, threshold) else OFF
    )  # of no result there is no evidence
    if target == OFF:
        draw(slot, file, result, None, diagnosis.text_equivalent(result, threshold))
        caption.caption(size_text(run, result))
        return
    taught, first = st.session_state[TAUGHT], None
    if not reading.has_heatmaps(run, file, taught):  # the radiograph is there at once, the heatmap when it is computed
        first = draw(slot, file, result, None, diagnosis.text_equivalent(result, threshold))
    heat = reading.heatmaps_of(run, file, result, taught)[target]
    draw(first or slot, file, result, heat, diagnosis.text_equivalent(result, threshold, heat))
    caption.caption(heat_text(heat, TAUGHT_TITLE if taught else reading.default_heatmap(run.card.name)[0]))


def choose_view(run: Run, file: Example, result: Diagnosis) -> str:
    """Which class the heatmap is for, and how the image is shown. A newly opened file starts with the class it was given."""
    of = file.digest, diagnosis.leaning(result)  # by content: another file may have the same name
    if st.session_state.get(HEAT_OF) != of:
        st.session_state[HEAT_OF] = of
        if st.session_state.get(HEAT) != OFF:
            st.session_state[HEAT] = diagnosis.leaning(result)
    shared.keep(HEAT, diagnosis.leaning(result), (*CLASS_NAMES, OFF))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        target = st.segmented_control(
            "Heatmap: evidence for",
            [*CLASS_NAMES[::-1], OFF],
            format_func=lambda name: f"{shared.SYMBOLS.get(name, '')} {name}".strip(),
            key=HEAT,
            required=True,
        )
        if reading.default_heatmap(run.card.name)[1]:
            st.toggle("Grad-CAM as taught", key=TAUGHT, help="Coarser: weighted by mean gradients at the last layer.")
        with st.popover("View", icon=":material/tune:"):
            st.caption("Colours are relative to the strongest evidence in this image.")
            st.slider("Opacity of the heatmap", 0.0, 1.0, step=0.05, key="diagnose.opacity")
            st.slider("Hide evidence weaker than this", 0.0, 0.9, step=0.05, key="diagnose.floor")
            st.slider("Window (grey levels shown)", 0, 255, key="diagnose.window")
            st.toggle("Invert", key="diagnose.invert")
            st.toggle("As the model sees it", key="diagnose.seen")
    return target


def draw(place, file: Example, result: Diagnosis, heat: Heatmap | None, alt: str):
    """Paints the image into its place. Returns the place of what was drawn, to replace it in one step."""
    view = tuple(st.session_state[key] for key in VIEW)
    outlined = file.lesion is not None and is_revealed(file)
    asked = (id(result.seen), heat and (heat.class_name, id(heat)), view, outlined)
    known, blob = st.session_state.get(PAINTED, (None, b""))
    if known != asked:
        blob = sheets.for_screen(paint(file, result, heat, outlined))
        st.session_state[PAINTED] = asked, blob
    return place.image(shared.data_url(blob), width="stretch", alt=alt)


def paint(file: Example, result: Diagnosis, heat: Heatmap | None, outlined: bool) -> np.ndarray:
    """(H, W) or (H, W, 3) uint8."""
    opacity, floor, invert, as_seen, (low, high) = (st.session_state[key] for key in VIEW)
    shown = overlays.windowed(result.seen if as_seen else result.radiograph.pixels, low, high, invert)
    if heat is not None and heat.has_evidence:
        shown = overlays.overlay(shown, heat.values, opacity, floor)
    if outlined and shown.shape[:2] == file.lesion.shape and file.lesion.any():
        shown = overlays.outline(shown, file.lesion)
    return shown


def is_revealed(file: Example) -> bool:
    return file.digest in st.session_state.get("diagnose.revealed", set())


def size_text(run: Run, result: Diagnosis) -> str:
    height, width = result.radiograph.pixels.shape
    return f"{width} x {height} pixels; the model sees {run.card.image.size} x {run.card.image.size}."


def heat_text(heat: Heatmap, title: str) -> str:
    """Where the evidence lies, and what such a map is worth."""
    if not heat.has_evidence:
        return f"{title}: no region supported {heat.class_name}."
    rows, columns = heat.cells.shape
    return (
        f"{title}, {rows} x {columns} cells. Evidence for {heat.class_name} is strongest in the {diagnosis.strongest_place(heat)}. "
        "It shows what the model used, not where the disease is."
    )
