"""The model card: what the hub reads and what people read are the numbers of the run's card, and its sections agree."""

import dataclasses
import re

import pytest
import yaml
from huggingface_hub import ModelCard

from pneumo import cli, data, formatting, runs
from pneumo.inference import heatmap_report, input_check_report
from pneumo.metrics import significance, thresholds
from pneumo.runs import evaluations, model_card, names
from pneumo.schema import RunCard
from pneumo.training import recipes, session

NAMES = runs.available("classification")


@pytest.fixture(params=NAMES)
def card(request) -> RunCard:
    return runs.read_card(runs.resolve(request.param))


def front_matter(text: str) -> dict:
    _, block, _ = text.split("---\n", 2)
    return yaml.safe_load(block)


def test_every_metric_in_the_front_matter_is_the_cards(card):
    [model] = front_matter(model_card.markdown(card))["model-index"]
    assert model["name"] == card.name
    seen = 0
    for result in model["results"]:
        metrics = card.metrics[result["dataset"]["split"]]
        for value in result["metrics"]:
            [name] = [n for n, hub_name in model_card.HUB_NAMES.items() if hub_name == value["type"]]
            assert value["value"] == getattr(metrics, name)
            assert value["name"] == formatting.METRICS[name][0]
            assert value["args"]["n"] == metrics.n
            assert value["args"]["threshold"] == metrics.threshold
            interval = metrics.ci95.get(name)  # there is none for the calibration error
            assert value["args"].get("ci95") == (list(dataclasses.astuple(interval)) if interval else None)
            seen += 1
    assert seen == len(card.metrics) * len(formatting.METRICS)


def test_the_hub_reads_it_back_unchanged(card):
    text = model_card.markdown(card)
    read = ModelCard(text)
    assert read.data.license == "apache-2.0"
    assert read.data.model_name == card.name
    assert len(read.data.eval_results) == len(card.metrics) * len(formatting.METRICS)
    again = ModelCard(read.content)
    assert again.data.to_dict() == read.data.to_dict() == front_matter(text)
    assert again.text == read.text


def row_of(text: str, title: str) -> list[str]:
    """The cells of the one row of a table that has this title."""
    [row] = [line for line in text.splitlines() if line.startswith(f"| {title} |")]
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def test_every_number_in_the_body_is_the_cards(card):
    text = model_card.markdown(card)
    order = sorted(card.metrics, key=["test", "validation"].index)
    for column, metrics in enumerate(card.metrics[split] for split in order):
        assert f"n = {metrics.n:,}, {metrics.patients:,} patients" in text
        for name, (title, write) in formatting.METRICS.items():
            interval = metrics.ci95.get(name)
            shown = f" ({write(interval.low)} to {write(interval.high)})" if interval else ""
            assert row_of(text, title)[column] == f"{write(getattr(metrics, name))}{shown}"
        for key, title in (("tp", "True positives"), ("fn", "False negatives"), ("fp", "False positives")):
            assert row_of(text, title)[column] == f"{metrics.confusion[key]:,}"
    titles = thresholds.titles(card.operating_points)
    for point in card.operating_points:
        title = f"**{titles[point.name]}** (default)" if point.name == card.default_point else titles[point.name]
        assert row_of(text, title) == [
            formatting.probability(point.threshold),
            formatting.rate(point.sensitivity),
            formatting.rate(point.specificity),
            point.chosen_on,
        ]
    for split, counts in card.data.counts.items():
        assert row_of(text, split) == [f"{n:,}" for n in (*counts.values(), card.data.patients[split])]
    for known in (card.intended_use, *card.limits, card.weights.sha256, card.data.split_digest, card.hardware):
        assert known in text
    assert f"{card.weights.parameters:,} parameters" in text
    assert card.members or f"| learning_rate | {card.recipe.learning_rate} |" in text
    assert f"--run {card.name}" in text
    assert f"\n# {names.name_of(card)}\n\n`{card.name}` " in text


def test_rates_are_percentages_and_scores_are_not(card):
    text = model_card.markdown(card)
    for title in ("Sensitivity", "Specificity", "Precision", "Accuracy"):
        assert all(re.fullmatch(r"\d+\.\d% \(\d+\.\d% to \d+\.\d%\)", cell) for cell in row_of(text, title))
    for title in ("AUROC", "Average precision", "F1", "Brier score"):
        # An AUROC of exactly 1 has no variance to estimate, so it comes without an interval.
        assert all(re.fullmatch(r"\d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)|1\.000", cell) for cell in row_of(text, title))


def test_each_interval_is_by_the_method_that_the_card_names(card):
    """Estimated again from the stored predictions by the named method."""
    predictions = runs.read_predictions(runs.resolve(card.name))
    for split, metrics in card.metrics.items():
        rows = predictions.split(split)
        counts = metrics.confusion
        tn, fp, fn, tp = (counts[key] for key in ("tn", "fp", "fn", "tp"))
        again = {
            "sensitivity": significance.wilson(tp, tp + fn),
            "specificity": significance.wilson(tn, tn + fp),
            "precision": significance.wilson(tp, tp + fp),
            "accuracy": significance.wilson(tp + tn, metrics.n),
            "auroc": significance.delong_interval(rows.labels, rows.probabilities),
        }
        named = {name for method in ("Wilson", "DeLong") for name in model_card.INTERVALS[method]}
        assert again.keys() == named
        if metrics.auroc == 1.0:  # no variance to estimate
            assert again.pop("auroc") is None and "auroc" not in metrics.ci95
        for name, interval in again.items():
            assert dataclasses.astuple(metrics.ci95[name]) == pytest.approx(dataclasses.astuple(interval), abs=1e-4)
        if "auroc" in again:  # the bootstrap's is another
            assert abs(metrics.ci95["auroc"].low - metrics.ci95["auroc_by_patient"].low) > 1e-4
    drawn = set(model_card.INTERVALS["bootstrap over patients"])
    assert drawn == card.metrics["test"].ci95.keys() & formatting.METRICS.keys() - named
    text = model_card.markdown(card)
    assert (
        "Wilson for sensitivity, specificity, precision and accuracy; DeLong for AUROC; bootstrap over patients for"
        in text
    )


