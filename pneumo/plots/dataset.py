"""Plots of a data set: classes, sizes, grey levels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from pneumo.palette import COLOURS
from pneumo.plots.style import MARGIN
from pneumo.schema import CLASS_NAMES

PATTERNS = (  # NORMAL plain, PNEUMONIA hatched, for those who see no difference of colour
    {"shape": ""},
    {"shape": "/", "fillmode": "overlay", "fgcolor": "white", "size": 7, "solidity": 0.25},
)


def class_bars(counts: dict[str, dict[str, int]]) -> go.Figure:
    """Images of each class in each split, the first one on top. counts: split -> class name -> images."""
    figure = go.Figure()
    most = max(1, *(n for count in counts.values() for n in count.values()))
    for name, pattern in zip(CLASS_NAMES, PATTERNS, strict=True):
        images = [count[name] for count in counts.values()]
        figure.add_trace(
            go.Bar(
                y=list(counts),
                x=images,
                orientation="h",
                name=name,
                text=[f"{n:,}" for n in images],
                textposition="outside",
                cliponaxis=False,
                marker={"color": COLOURS[name], "pattern": pattern},
                hovertemplate=f"%{{y}}, {name}: %{{x:,}} images<extra></extra>",
            )
        )
    figure.update_layout(
        barmode="group",
        height=110 + 62 * len(counts),
        margin=MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        xaxis={"title": "images", "range": [0, 1.2 * most]},  # room for the numbers
        yaxis={"autorange": "reversed"},
        dragmode=False,
    )
    return figure


def class_histogram(
    values: dict[str, np.ndarray], edges: np.ndarray, title: str, of: str, *, beside: bool = False
) -> go.Figure:
    """How a quantity is distributed in each class, as shares of the class, so that the larger one hides nothing.

    values: class name -> (n,). edges: of the bins. title: of the quantity. of: what is counted, e.g. "images".
    beside: the classes' bars side by side, for few bins, and not one over the other.
    """
    figure = go.Figure()
    for name, pattern in zip(CLASS_NAMES, PATTERNS, strict=True):
        count, _ = np.histogram(values[name], edges)
        figure.add_trace(
            go.Bar(
                x=(edges[1:] + edges[:-1]) / 2,
                y=count / max(1, len(values[name])),
                customdata=count,
                name=f"{name} (n = {len(values[name]):,})",
                marker={"color": COLOURS[name], "pattern": pattern},
                opacity=1 if beside else 0.55,
                hovertemplate=f"{name}, %{{x:.4~g}}: %{{customdata}} {of}, %{{y:.1%}}<extra></extra>",
            )
        )
    figure.update_layout(
        barmode="group" if beside else "overlay",
        bargap=0.1 if beside else 0,
        height=300,
        margin=MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": title} | ({"dtick": max(1, len(edges) // 10)} if beside else {}),
        yaxis={"title": f"share of its {of}", "tickformat": ".0%"},
        dragmode=False,
    )
    return figure


def level_curves(shares: np.ndarray) -> go.Figure:
    """The grey levels of an average image of each class. shares: (2, B), of pixels in B equal bands of 0..255."""
    figure = go.Figure()
    step = 256 / shares.shape[1]
    for name, dash, row in zip(CLASS_NAMES, ("solid", "dash"), shares, strict=True):
        figure.add_trace(
            go.Scatter(
                x=(np.arange(len(row)) + 0.5) * step - 0.5,
                y=row,
                mode="lines",
                name=name,
                line={"color": COLOURS[name], "dash": dash, "width": 3},
                hovertemplate=f"{name}, grey level about %{{x:.0f}}: %{{y:.1%}} of its pixels<extra></extra>",
            )
        )
    figure.update_layout(
        height=300,
        margin=MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": "grey level, 0 black to 255 white", "range": [0, 255]},
        yaxis={"title": "share of pixels", "tickformat": ".0%", "rangemode": "tozero"},
        dragmode=False,
    )
    return figure


def cue_areas(cues: Mapping[str, tuple[float, float, float]]) -> go.Figure:
    """How well single numbers of an image separate the classes. cues: title -> (AUROC, low, high) of its interval."""
    titles, (areas, low, high) = list(cues), np.array(list(cues.values())).T
    figure = go.Figure(
        go.Scatter(
            x=areas,
            y=titles,
            mode="markers+text",
            text=[f"{area:.3f}" for area in areas],
            textposition="top center",
            cliponaxis=False,
            marker={"size": 8, "color": COLOURS["validation"]},
            error_x={"type": "data", "symmetric": False, "array": high - areas, "arrayminus": areas - low},
            customdata=np.stack([low, high], axis=1),
            hovertemplate="%{y}: AUROC %{x:.3f} (95% CI %{customdata[0]:.3f} to %{customdata[1]:.3f})<extra></extra>",
        )
    )
    figure.add_vline(x=0.5, line={"dash": "dot", "color": COLOURS["band"]}, annotation_text="chance")
    figure.update_layout(
        height=80 + 42 * len(titles),
        margin=MARGIN,
        xaxis={"title": "AUROC", "range": [0.45, 1.02]},
        yaxis={"autorange": "reversed", "automargin": True},
        dragmode=False,
    )
    return figure


def image_sizes(sizes: np.ndarray, labels: np.ndarray) -> go.Figure:
    """Width against height, one mark for each size that occurs, its area by how often. sizes: (N, 2), labels: (N,)."""
    figure = go.Figure()
    for label, (name, symbol) in enumerate(zip(CLASS_NAMES, ("circle", "triangle-up"), strict=True)):
        result, count = np.unique(sizes[labels == label], axis=0, return_counts=True)
        figure.add_trace(
            go.Scattergl(  # thousands of marks
                x=result[:, 0],
                y=result[:, 1],
                mode="markers",
                customdata=count,
                name=name,
                marker={
                    "symbol": symbol,
                    "color": COLOURS[name],
                    "opacity": 0.5,
                    "size": 5 + 20 * np.sqrt(count / len(sizes)),
                },
                hovertemplate=f"{name}, %{{x}} x %{{y}} pixels: %{{customdata}} images<extra></extra>",
            )
        )
    figure.update_layout(
        height=380,
        margin=MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": "width in pixels", "rangemode": "tozero"},
        yaxis={"title": "height in pixels", "rangemode": "tozero"},
    )
    return figure
