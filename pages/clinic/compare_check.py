"""Compare: can this heatmap be trusted? Three checks of one model's map."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.clinic.compare_view import METHODS, OWN, View, layers_of, name_of
from pneumo import plots
from pneumo.formatting import listed, rate
from pneumo.images import overlays
from pneumo.inference import comparison, heatmap_choice
from pneumo.inference.comparison import HeatmapCheck
from pneumo.inference.examples import Example
from pneumo.runs import Run, names
from pneumo.schema import Diagnosis


def show(
    file: Example, chosen: list[Run], results: list[Diagnosis], view: View, layers: dict[str, str], kept: dict
) -> None:
    """The checks of one run's heatmap, made on request because they cost some hundred passes through the model."""
    st.header("Can this heatmap be trusted?", divider="gray")
    single = {run.card.name: index for index, run in enumerate(chosen) if not run.members}
    if not single:
        st.caption("An ensemble has no layers of its own: add one of its members to the models above.")
        return
    # At first one that learned from this kind of image: the others' maps of it have little to be right about.
    phantom = file.synthetic and not file.generated
    likely = [name for name in single if shared.knows_phantoms(name) == phantom] or list(single)
    chooser = f"compare.check_run_{'phantoms' if phantom else 'people'}"  # a choice for one kind is not carried over
    shared.keep(chooser, likely[0], single)
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    name = left.selectbox("Model", list(single), key=chooser, format_func=shared.title)
    run, layer, method = chosen[single[name]], layers[name], view.method
    if method == OWN:
        method, layer = heatmap_choice.for_run(run)
    titles = names.layer_titles(layers_of(name, run.card.weights.sha256)[0])
    key = "check", run.card.weights.sha256, method, layer, view.target
    pressed = right.button("Check its heatmap", key="compare.check", type="primary", icon=":material/experiment:")
    if pressed and key not in kept:
        kept[key] = check(file, run, results[single[name]], view.target, method, layer)
    if key not in kept:
        st.markdown(
            f"Three checks of {METHODS[method][0]} for {view.target} at {titles[layer]} of {shared.plain(name_of(run))}, in about ten seconds:\n"
            "1. Does the result depend on what the map marks?\n"
            "2. Does the map depend on what the model learned?\n"
            "3. Does the map lie on the lesion? (Phantoms only: their lesion is known.)"
        )
        return
    show_curves(kept[key], view)
    show_randomisation(kept[key], results[single[name]])
    show_pointing(kept[key])


def check(file: Example, run: Run, result: Diagnosis, target: str, method: str, layer: str) -> HeatmapCheck:
    bar = st.progress(0.0, "Checking ...")
    checked = comparison.check_heatmap(
        run,
        result,
        target,
        method,
        layer,
        lesion=file.lesion,
        progress=lambda done, total: bar.progress(done / total, f"Checking: step {done} of {total} ..."),
    )
    bar.empty()
    return checked


def show_curves(result: HeatmapCheck, view: View) -> None:
    st.subheader("1. Does the result depend on what the map marks?")
    mine, random = result.curves, result.baseline
    st.markdown(comparison.curves_sentence(result))
    left, right = st.columns(2)
    left.plotly_chart(
        plots.deletion_insertion(
            mine.fractions, mine.deletion, random.deletion, mine.deletion_area, random.deletion_area,
            "Deletion: a smaller area is better",
        ),
        key="compare.deletion",
        config={"displayModeBar": False},
    )  # fmt: skip
    right.plotly_chart(
        plots.deletion_insertion(
            mine.fractions, mine.insertion, random.insertion, mine.insertion_area, random.insertion_area,
            "Insertion: a larger area is better",
        ),
        key="compare.insertion",
        config={"displayModeBar": False},
    )  # fmt: skip
    st.caption(
        f"Probability of {view.target} (Petsiuk et al. 2018). Deletion turns the marked pixels grey, strongest first. Insertion puts them back into a "
        f"blurred image. Dashed: the mean of {comparison.RANDOM_DRAWS} maps with random channel weights at the same layer."
    )
    flat = comparison.flat_curves(result)
    if flat:
        st.warning(
            f"In {listed(flat)} the probability hardly changes from one end to the other: to this model the emptied image looks like "
            "the whole one, so the areas say little about the map.",
            icon=":material/horizontal_rule:",
        )


def show_randomisation(result: HeatmapCheck, checked: Diagnosis) -> None:
    st.subheader("2. Does the map depend on what the model learned?")
    st.markdown(comparison.randomisation_sentence(result))
    stages = names.stage_titles([stage.layer for stage in result.stages])
    st.plotly_chart(
        plots.randomisation(stages, [stage.similarity for stage in result.stages]),
        key="compare.randomisation",
        config={"displayModeBar": False},
    )
    with st.container(horizontal=True, gap="small"):
        for name, stage in zip(stages, result.stages, strict=True):
            st.image(
                overlays.overlay(checked.seen, stage.heatmap.values),
                caption=name,
                width=96,
                alt=f"Heatmap with all layers from the head down to {name} randomised",
            )
    st.caption(
        "Layers lose what they learned, from the head down (Adebayo et al. 2018). A map that explains the model becomes less similar "
        "to the original, so the curve falls towards 0. A map that stays near 1 or -1 shows the image, not what was learned. "
        "This is one draw of random weights, so single steps scatter. A map without colour found nothing that speaks for the class."
    )


def show_pointing(result: HeatmapCheck) -> None:
    st.subheader("3. Does the map lie on the lesion?")
    pointing = result.pointing
    if pointing is None:
        st.caption(
            "The lesion is known in phantoms only, and only evidence for PNEUMONIA can be compared with it. To see this check, choose a phantom "
            "above that shows pneumonia, and a model that learned from phantoms."
        )
        return
    one, two, three = st.columns(3)
    one.metric(
        "Pointing game",
        "hit" if pointing.hit else "miss",
        help="Hit: the strongest point lies in the lesion or within 15 pixels of 224 (Zhang et al. 2016).",
        border=True,
    )
    two.metric(
        "Energy in the lesion",
        rate(pointing.energy),
        help="Share of the whole map that lies inside the lesion (Wang et al. 2020).",
        border=True,
    )
    three.metric(
        "Lesion's share of the image",
        rate(pointing.area),
        help="The energy of a map that is the same everywhere: what to beat.",
        border=True,
    )
