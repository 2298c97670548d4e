"""Figures of several runs on one set of axes: those of the Results page, one threshold through all of them, and of generators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pneumo import evaluation
from pneumo.figures import COLOURS, MARGIN
from pneumo.latent import Latent, Mean
from pneumo.robustness import STRESSES, StressRow
from pneumo.schema import CLASS_NAMES

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
CELLS = {"tn": (0, 0), "fp": (0, 1), "fn": (1, 0), "tp": (1, 1)}  # (row, column): what is true, what was said
CELL_TITLES = {
    "tn": "Rightly NORMAL",
    "fp": "Called PNEUMONIA, is NORMAL",
    "fn": "Missed: called NORMAL, is PNEUMONIA",
    "tp": "Rightly PNEUMONIA",
}
ICONS = {  # colour and shape of a person in the icon array
    "tp": (COLOURS["PNEUMONIA"], "triangle-up"),
    "fn": (COLOURS["PNEUMONIA"], "x"),
    "fp": (COLOURS["NORMAL"], "x"),
    "tn": (COLOURS["NORMAL"], "circle"),
}
PEOPLE, PEOPLE_PER_ROW = 1000, 50
GUIDE = "#009E73"  # a line that marks where the reader stands
STRESS_PANELS_A_ROW = 4  # more leave no room for the figures in the cells
Scores = Mapping[str, tuple[np.ndarray, np.ndarray]]  # run -> labels, probabilities


def style(number: int) -> dict[str, str]:
    """Colour and dash of the run of that number."""
    colour, dash = RUN_STYLES[number % len(RUN_STYLES)]
    return {"color": colour, "dash": dash}


def confusion_cells(counts: Mapping[str, int], chosen: str | None = None) -> go.Figure:
    """The confusion matrix with a place to click in every cell: its marker's customdata is tn, fp, fn or tp."""
    grid = np.zeros((2, 2), dtype=int)
    for cell, (row, column) in CELLS.items():
        grid[row, column] = counts[cell]
    shares = grid / np.maximum(grid.sum(1, keepdims=True), 1)
    figure = go.Figure(
        go.Heatmap(z=shares, colorscale="Blues", zmin=0, zmax=1, showscale=False, hoverinfo="skip", xgap=3, ygap=3)
    )
    for cell, (row, column) in CELLS.items():
        # Heatmap cells give no selection events in Streamlit; a large, all but invisible marker over each does.
        figure.add_trace(
            go.Scatter(
                x=[column],
                y=[row],
                mode="markers+text",
                text=[f"<b>{grid[row, column]}</b><br>{shares[row, column]:.1%}"],
                textfont={"size": 17, "color": "white" if shares[row, column] > 0.5 else "black"},
                marker={"size": 90, "symbol": "square", "opacity": 0.01, "color": "black"},
                selected={"marker": {"opacity": 0.01}},
                unselected={"marker": {"opacity": 0.01}},
                customdata=[cell],
                showlegend=False,
                hovertemplate=f"{CELL_TITLES[cell]}: {grid[row, column]}<br>click for the cases<extra></extra>",
            )
        )
    if chosen:
        row, column = CELLS[chosen]
        box = {"x0": column - 0.48, "x1": column + 0.48, "y0": row - 0.48, "y1": row + 0.48}
        figure.add_shape(type="rect", **box, line={"color": COLOURS["threshold"], "width": 4})
    names = list(CLASS_NAMES)
    figure.update_layout(height=330, margin=MARGIN, dragmode=False, clickmode="event+select")
    figure.update_xaxes(
        tickvals=[0, 1],
        ticktext=[f"said<br>{n}" for n in names],
        tickangle=0,
        range=[-0.5, 1.5],
        fixedrange=True,
        zeroline=False,
    )
    figure.update_yaxes(
        tickvals=[0, 1], ticktext=[f"is<br>{n}" for n in names], range=[1.5, -0.5], fixedrange=True, zeroline=False
    )
    return figure


