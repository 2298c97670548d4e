"""Plots of trainings, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pneumo.plots.style import MARGIN, legend_below, style

RATES = ("accuracy", "precision", "recall", "specificity")  # metrics of a history that are shares
PART_TITLES = {"train": "training", "validation": "validation"}


def histories(
    result: Mapping[str, Sequence[Mapping[str, float]]],
    best: Mapping[str, int],
    name: str,
    log_scale: bool,
    title: str = "",
) -> go.Figure:
    """One metric of the histories of several runs: validation as a line, training dotted, the kept epoch as a star.

    name: of the metric in the history, e.g. "loss", "auroc". title: of its axis.
    """
    figure = go.Figure()
    write = ".1%" if name in RATES else ".3f"
    for number, (run, rows) in enumerate(result.items()):
        epochs = [row["epoch"] for row in rows]
        colour = style(number)["color"]
        for part, dash, width in (("train", "dot", 1.5), ("validation", "solid", 2.5)):
            key = f"{part}_{name}"
            if any(key in row for row in rows):
                said = PART_TITLES[part]
                hover = f"{run}, {said}, epoch %{{x}}: %{{y:{write}}}<extra></extra>"
                line = {"color": colour, "dash": dash, "width": width}
                values = [row.get(key) for row in rows]
                figure.add_trace(
                    go.Scatter(x=epochs, y=values, name=f"{run}, {said}", mode="lines", line=line, hovertemplate=hover)
                )
        kept = [row for row in rows if row["epoch"] == best[run] and f"validation_{name}" in row]
        if kept:
            marker = {"symbol": "star", "size": 15, "color": colour, "line": {"width": 1, "color": "white"}}
            figure.add_trace(
                go.Scatter(
                    x=[best[run]],
                    y=[kept[0][f"validation_{name}"]],
                    mode="markers",
                    marker=marker,
                    showlegend=False,
                    hovertemplate=f"{run}: epoch %{{x}} was kept, %{{y:{write}}}<extra></extra>",
                )
            )
    figure.update_layout(
        height=380,
        margin=MARGIN | {"t": 12},
        xaxis={"title": "Epoch (0 is before training, ★ was kept)"},
        yaxis={
            "title": title or name,
            "type": "log" if log_scale else "linear",
            "tickformat": ".0%" if name in RATES else None,
        },
    )
    return legend_below(figure)


def label_efficiency(rows: Sequence[Mapping[str, float | str]], title: str = "AUROC") -> go.Figure:
    """AUROC against the share of labelled patients: mean over seeds as a line, each training as a dot.

    rows: arm (e.g. "scratch"), labels (share), auroc.
    """
    figure = go.Figure()
    for number, arm in enumerate(dict.fromkeys(str(row["arm"]) for row in rows)):
        mine = [row for row in rows if row["arm"] == arm]
        shares = sorted({float(row["labels"]) for row in mine})
        means = [float(np.mean([row["auroc"] for row in mine if row["labels"] == share])) for share in shares]
        line = style(number) | {"width": 2.5}
        figure.add_trace(
            go.Scatter(
                x=shares,
                y=means,
                mode="lines",
                line=line,
                name=arm,
                hovertemplate=f"{arm}: mean %{{y:.3f}}<extra></extra>",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[row["labels"] for row in mine],
                y=[row["auroc"] for row in mine],
                mode="markers",
                marker={"color": style(number)["color"], "size": 8, "opacity": 0.7},
                showlegend=False,
                hovertemplate=f"{arm}, %{{x:.0%}} of the labels: %{{y:.3f}}<extra></extra>",
            )
        )
    figure.update_layout(
        height=380,
        margin=MARGIN,
        xaxis={
            "title": "Training patients with a label",
            "type": "log",
            "tickformat": ".0%",
            "tickvals": [0.01, 0.05, 0.25, 1],
        },
        yaxis={"title": title},
    )
    return legend_below(figure)
