"""The Autoencoder page through AppTest, with autoencoders of seconds; the lasso itself is in tests/e2e."""

import json
import re
import shutil
import threading
import time

import numpy as np
import pytest
import streamlit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pages.clinic.diagnose_input import READ
from pneumo import runs, training
from pneumo.formatting import counted
from pneumo.generators import latent_measures, latent_report, reconstruction
from pneumo.images import phantom, radiograph
from pneumo.inference import latent_map
from pneumo.runs import names
from tests.hostile import hostile_files
from tests.training.test_generators import small

SOURCE = "phantom:120"
ELSEWHERE = "pages/evidence/model_cards.py"
SECTIONS = ("Reconstruct", "Code size", "Explore the code", "Map", "Denoise", "Out-of-distribution")
OF_AN_IMAGE = ("Reconstruct", "Explore the code", "Denoise", "Out-of-distribution")
# Others are refused by the uploader itself.
OFFERED = [file for file in hostile_files() if len(file[1]) < 1_000_000 and file[0].lower().endswith(READ)]
MADE = {
    "bottleneck_8": (),
    "vae_8": (),
    "denoiser": ('model_args={"code":8}',),
    "conv_autoencoder": (),
}  # name: changes
SHORT = {"bottleneck_8": "Bottleneck 8", "vae_8": "VAE 8"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Every kind of autoencoder, measured, beside the default run."""
    folder = tmp_path_factory.mktemp("weights")
    default = runs.default_name()
    shutil.copytree(runs.weights_folder() / default, folder / default)
    (folder / "DEFAULT").write_text(default)
    for name, changes in MADE.items():
        recipe = small(name, "image.size=32", "epochs=1", f"data.source={SOURCE}", *changes)
        training.train(recipe, folder / name)
        latent_report.save(folder / name, latent_measures.measure(runs.load(str(folder / name)), SOURCE))
    return folder


@pytest.fixture
def weights(made, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(made))
    monkeypatch.delenv("PNEUMO_DATA", raising=False)
    return made


@pytest.fixture
def own_weights(made, tmp_path, monkeypatch):
    """A copy that a test may spoil."""
    folder = tmp_path / "weights"
    shutil.copytree(made, folder)
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(folder))
    monkeypatch.delenv("PNEUMO_DATA", raising=False)
    return folder


def open_page(section: str = SECTIONS[0]) -> AppTest:
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=60).run()
    app = go(app.switch_page("pages/generators/autoencoder.py").run(), section)
    assert not app.exception
    return app


def go(app: AppTest, section: str) -> AppTest:
    chooser = next(each for each in app.get("button_group") if each.key == "autoencoder.section")
    return chooser.set_value(section).run()


def galleries(app: AppTest) -> str:
    """The HTML of all galleries, without the images themselves."""
    return re.sub(r'base64,[^"]*', "", " ".join(each.proto.body for each in app.get("html")))


def words(app: AppTest) -> str:
    told = [each.value for each in [*app.caption, *app.markdown, *app.info, *app.error]]
    return " ".join([*told, galleries(app)])


def upload(app: AppTest, name: str, blob: bytes) -> AppTest:
    return app.file_uploader(key="autoencoder.upload").set_value((name, blob, "image/png")).run()


def test_without_an_autoencoder_the_page_says_how_to_make_one(own_weights):
    for name in MADE:
        shutil.rmtree(own_weights / name)
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=60).run()
    app = app.switch_page("pages/generators/autoencoder.py").run()
    assert not app.exception and "python -m pneumo train bottleneck_32" in words(app)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_something_to_show_with_nothing_uploaded(weights, section):
    app = open_page(section)
    assert not app.error and not app.exception
    assert not any("measured" in each.value for each in app.info)


@pytest.mark.parametrize("section", SECTIONS)
def test_only_the_open_section_is_computed(weights, section):
    keys = {
        "Reconstruct": "autoencoder.nine",
        "Code size": None,
        "Explore the code": "autoencoder.code",
        "Map": "autoencoder.map_code",
        "Denoise": None,
        "Out-of-distribution": "autoencoder.ood",
    }
    drawn = {each.key for each in open_page(section).selectbox}
    assert drawn - {"autoencoder.image", "autoencoder.other"} == {keys[section]} - {None}


def test_every_image_of_a_gallery_has_a_text_equivalent(weights):
    for section in OF_AN_IMAGE:
        html = galleries(open_page(section))
        assert html.count("<img ") == len(re.findall(r'alt="[^"]{8,}"', html)) > 0, section


@pytest.mark.parametrize("section", ("Code size", "Explore the code", "Map", "Out-of-distribution"))
def test_what_was_not_measured_says_how_and_appears_when_it_was(own_weights, section):
    kept = {
        own_weights / name / latent_report.FILE: (own_weights / name / latent_report.FILE).read_bytes() for name in MADE
    }
    for path in kept:
        path.unlink()
    app = open_page(section)
    assert f"python -m pneumo latent {min(MADE)}" in words(app)
    for path, blob in kept.items():
        path.write_bytes(blob)
    app.run()
    assert not app.exception and "python -m pneumo latent" not in words(app)


def test_a_damaged_measurement_is_named(own_weights):
    (own_weights / "vae_8" / latent_report.FILE).write_text("{")
    assert "does not fit its schema" in words(open_page("Code size"))


def test_reconstructions_are_those_of_the_command(weights):
    pixels = phantom.draw(5, 0, 1).pixels
    app = upload(open_page(), "mine.png", radiograph.encode_png(pixels))
    for name in MADE:
        result = reconstruction.reconstruct(runs.load(name), pixels)
        assert f"PSNR {result.psnr:.1f} dB<br>SSIM {result.ssim:.3f}" in galleries(app)
    assert "1,024 numbers" not in words(app) and "code of 4,096 numbers" in galleries(app)
    assert "Trained on PNEUMONIA only: Convolutional autoencoder" in words(app).replace("\\", "")
    assert galleries(app).index("Original") < galleries(app).index("code of 8 numbers")


def test_the_error_is_shown_without_computing_again(weights, monkeypatch):
    app = open_page()
    monkeypatch.setattr(reconstruction, "compare", lambda *args: pytest.fail("computed again"))
    view = next(each for each in app.get("button_group") if each.key == "autoencoder.view")
    try:
        view.set_value("Error").run()
    finally:
        monkeypatch.undo()
    assert not app.exception and "Error by " in galleries(app)


def test_an_upload_outlasts_another_section_and_another_page_until_it_is_forgotten(weights):
    app = upload(open_page(), "mine.png", radiograph.encode_png(phantom.draw(5, 0, 1).pixels))
    assert "mine.png" in words(go(app, "Denoise"))
    app.switch_page(ELSEWHERE).run().switch_page("pages/generators/autoencoder.py").run()
    assert app.selectbox(key="autoencoder.image").disabled and "mine.png" in words(app)
    app.button(key="autoencoder.forget").click().run()
    assert not app.exception and "mine.png" not in words(app)
    assert not app.selectbox(key="autoencoder.image").disabled


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(OFFERED), st.sampled_from(OF_AN_IMAGE))
def test_whatever_is_uploaded_gives_an_image_or_a_reason(weights, file, section):
    app = upload(open_page(section), *file)
    assert not app.exception
    try:
        radiograph.read(file[1], file[0])
    except radiograph.RadiographError:
        assert len(app.error) == 1 and "could not be read" in app.error[0].value
    else:
        assert not app.error


def test_code_sizes_show_n_and_what_was_measured(weights):
    app = open_page("Code size")
    table = app.dataframe[0].value.set_index("model")
    about = latent_report.read(weights / "vae_8").about
    assert f"n = {about.n:,}" in words(app) and table.loc[SHORT["vae_8"], "code size"] == 8
    assert table.loc[SHORT["vae_8"], "PSNR, dB"].startswith(f"{about.model.psnr.value:.2f} (")
    long = latent_report.read(weights / "conv_autoencoder").about
    assert f"into a code of **{long.code_size:,}** numbers" in words(app) and long.code_size > long.input_size
    assert f"Its PSNR on held-out radiographs is {long.model.psnr.value:.1f} (" in words(app)


def test_jpeg_is_said_to_be_better_than_those_it_is_better_than(weights):
    told = words(open_page("Code size")).split("JPEG of the same size has a ")[1].split(". JPEG knows")[0]
    result = {name: latent_report.read(weights / name).about for name in SHORT}
    ahead = [SHORT[name] for name, about in result.items() if about.jpeg.psnr.value > about.model.psnr.value]
    assert told == (f"higher PSNR than {' and '.join(ahead)}" if ahead else "lower PSNR than all of them")


def test_sliders_outlast_another_page_and_go_back_to_0(weights):
    app = open_page("Explore the code")
    app.selectbox(key="autoencoder.code").set_value("vae_8").run()
    app.slider(key="autoencoder.direction.0").set_value(1.5).run()
    app.switch_page(ELSEWHERE).run().switch_page("pages/generators/autoencoder.py").run()
    assert app.slider(key="autoencoder.direction.0").value == 1.5
    assert app.selectbox(key="autoencoder.code").value == "vae_8"
    app.button(key="autoencoder.reset").click().run()
    assert not app.exception and app.slider(key="autoencoder.direction.0").value == 0


@pytest.mark.parametrize(
    ("name", "sentence"), [("vae_8", "These codes are drawn from it"), ("bottleneck_8", "does not say where codes lie")]
)
def test_drawn_codes_say_where_they_come_from(weights, name, sentence):
    app = open_page("Explore the code")
    assert sentence in words(app.selectbox(key="autoencoder.code").set_value(name).run())


def test_neighbours_on_the_map_are_reached_without_a_mouse(weights):
    app = open_page("Map")
    name = app.selectbox(key="autoencoder.map_code").value
    space = latent_report.read(weights / name)
    assert "No points chosen" in words(app)
    app.number_input(key="autoencoder.nearest").set_value(7).run()
    near = np.argsort(np.square(space.map - space.map[7]).sum(1))[:16]
    positive = int(space.labels[near].sum())
    assert f"**16 chosen**: {16 - positive} NORMAL, {positive} PNEUMONIA" in words(app)
    app.switch_page(ELSEWHERE).run().switch_page("pages/generators/autoencoder.py").run()
    assert not app.exception and "**16 chosen**" in words(app)
    app.number_input(key="autoencoder.nearest").set_value(None).run()
    assert "No points chosen" in words(app)


def test_thumbnails_of_the_map_come_in_the_background(weights, monkeypatch):
    streamlit.cache_resource.clear()
    gate = threading.Event()
    decode = latent_map.images_of
    monkeypatch.setattr(latent_map, "images_of", lambda *args, **more: gate.wait(60) and decode(*args, **more))
    app = open_page("Map")
    count = latent_report.read(weights / app.selectbox(key="autoencoder.map_code").value).about.n
    assert "No points chosen" in words(app), "the map is there before its thumbnails"
    assert [each.proto.text for each in app.get("progress")] == [f"Preparing thumbnails: 0 of {count:,}"]
    gate.set()
    for _ in range(200):
        if not app.run().get("progress"):
            break
        time.sleep(0.05)
    assert not app.exception and not app.warning and not app.get("progress")


def test_more_noise_is_told_in_decibels(weights):
    app = open_page("Denoise")
    assert "was trained with noise of 0.15" in words(app).replace("\\", "")
    assert galleries(app).count("<img ") == 1 + len(MADE)
    app.multiselect(key="autoencoder.denoisers").set_value(["vae_8"]).run()
    assert galleries(app).count("<img ") == 2
    app.multiselect(key="autoencoder.denoisers").set_value([]).run()
    assert "Choose one model or more" in words(app)
    app.multiselect(key="autoencoder.denoisers").set_value(["vae_8", "denoiser"]).run()
    assert not app.slider(key="autoencoder.noise").set_value(0.0).run().exception
    assert not app.slider(key="autoencoder.noise").set_value(0.5).run().exception


@pytest.mark.parametrize("name", MADE)
def test_what_is_accepted_follows_the_threshold(weights, name):
    app = open_page("Out-of-distribution")
    app.selectbox(key="autoencoder.ood").set_value(name).run()
    space = latent_report.read(weights / name)
    for share in (50, 100):
        app.slider(key=f"autoencoder.share.{name}").set_value(share).run()
        assert not app.exception
        limit = np.quantile(space.errors, share / 100)
        assert f"**{counted(int((space.errors > limit).sum()), 'radiograph')} rejected**" in words(app)
        below = sum(error <= limit for ood in space.about.ood.values() for error in ood.errors)
        assert f"**{counted(below, 'OOD sample')} accepted**" in words(app)
    table = app.dataframe[-1].value.set_index("model")
    titles = {each: names.name_of(runs.read_card(weights / each)) for each in MADE}
    assert table.loc[titles["conv_autoencoder"], "trained on"] == "PNEUMONIA"
    assert table.loc[titles[name], "AUROC"] == pytest.approx(space.about.class_auroc)


@pytest.mark.parametrize("name", MADE)
def test_what_lies_on_disk_is_what_was_measured(weights, name):
    """Sliders that are read back move the picture as those that were measured: no array is written in another order."""
    run = runs.load(name)
    measured, read = latent_measures.measure(run, SOURCE).arrays, latent_report.read(run.folder).arrays
    assert measured.keys() == read.keys()
    assert all(np.array_equal(measured[key], read[key]) for key in read)


def test_no_radiograph_lies_in_what_is_measured(weights):
    """Codes, errors and places alone: nothing of the size of pictures."""
    for name in MADE:
        space = latent_report.read(weights / name)
        side = runs.read_card(weights / name).image.size
        assert all(array.size < space.about.n * side**2 / 4 for array in space.arrays.values())
        assert set(json.loads((weights / name / latent_report.FILE).read_text())) >= {"names", "weights_sha256"}
