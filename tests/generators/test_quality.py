"""Distances between sets of pictures, by hand where it can be done; the whole on phantoms."""

import numpy as np
import pytest
from scipy import linalg

from pneumo import cli, runs, training
from pneumo.generators import memorisation, quality, quality_report
from pneumo.schema import PneumoError
from tests.training.test_generators import small


def cloud(count: int, size: int = 6, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(count, size)) + shift).astype(np.float32)


def test_frechet_is_the_published_formula():
    one, other = cloud(200), 1.5 * cloud(150, shift=0.4, seed=1)
    mean = ((one.mean(0) - other.mean(0)) ** 2).sum()
    first, second = np.cov(one.T), np.cov(other.T)
    expected = mean + np.trace(first + second - 2 * linalg.sqrtm(first @ second).real)
    assert quality.frechet(one, other) == pytest.approx(expected, rel=1e-4)
    assert quality.frechet(one, one) == pytest.approx(0, abs=1e-6)


def test_kernel_grows_with_the_distance_and_is_the_same_each_time():
    one, near, far = cloud(300), cloud(300, seed=1), cloud(300, shift=1.0, seed=2)
    assert abs(quality.kernel(one, near)) < quality.kernel(one, far) / 10
    assert quality.kernel(one, far) == quality.kernel(one, far)


def test_precision_sees_what_is_not_real_and_recall_what_is_missing():
    real = np.concatenate([cloud(200, 2), cloud(200, 2, shift=50.0, seed=1)])
    half = cloud(150, 2, seed=2)  # one of the two modes: a collapsed generator
    precision, recall = quality.precision_recall(real, half)
    assert precision > 0.9 and 0.4 < recall < 0.55
    strange = np.concatenate([half, cloud(150, 2, shift=-80.0, seed=3)])
    assert quality.precision_recall(real, strange)[0] == pytest.approx(precision / 2, abs=0.05)


def test_share_within_by_brute_force():
    points, known = cloud(60, 3, 0.5, seed=4), cloud(50, 3, seed=5)
    apart = np.linalg.norm(known[:, None] - known[None], axis=-1)
    radii = np.sort(apart, axis=1)[:, quality.NEIGHBOURS]
    inside = np.linalg.norm(points[:, None] - known[None], axis=-1) <= radii
    assert quality._share_within(points, known) == pytest.approx(inside.any(1).mean(), abs=0.02)


def test_nearest_finds_the_row_itself():
    known = cloud(40)
    distances, indices = memorisation.nearest(known, known[5:8])
    assert indices.tolist() == [5, 6, 7] and distances.max() < 1e-3
    assert memorisation.nearest(known, known[:2], 3)[1].shape == (2, 3)


def test_copies_are_found_out():
    rng = np.random.default_rng(0)
    resized = [rng.integers(0, 256, (count, 8, 8), dtype=np.uint8) for count in (120, 80, 40)]
    trained, held_out, fresh = [(each, each.reshape(len(each), -1).astype(np.float32)) for each in resized]
    stolen = tuple(each[:40] for each in trained)
    patients = [str(n // 2) for n in range(80)]
    honest, thief = (memorisation.measure_memory(trained, held_out, [each, each], patients) for each in (fresh, stolen))
    assert thief.pixel.generated.mean < 1e-3 < honest.pixel.held_out_ci95.low  # float32: not quite 0
    assert thief.copies.mean == 1 and honest.copies.mean < 0.2
    apart = np.sqrt(np.square(resized[1][:1] / 255 - resized[0] / 255).mean((1, 2))).min()
    one = tuple(each[:1] for each in held_out)
    assert memorisation.measure_memory(trained, one, [fresh], ["a"]).pixel.held_out == pytest.approx(apart, rel=1e-3)


@pytest.fixture(scope="module")
def gan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quality") / "gan"
    training.train(small("conv_gan", "image.size=16", "epochs=1", "data.source=phantom:400"), folder)
    return runs.load(str(folder))


def test_the_whole_on_phantoms_by_command_saved_and_read(gan, small_run_folder, monkeypatch, capsys):
    monkeypatch.setattr("pneumo.training.synthetic.EPOCHS", 1)
    small_one = str(small_run_folder)
    words = ["quality", str(gan.folder), "--data", "phantom:400", "--encoder", small_one, "--classifier", small_one]
    assert cli.main([*words, "--seeds", "2", "--crossed", "--save"]) == 0
    assert "real against real" in capsys.readouterr().out
    result = quality_report.read(gan.folder)
    near = result.distances
    assert near.frechet.low <= near.frechet.mean <= near.frechet.high and near.frechet.low > near.frechet_floor
    assert near.precision_floor > 0.5
    for nearest in (result.memory.pixel, result.memory.feature):
        assert nearest.held_out_ci95.low <= nearest.held_out <= nearest.held_out_ci95.high and nearest.generated.low > 0
    assert {each.wanted for each in result.asked} == {"NORMAL", "PNEUMONIA"}
    assert [(each.trained_on, each.tested_on) for each in result.tstr] == [
        ("generated", "real"), ("real", "generated"), ("real", "real"),
    ]  # fmt: skip
    assert all(each.n == result.tstr[0].n and each.ci95.low <= each.auroc <= each.ci95.high for each in result.tstr)
    assert cli.main(["card", str(gan.folder)]) == 0
    told = capsys.readouterr().out
    assert "## Results" in told and f"| {near.frechet_floor:.1f} |" in told and f"n = {near.n} samples" in told
    assert f"Trained on generated, tested on real: AUROC {result.tstr[0].auroc:.3f}" in told
    (gan.folder / quality_report.FILE).write_text("{}")
    with pytest.raises(runs.RunError, match="does not fit its schema"):
        quality_report.read(gan.folder)


def test_other_data_than_the_gans_are_refused(gan, small_run):
    with pytest.raises(PneumoError, match="is not the data"):
        quality.measure(gan, small_run, small_run, "phantom:300")


def test_a_set_too_small_is_refused(gan, small_run):
    with pytest.raises(PneumoError, match="50 are the least"):
        quality.measure(gan, small_run, small_run, "phantom:400", limit=10)


def test_the_nearest_training_image_of_a_training_image_is_itself(gan, small_run):
    known = memorisation.training_images(gan, "phantom:400")
    [own, other] = memorisation.neighbours(known, known.resized[5], 2)
    assert own.distance == 0 < other.distance and own.name in known.names
    seen = []
    featured = memorisation.with_features(known, small_run, lambda done, total: seen.append((done, total)))
    assert len(featured.features) == len(known.resized) and seen[-1] == (len(known.resized),) * 2
    [own, other] = memorisation.neighbours(featured, known.resized[5], 2, small_run)
    assert np.array_equal(own.resized_image, known.resized[5]) and own.distance < 1e-3 < other.distance
