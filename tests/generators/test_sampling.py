"""Drawing, giving back and walking between codes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pneumo import cli, runs, training
from pneumo.generators import reconstruction, sampling
from pneumo.images import radiograph
from pneumo.schema import PneumoError
from pneumo.training import recipes
from tests.training.test_generators import small


@pytest.fixture(scope="module")
def gan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gan") / "gan"
    training.train(small("conv_gan", "image.size=16", "epochs=1"), folder)
    return runs.load(str(folder))


@pytest.fixture(scope="module")
def one_class(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gan") / "fc"
    training.train(small("fc_gan", "image.size=16", "epochs=1"), folder)
    return runs.load(str(folder))


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ae") / "vae"
    training.train(small("vae_8", "image.size=16"), folder)
    return runs.load(str(folder))


def test_the_same_seed_draws_the_same_and_more_samples_begin_with_the_fewer(gan):
    few, many = sampling.samples(gan, 3, 7, "NORMAL"), sampling.samples(gan, 9, 7, "NORMAL")
    assert many.shape == (9, 16, 16) and many.dtype == np.uint8
    assert np.abs(many[:3].astype(int) - few).max() <= 1  # batches of other sizes round differently
    assert not np.array_equal(few, sampling.samples(gan, 3, 8, "NORMAL"))


def test_half_of_each_class_unless_one_is_wanted(gan, one_class):
    assert sampling.labels(gan, 5).tolist() == [0, 0, 0, 1, 1]
    assert sampling.labels(gan, 2, "PNEUMONIA").tolist() == [1, 1]
    assert sampling.labels(one_class, 2).tolist() == [1, 1]
    with pytest.raises(PneumoError, match="draws PNEUMONIA only"):
        sampling.labels(one_class, 2, "NORMAL")


@pytest.mark.parametrize("count", [0, -1, sampling.MAX_SAMPLES + 1])
def test_counts_out_of_reach_are_refused(gan, count):
    with pytest.raises(PneumoError, match=f"count is {count}"):
        sampling.samples(gan, count, 0)


def test_runs_of_another_kind_are_refused(small_run, gan, autoencoder):
    with pytest.raises(PneumoError, match="choose the run of a GAN"):
        sampling.samples(small_run, 1, 0)
    with pytest.raises(PneumoError, match="choose the run of an autoencoder"):
        reconstruction.reconstruct(gan, np.zeros((20, 20), np.uint8))
    with pytest.raises(PneumoError, match="choose the run of a GAN"):
        sampling.classes(autoencoder)


def test_a_reconstruction_and_its_metrics(autoencoder, examples):
    result = reconstruction.reconstruct(autoencoder, radiograph.read(examples[0].data).pixels)
    assert result.original.shape == result.result.shape == result.error.shape == (16, 16)
    mean_square = ((result.original / 255.0 - result.result / 255.0) ** 2).mean()
    assert result.psnr == pytest.approx(-10 * np.log10(mean_square), abs=0.2)  # the shown one is rounded to 8 bits
    perfect = reconstruction.compare(result.original, result.original.astype(np.float32) / 255)
    assert perfect.ssim == pytest.approx(1) and perfect.psnr >= 99 and perfect.error.max() < 1e-6


def test_decoding_a_code_is_the_reconstruction(autoencoder, examples):
    result = reconstruction.reconstruct(autoencoder, radiograph.read(examples[0].data).pixels)
    codes = reconstruction.codes(autoencoder, result.original[None])
    assert codes.shape == (1, 8)
    assert np.abs(reconstruction.decode(autoencoder, codes)[0].astype(int) - result.result).max() <= 1


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 20),
    st.integers(1, 40),
    st.sampled_from(["free", "same", "opposite", "zero"]),
)
def test_the_way_between_two_codes(seed, steps, size, kind):
    first, second = np.random.default_rng(seed).normal(size=(2, size))
    second = {"free": second, "same": first, "opposite": -first, "zero": 0 * first}[kind]
    way = sampling.between(first, second, steps)
    assert way.shape == (steps, size) and np.isfinite(way).all()
    assert way[0] == pytest.approx(first, abs=1e-6) and way[-1] == pytest.approx(second, abs=1e-6)


def test_sample_on_the_command_line_gives_the_same_sheet_twice(gan, tmp_path, capsys):
    for name in ("one.png", "two.png"):
        assert cli.main(["sample", str(gan.folder), "--count", "4", "--seed", "3", "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert "4 synthetic radiographs" in capsys.readouterr().out


def test_reconstruct_on_the_command_line(autoencoder, tmp_path, examples, capsys):
    good, bad, out = tmp_path / "x.png", tmp_path / "bad.png", tmp_path / "out.png"
    good.write_bytes(examples[0].data)
    bad.write_text("no picture")
    assert cli.main(["reconstruct", str(good), "--run", str(autoencoder.folder), "--out", str(out)]) == 0
    assert out.stat().st_size and "PSNR" in capsys.readouterr().out
    assert cli.main(["reconstruct", str(bad), "--run", str(autoencoder.folder), "--out", str(out)]) == 1
    assert "bad.png" in capsys.readouterr().err


def test_every_generator_recipe_fits_its_model():
    for name, recipe in recipes.RECIPES.items():
        if recipe.task in ("gan", "reconstruction"):
            from pneumo import models

            torch.manual_seed(0)
            assert models.build(recipe.model, recipe.image, **recipe.model_args) is not None, name


def test_one_sample_is_the_grids_and_truncation_and_directions_change_it(gan):
    grid = sampling.samples(gan, 6, 2, "PNEUMONIA")
    plain = sampling.one(gan, 2, 4, "PNEUMONIA", 1.0, [0, 0])
    assert np.abs(plain.astype(int) - grid[4]).max() <= 1
    assert not np.array_equal(plain, sampling.one(gan, 2, 4, "PNEUMONIA", 1.0, [3.0, 0]))
    middle = [sampling.one(gan, 2, n, "PNEUMONIA", 0.0, [0, 0]) for n in (0, 5)]
    assert np.array_equal(*middle)  # all samples begin at the same place then


def test_directions_are_unit_vectors_at_right_angles(gan, one_class):
    for run in (gan, one_class):
        result = sampling.directions(run, 4)
        assert result @ result.T == pytest.approx(np.eye(4), abs=1e-5)


def test_a_walk_begins_and_ends_at_its_samples(gan):
    grid, way = sampling.samples(gan, 4, 1, "NORMAL"), sampling.walk(gan, 1, 0, 3, "NORMAL", 7)
    assert way.shape == (7, 16, 16)
    assert np.abs(way[0].astype(int) - grid[0]).max() <= 1 and np.abs(way[-1].astype(int) - grid[3]).max() <= 1


def test_snapshots_by_epoch(gan, one_class):
    assert list(sampling.snapshots(gan)) == [0, 1]
    assert sampling.snapshots(gan)[1].shape == (16, 16, 16)
    assert sampling.snapshots(one_class)


def test_verdicts_are_probabilities(gan):
    result = sampling.verdicts(gan, sampling.samples(gan, 5, 0), sampling.labels(gan, 5))
    assert result.shape == (5,) and (result >= 0).all() and (result <= 1).all()


def test_numbers_of_z_set_by_hand_change_the_image(gan):
    plain = sampling.one(gan, 0, 1, "NORMAL", 1.0, [0.0])
    z = sampling.start(gan, 2, 0)
    same = sampling.one(gan, 0, 1, "NORMAL", 1.0, [0.0], {3: float(z[1, 3])})
    assert np.array_equal(plain, same)
    assert (plain != sampling.one(gan, 0, 1, "NORMAL", 1.0, [0.0], dict.fromkeys(range(8), 4.0))).any()


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_changed_image_has_the_same_greys_in_other_places(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    result = reconstruction.changed(pixels)
    assert np.array_equal(255 - result.pop("inverted"), pixels)
    for image in result.values():
        assert image.dtype == np.uint8 and np.array_equal(np.sort(image, axis=None), np.sort(pixels, axis=None))


def test_the_command_line_names_the_same_limit():
    from pneumo.cli import sample

    assert sample.MAX_SAMPLES == sampling.MAX_SAMPLES
