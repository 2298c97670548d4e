"""Plotly figures from plain data, one module a subject. No file is opened and no model runs here."""

from pneumo.plots.classification import (
    CELL_TITLES,
    CELLS,
    confusion_cells,
    decision_curves,
    people,
    people_counts,
    precision_recall_curves,
    reliability_curves,
    roc_curves,
)
from pneumo.plots.dataset import class_bars, class_histogram, cue_areas, image_sizes, level_curves
from pneumo.plots.diagnosis import input_check_histogram, probability_histogram
from pneumo.plots.generators import anomaly_histogram, code_against_input, code_sizes
from pneumo.plots.heatmaps import deletion_insertion, randomisation
from pneumo.plots.lessons import numbers
from pneumo.plots.robustness import CORRUPTION_TITLES, robustness_map
from pneumo.plots.training import histories, label_efficiency
from pneumo.plots.travel import travel

__all__ = [
    "CELLS",
    "CELL_TITLES",
    "CORRUPTION_TITLES",
    "anomaly_histogram",
    "class_bars",
    "class_histogram",
    "code_against_input",
    "code_sizes",
    "confusion_cells",
    "cue_areas",
    "decision_curves",
    "deletion_insertion",
    "histories",
    "image_sizes",
    "input_check_histogram",
    "label_efficiency",
    "level_curves",
    "numbers",
    "people",
    "people_counts",
    "precision_recall_curves",
    "probability_histogram",
    "randomisation",
    "reliability_curves",
    "robustness_map",
    "roc_curves",
    "travel",
]
