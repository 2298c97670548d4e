"""The numbers of a data set in plots: classes, patients, sizes, copies, brightness. Each with what it says in words."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pneumo import plots
from pneumo.inference import dataset_audit, dataset_findings, dataset_summary
from pneumo.inference.dataset_audit import Survey
from pneumo.inference.dataset_summary import DataSetSummary

MANY_IMAGES = 10  # of one patient; those who have more share a bar
PLAIN_CHART = {"displayModeBar": False}
OURS, OWN = "The split of this project", "The source's own split"
SPLITS = {"train": "training", "validation": "validation", "test": "internal test"}

CUES = {  # short enough for a phone
    "brightness": "mean",
    "contrast": "standard deviation",
    "level_1": "1st percentile",
    "level_10": "10th percentile",
    "level_50": "median",
    "level_90": "90th percentile",
    "level_99": "99th percentile",
    "margin": "mean of the margin",
    "pixels": "number of pixels",
    "aspect": "width / height",
    "grey_levels": "all grey levels together",
}


def say(summary: DataSetSummary, *topics: str) -> None:
    """What the numbers say, one paragraph a topic."""
    known = dataset_findings.findings_by_topic(summary)
    st.markdown("\n\n".join(shared.plain(known[topic]) for topic in topics if topic in known))


def show_classes(summary: DataSetSummary) -> None:
    """Class balance in each split."""
    left, right = st.columns([3, 2], gap="large")
    with right:
        say(summary, "classes", "kinds", "split")
    with left:
        counts, own = summary.data.counts, {name: n for name, n in summary.own_splits.items() if name != "none"}
        if len(own) > 1:
            choice = st.segmented_control("Split", (OURS, OWN), default=OURS, key="data.split", required=True)
            counts = own if choice == OWN else counts
        st.plotly_chart(
            plots.class_bars({SPLITS.get(name, name): n for name, n in counts.items()}),
            key="data.balance",
            config=PLAIN_CHART,
            alt="Bars: the number of images of each class in each split. The text beside it has the numbers.",
        )


def show_patients(summary: DataSetSummary) -> None:
    """How many images a patient has."""
    values = dataset_summary.patient_values(summary)
    most = max(each.max(initial=1) for each in values.values())
    left, right = st.columns([3, 2], gap="large")
    left.plotly_chart(
        plots.class_histogram(
            {name: np.minimum(each, MANY_IMAGES) for name, each in values.items()},
            np.arange(0.5, min(most, MANY_IMAGES) + 1),
            "images of one patient" + (f" ({MANY_IMAGES} means {MANY_IMAGES} or more)" if most > MANY_IMAGES else ""),
            "patients",
            beside=True,
        ),
        key="data.patients",
        config=PLAIN_CHART,
        alt="Bars: the share of the patients of each class who have one image, two images, and so on.",
    )
    with right:
        say(summary, "patients")
        if most > 1:
            st.markdown("Images of one chest on both sides of a split leak training data into the test.")


def show_sizes_and_copies(summary: DataSetSummary, survey: Survey | None) -> None:
    st.markdown("##### Sizes")
    say(summary, "sizes", "files")
    if summary.sizes.distinct > 1:
        st.plotly_chart(
            plots.image_sizes(*dataset_summary.size_values(summary)),
            key="data.sizes",
            config=PLAIN_CHART,
            alt="Scatter plot: width against height of the images of each class.",
        )
        st.caption(
            "Every image is resized to equal width and height, whatever its proportions. Where the classes differ in shape, they are "
            "squeezed differently, and a model may learn that instead of lungs; random stretching in training works against it."
        )
    st.markdown("##### Copies")
    say(summary, "duplicates")
    if summary.duplicates:
        st.markdown(
            "The same file twice counts double in training; on both sides of a split it leaks training data into the test. "
            "Patients who share a file therefore go into the same split."
        )
        table = dataset_audit.duplicate_table(survey) if survey else _kinds_of_copies(summary)
        st.dataframe(table, key="data.duplicates", hide_index=True)


def _kinds_of_copies(summary: DataSetSummary) -> list[dict[str, str | int]]:
    return [
        {
            "images": kind.groups,
            "stored": f"{kind.copies} times",
            "class": ", ".join(kind.classes),
            "patients of each": kind.patients,
            "split": ", ".join(SPLITS.get(split, split) for split in kind.splits),
        }
        for kind in summary.duplicates
    ]


def show_brightness(summary: DataSetSummary) -> None:
    """Whether the classes differ in exposure, which is no disease."""
    values, edges = dataset_summary.brightness_values(summary)
    left, right = st.columns(2, gap="large")
    left.markdown("##### Mean brightness")
    left.plotly_chart(
        plots.class_histogram(values, edges, "mean grey level of an image", "images"),
        key="data.brightness",
        config=PLAIN_CHART,
        alt="Histogram: the mean grey level of the images of each class.",
    )
    right.markdown("##### All grey levels")
    right.plotly_chart(
        plots.level_curves(dataset_summary.level_shares(summary)),
        key="data.levels",
        config=PLAIN_CHART,
        alt="Curves: how often each grey level occurs in an average image of each class.",
    )
    say(summary, "brightness", "grey_levels")
    cues = {
        CUES[cue.name]: (cue.auroc, cue.ci95.low, cue.ci95.high) if cue.ci95 else (cue.auroc, cue.auroc, cue.auroc)
        for cue in sorted(summary.cues, key=lambda cue: -cue.auroc)
    }
    if cues:
        st.markdown("##### How well a few numbers separate the classes")
        st.plotly_chart(
            plots.cue_areas(cues),
            key="data.cues",
            config=PLAIN_CHART,
            alt="Points with intervals: the AUROC of single grey-level statistics, "
            + "; ".join(f"{title} {area:.3f}" for title, (area, *_) in cues.items()),
        )
        st.caption(
            f"Each is one number per image; “all grey levels together” is the logistic regression on the eight of them. "
            f"n = {summary.readable:,} images, 95% intervals over patients. Random changes of gamma, contrast and brightness in "
            "training work against such shortcuts."
        )
