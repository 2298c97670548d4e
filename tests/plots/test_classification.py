"""Plots of classification: matrix, curves, people."""

import pytest

from pneumo import plots
from pneumo.metrics import classification


def test_a_cell_can_be_clicked_and_says_its_count():
    figure = plots.confusion_cells({"tn": 5, "fp": 1, "fn": 2, "tp": 7}, chosen="fn")
    cells = {trace.customdata[0]: (trace.x[0], trace.y[0], trace.text[0]) for trace in figure.data[1:]}
    assert cells["fn"][:2] == (0, 1)  # called NORMAL, is PNEUMONIA
    assert "<b>2</b>" in cells["fn"][2]
    assert len(figure.layout.shapes) == 1


def test_points_on_the_curves_follow_the_threshold(scores):
    for threshold in (0.2, 0.8):
        counts = classification.rates(classification.confusion(*scores, threshold))
        roc = plots.roc_curves({"a": scores}, threshold).data[1]
        assert (roc.x[0], roc.y[0]) == pytest.approx((1 - counts["specificity"], counts["sensitivity"]))
        pr = plots.precision_recall_curves({"a": scores}, threshold).data[1]
        assert (pr.x[0], pr.y[0]) == pytest.approx((counts["sensitivity"], counts["precision"]))


def test_rates_are_percentages_and_areas_are_not(scores):
    for figure, area in (
        (plots.roc_curves({"a": scores}, 0.5), classification.auroc(*scores)),
        (plots.precision_recall_curves({"a": scores}, 0.5), classification.auprc(*scores)),
    ):
        assert figure.layout.xaxis.tickformat == figure.layout.yaxis.tickformat == ".0%"
        assert figure.data[0].name == f"a: {area:.3f}"


def test_legends_cover_no_curve_and_a_finger_scrolls_the_page(scores):
    several = {"a": scores, "b": scores}
    for figure in (
        plots.roc_curves(several, 0.5),
        plots.reliability_curves(several),
        plots.decision_curves(several, 0.5),
    ):
        legend = figure.layout.legend
        assert (legend.orientation, legend.yref, legend.y, legend.yanchor) == ("h", "container", 0, "bottom")
        assert figure.layout.dragmode is False
    one, two = (plots.roc_curves(dict.fromkeys(names, scores), 0.5) for names in ("a", "ab"))
    assert two.layout.height > one.layout.height, "the axes keep their room"


@pytest.mark.parametrize("prevalence", [0.01, 0.3, 0.99])
def test_a_thousand_people_are_a_thousand(prevalence):
    figure, counts = plots.people(0.9, 0.8, prevalence)
    assert counts == plots.people_counts(0.9, 0.8, prevalence)
    assert sum(counts.values()) == sum(len(trace.x) for trace in figure.data) == 1000
    assert counts["tp"] + counts["fn"] == 1000 * prevalence
    assert [trace.name.split(" ", 1)[1] for trace in figure.data] == [
        "with pneumonia, found",
        "without pneumonia, false alarm",
        "with pneumonia, missed",
        "without pneumonia, called NORMAL",
    ]


def test_decision_curve_of_everybody_is_the_prevalence_at_zero(scores):
    figure = plots.decision_curves({"a": scores}, 0.5)
    everybody = next(trace for trace in figure.data if trace.name == "Treat everybody")
    assert everybody.y[0] == pytest.approx(100 * scores[0].mean(), abs=1)


def test_reliability_takes_several_runs(scores):
    figure = plots.reliability_curves({"a": scores, "b": (scores[0], 1 - scores[1])})
    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert len({trace.line.dash for trace in figure.data}) == 2  # never colour alone


def test_marks_on_the_edge_are_whole(scores):
    """A sensitivity of 1 is drawn on the upper edge."""
    roc = plots.roc_curves({"run": scores}, 0.0)
    reliability = plots.reliability_curves({"run": scores})
    assert [trace.cliponaxis for trace in roc.data if trace.mode == "markers"] == [False]
    assert [trace.cliponaxis for trace in reliability.data] == [False]