def roc_curves(scores: Scores, threshold: float) -> go.Figure:
    """ROC curves of the runs, with the point where each stands at the threshold."""
    figure = go.Figure()
    for number, (name, (labels, probabilities)) in enumerate(scores.items()):
        x, y, _ = evaluation.roc(labels, probabilities)
        area = evaluation.auroc(labels, probabilities)
        _curve(figure, x, y, number, f"{name} {area:.3f}", "1 - specificity %{x:.3f}, sensitivity %{y:.3f}")
        rates = evaluation.rates(evaluation.confusion(labels, probabilities, threshold))
        _point(figure, 1 - rates["specificity"], rates["sensitivity"], number, name)
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": COLOURS["band"]})
    return _square(figure, "1 - specificity", "sensitivity")


def precision_recall_curves(scores: Scores, threshold: float) -> go.Figure:
    """Precision-recall curves of the runs, with the point where each stands at the threshold."""
    figure = go.Figure()
    for number, (name, (labels, probabilities)) in enumerate(scores.items()):
        x, y = evaluation.precision_recall(labels, probabilities)
        area = evaluation.auprc(labels, probabilities)
        _curve(figure, x, y, number, f"{name} {area:.3f}", "recall %{x:.3f}, precision %{y:.3f}")
        rates = evaluation.rates(evaluation.confusion(labels, probabilities, threshold))
        if rates["precision"] is not None:
            _point(figure, rates["sensitivity"], rates["precision"], number, name)
    return _square(figure, "recall (sensitivity)", "precision")


def _curve(figure: go.Figure, x: np.ndarray, y: np.ndarray, number: int, name: str, hover: str) -> None:
    line = style(number) | {"width": 2.5}
    figure.add_trace(
        go.Scatter(x=x, y=y, mode="lines", line=line, name=name, hovertemplate=f"{name}: {hover}<extra></extra>")
    )


def _point(figure: go.Figure, x: float, y: float, number: int, name: str) -> None:
    marker = {"size": 13, "symbol": "diamond", "color": style(number)["color"], "line": {"width": 2, "color": "white"}}
    hover = f"{name} at the threshold: %{{x:.3f}}, %{{y:.3f}}<extra></extra>"
    figure.add_trace(
        go.Scatter(x=[x], y=[y], mode="markers", marker=marker, showlegend=False, cliponaxis=False, hovertemplate=hover)
    )


def _square(figure: go.Figure, x: str, y: str) -> go.Figure:
    figure.update_layout(
        height=330,
        margin=MARGIN,
        xaxis={"title": x, "range": [-0.01, 1.01]},
        yaxis={"title": y, "range": [-0.01, 1.02]},
        legend={"x": 0.99, "xanchor": "right", "y": 0.02, "yanchor": "bottom", "bgcolor": "rgba(128,128,128,.15)"},
    )
    return figure


def reliability_curves(scores: Scores, bins: int = evaluation.CALIBRATION_BINS) -> go.Figure:
    """Observed share of pneumonia against the stated probability, in equally wide bins; marker area is the count."""
    figure = go.Figure()
    for number, (name, (labels, probabilities)) in enumerate(scores.items()):
        index = np.minimum((probabilities * bins).astype(int), bins - 1)
        used = [b for b in range(bins) if (index == b).any()]
        counts = np.array([int((index == b).sum()) for b in used])
        figure.add_trace(
            go.Scatter(
                x=[float(probabilities[index == b].mean()) for b in used],
                y=[float(labels[index == b].mean()) for b in used],
                mode="lines+markers",
                name=name,
                marker={
                    "size": 6 + 20 * np.sqrt(counts / counts.max()),
                    "color": style(number)["color"],
                    "opacity": 0.7,
                },
                line=style(number) | {"width": 1.5},
                cliponaxis=False,  # the largest circles lie at 0 and 1
                customdata=counts,
                hovertemplate=f"{name}: stated %{{x:.2f}}, observed %{{y:.2f}}, n = %{{customdata}}<extra></extra>",
            )
        )
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": COLOURS["band"]})
    figure = _square(figure, "stated probability", "share that had pneumonia")
    figure.update_layout(legend={"x": 0.01, "xanchor": "left", "y": 0.99, "yanchor": "top"}, height=380)
    return figure


