"""Plotly figures and picture overlays from plain data. One colour, one meaning, defined here once.

Colours are Okabe and Ito's (2008), which colour-blind readers can tell apart; every mark carries a word or a shape too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb, sample_colorscale, unlabel_rgb
from scipy.ndimage import binary_dilation

from pneumo.schema import CLASS_NAMES, Interval, OperatingPoint, chance

COLOURS = {
    "NORMAL": "#0072B2",
    "PNEUMONIA": "#D55E00",
    "threshold": "#009E73",
    "band": "#999999",
    "train": "#56B4E9",
    "validation": "#CC79A7",
    "heatmap": "#E69F00",
    "random": "#999999",
    "truth": "#00E5FF",  # not of the eight: it must stand out on grey and on every heat
}
HEAT_SCALE = "Inferno"  # perceptually uniform: twice as hot looks twice as hot
HISTOGRAM_BINS = 25
MARGIN = {"l": 8, "r": 8, "t": 32, "b": 8}


def overlay(
    pixels: np.ndarray, heat: np.ndarray, opacity: float = 0.6, floor: float = 0.15, smooth: bool = True
) -> np.ndarray:
    """A heatmap over a radiograph; the opacity follows the map, so nothing is painted where nothing was found.

    pixels: (H, W) uint8. heat: (h, w) float32 in 0..1, stretched over the picture. floor: what is at or below it stays
    clear. smooth: False gives each cell its hard edges. Returns (H, W, 3) uint8.
    """
    heat = _resize(heat, pixels.shape) if smooth else _enlarge_cells(heat, pixels.shape)
    alpha = opacity * np.clip((heat - floor) / max(1e-6, 1 - floor), 0, 1)
    colours = heat_colours()[np.round(heat * 255).astype(np.uint8)]
    blended = pixels[..., None] * (1 - alpha[..., None]) + colours * alpha[..., None]
    return np.round(blended).astype(np.uint8)


@lru_cache(maxsize=1)
def heat_colours() -> np.ndarray:
    """(256, 3) float32, the colour of each heat level in 0..255."""
    sampled = sample_colorscale(HEAT_SCALE, np.linspace(0, 1, 256).tolist())
    return np.array([unlabel_rgb(colour) for colour in sampled], dtype=np.float32)


def heat_picture(values: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 in the heatmap's colours. values: (H, W), 0 dark to 1 bright; what lies outside is cut off."""
    return heat_colours()[np.round(values.clip(0, 1) * 255).astype(np.uint8)].astype(np.uint8)


