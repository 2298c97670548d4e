"""How long requests wait."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from pneumo.palette import COLOURS
from pneumo.plots.style import MARGIN

LONGEST_S, STEP_S = 3.0, 0.05  # what waits longer is counted in the last bar


def histogram(seconds: np.ndarray, percentile: float) -> go.Figure:
    """seconds: (N,) from request to result. percentile: where the 95th lies, marked by a line."""
    bars = go.Histogram(
        x=np.minimum(seconds, LONGEST_S),
        xbins={"start": 0, "end": LONGEST_S + STEP_S, "size": STEP_S},
        marker_color=COLOURS["NORMAL"],
        hovertemplate="%{x} s: %{y}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.add_vline(
        x=min(percentile, LONGEST_S), line_dash="dash", line_color=COLOURS["threshold"], annotation_text="95%"
    )
    return figure.update_layout(
        height=260,
        margin=MARGIN,
        xaxis_title=f"Seconds from the request to its result ({LONGEST_S:g} and more together)",
        yaxis_title="Requests",
        bargap=0.02,
    )
