"""Runs on disk: what is saved comes back, and what does not fit is named with its remedy."""

import hashlib
import json
import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pneumo import models, runs
from pneumo.codec import decode, encode
from pneumo.runs import store
from pneumo.schema import Predictions


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
    assert set(predictions.splits) == {"validation", "test"}
    validation = predictions.split("validation")
    assert 0 < len(validation.labels) < len(predictions.labels)
    assert set(validation.splits) == {"validation"}
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


def test_loading_leaves_the_random_state_as_it_was(small_run_folder):
    before = torch.random.get_rng_state()
    loaded = runs.load(str(small_run_folder))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.nn.init.normal_(torch.empty(3, requires_grad=True))
    assert not torch.equal(torch.random.get_rng_state(), before), "drawing is off for the loaded model alone"
    assert all(parameter.isfinite().all() for parameter in loaded.model.parameters())


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
        ({"temperature": "warm"}, "temperature is 'warm'; expected a number"),
        ({"schema_version": 99}, "schema_version is 99; this version reads 1"),
        ({"image": {"size": 2}}, "expected 8 to 1,024 pixels"),
        ({"operating_points": [{}]}, "missing key operating_points[0].name"),
        ({"temperature": float("nan")}, "temperature is nan; expected a finite number"),
        ({"temperature": 0}, "temperature is 0.0; expected a finite number above 0"),
        ({"default_point": "best"}, "has no operating point 'best'"),
        ({"model": "pneumonia_cn"}, "did you mean 'pneumonia_cnn'"),
        ({"model_args": {"dropuot": 0.1}}, "did you mean 'dropout'"),
        ({"model_args": {"dropout": 7}}, "cannot be built with {'dropout': 7}"),
        ({"image": {"size": 40}}, "multiple of 16"),
        ({"metrics": {"test": {"n": 1}}}, "missing key metrics.test.patients"),
    ],
)
def test_a_card_that_does_not_fit_is_named(copy, changes, message):
    change(copy, **changes)
    with pytest.raises(runs.RunError) as caught:
        runs.load(str(copy))
    assert message in str(caught.value)
    assert str(copy / runs.CARD_FILE) in str(caught.value)
    assert "train the run again" in str(caught.value)


