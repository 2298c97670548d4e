"""The default heatmap of a run: the rule that chooses it, the file beside the run, and the smoothing."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from pneumo import runs
from pneumo.images import transforms
from pneumo.inference import explanation, heatmap_checks, heatmap_choice, heatmap_measure, heatmap_report
from pneumo.inference.heatmap_report import HeatmapChoice, Row
from pneumo.schema import Interval, PneumoError

CHECKS = tuple(heatmap_report.MARGINS)
SOURCE = "phantom:120"  # of small_run
FEW = heatmap_measure.Sizes(phantoms=2, radiographs=2, generated=1, randomised=1)
NOWHERE = Interval(0.0, 0.0)


def row(method="hirescam", cells=8, worse_in=(), *, layer="", hits=10, deletion=0.5, insertion=0.8):
    return Row(
        method, layer or f"{method}-{cells}", cells, hits, NOWHERE, 1.0, deletion, 0.0, NOWHERE, insertion, 0.0, NOWHERE,
        0.1, 1.0, worse_in,
    )  # fmt: skip


TAUGHT = row("gradcam", 4)


def choice(rows, chosen, by_draw=None) -> HeatmapChoice:
    alone = tuple(heatmap_report.label(each) for each in by_draw or (chosen, chosen))
    return HeatmapChoice(
        "small", "0" * 64, chosen.method, chosen.layer, chosen.cells, 0, alone, 80, 60, 20, 6, CHECKS, rows
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], TAUGHT),
        ([row(cells=8), row(cells=16), row("layercam", 32, ("deletion",))], row(cells=16)),
        ([row(cells=8, worse_in=("pointing",)), row(cells=16, worse_in=("insertion", "randomisation"))], TAUGHT),
        ([row(cells=8, deletion=0.9, insertion=0.1, hits=0)], row(cells=8, deletion=0.9, insertion=0.1, hits=0)),
    ],
    ids=["nothing to choose from", "the finest that is not worse", "none is good enough", "finer goes before better"],
)
def test_the_finest_map_that_is_not_worse_becomes_the_default(rows, expected):
    assert heatmap_choice.decide([TAUGHT, *rows], CHECKS, 80) == expected


@pytest.mark.parametrize(
    "better", [{"hits": 50}, {"deletion": 0.4}, {"insertion": 0.9}], ids=["pointing", "deletion", "insertion"]
)
def test_of_equally_fine_maps_the_better_one_is_taken(better):
    plain, good = row("hirescam", 8), row("layercam", 8, **better)
    assert heatmap_choice.decide([TAUGHT, plain, good], CHECKS, 80) == good
    assert heatmap_choice.decide([TAUGHT, good, plain], CHECKS, 80) == good
    assert heatmap_choice.decide([TAUGHT, plain, row("layercam", 8)], CHECKS, 80) == plain  # a tie: the first


def test_a_map_as_coarse_as_grad_cam_replaces_it_only_where_it_is_better():
    same = row("hirescam", 4)
    assert heatmap_choice.decide([TAUGHT, same], CHECKS, 80) == TAUGHT
    better = dataclasses.replace(same, deletion=0.4)
    assert heatmap_choice.decide([TAUGHT, better], CHECKS, 80) == better


def test_a_check_that_does_not_count_cannot_refuse_a_map():
    worse = row(cells=8, worse_in=("deletion", "insertion"))
    assert heatmap_choice.decide([TAUGHT, worse], ("pointing", "randomisation"), 80) == worse
    assert heatmap_choice.decide([TAUGHT, worse], ("pointing", "insertion"), 80) == TAUGHT


def test_deletion_stands_in_for_a_lesion_only_where_none_is_known(small_run):
    card = small_run.card  # trained on phantoms
    assert heatmap_choice.checks_for(card) == ("pointing", "randomisation", "visibility")
    radiographs = dataclasses.replace(card, data=dataclasses.replace(card.data, source="chest_xray"))
    assert heatmap_choice.checks_for(radiographs) == CHECKS
    ensemble = dataclasses.replace(radiographs, members={"one": "0", "other": "0"})
    assert set(CHECKS) - set(heatmap_choice.checks_for(ensemble)) == {"randomisation"}


@pytest.mark.parametrize("name", heatmap_report.MARGINS)
def test_within_the_margin_nothing_is_lost(name):
    taught = dict.fromkeys(CHECKS, 0.5)
    margin = heatmap_report.MARGINS[name]
    assert heatmap_choice.lost(taught | {name: 0.5 - 0.9 * margin}, taught) == []
    assert heatmap_choice.lost(taught | {name: 0.5 - 1.1 * margin}, taught) == [name]
    assert heatmap_choice.lost(taught | {name: 0.9}, taught) == []


# --- smoothing ----------------------------------------------------------------------------------------------


def heatmaps(normal, pneumonia):
    return {
        name: explanation.Heatmap(name, np.zeros((96, 96), np.float32), np.asarray(cells, np.float32))
        for name, cells in (("NORMAL", normal), ("PNEUMONIA", pneumonia))
    }


def test_smoothing_merges_specks_and_lets_opposites_cancel():
    """A blob of every other cell becomes one hill; a single cell beside a stronger one of the other class goes."""
    pneumonia, normal = np.zeros((24, 24)), np.zeros((24, 24))
    pneumonia[6:14:2, 6:14:2] = 1
    pneumonia[19, 19], normal[19, 20] = 0.2, 1
    result = heatmap_choice.smooth(heatmaps(normal, pneumonia), signed=True)
    cells = result["PNEUMONIA"].cells
    assert max(each.cells.max() for each in result.values()) == pytest.approx(1)
    assert cells[7:12, 7:12].min() > 0.4 * cells.max()  # between the specks too
    assert cells[19, 19] == 0
    assert result["NORMAL"].cells[19, 19] > 0
    apart = heatmap_choice.smooth(heatmaps(normal, pneumonia), signed=False)
    assert apart["PNEUMONIA"].cells[19, 19] > 0
    for heatmap in (*result.values(), *apart.values()):
        assert heatmap.values.shape == (96, 96)
        assert heatmap.values.dtype == np.float32
        assert heatmap.values.min() >= 0
        assert not heatmap.values.flags.writeable


def test_smoothing_an_empty_map_gives_an_empty_map():
    empty = np.zeros((8, 8))
    for signed in (True, False):
        for heatmap in heatmap_choice.smooth(heatmaps(empty, empty), signed).values():
            assert heatmap.values.max() == 0
            assert not heatmap.has_evidence


# --- the file beside the run --------------------------------------------------------------------------------


@pytest.fixture
def folder(small_run_folder, tmp_path):
    target = tmp_path / "small"
    shutil.copytree(small_run_folder, target)
    return target


@pytest.fixture(scope="module")
def measured(small_run):
    return heatmap_measure.measure(small_run, SOURCE, sizes=FEW)


def test_measuring_twice_gives_the_same(small_run, measured):
    steps = []
    assert heatmap_measure.measure(small_run, SOURCE, lambda *step: steps.append(step), FEW) == measured
    assert steps == [(n + 1, 14) for n in range(14)]  # Grad-CAM and three methods at two layers, two draws each
    assert [(each.method, each.cells) for each in measured.rows] == [
        ("gradcam", 4),
        *((method, cells) for cells in (16, 8) for method in ("gradcam", "hirescam", "layercam")),
    ]
    assert (measured.phantoms, measured.radiographs, measured.generated, measured.randomised) == (4, 4, 2, 2)
    labels = {heatmap_report.label(each) for each in measured.rows}
    assert heatmap_report.label(measured) in labels
    assert len(measured.chosen_by_draw) == 2
    assert set(measured.chosen_by_draw) <= labels
    taught = measured.rows[0]
    assert taught.deletion_change == taught.insertion_change == 0
    assert taught.worse_in == ()
    assert measured.rows[1].deletion_change == pytest.approx(measured.rows[1].deletion - taught.deletion, abs=1e-3)


def test_the_row_of_grad_cam_is_what_the_checks_say(small_run, measured):
    """Against the checks called one by one on the same images."""
    [first, second] = heatmap_measure._draws(small_run, SOURCE, FEW, 0)
    assert not {id(t) for t, _ in first.images} & {id(t) for t, _ in second.images}
    assert not set(first.patients) & set(second.patients)
    shown = [
        (tensor, explanation.heatmaps(small_run, tensor)[name])
        for draw in (first, second)
        for tensor, name in draw.images
    ]
    curves = [heatmap_checks.deletion_insertion(small_run, tensor, heatmap, 10) for tensor, heatmap in shown]
    assert measured.rows[0].deletion == pytest.approx(np.mean([each.deletion_area for each in curves]), abs=1e-4)
    assert measured.rows[0].insertion == pytest.approx(np.mean([each.insertion_area for each in curves]), abs=1e-4)
    pointed = [
        heatmap_checks.pointing_game(explanation.heatmaps(small_run, tensor)["PNEUMONIA"], lesion).hit
        for draw in (first, second)
        for tensor, lesion in draw.phantoms
    ]
    assert measured.rows[0].hits == sum(pointed)


def test_a_choice_is_read_back_and_used(folder, measured):
    run = runs.load(str(folder))
    tensor = torch.rand(run.card.image.channels, 32, 32, generator=torch.Generator().manual_seed(0))
    own = explanation.default_layer(run)
    assert heatmap_report.read(folder) is None
    assert heatmap_choice.for_run(run) == ("gradcam", own)
    assert heatmap_report.card_sections(folder) == []
    np.testing.assert_array_equal(
        heatmap_choice.default_maps(run, tensor)["PNEUMONIA"].values,
        explanation.heatmaps(run, tensor)["PNEUMONIA"].values,
    )
    fine = next(each for each in measured.rows if (each.method, each.cells) == ("hirescam", 8))
    chosen = dataclasses.replace(measured, method=fine.method, layer=fine.layer, cells=fine.cells)
    heatmap_report.save(folder, chosen)
    assert heatmap_report.read(folder) == chosen
    assert heatmap_choice.for_run(run) == ("hirescam", fine.layer)
    result = heatmap_choice.default_maps(run, tensor)["PNEUMONIA"]
    assert result.cells.shape == (8, 8)
    expected = heatmap_choice.smooth(explanation.heatmaps(run, tensor, "hirescam", fine.layer), signed=True)
    np.testing.assert_array_equal(result.values, expected["PNEUMONIA"].values)


def test_the_choice_of_other_weights_is_left_out(folder, measured):
    heatmap_report.save(folder, dataclasses.replace(measured, weights_sha256="0" * 64))
    assert heatmap_report.read(folder) is None
    assert heatmap_choice.for_run(runs.load(str(folder)))[0] == "gradcam"


@pytest.mark.parametrize(
    "damage",
    [
        lambda plain: plain.pop("layer"),
        lambda plain: plain.update(method="scorecam"),
        lambda plain: plain.update(rows=[]),
        lambda plain: plain["rows"][0].update(deletion="low"),
        lambda plain: plain.update(colour="red"),
    ],
    ids=["missing key", "unknown method", "no rows", "no number", "unknown key"],
)
def test_a_damaged_choice_names_the_file(folder, measured, damage):
    heatmap_report.save(folder, measured)
    path = folder / heatmap_report.FILE
    plain = json.loads(path.read_text())
    damage(plain)
    path.write_text(json.dumps(plain))
    with pytest.raises(runs.RunError, match=r"heatmap\.json does not fit its schema"):
        heatmap_report.read(folder)


def test_a_cut_off_choice_names_the_file(folder, measured):
    heatmap_report.save(folder, measured)
    path = folder / heatmap_report.FILE
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(runs.RunError, match="measure again"):
        heatmap_report.read(folder)


def test_another_source_is_refused(small_run):
    with pytest.raises(PneumoError, match="another digest"):
        heatmap_measure.measure(small_run, "phantom:60", sizes=FEW)


def test_without_any_image_there_is_nothing_to_measure(small_run):
    with pytest.raises(PneumoError, match="no image to ask about"):
        heatmap_measure.measure(small_run, sizes=dataclasses.replace(FEW, generated=0))


def test_the_command_writes_only_when_asked(folder, monkeypatch, measured):
    monkeypatch.setattr(heatmap_measure, "measure", lambda run, source, progress: measured)
    assert heatmap_measure.command(str(folder), SOURCE) == measured
    assert not (folder / heatmap_report.FILE).exists()
    heatmap_measure.command(str(folder), SOURCE, save_it=True)
    assert heatmap_report.read(folder) == measured


# --- ensembles ----------------------------------------------------------------------------------------------


@pytest.fixture
def ensemble(folder, measured, tmp_path):
    """Two members with the same weights: one has a fine default, the other none."""
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    fine = next(each for each in measured.rows if (each.method, each.cells) == ("hirescam", 16))
    heatmap_report.save(folder, dataclasses.replace(measured, method=fine.method, layer=fine.layer, cells=fine.cells))
    members = tuple(runs.load(str(each)) for each in (folder, other))
    plain = dataclasses.replace(members[0].card.image, mean=(0.0,), std=(1.0,))  # members normalise for themselves
    card = dataclasses.replace(members[0].card, name="both", image=plain, members={"small": "0", "other": "0"})
    both = tmp_path / "both"
    both.mkdir()
    runs.write_card(both, card)
    return runs.Run(card, both, runs.ensemble_of(members), members[0].lock, members)


def test_an_ensemble_averages_what_its_members_have_chosen(ensemble):
    result = heatmap_measure.measure(ensemble, SOURCE, sizes=FEW)
    assert [(each.method, each.cells, each.likeness) for each in result.rows] == [
        ("gradcam", 4, None),
        ("members", 16, None),
    ]
    assert result.randomised == 0
    assert result.members["other"] == "gradcam"
    assert result.members["small"].startswith("hirescam at ")
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    tensors = [transforms.preprocess(pixels, run.card.image)[1] for run in (ensemble, *ensemble.members)]
    maps = heatmap_choice.maps(ensemble, tensors[0], "members", explanation.MEMBERS)
    singles = [heatmap_choice.default_maps(*pair) for pair in zip(ensemble.members, tensors[1:], strict=True)]
    means = {name: np.mean([each[name].values for each in singles], axis=0) for name in maps}
    peak = max(mean.max() for mean in means.values())
    for name, mean in means.items():
        np.testing.assert_allclose(maps[name].values, mean / peak, atol=1e-5)


def test_an_ensemble_is_out_of_date_once_a_member_has_chosen_anew(ensemble, folder, measured):
    result = heatmap_measure.measure(ensemble, SOURCE, sizes=FEW)
    heatmap_report.save(ensemble.folder, result)
    assert heatmap_report.read(ensemble.folder) == result
    heatmap_report.save(folder, dataclasses.replace(measured, method="gradcam", layer=measured.rows[0].layer, cells=4))
    assert heatmap_report.read(ensemble.folder) is None
    assert heatmap_choice.for_run(ensemble) == ("gradcam", explanation.MEMBERS)


def test_members_without_a_choice_leave_an_ensemble_only_grad_cam(ensemble, folder):
    (folder / heatmap_report.FILE).unlink()
    result = heatmap_measure.measure(ensemble, SOURCE, sizes=FEW)
    assert [each.method for each in result.rows] == ["gradcam"]
    assert (result.method, result.layer) == ("gradcam", explanation.MEMBERS)


# --- for people ---------------------------------------------------------------------------------------------


def test_the_conclusion_says_which_and_why():
    fine, same = row("hirescam", 16, layer="backbone.layer2.1.bn2"), row("hirescam", 4)
    assert heatmap_report.conclusion(choice((TAUGHT, fine), fine)) == (
        "Default heatmap: HiResCAM at `backbone.layer2.1.bn2`, 16 x 16 cells instead of 4 x 4. In pointing, deletion, "
        "insertion, randomisation and visibility it does at least as well as Grad-CAM, or worse by no more than a margin "
        "(pointing 0.05, deletion 0.01, insertion 0.01, randomisation 0.1, visibility 0.1). Grad-CAM stays available. Each "
        "draw of images alone gives the same choice."
    )
    assert heatmap_report.conclusion(choice((TAUGHT, fine), TAUGHT, (TAUGHT, fine))) == (
        "Default heatmap: Grad-CAM, 4 x 4 cells. No other heatmap came within the margins in pointing, deletion, insertion, "
        "randomisation and visibility. The choice is a close one: one draw of images alone would give HiResCAM at "
        "`backbone.layer2.1.bn2`."
    )
    assert "4 x 4 cells, as many as Grad-CAM" in heatmap_report.conclusion(choice((TAUGHT, same), same))


def test_the_card_shows_every_candidate(folder, measured):
    heatmap_report.save(folder, measured)
    [section] = heatmap_report.card_sections(folder)
    assert section.title == "Heatmap"
    lines = section.text.splitlines()
    assert lines[0] == heatmap_report.conclusion(measured)
    assert "n = 4 computer-drawn phantoms" in section.text
    assert "n = 6 images (4 validation images and 2 generated radiographs)" in section.text
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(measured.rows)
    assert {line.count("|") for line in table} == {len(heatmap_report.HEADER) + 1}
    assert f"{measured.rows[0].deletion:.3f}" in table[2]


def test_methods_have_the_same_titles_where_they_are_computed_and_where_they_are_read():
    assert {name: explanation.METHODS[name].title for name in heatmap_choice.METHODS} == heatmap_report.TITLES
