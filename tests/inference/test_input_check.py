"""The input check: the shipped one on images at hand everywhere, and a small one through fitting, measuring, saving."""

import json
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pneumo import cli, runs
from pneumo.data import elsewhere
from pneumo.generators import sampling
from pneumo.images import ood_samples, phantom, radiograph, transforms
from pneumo.inference import (
    adults,
    batch,
    diagnosis,
    input_check,
    input_check_fit,
    input_check_measure,
    input_check_report,
    input_check_training,
)
from pneumo.runs import evaluations, model_card
from pneumo.runs.evaluations import Evaluation
from pneumo.schema import Assessment, ImageWarning, Interval, PneumoError, Predictions, Radiograph

OUTSIDE = runs.REPOSITORY.parent / "shared" / "external"
VERDICTS = ("training population", "elsewhere", "phantom", "refused")
SCORES = {"frontal": -4.0, "elsewhere": -9.0}
FRONTAL, OTHERS = input_check_report.FRONTAL, input_check_report.OTHERS


@pytest.fixture(scope="module")
def shipped() -> input_check.InputCheck:
    return _shipped()


@pytest.fixture(scope="module")
def generated() -> list[np.ndarray]:
    """Stand-ins for children's radiographs, which no test has: samples of the shipped GAN."""
    return list(sampling.samples(runs.load("conv_gan"), 40, 3))


@pytest.fixture(scope="module")
def small_elsewhere(tmp_path_factory):
    """A folder as `data.elsewhere` wants it: phantoms for radiographs, of two sources, and textures."""
    place, rows = tmp_path_factory.mktemp("elsewhere"), ["file,part,kind,source"]
    drawn = [each.pixels for each in phantom.draw_set(12, size_px=96, seed=21)]
    textures = [each.pixels for each in ood_samples.drawn(2, 5)]
    for part in ("fit", "test"):
        for n, pixels in enumerate(drawn + textures):
            kind = "frontal_adult" if n < 8 else "lateral" if n < 12 else "texture"
            name = f"{part}_{n}.png"
            (place / name).write_bytes(radiograph.encode_png(pixels))
            rows.append(f"{name},{part},{kind},{'ab'[n % 2]}")
    (place / "labels.csv").write_text("\n".join(rows))
    return place


@pytest.fixture(scope="module")
def small_check(small_run, small_elsewhere) -> input_check.InputCheck:
    """Three steps of learning: real in every part, good at nothing."""
    with _quick():
        return input_check_fit.fit(small_run.card, "phantom:120", small_elsewhere, steps=3)


