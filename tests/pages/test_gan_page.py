"""The GAN page through AppTest, with a GAN of a few seconds."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pneumo import runs, training
from pneumo.generators import game, memorisation, quality, sampling
from pneumo.images import phantom, radiograph
from pneumo.inference import examples
from pneumo.schema import Interval, PneumoError, SyntheticTransfer
from tests.training.test_generators import small


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gan") / "tiny_gan"
    training.train(small("conv_gan", "image.size=16", "snapshot_epochs=[0,1]"), folder)
    return folder


@pytest.fixture
def weights(tmp_path, monkeypatch, made):
    """The default run and the small GAN."""
    folder = tmp_path / "weights"
    folder.mkdir()
    default = runs.default_name()
    shutil.copytree(runs.weights_folder() / default, folder / default)
    (folder / "DEFAULT").write_text(default)
    shutil.copytree(made, folder / "tiny_gan")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(folder))
    return folder


def open_page() -> AppTest:
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=60).run()
    app = app.switch_page("pages/generators/gan.py").run()
    assert not app.exception
    return app


def buttons(app: AppTest, key: str):
    return next(each for each in app.get("button_group") if each.key == key)


def words(app: AppTest) -> str:
    return " ".join(each.value for each in [*app.caption, *app.markdown, *app.info])


def test_without_a_gan_the_page_says_how_to_make_one(weights):
    shutil.rmtree(weights / "tiny_gan")
    assert "python -m pneumo train conv_gan" in words(open_page())


def test_samples_follow_class_and_seed_and_outlast_another_page(weights):
    app = open_page()
    assert "16 samples of NORMAL (tiny_gan, 16 x 16 pixels)" in words(app)
    buttons(app, "gan.class").set_value("PNEUMONIA").run()
    app.button(key="gan.others").click().run()
    assert app.number_input(key="gan.seed").value == 1
    assert "16 samples of PNEUMONIA" in words(app)
    for key in ("gan.truncation", "gan.direction.0"):
        app.slider(key=key).set_value(0.5).run()
    app.switch_page("pages/home.py").run().switch_page("pages/generators/gan.py").run()
    assert not app.exception
    assert (app.number_input(key="gan.seed").value, app.slider(key="gan.truncation").value) == (1, 0.5)


def test_the_scrubber_goes_through_the_kept_epochs(weights):
    app = open_page()
    assert app.select_slider(key="gan.epoch").options == ["0", "1", "2"]
    app.select_slider(key="gan.epoch").set_value(0).run()
    assert not app.exception


def test_the_replay_steps_plays_to_its_end_and_stops(weights, monkeypatch):
    app = open_page()
    app.button(key="gan.step_back").click().run()
    assert app.select_slider(key="gan.epoch").value == 1
    app.button(key="gan.step_on").click().run()
    assert app.select_slider(key="gan.epoch").value == 2
    app.button(key="gan.play").click().run()
    assert not app.exception
    assert app.select_slider(key="gan.epoch").value == 0 and app.session_state["gan.playing"]
    for _ in range(2):
        app.session_state["gan.ticked"] = 0.0  # the clock of the fragment does not run in a test
        app.run()
    assert app.select_slider(key="gan.epoch").value == 2 and not app.session_state["gan.playing"]


def test_two_trainings_under_one_scrubber(weights):
    shutil.copytree(weights / "tiny_gan", weights / "other_gan")
    app = open_page()
    app.selectbox(key="gan.beside").set_value("tiny_gan").run()
    assert not app.exception
    assert all(f"{name}: A convolutional GAN" in words(app) for name in ("tiny_gan", "other_gan"))


def test_a_number_opens_its_sample_as_it_was_drawn(weights):
    app = open_page()
    app.slider(key="gan.truncation").set_value(0.2).run()
    app.button(key="gan.open.7").click().run()
    assert not app.exception
    assert "Sample 7, turned" in " ".join(each.value for each in app.subheader)
    assert app.slider(key="gan.truncation").value == 1.0
    app.toggle(key="gan.by_hand").set_value(True).run()
    app.slider(key="gan.z_value").set_value(2.0).run()
    assert not app.exception
    app.button(key="gan.back").click().run()
    assert app.toggle(key="gan.by_hand").value is False


def test_nearest_training_pictures_where_the_data_are_at_hand(weights, tmp_path, monkeypatch):
    """The small GAN learned from phantoms; a folder of others is not its data and the page says so."""
    assert "The training radiographs are not at hand" in words(open_page())
    folder = tmp_path / "radiographs"
    for name in ("NORMAL", "PNEUMONIA"):
        (folder / name).mkdir(parents=True)
        for each in phantom.draw_set(6, size_px=64, seed=3):
            (folder / name / f"{each.name}.png").write_bytes(radiograph.encode_png(each.pixels))
    monkeypatch.setenv("PNEUMO_DATA", str(folder))
    app = open_page()
    assert not app.exception
    assert "cannot be shown" in words(app) and "is not the data" in words(app)


def test_quality_is_shown_where_it_was_measured(weights):
    assert "Not measured yet: `python -m pneumo quality tiny_gan" in words(open_page())
    near = memorisation.Range(1.0, 0.9, 1.1)
    result = quality.Quality(
        runs.read_card(weights / "tiny_gan").weights.sha256,
        "resnet18_frozen",
        "resnet18_fine_tuned",
        3,
        quality.Distances(100, near, 0.2, near, 0.1, near, near, 0.9, 0.9),
        memorisation.Memory(
            100,
            memorisation.Near(memorisation.Range(0.11, 0.1, 0.12), 0.1, Interval(0.09, 0.13)),
            memorisation.Near(near, 2.0, Interval(1.9, 2.1)),
            near,
        ),
        (quality.Asked("NORMAL", 50, near, near),),
        (SyntheticTransfer("generated", "real", 300, 100, 0.91, Interval(0.85, 0.95)),),
    )
    quality.save(weights / "tiny_gan", result)
    app = open_page()
    table = app.dataframe[0].value
    assert table["real against real"].tolist() == ["0.2", "0.1", "0.900", "0.900"]
    assert table["generated"].tolist()[0] == "1.0 (0.9 to 1.1)" and set(table["GAN"]) == {"tiny_gan"}
    memory = app.dataframe[1].value
    assert memory["generated"].tolist() == ["0.1100 (0.1000 to 0.1200)", "1.00 (0.90 to 1.10)"]
    assert memory["held-out"].tolist() == ["0.1000 (0.0900 to 0.1300)", "2.00 (1.90 to 2.10)"]
    assert app.dataframe[-1].value["AUROC"].tolist() == ["0.910 (0.850 to 0.950)"]
    quality.save(weights / "tiny_gan", replace(result, weights_sha256="other"))
    assert "Not measured yet" in words(open_page())


def test_the_game_to_its_end_and_again(weights):
    app = open_page()
    assert "**phantoms** take its place" in words(app)
    run = runs.load("tiny_gan")
    dealt = game.deal(run, 0, [])
    for pair in range(game.PAIRS):
        assert app.button(key=f"gan.next.0.{pair}").disabled
        for place in range(2):
            truth = "generated" if dealt.generated[2 * pair + place] else "real"
            buttons(app, f"gan.answer.0.{pair}.{place}").set_value(truth).run()
        app.button(key=f"gan.next.0.{pair}").click().run()
    assert not app.exception
    figures = [metric.value for metric in app.metric]
    assert figures[:2] == ["100%", "100%"]
    judged = game.score(dealt.generated, dealt.verdicts < 0.5)
    assert figures[2:] == [f"{judged.sensitivity:.0%}", f"{judged.specificity:.0%}"]
    app.button(key="gan.again").click().run()
    assert not app.exception and "Pair 1 of 10" in words(app)


def test_the_game_with_radiographs_of_the_hub(weights, monkeypatch):
    drawn = phantom.draw_set(2 * game.PAIRS, size_px=96, seed=5)
    fetched = [
        examples.Example(f"{n}.png", radiograph.encode_png(each.pixels), each.label, synthetic=False)
        for n, each in enumerate(drawn)
    ]

    def refuse(count):
        raise PneumoError("the hub did not answer")

    app = open_page()
    monkeypatch.setattr(examples, "hub_examples", refuse)
    app.button(key="gan.fetch").click().run()
    assert [warning.value for warning in app.warning] == ["No radiographs: the hub did not answer"]
    assert "Pair 1 of 10" in words(app), "the game goes on with phantoms"

    monkeypatch.setattr(examples, "hub_examples", lambda count: fetched[:count])
    app.button(key="gan.fetch").click().run()
    assert not app.exception and "phantoms" not in words(app)
    assert "Each picture is a radiograph or generated" in words(app)


def test_what_is_shown_is_what_the_command_draws(weights):
    """The page's samples are `sample --class NORMAL --seed 0`."""
    run = runs.load("tiny_gan")
    assert np.array_equal(
        sampling.samples(run, 16, 0, "NORMAL"), sampling.samples(runs.load("tiny_gan"), 16, 0, "NORMAL")
    )
