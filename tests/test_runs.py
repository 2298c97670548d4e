"""Runs on disk: what is saved comes back, and what does not fit is named with its remedy."""

import json
import shutil

import numpy as np
import pytest
import torch

from pneumo import models, runs


@pytest.fixture
def copy(small_run_folder, tmp_path):
    return shutil.copytree(small_run_folder, tmp_path / "copy")


def change(folder, **changes):
    card = json.loads((folder / runs.CARD_FILE).read_text())
    (folder / runs.CARD_FILE).write_text(json.dumps(card | changes))


def test_a_run_holds_these_files_and_no_pickle(small_run_folder):
    assert {p.name for p in small_run_folder.iterdir()} == {
        runs.WEIGHTS_FILE, runs.CARD_FILE, runs.HISTORY_FILE, runs.PREDICTIONS_FILE,
    }  # fmt: skip


def test_loaded_run_predicts_what_its_predictions_say(small_run):
    predictions = runs.read_predictions(small_run.folder)
    assert set(predictions.parts) == {"validation", "test"}
    validation = predictions.part("validation")
    assert 0 < len(validation.labels) < len(predictions.labels)
    assert set(validation.parts) == {"validation"}
    card = small_run.card
    expected = 1 / (1 + np.exp(-(predictions.logits / card.temperature + card.bias)))
    np.testing.assert_allclose(predictions.probabilities, expected, atol=1e-4)


def test_card_says_what_was_trained_on_what(small_run):
    card = small_run.card
    assert card.data.source == card.recipe.data.source == "phantom:120"
    assert sum(sum(c.values()) for c in card.data.counts.values()) == 120
    assert card.weights.parameters == models.count_parameters(small_run.model)
    assert len(card.data.split_digest) == 64
    assert {"torch", "numpy", "python"} <= card.versions.keys()
    assert any("phantoms" in limit for limit in card.limits)


def test_model_is_ready_for_service(small_run):
    assert not small_run.model.training
    assert {p.dtype for p in small_run.model.parameters()} == {torch.float32}


def test_history_has_epoch_0(small_run):
    rows = runs.read_history(small_run.folder)
    assert [row["epoch"] for row in rows] == [0, 1]
    assert np.isnan(rows[0]["step_classifier.loss"])


def test_a_renamed_folder_is_a_renamed_run(copy):
    assert runs.load(str(copy)).card.name == "copy"


@pytest.mark.parametrize("name", [runs.WEIGHTS_FILE, runs.HISTORY_FILE, runs.PREDICTIONS_FILE])
def test_missing_files_are_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(runs.RunError, match=f"{name} is missing; restore the file"):
        runs.load(str(copy))
        runs.read_history(copy)
        runs.read_predictions(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 1}, "unknown key colour"),
        ({"temperatur": 1}, "did you mean 'temperature'"),
        ({"temperature": "warm"}, "temperature is 'warm' (str); expected float"),
        ({"schema_version": 99}, "schema_version is 99; this version reads 1"),
        ({"image": {"size": 2}}, "expected 8 or more"),
        ({"operating_points": [{}]}, "missing key operating_points[0].name"),
    ],
)
def test_a_card_that_does_not_fit_is_named(copy, changes, message):
    change(copy, **changes)
    with pytest.raises(runs.RunError) as caught:
        runs.load(str(copy))
    assert message in str(caught.value)
    assert str(copy / runs.CARD_FILE) in str(caught.value)
    assert "train the run again" in str(caught.value)


def test_a_card_without_a_key_and_one_that_is_no_json(copy):
    card = json.loads((copy / runs.CARD_FILE).read_text())
    del card["bias"]
    (copy / runs.CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(runs.RunError, match="missing key bias"):
        runs.load(str(copy))
    (copy / runs.CARD_FILE).write_bytes(b"\xff{")
    with pytest.raises(runs.RunError, match=r"card\.json does not fit"):
        runs.load(str(copy))


def test_weights_that_are_not_the_cards_are_refused(copy):
    path = copy / runs.WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-1] + b"\x00\x01"[:1])
    if runs.hashlib.sha256(path.read_bytes()).hexdigest() == runs.read_card(copy).weights.sha256:
        path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(runs.RunError, match=r"model\.safetensors has sha256 .* cut short"):
        runs.load(str(copy))


def test_weights_of_another_model_are_refused(copy):
    blob = runs.serialise({"other": torch.zeros(3)})
    (copy / runs.WEIGHTS_FILE).write_bytes(blob)
    change(copy, weights={"sha256": runs.hashlib.sha256(blob).hexdigest(), "size_bytes": len(blob), "parameters": 3})
    with pytest.raises(runs.RunError, match="does not fit model 'pneumonia_cnn'"):
        runs.load(str(copy))


def test_predictions_with_a_column_missing_are_refused(copy):
    path = copy / runs.PREDICTIONS_FILE
    path.write_text(path.read_text().replace("logit", "other", 1))
    with pytest.raises(runs.RunError, match=r"predictions\.csv does not fit"):
        runs.read_predictions(copy)


def test_unknown_operating_points_list_the_known(small_run):
    assert small_run.card.point().name == small_run.card.default_point
    with pytest.raises(ValueError, match="youden, sensitivity95, specificity95, half"):
        small_run.card.point("best")


def test_no_default_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    assert runs.available() == []
    with pytest.raises(runs.RunError, match="DEFAULT is missing"):
        runs.load()


def test_shipped_runs_load_and_meet_what_their_cards_claim():
    """The weights in the repository: whole, and as good as the project says (internal test, patients never trained on)."""
    assert set(runs.available()) >= {"pneumonia_cnn", "pneumonia_cnn_origin"}
    for name in runs.available():
        run = runs.load(name)
        assert run.card.weights.size_bytes <= 60_000_000
        test = runs.read_predictions(run.folder).part("test")
        assert len(test.labels) == run.card.metrics["test"].n
    metrics = runs.load().card.metrics["test"]
    assert metrics.auroc >= 0.985
    assert min(metrics.sensitivity, metrics.specificity) >= 0.93
