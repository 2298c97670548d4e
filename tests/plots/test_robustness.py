"""The chart of a run's robustness."""

import numpy as np

from pneumo import plots
from pneumo.inference.robustness import CorruptionRow

ROWS = (CorruptionRow("clean", 0, 0.99, -0.0001, 0.9, 0.9), CorruptionRow("blur", 2, 0.9, 0.09, 0.8, 0.51))


def cells(metric: str) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    """Text and its colour by corruption and severity."""
    texts = plots.robustness_map(ROWS, metric).data[1]
    places = list(zip(texts.y, texts.x, strict=True))
    return dict(zip(places, texts.text, strict=True)), dict(zip(places, texts.textfont.color, strict=True))


def test_rates_are_percentages_and_losses_are_scores():
    assert cells("specificity")[0] == {("Clean", "1"): "90.0%", ("Blur", "2"): "51.0%"}
    assert cells("auroc_lost")[0] == {("Clean", "1"): "0.000", ("Blur", "2"): "0.090"}, "no minus before a zero"


def test_what_was_not_measured_is_empty():
    heat = plots.robustness_map(ROWS, "sensitivity").data[0]
    blur = heat.y.index("Blur")
    assert heat.z[blur][1] == 0.8
    assert np.isnan(heat.z[blur][0])


def test_text_stands_out_from_its_cell():
    """Bad cells are bright, so their text is black; good ones are dark."""
    for metric in ("specificity", "auroc_lost"):
        colours = cells(metric)[1]
        assert (colours["Clean", "1"], colours["Blur", "2"]) == ("white", "black"), metric
