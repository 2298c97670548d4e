"""Samples of a data set: from its files, or generated; both are read as a model reads them."""

import numpy as np

from pneumo import runs
from pneumo.images import transforms
from pneumo.inference import dataset_audit, dataset_measures, dataset_samples, examples
from pneumo.schema import CLASS_NAMES, ImageSpec

SPEC = ImageSpec(size=32)


def test_samples_of_a_survey_are_its_own_images():
    survey = dataset_audit.take("phantom:24")
    samples = dataset_samples.of_survey(survey, 3, seed=1)
    assert [sample.label_name for sample in samples] == ["NORMAL"] * 3 + ["PNEUMONIA"] * 3
    for sample in samples:
        index = survey.names.index(sample.name)
        assert survey.labels[index] == sample.label
        np.testing.assert_array_equal(sample.resized(SPEC), transforms.resize(survey.read(index), SPEC))
    again = dataset_samples.of_survey(survey, 3, seed=1)
    assert [sample.name for sample in again] == [sample.name for sample in samples]
    assert dataset_samples.of_survey(survey, 3, seed=2)[0].name != samples[0].name


def test_generated_samples_are_of_both_classes_and_repeat_with_the_seed():
    gan = runs.load(examples.finest_gan())
    samples = dataset_samples.generated(gan, 2, seed=3)
    assert [(sample.label, sample.name) for sample in samples] == [
        (label, f"generated {number}") for label in range(len(CLASS_NAMES)) for number in (1, 2)
    ]
    assert samples[0].read().shape == (gan.card.image.size,) * 2
    np.testing.assert_array_equal(samples[3].read(), dataset_samples.generated(gan, 2, seed=3)[3].read())
    assert (samples[0].resized(SPEC) != samples[1].resized(SPEC)).any()


def test_the_finest_gan_knows_both_classes_and_has_the_largest_images():
    cards = [runs.read_card(runs.resolve(name)) for name in runs.available("gan")]
    finest = runs.read_card(runs.resolve(examples.finest_gan()))
    assert not finest.recipe.data.only
    assert finest.image.size == max(card.image.size for card in cards if not card.recipe.data.only)


def test_without_a_gan_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    assert examples.finest_gan() is None
    assert examples.generated_examples() == []


def test_survey_and_summary_are_of_the_same_images():
    survey, summary = dataset_measures.surveyed("phantom:12")
    assert summary == dataset_measures.summarise("phantom:12")
    assert survey.audit["images"] == summary.images == 12
