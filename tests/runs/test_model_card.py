"""The model card: what the hub reads and what people read are the figures of the run's card."""

import dataclasses

import pytest
import yaml
from huggingface_hub import ModelCard

from pneumo import cli, runs
from pneumo.inference import input_check
from pneumo.runs import model_card
from pneumo.schema import RunCard

NAMES = runs.available("classification")


@pytest.fixture(params=NAMES)
def card(request) -> RunCard:
    return runs.read_card(runs.resolve(request.param))


def front_matter(text: str) -> dict:
    _, block, _ = text.split("---\n", 2)
    return yaml.safe_load(block)


def test_every_figure_in_the_front_matter_is_the_cards(card):
    [model] = front_matter(model_card.markdown(card))["model-index"]
    assert model["name"] == card.name
    seen = 0
    for result in model["results"]:
        metrics = card.metrics[result["dataset"]["split"]]
        for value in result["metrics"]:
            [name] = [n for n, (_, hub_name) in model_card.METRICS.items() if hub_name == value["type"]]
            assert value["value"] == getattr(metrics, name)
            assert value["args"]["n"] == metrics.n
            assert value["args"]["threshold"] == metrics.threshold
            interval = metrics.ci95.get(name)  # there is none for the calibration error
            assert value["args"].get("ci95") == (list(dataclasses.astuple(interval)) if interval else None)
            seen += 1
    assert seen == len(card.metrics) * len(model_card.METRICS)


def test_the_hub_reads_it_back_unchanged(card):
    text = model_card.markdown(card)
    read = ModelCard(text)
    assert read.data.license == "apache-2.0"
    assert read.data.model_name == card.name
    assert len(read.data.eval_results) == len(card.metrics) * len(model_card.METRICS)
    again = ModelCard(read.content)
    assert again.data.to_dict() == read.data.to_dict() == front_matter(text)
    assert again.text == read.text


def test_every_figure_in_the_body_is_the_cards(card):
    text = model_card.markdown(card)
    for metrics in card.metrics.values():
        assert f"n = {metrics.n:,}, {metrics.patients:,} patients" in text
        for name, (title, _) in model_card.METRICS.items():
            interval = metrics.ci95.get(name)
            [row] = [line for line in text.splitlines() if line.startswith(f"| {title} |")]
            shown = f" ({interval.low:.3f} to {interval.high:.3f})" if interval else ""
            assert f"{getattr(metrics, name):.3f}{shown}" in row
    for point in card.operating_points:
        assert f"| {point.threshold:.3f} | {point.sensitivity:.3f} | {point.specificity:.3f} |" in text
    for split, counts in card.data.counts.items():
        numbers = (*counts.values(), card.data.patients[split])
        assert f"| {split} | " + " | ".join(f"{n:,}" for n in numbers) + " |" in text
    for known in (card.intended_use, *card.limits, card.weights.sha256, card.data.split_digest, card.hardware):
        assert known in text
    assert f"{card.weights.parameters:,} parameters" in text
    assert f"| learning_rate | {card.recipe.learning_rate} |" in text
    assert f"--run {card.name}" in text


def test_a_table_is_as_wide_in_every_row(card):
    for section in model_card.sections(card):
        for block in section.text.split("\n\n"):
            if block.startswith("|"):
                assert len({line.replace(r"\|", "").count("|") for line in block.splitlines()}) == 1


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
    assert printed == model_card.markdown(card, input_check.card_sections(card))
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
    assert "the last was kept" in text and "Not a medical device" in text
    assert front_matter(text)["pipeline_tag"] == model_card.PIPELINES[task]
