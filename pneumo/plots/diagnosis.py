"""Plots of one result: how it lies among known radiographs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pneumo import formatting
from pneumo.palette import COLOURS
from pneumo.plots.style import MARGIN
from pneumo.schema import CLASS_NAMES

HISTOGRAM_BINS = 25


def probability_histogram(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, marks: Sequence[float] = ()
) -> go.Figure:
    """How the probabilities of each class are distributed, with the threshold and, as lines, the files on the page."""
    figure = go.Figure()
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    for label, name in enumerate(CLASS_NAMES):
        count, _ = np.histogram(probabilities[labels == label], edges)
        figure.add_trace(
            go.Bar(
                x=(edges[1:] + edges[:-1]) / 2,
                y=count,
                width=1 / HISTOGRAM_BINS,
                name=name,
                marker={"color": COLOURS[name], "pattern": {"shape": ["", "/"][label]}},
                opacity=0.75,
                hovertemplate=f"{name}: %{{y}} images<extra></extra>",
            )
        )
    figure.add_vline(
        x=threshold,
        line={"color": COLOURS["threshold"], "width": 2, "dash": "dash"},
        annotation={
            "text": f"threshold {threshold:.3f}",
            "yanchor": "bottom",
            "y": 1,
            "xanchor": "left" if threshold < 0.5 else "right",  # towards the middle, where there is room
        },
    )
    if marks:
        figure.add_trace(
            go.Scatter(
                x=list(marks),
                y=[1] * len(marks),
                mode="markers",
                marker={"symbol": "diamond", "size": 13, "color": "white", "line": {"width": 2, "color": "black"}},
                name="files on this page",
                cliponaxis=False,
                hovertext=[formatting.probability(mark) for mark in marks],
                hovertemplate="probability %{hovertext}<extra></extra>",
            )
        )
    figure.update_layout(
        barmode="overlay",
        height=250,
        margin=MARGIN,
        legend={"orientation": "h", "y": -0.35},
        yaxis={"title": "images (log scale)", "type": "log", "rangemode": "tozero"},
        xaxis={"title": "probability of pneumonia", "range": [-0.02, 1.02]},  # room for half a mark at 0 and 1
    )
    return figure


def input_check_histogram(known: Sequence[float], limit: float, value: float, title: str) -> go.Figure:
    """A score of the input check: its distribution among validation radiographs, its limit, and where an image lies."""
    low, high = min(known), max(known)
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    count, _ = np.histogram(known, edges)
    figure = go.Figure(
        go.Bar(
            x=(edges[1:] + edges[:-1]) / 2,
            y=count,
            width=(high - low) / HISTOGRAM_BINS,
            marker={"color": COLOURS["validation"]},
            opacity=0.75,
            hovertemplate="%{x:.3g}: %{y} validation radiographs<extra></extra>",
        )
    )
    figure.add_vline(x=limit, line={"color": COLOURS["threshold"], "width": 2, "dash": "dash"})
    mark = {"symbol": "diamond", "size": 14, "color": "white", "line": {"width": 2, "color": "black"}}
    figure.add_trace(
        go.Scatter(
            x=[value],
            y=[0],
            mode="markers",
            marker=mark,
            cliponaxis=False,
            hovertemplate="this image: %{x:.3g}<extra></extra>",
        )
    )
    left, right = min(low, value), max(high, value, limit)
    room = 0.04 * (right - left)
    figure.update_layout(
        height=210,
        margin=MARGIN | {"t": 8},
        showlegend=False,
        xaxis={"title": title, "range": [left - room, right + room], "fixedrange": True},
        yaxis={"title": "radiographs", "fixedrange": True},
    )
    return figure
