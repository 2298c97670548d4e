"""Every page with one fault in the weights folder: nothing stops, the rest is shown, and the bad file is named in words."""

import json
import shutil
import threading

import pytest
import streamlit as st

from pneumo import runs
from tests.pages.helpers import HOME, buttons, open_page, phantoms, texts, upload

DIAGNOSE, COMPARE = "pages/clinic/diagnose.py", "pages/clinic/compare.py"
RESULTS, DATA, CARDS = "pages/evidence/results.py", "pages/evidence/data.py", "pages/evidence/model_cards.py"
AUTOENCODER, GAN = "pages/generators/autoencoder.py", "pages/generators/gan.py"
SHORTCUTS = "pages/classroom/shortcuts.py"
PAGES = (HOME, DIAGNOSE, COMPARE, RESULTS, DATA, CARDS, AUTOENCODER, GAN, SHORTCUTS)
SMALL = (
    "simple_cnn",
    "first_steps",
    "vgg_cnn",
    "regnet",
    "pneumonia_cnn",
    "pneumonia_cnn_origin",
    "resnet18_scratch",
    "bottleneck_8",
    "vae_8",
    "fc_gan",
    "conv_gan_collapsed",
)
DEFAULT = "simple_cnn"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """The shipped folder with its smaller runs, as links file by file, so that a test may replace any of them."""
    shipped, folder = runs.REPOSITORY / "weights", tmp_path / "weights"
    for name in (*SMALL, "datasets", "experiments", "input_check", "resnet18_frozen", "bottleneck_32"):
        (folder / name).mkdir(parents=True)
        for path in (shipped / name).iterdir():
            (folder / name / path.name).symlink_to(path)
    (folder / runs.DEFAULT_FILE).write_text(DEFAULT)
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(folder))
    st.cache_resource.clear()
    st.cache_data.clear()
    yield folder
    st.cache_resource.clear()
    st.cache_data.clear()
    for (
        thread
    ) in threading.enumerate():  # of the map, which outlive their page; torch takes it ill when Python ends meanwhile
        if thread.name == "thumbnails":
            thread.join(60)


def replaced(path, blob):
    path.unlink()
    path.write_bytes(blob)


def changed_json(path, **changes):
    replaced(path, json.dumps(json.loads(path.read_bytes()) | changes).encode())


def flipped(path):
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1
    replaced(path, bytes(blob))


def loop(path):
    path.unlink()
    path.symlink_to(path.name)


def folder_instead(path):
    path.unlink()
    path.mkdir()


