"""Compare: several runs on one radiograph side by side, where they disagree, and whether a heatmap can be trusted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from pages import shared
from pneumo import plots
from pneumo.images import overlays
from pneumo.inference import comparison, diagnosis
from pneumo.inference.comparison import HeatmapCheck, Verdict
from pneumo.inference.examples import Example
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, Diagnosis, PneumoError

KEPT = "compare.kept"  # session_state: what was computed of the open picture; of this visitor only
PER_ROW = 3  # more columns make the pictures too small to compare
METHODS = diagnosis.heatmap_methods()
SMOOTH, CELLS = "Smooth", "Cells"


@dataclass(frozen=True)
class View:
    """The controls that hold for every run."""

    method: str
    target: str
    smooth: bool
    opacity: float
    outline: bool


def main() -> None:
    st.title("Compare")
    st.caption(
        f"{shared.DISCLAIMER} Several models on one picture: where they agree, where they look, and whether the heatmap "
        "deserves belief. What is uploaded stays in this session's memory."
    )
    file, chosen = choose_input()
    result = read_with_all(file, chosen)
    show_agreement(chosen, result)
    view = choose_view(file)
    layers = show_side_by_side(file, chosen, result, view)
    show_trust(file, chosen, result, view, layers)


# --- input ------------------------------------------------------------------------------------------------


def choose_input() -> tuple[Example, list[Run]]:
    """The picture, a built-in phantom until one is uploaded, and the runs."""
    left, right = st.columns(2, gap="large")
    with left:
        upload = st.file_uploader("Chest X-ray", key="compare.upload", help="PNG, JPEG, WebP, BMP, TIFF or DICOM.")
        examples = shared.phantom_examples()
        number = st.selectbox(
            "Or a built-in phantom",
            range(len(examples)),
            format_func=lambda n: f"Phantom {n + 1}, drawn as {examples[n].label_name}",
            key="compare.example",
            disabled=upload is not None,
            help="Drawn by a program, so that the true place of the lesion is known.",
        )
    with right:
        runs = choose_runs()
    file = Example(upload.name, upload.getvalue(), -1, synthetic=False) if upload else examples[number]
    return file, runs


def choose_runs() -> list[Run]:
    """Two or more classification runs: at first the default one and, for the contrast, one of the other kind."""
    names = shared.classifiers()
    try:
        other = [name for name in names[1:] if shared.knows_phantoms(name) != shared.knows_phantoms(names[0])] or names[
            1:
        ]
        picked = st.multiselect("Models", names, default=names[:1] + other[:1], key="compare.runs")
        loaded = [shared.load_run(name) for name in picked]
    except PneumoError as error:
        st.error(f"No model can be used: {shared.plain(str(error))}")
        st.stop()
    if len(loaded) < 2:
        st.info("Choose two or more models to compare.", icon=":material/compare:")
        st.stop()
    return loaded


def kept_for(file: Example) -> dict:
    """What was computed of this picture; that of another is forgotten."""
    key = hashlib.sha256(file.data).hexdigest(), file.name
    if st.session_state.get(KEPT, {}).get("of") != key:
        st.session_state[KEPT] = {"of": key}
    return st.session_state[KEPT]


def read_with_all(file: Example, chosen: list[Run]) -> list[Diagnosis]:
    """A Diagnosis from each run, each made once; stops where the file cannot be read."""
    kept = kept_for(file)
    for run in chosen:
        key = "diagnosis", run.card.weights.sha256
        if key not in kept:
            kept[key] = diagnosis.diagnose(
                run, file.data, file.name, synthetic=file.synthetic, check=shared.the_input_check()
            )
    against = hashlib.sha256(file.data).hexdigest() in shared.overridden()
    result = [replace(kept["diagnosis", run.card.weights.sha256], overridden=against) for run in chosen]
    if result[0].error:
        st.error(
            f"**{shared.plain(file.name)}** was not read: {shared.plain(result[0].error)}", icon=":material/block:"
        )
        st.stop()
    return result


# --- agreement --------------------------------------------------------------------------------------------


def show_agreement(chosen: list[Run], result: list[Diagnosis]) -> None:
    verdicts = [
        Verdict(run.card.name, each.probability, run.card.point().threshold)
        for run, each in zip(chosen, result, strict=True)
    ]
    reasons, nothing = comparison.disagreement(verdicts), diagnosis.no_result(result[0])
    if nothing:
        st.error(
            f"**No answer: {nothing}.** What the models say of such a picture means nothing.",
            icon=":material/do_not_disturb_on:",
        )
    elif reasons:
        st.error(f"**The models disagree.** {shared.plain(' '.join(reasons))}", icon=":material/call_split:")
    else:
        st.success(
            f"**The models agree:** all say {verdicts[0].label}, with probabilities within {comparison.FAR_APART}. "
            "They may all be wrong.",
            icon=":material/check:",
        )
    for text in diagnosis.input_check_warnings(result[0]):
        st.caption(f":material/door_open: {text}")
    for warning in result[0].warnings:
        st.caption(f":material/warning: {warning.message}")


# --- pictures ---------------------------------------------------------------------------------------------


def choose_view(file: Example) -> View:
    first, second, third, fourth = st.columns(4, vertical_alignment="bottom")
    method = first.selectbox("Method", list(METHODS), format_func=lambda name: METHODS[name][0], key="compare.method")
    target = second.selectbox("Evidence for", CLASS_NAMES[::-1], key="compare.target")
    form = third.segmented_control(
        "Map",
        (SMOOTH, CELLS),
        default=SMOOTH,
        required=True,
        key="compare.form",
        help="Cells: what the layer gave. Smooth: the same cells, blended for the eye; no detail is added.",
    )
    opacity = fourth.slider("Opacity", 0.0, 1.0, 0.6, 0.05, key="compare.opacity")
    st.caption(METHODS[method][1])
    has_lesion = file.lesion is not None and bool(file.lesion.any())
    outline = has_lesion and st.toggle("Outline the true lesion", value=True, key="compare.outline")
    return View(method, target, form == SMOOTH, opacity, outline)


def show_side_by_side(file: Example, chosen: list[Run], result: list[Diagnosis], view: View) -> dict[str, str]:
    """A column a run; returns the layer looked at, by run."""
    layers = {}
    for start in range(0, len(chosen), PER_ROW):
        row = list(zip(chosen, result, strict=True))[start : start + PER_ROW]
        for column, (run, each) in zip(st.columns(min(PER_ROW, len(chosen)), gap="medium"), row, strict=False):
            with column:
                layers[run.card.name] = show_run(file, run, each, view)
    return layers


def show_run(file: Example, run: Run, result: Diagnosis, view: View) -> str:
    """Label, probability, picture and layer of one run; returns the layer."""
    threshold = run.card.point().threshold
    st.markdown(f"##### {shared.plain(run.card.name)}")
    label = diagnosis.label_for(result, threshold)
    st.markdown(shared.label_html(label) if label else "**No answer**", unsafe_allow_html=True)
    st.markdown(
        f"**Probability of pneumonia {shared.plain(shared.probability(result.probability))}**, threshold {threshold:.3f} "
        f"({run.card.point().title})"
    )
    image = st.empty()
    st.caption(taught_by(run, file))
    known, default = layers_of(run.card.name, run.card.weights.sha256)
    layer = st.selectbox(
        "Layer",
        list(known),
        index=list(known).index(default),
        format_func=lambda name: f"{name}, {known[name][0]} x {known[name][1]}{' (default)' * (name == default)}",
        key=f"compare.layer.{run.card.name}",
        help="With its cells, from the picture to the head. Early layers see edges; of the last one's output the answer is made.",
    )
    heat = heatmap_of(file, run, result, view, layer)
    if not heat.has_evidence:
        st.info(f"No positive evidence for {view.target}.", icon=":material/visibility_off:")
    image.image(painted(file, result, heat, view), width="stretch")
    return layer


@st.cache_resource(show_spinner=False)
def layers_of(name: str, sha256: str) -> tuple[dict[str, tuple[int, int]], str]:
    """Found by one pass through the model, so asked once; sha256: another model of that name has its own."""
    return diagnosis.heatmap_layers(shared.load_run(name))


def taught_by(run: Run, file: Example) -> str:
    count = sum(run.card.data.counts["train"].values())
    if shared.knows_phantoms(run.card.name):
        return f":material/draw: Learned from {count:,} phantoms drawn by a program" + (
            "." if file.synthetic else "; it never saw a person's radiograph."
        )
    return f":material/groups: Learned from {count:,} radiographs of people" + (
        "; it never saw a phantom." if file.synthetic else "."
    )


def heatmap_of(file: Example, run: Run, result: Diagnosis, view: View, layer: str) -> diagnosis.Heatmap:
    """Computed once for this visitor."""
    kept, key = kept_for(file), ("heatmap", run.card.weights.sha256, view.method, layer)
    if key not in kept:
        kept[key] = diagnosis.explain(run, result, view.method, layer)
    return kept[key][view.target]


def painted(file: Example, result: Diagnosis, heat: diagnosis.Heatmap, view: View) -> np.ndarray:
    """The radiograph under the heatmap, with the true lesion's border where it is wanted."""
    pixels = result.radiograph.pixels
    values = heat.values if view.smooth else heat.cells
    shown = overlays.overlay(pixels, values, view.opacity, smooth=view.smooth) if heat.has_evidence else pixels
    return overlays.outline(shown, file.lesion) if view.outline else shown


