"""Plots of the classroom."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from pneumo.palette import COLOURS

GREYS = [[0, "#000000"], [1, "#FFFFFF"]]  # in proportion, as a radiograph is shown; plotly's own Greys are not
HEIGHT_PX, TEXT_HEIGHT_PX = 330, 210
HOVER = "row %{y}, column %{x}: %{z:.3f}<extra></extra>"


def numbers(
    values: np.ndarray, mark: tuple[int, int, int] | None = None, text: bool = False, pick: bool = False
) -> go.Figure:
    """A plane (H, W) as grey cells, zero always the same grey where there are negatives.

    mark: (row, column, side) of a window to frame. text: write the number into each cell. pick: cells can be selected, as
    points whose y is the row and whose x is the column.
    """
    low, high = float(values.min()), float(values.max())
    reach = max(abs(low), abs(high), 1e-6)
    low, high = (-reach, reach) if low < 0 else (0.0, max(high, 1.0))
    figure = go.Figure(
        go.Heatmap(
            z=values,
            colorscale=GREYS,
            zmin=low,
            zmax=high,
            showscale=False,
            hovertemplate=HOVER,
        )
    )
    if text:
        figure.add_trace(_written(values, (values - low) / (high - low)))
    if pick:
        figure.add_trace(_pickable(values))
    height, width = values.shape
    if mark:
        row, column, side = mark
        _frame(figure, row, column, (side, side), {"color": COLOURS["PNEUMONIA"], "width": 3})
    _frame(figure, 0, 0, (height, width), {"color": COLOURS["band"], "width": 1})  # white cells end on a white page
    figure.update_layout(
        height=TEXT_HEIGHT_PX if text else HEIGHT_PX,
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        dragmode=False,
        showlegend=False,
    )
    figure.update_xaxes(visible=False, fixedrange=True, constrain="domain", range=[-0.5, width - 0.5])
    figure.update_yaxes(visible=False, fixedrange=True, range=[height - 0.5, -0.5], scaleanchor="x", constrain="domain")
    return figure


def ink(grey: float) -> str:
    """Black or white, whichever contrasts more with a grey, 0 black to 1 white: 4.5:1 or more on any (WCAG 2)."""
    luminance = grey / 12.92 if grey <= 0.04045 else ((grey + 0.055) / 1.055) ** 2.4
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#FFFFFF"


def _frame(figure: go.Figure, row: int, column: int, shape: tuple[int, int], line: dict[str, object]) -> None:
    figure.add_shape(
        type="rect", x0=column - 0.5, x1=column + shape[1] - 0.5, y0=row - 0.5, y1=row + shape[0] - 0.5, line=line
    )


def _written(values: np.ndarray, greys: np.ndarray) -> go.Scatter:
    rows, columns = np.indices(values.shape)
    return go.Scatter(
        x=columns.ravel(),
        y=rows.ravel(),
        mode="text",
        text=[f"{value:.2f}" for value in values.ravel()],
        textfont={"color": [ink(grey) for grey in greys.ravel().tolist()], "size": 16},
        hoverinfo="skip",
    )


def _pickable(values: np.ndarray) -> go.Scatter:
    """Invisible marks over the cells: a heatmap itself gives no selection events."""
    rows, columns = np.indices(values.shape)
    unseen = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=columns.ravel(),
        y=rows.ravel(),
        mode="markers",
        marker={"symbol": "square", "size": HEIGHT_PX / max(values.shape), "opacity": 0},
        selected=unseen,
        unselected=unseen,
        customdata=values.ravel(),
        hovertemplate=HOVER.replace(
            "z", "customdata"
        ),  # they lie above the heatmap and take its place under the pointer
    )