HEADER = b"name,split,patient,label,subtype,logit,probability\n"
FAULTS = {  # (run, file, what is done to the file)
    "card of another version": ("vgg_cnn", runs.CARD_FILE, lambda path: replaced(path, b'{"schema_version": 2}')),
    "card cut": (DEFAULT, runs.CARD_FILE, lambda path: replaced(path, path.read_bytes()[:500])),
    "card empty": ("first_steps", runs.CARD_FILE, lambda path: replaced(path, b"")),
    "card binary": ("vae_8", runs.CARD_FILE, lambda path: replaced(path, bytes(range(256)))),
    "card nested": ("fc_gan", runs.CARD_FILE, lambda path: replaced(path, b"[" * 100_000)),
    "card without a task": ("resnet18_scratch", runs.CARD_FILE, lambda path: changed_json(path, task="")),
    "card without points": ("regnet", runs.CARD_FILE, lambda path: changed_json(path, operating_points=[])),
    "card without metrics": ("pneumonia_cnn", runs.CARD_FILE, lambda path: changed_json(path, metrics={})),
    "card a folder": ("conv_gan_collapsed", runs.CARD_FILE, folder_instead),
    "card a loop": ("bottleneck_8", runs.CARD_FILE, loop),
    "card gone": ("pneumonia_cnn_origin", runs.CARD_FILE, lambda path: path.unlink()),
    "weights gone": (DEFAULT, runs.WEIGHTS_FILE, lambda path: path.unlink()),
    "weights cut": (DEFAULT, runs.WEIGHTS_FILE, lambda path: replaced(path, path.read_bytes()[:-7])),
    "weights with a flipped bit": (DEFAULT, runs.WEIGHTS_FILE, flipped),
    "weights of an autoencoder with a flipped bit": ("bottleneck_8", runs.WEIGHTS_FILE, flipped),
    "weights of a GAN gone": ("conv_gan_collapsed", runs.WEIGHTS_FILE, lambda path: path.unlink()),
    "weights of the first GAN with a flipped bit": ("conv_gan_collapsed", runs.WEIGHTS_FILE, flipped),
    "predictions gone": (DEFAULT, runs.PREDICTIONS_FILE, lambda path: path.unlink()),
    "predictions empty": (DEFAULT, runs.PREDICTIONS_FILE, lambda path: replaced(path, b"")),
    "predictions without rows": (DEFAULT, runs.PREDICTIONS_FILE, lambda path: replaced(path, HEADER)),
    "predictions with NaN": (DEFAULT, runs.PREDICTIONS_FILE, lambda path: replaced(path, HEADER + b"a,test,a,1,,nan,nan\n")),
    "predictions without the sick": (DEFAULT, runs.PREDICTIONS_FILE, lambda path: replaced(path, HEADER + b"a,test,a,0,,0,.5\n" * 3)),
    "predictions of one image": (DEFAULT, runs.PREDICTIONS_FILE, lambda path: replaced(path, HEADER + b"a,validation,a,1,,0,.5\n")),
    "predictions of another split": (DEFAULT, runs.PREDICTIONS_FILE, lambda path: replaced(path, HEADER + b"a,left_out,a,1,,0,.5\n")),
    "history empty": (DEFAULT, runs.HISTORY_FILE, lambda path: replaced(path, b"")),
    "history of epochs alone": (DEFAULT, runs.HISTORY_FILE, lambda path: replaced(path, b"epoch\n0\n1\n")),
    "history of a GAN gone": ("conv_gan_collapsed", runs.HISTORY_FILE, lambda path: path.unlink()),
    "heatmap no JSON": (DEFAULT, "heatmap.json", lambda path: replaced(path, b"{")),
    "heatmap of a layer that is not there": (DEFAULT, "heatmap.json", lambda path: changed_json(path, layer="nowhere")),
    "robustness no JSON": (DEFAULT, "robustness.json", lambda path: replaced(path, b"\xff")),
    "robustness without rows": (DEFAULT, "robustness.json", lambda path: changed_json(path, rows=[])),
    "quality no JSON": ("fc_gan", "quality.json", lambda path: replaced(path, b"null")),
    "quality of nothing": ("fc_gan", "quality.json", lambda path: changed_json(path, asked=[], tstr=[])),
    "latent no JSON": ("bottleneck_8", "latent.json", lambda path: replaced(path, b"")),
    "latent of nothing": ("bottleneck_8", "latent.json", lambda path: changed_json(path, n=0, ood={}, names=[])),
    "latent arrays cut": ("bottleneck_8", "latent.safetensors", lambda path: replaced(path, path.read_bytes()[:-9])),
    "snapshots no images": ("conv_gan_collapsed", "snapshots/epoch_024.png", None),
    "input check no JSON": ("input_check", "input_check.json", lambda path: replaced(path, b"{}")),
    "input check without limits": ("input_check", "input_check.json", lambda path: changed_json(path, limits={})),
    "input check without scores": ("input_check", "input_check.json", lambda path: changed_json(path, validation={})),
    "input check arrays cut": ("input_check", "input_check.safetensors", lambda path: replaced(path, path.read_bytes()[:99])),
    "input check of the former form": ("input_check", "input_check.json", lambda path: changed_json(path, schema_version=2)),
    "data set no JSON": ("datasets", "guangzhou.json", lambda path: replaced(path, b"[]")),
    "experiment no JSON": ("experiments", "folds.json", lambda path: replaced(path, b"{")),
    "experiment no table": ("experiments", "labels.csv", lambda path: replaced(path, b"arm,labels\nx,y\n")),
    "experiment gone": ("experiments", "left_out.json", lambda path: path.unlink()),
}  # fmt: skip


