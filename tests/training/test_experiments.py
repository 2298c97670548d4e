"""Folds, seeds, sweeps and ensembles, on a few phantoms."""

import csv

import numpy as np
import pytest

from pneumo import cli, data, runs, training
from pneumo.inference import comparison, diagnosis, explanation
from pneumo.schema import DataSpec, PneumoError, Recipe
from pneumo.training import experiments, recipes

SOURCE = "phantom:100"
RECIPE = recipes.override(
    Recipe(model="simple_cnn"), [f"data.source={SOURCE}", "image.size=16", "epochs=1", "precision=float32"]
)


def test_variations_are_every_combination():
    result = experiments.variations(RECIPE, folds=2, seeds=3, sweep={"learning_rate": ["0.1", "0.01"]})
    assert len(result) == len({each.name for each in result}) == 12
    assert result[0].name == "learning_rate=0.1_fold=0_seed=42"
    assert {each.recipe.seed for each in result} == {42, 43, 44}
    assert {(each.recipe.data.folds, each.recipe.data.fold) for each in result} == {(2, 0), (2, 1)}


def test_mistakes_are_named_before_any_training():
    with pytest.raises(PneumoError, match="did you mean 'learning_rate'"):
        experiments.variations(RECIPE, sweep={"learning_rat": ["1"]})
    with pytest.raises(PneumoError, match="would be the same"):
        experiments.variations(RECIPE, sweep={"epochs": ["1", "1"]})


@pytest.mark.slow
def test_folds_give_a_table_and_every_patient_once(tmp_path):
    planned = experiments.variations(RECIPE, folds=2)
    rows = experiments.run_all(planned, tmp_path)
    with (tmp_path / experiments.RESULTS_FILE).open() as file:
        assert [row["data.fold"] for row in csv.DictReader(file)] == ["0", "1"]
    pooled = experiments.out_of_fold(tmp_path, planned)
    splits = data.split_patients(data.open_source(SOURCE), DataSpec())
    assert len(set(pooled.names)) == len(pooled.names) == len(splits["train"]) + len(splits["validation"])
    assert experiments.pooled(pooled).n == len(pooled.names)
    [summary] = experiments.summarise(rows)
    assert summary["trainings"] == 2
    assert summary["auroc"] == pytest.approx(np.mean([row["auroc"] for row in rows]))


@pytest.mark.slow
def test_resume_leaves_what_is_finished_alone(tmp_path):
    planned = experiments.variations(RECIPE, seeds=2)
    experiments.run_all(planned[:1], tmp_path)
    before = (tmp_path / planned[0].name / runs.CARD_FILE).read_bytes()
    begun = []
    experiments.run_all(planned, tmp_path, resume=True, started=lambda n, total, each: begun.append(n))
    assert begun == [2]
    assert (tmp_path / planned[0].name / runs.CARD_FILE).read_bytes() == before


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    for name, model in (("one", "simple_cnn"), ("two", "pneumonia_cnn")):
        training.train(recipes.override(RECIPE, [f"model={model}"]), folder / name)
    return folder


@pytest.mark.slow
def test_an_ensemble_is_measured_like_a_run_and_diagnoses(members, examples):
    names = [str(members / name) for name in ("one", "two")]
    card = training.make_ensemble(names, SOURCE, members / "both")
    assert list(card.members) == ["one", "two"]
    both = runs.load(str(members / "both"))
    single = [runs.load(name) for name in names]
    result = diagnosis.diagnose(both, examples[0].data, "a.png").probability
    mean = np.mean([diagnosis.diagnose(run, examples[0].data, "a.png").probability for run in single])
    assert result == pytest.approx(mean, abs=1e-5)
    theirs = [runs.read_predictions(members / name) for name in ("one", "two")]
    ours = runs.read_predictions(members / "both")
    assert (ours.names == theirs[0].names).all()
    np.testing.assert_allclose(ours.probabilities, np.mean([p.probabilities for p in theirs], axis=0), atol=2e-5)
    assert runs.read_history(members / "both") == []


@pytest.mark.slow
def test_an_ensembles_heatmap_is_the_mean_of_its_members(members, examples):
    if not (members / "both").exists():
        training.make_ensemble([str(members / name) for name in ("one", "two")], SOURCE, members / "both")
    both = runs.load(str(members / "both"))
    seen = diagnosis.diagnose(both, examples[0].data, "a.png")
    heat = diagnosis.explain(both, seen)["PNEUMONIA"].values
    assert heat.shape == (16, 16)
    assert 0 <= heat.min() <= heat.max() <= 1
    assert diagnosis.heatmap_layers(both) == ({explanation.MEMBERS: (2, 2)}, explanation.MEMBERS)
    with pytest.raises(PneumoError, match="is an ensemble"):
        comparison.check_heatmap(both, seen, "PNEUMONIA")


def test_an_ensemble_refuses_what_does_not_belong_together(members, small_run_folder, tmp_path):
    one, two = str(members / "one"), str(members / "two")
    for names, source, message in (
        ([one], SOURCE, "two runs or more"),
        ([one, one], SOURCE, "counts once"),
        ([one, str(small_run_folder)], SOURCE, "differ in their split"),
        ([one, two], "phantom:60", "another digest"),
    ):
        with pytest.raises(PneumoError, match=message):
            training.make_ensemble(names, source, tmp_path / "out")


def test_an_ensemble_notices_other_weights(members, tmp_path):
    import json
    import shutil

    if not (members / "both").exists():
        training.make_ensemble([str(members / name) for name in ("one", "two")], SOURCE, members / "both")
    shutil.copytree(members, tmp_path / "w")
    path = tmp_path / "w" / "both" / runs.CARD_FILE
    card = json.loads(path.read_text())
    card["members"]["one"] = "0" * 64
    path.write_text(json.dumps(card))
    with pytest.raises(runs.RunError, match="has other weights now"):
        runs.load(str(tmp_path / "w" / "both"))


@pytest.mark.slow
def test_the_command_line_trains_several_and_averages(tmp_path, capsys):
    words = ["train", "simple_cnn", "--data", SOURCE, "image.size=16", "epochs=1", "--out", str(tmp_path / "e")]
    assert cli.main([*words, "seeds=2", "sweep.learning_rate=.01,.001"]) == 0
    assert "4 trainings" in capsys.readouterr().out
    assert cli.main([*words, "seeds=one"]) == 2
    names = [str(tmp_path / "e" / f"learning_rate=.01_seed={seed}") for seed in (42, 43)]
    assert cli.main(["ensemble", *names, "--data", SOURCE, "--out", str(tmp_path / "both")]) == 0
    assert "mean of" in capsys.readouterr().out