def _resize(heat: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bilinear, as the square was made from the picture: pixel centres at (i + 1/2) / n."""
    for axis, wanted in enumerate(shape):
        have = heat.shape[axis]
        at = np.clip((np.arange(wanted) + 0.5) * have / wanted - 0.5, 0, have - 1)
        low = np.minimum(np.floor(at).astype(int), max(0, have - 2))
        weight = (at - low).astype(np.float32)
        weight = weight[:, None] if axis == 0 else weight
        high = np.minimum(low + 1, have - 1)
        heat = np.take(heat, low, axis) * (1 - weight) + np.take(heat, high, axis) * weight
    return heat


def _enlarge_cells(heat: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Nearest cell."""
    rows, columns = (
        (2 * np.arange(wanted) + 1) * have // (2 * wanted) for wanted, have in zip(shape, heat.shape, strict=True)
    )
    return heat[np.ix_(rows, columns)]


def outline(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The border of a mask drawn into a picture, for what is known to be true.

    picture: (H, W) or (H, W, 3) uint8. mask: (H, W) bool. Returns (H, W, 3) uint8.
    """
    painted = np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else picture.copy()
    width = max(1, min(mask.shape) // 150)  # two pixels where a page shows some 300
    painted[binary_dilation(mask, iterations=width) & ~mask] = hex_to_rgb(COLOURS["truth"])
    return painted


def windowed(pixels: np.ndarray, low: int, high: int, invert: bool = False) -> np.ndarray:
    """The picture with grey levels low..high spread over 0..255, inverted on request. (H, W) uint8 in and out."""
    levels = np.clip((np.arange(256) - low) / max(1, high - low), 0, 1) * 255
    table = np.round(255 - levels if invert else levels).astype(np.uint8)
    return table[pixels]


def probability_bar(probability: float, threshold: float, band: Interval | None, stability: Interval) -> go.Figure:
    """One probability on a line from 0 to 1, with threshold, indeterminate band and spread under small changes."""
    figure = go.Figure()
    if band:
        figure.add_vrect(x0=band.low, x1=band.high, fillcolor=COLOURS["band"], opacity=0.25, line_width=0)
    for x0, x1, name in ((0, threshold, "NORMAL"), (threshold, 1, "PNEUMONIA")):
        figure.add_shape(type="line", x0=x0, x1=x1, y0=0, y1=0, line={"color": COLOURS[name], "width": 5})
    figure.add_trace(
        go.Scatter(
            x=[stability.low, stability.high],
            y=[0, 0],
            mode="lines",
            line={"color": "rgba(128,128,128,.9)", "width": 13},
            name="under small changes",
            hovertemplate="under small changes: %{x:.3f}<extra></extra>",
        )
    )
    figure.add_vline(x=threshold, line={"color": COLOURS["threshold"], "width": 2, "dash": "dash"})
    figure.add_trace(
        go.Scatter(
            x=[probability],
            y=[0],
            mode="markers",
            marker={
                "symbol": "diamond",
                "size": 17,
                "color": COLOURS[CLASS_NAMES[int(probability >= threshold)]],
                "line": {"width": 2, "color": "white"},
            },
            cliponaxis=False,
            hovertext=[chance(probability)],
            hovertemplate="probability %{hovertext}<extra></extra>",
        )
    )
    figure.update_layout(height=96, margin={"l": 8, "r": 8, "t": 4, "b": 28}, showlegend=False, dragmode=False)
    figure.update_xaxes(
        range=[-0.02, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1], fixedrange=True, zeroline=False, showgrid=False
    )
    figure.update_yaxes(visible=False, range=[-1, 1], fixedrange=True)
    return figure


def probability_histogram(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, marks: Sequence[float] = ()
) -> go.Figure:
    """How the probabilities of each class are distributed, with the threshold and, as lines, the files on the page."""
    figure = go.Figure()
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    for label, name in enumerate(CLASS_NAMES):
        count, _ = np.histogram(probabilities[labels == label], edges)
        figure.add_trace(
            go.Bar(
                x=(edges[1:] + edges[:-1]) / 2,
                y=count,
                width=1 / HISTOGRAM_BINS,
                name=name,
                marker={"color": COLOURS[name], "pattern": {"shape": ["", "/"][label]}},
                opacity=0.75,
                hovertemplate=f"{name}: %{{y}} images<extra></extra>",
            )
        )
    figure.add_vline(
        x=threshold,
        line={"color": COLOURS["threshold"], "width": 2, "dash": "dash"},
        annotation={
            "text": f"threshold {threshold:.3f}",
            "yanchor": "bottom",
            "y": 1,
            "xanchor": "left" if threshold < 0.5 else "right",  # towards the middle, where there is room
        },
    )
    if marks:
        figure.add_trace(
            go.Scatter(
                x=list(marks),
                y=[1] * len(marks),
                mode="markers",
                marker={"symbol": "diamond", "size": 13, "color": "white", "line": {"width": 2, "color": "black"}},
                name="files on this page",
                cliponaxis=False,
                hovertext=[chance(mark) for mark in marks],
                hovertemplate="probability %{hovertext}<extra></extra>",
            )
        )
    figure.update_layout(
        barmode="overlay",
        height=250,
        margin=MARGIN,
        legend={"orientation": "h", "y": -0.35},
        yaxis={"title": "images (log scale)", "type": "log", "rangemode": "tozero"},
        xaxis={"title": "probability of pneumonia", "range": [-0.02, 1.02]},  # room for half a mark at 0 and 1
    )
    return figure


def gate_histogram(known: Sequence[float], typical: float, refused: float, value: float, title: str) -> go.Figure:
    """A figure of the gate: its distribution among validation radiographs, both limits, and where a picture lies."""
    low, high = min(known), max(known)
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    count, _ = np.histogram(known, edges)
    figure = go.Figure(
        go.Bar(
            x=(edges[1:] + edges[:-1]) / 2,
            y=count,
            width=(high - low) / HISTOGRAM_BINS,
            marker={"color": COLOURS["validation"]},
            opacity=0.75,
            hovertemplate="%{x:.3g}: %{y} validation radiographs<extra></extra>",
        )
    )
    for limit, dash in ((typical, "dot"), (refused, "dash")):
        figure.add_vline(x=limit, line={"color": COLOURS["threshold"], "width": 2, "dash": dash})
    mark = {"symbol": "diamond", "size": 14, "color": "white", "line": {"width": 2, "color": "black"}}
    figure.add_trace(
        go.Scatter(
            x=[value],
            y=[0],
            mode="markers",
            marker=mark,
            cliponaxis=False,
            hovertemplate="this picture: %{x:.3g}<extra></extra>",
        )
    )
    room = 0.04 * (max(high, value) - min(low, value))
    figure.update_layout(
        height=210,
        margin=MARGIN | {"t": 8},
        showlegend=False,
        xaxis={"title": title, "range": [min(low, value) - room, max(high, value) + room], "fixedrange": True},
        yaxis={"title": "radiographs", "fixedrange": True},
    )
    return figure


def training_curves(history: Sequence[dict[str, float]], figure_name: str, best_epoch: int) -> go.Figure:
    """One figure of the history (e.g. "loss") on train and validation, epoch 0 included, the best epoch marked."""
    figure = go.Figure()
    epochs = [row["epoch"] for row in history]
    for part, dash in (("train", "dot"), ("validation", "solid")):
        figure.add_trace(
            go.Scatter(
                x=epochs,
                y=[row[f"{part}_{figure_name}"] for row in history],
                name=part,
                mode="lines+markers",
                line={"color": COLOURS[part], "dash": dash},
                hovertemplate=f"{part}, epoch %{{x}}: %{{y:.4f}}<extra></extra>",
            )
        )
    figure.add_vline(x=best_epoch, line={"dash": "dash", "color": COLOURS["band"]}, annotation={"text": "kept"})
    figure.update_layout(
        height=300,
        margin=MARGIN,
        legend={"orientation": "h", "y": -0.3},
        xaxis={"title": "epoch (0: before training)"},
        yaxis={"title": figure_name},
        hovermode="x unified",
    )
    return figure


def confusion_matrix(counts: dict[str, int]) -> go.Figure:
    """The four counts, rows what is true, columns what the model said; shaded by the share of each row."""
    rows = np.array([[counts["tn"], counts["fp"]], [counts["fn"], counts["tp"]]])
    shares = rows / np.maximum(rows.sum(1, keepdims=True), 1)
    text = [[f"{n}<br>{share:.1%}" for n, share in zip(*pair, strict=True)] for pair in zip(rows, shares, strict=True)]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            text=text,
            texttemplate="%{text}",
            textfont={"size": 16},
            x=[f"said {name}" for name in CLASS_NAMES],
            y=[f"is {name}" for name in CLASS_NAMES],
            colorscale="Blues",
            zmin=0,
            zmax=1,
            showscale=False,
            hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
        )
    )
    figure.update_layout(height=300, margin=MARGIN, yaxis={"autorange": "reversed"})
    return figure


def roc_curve(
    false_positive: np.ndarray, true_positive: np.ndarray, points: Sequence[OperatingPoint], title: str
) -> go.Figure:
    """A ROC curve with the named operating points where they were chosen."""
    figure = go.Figure(
        go.Scatter(
            x=false_positive,
            y=true_positive,
            mode="lines",
            line={"color": COLOURS["PNEUMONIA"], "width": 3},
            name=title,
            hovertemplate="sensitivity %{y:.3f}, 1 - specificity %{x:.3f}<extra></extra>",
        )
    )
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": COLOURS["band"]})
    for point, symbol in zip(points, ("diamond", "triangle-up", "triangle-left", "circle"), strict=False):
        figure.add_trace(
            go.Scatter(
                x=[1 - point.specificity],
                y=[point.sensitivity],
                mode="markers",
                marker={"symbol": symbol, "size": 12, "color": COLOURS["threshold"]},
                cliponaxis=False,
                name=f"{point.title} ({point.threshold:.3f})",
            )
        )
    figure.update_layout(
        height=380,
        margin=MARGIN,
        xaxis={"title": "1 - specificity", "range": [-0.01, 1]},
        yaxis={"title": "sensitivity", "range": [0, 1.01]},
        legend={"x": 0.98, "xanchor": "right", "y": 0.03},
    )
    return figure


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> go.Figure:
    """Observed share of pneumonia against the stated probability, in equally wide bins; marker area is the count."""
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    used = [b for b in range(bins) if (index == b).any()]
    stated = [float(probabilities[index == b].mean()) for b in used]
    observed = [float(labels[index == b].mean()) for b in used]
    counts = np.array([int((index == b).sum()) for b in used])
    figure = go.Figure(
        go.Scatter(
            x=stated,
            y=observed,
            mode="lines+markers",
            marker={"size": 7 + 26 * np.sqrt(counts / counts.max()), "color": COLOURS["PNEUMONIA"], "opacity": 0.7},
            line={"color": COLOURS["PNEUMONIA"], "width": 1},
            cliponaxis=False,  # the largest circles lie at 0 and 1
            customdata=counts,
            hovertemplate="stated %{x:.2f}, observed %{y:.2f}, n = %{customdata}<extra></extra>",
        )
    )
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": COLOURS["band"]})
    figure.update_layout(
        height=380,
        margin=MARGIN,
        showlegend=False,
        xaxis={"title": "stated probability", "range": [-0.05, 1.05]},
        yaxis={"title": "share that had pneumonia", "range": [-0.05, 1.05]},
    )
    return figure


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


def mosaic(maps: np.ndarray, columns: int = 8) -> np.ndarray:
    """Feature maps (N, H, W), each scaled to its own 0..255, side by side with a grey gap. uint8."""
    low = maps.min((1, 2), keepdims=True)
    spread = np.maximum(maps.max((1, 2), keepdims=True) - low, 1e-9)
    return contact_sheet(np.round((maps - low) / spread * 255).astype(np.uint8), columns)


def contact_sheet(pictures: np.ndarray, columns: int = 4) -> np.ndarray:
    """Pictures (N, H, W) uint8 side by side as they are, with a grey gap. uint8."""
    tiles = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), constant_values=128)
    tiles = np.concatenate([tiles, np.full((-len(tiles) % columns, *tiles.shape[1:]), 128, np.uint8)])
    n, height, width = tiles.shape
    grid = tiles.reshape(n // columns, columns, height, width).transpose(0, 2, 1, 3)  # rows of tiles, by picture row
    return grid.reshape(n // columns * height, columns * width)


# --- a data set -------------------------------------------------------------------------------------------

PATTERNS = (  # NORMAL plain, PNEUMONIA hatched, for those who see no difference of colour
    {"shape": ""},
    {"shape": "/", "fillmode": "overlay", "fgcolor": "white", "size": 7, "solidity": 0.25},
)


def class_bars(counts: dict[str, dict[str, int]]) -> go.Figure:
    """Images of each class in each part, the first part on top. counts: part -> class name -> images."""
    figure = go.Figure()
    most = max(1, *(n for count in counts.values() for n in count.values()))
    for name, pattern in zip(CLASS_NAMES, PATTERNS, strict=True):
        images = [count[name] for count in counts.values()]
        figure.add_trace(
            go.Bar(
                y=list(counts),
                x=images,
                orientation="h",
                name=name,
                text=[f"{n:,}" for n in images],
                textposition="outside",
                cliponaxis=False,
                marker={"color": COLOURS[name], "pattern": pattern},
                hovertemplate=f"%{{y}}, {name}: %{{x:,}} images<extra></extra>",
            )
        )
    figure.update_layout(
        barmode="group",
        height=110 + 62 * len(counts),
        margin=MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        xaxis={"title": "images", "range": [0, 1.2 * most]},  # room for the numbers
        yaxis={"autorange": "reversed"},
        dragmode=False,
    )
    return figure


def class_histogram(
    values: dict[str, np.ndarray], edges: np.ndarray, title: str, of: str, *, beside: bool = False
) -> go.Figure:
    """How a quantity is distributed in each class, as shares of the class, so that the larger one hides nothing.

    values: class name -> (n,). edges: of the bins. title: of the quantity. of: what is counted, e.g. "images".
    beside: the classes' bars side by side, for few bins, and not one over the other.
    """
    figure = go.Figure()
    for name, pattern in zip(CLASS_NAMES, PATTERNS, strict=True):
        count, _ = np.histogram(values[name], edges)
        figure.add_trace(
            go.Bar(
                x=(edges[1:] + edges[:-1]) / 2,
                y=count / max(1, len(values[name])),
                customdata=count,
                name=f"{name} (n = {len(values[name]):,})",
                marker={"color": COLOURS[name], "pattern": pattern},
                opacity=1 if beside else 0.55,
                hovertemplate=f"{name}, %{{x:.4~g}}: %{{customdata}} {of}, %{{y:.1%}}<extra></extra>",
            )
        )
    figure.update_layout(
        barmode="group" if beside else "overlay",
        bargap=0.1 if beside else 0,
        height=300,
        margin=MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": title} | ({"dtick": max(1, len(edges) // 10)} if beside else {}),
        yaxis={"title": f"share of its {of}", "tickformat": ".0%"},
        dragmode=False,
    )
    return figure


def level_curves(shares: np.ndarray) -> go.Figure:
    """The grey levels of an average image of each class. shares: (2, B), of pixels in B equal bands of 0..255."""
    figure = go.Figure()
    step = 256 / shares.shape[1]
    for name, dash, row in zip(CLASS_NAMES, ("solid", "dash"), shares, strict=True):
        figure.add_trace(
            go.Scatter(
                x=(np.arange(len(row)) + 0.5) * step - 0.5,
                y=row,
                mode="lines",
                name=name,
                line={"color": COLOURS[name], "dash": dash, "width": 3},
                hovertemplate=f"{name}, grey level about %{{x:.0f}}: %{{y:.1%}} of its pixels<extra></extra>",
            )
        )
    figure.update_layout(
        height=300,
        margin=MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": "grey level, 0 black to 255 white", "range": [0, 255]},
        yaxis={"title": "share of pixels", "tickformat": ".0%", "rangemode": "tozero"},
        dragmode=False,
    )
    return figure


def picture_sizes(sizes: np.ndarray, labels: np.ndarray) -> go.Figure:
    """Width against height, one mark for each size that occurs, its area by how often. sizes: (N, 2), labels: (N,)."""
    figure = go.Figure()
    for label, (name, symbol) in enumerate(zip(CLASS_NAMES, ("circle", "triangle-up"), strict=True)):
        found, count = np.unique(sizes[labels == label], axis=0, return_counts=True)
        figure.add_trace(
            go.Scattergl(  # thousands of marks
                x=found[:, 0],
                y=found[:, 1],
                mode="markers",
                customdata=count,
                name=name,
                marker={
                    "symbol": symbol,
                    "color": COLOURS[name],
                    "opacity": 0.5,
                    "size": 5 + 20 * np.sqrt(count / len(sizes)),
                },
                hovertemplate=f"{name}, %{{x}} x %{{y}} pixels: %{{customdata}} images<extra></extra>",
            )
        )
    figure.update_layout(
        height=380,
        margin=MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": "width in pixels", "rangemode": "tozero"},
        yaxis={"title": "height in pixels", "rangemode": "tozero"},
    )
    return figure


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
