"""The input check: the shipped one on images at hand everywhere, and a small one through fitting, measuring, saving."""

import json
import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pneumo import cli, runs
from pneumo.generators import sampling
from pneumo.images import ood_samples, phantom, radiograph, transforms
from pneumo.inference import batch, diagnosis, input_check, input_check_fit, input_check_report
from pneumo.runs import engine
from pneumo.schema import Assessment, ImageWarning, PneumoError, Radiograph


@pytest.fixture(scope="module")
def shipped() -> input_check.InputCheck:
    return _shipped()


@pytest.fixture(scope="module")
def generated() -> list[np.ndarray]:
    """Stand-ins for radiographs, which no test has: samples of the shipped GAN."""
    return list(sampling.samples(runs.load("conv_gan"), 40, 3))


@pytest.fixture(scope="module")
def small_check(small_run) -> input_check.InputCheck:
    """Fitted to phantoms with a classifier of one epoch."""
    patch = pytest.MonkeyPatch()
    patch.setattr(input_check_fit, "PHANTOMS", 60)
    patch.setattr(input_check_fit, "TRANSFORMED", 30)
    try:
        return input_check_fit.fit("phantom:120", small_run, ("blocks.0", "blocks.1"))
    finally:
        patch.undo()


# --- the shipped input check -------------------------------------------------------------------------------------


def test_phantoms_are_accepted_and_named(shipped):
    for drawn in phantom.draw_set(12, seed=77):
        result = input_check.assess(shipped, Radiograph(drawn.pixels))
        assert result.verdict == "phantom" and "computer-drawn phantom" in result.reason


def test_generated_radiographs_are_accepted(shipped, generated):
    verdicts = [input_check.assess(shipped, Radiograph(each)).verdict for each in generated]
    assert verdicts.count("refused") <= 3


@pytest.mark.parametrize("kind", ["photograph", *ood_samples.DRAWN])
def test_other_images_are_refused_with_a_reason(shipped, kind):
    images = [*ood_samples.photographs(), *ood_samples.drawn(10, seed=9)]
    result = [input_check.assess(shipped, Radiograph(each.pixels)) for each in images if each.kind == kind][:40]
    refused = [each for each in result if each.verdict == "refused"]
    assert len(refused) >= 0.9 * len(result)
    assert all(each.reason for each in refused)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda pixels: pixels[::-1, ::-1], "rotated by 180 degrees"),
        (lambda pixels: np.rot90(pixels), "rotated to the left"),
        (lambda pixels: np.rot90(pixels, 3), "rotated to the right"),
    ],
)
def test_what_is_rotated_is_refused_and_the_reason_says_so(shipped, generated, change, reason):
    result = [input_check.assess(shipped, Radiograph(np.ascontiguousarray(change(each)))) for each in generated[:20]]
    refused = [each for each in result if each.verdict == "refused"]
    assert len(refused) >= 18
    assert sum(reason in each.reason for each in refused) >= len(refused) / 2


def test_the_shipped_check_keeps_both_promises(shipped):
    result = shipped.about.measured
    assert result.accepted.value >= 0.98 and result.refused_mean >= 0.95
    assert result.accepted.n == 501 and result.accepted.ci95.low < result.accepted.value
    assert result.refused["photograph"].value >= 0.95
    assert result.phantoms_named.value > 0.9


@settings(max_examples=25)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_any_image_gets_a_verdict(pixels):
    result = input_check.assess(_shipped(), Radiograph(pixels))
    assert result.verdict in ("radiograph", "unusual", "phantom", "refused")
    assert all(np.isfinite(value) for value in result.scores.values())


@cache
def _shipped() -> input_check.InputCheck:
    """For hypothesis, which takes no fixture of a module."""
    return input_check.load()


# --- fitting, measuring, saving ---------------------------------------------------------------------------


def test_limits_accept_the_share_of_validation_that_was_decided(small_check):
    about = small_check.about
    assert about.n_validation == len(about.validation["features"])
    for name, limit in about.limits.items():
        assert limit.typical <= limit.refused <= max(about.validation[name]) + 1e-3, name
        assert np.mean(np.array(about.validation[name]) <= limit.refused + 1e-3) >= input_check_fit.ACCEPTED


