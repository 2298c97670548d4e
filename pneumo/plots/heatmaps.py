"""Plots of the checks of a heatmap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pneumo.palette import COLOURS
from pneumo.plots.style import MARGIN

# --- can a heatmap be trusted ----------------------------------------------------------------------------


def randomisation(names: Sequence[str], similarities: Sequence[float]) -> go.Figure:
    """Similarity of a map to the trained model's, against how far the randomisation has come from the head down."""
    figure = go.Figure(
        go.Scatter(
            x=list(range(len(names) + 1)),
            y=[1, *similarities],
            mode="lines+markers",
            line={"color": COLOURS["heatmap"], "width": 3},
            customdata=["trained", *names],
            hovertemplate="%{customdata}: %{y:.2f}<extra></extra>",
        )
    )
    figure.add_hline(y=0, line={"dash": "dot", "color": COLOURS["band"]})
    figure.update_layout(
        height=280,
        margin=MARGIN,
        xaxis={
            "title": "layers randomised, from the head down",
            "tickvals": list(range(len(names) + 1)),
            "ticktext": ["trained", *names],
            "tickangle": -40,
        },
        yaxis={"title": "rank correlation", "range": [-1.05, 1.05]},
    )
    return figure


def deletion_insertion(
    fractions: np.ndarray, curve: np.ndarray, baseline: np.ndarray, area: float, baseline_area: float, title: str
) -> go.Figure:
    """Probability of a class while pixels go or come in a map's order, beside random maps; areas in the legend."""
    figure = go.Figure()
    for name, values, value, dash in (
        ("this heatmap", curve, area, "solid"),
        ("random maps", baseline, baseline_area, "dash"),
    ):
        figure.add_trace(
            go.Scatter(
                x=fractions,
                y=values,
                mode="lines",
                name=f"{name}: area {value:.2f}",
                line={"color": COLOURS["heatmap" if dash == "solid" else "random"], "dash": dash, "width": 3},
                hovertemplate=f"{name}, %{{x:.0%}} of pixels: %{{y:.3f}}<extra></extra>",
            )
        )
    figure.update_layout(
        title={"text": title, "font": {"size": 15}},
        height=300,
        margin=MARGIN | {"t": 40},
        legend={"orientation": "h", "y": -0.3},
        xaxis={"title": "share of pixels", "tickformat": ".0%", "dtick": 0.25, "range": [0, 1.03]},
        yaxis={"title": "probability of the class", "range": [-0.02, 1.02]},
    )
    return figure
