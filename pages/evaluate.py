"""Evidence: how a run was trained and how often it is right, from the files the run left behind."""

import streamlit as st

from pages import _ui
from pneumo import evaluation, figures, runs

PART_TITLES = {"test": "internal test", "validation": "validation"}
FIGURES = ("loss", "accuracy", "recall", "specificity", "precision", "f1", "auroc")

st.title("Evidence")
st.caption("Everything here is computed from the files of a trained run: no figure is typed in.")

run = _ui.pick_run("evidence.run")
card = run.card
parts = [part for part in ("test", "validation") if part in card.metrics]
part = st.segmented_control(
    "Patients", parts, default=parts[0], format_func=PART_TITLES.get, key="evidence.part", required=True
)
predictions = _ui.load_predictions(card.name).part(part)
metrics = card.metrics[part]
explained = {
    "test": "Patients who took no part in training or in any choice; read once, after everything was fixed.",
    "validation": "Patients on whom the weights, the temperature and the thresholds were chosen: expect these figures to flatter.",
}
st.caption(
    f"{explained[part]} Threshold {metrics.threshold:.3f} ({card.point().title}, chosen on {card.point().chosen_on})."
)

tiles = ("auroc", "sensitivity", "specificity", "precision", "accuracy", "brier", "ece")
titles = {"auroc": "AUROC", "ece": "Calibration error", "brier": "Brier score"}
for column, name in zip(st.columns(len(tiles)), tiles, strict=True):
    value, interval = getattr(metrics, name), metrics.ci95.get(name)
    column.metric(titles.get(name, name.capitalize()), "–" if value is None else f"{value:.3f}")
    if interval:
        column.caption(f"{interval.low:.3f} to {interval.high:.3f}")
st.caption(
    f"n = {metrics.n} radiographs of {metrics.patients} patients ({card.name}). Beneath each figure its 95% interval: Wilson for "
    "the rates, bootstrap over patients for the others."
)

st.subheader("Right and wrong", divider="gray")
left, right = st.columns(2)
left.plotly_chart(figures.confusion_matrix(metrics.confusion), key="evidence.confusion")
left.caption("Bottom left are the dangerous ones: pneumonia called NORMAL.")
false_positive, true_positive, _ = evaluation.roc(predictions.labels, predictions.probabilities)
# On another part than the one they were chosen on, the points are where their thresholds fall there.
points = evaluation.rates_at(card.operating_points, predictions.labels, predictions.probabilities)
right.plotly_chart(figures.roc_curve(false_positive, true_positive, points, card.name), key="evidence.roc")

st.subheader("Are the probabilities to be believed?", divider="gray")
left, right = st.columns(2)
left.plotly_chart(figures.reliability(predictions.labels, predictions.probabilities), key="evidence.reliability")
left.caption(
    f"On the dotted line a stated probability is what happens. Temperature {card.temperature:.2f} and bias {card.bias:+.2f}, fitted on validation."
)
right.plotly_chart(
    figures.probability_histogram(predictions.labels, predictions.probabilities, metrics.threshold),
    key="evidence.histogram",
)

st.subheader("How it was trained", divider="gray")
figure_name = st.segmented_control("Figure", FIGURES, default="loss", key="evidence.figure", required=True)
history = runs.read_history(run.folder)
st.plotly_chart(figures.training_curves(history, figure_name, card.best_epoch), key="evidence.curves")
st.caption(
    f"{card.epochs_run} epochs, {card.minutes:.1f} minutes on {card.hardware}. Both curves are measured without augmentation, in "
    f"evaluation mode; epoch {card.best_epoch} was kept. Trained on {_ui.class_count(card.data.counts['train'])}."
)
with st.expander("The card of this run", icon=":material/badge:"):
    st.json(runs.card_as_dict(card), expanded=1)