def spoil(weights, fault):
    run, file, change = FAULTS[fault]
    path = weights / run / file
    if change is None:  # a folder of links to files
        path.parent.unlink()
        path.parent.mkdir()
        path.write_bytes(b"no image")
    else:
        change(path)


def opened(page):
    """A page, and every tab and section it has."""
    app = open_page(page)
    yield app
    if page == RESULTS:
        for tab in ("Calibration", "Robustness", "Training"):
            app.session_state["results.tab"] = tab
            yield app.run()
    if page in (AUTOENCODER, GAN):
        key = "autoencoder.section" if page == AUTOENCODER else "gan.section"
        for section in buttons(app, key).options if key in [each.key for each in app.get("button_group")] else ():
            buttons(app, key).set_value(getattr(section, "content", section))
            yield app.run()
    if page == DIAGNOSE and app.file_uploader:
        yield upload(app, *phantoms(2))


SILENT = {
    "predictions without the sick",  # read, and shown with dashes
    "predictions of one image",
    "history of epochs alone",
    "robustness without rows",
    "quality of nothing",
}


def bundles():
    """All faults in as few weights folders as hide none of them: one a file, and none beside a card or weights that are spoiled."""
    result = []
    for fault, (run, file, _) in FAULTS.items():
        whole = {runs.CARD_FILE, runs.WEIGHTS_FILE}
        for bundle in result:
            beside = [FAULTS[each][1] for each in bundle if FAULTS[each][0] == run]
            alone = file.startswith(("latent", "input_check"))
            if not beside or not ({file, *beside} & whole or file in beside or alone):
                bundle.append(fault)
                break
        else:
            result.append([fault])
    return result


BUNDLES = bundles()


@pytest.mark.parametrize(
    "bundle",
    [pytest.param(each, marks=pytest.mark.slow if n else ()) for n, each in enumerate(BUNDLES)],
    ids=range(len(BUNDLES)),
)
def test_no_page_stops_and_every_bad_file_is_named(weights, bundle):
    for fault in bundle:
        spoil(weights, fault)
    said = ""
    for page in PAGES:
        for app in opened(page):
            assert not app.exception, f"{page}: {[each.value for each in app.exception]}"
            assert app.title, page
            said += texts([*app.error, *app.warning, *app.info, *app.caption, *app.markdown])
    unnamed = [fault for fault in bundle if fault not in SILENT and FAULTS[fault][0] not in said.replace("\\", "")]
    assert not unnamed


@pytest.mark.parametrize("page", (DIAGNOSE, COMPARE, HOME, SHORTCUTS))
@pytest.mark.parametrize("fault", ["card cut", "weights cut", "weights with a flipped bit"])
def test_a_damaged_default_run_is_named_and_another_one_serves(weights, page, fault):
    spoil(weights, fault)
    app = open_page(page)
    assert not app.exception
    said = texts([*app.error, *app.warning, *app.markdown]).replace("\\", "")
    assert DEFAULT in said
    if page == DIAGNOSE:
        assert "Probability of pneumonia" in said or "NORMAL" in said or "PNEUMONIA" in said
        assert app.selectbox(key="diagnose.run").value != DEFAULT


def test_where_all_is_well_nothing_is_said(weights):
    for page in PAGES:
        app = open_page(page)
        assert "cannot be used" not in texts([*app.error, *app.warning]) + " ".join(each.label for each in app.expander)


def test_a_run_whose_name_no_page_can_show_is_named_all_the_same(weights):
    (weights / DEFAULT).rename(weights / "two\nlines")
    (weights / "vae_8").rename(weights / "\udcff")
    for page in (HOME, CARDS, RESULTS):
        app = open_page(page)
        assert not app.exception
        assert "no readable name" in texts(app.markdown)


def test_two_copies_of_one_run_are_two_runs(weights):
    shutil.copytree(weights / DEFAULT, weights / "copy", symlinks=True)
    app = open_page(RESULTS)
    app.multiselect(key="results.runs").set_value([DEFAULT, "copy"]).run()
    for tab in ("Accuracy", "Calibration", "Robustness", "Training"):
        app.session_state["results.tab"] = tab
        app.run()
        assert not app.exception and not app.error
