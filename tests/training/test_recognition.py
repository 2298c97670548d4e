"""Learning to read characters: a run with its report beside it, cross-entropy by hand, and what does not fit is refused at once."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pneumo import data, runs, training
from pneumo.data import DataSet, Item, characters
from pneumo.images import transforms
from pneumo.runs import character_report
from pneumo.schema import CHARACTERS, AugmentSpec, ImageSpec, PneumoError, Radiograph
from pneumo.training import recipes, recognition
from pneumo.training.recognition import CharacterTask

SIDE = 16
TINY = replace(
    recipes.get("ocr_cnn"), name="tiny", image=ImageSpec(size=SIDE), epochs=6, batch_size=16, precision="float32", augment=AugmentSpec(),
    model_args={"dropout": 0.0}, data=replace(recipes.get("ocr_cnn").data, source="characters:2520"), learning_rate=3e-3,
)  # fmt: skip
try:
    characters.open_characters("characters:2520")
    MISSING = ""
except PneumoError as error:
    MISSING = str(error)


def patterns() -> DataSet:
    """What stands in for fonts: each class a pattern of its own, in eight "fonts" that are noise, one of them for the test."""
    coarse = np.random.default_rng(0).integers(0, 2, (36, 4, 4)).astype(np.uint8).repeat(4, 1).repeat(4, 2) * 200
    items = tuple(
        Item(f"{font}-{label}", label, f"font{font}", "", "test" if font == 7 else "", f"{font} {label}")
        for font in range(8)
        for label in range(36)
    )

    def read(n: int) -> Radiograph:
        noise = np.random.default_rng(n).integers(0, 50, (SIDE, SIDE), dtype=np.uint8)
        return Radiograph(coarse[items[n].label] + noise)

    return DataSet("characters:2520", items, read, "", "", (), CHARACTERS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    outcome = training.train(TINY, folder, dataset=patterns())
    return folder, outcome.card


def test_a_run_learns_and_is_measured_on_the_test_fonts(trained):
    folder, card = trained
    report = character_report.read(folder)
    assert report.n == 36 and report.labels == tuple(range(36)) and set(report.fonts) == {"font7"}
    assert report.weights_sha256 == card.weights.sha256
    assert report.right == report.stored["int8"].right >= 30, "the patterns are easy; guessing gives one of 36"
    assert list(report.stored) == ["float32", "float16", "int8"]
    assert report.stored["int8"].bytes < report.stored["float16"].bytes < report.stored["float32"].bytes
    for each in report.changed:
        assert max(each.full, key=each.full.get) != max(each.stored, key=each.stored.get)


def test_the_run_is_one_of_characters_and_its_predictions_are_those_of_the_report(trained):
    folder, card = trained
    run, report = runs.load(str(folder), "characters"), character_report.read(folder)
    assert card.class_names == CHARACTERS
    assert card.limits and not any("radiograph" in each for each in card.limits)
    found = patterns()
    rows = [n for n, item in enumerate(found.items) if item.split == "test"]
    pixels = np.stack([transforms.resize(found.read(n), card.image) for n in rows])
    with torch.inference_mode():
        said = run.model(transforms.normalise(torch.from_numpy(pixels), card.image)).argmax(1)
    assert tuple(said.tolist()) == report.predicted
    sheet = character_report.sheet(folder, report.n, SIDE)
    assert np.abs(sheet.astype(int) - pixels).mean() < 25, "the images themselves, but for what WebP drops"


def test_what_the_model_card_says_of_it(trained):
    folder, _ = trained
    report = character_report.read(folder)
    (section,) = character_report.card_sections(folder)
    assert f"Accuracy {100 * report.right / 36:.1f}% on 36 images in 1 fonts" in section.text
    assert f"| font7 | {report.right} of 36 |" in section.text


def test_training_and_validation_hold_no_test_font_and_share_none(trained):
    found = patterns()
    splits = data.training_splits(found, TINY, {})
    fonts = {name: {found.items[n].patient for n in rows} for name, rows in splits.items()}
    assert "font7" not in fonts["train"] | fonts["validation"] and not fonts["train"] & fonts["validation"]


def make_task(recipe=TINY):
    found = patterns()
    resized = np.stack([transforms.resize(found.read(n), recipe.image) for n in range(len(found.items))])
    torch.manual_seed(0)
    return CharacterTask(recipe, resized, found.labels, data.training_splits(found, recipe, {}), 0)


def test_the_loss_is_cross_entropy_and_at_first_that_of_guessing():
    task = make_task()
    loss = task.loss(torch.tensor([[2.0, 1.0, 0.1]]), torch.tensor([0]))
    assert float(loss) == pytest.approx(0.417, abs=5e-4)
    row = task.metrics(lambda function: function(task.modules["classifier"].eval()).detach())
    assert row["validation_loss"] == pytest.approx(math.log(36), abs=0.1)
    assert set(row) == {f"{split}_{name}" for split in ("train", "validation") for name in ("loss", "accuracy")}


def test_what_is_measured_is_not_smoothed_and_what_is_trained_is():
    plain, smoothed = make_task(), make_task(replace(TINY, label_smoothing=0.2))
    batch = plain.prepare(plain.fetch(list(range(16))), torch.Generator())
    measured = [
        task.metrics(lambda function, task=task: function(task.modules["classifier"].eval()).detach())
        for task in (plain, smoothed)
    ]
    assert measured[0] == measured[1]
    certain = 30 * torch.eye(36)[batch["label"]]
    for task in (plain, smoothed):
        task.modules["classifier"] = lambda _: certain
    assert float(plain._loss(batch)["loss"]) < 1e-6 < 1 < float(smoothed._loss(batch)["loss"])


def test_radiographs_and_characters_do_not_mix():
    with pytest.raises(PneumoError, match="holds radiographs; a model of characters needs --data characters"):
        recognition.check(TINY, data.open_source("phantom:20"))
    with pytest.raises(PneumoError, match=r"holds characters, the recipe's task is classification; .*ocr_cnn"):
        recognition.check(recipes.get("pneumonia_cnn"), patterns())
    recognition.check(TINY, patterns())


def test_without_fonts_training_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(characters, "found", dict)
    with pytest.raises(PneumoError, match="apt-get install"):
        training.train(TINY, tmp_path / "run")
    assert not (tmp_path / "run" / "card.json").exists()


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_fonts_are_trained_on_and_others_tested(tmp_path):
    recipe = replace(TINY, epochs=2, batch_size=64)
    training.train(recipe, tmp_path / "run")
    report = character_report.read(tmp_path / "run")
    assert report.n == characters.TEST_COUNT and set(report.fonts) == characters.tested()
    assert report.right / report.n > 0.3, "guessing gives .03"
