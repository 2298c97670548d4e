"""Where to go from Home: three short paths by who asks, and a door to every page."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from pages.menu import MENU

COLUMNS = 3
FIRST_PREDICTION = """\
from pneumo import runs
from pneumo.inference import diagnosis, examples, input_check

run = runs.load()  # the default model
example = examples.generated_examples()[0]  # or any file: example.data is its bytes
result = diagnosis.diagnose(run, example.data, example.name, check=input_check.load())
print(result.probability, diagnosis.label_for(result, run.card.point().threshold))
heatmap = diagnosis.explain(run, result)["PNEUMONIA"]
print(heatmap.values.shape, heatmap.has_evidence)
"""  # as in README.md


@dataclass(frozen=True)
class Path:
    """What a kind of reader does first. steps: the page that opens, and what to do there."""

    reader: str
    icon: str
    aim: str
    steps: tuple[tuple[str, str], ...]


PATHS = (
    Path(
        "Clinician",
        ":material/stethoscope:",
        "See a result, then ask how far to trust it.",
        (
            ("pages/clinic/diagnose.py", "Diagnose an X-ray"),
            ("pages/evidence/results.py", "See how often it is wrong"),
            ("pages/clinic/compare.py", "Put its heatmap to the test"),
        ),
    ),
    Path(
        "Teacher",
        ":material/school:",
        "Open the machine in front of a class.",
        (
            ("pages/classroom/course.py", "Prepare a lesson of 90 minutes"),
            ("pages/classroom/you_first.py", "Read ten X-rays with a class"),
            ("pages/classroom/convolution.py", "Compute a convolution by hand"),
            ("pages/classroom/shortcuts.py", "Catch a model reading a letter"),
        ),
    ),
    Path(
        "Engineer",
        ":material/code:",
        "Run it, read how it was made, check the metrics.",
        (
            ("pages/evidence/model_cards.py", "Read recipe, data and limits"),
            ("pages/evidence/results.py", "Compare all trained models"),
        ),
    ),
)

ABOUT = {  # the groups of the menu
    "Clinic": "One X-ray at a time",
    "Evidence": "What the claims rest on",
    "Generators": "Networks that make X-rays",
    "Classroom": "One idea at a time",
}
DOORS = {  # what one does on each page
    "diagnose": "Upload X-rays and get a probability, a label and a heatmap for each.",
    "compare": "Show several models the same X-ray and test whether their heatmaps mean anything.",
    "results": "See how accurate, calibrated and robust each model is.",
    "data": "Look at what the models learned from, and at the shortcuts it offers.",
    "model_cards": "Read what each model is for, how it was trained and where it fails.",
    "autoencoder": "Compress an X-ray to a few numbers, edit them, and reconstruct it.",
    "gan": "Generate X-rays of no patient, replay the training, and try to spot the fakes.",
    "course": "Give a lesson of 90 minutes or six of them, with worksheets and rubric.",
    "convolution": "Slide a kernel over an X-ray and follow every number.",
    "network": "Go down from the whole model to a layer, a channel, a pixel and its sum.",
    "gradcam": "Build a heatmap step by step, then put it to the test.",
    "shortcuts": "Stamp a letter on an X-ray, and find out which model reads it.",
    "you_first": "Read ten X-rays before the model does, alone or with a class.",
    "thresholds": "Drag the line between patients with and without pneumonia, and see who pays.",
    "training_room": "Tell good trainings from bad ones, then train a network of your own and watch it.",
    "transfer": "Teach a new head with a few images, and see it fail elsewhere.",
    "bottleneck": "Squeeze an X-ray into a few numbers, and see what does not pass.",
    "gan_lab": "Step two small networks by hand, and see them converge, collapse or oscillate.",
    "characters": "Draw a letter, and see how a network reads it and what it confuses.",
    "production": "Switch off what keeps a model safe in use, and see what breaks.",
    "glossary": "Look up a term in three languages, and answer thirty questions.",
}


def show_paths() -> None:
    """Three short ways in, side by side."""
    st.subheader("Where to begin", divider="gray")
    for column, path in zip(st.columns(len(PATHS)), PATHS, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"##### {path.icon} {path.reader}\n{path.aim}")
            if path.reader == "Engineer":
                show_first_prediction()
            with st.container(gap="xsmall"):
                for page, text in path.steps:
                    st.page_link(page, label=text, icon=":material/arrow_forward:")


def show_first_prediction() -> None:
    with st.popover("Predict in ten lines of Python", icon=":material/terminal:", width="stretch"):
        st.code(FIRST_PREDICTION, language="python")
        st.caption("README.md has the same for the command line, and says how to train a model.")


def show_doors() -> None:
    """Every page, in the groups of the menu."""
    st.subheader("Every page", divider="gray")
    for group, pages in MENU.items():
        left, right = st.columns([1, 5], gap="medium")
        left.markdown(f"**{group}**  \n{ABOUT[group]}")
        for start in range(0, len(pages), COLUMNS):
            row = pages[start : start + COLUMNS]
            for column, page in zip(right.columns(COLUMNS), row, strict=False):
                with column, st.container(border=True, height="stretch", gap="xsmall"):
                    st.page_link(page.file, label=f"**{page.title}**", icon=page.symbol)
                    st.markdown(DOORS[page.name])
