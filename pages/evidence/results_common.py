"""What the tabs of the Results page share: the chosen runs, the conclusion on top, and how tables write numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages import shared
from pneumo.metrics import leaderboard
from pneumo.runs.evaluations import ADULTS, OFFICIAL, in_order, title_of
from pneumo.runs.names import name_of
from pneumo.schema import PneumoError, Predictions, RunCard

NOTES = {
    OFFICIAL: "These children were set apart by those who collected the radiographs. A referee read them once with the finished "
    "runs, and no choice was made on them.",
    ADULTS: "Adults of another country, with labels that a program took from the reports. No model here learned from adults. A "
    "referee read them once with the finished runs, and no choice was made on them.",
    "test": "These patients were held out of training and of every choice; they come from the same source as the training "
    "patients.",
    "validation": "Weights, calibration and thresholds were chosen on these patients, so the metrics are optimistic.",
    "left_out": "A cluster of images that was kept out of training.",
}
NO_BAR = {"displayModeBar": False}
RATES = (*leaderboard.RATES, "missed")  # columns of shares
TITLES = {  # of the columns of tables
    "auroc": "AUROC",
    "auroc_ci95": "AUROC, 95%",
    "auprc": "Average precision",
    "accuracy_ci95": "Accuracy, 95%",
    "sensitivity_ci95": "Sensitivity, 95%",
    "specificity_ci95": "Specificity, 95%",
    "f1": "F1",
    "mcc": "MCC",
    "ece": "Calibration error",
    "brier": "Brier score",
    "n": "Radiographs",
    "image_px": "Pixels",
    "megabytes": "MB",
}


@dataclass(frozen=True, eq=False)
class Chosen:
    """The runs a visitor chose, the one that gives the conclusions first. cards: by run."""

    names: tuple[str, ...]
    cards: Mapping[str, RunCard]

    def title(self, run: str) -> str:
        """The run's name for people."""
        return name_of(self.cards[run])

    def bold(self, run: str) -> str:
        """The same as Markdown for a sentence."""
        return f"**{shared.plain(self.title(run))}**"

    def choose_patients(self) -> str:
        """The set to look at, e.g. "official_test" or "validation". For the tabs whose metrics depend on it."""
        sets = in_order({split for name in self.names for split in self.cards[name].metrics})
        shared.keep("results.patients", sets[0], sets)
        return st.segmented_control("Patients", sets, format_func=title_of, key="results.patients", required=True)

    def predictions(self, split: str) -> dict[str, Predictions]:
        """What the runs predicted for the patients, by run. A file that cannot be read is said and leaves the others."""
        result = {}
        for name in self.names:
            try:
                predictions = shared.load_set(name, split) if split in self.cards[name].metrics else None
            except PneumoError as error:
                st.error(shared.plain(str(error)), icon=":material/error:")
                continue
            if predictions is not None and len(predictions.labels):
                result[name] = predictions
        if not result:
            st.info("The chosen models have no predictions for these patients. Choose another model or other patients.")
        return result

    def scores(self, predictions: Mapping[str, Predictions]) -> dict[str, tuple[Any, Any]]:
        """Labels and probabilities by the name for people, as the plots take them."""
        return {self.title(name): (each.labels, each.probabilities) for name, each in predictions.items()}


def note_of(split: str) -> str:
    """What has to be known of a set beside its figures."""
    return NOTES.get(split, "Measured here, with `evaluate`; no choice of this project was made on it.")


def conclude(sentence: str, *notes: str) -> None:
    """The conclusion of a tab, and what has to be known with it."""
    with st.container(border=True):
        st.markdown(sentence)
        for note in filter(None, notes):
            st.caption(note)


def measured_on(predictions: Predictions, split: str, run: str) -> str:
    """ "501 radiographs of 263 patients (internal test, run resnet18_fine_tuned)", as Markdown."""
    return (
        f"{len(predictions.labels):,} radiographs of {len(set(predictions.patients)):,} patients ({title_of(split).lower()}, "
        f"run {shared.plain(run)})"
    )


def table(rows: Iterable[Mapping[str, Any]], key: str, titles: Mapping[str, str] | None = None, **options: Any) -> None:
    """A table whose rates read 93.4% and whose scores read 0.997. titles: of columns beside those of this module."""
    rows = [
        {name: 100 * value if name in RATES and value is not None else value for name, value in row.items()}
        for row in rows
    ]
    known = TITLES | dict(titles or {})
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: _column(name, known.get(name, name[:1].upper() + name[1:]), rows) for name in names}
    st.dataframe(rows, hide_index=True, key=key, column_config=columns, placeholder="–", **options)


def _column(name: str, title: str, rows: list[Mapping[str, Any]]) -> Any:
    if name in RATES:
        return st.column_config.NumberColumn(title, format="%.1f%%")
    if name in ("model", "compared"):
        return st.column_config.TextColumn(title, pinned=True)
    numbers = [row[name] for row in rows if isinstance(row.get(name), float)]
    if numbers:
        whole = name == "minutes" or all(number == round(number) for number in numbers)
        return st.column_config.NumberColumn(
            title, format="%.0f" if whole else "%.1f" if name == "megabytes" else "%.3f"
        )
    return title
