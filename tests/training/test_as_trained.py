"""A run recognises its own data set: with an unreadable file, a share of the labels, a cluster left out, one class."""

import dataclasses

import numpy as np
import pytest

from pneumo import data, runs, training
from pneumo.images import phantom, radiograph
from pneumo.inference import dataset_measures, evaluation, robustness
from pneumo.schema import DataSpec, PneumoError, Recipe
from pneumo.training import recipes

CHANGES = {"damaged": "", "labels": "data.labels=.5", "left_out": "data.leave_out=subtype:virus"}
pytestmark = pytest.mark.slow  # three trainings
BASE = ["image.size=16", "epochs=1", "batch_size=8", "precision=float32", "data.validation=.3", "data.test=.2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Phantoms under names of the Guangzhou set, and one damaged file of a patient of its own."""
    root = tmp_path_factory.mktemp("set")
    for n, drawn in enumerate(phantom.draw_set(60, size_px=48, seed=5, prevalence=0.5)):
        kind = "virus" if n % 2 else "bacteria"
        name = f"PNEUMONIA/person{n}_{kind}_1.png" if drawn.label else f"NORMAL/IM-{n:04d}-0001.png"
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(radiograph.encode_png(drawn.pixels))
    (root / "PNEUMONIA" / "person999_virus_1.png").write_bytes(b"cut short")
    return root


@pytest.fixture(scope="module", params=CHANGES)
def trained(request, folder, tmp_path_factory):
    change = CHANGES[request.param]
    place = tmp_path_factory.mktemp("runs") / request.param
    recipe = recipes.override(
        Recipe(model="simple_cnn"), [*BASE, f"data.source={folder}", *([change] if change else [])]
    )
    outcome = training.train(recipe, place)
    assert list(outcome.unreadable) == ["PNEUMONIA/person999_virus_1.png"]
    return runs.load(str(place))


def names_of(trained, split) -> set[str]:
    return set(runs.read_predictions(trained.folder).split(split).names.tolist())


@pytest.mark.parametrize("split", ["validation", "test"])
def test_evaluate_finds_the_runs_own_patients(trained, folder, split):
    result = evaluation.evaluate(trained, str(folder), split=split)
    assert result.metrics.n == trained.card.metrics[split].n == len(names_of(trained, split))
    assert result.metrics.auroc == pytest.approx(trained.card.metrics[split].auroc, abs=1e-6)


def test_the_cluster_that_was_left_out_can_be_evaluated(trained, folder):
    if not trained.card.recipe.data.leave_out:
        with pytest.raises(PneumoError, match="has no split 'left_out'; it has: train, validation, test"):
            evaluation.evaluate(trained, str(folder), split="left_out")
        return
    result = evaluation.evaluate(trained, str(folder), split="left_out")
    assert result.metrics.n == trained.card.metrics["left_out"].n


def test_a_file_that_cannot_be_read_is_named_in_its_split(trained, folder):
    unreadable = [evaluation.evaluate(trained, str(folder), split=split).unreadable for split in ("train", "validation", "test")]  # fmt: skip
    assert sum(map(len, unreadable)) == 1


def test_robustness_and_ensemble_accept_it(trained, folder, monkeypatch):
    monkeypatch.setattr(robustness, "CORRUPTIONS", {})
    measured = robustness.measure(trained, str(folder))
    assert measured.n == trained.card.metrics["validation"].n
    other = trained.folder.parent / "other"
    recipe = dataclasses.replace(
        trained.card.recipe, data=dataclasses.replace(trained.card.recipe.data, source=str(folder))
    )
    training.train(recipe, other)
    card = training.make_ensemble([str(trained.folder), str(other)], str(folder), trained.folder.parent / "both")
    assert {name: m.n for name, m in card.metrics.items()} == {name: m.n for name, m in trained.card.metrics.items()}
    both = runs.load(str(trained.folder.parent / "both"))
    assert evaluation.evaluate(both, str(folder), split="validation").metrics.n == card.metrics["validation"].n


def test_another_data_set_is_still_refused(trained, folder, tmp_path):
    for source in ("phantom:60", str(smaller(folder, tmp_path))):
        for use in (
            lambda source: evaluation.evaluate(trained, source, split="validation"),
            lambda source: robustness.measure(trained, source),
            lambda source: data.open_as_trained(trained.card, source),
        ):
            with pytest.raises(PneumoError, match=r"is not the data set .* was trained on .*name that source"):
                use(source)


def smaller(folder, place):
    """The same set without one readable image."""
    kept = sorted(path for path in folder.rglob("*.png"))[1:]
    for path in kept:
        target = place / "set" / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return place / "set"


def test_a_run_of_one_class_finds_its_data_and_the_other_class(folder):
    recipe = recipes.override(Recipe(task="reconstruction", model="conv_autoencoder"), [f"data.source={folder}", "data.only=NORMAL"])  # fmt: skip
    dataset = data.open_source(str(folder))
    errors = data.resized(dataset, recipe.image).errors
    splits = data.training_splits(dataset, recipe, errors)
    card = card_of(recipe, data.split_digest(dataset, splits))
    own = data.open_as_trained(card, str(folder))
    assert all((own.splits[name] == splits[name]).all() for name in splits)
    assert set(dataset.labels[own.rows("train", "validation", "test")]) == {0}
    both = data.open_as_trained(card, str(folder), both_classes=True)
    assert set(dataset.labels[both.rows("train", "validation", "test")]) == {0, 1}
    with pytest.raises(PneumoError, match="no split 'tests'; there are: train, validation, test"):
        own.rows("tests")
    with pytest.raises(PneumoError, match="another digest"):
        data.open_as_trained(
            card_of(dataclasses.replace(recipe, data=DataSpec(only="PNEUMONIA")), "0" * 64), str(folder)
        )


def card_of(recipe: Recipe, digest: str):
    card = runs.read_card(runs.resolve("bottleneck_8"))
    return dataclasses.replace(
        card, recipe=recipe, image=recipe.image, data=dataclasses.replace(card.data, split_digest=digest)
    )


def test_what_is_left_away_is_left_away_in_the_order_of_the_digest(folder):
    """Unreadable images first, then the share of patients among the rest, then the cluster: the digests in cards say so."""
    recipe = recipes.override(
        Recipe(), [*BASE, f"data.source={folder}", "data.labels=.5", "data.leave_out=subtype:virus"]
    )
    dataset = data.open_source(str(folder))
    resized = data.resized(dataset, recipe.image)
    expected = data.split_patients(dataset, recipe.data)
    expected = {name: rows[~np.isin(rows, list(resized.errors))] for name, rows in expected.items()}
    expected["train"] = data.take_labels(dataset, expected["train"], 0.5, recipe.seed)
    expected = data.leave_out(dataset, resized.array, expected, "subtype:virus")
    splits = data.training_splits(dataset, recipe, resized.errors)
    assert data.split_digest(dataset, splits) == data.split_digest(dataset, expected)


def test_a_summary_of_the_data_set_accepts_a_run_with_a_damaged_file(trained, folder):
    if trained.card.recipe.data.labels < 1 or trained.card.recipe.data.leave_out:
        pytest.skip("a summary is of all images")
    summary = dataset_measures.summarise(str(folder), trained.card)
    assert summary.data.split_digest == trained.card.data.split_digest
    assert summary.unreadable == 1
