"""How good samples are: all measured GANs side by side, each beside what real radiographs give against real ones."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pneumo import runs
from pneumo.formatting import listed, probability, rate, score, with_interval
from pneumo.generators import quality_report
from pneumo.generators.quality_report import Quality
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES

METRICS = {  # by the field of `quality_report.Distances`; ↓: lower is better, ↑: higher is better
    "frechet": "Fréchet distance ↓",
    "kernel": "Kernel distance, times 1,000 ↓",
    "precision": "Precision ↑",
    "recall": "Recall ↑",
}


@st.fragment
@shared.guarded
def show_quality(run: Run) -> None:
    read, damaged = shared.those_that_work(runs.available("gan"), lambda name: quality_report.read(runs.resolve(name)))
    result = {name: each for name, each in read.items() if each}
    for reason in damaged.values():
        st.warning(shared.plain(reason), icon=":material/heart_broken:")
    if run.card.name not in result and run.card.name not in damaged:
        st.caption(
            f"This model has not been measured yet. Run `python -m pneumo quality {run.card.name} --data FOLDER --tstr --save`."
        )
    if result:
        st.markdown("  \n".join(_conclusion(name, each) for name, each in result.items()))
        show_distances(result)
        show_memory(result)
        show_classes(result)
        show_transfer(result)


def _known(name: str) -> str:
    """What a GAN was trained on, and so compared with: "NORMAL and PNEUMONIA", or one class alone."""
    only = shared.load_card(name).recipe.data.only
    return f"{only} alone" if only else listed(CLASS_NAMES)


def _conclusion(name: str, result: Quality) -> str:
    near = result.distances
    return (
        f"**{shared.plain(shared.title(name))}**: Fréchet distance {score(near.frechet.mean, 1)} from real radiographs, where real ones are "
        f"{score(near.frechet_floor, 1)} from each other ({_known(name)}, n = {near.n:,})."
    )


def show_distances(result: dict[str, Quality]) -> None:
    st.subheader("How close to real radiographs?", divider="gray")
    rows = []
    for _, field_name, _, places in quality_report.MEASURES:
        for name, each in result.items():
            value, floor = getattr(each.distances, field_name), getattr(each.distances, f"{field_name}_floor")
            rows.append(
                {
                    "metric": METRICS[field_name],
                    "model": shared.title(name),
                    "generated": quality_report.told(value, places),
                    "real against real": score(floor, places),
                    "n": each.distances.n,
                }
            )
    st.dataframe(rows, hide_index=True, key="gan.distances", height="content")
    one = next(iter(result.values()))
    st.caption(
        "↓: lower is better, ↑: higher is better. **Precision**: proportion of samples among the real radiographs; **recall**: proportion of real "
        f"radiographs among the samples. Measured in the features of {shared.plain(shared.title(one.encoder))}, with as many samples as held-out radiographs (n) of the classes that the model "
        f"knows: models of different classes cannot be compared. Mean (lowest to highest) of {one.seeds} seeds. Real against real compares training with "
        "held-out radiographs and is the best that can be expected. Distances in the features of another network are not comparable. A kernel "
        "distance near zero can be negative by chance."
    )


def show_memory(result: dict[str, Quality]) -> None:
    st.subheader("Memorised?", divider="gray")
    st.markdown("Median distance to the nearest training radiograph.")
    rows = [
        {
            "model": shared.title(name),
            "compared in": title,
            "generated": quality_report.told(near.generated, places),
            "held-out": with_interval(
                near.held_out, near.held_out_ci95, lambda value, places=places: score(value, places)
            ),
            "n": each.memory.n,
        }
        for name, each in result.items()
        for title, near, places in (("pixels (0 to 1)", each.memory.pixel, 4), ("features", each.memory.feature, 2))
    ]
    st.dataframe(rows, hide_index=True, key="gan.memory")
    copies = "; ".join(f"{shared.title(name)} {rate(each.memory.copies.mean)}" for name, each in result.items())
    st.caption(
        "A generator that had memorised radiographs would be closer to them than held-out radiographs are. Proportion of samples that "
        f"are closer in pixels than 99% of held-out radiographs: {shared.plain(copies)}. Smooth, average images are closer without being copies. "
        "In brackets: lowest to highest of the seeds for samples, 95% intervals (resampling patients) for held-out radiographs."
    )


def show_classes(result: dict[str, Quality]) -> None:
    """What a classifier makes of samples."""
    st.subheader("Does a sample show the class asked for?", divider="gray")
    rows = [
        {
            "model": shared.title(name),
            "class asked for": a.wanted,
            "classified as asked": f"{rate(a.agreed.mean)} ({rate(a.agreed.low)} to {rate(a.agreed.high)})",
            "median probability of PNEUMONIA": probability(a.probability.mean),
            "n": a.n,
        }
        for name, each in result.items()
        for a in each.asked
    ]
    st.dataframe(rows, hide_index=True, key="gan.asked")
    readers = listed(list(dict.fromkeys(shared.title(each.classifier) for each in result.values())))
    st.caption(f"Classified by {shared.plain(readers)}. In brackets: lowest to highest of the seeds.")


def show_transfer(result: dict[str, Quality]) -> None:
    """What a classifier learns from samples."""
    rows = [
        {
            "model": shared.title(name),
            "trained on": c.trained_on,
            "tested on": c.tested_on,
            "AUROC": with_interval(c.auroc, c.ci95, score),
            "n": c.n,
        }
        for name, each in result.items()
        for c in each.tstr
    ]
    if not rows:
        return
    st.subheader("Can a classifier learn from samples?", divider="gray")
    st.dataframe(rows, hide_index=True, key="gan.transfer")
    st.caption(
        "Tested on held-out radiographs, or on samples of another seed; 95% intervals (DeLong). The checkpoint was chosen on images of the same kind as "
        "the training images. Real to real is the reference: the gap to it is what cannot be learned from the samples."
    )
