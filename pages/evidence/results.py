"""Results: how runs were trained and how often they are right, from the files they left behind."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pneumo import plots, runs
from pneumo.inference import dataset_audit
from pneumo.metrics import calibration, classification, leaderboard, significance
from pneumo.runs import experiment_tables
from pneumo.schema import PneumoError, Predictions, RunCard

PART_TITLES = {"test": "Internal test", "validation": "Validation", "left_out": "Left-out cluster"}
PART_NOTES = {
    "test": "Patients who took no part in training or in any choice; read once per run, after everything was fixed.",
    "validation": "Patients on whom weights, temperature and thresholds were chosen: expect these figures to flatter.",
    "left_out": "A cluster of pictures that was kept out of training.",
}
HISTORY = ("loss", "accuracy", "precision", "recall", "specificity", "f1", "auroc")
THRESHOLD, CELL, PRESET = "evidence.threshold", "evidence.cell", "evidence.preset"
CASES_SHOWN = 12
TITLES = {"auroc": "AUROC", "f1": "F1", "mcc": "MCC", "ece": "ECE"}  # what is no plain word


def main() -> None:
    st.title("Results")
    st.caption("Every figure here is computed from the files of trained runs: none is typed in.")
    names, split = choose()
    cards = {name: shared.load_card(name) for name in names}
    predictions = {name: shared.load_predictions(name).split(split) for name in names}
    predictions = {name: result for name, result in predictions.items() if len(result.labels)}
    if not predictions:
        st.info("None of the chosen runs has figures on these patients. Choose another run, or the other patients.")
        st.stop()
    show_threshold(cards, predictions, split)
    show_belief(predictions, cards)
    show_tests(predictions, cards)
    show_robustness(list(predictions))
    show_training(names, cards)
    show_leaderboard(split)
    show_experiments()


def choose() -> tuple[list[str], str]:
    """The runs, the default one first, and the patients to look at."""
    try:
        known, default = runs.available("classification"), runs.default_name()
    except PneumoError as error:
        st.error(f"No model can be used: {error}")
        st.stop()
    known.sort(key=lambda name: (name != default, name))
    left, right = st.columns([3, 2], gap="large")
    chosen = shared.keep("evidence.runs", known[:1])
    if not set(chosen) <= set(known):  # a run that is no longer there
        st.session_state["evidence.runs"] = known[:1]
    names = left.multiselect(
        "Runs",
        known,
        key="evidence.runs",
        help="The first one gives the confusion matrix and the cases.",
    )
    if not names:
        st.info("Choose one run or more.")
        st.stop()
    splits = [p for p in PART_TITLES if any(p in shared.load_card(name).metrics for name in names)]
    shared.keep("evidence.part", splits[0], splits)
    split = right.segmented_control("Patients", splits, format_func=PART_TITLES.get, key="evidence.part", required=True)
    st.caption(PART_NOTES[split])
    return names, split


# --- one threshold through everything ---------------------------------------------------------------------


@st.fragment
def show_threshold(cards: dict[str, RunCard], predictions: dict[str, Predictions], split: str) -> None:
    """Matrix, rates, ROC and precision-recall move together; a fragment, so that the rest of the page stays as it is."""
    name = next(iter(predictions))
    card, result = cards[name], predictions[name]
    st.subheader("Right and wrong", divider="gray")
    threshold = choose_threshold(card)
    counts = classification.confusion(result.labels, result.probabilities, threshold)
    show_rates(name, counts, result, threshold)
    scores = {run: (p.labels, p.probabilities) for run, p in predictions.items()}
    left, middle, right = st.columns(3)
    with left:
        chosen = st.session_state.get(CELL)
        event = st.plotly_chart(
            plots.confusion_cells(counts, chosen),
            key="evidence.matrix",
            on_select=take_cell,
            selection_mode="points",
            config={"displayModeBar": False},
        )
        del event  # read in take_cell
        st.caption(f"{name}. Bottom left are the dangerous ones: pneumonia called NORMAL. Click a cell for its cases.")
    middle.plotly_chart(plots.roc_curves(scores, threshold), key="evidence.roc", config={"displayModeBar": False})
    middle.caption("ROC; behind each name its area. ◆ where each run stands at this threshold.")
    right.plotly_chart(
        plots.precision_recall_curves(scores, threshold), key="evidence.pr", config={"displayModeBar": False}
    )
    right.caption("Precision and recall; behind each name the average precision.")
    show_cases(name, result, threshold)
    show_people(name, counts)
    show_subgroups(predictions, threshold)


def choose_threshold(card: RunCard) -> float:
    """The slider and its presets, kept in step."""
    points = {point.name: point for point in card.operating_points}
    if st.session_state.get("evidence.run_of_threshold") != card.name:
        st.session_state["evidence.run_of_threshold"] = card.name
        st.session_state[PRESET] = card.default_point
        st.session_state[THRESHOLD] = points[card.default_point].threshold
    shared.keep_all({PRESET: card.default_point, THRESHOLD: points[card.default_point].threshold})

    def take_preset() -> None:
        if st.session_state[PRESET] in points:
            st.session_state[THRESHOLD] = points[st.session_state[PRESET]].threshold

    st.pills(
        "Operating point",
        list(points),
        format_func=lambda point: points[point].title,
        key=PRESET,
        on_change=take_preset,
        help=" ".join(f"{p.title}: {p.threshold:.3f}, chosen on {p.chosen_on}." for p in points.values()),
    )
    return st.slider(
        "PNEUMONIA at or above this probability",
        0.0,
        1.0,
        step=0.001,
        format="%.3f",
        key=THRESHOLD,
        on_change=lambda: st.session_state.update({PRESET: None}),
    )


def show_rates(name: str, counts: dict[str, int], result: Predictions, threshold: float) -> None:
    """Rates at the threshold with Wilson intervals, and the area that no threshold moves."""
    rates = classification.rates(counts)
    tn, fp, fn, tp = (counts[key] for key in ("tn", "fp", "fn", "tp"))
    tiles: tuple[tuple[str, float | None, object], ...] = (
        ("Sensitivity", rates["sensitivity"], significance.wilson(tp, tp + fn)),
        ("Specificity", rates["specificity"], significance.wilson(tn, tn + fp)),
        ("Precision", rates["precision"], significance.wilson(tp, tp + fp)),
        ("Accuracy", rates["accuracy"], significance.wilson(tp + tn, len(result.labels))),
        ("F1", rates["f1"], None),
        (
            "AUROC",
            classification.auroc(result.labels, result.probabilities),
            significance.delong_interval(result.labels, result.probabilities),
        ),
    )
    for column, (title, value, interval) in zip(st.columns(len(tiles)), tiles, strict=True):
        column.metric(title, "–" if value is None else f"{value:.3f}")
        column.caption(f"{interval.low:.3f} to {interval.high:.3f}" if interval else " ")
    majority = max(result.labels.mean(), 1 - result.labels.mean())
    st.caption(
        f"n = {len(result.labels)} radiographs of {len(set(result.patients))} patients ({name}, threshold {threshold:.3f}). Beneath each "
        f"its 95% interval: Wilson, for AUROC DeLong. Always answering with the commoner class is right for {majority:.1%}."
    )


def take_cell() -> None:
    """The clicked cell of the matrix; a click beside them all lets go."""
    points = st.session_state["evidence.matrix"]["selection"]["points"]
    data = points[0].get("customdata") if points else None
    st.session_state[CELL] = data[0] if isinstance(data, list | tuple) else data


def show_cases(name: str, result: Predictions, threshold: float) -> None:
    """The cases of the chosen cell, worst first: pictures where the data folder is at hand, names otherwise."""
    cell = st.pills(
        "Cases of a cell",
        list(plots.CELLS),
        format_func=plots.CELL_TITLES.get,
        key=CELL,
        help="The same as a click in the matrix.",
    )
    if not cell:
        return
    called = result.probabilities >= threshold
    truth, said = plots.CELLS[cell]
    rows = np.flatnonzero((result.labels == truth) & (called == bool(said)))
    surprise = np.abs(result.probabilities[rows] - result.labels[rows])
    rows = rows[np.argsort(-surprise, kind="stable")]
    st.markdown(f"**{plots.CELL_TITLES[cell]}: {len(rows)}** ({name}), the most surprising first")
    if not len(rows):
        return
    images = dataset_audit.case_images(result.names[rows[:CASES_SHOWN]].tolist())
    if images:
        for column, (case, pixels) in zip(_grid(len(images), 6), images.items(), strict=True):
            row = rows[result.names[rows].tolist().index(case)]
            column.image(pixels, width="stretch")
            column.caption(f"{shared.plain(case.rsplit('/', 1)[-1])}: {shared.probability(result.probabilities[row])}")
    st.dataframe(
        {
            "file": result.names[rows],
            "patient": result.patients[rows],
            "subtype": result.subtypes[rows],
            "probability": result.probabilities[rows],
        },
        column_config={"probability": st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0)},
        hide_index=True,
        height=min(320, 38 + 35 * len(rows)),
        key="evidence.cases",
    )
    if not images:
        st.caption(
            "The pictures are not part of this project. Where the folder they come from is at hand, start the app with PNEUMO_DATA=FOLDER to see them."
        )


def _grid(count: int, width: int) -> list[st.delta_generator.DeltaGenerator]:
    columns = []
    for start in range(0, count, width):
        columns += st.columns(width)[: count - start]
    return columns


def show_people(name: str, counts: dict[str, int]) -> None:
    """What the rates mean for a thousand patients at a prevalence."""
    st.subheader("A thousand patients", divider="gray")
    rates = classification.rates(counts)
    if rates["sensitivity"] is None or rates["specificity"] is None:
        st.caption("Needs both classes.")
        return
    left, right = st.columns([1, 3], gap="large")
    with left:
        shared.keep("evidence.prevalence", 30)
        prevalence = st.slider(
            "Prevalence of pneumonia among those X-rayed", 1, 99, format="%d%%", key="evidence.prevalence"
        )
        figure, people = plots.people(rates["sensitivity"], rates["specificity"], prevalence / 100)
        ppv, npv = classification.predictive_values(rates["sensitivity"], rates["specificity"], prevalence / 100)
        # A hundred of a hundred right is not certainty: what the lower ends of both intervals would give stands beneath.
        tn, fp, fn, tp = (counts[key] for key in ("tn", "fp", "fn", "tp"))
        ends = significance.wilson(tp, tp + fn).low, significance.wilson(tn, tn + fp).low
        low_ppv, low_npv = classification.predictive_values(*ends, prevalence / 100)
        st.metric("PPV", shared.percent(ppv), help="Of those called PNEUMONIA, the share that has it.")
        st.caption(f"{shared.percent(low_ppv)} at the intervals' lower ends")
        st.metric("NPV", shared.percent(npv), help="Of those called NORMAL, the share that is.")
        st.caption(f"{shared.percent(low_npv)} at the intervals' lower ends")
        st.caption(f"{people['fn']} sick are missed, {people['fp']} healthy are alarmed ({name}, this threshold).")
    right.plotly_chart(figure, key="evidence.people", config={"displayModeBar": False})


def show_subgroups(predictions: dict[str, Predictions], threshold: float) -> None:
    """Sensitivity to bacterial and viral pneumonia apart."""
    rows = []
    for name, result in predictions.items():
        for each in classification.subgroups(result.labels, result.probabilities, result.subtypes.tolist(), threshold):
            rows.append(
                {
                    "run": name,
                    "kind": each.name,
                    "n": each.n,
                    "sensitivity": each.value,
                    "95%": f"{each.ci95.low:.3f} to {each.ci95.high:.3f}",
                }
            )
    if rows:
        st.subheader("Kinds of pneumonia", divider="gray")
        st.dataframe(rows, hide_index=True, key="evidence.subgroups", column_config={"sensitivity": _number()})
        st.caption(
            "From the file names of the set. Viral pneumonia shows less on a radiograph; a model that only finds lobar shadows is caught here."
        )


# --- probabilities, differences, stress -------------------------------------------------------------------


def show_belief(predictions: dict[str, Predictions], cards: dict[str, RunCard]) -> None:
    """Reliability and decision curves."""
    st.subheader("Are the probabilities to be believed?", divider="gray")
    scores = {name: (p.labels, p.probabilities) for name, p in predictions.items()}
    left, right = st.columns(2)
    left.plotly_chart(plots.reliability_curves(scores), key="evidence.reliability")
    left.caption("On the dotted line a stated probability is what happens. Marker area: number of images.")
    first = next(iter(predictions))
    right.plotly_chart(plots.decision_curves(scores, cards[first].point().threshold), key="evidence.decision")
    right.caption(
        "Decision curve: above both grey lines, acting on the model does more good than treating everybody or nobody."
    )
    rows = [
        {
            "run": name,
            "n": len(p.labels),
            "Brier": calibration.brier(p.labels, p.probabilities),
            "ECE": calibration.ece(p.labels, p.probabilities),
            "ECE before calibration": calibration.ece(p.labels, calibration.calibrated(p.logits)),
            "temperature": cards[name].temperature,
            "bias": cards[name].bias,
        }
        for name, p in predictions.items()
    ]
    columns = {key: _number() for key in ("Brier", "ECE", "ECE before calibration", "temperature", "bias")}
    st.dataframe(rows, hide_index=True, key="evidence.calibration", column_config=columns)


def show_tests(predictions: dict[str, Predictions], cards: dict[str, RunCard]) -> None:
    """Whether the first run differs from each of the others, on the images they share."""
    if len(predictions) < 2:
        return
    st.subheader("Is the difference more than chance?", divider="gray")
    first, *others = predictions
    rows = []
    for other in others:
        one, two = _shared(predictions[first], predictions[other])
        if len(np.unique(one.labels)) < 2:
            continue
        areas = significance.delong_test(one.labels, one.probabilities, two.probabilities)
        calls = significance.mcnemar_test(
            one.labels,
            one.probabilities >= cards[first].point().threshold,
            two.probabilities >= cards[other].point().threshold,
        )
        rows.append(
            {
                "compared": f"{first} against {other}",
                "n": len(one.labels),
                "AUROC gained": areas.first - areas.second,
                "95% (DeLong)": f"{areas.ci95.low:+.4f} to {areas.ci95.high:+.4f}",
                "p (DeLong)": areas.p,
                "only first right": int(calls.first),
                "only second right": int(calls.second),
                "p (McNemar)": calls.p,
            }
        )
    if not rows:
        st.info("These runs share no images of both classes.")
        return
    columns = {"AUROC gained": st.column_config.NumberColumn(format="%.4f")} | {
        key: _number() for key in ("p (DeLong)", "p (McNemar)")
    }
    st.dataframe(rows, hide_index=True, key="evidence.tests", column_config=columns)
    st.caption(
        "DeLong compares the rankings, McNemar the labels, each run at its own default threshold. Both take images as independent, which "
        "several images of one patient are not: read p values as a lower limit."
    )


def _shared(one: Predictions, two: Predictions) -> tuple[Predictions, Predictions]:
    """Both, cut to the images both have, in the same order."""
    _, first, second = np.intersect1d(one.names, two.names, return_indices=True)

    def cut(result: Predictions, rows: np.ndarray) -> Predictions:
        return Predictions(*(column[rows] for column in vars(result).values()))

    return cut(one, first), cut(two, second)


def show_robustness(names: list[str]) -> None:
    """What each run loses when held-out pictures are spoiled."""
    st.subheader("Under stress", divider="gray")
    result = {name: shared.load_robustness(name) for name in names}
    result = {name: each for name, each in result.items() if each}
    if not result:
        st.caption("Not measured for these runs: `python -m pneumo robustness RUN --data FOLDER --adopt`.")
        return
    shared.keep("evidence.stress", "auroc_lost")
    shown = st.segmented_control(
        "Show",
        ["auroc_lost", "sensitivity", "specificity"],
        format_func={"auroc_lost": "AUROC lost", "sensitivity": "Sensitivity", "specificity": "Specificity"}.get,
        key="evidence.stress",
        required=True,
    )
    st.plotly_chart(
        plots.robustness_map({name: each.rows for name, each in result.items()}, shown), key="evidence.stress_map"
    )
    one = next(iter(result.values()))
    st.caption(
        f"Radiographs of held-out patients, spoiled in three severities (n = {one.n} {one.split} images of {one.patients} patients). Rates at each "
        "run's default threshold, which stays where it is: a model can rank well and still call everybody sick."
    )
    rows = [
        {
            "run": name,
            "n": each.family_probe.n,
            "from the model's features": each.family_probe.auroc,
            "from grey levels": each.family_probe.baseline,
        }
        for name, each in result.items()
        if each.family_probe
    ]
    if rows:
        st.markdown("**Does the model know which file a picture came from?**")
        columns = {key: _number() for key in ("from the model's features", "from grey levels")}
        st.dataframe(rows, hide_index=True, key="evidence.probe", column_config=columns)
        st.caption(
            "AUROC of a linear probe that tells NORMAL files named IM- from those named NORMAL2-, five folds over patients. .5 would mean the features "
            "say nothing about the origin of a file; what they do say can serve as a shortcut."
        )


# --- training, league, experiments ------------------------------------------------------------------------


def show_training(names: list[str], cards: dict[str, RunCard]) -> None:
    """Figures by epoch, runs overlaid."""
    st.subheader("How they were trained", divider="gray")
    result = {name: shared.load_history(name) for name in names}
    result = {name: rows for name, rows in result.items() if rows}
    if not result:
        st.caption("An ensemble is not trained: its members are.")
        return
    left, right = st.columns([4, 1])
    shared.keep_all({"evidence.figure": "loss", "evidence.log": False})
    figure = left.segmented_control(
        "Figure",
        HISTORY,
        format_func=lambda name: TITLES.get(name, name),
        key="evidence.figure",
        required=True,
    )
    log_scale = right.toggle("Log scale", key="evidence.log")
    best = {name: cards[name].best_epoch for name in result}
    st.plotly_chart(plots.histories(result, best, figure, log_scale), key="evidence.curves")
    st.caption(
        "Solid: validation, dotted: as many fixed training images, both without augmentation and in evaluation mode. "
        + " ".join(
            f"{name}: {cards[name].epochs_run} epochs, {cards[name].minutes:.0f} minutes on {cards[name].hardware}."
            for name in result
        )
    )


def show_leaderboard(split: str) -> None:
    """Every run beside the others and beside what was reported elsewhere."""
    st.subheader("League table", divider="gray")
    cards = [shared.load_card(name) for name in runs.available("classification")]
    people = [card for card in cards if not card.data.source.startswith("phantom")]
    columns = {
        name: st.column_config.NumberColumn(TITLES.get(name, name), format="%.3f") for name in leaderboard.FIGURES
    } | {
        "auroc_ci95": "AUROC, 95%",
        "accuracy_ci95": "accuracy, 95%",
        "image_px": "pixels",
        "megabytes": st.column_config.NumberColumn(format="%.1f"),
        "minutes": st.column_config.NumberColumn(format="%.0f"),
    }
    order = ["run", "auroc", "auroc_ci95", "accuracy", "accuracy_ci95", "sensitivity", "specificity", "f1", "mcc", "ece", "n", "patients", "parameters", "minutes", "megabytes", "image_px"]  # fmt: skip
    shown = leaderboard.rows(people, split)
    st.dataframe(shown, hide_index=True, key="evidence.league", column_config=columns, column_order=order)
    st.caption(
        f"Ours: {PART_TITLES[split].lower()}, each run at its default threshold, 95% intervals. Intervals that overlap widely are a tie. "
        "An ensemble's minutes and megabytes are its members' together."
    )
    st.markdown("**Reported elsewhere, on the official test part (n = 624)**")
    reported = leaderboard.reported_rows()
    st.dataframe(reported, hide_index=True, key="evidence.reported", column_config=columns, placeholder="–")
    st.caption(
        "Other patients than ours above, and harder ones: the two tables cannot be compared line by line. The official test part was not read "
        "for anything on this page. Intervals: Wilson, at n = 624."
    )


def show_experiments() -> None:
    """Tables that experiments left: label efficiency, folds, clusters left out."""
    result = experiment_tables.available()
    if not result:
        return
    st.subheader("Experiments", divider="gray")
    for name in result:
        table = experiment_tables.read(name)
        st.markdown(f"**{table.title}**")
        if table.kind == "labels":
            st.plotly_chart(plots.label_efficiency(table.rows), key=f"evidence.experiment.{name}")
        else:
            st.dataframe(table.rows, hide_index=True, key=f"evidence.experiment.{name}")
        st.caption(table.note)


def _number() -> object:
    return st.column_config.NumberColumn(format="%.3f")


main()