@contextmanager
def _quick():
    """Few images of all that is drawn for a fit or a measurement."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (input_check_training, "PHANTOMS", 12),
            (input_check_training, "DRAWN", 2),
            (input_check_measure, "PHANTOMS", 6),
            (input_check_measure, "DRAWN", 2),
            (input_check_measure, "GENERATED", 2),
        ):
            patch.setattr(module, name, value)
        yield


@cache
def _shipped() -> input_check.InputCheck:
    """For hypothesis, which takes no fixture of a module."""
    return input_check.load()


def told_of(check, images):
    return [input_check.assess(check, Radiograph(np.ascontiguousarray(each))) for each in images]


# --- the shipped input check -------------------------------------------------------------------------------------


def test_phantoms_are_accepted_and_named(shipped):
    for result in told_of(shipped, [drawn.pixels for drawn in phantom.draw_set(12, seed=77)]):
        assert result.verdict == "phantom" and "computer-drawn phantom" in result.reason


def test_generated_radiographs_of_children_are_like_the_training_population(shipped, generated):
    assert [each.verdict for each in told_of(shipped, generated)].count("training population") >= 36


@pytest.mark.parametrize("kind", ["photograph", *ood_samples.DRAWN])
def test_other_images_are_refused_and_never_denied_to_be_a_radiograph_that_is_turned(shipped, kind):
    images = [*ood_samples.photographs(), *ood_samples.drawn(10, seed=9)]
    result = told_of(shipped, [each.pixels for each in images if each.kind == kind][:40])
    refused = [each for each in result if each.verdict == "refused"]
    assert len(refused) >= 0.9 * len(result)
    assert {each.reason for each in refused} <= {input_check.OTHER, input_check.LATERAL} or kind == "photograph"


@pytest.mark.parametrize(
    ("change", "turned", "inverted", "words"),
    [
        (lambda pixels: pixels[::-1, ::-1], 180, False, "turned by 180 degrees"),
        (lambda pixels: np.rot90(pixels), 90, False, "turned by 90 degrees to the left"),
        (lambda pixels: np.rot90(pixels, 3), 270, False, "turned by 90 degrees to the right"),
        (lambda pixels: 255 - pixels, 0, True, "inverted"),
        (lambda pixels: 255 - np.rot90(pixels), 90, True, "to the left and inverted"),
    ],
)
def test_what_is_turned_or_inverted_is_named_so_and_put_right(shipped, generated, change, turned, inverted, words):
    result = told_of(shipped, [change(each) for each in generated[:20]])
    named = [each for each in result if (each.turned_deg, each.inverted) == (turned, inverted)]
    assert len(named) >= 18
    assert all(each.verdict == "refused" and words in each.reason for each in named)
    assert np.array_equal(input_check.put_right(change(generated[0]), turned, inverted), generated[0])


def test_what_lies_in_wide_margins_is_named_so_and_cut_out(shipped, generated):
    framed = [
        np.pad(each, ((0, 0), (each.shape[1],) * 2), constant_values=grey)
        for each in generated[:10]
        for grey in (0, 255)
    ]
    result = told_of(shipped, framed)
    named = [each for each in result if each.margins]
    assert len(named) >= 10 and {each.reason for each in named} == {input_check.MARGINS}
    cut = input_check.put_right(framed[0], 0, False, margins=True)
    assert cut.shape[1] <= generated[0].shape[1] and input_check.without_margins(np.zeros((9, 9), np.uint8)).shape == (
        9,
        9,
    )


def test_what_is_mirrored_is_read_with_a_word_about_it(shipped, generated):
    mirrored = told_of(shipped, [each[:, ::-1] for each in generated])
    assert sum(each.mirrored for each in mirrored) >= 24
    assert {each.verdict for each in mirrored if each.mirrored} <= {"training population", "elsewhere"}
    assert sum(each.mirrored for each in told_of(shipped, generated)) <= 2


def test_the_shipped_check_keeps_its_promises(shipped):
    """On sources left out of its fit, and on children that set none of its limits."""
    about = shipped.about
    rate = lambda *of: input_check_report.rate_of(about, *of).share.value  # noqa: E731
    assert rate("left_out", FRONTAL, "refused") <= 0.02
    assert rate("left_out", FRONTAL, "from elsewhere") >= 0.90
    assert rate("left_out", OTHERS, "refused") >= 0.98
    assert rate("internal", input_check_report.CHILDREN, "refused or from elsewhere") <= 0.03
    assert about.split_digest == runs.read_card(runs.resolve()).data.split_digest
    assert all(each.share.ci95.low <= each.share.value <= each.share.ci95.high for each in about.rates)
    files = [runs.weights_folder() / "input_check" / name for name in ("input_check.json", "input_check.safetensors")]
    assert sum(path.stat().st_size for path in files) < 2_000_000


@settings(max_examples=25)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_any_image_gets_a_verdict(pixels):
    result = input_check.assess(_shipped(), Radiograph(pixels))
    assert result.verdict in VERDICTS and bool(result.reason) == (result.verdict != "training population")
    assert all(np.isfinite(value) for value in result.scores.values())


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30))),
    st.sampled_from((0, 90, 180, 270)),
    st.booleans(),
)
def test_what_is_put_right_keeps_its_pixels_and_margins_leave_something(pixels, degrees, inverted):
    spoiled = np.rot90(255 - pixels if inverted else pixels, degrees // 90)
    assert np.array_equal(input_check.put_right(spoiled, degrees, inverted), pixels)
    inside = input_check.without_margins(pixels)
    assert inside.size and all(inner <= outer for inner, outer in zip(inside.shape, pixels.shape, strict=True))


@pytest.mark.slow
@pytest.mark.skipif(not OUTSIDE.is_dir(), reason="images from elsewhere are no part of the repository")
def test_images_from_elsewhere_get_their_verdict(shipped):
    """Of the part it was fitted to; the other is not read again."""
    found = elsewhere.read(OUTSIDE, "fit")
    said = np.array([each.verdict for each in input_check.verdicts(shipped, [image.pixels for image in found.images])])
    assert np.mean(said[found.frontal] == "elsewhere") > 0.98 and np.mean(said[~found.frontal] == "refused") > 0.98


def test_no_image_at_all_gets_none(shipped):
    assert input_check.assess_squares(shipped, np.empty((0, 128, 128), np.uint8)) == []


# --- fitting, measuring, saving ---------------------------------------------------------------------------


def test_its_limits_come_from_validation(small_check):
    about = small_check.about
    assert about.n_validation == len(about.validation["frontal"]) > 0
    assert set(about.limits) == set(input_check_report.LIMITS)
    beyond = np.mean(np.array(about.validation["elsewhere"]) > about.limits["elsewhere"] + 1e-3)
    assert beyond <= input_check_fit.CALLED_ELSEWHERE + 1 / about.n_validation
    assert about.elsewhere == {
        "frontal adult, a": 4,
        "frontal adult, b": 4,
        "lateral, a": 2,
        "lateral, b": 2,
    } | dict.fromkeys(("texture, a", "texture, b"), 6)


def test_saved_and_loaded_it_says_the_same(small_check, tmp_path):
    input_check.save(small_check, tmp_path)
    image = Radiograph(phantom.draw(1, 0, 1).pixels)
    assert input_check.assess(input_check.load(tmp_path), image) == input_check.assess(small_check, image)
    (tmp_path / input_check_report.ARRAYS_FILE).write_bytes(b"other")
    with pytest.raises(runs.RunError, match="fit the input check again"):
        input_check.load(tmp_path)


def test_arrays_of_another_network_are_named(small_check, tmp_path):
    wrong = dict(small_check.arrays) | {"embed.bias": np.zeros(3, np.float16)}
    about = replace(small_check.about, arrays_sha256=input_check_fit.measured.arrays_digest(wrong))
    input_check.save(replace(small_check, about=about, arrays=wrong), tmp_path)
    with pytest.raises(runs.RunError, match=r"embed\.bias is \(3,\), expected \(128,\)"):
        input_check.load(tmp_path)


@pytest.mark.parametrize("version", [1, 2, 4])
def test_another_form_is_told_from_a_damaged_file(tmp_path, version):
    other = {"schema_version": version, "encoder": "resnet18_frozen"}
    (tmp_path / input_check_report.ABOUT_FILE).write_text(json.dumps(other))
    with pytest.raises(runs.RunError, match=rf"form of version {version}, this one reads version 3.*--fit --save"):
        input_check.load(tmp_path)


def test_a_file_that_does_not_fit_names_itself(tmp_path):
    (tmp_path / input_check_report.ABOUT_FILE).write_text('{"schema_version": "one"}')
    with pytest.raises(runs.RunError, match=r"input_check\.json does not fit its schema"):
        input_check.load(tmp_path)


def test_without_a_folder_there_is_none(tmp_path):
    assert input_check.load(tmp_path / "nothing") is None


def test_every_run_shares_its_squares_and_none_changes_what_is_said(small_check, small_run, examples, monkeypatch):
    image = radiograph.read(examples[0].data)
    alone = input_check.assess(small_check, image)
    [apart] = diagnosis.diagnose_radiographs(small_run, [("x.png", image)], small_check)
    default, counted, resize = runs.load(), [], transforms.resize
    monkeypatch.setattr(transforms, "resize", lambda *given: counted.append(1) or resize(*given))
    [shared] = diagnosis.diagnose_radiographs(default, [("x.png", image)], small_check)
    assert len(counted) == 1, "one square for both"
    for result in (apart.assessment, shared.assessment):
        assert (result.verdict, result.scores) == (alone.verdict, pytest.approx(alone.scores, rel=1e-4, abs=1e-4))


def test_scores_that_are_not_finite_refuse(small_check):
    arrays = {
        name: np.full_like(array, np.nan) if name == "head.weight" else array
        for name, array in small_check.arrays.items()
    }
    broken = input_check.made(small_check.about, arrays)
    assert input_check.assess(broken, Radiograph(phantom.draw(1, 0, 1).pixels)).verdict == "refused"


def test_other_data_than_the_runs_are_refused(small_check, small_run):
    with pytest.raises(PneumoError, match="is not the data"):
        input_check_measure.of_children(small_check, small_run.card, "phantom:60")


def test_another_split_than_it_was_fitted_to_is_refused(small_check, small_run):
    other = replace(small_check, about=replace(small_check.about, split_digest="0"))
    with pytest.raises(PneumoError, match="another split"):
        input_check_measure.of_children(other, small_run.card, "phantom:120")


def test_measured_counts_every_image(small_check, small_run, small_elsewhere):
    with _quick():
        rates = input_check_measure.of_children(small_check, small_run.card, "phantom:120")
        rates += input_check_measure.left_out(small_run.card, "phantom:120", small_elsewhere, seed=0, steps=2)
        rates += input_check_measure.kept_for_the_end(small_check, small_elsewhere)
    about = replace(small_check.about, rates=rates)
    assert list(input_check_report.by_place(about)) == list(input_check_report.PLACES)
    for place in ("left_out", "test"):
        assert input_check_report.rate_of(about, place, FRONTAL, "refused").share.n == 8
        assert input_check_report.rate_of(about, place, OTHERS, "refused").share.n == 16
    assert input_check_report.rate_of(about, "test", "lateral, a", "named as lateral").share.n == 2
    for each in input_check_report.by_place(about).values():
        assert [rate.shortfall for rate in each] == sorted((rate.shortfall for rate in each), reverse=True)


# --- what becomes of a verdict ----------------------------------------------------------------------------

UPSIDE_DOWN = Assessment(
    "refused", "it looks like a chest radiograph that is turned by 180 degrees", SCORES, turned_deg=180
)
ELSEWHERE = Assessment("elsewhere", input_check.ELSEWHERE, SCORES)


def test_a_refused_image_has_no_label_until_a_person_overrules_it(small_run, examples):
    result = diagnosis.diagnose(small_run, examples[0].data, "x.png")
    refused = replace(result, assessment=UPSIDE_DOWN)
    assert diagnosis.label_for(result, 0.5) and diagnosis.label_for(refused, 0.5) is None
    assert "180 degrees" in diagnosis.no_result(refused)
    against = replace(refused, overridden=True)
    assert diagnosis.label_for(against, 0.5) == diagnosis.label_for(result, 0.5)
    assert any("at your request" in text for text in diagnosis.warnings_of(against))
    rows = batch.table(small_run, [result, refused, against], 0.5)
    assert [row["input_check"] for row in rows] == ["", "refused", "overridden"]
    assert rows[1]["note"].endswith("No result: turned.")
    assert ",overridden," in batch.table_csv(rows).decode("utf-8-sig").splitlines()[3]


def test_a_radiograph_that_is_turned_is_put_right_as_a_file(small_run, examples):
    result = diagnosis.diagnose(small_run, examples[0].data, "x.png")
    assert not diagnosis.can_put_right(result)
    name, blob = diagnosis.put_right(replace(result, assessment=UPSIDE_DOWN))
    assert name == "x.png (turned)"
    assert np.array_equal(radiograph.read(blob).pixels, result.radiograph.pixels[::-1, ::-1])


def test_a_radiograph_from_elsewhere_has_its_label_and_the_warning_first(small_run, examples):
    result = diagnosis.diagnose(small_run, examples[0].data, "x.png")
    warned = replace(result, assessment=ELSEWHERE)
    assert diagnosis.label_for(warned, 0.5) == diagnosis.label_for(result, 0.5)
    first = diagnosis.caveat(small_run.card, warned, 0.5)
    assert first.code == "elsewhere" and first.message.startswith(
        "It looks like a frontal chest radiograph from elsewhere"
    )
    [row] = batch.table(small_run, [warned], 0.5)
    assert row["input_check"] == "elsewhere" and "From elsewhere." in row["note"]


def test_the_readers_guess_that_it_is_inverted_gives_way_to_the_check(small_check, small_run):
    image = Radiograph(phantom.draw(1, 0, 1).pixels, (ImageWarning("inverted", "x"), ImageWarning("small", "y")))
    [without], [with_check] = (
        diagnosis.diagnose_radiographs(small_run, [("x", image)], each) for each in (None, small_check)
    )
    assert [warning.code for warning in without.warnings] == ["inverted", "small"]
    assert [warning.code for warning in with_check.warnings] == ["small"]


def test_what_is_known_of_adults_is_read_from_the_run(small_run, tmp_path):
    card = small_run.card
    assert adults.known_text(tmp_path, card) == adults.UNKNOWN
    metrics = replace(card.metrics["validation"], auroc=0.514, n=1000, ci95={"auroc": Interval(0.48, 0.55)})
    labels = np.array([0, 1])
    known = Predictions(
        *(np.array(["a", "b"]) for _ in range(3)), labels, np.array(["", ""]), labels - 0.5, labels * 0.5
    )
    about = Evaluation(
        evaluations.SCHEMA_VERSION,
        evaluations.ADULTS,
        "Adults",
        "a test",
        card.weights.sha256,
        "",
        "",
        "2026-11-26",
        metrics,
    )
    evaluations.save(tmp_path, about, evaluations.as_csv(known))
    assert "On 1,000 adults’ radiographs" in adults.known_text(tmp_path, card)
    assert "0.514 (0.480 to 0.550); 0.5 is chance" in adults.known_text(tmp_path, card)
    other = replace(card, weights=replace(card.weights, sha256="other"))
    assert adults.known_text(tmp_path, other) == adults.UNKNOWN
    (tmp_path / evaluations.FOLDER / f"{evaluations.ADULTS}.json").write_text("{")
    assert adults.known_text(tmp_path, card) == adults.UNKNOWN


def test_predict_carries_the_input_check_and_the_choice_against_it(tmp_path, capsys):
    image = tmp_path / "text.png"
    image.write_bytes(radiograph.encode_png(next(e.pixels for e in ood_samples.drawn(1) if e.kind == "text")))
    assert cli.main(["predict", str(image), "--json"]) == 1
    [row] = json.loads(capsys.readouterr().out)
    assert row["label"] is None and row["probability"] is not None
    assert input_check.OTHER in row["error"] and "--override-input-check" in row["error"]
    assert row["input_check"]["verdict"] == "refused" and row["input_check"]["overridden"] is False
    assert cli.main(["predict", str(image), "--json", "--override-input-check"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["label"] and row["error"] is None and row["input_check"]["overridden"] is True


def test_predict_says_that_a_radiograph_is_inverted(tmp_path, capsys, generated):
    image = tmp_path / "film.png"
    image.write_bytes(radiograph.encode_png(255 - generated[0]))
    assert cli.main(["predict", str(image), "--json"]) == 1
    [row] = json.loads(capsys.readouterr().out)
    assert row["label"] is None and "inverted (black and white are swapped)" in row["warnings"][0]
    assert row["input_check"]["inverted"] is True and "Invert it, or add --override" in row["error"]


def test_the_command_prints_the_rates_with_intervals(capsys):
    assert cli.main(["input-check"]) == 0
    told = capsys.readouterr().out
    assert "sources left out of the fit, the least flattering first:" in told and "frontal adult, nih" in told
    assert cli.main(["input-check", "--json"]) == 0
    rates = json.loads(capsys.readouterr().out)["rates"]
    assert {"place", "group", "said", "wanted", "share"} == set(rates[0])


def test_the_card_of_a_classifier_has_the_rates_with_intervals(capsys, shipped):
    assert cli.main(["card"]) == 0
    told = capsys.readouterr().out
    assert f"## {model_card.INPUT_CHECK}" in told
    for each in shipped.about.rates:
        share = each.share
        row = f"| {each.group} | {each.said} | {share.value:.1%} | {share.ci95.low:.1%} to {share.ci95.high:.1%} | {share.n:,} |"
        assert row in told
    assert cli.main(["card", "conv_gan"]) == 0
    assert f"## {model_card.INPUT_CHECK}" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fit"], "need --data SOURCE and --elsewhere"),
        (["--left-out", "--data", "phantom"], "need --data SOURCE and --elsewhere"),
        (["--test"], "needs --elsewhere"),
        (["--save"], "needs something new to keep"),
    ],
)
def test_options_that_need_others_say_so_at_once(capsys, words, message):
    assert cli.main(["input-check", *words]) == 2
    assert message in capsys.readouterr().err


def test_the_command_fits_measures_and_keeps(small_run_folder, small_elsewhere, tmp_path, capsys):
    words = ["--run", str(small_run_folder), "--data", "phantom:120", "--elsewhere", str(small_elsewhere)]
    with _quick():
        assert (
            cli.main(["input-check", *words, "--fit", "--steps", "2", "--test", "--save", str(tmp_path / "new")]) == 0
        )
    assert "kept for the end and read once" in capsys.readouterr().out
    about = input_check.load(tmp_path / "new").about
    assert about.steps == 2 and {each.place for each in about.rates} == {"internal", "drawn", "test"}
