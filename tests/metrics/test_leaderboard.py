"""The leaderboard, and what others published."""

import pytest

from pneumo import runs
from pneumo.metrics import leaderboard
from pneumo.metrics.published import REPORTED


def test_the_leaderboard_is_sorted_and_comes_from_cards():
    cards = [runs.read_card(runs.resolve(name)) for name in runs.available("classification")]
    rows = leaderboard.rows(cards, "test")
    areas = [row["auroc"] for row in rows]
    assert areas == sorted(areas, reverse=True)
    by_name = {card.name: card for card in cards}
    for row in rows:
        card = by_name[row["run"]]
        assert (row["n"], row["parameters"]) == (card.metrics["test"].n, card.weights.parameters)
        assert row["sensitivity"] == card.metrics["test"].sensitivity


def test_intervals_of_rates_are_percentages_and_of_scores_are_not():
    [row] = leaderboard.rows([runs.read_card(runs.resolve("resnet18_fine_tuned"))], "test")
    assert row["sensitivity_ci95"] == "90.3% to 95.5%"
    assert row["specificity_ci95"] == "97.3% to 100.0%"
    assert row["auroc_ci95"] == "0.993 to 0.999"


def test_a_run_without_the_split_is_left_out():
    assert leaderboard.rows([runs.read_card(runs.resolve())], "left_out") == []


def test_published_results_are_complete_sorted_and_have_intervals():
    rows = leaderboard.reported_rows()
    assert len(rows) == len(REPORTED) == 8
    assert {row["n"] for row in rows} == {624}
    assert [row["accuracy"] for row in rows] == sorted((row["accuracy"] for row in rows), reverse=True)
    kermany = next(row for row in rows if "Inception" in row["model"])
    assert kermany["accuracy_ci95"] == "90.5% to 94.6%"  # as computed in the literature's own discussion of n = 624


@pytest.mark.parametrize("row", leaderboard.reported_rows(), ids=lambda row: row["model"])
def test_published_results_name_their_source(row):
    assert row["source"]