# --- trust ------------------------------------------------------------------------------------------------


def show_trust(file: Example, chosen: list[Run], result: list[Diagnosis], view: View, layers: dict[str, str]) -> None:
    """The checks of one run's heatmap, made on request because they cost some hundred passes through the model."""
    with st.expander("Can this heatmap be trusted?", icon=":material/fact_check:", key="compare.trust"):
        left, right = st.columns([2, 1], vertical_alignment="bottom")
        by_name = {run.card.name: index for index, run in enumerate(chosen) if not run.members}
        names = list(by_name)
        if not names:
            st.caption("An ensemble has no layers of its own: choose one of its members too.")
            return
        # At first one that learned from this kind of picture: the others' maps of it have little to be right about.
        likely = [shared.knows_phantoms(name) == file.synthetic for name in names]
        name = left.selectbox("Model", names, index=likely.index(True) if any(likely) else 0, key="compare.check_run")
        index = by_name[name]
        run, layer = chosen[index], layers[name]
        kept, key = kept_for(file), ("check", run.card.weights.sha256, view.method, layer, view.target)
        pressed = right.button("Check its heatmap", key="compare.check", type="primary", icon=":material/experiment:")
        if pressed and key not in kept:
            kept[key] = check(file, run, result[index], view, layer)
        if key not in kept:
            st.caption(
                f"Three checks of {METHODS[view.method][0]} for {view.target} at {shared.plain(layer)}: does it depend on what the "
                "model learned, does the answer depend on what it marks, does it lie where the lesion is."
            )
            return
        show_pointing(kept[key], file, view)
        show_randomisation(kept[key], result[index])
        show_curves(kept[key], view)


