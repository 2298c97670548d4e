"""Confusion matrix, ROC, precision and recall, calibration, decision curves, people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from pneumo.formatting import score
from pneumo.metrics import calibration, classification
from pneumo.palette import COLOURS
from pneumo.plots.style import MARGIN, legend_below, style
from pneumo.schema import CLASS_NAMES

CELLS = {"tn": (0, 0), "fp": (0, 1), "fn": (1, 0), "tp": (1, 1)}  # (row, column): the truth, the result
CELL_TITLES = {
    "tn": "Correct: NORMAL",
    "fp": "False alarm: NORMAL called PNEUMONIA",
    "fn": "Missed: PNEUMONIA called NORMAL",
    "tp": "Correct: PNEUMONIA",
}
ICONS = {  # colour and shape of a person in the icon array
    "tp": (COLOURS["PNEUMONIA"], "triangle-up"),
    "fn": (COLOURS["PNEUMONIA"], "x"),
    "fp": (COLOURS["NORMAL"], "x"),
    "tn": (COLOURS["NORMAL"], "circle"),
}
PEOPLE, PEOPLE_PER_ROW = 1000, 40  # more in a row touch each other on a phone
PEOPLE_TITLES = {
    "tp": "with pneumonia, found",
    "fp": "without pneumonia, false alarm",
    "fn": "with pneumonia, missed",
    "tn": "without pneumonia, called NORMAL",
}
FALSE_ALARMS = "False alarms (1 − specificity)"
FOUND = "Pneumonias found (sensitivity)"
PRECISE = "Alarms that are right (precision)"
Scores = Mapping[str, tuple[np.ndarray, np.ndarray]]  # name of a run -> labels, probabilities


def confusion_cells(counts: Mapping[str, int], chosen: str | None = None) -> go.Figure:
    """The confusion matrix with a place to click in every cell: its marker's customdata is tn, fp, fn or tp."""
    grid = np.zeros((2, 2), dtype=int)
    for cell, (row, column) in CELLS.items():
        grid[row, column] = counts[cell]
    shares = grid / np.maximum(grid.sum(1, keepdims=True), 1)
    figure = go.Figure(
        go.Heatmap(z=shares, colorscale="Blues", zmin=0, zmax=1, showscale=False, hoverinfo="skip", xgap=3, ygap=3)
    )
    for cell, (row, column) in CELLS.items():
        # Heatmap cells give no selection events in Streamlit; a large, all but invisible marker over each does.
        figure.add_trace(
            go.Scatter(
                x=[column],
                y=[row],
                mode="markers+text",
                text=[f"<b>{grid[row, column]}</b><br>{shares[row, column]:.1%}"],
                textfont={"size": 17, "color": "white" if shares[row, column] > 0.5 else "black"},
                marker={"size": 90, "symbol": "square", "opacity": 0.01, "color": "black"},
                selected={"marker": {"opacity": 0.01}},
                unselected={"marker": {"opacity": 0.01}},
                customdata=[cell],
                showlegend=False,
                hovertemplate=f"{CELL_TITLES[cell]}: {grid[row, column]}<br>Click to list these cases<extra></extra>",
            )
        )
    if chosen:
        row, column = CELLS[chosen]
        box = {"x0": column - 0.48, "x1": column + 0.48, "y0": row - 0.48, "y1": row + 0.48}
        figure.add_shape(type="rect", **box, line={"color": COLOURS["threshold"], "width": 4})
    names = list(CLASS_NAMES)
    figure.update_layout(height=330, margin=MARGIN | {"t": 12}, dragmode=False, clickmode="event+select")
    figure.update_xaxes(
        tickvals=[0, 1],
        ticktext=[f"called<br>{n}" for n in names],
        tickangle=0,
        range=[-0.5, 1.5],
        fixedrange=True,
        zeroline=False,
    )
    figure.update_yaxes(
        tickvals=[0, 1], ticktext=[f"is<br>{n}" for n in names], range=[1.5, -0.5], fixedrange=True, zeroline=False
    )
    return figure


def roc_curves(scores: Scores, threshold: float) -> go.Figure:
    """ROC curves of the runs, with the point where each stands at the threshold."""
    figure = go.Figure()
    for number, (name, (labels, probabilities)) in enumerate(scores.items()):
        x, y, _ = classification.roc(labels, probabilities)
        area = classification.auroc(labels, probabilities)
        _curve(figure, x, y, number, f"{name}: {score(area)}", "false alarms %{x:.1%}, found %{y:.1%}")
        rates = classification.rates(classification.confusion(labels, probabilities, threshold))
        _point(figure, 1 - rates["specificity"], rates["sensitivity"], number, name)
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": COLOURS["band"]})
    return _square(figure, FALSE_ALARMS, FOUND)


def precision_recall_curves(scores: Scores, threshold: float) -> go.Figure:
    """Precision-recall curves of the runs, with the point where each stands at the threshold."""
    figure = go.Figure()
    for number, (name, (labels, probabilities)) in enumerate(scores.items()):
        x, y = classification.precision_recall(labels, probabilities)
        area = classification.auprc(labels, probabilities)
        _curve(figure, x, y, number, f"{name}: {score(area)}", "found %{x:.1%}, alarms that are right %{y:.1%}")
        rates = classification.rates(classification.confusion(labels, probabilities, threshold))
        if rates["precision"] is not None:
            _point(figure, rates["sensitivity"], rates["precision"], number, name)
    return _square(figure, FOUND, PRECISE)


