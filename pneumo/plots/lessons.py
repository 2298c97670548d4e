"""Plots of the classroom."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from pneumo.palette import COLOURS


def numbers(values: np.ndarray, mark: tuple[int, int, int] | None = None, text: bool = False) -> go.Figure:
    """A plane (H, W) as grey cells, zero always the same grey where there are negatives.

    mark: (row, column, side) of a window to frame. text: write the number into each cell.
    """
    low, high = float(values.min()), float(values.max())
    reach = max(abs(low), abs(high), 1e-6)
    low, high = (-reach, reach) if low < 0 else (0.0, max(high, 1.0))
    figure = go.Figure(
        go.Heatmap(
            z=values,
            colorscale="Greys_r",
            zmin=low,
            zmax=high,
            showscale=False,
            texttemplate="%{z:.2f}" if text else None,
            hovertemplate="row %{y}, column %{x}: %{z:.3f}<extra></extra>",
        )
    )
    if mark:
        row, column, side = mark
        figure.add_shape(
            type="rect",
            x0=column - 0.5,
            x1=column + side - 0.5,
            y0=row - 0.5,
            y1=row + side - 0.5,
            line={"color": COLOURS["PNEUMONIA"], "width": 3},
        )
    figure.update_layout(height=330 if not text else 210, margin={"l": 4, "r": 4, "t": 4, "b": 4}, dragmode=False)
    figure.update_xaxes(visible=False, fixedrange=True, constrain="domain")
    figure.update_yaxes(visible=False, fixedrange=True, autorange="reversed", scaleanchor="x", constrain="domain")
    return figure