def test_saved_and_loaded_it_says_the_same(small_check, tmp_path):
    shutil.copytree(small_check.encoder_folder, tmp_path / "small")
    input_check.save(small_check, tmp_path / "input_check")
    again = input_check.load(tmp_path / "input_check")
    image = Radiograph(phantom.draw(1, 0, 1).pixels)
    assert input_check.assess(again, image) == input_check.assess(small_check, image)
    (tmp_path / "input_check" / input_check_report.ARRAYS_FILE).write_bytes(b"other")
    with pytest.raises(runs.RunError, match="fit the input check again"):
        input_check.load(tmp_path / "input_check")


def test_the_former_form_is_told_from_a_damaged_file(tmp_path):
    former = {"schema_version": 1, "encoder": "resnet18_frozen", "autoencoder": "bottleneck_32"}
    (tmp_path / input_check_report.ABOUT_FILE).write_text(json.dumps(former))
    with pytest.raises(
        runs.RunError, match=r"form of version 1, this one reads version 2.*input-check --data SOURCE --fit --save"
    ):
        input_check.load(tmp_path)


def test_a_layer_that_is_not_there_names_those_that_are(small_run):
    with pytest.raises(PneumoError, match=r"no block 'backbone.layer1'; it has: blocks, blocks.0"):
        input_check_fit.fit("phantom:120", small_run)


def test_the_run_that_is_the_encoder_shares_its_pass_and_any_other_says_the_same(
    small_check, small_run, examples, monkeypatch
):
    image = radiograph.read(examples[0].data)
    alone = input_check.assess(small_check, image)
    own = replace(small_run, card=replace(small_run.card, weights=replace(small_run.card.weights, sha256="other")))
    [apart] = diagnosis.diagnose_radiographs(own, [("x.png", image)], small_check)
    counted = []
    resize = transforms.resize
    monkeypatch.setattr(transforms, "resize", lambda *given: counted.append(1) or resize(*given))
    monkeypatch.setattr(engine.Engine, "features", lambda *_: pytest.fail("computed a second time"))
    [shared] = diagnosis.diagnose_radiographs(small_run, [("x.png", image)], small_check)
    assert len(counted) == 1, "one square for both"
    for result in (apart.assessment, shared.assessment):
        assert (result.verdict, result.reason) == (alone.verdict, alone.reason)
        assert result.scores == pytest.approx(alone.scores, rel=1e-4, abs=1e-4)


def test_scores_that_are_not_finite_refuse(small_check):
    values = {name: np.array([np.nan, 0.0]) for name in input_check_report.SCORES}
    wide = {name: input_check_report.Limit(1.0, 2.0) for name in input_check_report.SCORES}
    check = replace(small_check, about=replace(small_check.about, limits=wide, phantom_limit=-1.0))
    assert input_check.verdicts_of(check, values, np.array([np.nan, 5.0])).tolist() == ["refused", "radiograph"]


def test_other_weights_beside_it_are_noticed(small_check, tmp_path):
    shutil.copytree(small_check.encoder_folder, tmp_path / "small")
    input_check.save(
        replace(small_check, about=replace(small_check.about, encoder_sha256="0")), tmp_path / "input_check"
    )
    with pytest.raises(runs.RunError, match="other weights of 'small'"):
        input_check.load(tmp_path / "input_check")


def test_a_file_that_does_not_fit_names_itself(tmp_path):
    (tmp_path / input_check_report.ABOUT_FILE).write_text('{"schema_version": "one"}')
    with pytest.raises(runs.RunError, match=r"input_check\.json does not fit its schema"):
        input_check.load(tmp_path)


def test_without_a_folder_there_is_none(tmp_path):
    assert input_check.load(tmp_path / "nothing") is None


def test_other_data_than_the_encoders_are_refused(small_check):
    with pytest.raises(PneumoError, match="is not the data"):
        input_check_fit.measure(small_check, "phantom:60")


