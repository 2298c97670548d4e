"""Plots of autoencoders: code sizes and reconstruction errors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from pneumo.generators.latent_report import Latent, Mean
from pneumo.palette import COLOURS
from pneumo.plots.style import MARGIN, style


def code_sizes(result: Mapping[str, Latent], models: Mapping[str, str], name: str) -> go.Figure:
    """PSNR or SSIM of held-out radiographs against the size of the code: a line per model, and PCA and JPEG of the same size.

    models: what to call the model of each run. name: "psnr" or "ssim".
    """
    lines: dict[str, dict[int, Mean]] = {}
    for run, about in result.items():
        lines.setdefault(models[run], {})[about.code_size] = getattr(about.model, name)
    first = {about.code_size: about for about in result.values()}
    lines["PCA"] = {size: getattr(about.pca, name) for size, about in first.items() if about.pca}
    lines["JPEG"] = {size: getattr(about.jpeg, name) for size, about in first.items() if about.jpeg}
    figure = go.Figure()
    for number, (title, points) in enumerate(lines.items()):
        sizes = sorted(points)
        values = [points[size] for size in sizes]
        figure.add_trace(
            go.Scatter(
                x=sizes,
                y=[each.value for each in values],
                error_y={
                    "array": [each.ci95.high - each.value for each in values],
                    "arrayminus": [each.value - each.ci95.low for each in values],
                },
                name=title,
                mode="lines+markers",
                line=style(number) | {"width": 2.5},
                hovertemplate=f"{title}, code of %{{x}}: %{{y:.3f}}<extra></extra>",
            )
        )
    figure.update_layout(
        height=360,
        margin=MARGIN,
        xaxis={"title": "code size (numbers)", "type": "log", "tickvals": sorted(first)},
        yaxis={"title": "PSNR, dB" if name == "psnr" else "SSIM"},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure


def code_against_input(grey: int, channels: int, code: int) -> go.Figure:
    """How many numbers a grey image, the same image in three channels, and its code have."""
    rows = {"grey image": grey, "in three channels": channels, "code": code}
    figure = go.Figure(
        go.Bar(
            x=list(rows.values()),
            y=list(rows),
            orientation="h",
            text=[f"{value:,}" for value in rows.values()],
            marker={"color": [COLOURS["band"], COLOURS["band"], COLOURS["heatmap"]]},
            hoverinfo="skip",
        )
    )
    figure.update_layout(
        height=210,
        margin=MARGIN,
        xaxis={"title": "numbers", "range": [0, 1.25 * max(rows.values())]},
        yaxis={"autorange": "reversed"},
    )
    return figure


def anomaly_histogram(known: Mapping[str, np.ndarray], ood: np.ndarray, threshold: float, own: float) -> go.Figure:
    """Reconstruction errors on a logarithmic axis: radiographs by class, OOD samples, the threshold, and one image."""
    everything = np.log10(np.concatenate([*known.values(), ood, [own]]).clip(min=1e-6))
    edges = np.linspace(everything.min() - 0.02, everything.max() + 0.02, 51)
    figure = go.Figure()
    groups = {name: (values, COLOURS[name]) for name, values in known.items()} | {"OOD samples": (ood, COLOURS["band"])}
    for number, (name, (values, colour)) in enumerate(groups.items()):
        count, _ = np.histogram(np.log10(values.clip(min=1e-6)), edges)
        figure.add_trace(
            go.Bar(
                x=(edges[1:] + edges[:-1]) / 2,
                y=count / max(1, len(values)),
                width=edges[1] - edges[0],
                name=f"{name} (n = {len(values):,})",
                marker={"color": colour, "pattern": {"shape": ["", "/", "x"][number]}},
                opacity=0.65,
                hovertemplate=f"{name}: %{{y:.1%}}<extra></extra>",
            )
        )
    figure.add_vline(
        x=float(np.log10(threshold)),
        line={"color": COLOURS["threshold"], "width": 2, "dash": "dash"},
        annotation={"text": "threshold", "yanchor": "bottom"},
        annotation_position="top",
    )
    mark = {"symbol": "diamond", "size": 14, "color": "white", "line": {"width": 2, "color": "black"}}
    figure.add_trace(
        go.Scatter(
            x=[float(np.log10(max(own, 1e-6)))],
            y=[0],
            mode="markers",
            marker=mark,
            name="the chosen image",
            cliponaxis=False,
        )
    )
    ticks = [tick for tick in range(-6, 1) if edges[0] <= tick <= edges[-1]]
    figure.update_layout(
        barmode="overlay",
        height=320,
        margin=MARGIN,
        xaxis={
            "title": "mean squared error (log scale)",
            "tickvals": ticks,
            "ticktext": [f"{10.0**tick:g}" for tick in ticks],
        },
        yaxis={"title": "proportion of each group", "tickformat": ".0%"},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure
