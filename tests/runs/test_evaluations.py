"""Sets beside a run: read, saved, out of date with other weights, and named where they are broken."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo import runs
from pneumo.metrics import calibration, classification
from pneumo.runs import evaluations
from pneumo.runs.evaluations import ADULTS, OFFICIAL, Evaluation
from pneumo.schema import PneumoError, Predictions


def some(n: int = 12, name: str = "my_hospital") -> Predictions:
    labels = np.arange(n) % 2
    logits = np.linspace(-3, 3, n) + labels
    return Predictions(
        np.array([f"{i}.png" for i in range(n)]),
        np.full(n, name),
        np.array([f"p{i // 2}" for i in range(n)]),
        labels,
        np.full(n, ""),
        logits,
        1 / (1 + np.exp(-logits)),
    )


@pytest.fixture
def folder(small_run_folder, tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    for file in small_run_folder.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return place


def keep(folder, name="my_hospital", **changes) -> Evaluation:
    result = some(name=name)
    about = Evaluation(
        schema_version=evaluations.SCHEMA_VERSION,
        set=name,
        title=name,
        origin="a test",
        weights_sha256=runs.read_card(folder).weights.sha256,
        predictions_sha256="",
        data_digest=evaluations.data_digest(result),
        measured="2026-11-26",
        metrics=classification.evaluate(result.labels, result.probabilities, result.patients.tolist(), 0.5),
    )
    evaluations.save(folder, replace(about, **changes), evaluations.as_csv(result))
    return about


def test_what_was_kept_comes_back(folder):
    about = keep(folder)
    found = evaluations.look(folder)
    assert (list(found.current), found.stale, found.broken) == (["my_hospital"], (), {})
    assert found.current["my_hospital"].metrics == about.metrics
    again = evaluations.predictions(folder, "my_hospital")
    card = runs.read_card(folder)
    expected = replace(some(), probabilities=calibration.calibrated(some().logits, card.temperature, card.bias))
    for name, column in vars(expected).items():
        np.testing.assert_array_equal(getattr(again, name), column)
    card = evaluations.with_sets(runs.read_card(folder), found.current)
    assert card.metrics["my_hospital"] == about.metrics
    assert "my_hospital" not in runs.read_card(folder).metrics, "the card itself stays as it is"


def test_of_other_weights_it_is_out_of_date_and_its_predictions_are_refused(folder):
    keep(folder, weights_sha256="0" * 64)
    found = evaluations.look(folder)
    assert (found.current, found.stale) == ({}, ("my_hospital",))
    with pytest.raises(runs.RunError, match="other weights"):
        evaluations.predictions(folder, "my_hospital")


@pytest.mark.parametrize("blob", [b"", b"{", b"[]", b"null", b"\xff", b'{"schema_version": 1}'])
def test_a_broken_file_is_named_and_leaves_the_others(folder, blob):
    keep(folder)
    (folder / evaluations.FOLDER / "bad.json").write_bytes(blob)
    found = evaluations.look(folder)
    assert list(found.current) == ["my_hospital"]
    assert "bad.json" in found.broken["bad"]


def test_another_form_and_another_name_are_named(folder):
    keep(folder)
    path = folder / evaluations.FOLDER / "my_hospital.json"
    plain = json.loads(path.read_text())
    path.with_name("other.json").write_text(json.dumps(plain))
    path.write_text(json.dumps(plain | {"schema_version": 7}))
    found = evaluations.look(folder)
    assert "version 7" in found.broken["my_hospital"] and "'my_hospital'" in found.broken["other"]


def test_altered_predictions_are_refused(folder):
    keep(folder)
    path = folder / evaluations.FOLDER / "my_hospital.csv"
    path.write_bytes(path.read_bytes().replace(b"p0", b"p9", 1))
    with pytest.raises(runs.RunError, match=r"is not what my_hospital\.json was written for"):
        evaluations.predictions(folder, "my_hospital")


@given(st.text(max_size=70))
def test_a_name_stays_inside_its_folder(name):
    try:
        assert evaluations.check_name(name) == name
    except PneumoError:
        return
    assert name.isascii() and not set(name) & set("/\\. ") and name not in evaluations.OF_THE_RUN


def test_sets_stand_in_order_the_least_flattering_first():
    assert evaluations.in_order(["validation", "zebra", "test", ADULTS, "alpha", OFFICIAL, "left_out"]) == [
        OFFICIAL, ADULTS, "alpha", "zebra", "test", "validation", "left_out",
    ]  # fmt: skip
    assert evaluations.title_of("my_hospital") == "My hospital"


def test_the_digest_is_of_the_images_whatever_their_order():
    result = some()
    turned = Predictions(*(column[::-1] for column in vars(result).values()))
    assert evaluations.data_digest(result) == evaluations.data_digest(turned)


@pytest.mark.parametrize("name", runs.available("classification"))
def test_shipped_sets_are_of_the_shipped_weights_and_follow_from_their_predictions(name):
    folder = runs.resolve(name)
    found = evaluations.look(folder)
    assert not found.stale and not found.broken
    for which, about in found.current.items():
        known = evaluations.predictions(folder, which)
        assert (
            classification.confusion(known.labels, known.probabilities, about.metrics.threshold)
            == about.metrics.confusion
        )
        assert len(known.labels) == about.metrics.n
        assert classification.auroc(known.labels, known.probabilities) == pytest.approx(about.metrics.auroc, abs=1e-5)
        assert evaluations.data_digest(known) == about.data_digest
