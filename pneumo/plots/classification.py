"""Confusion matrix, ROC, precision and recall, calibration, decision curves, people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from pneumo.metrics import calibration, classification
from pneumo.palette import COLOURS
from pneumo.plots.style import MARGIN, style
from pneumo.schema import CLASS_NAMES

CELLS = {"tn": (0, 0), "fp": (0, 1), "fn": (1, 0), "tp": (1, 1)}  # (row, column): what is true, what was said
CELL_TITLES = {
    "tn": "Rightly NORMAL",
    "fp": "Called PNEUMONIA, is NORMAL",
    "fn": "Missed: called NORMAL, is PNEUMONIA",
    "tp": "Rightly PNEUMONIA",
}
ICONS = {  # colour and shape of a person in the icon array
    "tp": (COLOURS["PNEUMONIA"], "triangle-up"),
    "fn": (COLOURS["PNEUMONIA"], "x"),
    "fp": (COLOURS["NORMAL"], "x"),
    "tn": (COLOURS["NORMAL"], "circle"),
}
PEOPLE, PEOPLE_PER_ROW = 1000, 50
Scores = Mapping[str, tuple[np.ndarray, np.ndarray]]  # run -> labels, probabilities


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
                hovertemplate=f"{CELL_TITLES[cell]}: {grid[row, column]}<br>click for the cases<extra></extra>",
            )
        )
    if chosen:
        row, column = CELLS[chosen]
        box = {"x0": column - 0.48, "x1": column + 0.48, "y0": row - 0.48, "y1": row + 0.48}
        figure.add_shape(type="rect", **box, line={"color": COLOURS["threshold"], "width": 4})
    names = list(CLASS_NAMES)
    figure.update_layout(height=330, margin=MARGIN, dragmode=False, clickmode="event+select")
    figure.update_xaxes(
        tickvals=[0, 1],
        ticktext=[f"said<br>{n}" for n in names],
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
        _curve(figure, x, y, number, f"{name} {area:.3f}", "1 - specificity %{x:.3f}, sensitivity %{y:.3f}")
        rates = classification.rates(classification.confusion(labels, probabilities, threshold))
        _point(figure, 1 - rates["specificity"], rates["sensitivity"], number, name)
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": COLOURS["band"]})
    return _square(figure, "1 - specificity", "sensitivity")


def precision_recall_curves(scores: Scores, threshold: float) -> go.Figure:
    """Precision-recall curves of the runs, with the point where each stands at the threshold."""
    figure = go.Figure()
    for number, (name, (labels, probabilities)) in enumerate(scores.items()):
        x, y = classification.precision_recall(labels, probabilities)
        area = classification.auprc(labels, probabilities)
        _curve(figure, x, y, number, f"{name} {area:.3f}", "recall %{x:.3f}, precision %{y:.3f}")
        rates = classification.rates(classification.confusion(labels, probabilities, threshold))
        if rates["precision"] is not None:
            _point(figure, rates["sensitivity"], rates["precision"], number, name)
    return _square(figure, "recall (sensitivity)", "precision")


def _curve(figure: go.Figure, x: np.ndarray, y: np.ndarray, number: int, name: str, hover: str) -> None:
    line = style(number) | {"width": 2.5}
    figure.add_trace(
        go.Scatter(x=x, y=y, mode="lines", line=line, name=name, hovertemplate=f"{name}: {hover}<extra></extra>")
    )


def _point(figure: go.Figure, x: float, y: float, number: int, name: str) -> None:
    marker = {"size": 13, "symbol": "diamond", "color": style(number)["color"], "line": {"width": 2, "color": "white"}}
    hover = f"{name} at the threshold: %{{x:.3f}}, %{{y:.3f}}<extra></extra>"
    figure.add_trace(
        go.Scatter(x=[x], y=[y], mode="markers", marker=marker, showlegend=False, cliponaxis=False, hovertemplate=hover)
    )


def _square(figure: go.Figure, x: str, y: str) -> go.Figure:
    figure.update_layout(
        height=330,
        margin=MARGIN,
        xaxis={"title": x, "range": [-0.01, 1.01]},
        yaxis={"title": y, "range": [-0.01, 1.02]},
        legend={"x": 0.99, "xanchor": "right", "y": 0.02, "yanchor": "bottom", "bgcolor": "rgba(128,128,128,.15)"},
    )
    return figure


def reliability_curves(scores: Scores, bins: int = calibration.CALIBRATION_BINS) -> go.Figure:
    """Observed share of pneumonia against the stated probability, in equally wide bins; marker area is the count."""
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
                hovertemplate=f"{name}: stated %{{x:.2f}}, observed %{{y:.2f}}, n = %{{customdata}}<extra></extra>",
            )
        )
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": COLOURS["band"]})
    figure = _square(figure, "stated probability", "share that had pneumonia")
    figure.update_layout(legend={"x": 0.01, "xanchor": "left", "y": 0.99, "yanchor": "top"}, height=380)
    return figure


def decision_curves(scores: Scores, threshold: float) -> go.Figure:
    """Net benefit per 100 patients against the threshold, beside treating everybody and nobody."""
    thresholds = np.linspace(0.01, 0.99, 99)
    figure = go.Figure()
    for number, (name, (labels, probabilities)) in enumerate(scores.items()):
        benefit = 100 * classification.net_benefit(labels, probabilities, thresholds)
        _curve(figure, thresholds, benefit, number, name, "at %{x:.2f}: %{y:.1f} per 100")
    labels, _ = next(iter(scores.values()))
    everybody = 100 * classification.net_benefit(labels, np.ones(len(labels)), thresholds)
    grey = {"color": COLOURS["band"], "width": 2}
    figure.add_trace(
        go.Scatter(x=thresholds, y=everybody, mode="lines", line=grey | {"dash": "dot"}, name="treat everybody")
    )
    figure.add_trace(go.Scatter(x=[0, 1], y=[0, 0], mode="lines", line=grey, name="treat nobody"))
    figure.add_vline(x=threshold, line={"color": COLOURS["threshold"], "width": 2, "dash": "dash"})
    top = 100 * float(np.mean(labels))
    figure.update_layout(
        height=380,
        margin=MARGIN,
        xaxis={"title": "threshold probability", "range": [0, 1]},
        yaxis={"title": "net benefit per 100 images", "range": [-0.15 * top, 1.08 * top]},
        legend={"x": 0.01, "y": 0.02, "yanchor": "bottom"},
    )
    return figure


def people(sensitivity: float, specificity: float, prevalence: float) -> tuple[go.Figure, dict[str, int]]:
    """A thousand patients at a prevalence, one icon each, ordered by what the model would say; and the four counts."""
    positive = round(PEOPLE * prevalence)
    tp, fp = round(positive * sensitivity), round((PEOPLE - positive) * (1 - specificity))
    counts = {"tp": tp, "fp": fp, "fn": positive - tp, "tn": PEOPLE - positive - fp}
    figure, start = go.Figure(), 0
    titles = {
        "tp": "sick, called PNEUMONIA",
        "fp": "healthy, called PNEUMONIA",
        "fn": "sick, missed",
        "tn": "healthy, called NORMAL",
    }
    for kind, count in counts.items():
        at = np.arange(start, start + count)
        start += count
        colour, symbol = ICONS[kind]
        marker = {"color": colour, "symbol": symbol, "size": 8}
        figure.add_trace(
            go.Scatter(
                x=at % PEOPLE_PER_ROW,
                y=at // PEOPLE_PER_ROW,
                mode="markers",
                marker=marker,
                name=f"{count} {titles[kind]}",
                hoverinfo="name",
            )
        )
    figure.update_layout(
        height=330, margin=MARGIN, dragmode=False, legend={"orientation": "h", "y": -0.05, "itemsizing": "constant"}
    )
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True, autorange="reversed")
    return figure, counts