@pytest.mark.parametrize("name", runs.available())
def test_no_section_contradicts_the_summary(name):
    """A card that has an input check points to it, and one that has none promises none."""
    card = runs.read_card(runs.resolve(name))
    measured = input_check_report.card_sections(card)
    text = model_card.markdown(card, measured)
    assert bool(measured) == (card.task == "classification")
    assert ("the app puts an input check before it (see below)" in text) == bool(measured)
    assert ("\n## The input check\n" in text) == bool(measured)
    assert "input check" not in model_card.markdown(card)
    assert "does not know" not in text
    trained = "epochs ran" in text
    assert trained == (not card.members)
    assert ("logit /" in text) == (card.task == "classification" and not card.members)


@pytest.mark.parametrize("name", runs.available())
def test_stored_texts_are_those_that_a_training_writes_today(name):
    card = runs.read_card(runs.resolve(name))
    assert card.intended_use == session.INTENDED_USE
    assert "Do not use it for diagnosis or treatment." in card.intended_use
    if not card.members:
        assert card.recipe.summary == recipes.RECIPES[card.recipe.name].summary
    else:
        assert all(member in card.recipe.summary for member in card.members)
    dataset = data.DataSet(card.data.source, (), lambda index: None, card.data.licence, card.data.citation)
    assert card.limits == session.limits_of(dataset, card.data.counts, card.task)


def test_a_table_is_as_wide_in_every_row(card):
    for section in model_card.sections(card):
        for block in section.text.split("\n\n"):
            if block.startswith("|"):
                assert len({line.replace(r"\|", "").count("|") for line in block.splitlines()}) == 1


def test_the_card_says_which_heatmap_is_the_default(capsys):
    chosen = [name for name in NAMES if heatmap_report.read(runs.resolve(name))]
    assert runs.default_name() in chosen
    for name in chosen:
        assert cli.main(["card", name]) == cli.FINE
        assert (
            f"\n## Heatmap\n\n{heatmap_report.conclusion(heatmap_report.read(runs.resolve(name)))}"
            in capsys.readouterr().out
        )


def test_what_is_not_defined_is_a_dash_and_not_on_the_hub():
    card = runs.read_card(runs.resolve(NAMES[0]))
    hollow = {p: dataclasses.replace(m, auroc=None, ci95={}) for p, m in card.metrics.items()}
    text = model_card.markdown(dataclasses.replace(card, metrics=hollow))
    assert "| AUROC | – | – |" in text
    assert "roc_auc" not in front_matter(text)["metrics"]


def test_a_hub_source_is_named_as_a_data_set_and_bars_break_no_table():
    card = runs.read_card(runs.resolve(NAMES[0]))
    card = dataclasses.replace(card, data=dataclasses.replace(card.data, source="hub:owner/set"), hardware="a|b\nc")
    matter = front_matter(model_card.markdown(card))
    assert matter["datasets"] == ["owner/set"]
    assert matter["model-index"][0]["results"][0]["dataset"]["type"] == "owner/set"
    assert r"| hardware | a\|b c |" in model_card.markdown(card)


def test_the_command_prints_or_writes_it(tmp_path, capsys):
    assert cli.main(["card", NAMES[0]]) == cli.FINE
    printed = capsys.readouterr().out
    card = runs.read_card(runs.resolve(NAMES[0]))
    card = evaluations.with_sets(card, evaluations.look(runs.resolve(NAMES[0])).current)
    measured = input_check_report.card_sections(card) + heatmap_report.card_sections(runs.resolve(NAMES[0]))
    assert printed == model_card.markdown(card, measured)
    assert cli.main(["card", NAMES[0], "--out", str(tmp_path / "card.md")]) == cli.FINE
    assert (tmp_path / "card.md").read_text() == printed
    assert cli.main(["card", "no_such_run"]) == cli.USAGE


@pytest.mark.parametrize("task", ["gan", "reconstruction", "contrastive"])
def test_cards_of_other_tasks_claim_no_diagnosis(task):
    plain = runs.read_card(runs.resolve("pneumonia_cnn"))
    recipe = dataclasses.replace(plain.recipe, task=task, criterion="last")
    card = dataclasses.replace(
        plain, task=task, recipe=recipe, metrics={}, operating_points=(), default_point="", indeterminate=None
    )
    text = model_card.markdown(card)
    assert "probability of PNEUMONIA" not in text and "## Operating points" not in text and "predict" not in text
    assert "the weights of the last one were kept" in text and "not a medical device" in text
    assert front_matter(text)["pipeline_tag"] == model_card.PIPELINES[task]
