"""Runs with one fault each: the fault is named, and the runs beside it are listed and load as if nothing were wrong."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pneumo import runs
from pneumo.codec import encode
from pneumo.runs import reading
from pneumo.schema import PneumoError


@pytest.fixture
def weights(small_run_folder, tmp_path, monkeypatch):
    """A weights folder with two runs: "good", and "bad", which the test spoils."""
    folder = tmp_path / "weights"
    for name in ("bad", "good"):
        shutil.copytree(small_run_folder, folder / name)
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(folder))
    return folder


def change(folder, place, value):
    """Sets one value of a card; place: keys, e.g. "metrics.test.n". None as the last value removes the key."""
    path = folder / runs.CARD_FILE
    card = inside = json.loads(path.read_text())
    *steps, last = place.split(".")
    for step in steps:
        inside = inside[int(step) if step.isdigit() else step]
    inside[last] = value
    path.write_text(json.dumps(card))


BLOBS = {
    "another version": b'{"schema_version": 2}',
    "a version that is a list": b'{"schema_version": [1, 2]}',
    "cut short": b'{"schema_version": 1, "name": "sm',
    "empty": b"",
    "binary": bytes(range(256)),
    "nested": b"[" * 200_000,
    "nested objects": b'{"a":' * 200_000,
    "a huge number": b'{"schema_version": ' + b"9" * 10_000 + b"}",
    "not a number": b"NaN",
    "a list": b"[1, 2]",
    "a key twice": b'{"schema_version": 1, "schema_version": 1}',
    "a byte order mark of UTF-16": b"\xff\xfe{}",
}


@pytest.mark.parametrize("blob", BLOBS.values(), ids=BLOBS)
def test_a_card_that_cannot_be_read_leaves_the_others(weights, blob):
    (weights / "bad" / runs.CARD_FILE).write_bytes(blob)
    assert runs.available() == ["good"]
    assert list(runs.unusable()) == ["bad"] and "card.json does not fit its schema" in runs.unusable()["bad"]
    assert runs.load().card.name == "good"


NEGATIVE = {"tn": 0, "fp": 0, "fn": 0, "tp": -1}
CHANGES = [
    ("task", "", "task is ''; expected one of 'characters', 'classification'"),
    ("task", "klassification", "did you mean 'classification'"),
    ("class_names", ["PNEUMONIA", "NORMAL"], "class_names is"),
    ("operating_points", [], "operating_points is empty"),
    ("operating_points.0.threshold", 1.5, "operating_points[0].threshold is 1.5; expected 0 to 1"),
    ("operating_points.0.sensitivity", -0.5, "operating_points[0].sensitivity is -0.5"),
    ("operating_points.1.name", "youden", "operating_points has 'youden' twice"),
    ("operating_points.0.n_positive", -3, "n_positive is -3; expected 0 or more"),
    ("metrics", {}, "metrics has []"),
    ("metrics.test.n", 0, "metrics.test.n is 0; expected 1 or more"),
    ("metrics.test.patients", 10**9, "metrics.test.patients is 1000000000"),
    ("metrics.test.confusion", {}, "metrics.test.confusion has []"),
    ("metrics.test.confusion", NEGATIVE, "confusion.tp is -1"),
    ("metrics.test.confusion.tp", 10**6, "metrics.test.confusion is of"),
    ("metrics.test.auroc", 7, "metrics.test.auroc is 7.0; expected 0 to 1"),
    ("metrics.validation.ci95.accuracy", {"low": 0.9, "high": 0.1}, "ci95.accuracy is 0.9 to 0.1"),
    ("data.counts", {}, "data.counts.train has []"),
    ("data.counts.train", {"NORMAL": 3}, "a classifier has the counts of NORMAL and PNEUMONIA"),
    ("data.counts.train.NORMAL", -1, "data.counts.train.NORMAL is -1"),
    ("data.patients", {}, "of the patients of train"),
    ("indeterminate", {"low": -1, "high": 2}, "indeterminate is -1.0 to 2.0"),
    ("temperature", 0, "temperature is 0.0"),
    ("temperature", -1, "temperature is -1.0"),
    ("temperature", float("nan"), "temperature is nan"),
    ("temperature", 1e308, "temperature is 1e+308"),
    ("bias", float("inf"), "bias is inf"),
    ("bias", float("nan"), "bias is nan"),
    ("bias", -1e9, "bias is -1000000000.0"),
    ("minutes", -1, "minutes is -1.0"),
    ("best_epoch", -1, "best_epoch is -1"),
    ("image.size", 10**9, "image.size is 1000000000; expected 8 to 1,024 pixels"),
    ("weights.size_bytes", -1, "weights.size_bytes is -1"),
]


@pytest.mark.parametrize(("place", "value", "says"), CHANGES)
def test_a_card_that_fits_its_schema_but_says_nothing_sensible_is_refused(weights, place, value, says):
    change(weights / "bad", place, value)
    assert runs.available() == ["good"]
    assert says in runs.unusable()["bad"]
    with pytest.raises(runs.RunError, match=r"card\.json does not fit its schema"):
        runs.load("bad")


def swap_for_folder(path):
    path.unlink()
    path.mkdir()


def swap_for_loop(path):
    path.unlink()
    path.symlink_to(path.name)


def swap_for_pipe(path):
    path.unlink()
    os.mkfifo(path)


SWAPS = {
    "missing": lambda path: path.unlink(),
    "a folder": swap_for_folder,
    "a loop of links": swap_for_loop,
    "a pipe": swap_for_pipe,
    "a link to nowhere": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "a link to endless zeros": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
@pytest.mark.parametrize("file", [runs.CARD_FILE, runs.WEIGHTS_FILE])
def test_what_is_no_file_is_named(weights, file, swap):
    swap(weights / "bad" / file)
    assert "good" in runs.available()
    assert list(runs.unusable()) == ["bad"] and file in runs.unusable()["bad"]
    with pytest.raises(runs.RunError, match=file):
        runs.load("bad")
    assert runs.load("good").card.name == "good"


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_tables_that_are_no_files_are_named(weights, swap):
    for file, read in ((runs.HISTORY_FILE, runs.read_history), (runs.PREDICTIONS_FILE, runs.read_predictions)):
        swap(weights / "bad" / file)
        with pytest.raises(runs.RunError, match=file):
            read(weights / "bad")


def test_a_file_that_is_far_too_large_is_not_read(weights, monkeypatch):
    path = weights / "bad" / runs.CARD_FILE
    with path.open("r+b") as file:
        file.truncate(10**12)  # a hole: it takes no room
    with pytest.raises(runs.RunError, match="has 1,000,000,000,000 bytes, at most 64,000,000"):
        runs.read_card(weights / "bad")
    assert reading.size_of(path) == 10**12


def test_weights_that_were_cut_are_named_without_loading_them(weights):
    path = weights / "bad" / runs.WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-100])
    assert "cut short" in runs.unusable()["bad"]
    with pytest.raises(runs.RunError, match=r"has [\d,]+ bytes, its card says [\d,]+; restore the file"):
        runs.load("bad")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_weights_that_are_not_finite_are_never_saved(value, storage):
    state = {"good": torch.ones(3), "bad.weight": torch.ones(4, 4)}
    state["bad.weight"][2, 1] = value
    with pytest.raises(runs.RunError, match=r"the weights 'bad.weight' are not finite"):
        runs.serialise(state, storage)


def test_weights_beyond_half_precision_are_not_saved_as_it():
    state = {"scale": torch.tensor([1.0, 1e5])}
    assert torch.equal(runs.deserialise(runs.serialise(state))["scale"], state["scale"])
    with pytest.raises(runs.RunError, match="as float16, which ends at 65,504; choose storage=float32"):
        runs.serialise(state, "float16")


def spoiled_weights(folder, value):
    """Weights with one number replaced, in a run whose card gives their new hash."""
    from safetensors.torch import load, save

    state = load((folder / runs.WEIGHTS_FILE).read_bytes())
    name = next(name for name, tensor in state.items() if tensor.is_floating_point())
    state[name].view(-1)[0] = value
    blob = save(state)
    (folder / runs.WEIGHTS_FILE).write_bytes(blob)
    info = runs.weights_info(blob, runs.read_card(folder).weights.parameters)
    change(folder, "weights", encode(info))
    return name


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused_on_loading(weights, value):
    name = spoiled_weights(weights / "bad", value)
    with pytest.raises(
        runs.RunError, match=rf"model\.safetensors: the weights '{name}' are not finite.*train the run again"
    ):
        runs.load("bad")


def test_nothing_is_saved_where_something_is_not_finite(small_run, tmp_path):
    history, predictions = runs.read_history(small_run.folder), runs.read_predictions(small_run.folder)
    spoiled = runs.read_predictions(small_run.folder)
    spoiled.probabilities[3] = float("nan")
    with pytest.raises(runs.RunError, match="row 4 has the probability nan"):
        runs.save(tmp_path / "new", small_run.card, b"", history, spoiled)
    with pytest.raises(runs.RunError, match=r"was not written.*bias is nan"):
        runs.save(tmp_path / "new", replace(small_run.card, bias=float("nan")), b"", history, predictions)
    assert not (tmp_path / "new").exists()
    before = (small_run.folder / runs.CARD_FILE).read_bytes()
    with pytest.raises(runs.RunError, match="was not written"):
        runs.write_card(small_run.folder, replace(small_run.card, metrics={}))
    assert (small_run.folder / runs.CARD_FILE).read_bytes() == before


# --- the default run --------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("{"), lambda path: shutil.rmtree(path.parent)])
def test_a_default_run_that_cannot_be_used_is_named_with_the_others(weights, spoil):
    (weights / runs.DEFAULT_FILE).write_text("bad\n")
    spoil(weights / "bad" / runs.CARD_FILE)
    for use in (runs.load, runs.resolve):
        with pytest.raises(
            runs.RunError, match=r"default run 'bad' cannot be used: .*name another run \(RUN or --run\): good"
        ):
            use()
    assert runs.load("good").card.name == "good"


def test_a_default_run_whose_weights_are_gone_is_named_with_the_others(weights):
    (weights / runs.DEFAULT_FILE).write_text("bad")
    (weights / "bad" / runs.WEIGHTS_FILE).unlink()
    with pytest.raises(runs.RunError, match=r"default run 'bad' cannot be used: .*missing.*: good$"):
        runs.load()


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"../good", b"a/b", b"good\nbad", b"\xff\xfe", b"good\0", b"x" * 5000, b"."]
)
def test_a_default_file_that_names_no_run_is_named(weights, text):
    (weights / runs.DEFAULT_FILE).write_bytes(text)
    with pytest.raises(runs.RunError, match="DEFAULT"):
        runs.default_name()


def test_a_default_file_that_is_a_folder_is_named(weights):
    (weights / runs.DEFAULT_FILE).mkdir()
    with pytest.raises(runs.RunError, match="DEFAULT cannot be read"):
        runs.resolve()


@pytest.mark.parametrize("name", ["x" * 300_000, "a\0b", "../../etc", "\ud800", "a\nb", "~", "*"])
def test_any_text_as_a_runs_name_is_a_named_mistake(weights, name):
    with pytest.raises(runs.RunError, match="no run") as caught:
        runs.resolve(name)
    assert len(str(caught.value)) < 600


# --- names ------------------------------------------------------------------------------------------------


def test_a_run_is_called_by_its_folder_also_behind_a_link(weights, tmp_path):
    shutil.move(weights / "bad", tmp_path / "elsewhere")
    (weights / "linked").symlink_to(tmp_path / "elsewhere")
    assert runs.available() == ["good", "linked"]
    assert runs.load("linked").card.name == "linked"


def test_folders_whose_names_cannot_be_shown_are_named_in_letters_that_can(weights):
    (weights / "bad").rename(weights / "two\nlines")
    shutil.copytree(weights / "good", weights / "\udcff")  # a byte that is no UTF-8
    assert runs.available() == ["good"]
    assert set(runs.unusable()) == {r"'\udcff'", r"'two\nlines'"}


def test_a_folder_without_a_run_is_passed_over_and_half_a_run_is_named(weights):
    (weights / "nothing").mkdir()
    (weights / "bad" / runs.CARD_FILE).unlink()
    assert list(runs.unusable()) == ["bad"] and "card.json is missing" in runs.unusable()["bad"]


# --- ensembles --------------------------------------------------------------------------------------------


@pytest.fixture
def ensemble(weights):
    """A run that averages "good" alone: what is checked of members needs no second one."""
    folder = weights / "mean"
    folder.mkdir()
    shutil.copy(weights / "good" / runs.CARD_FILE, folder)
    change(folder, "members", {"good": runs.read_card(weights / "good").weights.sha256})
    return folder


def test_an_ensemble_of_itself_is_named_and_not_followed_for_ever(ensemble):
    assert runs.load("mean").members[0].card.name == "good"
    change(ensemble, "members", {"mean": "0" * 64})
    assert "is an ensemble" in runs.unusable()["mean"]
    with pytest.raises(runs.RunError, match="member 'mean' is an ensemble"):
        runs.load("mean")


@pytest.mark.parametrize(
    ("members", "says"),
    [({"gone": "0"}, "no run 'gone'"), ({"good": "0"}, "other weights now"), ({"../good": "0"}, "no name of a run")],
)
def test_a_member_that_is_not_as_it_was_is_named(ensemble, members, says):
    change(ensemble, "members", members)
    assert says in runs.unusable()["mean"]
    with pytest.raises(runs.RunError, match=says):
        runs.load("mean")


# --- tables -----------------------------------------------------------------------------------------------

HEADER = "name,split,patient,label,subtype,logit,probability\n"
ROW = "a.png,test,a,{label},,{logit},{probability}\n"


def predictions(label="1", logit="0.5", probability="0.6"):
    return HEADER + ROW.format(label=label, logit=logit, probability=probability)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (predictions(label="2"), "label 2; expected 0 or 1"),
        (predictions(label="-1"), "label -1"),
        (predictions(label="9" * 40), "does not fit"),
        (predictions(label="1.5"), "does not fit"),
        (predictions(logit="nan"), "logit nan; expected a finite number"),
        (predictions(logit="1e999"), "logit inf"),
        (predictions(logit=""), "does not fit"),
        (predictions(probability="nan"), "probability nan; expected 0 to 1"),
        (predictions(probability="1.5"), "probability 1.5"),
        (predictions(probability="-0.1"), "probability -0.1"),
        (predictions() + "b.png,test\n", "row 2 is not as long as the header"),
        (predictions() + "b.png,test,b,1,,0,1,7\n", "row 2 is not as long as the header"),
        (HEADER, "it has no rows"),
        ("", "missing column name"),
        (predictions().replace("subtype", "label"), "missing column subtype"),
        (HEADER.replace("\n", ",name\n") + "a,test,a,1,,0,1,b\n", "a column is there twice"),
    ],
)
def test_predictions_that_are_none_are_named(weights, text, says):
    (weights / "bad" / runs.PREDICTIONS_FILE).write_text(text)
    with pytest.raises(runs.RunError, match=says):
        runs.read_predictions(weights / "bad")


@pytest.mark.parametrize("change", [lambda text: b"\xef\xbb\xbf" + text, lambda text: text.replace(b"\n", b"\r\n")])
def test_tables_as_spreadsheets_write_them_are_read(weights, change):
    for file, read in ((runs.HISTORY_FILE, runs.read_history), (runs.PREDICTIONS_FILE, runs.read_predictions)):
        path = weights / "bad" / file
        path.write_bytes(change(path.read_bytes()))
        first, again = read(weights / "good"), read(weights / "bad")
        np.testing.assert_equal(
            vars(again) if hasattr(again, "names") else again, vars(first) if hasattr(first, "names") else first
        )


@pytest.mark.parametrize("epoch", ["-1", "nan", "0.5", "1e30", "x", ""])
def test_a_history_whose_epochs_are_none_is_named(weights, epoch):
    (weights / "bad" / runs.HISTORY_FILE).write_text(f"epoch,loss\n{epoch},0.5\n")
    with pytest.raises(runs.RunError, match="does not fit its schema"):
        runs.read_history(weights / "bad")


# --- any change of a card ---------------------------------------------------------------------------------

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=5),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


def places(value, steps=()):
    """Every place inside a JSON value, as the steps to it."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*steps, key)
        yield from places(item, (*steps, key))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_card_with_any_value_changed_is_read_or_a_named_mistake(weights, small_run_folder, data):
    """What is read can be shown and used: its page is written, and its model loads or is refused by name."""
    from pneumo.runs import model_card

    card = inside = json.loads((small_run_folder / runs.CARD_FILE).read_text())
    steps = data.draw(st.sampled_from(sorted(places(card), key=repr)))
    for step in steps[:-1]:
        inside = inside[step]
    if data.draw(st.booleans()) and isinstance(inside, dict):
        del inside[steps[-1]]
    else:
        inside[steps[-1]] = data.draw(VALUES)
    (weights / "bad" / runs.CARD_FILE).write_text(json.dumps(card))
    try:
        read = runs.read_card(weights / "bad")
    except runs.RunError as error:
        assert "card.json does not fit its schema" in str(error) and "bad" in runs.unusable()
        return
    assert model_card.markdown(read)
    assert read.task != "classification" or read.point()
    try:
        runs.load("bad")
    except PneumoError as error:
        assert "bad" in str(error)
