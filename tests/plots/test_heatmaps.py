import numpy as np

from pneumo import plots

GREY = np.full((6, 8), 100, np.uint8)


def test_check_plots_carry_names_and_areas():
    chart = plots.randomisation(["head", "conv"], [0.4, float("nan")])
    assert chart.layout.xaxis.ticktext == ("trained", "head", "conv")
    assert chart.data[0].y[:2] == (1, 0.4)
    at = np.linspace(0, 1, 5)
    chart = plots.deletion_insertion(at, 1 - at, at, 0.25, 0.5, "Deletion")
    assert [trace.name for trace in chart.data] == ["this heatmap: area 0.25", "random maps: area 0.50"]
