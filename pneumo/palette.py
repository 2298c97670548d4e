"""One colour, one meaning."""

from __future__ import annotations

COLOURS = {
    "NORMAL": "#0072B2",
    "PNEUMONIA": "#D55E00",
    "UNCERTAIN": "#767676",  # grey, dark enough for letters
    "threshold": "#009E73",
    "band": "#999999",
    "train": "#56B4E9",
    "validation": "#CC79A7",
    "heatmap": "#E69F00",
    "random": "#999999",
    "truth": "#00E5FF",  # not of the eight: it must stand out on grey and on every heat
}
HEAT_SCALE = "Inferno"  # perceptually uniform: twice as hot looks twice as hot
