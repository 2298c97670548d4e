"""What the threshold changes, in the Accuracy tab of Results: rates, matrix, curves, cases, people and kinds together."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pages.evidence.results_common import NO_BAR, Chosen, measured_on, table
from pneumo import plots
from pneumo.formatting import counted, listed, probability, rate, score, span
from pneumo.inference import dataset_audit
from pneumo.metrics import classification, conclusions, significance
from pneumo.schema import Interval, Predictions

CELL = "results.cell"
CASES_SHOWN, CASES_A_ROW = 12, 6
TABLE_ROWS = 8  # of the cases' table before it scrolls


@st.fragment
@shared.guarded
def show_threshold(chosen: Chosen, predictions: dict[str, Predictions], split: str) -> None:
    """A fragment, so that the rest of the page stays as it is while the slider moves."""
    name, result = next(iter(predictions.items()))
    st.subheader("What the threshold changes", divider="gray")
    threshold = shared.choose_threshold(chosen.cards[name], "results")
    counts = classification.confusion(result.labels, result.probabilities, threshold)
    show_rates(counts, result, measured_on(result, split, name))
    show_charts(chosen, predictions, counts, threshold)
    show_cases(chosen, name, result, threshold)
    show_kinds(chosen, predictions, threshold)
    show_people(chosen, name, counts)


def show_rates(counts: dict[str, int], result: Predictions, measured: str) -> None:
    """Rates at the threshold with Wilson intervals, and the AUROC that no threshold moves."""
    rates = classification.rates(counts)
    tn, fp, fn, tp = (counts[key] for key in ("tn", "fp", "fn", "tp"))
    area = classification.auroc(result.labels, result.probabilities)
    tiles: tuple[tuple[str, str, str], ...] = (
        ("Sensitivity", rate(rates["sensitivity"]), span(significance.wilson(tp, tp + fn))),
        ("Specificity", rate(rates["specificity"]), span(significance.wilson(tn, tn + fp))),
        ("Precision", rate(rates["precision"]), span(significance.wilson(tp, tp + fp))),
        ("Accuracy", rate(rates["accuracy"]), span(significance.wilson(tp + tn, len(result.labels)))),
        ("AUROC", score(area), span(significance.delong_interval(result.labels, result.probabilities), score)),
        ("F1", score(rates["f1"]), ""),
    )
    with st.container(horizontal=True, gap="small"):
        for title, value, interval in tiles:
            st.metric(title, value, interval or None, delta_color="off", delta_arrow="off", width=120)
    majority = max(result.labels.mean(), 1 - result.labels.mean())
    st.caption(
        f"{measured}, with 95% intervals (Wilson’s, for AUROC DeLong’s). Always guessing the more common class would be right "
        f"{rate(majority)} of the time. The threshold does not move the AUROC."
    )


def show_charts(chosen: Chosen, predictions: dict[str, Predictions], counts: dict[str, int], threshold: float) -> None:
    """Confusion matrix of the first run; ROC and precision-recall curves of all."""
    name, scores = next(iter(predictions)), chosen.scores(predictions)
    left, middle, right = st.columns(3)
    left.plotly_chart(
        plots.confusion_cells(counts, st.session_state.get(CELL)),
        key="results.matrix",
        on_select=_take_cell,
        selection_mode="points",
        config=NO_BAR,
        alt=f"Confusion matrix. {conclusions.accuracy(chosen.title(name), counts, f'at the threshold {threshold:.3f}')}",
    )
    left.caption(f"{shared.plain(chosen.title(name))}. Bottom left: missed pneumonias. Click a cell to list its cases.")
    areas = listed([f"{title} {score(classification.auroc(*each))}" for title, each in scores.items()])
    middle.plotly_chart(
        plots.roc_curves(scores, threshold), key="results.roc", config=NO_BAR, alt=f"ROC curves. AUROC: {areas}."
    )
    middle.caption("ROC curve; the number after each name is the AUROC. ◆ marks this threshold.")
    areas = listed([f"{title} {score(classification.auprc(*each))}" for title, each in scores.items()])
    right.plotly_chart(
        plots.precision_recall_curves(scores, threshold),
        key="results.pr",
        config=NO_BAR,
        alt=f"Precision-recall curves. Average precision: {areas}.",
    )
    right.caption("Precision-recall curve; the number after each name is the average precision.")


def _take_cell() -> None:
    """The clicked cell of the matrix; a click beside them all lets go."""
    points = st.session_state["results.matrix"]["selection"]["points"]
    data = points[0].get("customdata") if points else None
    st.session_state[CELL] = data[0] if isinstance(data, list | tuple) else data


def show_cases(chosen: Chosen, name: str, result: Predictions, threshold: float) -> None:
    """The cases of the chosen cell, worst first: images where the data folder is at hand, names otherwise."""
    cell = st.pills("List the cases", list(plots.CELLS), format_func=plots.CELL_TITLES.get, key=CELL)
    if not cell:
        return
    truth, label = plots.CELLS[cell]
    called = result.probabilities >= threshold
    rows = np.flatnonzero((result.labels == truth) & (called == bool(label)))
    surprise = np.abs(result.probabilities[rows] - result.labels[rows])
    rows = rows[np.argsort(-surprise, kind="stable")]
    st.markdown(f"**{plots.CELL_TITLES[cell]}**: {counted(len(rows), 'case')}, the most surprising first")
    if not len(rows):
        return
    images = dataset_audit.case_images(result.names[rows[:CASES_SHOWN]].tolist())
    show_images(images, dict(zip(result.names[rows].tolist(), result.probabilities[rows], strict=True)), cell)
    st.dataframe(
        {
            "Probability": [probability(each) for each in result.probabilities[rows]],
            "File": result.names[rows],
            "Kind": result.subtypes[rows],
            "Patient": result.patients[rows],
        },
        hide_index=True,
        height=38 + 35 * min(TABLE_ROWS, len(rows)),
        key="results.cases",
    )
    if not images:
        st.caption(
            "The radiographs are not part of this project. To see them here, start the app with `PNEUMO_DATA=FOLDER`, the "
            "folder of the data set."
        )


def show_images(images: dict[str, np.ndarray], probabilities: dict[str, float], cell: str) -> None:
    """images: (H, W) uint8 by file name."""
    names = list(images)
    for start in range(0, len(names), CASES_A_ROW):
        row = names[start : start + CASES_A_ROW]
        for column, name in zip(st.columns(CASES_A_ROW), row, strict=False):
            short = shared.plain(name.rsplit("/", 1)[-1])
            column.image(images[name], width="stretch", alt=f"Radiograph {name}. {plots.CELL_TITLES[cell]}.")
            column.caption(f"{short}: {probability(probabilities[name])}")


def show_kinds(chosen: Chosen, predictions: dict[str, Predictions], threshold: float) -> None:
    """Misses by kind of pneumonia, the worst first."""
    rows = []
    for name, result in predictions.items():
        for each in classification.subgroups(result.labels, result.probabilities, result.subtypes.tolist(), threshold):
            missed = Interval(1 - each.ci95.high, 1 - each.ci95.low)
            rows.append(
                {
                    "model": chosen.title(name),
                    "kind": f"{conclusions.KINDS.get(each.name, each.name)} pneumonia",
                    "missed": 1 - each.value,
                    "interval": span(missed),
                    "n": each.n,
                    "run": name,
                }
            )
    if not rows:
        return
    st.markdown("**Missed, by kind of pneumonia**")
    rows.sort(key=lambda row: -row["missed"])
    table(rows, "results.kinds", {"missed": "Missed", "interval": "95%"})
    st.caption(
        "The kinds come from the file names of the set. Viral pneumonia shows less on a radiograph; a model that finds only "
        "lobar shadows is caught here."
    )


def show_people(chosen: Chosen, name: str, counts: dict[str, int]) -> None:
    """What the rates mean for a thousand patients at a prevalence."""
    rates = classification.rates(counts)
    if rates["sensitivity"] is None or rates["specificity"] is None:
        return
    st.subheader("A thousand patients", divider="gray")
    shared.keep("results.prevalence", 30)
    left, right = st.columns([2, 3], gap="large")
    share = left.slider("Prevalence of pneumonia among them", 1, 99, format="%d%%", key="results.prevalence") / 100
    figure, people = plots.people(rates["sensitivity"], rates["specificity"], share)
    ppv, npv = classification.predictive_values(rates["sensitivity"], rates["specificity"], share)
    # All of a hundred right is not certainty: what the lower confidence limits would give stands beside it.
    tn, fp, fn, tp = (counts[key] for key in ("tn", "fp", "fn", "tp"))
    limits = significance.wilson(tp, tp + fn).low, significance.wilson(tn, tn + fp).low
    worst_ppv, worst_npv = classification.predictive_values(*limits, share)
    sentence = conclusions.people(people, plots.people_counts(*limits, share))
    left.markdown(sentence)
    with left.container(horizontal=True):
        for title, value, worst, text in (
            ("PPV", ppv, worst_ppv, "Of the patients called PNEUMONIA, the share that has it."),
            ("NPV", npv, worst_npv, "Of the patients called NORMAL, the share without pneumonia."),
        ):
            at_worst = f"at worst {rate(worst)}"
            st.metric(title, rate(value), at_worst, delta_color="off", delta_arrow="off", help=text, width=125)
    left.caption(
        f"{shared.plain(chosen.title(name))} at this threshold. The worst plausible case has both rates at their lower "
        "confidence limits."
    )
    right.plotly_chart(figure, key="results.people", config=NO_BAR, alt=sentence)