def test_measured_counts_every_image(small_check):
    result = input_check_fit.measure(small_check, "phantom:120")
    assert result.accepted.n > 0 and set(result.refused) == {"photograph", *ood_samples.DRAWN, *ood_samples.TRANSFORMED}
    assert result.refused["photograph"].bases < result.refused["photograph"].n
    assert all(share.ci95.low <= share.value <= share.ci95.high for share in result.refused.values())


@pytest.mark.parametrize("code", ["colour", "aspect"])
def test_a_doubtful_image_has_to_be_typical(small_check, code):
    """Between the two limits a grey image is warned of, a coloured one refused."""
    scores, _ = input_check.scores_for(small_check, [phantom.draw(2, 0, 0).pixels])
    limits = {name: input_check_report.Limit(values[0] - 1, values[0] + 1) for name, values in scores.items()}
    between = replace(small_check, about=replace(small_check.about, limits=limits, phantom_limit=-1.0))
    image = Radiograph(phantom.draw(2, 0, 0).pixels)
    assert input_check.assess(between, image).verdict == "unusual"
    assert input_check.assess(between, replace(image, warnings=(ImageWarning(code, ""),))).verdict == "refused"


# --- what becomes of a refusal ----------------------------------------------------------------------------

REFUSED = Assessment("refused", "it appears to be upside down", {"features": 40.0, "unexplained": 0.5, "position": 3.0})


def test_a_refused_image_has_no_label_until_a_person_overrules_it(small_run, examples):
    result = diagnosis.diagnose(small_run, examples[0].data, "x.png")
    refused = replace(result, assessment=REFUSED)
    assert diagnosis.label_for(result, 0.5) and diagnosis.label_for(refused, 0.5) is None
    assert "upside down" in diagnosis.no_result(refused)
    against = replace(refused, overridden=True)
    assert diagnosis.label_for(against, 0.5) == diagnosis.label_for(result, 0.5)
    assert any("at your request" in text for text in diagnosis.warnings_of(against))
    rows = batch.table(small_run, [result, refused, against], 0.5)
    assert [row["input_check"] for row in rows] == ["", "refused", "overridden"]
    assert ",overridden," in batch.table_csv(rows).decode("utf-8-sig").splitlines()[3]


def test_predict_carries_the_input_check_and_the_choice_against_it(tmp_path, capsys):
    image = tmp_path / "text.png"
    image.write_bytes(radiograph.encode_png(next(e.pixels for e in ood_samples.drawn(1) if e.kind == "text")))
    assert cli.main(["predict", str(image), "--json"]) == 1
    [row] = json.loads(capsys.readouterr().out)
    assert row["label"] is None and row["probability"] is not None
    assert "unlike the children's radiographs" in row["error"] and "--override-input-check" in row["error"]
    assert row["input_check"]["verdict"] == "refused" and row["input_check"]["overridden"] is False
    assert cli.main(["predict", str(image), "--json", "--override-input-check"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["label"] and row["error"] is None and row["input_check"]["overridden"] is True


def test_the_command_prints_both_rates(capsys):
    assert cli.main(["input-check"]) == 0
    told = capsys.readouterr().out
    assert "internal test radiographs of 263 patients" in told and "photograph" in told
    assert cli.main(["input-check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["measured"]["accepted"]["n"] == 501


def test_the_card_of_a_classifier_has_both_rates_with_intervals(capsys, shipped):
    assert cli.main(["card"]) == 0
    told = capsys.readouterr().out
    result = shipped.about.measured
    assert "## The input check" in told and f"{result.refused_mean:.1%}" in told
    for share in (result.accepted, *result.refused.values()):
        assert f"{share.value:.1%} | {share.ci95.low:.1%} to {share.ci95.high:.1%} | {share.n} |" in told
    assert cli.main(["card", "conv_gan"]) == 0
    assert "## The input check" not in capsys.readouterr().out


def test_fitting_without_data_is_a_usage_error(capsys):
    assert cli.main(["input-check", "--fit"]) == 2
    assert "need --data" in capsys.readouterr().err
