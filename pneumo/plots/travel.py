"""One metric of several runs on several sets, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from pneumo.plots.style import GUIDE, MARGIN, legend_below
from pneumo.schema import Interval

SET_STYLES = (
    ("#D55E00", "diamond"),
    ("#0072B2", "circle"),
    ("#999999", "square"),
    ("#CC79A7", "cross"),
    ("#009E73", "x"),
)
ROW_PX = 44
CHANCE = 0.5


def travel(
    values: Mapping[str, Mapping[str, tuple[float, Interval | None]]], sets: Sequence[str], title: str, *, chance: bool
) -> go.Figure:
    """A line a run, downwards as they come; a marker a set with its 95% interval.

    values: by run and set, those of a run may lack some. sets: their titles, in the order of the legend. chance: mark one half.
    """
    figure = go.Figure()
    names = list(values)
    reach = 0.26 if len(sets) > 1 else 0
    for number, which in enumerate(sets):
        colour, symbol = SET_STYLES[number % len(SET_STYLES)]
        found = [(row, values[name][which]) for row, name in enumerate(names) if which in values[name]]
        offset = reach * (2 * number / max(1, len(sets) - 1) - 1)
        figure.add_trace(
            go.Scatter(
                x=[value for _, (value, _) in found],
                y=[row + offset for row, _ in found],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [ends.high - value if ends else 0 for _, (value, ends) in found],
                    "arrayminus": [value - ends.low if ends else 0 for _, (value, ends) in found],
                    "thickness": 1.5,
                    "width": 3,
                },
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 10},
                name=which,
                customdata=[names[row] for row, _ in found],
                hovertemplate=f"%{{customdata}}<br>{which}: %{{x:.3f}}<extra></extra>",
            )
        )
    if chance:
        figure.add_vline(
            CHANCE, line={"color": GUIDE, "dash": "dot"}, annotation_text="chance", annotation_position="top"
        )
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=names,
        range=[len(names) - 0.5, -0.5],
        fixedrange=True,
        showgrid=False,
        zeroline=False,
        automargin=True,
    )
    figure.update_xaxes(title_text=title, fixedrange=True, tickformat=".2f")
    figure.update_layout(height=ROW_PX * len(names) + 120, margin=MARGIN)
    return legend_below(figure)