def _curve(figure: go.Figure, x: np.ndarray, y: np.ndarray, number: int, name: str, hover: str) -> None:
    line = style(number) | {"width": 2.5}
    figure.add_trace(
        go.Scatter(x=x, y=y, mode="lines", line=line, name=name, hovertemplate=f"{name}: {hover}<extra></extra>")
    )


def _point(figure: go.Figure, x: float, y: float, number: int, name: str) -> None:
    marker = {"size": 13, "symbol": "diamond", "color": style(number)["color"], "line": {"width": 2, "color": "white"}}
    hover = f"{name} at this threshold: %{{x:.1%}}, %{{y:.1%}}<extra></extra>"
    figure.add_trace(
        go.Scatter(x=[x], y=[y], mode="markers", marker=marker, showlegend=False, cliponaxis=False, hovertemplate=hover)
    )


def _square(figure: go.Figure, x: str, y: str, height: int = 330) -> go.Figure:
    figure.update_layout(
        height=height,
        margin=MARGIN | {"t": 12, "r": 24},  # room for the last label
        xaxis={"title": x, "range": [-0.01, 1.01], "tickformat": ".0%", "dtick": 0.2},
        yaxis={"title": y, "range": [-0.01, 1.02], "tickformat": ".0%", "dtick": 0.2},
    )
    return legend_below(figure)


def reliability_curves(scores: Scores, bins: int = calibration.CALIBRATION_BINS) -> go.Figure:
    """Observed share of pneumonia against the predicted probability, in equally wide bins; marker area is the count."""
    figure = go.Figure()
    for number, (name, (labels, probabilities)) in enumerate(scores.items()):
        index = np.minimum((probabilities * bins).astype(int), bins - 1)
        used = [b for b in range(bins) if (index == b).any()]
        counts = np.array([int((index == b).sum()) for b in used])
        figure.add_trace(
            go.Scatter(
                x=[float(probabilities[index == b].mean()) for b in used],
                y=[float(labels[index == b].mean()) for b in used],
                mode="lines+markers",
                name=name,
                marker={
                    "size": 6 + 20 * np.sqrt(counts / counts.max()),
                    "color": style(number)["color"],
                    "opacity": 0.7,
                },
                line=style(number) | {"width": 1.5},
                cliponaxis=False,  # the largest circles lie at 0 and 1
                customdata=counts,
                hovertemplate=f"{name}: predicted %{{x:.3f}}, observed %{{y:.1%}}, n = %{{customdata}}<extra></extra>",
            )
        )
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": COLOURS["band"]})
    figure = _square(figure, "Predicted probability of pneumonia", "Radiographs that had pneumonia", height=380)
    return figure.update_xaxes(tickformat=".1f")


def decision_curves(scores: Scores, threshold: float) -> go.Figure:
    """Net benefit per 100 radiographs against the threshold, beside treating everybody and nobody."""
    thresholds = np.linspace(0.01, 0.99, 99)
    figure = go.Figure()
    for number, (name, (labels, probabilities)) in enumerate(scores.items()):
        benefit = 100 * classification.net_benefit(labels, probabilities, thresholds)
        _curve(figure, thresholds, benefit, number, name, "threshold %{x:.2f}, net benefit %{y:.1f} per 100")
    labels, _ = next(iter(scores.values()))
    everybody = 100 * classification.net_benefit(labels, np.ones(len(labels)), thresholds)
    grey = {"color": COLOURS["band"], "width": 2}
    figure.add_trace(
        go.Scatter(x=thresholds, y=everybody, mode="lines", line=grey | {"dash": "dot"}, name="Treat everybody")
    )
    figure.add_trace(go.Scatter(x=[0, 1], y=[0, 0], mode="lines", line=grey, name="Treat nobody"))
    figure.add_vline(x=threshold, line={"color": COLOURS["threshold"], "width": 2, "dash": "dash"})
    top = 100 * float(np.mean(labels))
    figure.update_layout(
        height=380,
        margin=MARGIN | {"t": 12},
        xaxis={"title": "Threshold", "range": [0, 1]},
        yaxis={"title": "Net benefit per 100 radiographs", "range": [-0.15 * top, 1.08 * top]},
    )
    return legend_below(figure)


def people(sensitivity: float, specificity: float, prevalence: float) -> tuple[go.Figure, dict[str, int]]:
    """A thousand patients at a prevalence, one icon each, ordered by what the model would say; and the four counts."""
    counts = people_counts(sensitivity, specificity, prevalence)
    figure, start = go.Figure(), 0
    for kind in PEOPLE_TITLES:  # those called PNEUMONIA first
        at = np.arange(start, start + counts[kind])
        start += counts[kind]
        colour, symbol = ICONS[kind]
        figure.add_trace(
            go.Scatter(
                x=at % PEOPLE_PER_ROW,
                y=at // PEOPLE_PER_ROW,
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 8},
                name=f"{counts[kind]} {PEOPLE_TITLES[kind]}",
                hoverinfo="name",
            )
        )
    figure.update_layout(height=360, margin=MARGIN | {"t": 8}, dragmode=False)
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True, autorange="reversed")
    return legend_below(figure), counts


def people_counts(sensitivity: float, specificity: float, prevalence: float) -> dict[str, int]:
    """tn, fp, fn, tp among a thousand patients. All three in 0..1."""
    positive = round(PEOPLE * prevalence)
    tp, fp = round(positive * sensitivity), round((PEOPLE - positive) * (1 - specificity))
    return {"tp": tp, "fp": fp, "fn": positive - tp, "tn": PEOPLE - positive - fp}
