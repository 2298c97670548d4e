"""The GAN page through AppTest, with a GAN of a few seconds."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pneumo import runs, training
from pneumo.formatting import with_interval
from pneumo.generators import directions, game, quality_report, sampling
from pneumo.images import phantom, radiograph
from pneumo.inference import examples
from pneumo.schema import Interval, PneumoError, SyntheticTransfer
from tests.pages.helpers import buttons, words
from tests.training.test_generators import small

SECTIONS = ("Samples", "Training", "Quality", "Real or generated?")
GAME = SECTIONS[-1]


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


def open_page(section: str = SECTIONS[0]) -> AppTest:
    """By the link of the page. The section is chosen as a visitor of another page finds it again: it outlasts that."""
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=60)
    app.session_state["gan.section"] = section
    app = app.switch_page("pages/generators/gan.py").run()
    assert not app.exception
    return app


def galleries(app: AppTest) -> str:
    """The HTML of all galleries, without the images themselves."""
    return re.sub(r'base64,[^"]*', "", " ".join(each.proto.body for each in app.get("html")))


def plain(app: AppTest) -> str:
    return words(app).replace("\\", "")


def test_without_a_gan_the_page_says_how_to_make_one(weights):
    shutil.rmtree(weights / "tiny_gan")
    assert "python -m pneumo train conv_gan" in words(open_page())


def test_samples_follow_class_and_seed_and_outlast_another_page(weights):
    app = open_page()
    assert "16 samples of NORMAL by Convolutional GAN (tiny_gan), 16 x 16 pixels" in plain(app)
    assert galleries(app).count("<img ") == 16 and galleries(app).count("a synthetic radiograph, NORMAL") == 16
    buttons(app, "gan.class").set_value("PNEUMONIA").run()
    app.button(key="gan.new").click().run()
    assert app.number_input(key="gan.seed").value == 1
    assert "16 samples of PNEUMONIA" in words(app)
    for key in ("gan.truncation", "gan.direction.0"):
        app.slider(key=key).set_value(0.5).run()
    app.switch_page("pages/evidence/model_cards.py").run().switch_page("pages/generators/gan.py").run()
    assert not app.exception
    assert (app.number_input(key="gan.seed").value, app.slider(key="gan.truncation").value) == (1, 0.5)


def replayed(app) -> dict:
    """What the replay's component gets."""
    found = [each.proto for each in app.get("bidi_component")]
    assert len(found) == 1
    return json.loads(found[0].json)


def test_the_replay_has_every_kept_epoch_with_its_samples_and_curves(weights):
    data = replayed(open_page("Training"))
    assert data["frames"] == [0, 1, 2]
    (training,) = data["trainings"]
    assert [each["epoch"] for each in training["pictures"]] == [0, 1, 2]
    assert all(each["address"].startswith("data:image/jpeg;base64,") for each in training["pictures"])
    assert training["epochs"] == [0, 1, 2]
    named = [line["name"] for panel in training["panels"] for line in panel["lines"]]
    assert named == [
        "discriminator",
        "generator",
        "training images",
        "held-out images",
        "generated images",
        "spread of samples",
    ]
    assert all(len(line["values"]) == 3 for panel in training["panels"] for line in panel["lines"])


def test_two_trainings_under_one_player(weights):
    shutil.copytree(weights / "tiny_gan", weights / "other_gan")
    app = open_page("Training")
    app.selectbox(key="gan.other").set_value("tiny_gan").run()
    assert not app.exception
    titles = {each["title"] for each in replayed(app)["trainings"]}
    assert titles == {"Convolutional GAN (tiny_gan)", "Convolutional GAN (other_gan)"}


def test_a_sample_is_chosen_edited_and_reset(weights):
    app = open_page()
    app.slider(key="gan.truncation").set_value(0.2).run()
    buttons(app, "gan.number").set_value(7).run()
    assert not app.exception
    assert "Edit sample 7" in [each.value for each in app.subheader]
    assert app.slider(key="gan.truncation").value == 1.0, "another sample starts as it was generated"
    app.toggle(key="gan.by_hand").set_value(True).run()
    app.slider(key="gan.z_value").set_value(2.0).run()
    app.slider(key="gan.direction.1").set_value(1.5).run()
    assert not app.exception
    app.button(key="gan.reset").click().run()
    assert app.toggle(key="gan.by_hand").value is False and app.slider(key="gan.direction.1").value == 0


def test_directions_say_what_they_change(weights):
    expected = directions.of_gan(runs.load("tiny_gan"), 4)
    labels = [open_page().slider(key=f"gan.direction.{n}").label for n in range(4)]
    assert labels == [f"{n}: {word}" if word else f"Direction {n}" for n, word in enumerate(expected, 1)]


def test_an_interpolation_is_shown_at_every_position(weights):
    app, run = open_page(), runs.load("tiny_gan")
    for key, value in (("from", 2), ("to", 5), ("position", 100)):
        app.slider(key=f"gan.{key}").set_value(value).run()
    assert not app.exception
    shown = [each.proto.imgs[0].caption for each in app.get("image")]
    assert "100% of the way from sample 2 to sample 5" in shown
    frames = sampling.walk(run, 0, 2, 5, "NORMAL", 21)
    assert np.array_equal(frames[-1], sampling.samples(run, 6, 0, "NORMAL")[5])


@pytest.mark.parametrize("section", SECTIONS)
def test_without_a_default_run_every_section_still_works(weights, section):
    (weights / "DEFAULT").unlink()
    app = open_page(section)
    assert not app.exception and not app.error
    assert app.title[0].value == "GAN"