def test_a_card_without_a_key_is_named(copy):
    card = json.loads((copy / runs.CARD_FILE).read_text())
    del card["bias"]
    (copy / runs.CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(runs.RunError, match="missing key bias"):
        runs.load(str(copy))


@pytest.mark.parametrize(
    "blob", [b"\xff{", b"", b"{", b"null", b"[1, 2]", b"7", b"9" * 5000, b"[" * 100_000, b'{"schema_version": 1}']
)
def test_a_card_that_is_no_card_is_named(copy, blob):
    (copy / runs.CARD_FILE).write_bytes(blob)
    with pytest.raises(runs.RunError, match=r"card\.json does not fit its schema: .* train the run again"):
        runs.load(str(copy))


@given(st.binary(max_size=200))
def test_any_bytes_as_a_card_are_a_named_mistake(tmp_path_factory, blob):
    folder = tmp_path_factory.getbasetemp() / "any_card"
    folder.mkdir(exist_ok=True)
    (folder / runs.CARD_FILE).write_bytes(blob)
    with pytest.raises(runs.RunError, match=r"card\.json"):
        runs.read_card(folder)


def test_weights_that_are_not_the_cards_are_refused(copy):
    path = copy / runs.WEIGHTS_FILE
    blob = path.read_bytes()
    path.write_bytes(blob[:-1] + bytes([blob[-1] ^ 1]))
    with pytest.raises(runs.RunError, match=r"model\.safetensors has sha256 .* cut short"):
        runs.load(str(copy))


class Harmful:
    """What a pickle may do when it is opened."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize(
    "blob", [runs.serialise({"other": torch.zeros(3)}), pickle.dumps(Harmful()), b"", b"\x08" + b"\0" * 7 + b"{nonsens"],
    ids=["another model", "pickle", "empty", "garbage"],
)  # fmt: skip
def test_weights_of_another_model_or_kind_are_refused_whatever_the_card_says(copy, blob):
    (copy / runs.WEIGHTS_FILE).write_bytes(blob)
    change(copy, weights={"sha256": hashlib.sha256(blob).hexdigest(), "size_bytes": len(blob), "parameters": 3})
    with pytest.raises(runs.RunError, match="does not fit model 'pneumonia_cnn'"):
        runs.load(str(copy))


def test_predictions_with_a_column_missing_are_refused(copy):
    path = copy / runs.PREDICTIONS_FILE
    path.write_text(path.read_text().replace("logit", "other", 1))
    with pytest.raises(runs.RunError, match=r"predictions\.csv does not fit its schema: missing column logit"):
        runs.read_predictions(copy)


@pytest.mark.parametrize("name", [runs.HISTORY_FILE, runs.PREDICTIONS_FILE])
@pytest.mark.parametrize(
    "tail", [b"cut,", b"a,b,c\n", b"," * 90 + b"\n", b"\xff\n", b'"' + b"a" * 200_000, b"word" + b",x" * 6]
)
def test_tables_that_were_altered_are_named(copy, name, tail):
    path = copy / name
    path.write_bytes(path.read_bytes() + tail)
    with pytest.raises(runs.RunError, match=f"{name} does not fit its schema: .* train the run again"):
        (runs.read_history if name == runs.HISTORY_FILE else runs.read_predictions)(copy)


@pytest.mark.parametrize("read", [runs.read_history, runs.read_predictions])
def test_empty_tables_are_named(copy, read):
    for name in (runs.HISTORY_FILE, runs.PREDICTIONS_FILE):
        (copy / name).write_bytes(b"")
    with pytest.raises(runs.RunError, match="missing column"):
        read(copy)


def test_a_folder_in_a_files_place_is_named(copy):
    (copy / runs.WEIGHTS_FILE).unlink()
    (copy / runs.WEIGHTS_FILE).mkdir()
    with pytest.raises(runs.RunError, match=r"model\.safetensors cannot be read"):
        runs.load(str(copy))


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=8)


@settings(max_examples=20, deadline=None)  # every file is flushed to the disk
@given(
    st.lists(st.tuples(words, words, words, st.integers(0, 1), words, st.floats(-50, 50), st.floats(0, 1)), min_size=1, max_size=5),
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.none() | st.floats(0, 1)), min_size=1, max_size=4),
)  # fmt: skip
def test_tables_come_back(tmp_path_factory, small_run, rows, epochs):
    folder = tmp_path_factory.getbasetemp() / "tables"
    written = Predictions(*(np.array(column) for column in zip(*rows, strict=True)))
    history = [{"epoch": n, "loss": loss} | ({} if f1 is None else {"f1": f1}) for n, (loss, f1) in enumerate(epochs)]
    runs.save(folder, small_run.card, b"", history, written)
    read = runs.read_predictions(folder)
    for name in ("names", "splits", "patients", "labels", "subtypes"):
        assert getattr(read, name).tolist() == getattr(written, name).tolist()
    np.testing.assert_allclose(read.logits, written.logits, atol=1e-5)
    np.testing.assert_allclose(read.probabilities, written.probabilities, atol=1e-6)
    for row, (loss, f1) in zip(runs.read_history(folder), epochs, strict=True):
        assert row["loss"] == pytest.approx(loss, rel=1e-5)
        assert np.isnan(row.get("f1", np.nan)) if f1 is None else row["f1"] == pytest.approx(f1, rel=1e-5)


def test_saved_and_loaded_is_the_same_card_and_model(small_run, tmp_path):
    blob = runs.serialise(small_run.model.state_dict(), small_run.card.recipe.storage)
    history, predictions = runs.read_history(small_run.folder), runs.read_predictions(small_run.folder)
    runs.save(tmp_path / "small", small_run.card, blob, history, predictions)
    loaded = runs.load(str(tmp_path / "small"))
    assert loaded.card == small_run.card
    assert runs.weights_info(blob, small_run.card.weights.parameters) == small_run.card.weights
    images = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded.model(images), small_run.model(images))
    assert encode(small_run.card) == json.loads((tmp_path / "small" / runs.CARD_FILE).read_text())
    assert all(path.name[0] != "." for path in (tmp_path / "small").iterdir())  # nothing aside is left


def test_runs_are_found_by_name_by_folder_and_by_default(copy, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(copy.parent))
    (copy.parent / "incomplete").mkdir()
    assert runs.available() == ["copy"]
    assert runs.resolve("copy") == runs.resolve(str(copy)) == copy
    with pytest.raises(runs.RunError, match=r"did you mean 'copy'.*there are: copy"):
        runs.resolve("cpy")
    with pytest.raises(runs.RunError, match="no run 'incomplete'"):
        runs.resolve("incomplete")
    (copy.parent / runs.DEFAULT_FILE).write_text("copy\n")
    assert runs.resolve() == copy


def test_unknown_operating_points_list_the_known(small_run):
    assert small_run.card.point().name == small_run.card.default_point
    with pytest.raises(ValueError, match="youden, sensitivity95, specificity95, half"):
        small_run.card.point("best")


def test_without_the_file_default_the_first_classifier_is_the_default(tmp_path, monkeypatch, small_run_folder):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    with pytest.raises(runs.RunError, match=r"there is no run in .*; train one, or set PNEUMO_WEIGHTS"):
        runs.load()
    shutil.copytree(runs.resolve(str(runs.REPOSITORY / "weights" / "bottleneck_8")), tmp_path / "autoencoder")
    assert runs.default_name() == "autoencoder"
    for name in ("small", "other"):
        shutil.copytree(small_run_folder, tmp_path / name)
    assert runs.default_name() == "other"
    assert runs.load().card.name == "other"
    (tmp_path / runs.DEFAULT_FILE).write_text("small\n")
    assert runs.default_name() == "small"


def test_cards_are_parsed_once_and_again_when_they_change(copy, monkeypatch):
    first, parsed = runs.read_card(copy), []
    monkeypatch.setattr(store, "decode", lambda kind, plain: parsed.append(kind) or decode(kind, plain))
    assert runs.read_card(copy) == first
    assert parsed == []
    stamp = (copy / runs.CARD_FILE).stat()
    blob = (copy / runs.CARD_FILE).read_bytes()
    (copy / runs.CARD_FILE).write_bytes(blob.replace(b'"seed": 42', b'"seed": 43'))
    os.utime(copy / runs.CARD_FILE, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as long, and as old
    assert runs.read_card(copy).recipe.seed == 43
    assert len(parsed) == 1


def test_shipped_runs_load_and_meet_what_their_cards_claim():
    """The weights in the repository: whole, and as good as the project says (internal test, patients never trained on)."""
    assert set(runs.available()) >= {"pneumonia_cnn", "pneumonia_cnn_origin"}
    for name in runs.available():
        run = runs.load(name)
        assert run.card.weights.size_bytes <= (60_000_000 if run.card.task == "classification" else 25_000_000)
        if run.card.task == "classification":
            test = runs.read_predictions(run.folder).split("test")
            assert len(test.labels) == run.card.metrics["test"].n
    metrics = runs.load().card.metrics["test"]
    assert metrics.auroc >= 0.985
    assert min(metrics.sensitivity, metrics.specificity) >= 0.93


@pytest.mark.parametrize(("storage", "share"), [("float32", 1.0), ("float16", 0.5), ("int8", 0.25)])
def test_storage_costs_little_and_loses_little(storage, share):
    torch.manual_seed(0)
    state = {"conv.weight": torch.randn(64, 32, 3, 3), "bias": torch.randn(64), "count": torch.tensor(7)}
    blob = runs.serialise(state, storage)
    assert len(blob) == pytest.approx(share * len(runs.serialise(state)), rel=0.05)
    back = runs.deserialise(blob)
    assert back.keys() == state.keys()
    assert back["count"] == 7
    assert back["conv.weight"].dtype == torch.float32
    step = state["conv.weight"].flatten(1).abs().amax(1) / 127  # half a step of int8 is the most that may be lost
    lost = (back["conv.weight"] - state["conv.weight"]).flatten(1).abs().amax(1)
    assert (lost <= step / 2 + 1e-6).all()
    assert torch.allclose(back["bias"], state["bias"], atol=1e-3)


def test_stored_weights_stored_again_are_the_same_bits():
    torch.manual_seed(0)
    state = {"w": torch.randn(16, 8), "zero": torch.zeros(4, 4)}
    once = runs.deserialise(runs.serialise(state, "int8"))
    again = runs.deserialise(runs.serialise(once, "int8"))
    assert all(torch.equal(once[key], again[key]) for key in once)


def test_predictions_of_runs_trained_under_the_former_name_of_the_split_are_read(small_run_folder, tmp_path):
    folder = tmp_path / "older"
    shutil.copytree(small_run_folder, folder)
    path = folder / runs.PREDICTIONS_FILE
    header, rest = path.read_text().split("\n", 1)
    path.write_text(header.replace("split", "part") + "\n" + rest)
    older, newer = runs.read_predictions(folder), runs.read_predictions(small_run_folder)
    assert older.splits.tolist() == newer.splits.tolist() and older.names.tolist() == newer.names.tolist()
