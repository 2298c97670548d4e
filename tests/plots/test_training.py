"""Plots of trainings and of experiments."""

import pytest

from pneumo import plots

ROWS = [
    {"epoch": float(n), "train_loss": 1 / (n + 1), "validation_loss": 2 / (n + 1), "validation_accuracy": 0.9}
    for n in range(4)
]


def test_histories_mark_the_kept_epoch():
    figure = plots.histories({"a": ROWS}, {"a": 2}, "loss", log_scale=True)
    star = next(trace for trace in figure.data if trace.marker.symbol == "star")
    assert (star.x[0], star.y[0]) == (2, pytest.approx(2 / 3))
    assert figure.layout.yaxis.type == "log"


def test_rates_of_a_history_are_percentages():
    figure = plots.histories({"a": ROWS}, {"a": 2}, "accuracy", log_scale=False, title="Accuracy")
    assert (figure.layout.yaxis.tickformat, figure.layout.yaxis.title.text) == (".0%", "Accuracy")
    assert plots.histories({"a": ROWS}, {"a": 2}, "loss", log_scale=False).layout.yaxis.tickformat is None


def test_label_efficiency_has_a_line_and_dots_for_each_arm():
    rows = [
        {"arm": "scratch", "labels": share, "auroc": area} for share, area in ((0.01, 0.9), (0.01, 0.8), (1.0, 0.99))
    ]
    line, dots = plots.label_efficiency(rows).data
    assert list(line.x) == [0.01, 1.0]
    assert list(line.y) == pytest.approx([0.85, 0.99])
    assert len(dots.x) == 3