def check(file: Example, run: Run, diagnosed: Diagnosis, view: View, layer: str) -> HeatmapCheck:
    bar = st.progress(0.0, "Randomising ...")
    result = comparison.check_heatmap(
        run,
        diagnosed,
        view.target,
        view.method,
        layer,
        lesion=file.lesion,
        progress=lambda done, total: bar.progress(done / (total + 1), f"Randomising: {done} of {total} ..."),
    )
    bar.empty()
    return result


def show_pointing(result: HeatmapCheck, file: Example, view: View) -> None:
    st.markdown("**Does it lie where the lesion is?**")
    pointing = result.pointing
    if pointing is None:
        st.caption(
            "Only a phantom with a lesion has a true mask, and only evidence for PNEUMONIA can be held against it."
        )
        return
    one, two, three = st.columns(3)
    one.metric(
        "Pointing game",
        "hit" if pointing.hit else "miss",
        help="Hit: the strongest place lies in the lesion or within 15 pixels of 224 (Zhang et al. 2016).",
        border=True,
    )
    two.metric(
        "Energy in the lesion",
        shared.percent(pointing.energy),
        help="Share of the whole map that lies inside the lesion (Wang et al. 2020).",
        border=True,
    )
    three.metric(
        "Lesion's share of the picture",
        shared.percent(pointing.area),
        help="The energy of a map that is the same everywhere: what to beat.",
        border=True,
    )


def show_randomisation(result: HeatmapCheck, checked: Diagnosis) -> None:
    st.markdown(
        "**Does it depend on what the model learned?** (weights randomised from the head down, Adebayo et al. 2018)"
    )
    names = [stage.layer for stage in result.stages]
    st.plotly_chart(
        plots.randomisation(names, [stage.similarity for stage in result.stages]),
        key="compare.randomisation",
        config={"displayModeBar": False},
    )
    with st.container(horizontal=True, gap="small"):
        for name, stage in zip(names, result.stages, strict=True):
            st.image(overlays.overlay(checked.seen, stage.heatmap.values), caption=name, width=96)
    st.caption(
        "The pictures: the map when all layers down to the named one are random. A map that explains the model loses its likeness to the "
        "first one: the curve falls towards 0. One that stays near 1 or -1 "
        "shows the picture, not what was learned. One draw of random weights: single steps scatter, and a map without colour "
        "found nothing that speaks for the class."
    )


def show_curves(result: HeatmapCheck, view: View) -> None:
    st.markdown("**Does the answer depend on what it marks?** (Petsiuk et al. 2018)")
    mine, chance = result.curves, result.baseline
    left, right = st.columns(2)
    left.plotly_chart(
        plots.deletion_insertion(
            mine.fractions, mine.deletion, chance.deletion, mine.deletion_area, chance.deletion_area,
            "Deletion: smaller area is better",
        ),
        key="compare.deletion",
        config={"displayModeBar": False},
    )  # fmt: skip
    right.plotly_chart(
        plots.deletion_insertion(
            mine.fractions, mine.insertion, chance.insertion, mine.insertion_area, chance.insertion_area,
            "Insertion: larger area is better",
        ),
        key="compare.insertion",
        config={"displayModeBar": False},
    )  # fmt: skip
    st.caption(
        f"Probability of {view.target}. Deletion turns the marked places grey, strongest first; insertion puts them back into a "
        f"blurred picture. Dashed: the mean of {comparison.RANDOM_DRAWS} maps with random channel weights at the same layer."
    )
    flat = [
        name
        for name, values in (("deletion", mine.deletion), ("insertion", mine.insertion))
        if abs(values[-1] - values[0]) < comparison.FAR_APART
    ]
    if flat:
        st.warning(
            f"The answer hardly differs between the two ends of {' and '.join(flat)}: to this model the emptied picture looks like "
            "the whole one, so the areas say little about the map.",
            icon=":material/horizontal_rule:",
        )


main()
