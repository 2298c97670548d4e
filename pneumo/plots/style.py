"""What the plots share: margins and the style of each run's line."""

from __future__ import annotations

import plotly.graph_objects as go

MARGIN = {"l": 8, "r": 8, "t": 32, "b": 8}

# Okabe and Ito's colours that mean nothing else here, each with its own dash, for runs in the order they were chosen.
RUN_STYLES = (
    ("#0072B2", "solid"),
    ("#E69F00", "dash"),
    ("#009E73", "dot"),
    ("#CC79A7", "dashdot"),
    ("#56B4E9", "longdash"),
    ("#D55E00", "longdashdot"),
    ("#999999", "solid"),
    ("#8C6D1F", "dash"),
)
LEGEND_LINE = 19  # px
GUIDE = "#009E73"  # a line that marks where the reader stands


def legend_below(figure: go.Figure) -> go.Figure:
    """The same figure with its legend under the x axis, where it covers no curve and wraps on a phone, and no zoom by dragging,
    which on a phone would stop the page from scrolling."""
    # Anchored to the container's bottom edge: Plotly then takes the room for the legend's lines from the axes, so the figure
    # grows by a line for each further entry.
    entries = sum(trace.showlegend is not False for trace in figure.data)
    if figure.layout.height:
        figure.update_layout(height=figure.layout.height + LEGEND_LINE * max(0, entries - 1))
    return figure.update_layout(
        showlegend=True,
        dragmode=False,
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "xref": "container",
            "y": 0,
            "yanchor": "bottom",
            "yref": "container",
        },
    )


def style(number: int) -> dict[str, str]:
    """Colour and dash of the run of that number."""
    colour, dash = RUN_STYLES[number % len(RUN_STYLES)]
    return {"color": colour, "dash": dash}
