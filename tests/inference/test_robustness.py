"""Corruptions, the threshold under corruption, and the probe of file families."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from pneumo import cli, data, models, runs
from pneumo.images import corruptions
from pneumo.inference import robustness
from pneumo.metrics import classification
from pneumo.schema import PneumoError, Radiograph

SOURCE = "phantom:120"


@pytest.fixture(scope="module")
def resized():
    dataset = data.open_source("phantom:8")
    from pneumo.schema import ImageSpec

    return data.resized(dataset, ImageSpec(size=64)).array[:]


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
def test_every_corruption_changes_more_with_severity(resized, name):
    clean = corruptions.corrupt(resized, name, 0)
    assert torch.equal((clean * 255).round().to(torch.uint8), torch.from_numpy(resized.copy()))
    changes = []
    for severity in range(1, len(corruptions.CORRUPTIONS[name].levels) + 1):
        transformed = corruptions.corrupt(resized, name, severity)
        assert transformed.shape == clean.shape
        assert 0 <= transformed.min() <= transformed.max() <= 1 + 1e-6
        assert torch.equal(transformed, corruptions.corrupt(resized, name, severity))
        changes.append((transformed - clean).abs().mean().item())
    assert changes == sorted(changes)
    assert changes[-1] > 0 or name == "marker_removed"


def test_a_marker_is_removed_only_from_the_frame():
    image = np.full((1, 100, 100), 90, np.uint8)
    image[0, 5:12, 5:12] = 255  # a marker
    image[0, 50:60, 50:60] = 255  # bone
    transformed = corruptions.corrupt(image, "marker_removed", 1)[0] * 255
    assert transformed[8, 8] == pytest.approx(90)
    assert transformed[55, 55] == pytest.approx(255)


def test_a_run_is_measured_and_the_result_kept_beside_it(small_run, tmp_path, monkeypatch):
    import shutil

    monkeypatch.setattr(
        models, "native_bf16", lambda device: False
    )  # as in service, so that the clean row is the card's

    folder = tmp_path / "small"
    shutil.copytree(small_run.folder, folder)
    run = runs.load(str(folder))
    result = robustness.measure(run, SOURCE, "test")
    assert [row.corruption for row in result.rows][:2] == ["clean", "darker"]
    assert len(result.rows) == 1 + sum(len(s.levels) for s in corruptions.CORRUPTIONS.values())
    clean = run.card.metrics["test"]
    assert result.rows[0].auroc == pytest.approx(clean.auroc, abs=1e-6)
    assert (result.n, result.patients) == (clean.n, clean.patients)
    assert 0 < result.best_threshold < 1
    with pytest.raises(PneumoError, match="not on the test set"):
        robustness.adopt(folder, result)
    robustness.save(folder, result)
    assert robustness.read(folder) == result
    card = json.loads((folder / runs.CARD_FILE).read_text())
    card["weights"]["sha256"] = "0" * 64
    (folder / runs.CARD_FILE).write_text(json.dumps(card))
    assert robustness.read(folder) is None  # measured on other weights


def test_the_best_threshold_does_best_over_all_sets():
    labels = np.array([0] * 50 + [1] * 50)
    clean = np.concatenate([np.linspace(0, 0.3, 50), np.linspace(0.4, 1, 50)])
    shifted = np.clip(clean + 0.35, 0, 1)  # corrupted, everything looks more like pneumonia
    assert 0.5 < robustness._best_threshold(labels, [clean, shifted]) < 0.75


def test_another_source_is_refused(small_run):
    with pytest.raises(PneumoError, match="another digest"):
        robustness.measure(small_run, "phantom:60")


def test_the_probe_finds_a_family_that_shows(small_run):
    """Files named NORMAL2- are brighter here, so grey statistics tell them; names without a family give no probe."""
    rng = np.random.default_rng(0)
    resized = rng.integers(0, 100, (60, 32, 32), dtype=np.uint8)
    resized[::2] += 100
    items = tuple(
        data.Item(f"NORMAL/{'NORMAL2-' if n % 2 == 0 else ''}IM-{n:04d}-0001.jpeg", 0, f"IM-{n}", "", "", str(n))
        for n in range(60)
    )
    dataset = data.DataSet("made up", items, lambda i: Radiograph(resized[i]), "", "")
    result = robustness._family_probe(small_run, dataset, np.arange(60), resized)
    assert result.n == 60
    assert result.baseline > 0.95
    unnamed = dataclasses.replace(dataset, items=tuple(dataclasses.replace(item, name="a.png") for item in items))
    assert robustness._family_probe(small_run, unnamed, np.arange(60), resized) is None


def test_the_command_line_adopts_the_threshold(small_run_folder, tmp_path, capsys):
    import shutil

    folder = tmp_path / "small"
    shutil.copytree(small_run_folder, folder)
    words = ["robustness", str(folder), "--data", SOURCE, "--images", "12"]
    assert cli.main([*words, "--adopt", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((folder / robustness.FILE).read_text())
    card, predictions = runs.read_card(folder), runs.read_predictions(folder)
    assert card.default_point == "robust"
    assert card.point().threshold == min(printed["best_threshold"], card.point("sensitivity95").threshold)
    assert card.point().sensitivity >= 0.95  # of clean validation: no more is given up
    assert card.metrics == classification.measure(predictions, card.point().threshold)
    assert cli.main(words) == 0
    assert "threshold that does best over all corruptions" in capsys.readouterr().out


def test_adopting_again_replaces_the_point(small_run_folder, tmp_path):
    import shutil

    folder = tmp_path / "small"
    shutil.copytree(small_run_folder, folder)
    result = robustness.Robustness("small", "", "validation", 1, 1, 0.5, 0.3, (), None)
    for threshold in (0.3, 0.2):
        robustness.adopt(folder, dataclasses.replace(result, best_threshold=threshold))
    limit = runs.read_card(folder).point("sensitivity95").threshold
    assert [p.threshold for p in runs.read_card(folder).operating_points if p.name == "robust"] == [min(0.2, limit)]