@pytest.mark.parametrize("section", SECTIONS)
def test_damaged_weights_are_said_in_words(weights, section):
    (weights / "tiny_gan" / "model.safetensors").write_bytes(b"no weights")
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=60)
    app = app.switch_page("pages/generators/gan.py").run()
    assert not app.exception and "tiny_gan/model.safetensors" in words(app).replace("\\", "")


def test_nearest_training_images_where_the_data_are_at_hand(weights, tmp_path, monkeypatch):
    """The small GAN learned from phantoms; a folder of others is not its data and the page says so."""
    assert "The training radiographs are not available" in words(open_page())
    folder = tmp_path / "radiographs"
    for name in ("NORMAL", "PNEUMONIA"):
        (folder / name).mkdir(parents=True)
        for each in phantom.draw_set(6, size_px=64, seed=3):
            (folder / name / f"{each.name}.png").write_bytes(radiograph.encode_png(each.pixels))
    monkeypatch.setenv("PNEUMO_DATA", str(folder))
    app = open_page()
    assert "cannot be shown" not in words(app), "nothing is read until it is asked for"
    app.button(key="gan.nearest").click().run()
    assert not app.exception
    assert "cannot be shown" in words(app) and "is not the data" in words(app)


def test_quality_is_shown_where_it_was_measured(weights):
    assert "This model has not been measured yet. Run `python -m pneumo quality tiny_gan" in words(open_page("Quality"))
    near = quality_report.Range(1.0, 0.9, 1.1)
    result = quality_report.Quality(
        runs.read_card(weights / "tiny_gan").weights.sha256,
        "resnet18_frozen",
        "resnet18_fine_tuned",
        3,
        quality_report.Distances(100, near, 0.2, near, 0.1, near, near, 0.9, 0.9),
        quality_report.Memory(
            100,
            quality_report.Near(quality_report.Range(0.11, 0.1, 0.12), 0.1, Interval(0.09, 0.13)),
            quality_report.Near(near, 2.0, Interval(1.9, 2.1)),
            near,
        ),
        (quality_report.Asked("NORMAL", 50, near, near),),
        (SyntheticTransfer("generated", "real", 300, 100, 0.91, Interval(0.85, 0.95)),),
    )
    quality_report.save(weights / "tiny_gan", result)
    app = open_page("Quality")
    assert "Fréchet distance 1.0 from real radiographs, where real ones are 0.2 from each other" in words(app)
    assert "(NORMAL and PNEUMONIA, n = 100)" in words(app)
    table = app.dataframe[0].value
    assert table["real against real"].tolist() == ["0.2", "0.1", "0.900", "0.900"]
    assert table["generated"].tolist()[0] == "1.0 (0.9 to 1.1)" and set(table["model"]) == {
        "Convolutional GAN (tiny_gan)"
    }
    memory = app.dataframe[1].value
    assert memory["generated"].tolist() == ["0.1100 (0.1000 to 0.1200)", "1.00 (0.90 to 1.10)"]
    assert memory["held-out"].tolist() == ["0.1000 (0.0900 to 0.1300)", "2.00 (1.90 to 2.10)"]
    assert app.dataframe[-1].value["AUROC"].tolist() == ["0.910 (0.850 to 0.950)"]
    quality_report.save(weights / "tiny_gan", replace(result, weights_sha256="other"))
    assert "has not been measured yet" in words(open_page("Quality"))
    (weights / "tiny_gan" / quality_report.FILE).write_text("{")
    app = open_page("Quality")
    assert not app.exception and "does not fit its schema" in app.warning[0].value


def test_the_game_to_its_end_and_again(weights):
    app = open_page(GAME)
    assert "this is the easy version" in words(app) and "phantoms take their place" in words(app)
    run = runs.load("tiny_gan")
    dealt = game.deal(run, 0, [])
    for pair in range(game.PAIRS):
        assert app.button(key=f"gan.next.0.{pair}").disabled
        for place in range(2):
            truth = "generated" if dealt.generated[2 * pair + place] else "phantom"
            buttons(app, f"gan.answer.0.{pair}.{place}").set_value(truth).run()
        app.button(key=f"gan.next.0.{pair}").click().run()
    assert not app.exception
    assert "**You spotted 10 of 10 generated images and took 0 of 10 phantoms for generated.**" in words(app)
    judged = game.score(dealt.generated, dealt.verdicts < 0.5)
    spotted, taken = round(10 * judged.sensitivity), round(10 * (1 - judged.specificity))
    assert f"The discriminator spotted {spotted} of 10 generated images and took {taken} of 10 phantoms" in words(app)
    assert f"Sensitivity to generated images {with_interval(judged.sensitivity, judged.sensitivity_ci95)}" in words(app)
    assert galleries(app).count("you were right") == 20
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

    app = open_page(GAME)
    monkeypatch.setattr(examples, "hub_examples", refuse)
    app.button(key="gan.fetch").click().run()
    assert [warning.value for warning in app.warning] == ["No radiographs were loaded: the hub did not answer"]
    assert "Pair 1 of 10" in words(app), "the game goes on with phantoms"

    monkeypatch.setattr(examples, "hub_examples", lambda count: fetched[:count])
    app.button(key="gan.fetch").click().run()
    assert not app.exception and "phantom" not in words(app)
    assert "Each image may be real or generated. A pair can hold two, one or no real images." in words(app)
    assert buttons(app, "gan.answer.1.0.0").options == ["real", "generated"]


def test_what_is_shown_is_what_the_command_draws(weights):
    """The page's samples are `sample --class NORMAL --seed 0`."""
    run = runs.load("tiny_gan")
    assert np.array_equal(
        sampling.samples(run, 16, 0, "NORMAL"), sampling.samples(runs.load("tiny_gan"), 16, 0, "NORMAL")
    )
