"""What a run loses under corruptions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pneumo.formatting import rate, score
from pneumo.images.corruptions import CORRUPTIONS
from pneumo.inference.robustness import CorruptionRow
from pneumo.plots.style import MARGIN

CORRUPTION_TITLES = {name: corruption.title for name, corruption in CORRUPTIONS.items()}
METRICS = {  # metric -> (title, lowest and highest value of the colours, how a value is written)
    "specificity": ("Specificity", (0.5, 1.0), rate),
    "sensitivity": ("Sensitivity", (0.5, 1.0), rate),
    "auroc_lost": ("AUROC lost", (0.0, 0.1), score),
}
LEAST = 5e-4  # a loss of less is written 0.000, never -0.000


def robustness_map(rows: Sequence[CorruptionRow], metric: str) -> go.Figure:
    """Corruptions of one run downwards, severity to the right; dark is good. metric: "specificity", "sensitivity" or "auroc_lost"."""
    title, (lowest, highest), write = METRICS[metric]
    rates = metric != "auroc_lost"
    lines = {"clean": "Clean"} | CORRUPTION_TITLES
    severities = [str(n + 1) for n in range(max(len(corruption.levels) for corruption in CORRUPTIONS.values()))]
    # What has no severities, the clean images among them, stands in the first column.
    by = {(row.corruption, str(max(row.severity, 1))): getattr(row, metric) for row in rows}
    values = [[by.get((name, severity), np.nan) for severity in severities] for name in lines]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=severities,
            y=list(lines.values()),
            hoverinfo="skip",
            colorscale="Cividis_r" if rates else "Cividis",
            zmin=lowest,
            zmax=highest,
            showscale=False,  # every cell says its value
            xgap=1,
            ygap=1,
        )
    )
    cells = [(severity, lines[name], value) for (name, severity), value in by.items() if name in lines]
    bright = [(value - lowest) / (highest - lowest) for _, _, value in cells]
    bright = [1 - share if rates else share for share in bright]
    figure.add_trace(
        go.Scatter(
            x=[severity for severity, _, _ in cells],
            y=[line for _, line, _ in cells],
            mode="text",
            text=[write(0.0 if abs(value) < LEAST else value) for _, _, value in cells],
            # Each on its own cell: Plotly's choice of one colour for a cell is too faint in the middle of this scale.
            textfont={"size": 12, "color": ["black" if share > 0.45 else "white" for share in bright]},
            hovertemplate=f"%{{y}}, severity %{{x}}: {title} %{{text}}<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, fixedrange=True)
    figure.update_xaxes(type="category", showgrid=False, fixedrange=True, title_text="Severity")
    return figure.update_layout(height=26 * len(lines) + 80, margin=MARGIN | {"t": 8}, dragmode=False)