def decision_curves(scores: Scores, threshold: float) -> go.Figure:
    """Net benefit per 100 patients against the threshold, beside treating everybody and nobody."""
    thresholds = np.linspace(0.01, 0.99, 99)
    figure = go.Figure()
    for number, (name, (labels, probabilities)) in enumerate(scores.items()):
        benefit = 100 * evaluation.net_benefit(labels, probabilities, thresholds)
        _curve(figure, thresholds, benefit, number, name, "at %{x:.2f}: %{y:.1f} per 100")
    labels, _ = next(iter(scores.values()))
    everybody = 100 * evaluation.net_benefit(labels, np.ones(len(labels)), thresholds)
    grey = {"color": COLOURS["band"], "width": 2}
    figure.add_trace(
        go.Scatter(x=thresholds, y=everybody, mode="lines", line=grey | {"dash": "dot"}, name="treat everybody")
    )
    figure.add_trace(go.Scatter(x=[0, 1], y=[0, 0], mode="lines", line=grey, name="treat nobody"))
    figure.add_vline(x=threshold, line={"color": COLOURS["threshold"], "width": 2, "dash": "dash"})
    top = 100 * float(np.mean(labels))
    figure.update_layout(
        height=380,
        margin=MARGIN,
        xaxis={"title": "threshold probability", "range": [0, 1]},
        yaxis={"title": "net benefit per 100 images", "range": [-0.15 * top, 1.08 * top]},
        legend={"x": 0.01, "y": 0.02, "yanchor": "bottom"},
    )
    return figure


def people(sensitivity: float, specificity: float, prevalence: float) -> tuple[go.Figure, dict[str, int]]:
    """A thousand patients at a prevalence, one icon each, ordered by what the model would say; and the four counts."""
    sick = round(PEOPLE * prevalence)
    tp, fp = round(sick * sensitivity), round((PEOPLE - sick) * (1 - specificity))
    counts = {"tp": tp, "fp": fp, "fn": sick - tp, "tn": PEOPLE - sick - fp}
    figure, start = go.Figure(), 0
    titles = {
        "tp": "sick, called PNEUMONIA",
        "fp": "healthy, called PNEUMONIA",
        "fn": "sick, missed",
        "tn": "healthy, called NORMAL",
    }
    for kind, count in counts.items():
        at = np.arange(start, start + count)
        start += count
        colour, symbol = ICONS[kind]
        marker = {"color": colour, "symbol": symbol, "size": 8}
        figure.add_trace(
            go.Scatter(
                x=at % PEOPLE_PER_ROW,
                y=at // PEOPLE_PER_ROW,
                mode="markers",
                marker=marker,
                name=f"{count} {titles[kind]}",
                hoverinfo="name",
            )
        )
    figure.update_layout(
        height=330, margin=MARGIN, dragmode=False, legend={"orientation": "h", "y": -0.05, "itemsizing": "constant"}
    )
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True, autorange="reversed")
    return figure, counts


