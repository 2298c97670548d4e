"""Where to go from Home: three short paths by who asks, and a door to every page."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

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


@dataclass(frozen=True)
class Door:
    """A page of app.py: file, title and icon as there, and what one does there."""

    page: str
    title: str
    icon: str
    text: str


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
            ("pages/classroom/convolution.py", "Compute a convolution by hand"),
            ("pages/evidence/data.py", "Find the shortcuts in the data"),
            ("pages/clinic/compare.py", "Compare two models"),
            ("pages/generators/gan.py", "Play “Real or generated?”"),
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

# By group of the menu: what the group is about, and its pages.
DOORS = {
    "Clinic": (
        "One X-ray at a time",
        (
            Door(
                "pages/clinic/diagnose.py",
                "Diagnose",
                ":material/pulmonology:",
                "Upload X-rays and get a probability, a label and a heatmap for each.",
            ),
            Door(
                "pages/clinic/compare.py",
                "Compare",
                ":material/compare:",
                "Show several models the same X-ray and test whether their heatmaps mean anything.",
            ),
        ),
    ),
    "Evidence": (
        "What the claims rest on",
        (
            Door(
                "pages/evidence/results.py",
                "Results",
                ":material/monitoring:",
                "See how accurate, calibrated and robust each model is.",
            ),
            Door(
                "pages/evidence/data.py",
                "Data",
                ":material/database:",
                "Look at what the models learned from, and at the shortcuts it offers.",
            ),
            Door(
                "pages/evidence/model_cards.py",
                "Model cards",
                ":material/badge:",
                "Read what each model is for, how it was trained and where it fails.",
            ),
        ),
    ),
    "Generators": (
        "Networks that make X-rays",
        (
            Door(
                "pages/generators/autoencoder.py",
                "Autoencoder",
                ":material/compress:",
                "Compress an X-ray to a few numbers, edit them, and reconstruct it.",
            ),
            Door(
                "pages/generators/gan.py",
                "GAN",
                ":material/brush:",
                "Generate X-rays of no patient, replay the training, and try to spot the fakes.",
            ),
        ),
    ),
    "Classroom": (
        "One idea at a time",
        (
            Door(
                "pages/classroom/convolution.py",
                "Convolution",
                ":material/school:",
                "Slide a kernel over an X-ray and follow every number.",
            ),
        ),
    ),
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
    for group, (about, doors) in DOORS.items():
        left, right = st.columns([1, 5], gap="medium")
        left.markdown(f"**{group}**  \n{about}")
        for start in range(0, len(doors), COLUMNS):
            row = doors[start : start + COLUMNS]
            for column, door in zip(right.columns(COLUMNS), row, strict=False):
                with column, st.container(border=True, height="stretch", gap="xsmall"):
                    st.page_link(door.page, label=f"**{door.title}**", icon=door.icon)
                    st.markdown(door.text)
