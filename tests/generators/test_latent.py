"""The code of an autoencoder: measuring, saving, moving through it."""

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pneumo import cli, data, runs, training
from pneumo.generators import latent, latent_measures, latent_report, reconstruction
from pneumo.images import ood_samples, phantom
from pneumo.runs import forward
from pneumo.schema import PneumoError
from pneumo.training.reconstruction import ReconstructionTask
from tests.training.test_generators import small

SOURCE = "phantom:120"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A plain, a variational and the larger-than-its-picture autoencoder of seconds, on phantoms."""
    folder = tmp_path_factory.mktemp("latent")
    for name, recipe, size in (
        ("plain", "bottleneck_8", 32),
        ("variational", "vae_8", 32),
        ("long", "conv_autoencoder", 16),
    ):
        changes = [f"image.size={size}", "epochs=1", f"data.source={SOURCE}"]
        training.train(small(recipe, *changes), folder / name)
    return {name: runs.load(str(folder / name)) for name in ("plain", "variational", "long")}


@pytest.fixture(scope="module")
def spaces(made):
    return {name: latent_measures.measure(run, SOURCE) for name, run in made.items()}


def test_what_is_measured_has_intervals_and_comparisons(spaces):
    for name in ("plain", "variational"):
        about = spaces[name].about
        for result in (about.model, about.pca, about.jpeg, about.gain):
            for mean in (result.psnr, result.ssim):
                assert mean.ci95.low <= mean.value <= mean.ci95.high
        assert about.gain.psnr.value == pytest.approx(about.model.psnr.value - about.pca.psnr.value, abs=1e-4)
        assert about.code_size == 8 and about.n == len(about.names) == len(spaces[name].labels)
        assert set(about.ood) == set(ood_samples.DRAWN)


def test_a_code_larger_than_its_image_has_no_comparisons_and_no_space(spaces):
    about = spaces["long"].about
    assert about.code_size == 256 * 4 > about.input_size == 3 * 16**2
    assert spaces["long"].directions is None
    assert spaces["long"].arrays.keys() == {"labels", "errors"}
    assert about.pca is None and about.gain is None and about.model.psnr.value > 0


def test_without_training_the_components_alone_are_given_back(made):
    """Epoch 0 of a bottleneck is principal components: PSNR within a tenth of scikit-learn's on the same pictures."""
    run = made["plain"]
    own = data.open_as_trained(run.card, SOURCE)
    dataset, resized, splits = own.dataset, own.resized, own.splits
    held_out = resized[splits["validation"]]
    recipe = small("bottleneck_8", "image.size=32", f"data.source={SOURCE}")
    task = ReconstructionTask(recipe, resized, dataset.labels, splits, 0)
    fresh = runs.Run(run.card, run.folder, task.modules["autoencoder"].eval())
    psnr, _ = latent_measures._closeness(held_out, forward.reconstructions(fresh, held_out))
    components, _ = latent_measures._closeness(
        held_out, latent_measures._by_components(resized[splits["train"]], held_out, 8)
    )
    assert psnr.mean() == pytest.approx(components.mean(), abs=0.1)


