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


def robustness_map(rows: Sequence[CorruptionRow], metric: str) -> go.Figure:
    """Corruptions of one run downwards, severity to the right; dark is good. metric: "specificity", "sensitivity" or "auroc_lost"."""
    title, (lowest, highest), write = METRICS[metric]
    lines = {"clean": "Clean"} | CORRUPTION_TITLES
    severities = max(len(corruption.levels) for corruption in CORRUPTIONS.values())
    # What has no severities, the clean images among them, stands in the first column.
    by = {(row.corruption, max(row.severity, 1)): getattr(row, metric) for row in rows}
    values = [[by.get((name, n + 1), np.nan) for n in range(severities)] for name in lines]
    text = [["" if np.isnan(v) else write(v + 0.0 if abs(v) >= 5e-4 else 0.0) for v in line] for line in values]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=[str(n + 1) for n in range(severities)],
            y=list(lines.values()),
            text=text,
            texttemplate="%{text}",
            textfont={"size": 12},
            hovertemplate=f"%{{y}}, severity %{{x}}: {title.lower()} %{{text}}<extra></extra>",
            colorscale="Cividis_r" if metric != "auroc_lost" else "Cividis",
            zmin=lowest,
            zmax=highest,
            showscale=False,  # every cell says its value
            xgap=1,
            ygap=1,
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, fixedrange=True)
    figure.update_xaxes(type="category", showgrid=False, fixedrange=True, title_text="Severity")
    return figure.update_layout(height=26 * len(lines) + 90, margin=MARGIN | {"t": 8})
