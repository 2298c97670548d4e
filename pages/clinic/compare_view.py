"""Compare: each model's label, probability and heatmap, in columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages import shared
from pneumo.images import overlays, sheets
from pneumo.inference import diagnosis, heatmap_choice, heatmap_report
from pneumo.inference.examples import Example
from pneumo.metrics import thresholds
from pneumo.runs import Run, names
from pneumo.schema import CLASS_NAMES, POSITIVE, Diagnosis

PER_ROW = 3  # more columns make the images too small to compare
OWN = "default"  # the heatmap that each model shows first
METHODS = {
    OWN: ("Each model's default", "The finest map that passes the model's own checks. Its model card has the numbers.")
} | diagnosis.heatmap_methods()
SMOOTH, CELLS = "Smooth", "Cells"


@dataclass(frozen=True)
class View:
    """The controls that hold for every run. method: a key of METHODS. target: a class name."""

    method: str
    target: str
    smooth: bool
    opacity: float
    outline: bool


def name_of(run: Run) -> str:
    return names.name_of(run.card)


def choose_view(file: Example, results: list[Diagnosis]) -> View:
    """The controls. The map is for the class that the first model leans to, until the visitor chooses."""
    said = CLASS_NAMES[POSITIVE if results[0].probability >= 0.5 else 1 - POSITIVE]
    if st.session_state.get("compare.target_of") != file.name:
        st.session_state["compare.target_of"] = file.name
        st.session_state["compare.target"] = said
    shared.keep_all({"compare.method": OWN, "compare.target": said, "compare.form": SMOOTH, "compare.opacity": 0.6})
    first, second, third, fourth = st.columns([3, 2, 2, 3], vertical_alignment="bottom")
    method = first.selectbox("Method", list(METHODS), format_func=lambda name: METHODS[name][0], key="compare.method")
    target = second.selectbox("Show evidence for", CLASS_NAMES[::-1], key="compare.target")
    form = third.segmented_control(
        "Map",
        (SMOOTH, CELLS),
        required=True,
        key="compare.form",
        help="Cells: what the layer gave. Smooth: the same cells, blended for the eye; no detail is added.",
    )
    opacity = fourth.slider("Opacity", 0.0, 1.0, step=0.05, key="compare.opacity")
    st.caption(METHODS[method][1])
    has_lesion = file.lesion is not None and bool(file.lesion.any())
    if has_lesion:
        shared.keep("compare.outline", True)
    outline = has_lesion and st.toggle("Outline the true lesion", key="compare.outline")
    return View(method, target, form == SMOOTH, opacity, outline)


def show_side_by_side(
    file: Example, chosen: list[Run], results: list[Diagnosis], view: View, kept: dict
) -> dict[str, str]:
    """A column a run; returns the layer looked at, by the run's name."""
    layers = {}
    pairs = list(zip(chosen, results, strict=True))
    for start in range(0, len(pairs), PER_ROW):
        row = pairs[start : start + PER_ROW]
        for column, (run, each) in zip(st.columns(min(PER_ROW, len(chosen)), gap="medium"), row, strict=False):
            with column:
                layers[run.card.name] = show_run(file, run, each, view, kept)
    return layers


def show_run(file: Example, run: Run, result: Diagnosis, view: View, kept: dict) -> str:
    """Label, probability, image and layer of one run; returns the layer."""
    card, threshold = run.card, run.card.point().threshold
    st.subheader(shared.plain(names.name_of(card)))
    label = diagnosis.label_for(result, threshold)
    st.markdown(shared.label_html(label) if label else "**No result**", unsafe_allow_html=True)
    if label:
        task = thresholds.titles(card.operating_points)[card.default_point].lower()
        st.markdown(
            f"**Probability of pneumonia {shared.plain(shared.probability(result.probability))}**, threshold "
            f"{threshold:.3f} ({task})"
        )
    image = st.empty()
    st.caption(f"{taught_by(run, file)} Run `{card.name}`.")
    known, default = layers_of(card.name, card.weights.sha256)
    titles = names.layer_titles(known)
    if view.method == OWN:
        method, layer = heatmap_choice.for_run(run)
        st.caption(own_text(method, titles.get(layer, "")))
    else:
        shared.keep(f"compare.layer.{card.name}", default, known)
        layer = st.selectbox(
            "Layer",
            list(known),
            format_func=lambda name: titles[name] + " (default)" * (name == default),
            key=f"compare.layer.{card.name}",
            help="Early layers see edges in fine cells. The last layer sees findings in coarse ones; the result is computed from it.\n\n"
            + "\n".join(f"- {titles[name]}: `{name}`" for name in known),
        )
    heat = heatmap_of(run, result, view, layer, kept)
    if not heat.has_evidence:
        st.info(f"No region supported {view.target}.", icon=":material/visibility_off:")
    image.image(
        sheets.showable(painted(file, result, heat, view)), width="stretch", alt=described(run, result, view, heat)
    )
    return layer


def own_text(method: str, layer: str) -> str:
    """What a model's default heatmap is: "LayerCAM at layer 3 of 5 (16 x 16 cells)."."""
    if method == heatmap_report.OWN:
        return "The mean of its members' default heatmaps."
    return f"{METHODS[method][0]} at {layer}."


@st.cache_resource(show_spinner=False)
def layers_of(name: str, sha256: str) -> tuple[dict[str, tuple[int, int]], str]:
    """Found by one pass through the model, so asked once; sha256: another model of that name has its own."""
    return diagnosis.heatmap_layers(shared.load_run(name))


def taught_by(run: Run, file: Example) -> str:
    """What the run learned from, and whether this image is of that kind."""
    count, phantom = sum(run.card.data.counts["train"].values()), file.synthetic and not file.generated
    if shared.knows_phantoms(run.card.name):
        return f":material/draw: Learned from {count:,} phantoms drawn by a program" + (
            "." if phantom else "; it never saw a person's radiograph."
        )
    return f":material/groups: Learned from {count:,} radiographs of children" + (
        "; it never saw a phantom." if phantom else "."
    )


def heatmap_of(run: Run, result: Diagnosis, view: View, layer: str, kept: dict) -> diagnosis.Heatmap:
    """Computed once for this visitor."""
    key = "heatmap", run.card.weights.sha256, view.method, layer
    if key not in kept:
        kept[key] = (
            diagnosis.explain(run, result) if view.method == OWN else diagnosis.explain(run, result, view.method, layer)
        )
    return kept[key][view.target]


def painted(file: Example, result: Diagnosis, heat: diagnosis.Heatmap, view: View) -> np.ndarray:
    """The radiograph under the heatmap, with the true lesion's border where it is wanted."""
    pixels = result.radiograph.pixels
    values = heat.values if view.smooth else heat.cells
    shown = overlays.overlay(pixels, values, view.opacity, smooth=view.smooth) if heat.has_evidence else pixels
    return overlays.outline(shown, file.lesion) if view.outline else shown


def described(run: Run, result: Diagnosis, view: View, heat: diagnosis.Heatmap) -> str:
    """The image in words."""
    where = (
        f"strongest evidence for {view.target} in the {diagnosis.strongest_place(heat)}"
        if heat.has_evidence
        else f"no evidence for {view.target}"
    )
    return f"Chest radiograph with the heatmap of {names.name_of(run.card)}, {where}"