def histories(
    found: Mapping[str, Sequence[Mapping[str, float]]], best: Mapping[str, int], name: str, log_scale: bool
) -> go.Figure:
    """One figure of the history for several runs: validation as a line, training dotted, the kept epoch as a star."""
    figure = go.Figure()
    for number, (run, rows) in enumerate(found.items()):
        epochs = [row["epoch"] for row in rows]
        colour = style(number)["color"]
        for part, dash, width in (("train", "dot", 1.5), ("validation", "solid", 2.5)):
            key = f"{part}_{name}"
            if any(key in row for row in rows):
                hover = f"{run}, {part}, epoch %{{x}}: %{{y:.4f}}<extra></extra>"
                line = {"color": colour, "dash": dash, "width": width}
                values = [row.get(key) for row in rows]
                figure.add_trace(
                    go.Scatter(x=epochs, y=values, name=f"{run}, {part}", mode="lines", line=line, hovertemplate=hover)
                )
        kept = [row for row in rows if row["epoch"] == best[run] and f"validation_{name}" in row]
        if kept:
            marker = {"symbol": "star", "size": 15, "color": colour, "line": {"width": 1, "color": "white"}}
            figure.add_trace(
                go.Scatter(
                    x=[best[run]],
                    y=[kept[0][f"validation_{name}"]],
                    mode="markers",
                    marker=marker,
                    showlegend=False,
                    hovertemplate=f"{run}: epoch %{{x}} was kept, %{{y:.4f}}<extra></extra>",
                )
            )
    figure.update_layout(
        height=380,
        margin=MARGIN,
        xaxis={"title": "epoch (0: before training; star: kept)"},
        yaxis={"title": name, "type": "log" if log_scale else "linear"},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure


def gan_training(rows: Sequence[Mapping[str, float]], epoch: int) -> go.Figure:
    """Both losses; what the discriminator gives each kind of picture; how far samples differ; a line at the epoch."""
    panels = (
        ("loss", {"step_discriminator.loss": "discriminator", "step_generator.loss": "generator"}),
        (
            "probability of real",
            {"train_real": "training", "validation_real": "held-out", "generated_real": "generated"},
        ),
        ("spread", {"spread": "spread of samples"}),
    )
    figure = make_subplots(len(panels), 1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[2, 2, 1])
    epochs = [row["epoch"] for row in rows]
    number = 0
    for panel, (title, lines) in enumerate(panels, 1):
        for key, name in lines.items():
            figure.add_trace(
                go.Scatter(
                    x=epochs,
                    y=[row.get(key) for row in rows],
                    name=name,
                    mode="lines",
                    line=style(number) | {"width": 2},
                    hovertemplate=f"{name}, epoch %{{x}}: %{{y:.3f}}<extra></extra>",
                ),
                row=panel,
                col=1,
            )
            number += 1
        figure.update_yaxes(title_text=title, row=panel, col=1)
    figure.update_yaxes(range=[0, 1], row=2, col=1)
    figure.update_yaxes(rangemode="tozero", row=3, col=1)
    figure.add_vline(epoch, line={"dash": "dash", "color": GUIDE})
    figure.update_xaxes(title_text="epoch", row=len(panels), col=1)
    figure.update_layout(height=520, margin=MARGIN, legend={"orientation": "h", "y": -0.15})
    return figure


def code_sizes(found: Mapping[str, Latent], models: Mapping[str, str], name: str) -> go.Figure:
    """PSNR or SSIM of held-out radiographs against the numbers of the code, a line a model, components and JPEG beside.

    models: the model of each run. name: "psnr" or "ssim".
    """
    titles = {"bottleneck_autoencoder": "autoencoder", "vae": "variational autoencoder"}
    lines: dict[str, dict[int, Mean]] = {}
    for run, about in found.items():
        lines.setdefault(titles.get(models[run], models[run]), {})[about.code_size] = getattr(about.model, name)
    first = {about.code_size: about for about in found.values()}
    lines["principal components"] = {size: getattr(about.pca, name) for size, about in first.items() if about.pca}
    lines["JPEG of as many bytes"] = {size: getattr(about.jpeg, name) for size, about in first.items() if about.jpeg}
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
                hovertemplate=f"{title}, %{{x}} numbers: %{{y:.3f}}<extra></extra>",
            )
        )
    figure.update_layout(
        height=360,
        margin=MARGIN,
        xaxis={"title": "numbers in the code", "type": "log", "tickvals": sorted(first)},
        yaxis={"title": "PSNR, dB" if name == "psnr" else "SSIM"},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure


def code_against_input(grey: int, channels: int, code: int) -> go.Figure:
    """How many numbers a grey picture, the same in three channels, and the code of it have."""
    rows = {"the grey picture": grey, "in three channels": channels, "the code": code}
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
    figure.update_layout(height=210, margin=MARGIN, xaxis={"title": "numbers"}, yaxis={"autorange": "reversed"})
    return figure


def anomaly_histogram(known: Mapping[str, np.ndarray], odd: np.ndarray, threshold: float, own: float) -> go.Figure:
    """Reconstruction errors on a logarithmic axis: radiographs by class, odd pictures, the threshold, and one picture."""
    everything = np.log10(np.concatenate([*known.values(), odd, [own]]).clip(min=1e-6))
    edges = np.linspace(everything.min() - 0.02, everything.max() + 0.02, 51)
    figure = go.Figure()
    groups = {name: (values, COLOURS[name]) for name, values in known.items()} | {
        "odd pictures": (odd, COLOURS["band"])
    }
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
    figure.add_vline(x=float(np.log10(threshold)), line={"color": COLOURS["threshold"], "width": 2, "dash": "dash"})
    mark = {"symbol": "diamond", "size": 14, "color": "white", "line": {"width": 2, "color": "black"}}
    figure.add_trace(
        go.Scatter(
            x=[float(np.log10(max(own, 1e-6)))],
            y=[0],
            mode="markers",
            marker=mark,
            name="the picture above",
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
        yaxis={"title": "share of each group", "tickformat": ".0%"},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure


def stress_map(rows: Mapping[str, Sequence[StressRow]], figure_name: str) -> go.Figure:
    """A panel a run, stresses downwards, severity to the right. figure_name: "auroc_lost", "sensitivity" or "specificity"."""
    lost = figure_name == "auroc_lost"
    lines = {"clean": "Clean"} | {name: stress.title for name, stress in STRESSES.items()}
    severities = max(len(stress.levels) for stress in STRESSES.values())
    panels = -(-len(rows) // STRESS_PANELS_A_ROW)
    figure = make_subplots(
        panels,
        min(len(rows), STRESS_PANELS_A_ROW),
        shared_yaxes=True,
        subplot_titles=list(rows),
        horizontal_spacing=0.02,
        vertical_spacing=0.35 / (panels * 2),
    )
    for number, found in enumerate(rows.values()):
        # What has no severities, the clean pictures among them, stands in the first column.
        by = {(row.stress, max(row.severity, 1)): getattr(row, figure_name) for row in found}
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
            row=number // STRESS_PANELS_A_ROW + 1,
            col=number % STRESS_PANELS_A_ROW + 1,
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


def label_efficiency(rows: Sequence[Mapping[str, float | str]], title: str = "AUROC") -> go.Figure:
    """AUROC against the share of labelled patients: mean over seeds as a line, each training as a dot.

    rows: arm (e.g. "scratch"), labels (share), auroc.
    """
    figure = go.Figure()
    for number, arm in enumerate(dict.fromkeys(str(row["arm"]) for row in rows)):
        mine = [row for row in rows if row["arm"] == arm]
        shares = sorted({float(row["labels"]) for row in mine})
        means = [float(np.mean([row["auroc"] for row in mine if row["labels"] == share])) for share in shares]
        line = style(number) | {"width": 2.5}
        figure.add_trace(
            go.Scatter(
                x=shares,
                y=means,
                mode="lines",
                line=line,
                name=arm,
                hovertemplate=f"{arm}: mean %{{y:.4f}}<extra></extra>",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[row["labels"] for row in mine],
                y=[row["auroc"] for row in mine],
                mode="markers",
                marker={"color": style(number)["color"], "size": 8, "opacity": 0.7},
                showlegend=False,
                hovertemplate=f"{arm}, %{{x:.0%}} of the labels: %{{y:.4f}}<extra></extra>",
            )
        )
    figure.update_layout(
        height=380,
        margin=MARGIN,
        xaxis={
            "title": "share of training patients with a label",
            "type": "log",
            "tickformat": ".0%",
            "tickvals": [0.01, 0.05, 0.25, 1],
        },
        yaxis={"title": title},
        legend={"x": 0.99, "xanchor": "right", "y": 0.02, "yanchor": "bottom"},
    )
    return figure