def test_saved_read_and_forgotten_with_other_weights(tmp_path, made, spaces, capsys):
    run = made["plain"]
    assert cli.main(["latent", str(run.folder), "--data", SOURCE, "--save"]) == 0
    assert "gain over components" in capsys.readouterr().out
    again = latent_report.read(run.folder)
    assert again.about == spaces["plain"].about
    assert all(np.array_equal(again.arrays[key], value) for key, value in spaces["plain"].arrays.items())
    assert cli.main(["latent", str(run.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["code_size"] == 8
    about = json.loads((run.folder / latent_report.FILE).read_text())
    (run.folder / latent_report.FILE).write_text(json.dumps(about | {"weights_sha256": "other"}))
    assert latent_report.read(run.folder) is None
    (run.folder / latent_report.FILE).write_text(json.dumps(about))
    (run.folder / latent_report.ARRAYS_FILE).write_bytes(b"no")
    with pytest.raises(runs.RunError, match="measure again"):
        latent_report.read(run.folder)
    (run.folder / latent_report.FILE).write_text("{")
    with pytest.raises(runs.RunError, match="does not fit its schema"):
        latent_report.read(run.folder)


def test_a_latent_space_can_be_copied_and_pickled(spaces):
    """Streamlit's caches copy; a class that looks its fields up in a dict it does not have yet never ends."""
    for again in (
        copy.copy(spaces["plain"]),
        copy.deepcopy(spaces["plain"]),
        pickle.loads(pickle.dumps(spaces["plain"])),
    ):
        assert again.about == spaces["plain"].about
        assert np.array_equal(again.codes, spaces["plain"].codes)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        spaces["plain"].nothing  # noqa: B018


def test_the_card_has_the_reconstructions_beside_components(capsys):
    about = latent_report.read(runs.resolve("bottleneck_32")).about
    assert cli.main(["card", "bottleneck_32"]) == 0
    told = capsys.readouterr().out
    for title, result in (("this model", about.model), ("32 principal components", about.pca)):
        assert (
            f"| {title} | {result.psnr.value:.2f} ({result.psnr.ci95.low:.2f} to {result.psnr.ci95.high:.2f}) |" in told
        )
    assert f"n = {about.n:,} held-out radiographs of {about.patients} patients" in told


def test_commands_say_what_they_need(made, tmp_path, capsys):
    assert cli.main(["latent", str(made["variational"].folder)]) == 2
    assert "was not measured yet" in capsys.readouterr().err
    assert cli.main(["latent", str(made["variational"].folder), "--save"]) == 2
    assert "--save needs --data" in capsys.readouterr().err
    with pytest.raises(PneumoError, match="is not the data set"):
        latent_measures.measure(made["plain"], "phantom:60")


def test_directions_are_sorted_by_what_they_move(made, spaces):
    run, space = made["plain"], spaces["plain"]
    resting = latent.moved(run, space, None, [0.0] * 8).astype(float)
    moved = [np.abs(latent.moved(run, space, None, np.eye(8)[n]) - resting).mean() for n in (0, 7)]
    assert moved[0] > 2 * moved[1]
    assert np.array_equal(latent.moved(run, space, None, []), reconstruction.decode(run, space.mean[None])[0])


def test_the_ways_begin_and_end_where_they_should(made, spaces):
    run, space = made["plain"], spaces["plain"]
    first, second = (latent.code_of(run, phantom.draw(n, 0, n).pixels) for n in (0, 1))
    way = latent.between(run, first, second, 5)
    assert np.array_equal(way[[0, -1]], reconstruction.decode(run, np.stack([first, second])))
    at = latent.towards(run, space, first, [0.0, 1.0])
    assert np.array_equal(at[0], way[0]) and (at[1] != at[0]).any()


def test_samples_follow_the_seed_and_the_kind_of_autoencoder(made, spaces):
    for name, variational in (("plain", False), ("variational", True)):
        run, space = made[name], spaces[name]
        assert latent.is_variational(run) is variational
        one, same, other = (latent.sample(run, space, 4, seed) for seed in (0, 0, 1))
        assert np.array_equal(one, same) and (one != other).any() and one.shape == (4, 32, 32)


def test_denoising_compares_with_the_clean_image(made):
    noisy, result = latent.denoise(made["plain"], phantom.draw(3, 0, 1).pixels, 0.3, 0)
    assert result.psnr > noisy.psnr
    clean, _ = latent.denoise(made["plain"], phantom.draw(3, 0, 1).pixels, 0.0, 0)
    assert clean.psnr > 100
    with pytest.raises(PneumoError, match="expected 0 to"):
        latent.denoise(made["plain"], phantom.draw(3, 0, 1).pixels, 0.9, 0)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([16, 64, 256, 4096]))
def test_jpeg_fits_and_more_bytes_give_a_nearer_image(seed, limit):
    rng = np.random.default_rng(seed)
    resized_image = np.kron(rng.integers(0, 256, (8, 8)), np.ones((8, 8))).astype(np.uint8)
    few, many = (latent_measures.jpeg_within(resized_image, bytes_) for bytes_ in (limit, 4 * limit))
    error = [np.square(each.astype(float) - resized_image).mean() for each in (few, many)]
    assert few.shape == resized_image.shape and error[1] <= error[0] + 1e-9


def test_coded_bytes_leave_out_the_header():
    blob = latent_measures._jpeg(Image.fromarray(np.full((64, 64), 90, np.uint8)), 50)
    assert latent_measures._coded_bytes(blob) < 60 < 300 < len(blob)


def test_a_mean_of_patients_is_wider_than_one_of_images():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=40), 10)
    widths = [
        (result := latent_measures.mean_by_patient(values, patients)).ci95.high - result.ci95.low
        for patients in (np.repeat(np.arange(40), 10), np.arange(400))
    ]
    assert widths[0] > 2 * widths[1]
