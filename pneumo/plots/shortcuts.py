"""One change to many images, and many corruptions to many runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pneumo.formatting import probability
from pneumo.inference.robustness import CorruptionRow
from pneumo.palette import COLOURS
from pneumo.plots.robustness import CORRUPTION_TITLES, LEAST, METRICS
from pneumo.plots.style import MARGIN
from pneumo.schema import CLASS_NAMES

SYMBOLS = {"NORMAL": "circle", "PNEUMONIA": "triangle-up"}


def shifts(labels: np.ndarray, before: np.ndarray, after: np.ndarray, threshold: float) -> go.Figure:
    """One line an image, from the probability before a change to that after it. labels: (N,) int; before, after: (N,)."""
    figure = go.Figure()
    line = 0
    for label, name in enumerate(CLASS_NAMES):
        mine = np.flatnonzero(labels == label)
        mine = mine[np.argsort(before[mine], kind="stable")]
        height = line + np.arange(len(mine))
        line += len(mine) + 2
        figure.add_trace(
            go.Scatter(
                x=[value for n in mine for value in (before[n], after[n], None)],
                y=[value for n in height for value in (n, n, None)],
                mode="lines",
                line={"color": COLOURS[name], "width": 1.5},
                opacity=0.6,
                hoverinfo="skip",
                showlegend=False,
            )
        )
        for values, when, symbol in ((before, "before", f"{SYMBOLS[name]}-open"), (after, "after", SYMBOLS[name])):
            figure.add_trace(
                go.Scatter(
                    x=values[mine],
                    y=height,
                    mode="markers",
                    marker={"symbol": symbol, "color": COLOURS[name], "size": 8},
                    name=f"{name}, {when}",
                    customdata=[probability(value) for value in values[mine]],
                    hovertemplate=f"{name}, {when}: %{{customdata}}<extra></extra>",
                )
            )
    figure.add_vline(x=threshold, line={"color": COLOURS["threshold"], "dash": "dash"})
    figure.update_xaxes(title_text="Probability of PNEUMONIA (dashed: threshold)", range=[-0.03, 1.03], fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True)
    return figure.update_layout(
        height=420,
        margin=MARGIN,
        dragmode=False,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
    )


def side_by_side(measured: Mapping[str, Sequence[CorruptionRow]], metric: str, severity: int) -> go.Figure:
    """Corruptions downwards, runs to the right, at one severity, in whole percents; dark is good. measured: title -> rows; metric: as in `robustness_map`.

    A corruption without severities is shown at each.
    """
    title, (lowest, highest), write = METRICS[metric]
    lines, names = {"clean": "Clean"} | CORRUPTION_TITLES, list(measured)
    values = np.full((len(lines), len(names)), np.nan)
    for column, rows in enumerate(measured.values()):
        by = {(row.corruption, row.severity): getattr(row, metric) for row in rows}
        for at, corruption in enumerate(lines):
            single = (corruption, 0) if corruption == "clean" else (corruption, 1)
            alone = corruption == "clean" or (corruption, 2) not in by
            values[at, column] = by.get(single if alone else (corruption, severity), np.nan)
    values[np.abs(values) < LEAST] = 0.0
    rates = metric != "auroc_lost"
    share = np.clip((values - lowest) / (highest - lowest), 0, 1)
    share = 1 - share if rates else share
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=names,
            y=list(lines.values()),
            hoverinfo="skip",
            colorscale="Cividis_r" if rates else "Cividis",
            zmin=lowest,
            zmax=highest,
            showscale=False,
            xgap=1,
            ygap=1,
        )
    )
    cells = [
        (at, column) for at in range(len(lines)) for column in range(len(names)) if np.isfinite(values[at, column])
    ]
    figure.add_trace(
        go.Scatter(
            x=[names[column] for _, column in cells],
            y=[list(lines.values())[at] for at, _ in cells],
            mode="text",
            text=[f"{100 * values[cell]:.0f}" for cell in cells],
            customdata=[write(values[cell]) for cell in cells],
            textfont={"size": 10, "color": ["black" if share[cell] > 0.45 else "white" for cell in cells]},
            hovertemplate=f"%{{x}}, %{{y}}: {title} %{{customdata}}<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, fixedrange=True)
    figure.update_xaxes(type="category", showgrid=False, fixedrange=True, side="top", tickangle=-90)
    return figure.update_layout(height=26 * len(lines) + 220, margin=MARGIN, dragmode=False)
