"""The figures of the Evidence page, the league table and the tables of experiments."""

import json

import numpy as np
import pytest

from pneumo import plots, runs
from pneumo.metrics import classification, leaderboard
from pneumo.metrics.published import REPORTED
from pneumo.runs import experiment_tables


def test_a_cell_can_be_clicked_and_says_its_count():
    figure = plots.confusion_cells({"tn": 5, "fp": 1, "fn": 2, "tp": 7}, chosen="fn")
    cells = {trace.customdata[0]: (trace.x[0], trace.y[0], trace.text[0]) for trace in figure.data[1:]}
    assert cells["fn"][:2] == (0, 1)  # said NORMAL, is PNEUMONIA
    assert "<b>2</b>" in cells["fn"][2]
    assert len(figure.layout.shapes) == 1


def test_points_on_the_curves_follow_the_threshold(scores):
    for threshold in (0.2, 0.8):
        counts = classification.rates(classification.confusion(*scores, threshold))
        roc = plots.roc_curves({"a": scores}, threshold).data[1]
        assert (roc.x[0], roc.y[0]) == pytest.approx((1 - counts["specificity"], counts["sensitivity"]))
        pr = plots.precision_recall_curves({"a": scores}, threshold).data[1]
        assert (pr.x[0], pr.y[0]) == pytest.approx((counts["sensitivity"], counts["precision"]))


@pytest.mark.parametrize("prevalence", [0.01, 0.3, 0.99])
def test_a_thousand_people_are_a_thousand(prevalence):
    figure, counts = plots.people(0.9, 0.8, prevalence)
    assert sum(counts.values()) == sum(len(trace.x) for trace in figure.data) == 1000
    assert counts["tp"] + counts["fn"] == 1000 * prevalence


def test_decision_curve_of_everybody_is_the_prevalence_at_zero(scores):
    figure = plots.decision_curves({"a": scores}, 0.5)
    everybody = next(trace for trace in figure.data if trace.name == "treat everybody")
    assert everybody.y[0] == pytest.approx(100 * scores[0].mean(), abs=1)


def test_histories_mark_the_kept_epoch():
    rows = [{"epoch": float(n), "train_loss": 1 / (n + 1), "validation_loss": 2 / (n + 1)} for n in range(4)]
    figure = plots.histories({"a": rows}, {"a": 2}, "loss", log_scale=True)
    star = next(trace for trace in figure.data if trace.marker.symbol == "star")
    assert (star.x[0], star.y[0]) == (2, pytest.approx(2 / 3))
    assert figure.layout.yaxis.type == "log"


def test_reliability_takes_several_runs(scores):
    figure = plots.reliability_curves({"a": scores, "b": (scores[0], 1 - scores[1])})
    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert len({trace.line.dash for trace in figure.data}) == 2  # never colour alone


def test_league_is_sorted_and_comes_from_cards():
    cards = [runs.read_card(runs.resolve(name)) for name in runs.available("classification")]
    rows = leaderboard.rows(cards, "test")
    areas = [row["auroc"] for row in rows]
    assert areas == sorted(areas, reverse=True)
    by_name = {card.name: card for card in cards}
    for row in rows:
        card = by_name[row["run"]]
        assert (row["n"], row["parameters"]) == (card.metrics["test"].n, card.weights.parameters)


def test_reported_results_are_complete_and_have_intervals():
    rows = leaderboard.reported_rows()
    assert len(rows) == len(REPORTED) == 8
    kermany = next(row for row in rows if "Inception" in row["run"])
    assert kermany["accuracy_ci95"] == "0.905 to 0.946"  # as computed in the literature's own discussion of n = 624


def test_tables_of_experiments(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    assert experiment_tables.available() == []
    folder = tmp_path / experiment_tables.FOLDER
    folder.mkdir()
    (folder / "labels.csv").write_text("arm,labels,auroc\nscratch,0.01,0.9\nscratch,1,0.99\n")
    (folder / "labels.json").write_text(json.dumps({"title": "T", "kind": "labels", "note": "N"}))
    table = experiment_tables.read("labels")
    assert table.rows[0] == {"arm": "scratch", "labels": 0.01, "auroc": 0.9}
    assert len(plots.label_efficiency(table.rows).data) == 2
    (folder / "labels.json").write_text("{}")
    with pytest.raises(runs.RunError, match="does not fit"):
        experiment_tables.read("labels")


@pytest.mark.parametrize("count", (1, 2, 6))
def test_stress_map_has_a_panel_a_run(count):
    from pneumo.inference.robustness import CorruptionRow

    rows = (CorruptionRow("clean", 0, 0.99, -0.0001, 0.9, 0.9), CorruptionRow("blur", 2, 0.9, 0.09, 0.8, 0.7))
    figure = plots.robustness_map({f"run{n}": rows for n in range(count)}, "auroc_lost")
    assert len(figure.data) == count
    assert [note.text for note in figure.layout.annotations] == [f"run{n}" for n in range(count)]
    panel = figure.data[-1]
    blur = panel.y.index("Blur")
    assert panel.z[0][0] == -0.0001 and panel.text[0][0] == ".000"
    assert panel.z[blur][1] == 0.09 and panel.text[blur][1] == ".090"
    assert np.isnan(panel.z[blur][0]) and panel.text[blur][0] == ""


def test_marks_on_the_edge_are_whole(scores):
    """A sensitivity of 1 is drawn on the upper edge."""
    roc = plots.roc_curves({"run": scores}, 0.0)
    reliability = plots.reliability_curves({"run": scores})
    assert [trace.cliponaxis for trace in roc.data if trace.mode == "markers"] == [False]
    assert [trace.cliponaxis for trace in reliability.data] == [False]
