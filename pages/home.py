"""Home: what this is, for whom, what it is not; three doors; the default model in short."""

import streamlit as st

from pages import shared

run = shared.default_run()
card = run.card

st.title("pneumo")
st.markdown(
    "#### Neural networks on chest X-rays, open to the bottom\n"
    "A model trained in this project reads a chest radiograph, says how likely pneumonia is, shows where it looked, and "
    "says how far to trust it. Made for clinicians who wonder what such a model does, for teachers and their students, "
    "and for engineers who read the code."
)
st.warning(shared.DISCLAIMER, icon=":material/medical_information:")

DOORS = (
    (
        "pages/clinic/diagnose.py",
        "Diagnose",
        ":material/pulmonology:",
        "Upload a radiograph, or try a built-in phantom: probability, "
        "label at a threshold you move, and a heatmap of where the model looked.",
    ),
    (
        "pages/evidence/results.py",
        "Results",
        ":material/monitoring:",
        "How the model was trained, how often it is right on patients it "
        "has never seen, and where its probabilities come from.",
    ),
    (
        "pages/classroom/convolution.py",
        "Classroom",
        ":material/school:",
        "What a convolution does to a radiograph, number by number: the first step of every network here.",
    ),
)
for column, (page, title, icon, text) in zip(st.columns(3), DOORS, strict=True):
    with column, st.container(border=True, height="stretch"):
        st.markdown(f"##### {icon} {title}")
        st.markdown(text)
        st.page_link(page, label=f"Open {title}", icon=":material/arrow_forward:")


def _area(value: float | None) -> str:
    """An area under the curve is no share of anything: no percent."""
    return "–" if value is None else f"{value:.3f}"


split = "test" if "test" in card.metrics else "validation"
metrics = card.metrics[split]
st.subheader("The default model", divider="gray")
st.markdown(
    f"**{card.name}**, {card.weights.parameters:,} parameters, sees {card.image.size} x {card.image.size} pixels. Trained on "
    f"{shared.class_count(card.data.counts['train'])} radiographs of {card.data.patients['train']:,} patients in "
    f"{card.minutes:.1f} minutes; the figures below are of {metrics.n} radiographs of {metrics.patients} other "
    f"patients, read once, at the threshold chosen on validation patients ({metrics.threshold:.3f})."
)
for column, (title, name) in zip(
    st.columns(4),
    (("AUROC", "auroc"), ("Sensitivity", "sensitivity"), ("Specificity", "specificity"), ("Accuracy", "accuracy")),
    strict=True,
):
    value, interval = getattr(metrics, name), metrics.ci95.get(name)
    written = _area if name == "auroc" else shared.percent
    column.metric(title, written(value), border=True)
    if interval:
        column.caption(f"95%: {written(interval.low)} to {written(interval.high)}")
with st.expander("Intended use and limits", icon=":material/info:"):
    st.markdown(card.intended_use)
    st.markdown("\n".join(f"- {limit}" for limit in card.limits))
    st.caption(f"Training data: {card.data.citation or card.data.source}. Licence: {card.data.licence}.")
