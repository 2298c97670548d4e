"""What a run loses under corruptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pneumo.images.corruptions import CORRUPTIONS
from pneumo.inference.robustness import CorruptionRow
from pneumo.plots.style import MARGIN

PANELS_A_ROW = 4  # more leave no room for the figures in the cells


def robustness_map(rows: Mapping[str, Sequence[CorruptionRow]], metric: str) -> go.Figure:
    """A panel a run, stresses downwards, severity to the right. figure_name: "auroc_lost", "sensitivity" or "specificity"."""
    lost = metric == "auroc_lost"
    lines = {"clean": "Clean"} | {name: corruption.title for name, corruption in CORRUPTIONS.items()}
    severities = max(len(corruption.levels) for corruption in CORRUPTIONS.values())
    panels = -(-len(rows) // PANELS_A_ROW)
    figure = make_subplots(
        panels,
        min(len(rows), PANELS_A_ROW),
        shared_yaxes=True,
        subplot_titles=list(rows),
        horizontal_spacing=0.02,
        vertical_spacing=0.35 / (panels * 2),
    )
    for number, result in enumerate(rows.values()):
        # What has no severities, the clean pictures among them, stands in the first column.
        by = {(row.corruption, max(row.severity, 1)): getattr(row, metric) for row in result}
        values = [[by.get((name, n + 1), np.nan) for n in range(severities)] for name in lines]
        text = [["" if np.isnan(v) else _short(v) for v in line] for line in values]
        figure.add_trace(
            go.Heatmap(
                z=values,
                x=[str(n + 1) for n in range(severities)],
                y=list(lines.values()),
                text=text,
                texttemplate="%{text}",
                hovertemplate="%{y}, severity %{x}: %{z:.4f}<extra></extra>",
                coloraxis="coloraxis",
                xgap=1,
                ygap=1,
            ),
            row=number // PANELS_A_ROW + 1,
            col=number % PANELS_A_ROW + 1,
        )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_xaxes(title_text="severity", row=panels)
    figure.update_layout(
        height=panels * (26 * len(lines) + 70) + 40,
        margin=MARGIN | {"t": 40},
        coloraxis={
            "colorscale": "Cividis_r" if lost else "Cividis",
            "cmin": 0 if lost else 0.5,
            "cmax": 0.1 if lost else 1,
            "colorbar": {"title": "lost" if lost else "", "thickness": 12},
        },
    )
    return figure


def _short(share: float) -> str:
    """.123, -.004, 1.00; three places without the leading zero, so that the figure fits into its cell."""
    rounded = round(share, 3) + 0.0  # no minus before a zero
    return f"{rounded:.2f}" if abs(rounded) >= 1 else f"{rounded:.3f}".replace("0.", ".", 1)
