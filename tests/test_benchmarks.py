"""The benchmarks run; what they find is not a test's business."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import __main__ as command
from benchmarks import browser, interactions, pages, serving, starting, training, uploads
from benchmarks.browser import Link
from benchmarks.phantom import write_png
from pneumo import models, runs
from pneumo.inference import batch
from pneumo.training import recipes


def test_three_ways_train_in_two_precisions_and_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "TOO_SLOW", float("inf"))
    training.write_folder(tmp_path, count=40, size_px=64)
    recipe = recipes.override(recipes.get("pneumonia_cnn"), ["image.size=32", "batch_size=8"])
    result = training.compare(recipe, tmp_path, steps=2, rounds=1)
    assert len(result) == 9
    assert all(value > 0 for value in result.values())
    assert result["our trainer / ready tensors, float32"] == pytest.approx(
        result["our trainer, float32"] / result["ready tensors, float32"]
    )
    timed = training.chosen(recipe).timed_s.keys()
    assert timed == (set() if models.native_bf16(torch.device("cpu")) else set(training.NAMES.values()))


def test_a_precision_that_nobody_would_train_in_is_left_out():
    assert training.worth_comparing({False: 0.5, True: 2.9}) == [False, True]
    assert training.worth_comparing({False: 0.5, True: 3.1}) == [False]
    rates = {
        f"{way}, float32": np.array([value])
        for way, value in (("plain loop", 8), ("ready tensors", 10), ("our trainer", 9))
    }
    assert training.ratios(rates) == {
        "our trainer / ready tensors, float32": 0.9,
        "our trainer / plain loop, the faster of each": 9 / 8,
    }


def test_the_faster_of_ours_is_compared_with_the_faster_plain_loop():
    ways = ("plain loop", "ready tensors", "our trainer")
    values = dict(
        zip((f"{way}, {name}" for name in training.NAMES.values() for way in ways), (8, 10, 9, 4, 20, 18), strict=True)
    )
    result = training.ratios({name: np.array([value, value]) for name, value in values.items()})
    assert result == {
        "our trainer / ready tensors, float32": 0.9,
        "our trainer / ready tensors, bfloat16 autocast": 0.9,
        "our trainer / plain loop, the faster of each": 18 / 8,
    }
    goals = {name: training.goal(name) for name in (*values, *result)}
    assert [goals[name] for name in result] == [0.95, 0.95, 1.0]
    assert not any(goals[name] for name in values)


def test_an_upload_is_compared_with_the_bare_passes_on_the_same_file(tmp_path):
    files = [write_png(tmp_path / f"{seed}.png", 96, seed) for seed in range(uploads.WARM_UP + 1)]
    found = {what: (times, ratios) for what, times, ratios in uploads.compare(files)}
    assert list(found) == ["decode, forward, backward", "upload with heatmap", "the same with stability"]
    assert found["decode, forward, backward"][1] == [1.0]
    assert all(len(times) == 1 and times[0] > 0 for times, _ in found.values())
    rows = list(pages.upload_rows(files))
    assert [row.target for row in rows] == ["", "2 x", ""]
    assert rows[1].note.endswith("times the bare passes, processor time")


def test_starts_are_summed_up_with_the_goal_beside_the_first_result(monkeypatch):
    times = iter([{starting.TORCH: 2000.0, starting.RESULT: 7000.0}, {starting.TORCH: 4000.0, starting.RESULT: 9000.0}])
    monkeypatch.setattr(starting, "start", lambda chromium, port: next(times))
    torch, result = pages.start_rows(None, 2, None)
    assert (torch.what, torch.p50_ms, torch.target) == (starting.TORCH, 3000.0, "")
    assert (result.what, result.p50_ms, result.target) == (starting.RESULT, 8000.0, "8000")


def test_a_start_that_fails_is_told(monkeypatch, capsys):
    def fail(chromium, port):
        raise TimeoutError("uploader did not come within 120 s")

    monkeypatch.setattr(starting, "start", fail)
    assert pages.exit_code(list(pages.start_rows(None, 1, None))) == 1
    assert "start, first visitor: uploader did not come" in capsys.readouterr().err


def test_a_phantom_is_written_as_png(tmp_path):
    written = write_png(tmp_path / "one.png", 96, seed=3)
    again, other = write_png(tmp_path / "two.png", 96, seed=3), write_png(tmp_path / "three.png", 96, seed=4)
    image = Image.open(written)
    assert (image.format, image.mode, image.size) == ("PNG", "L", (96, 96))
    assert written.read_bytes() == again.read_bytes() != other.read_bytes()


def test_every_page_with_a_control_that_is_timed_is_a_page_of_the_app(tmp_path):
    names = {link.name for link in browser.links()}
    assert set(interactions.CONTROLS) <= names
    assert {each.page for each in interactions.interactions(tmp_path)} <= names


def test_a_key_is_the_class_that_streamlit_makes_of_it():
    assert interactions.Control("autoencoder.direction.0", "input").box == ".st-key-autoencoder-direction-0"


def test_times_in_percentiles():
    assert pages.summary([]) == (None, None)
    assert pages.summary([200.0]) == (200.0, 200.0)
    assert pages.summary([float(n) for n in range(101)]) == (50.0, 95.0)


@pytest.mark.parametrize(("redrawn", "whole"), [(None, False), (3, False), (29, False), (30, True), (40, True)])
def test_a_page_is_redrawn_as_a_whole_from_three_quarters_on(redrawn, whole):
    row = pages.Row("convolution", "stride", 6, 310.4, 402.0, redrawn=redrawn, elements=40)
    assert row.whole is whole
    assert ("whole page" in pages.line(row)) is whole


def test_a_row_of_the_table():
    row = pages.Row("diagnose", "threshold to label", 20, 196.4, 240.6, "p95 300", 12, 46)
    assert pages.line(row).split() == [
        "diagnose",
        "threshold",
        "to",
        "label",
        "20",
        "196",
        "241",
        "p95",
        "300",
        "12",
        "of",
        "46",
    ]


class Window:
    """As much of a visitor as `measure` touches."""

    page = context = property(lambda self: self)

    def close(self):
        self.closed = True


def measured(monkeypatch, steps, **options):
    window = Window()
    monkeypatch.setattr(pages, "session", lambda *_: (window, 0.0))
    row = pages.measure(
        None, None, interactions.Interaction("gan", "epoch", 3, steps, **options), Link("GAN", "gan"), 3
    )
    assert window.closed
    return row


def test_what_is_not_found_is_told_and_stops_nothing(monkeypatch, capsys):
    def steps(visitor, repeats):
        raise interactions.ControlError("not found")
        yield

    row = measured(monkeypatch, steps)
    assert (row.n, row.p50_ms, row.note) == (0, None, "not found")
    assert pages.exit_code([row, pages.Row("gan", "opening", 1, 5.0, 5.0)]) == 1
    assert "gan, epoch: not found" in capsys.readouterr().err
    assert pages.exit_code([pages.Row("gan", "opening", 1, 5.0, 5.0)]) == 0


def test_what_changes_nothing_is_not_timed(monkeypatch):
    found = [{"ms": 100.0, "redrawn": 4, "elements": 40}, None, {"ms": 300.0, "redrawn": 8, "elements": 40}]
    row = measured(monkeypatch, lambda visitor, repeats: iter(found))
    assert (row.n, row.p50_ms, row.redrawn, row.elements) == (2, 200.0, 8, 40)
    assert row.note == "1 of 3 changed nothing"
    assert measured(monkeypatch, lambda visitor, repeats: iter(found), one_control=False).redrawn is None


def test_the_command_line_of_the_pages(capsys):
    with pytest.raises(SystemExit) as ended:
        pages.main(["--help"])
    assert ended.value.code == 0
    assert "--repeats" in capsys.readouterr().out
    for wrong in (["--only", "nowhere"], ["--repeats", "0"]):
        with pytest.raises(SystemExit) as ended:
            pages.arguments(wrong)
        assert ended.value.code == 2
    assert "no page nowhere; there are home," in " ".join(capsys.readouterr().err.split())
    assert pages.arguments(["--only", "gan", "home"]).only == ["gan", "home"]


def test_the_benchmarks_are_called_by_name(monkeypatch, capsys):
    called = []
    monkeypatch.setattr(command, "BENCHMARKS", {"phantom": lambda: called.append("phantom")})
    with_options = {
        name: lambda words, code=code: called.append(words) or code for name, code in (("serving", 0), ("pages", 1))
    }
    monkeypatch.setattr(command, "WITH_OPTIONS", with_options)
    assert command.main(["phantom"]) == 0
    assert command.main(["phantom", "pages", "--only", "gan"]) == 1
    assert command.main(["serving", "--files", "9"]) == 0
    assert command.main([]) == 1
    assert called == ["phantom", "phantom", ["--only", "gan"], ["--files", "9"], "phantom", [], []]
    assert command.main(["nothing"]) == 2
    assert "no benchmark 'nothing'; there are phantom, serving, pages" in capsys.readouterr().err


# --- serving ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Two small folders of files, and the plain script's weights."""
    place = tmp_path_factory.mktemp("serving")
    patch = pytest.MonkeyPatch()
    patch.setattr(serving, "WIDTH_PX", 300)
    patch.setattr(serving, "HEIGHT_PX", 220)
    for name, count in (("files", 5), ("fewer", 2)):
        (place / name).mkdir()
        serving.write_files(place / name, count)
    patch.undo()
    serving.plain_weights(place / "plain.pt")
    return place


def test_the_files_are_all_different(served):
    blobs = [file.read_bytes() for file in sorted((served / "files").iterdir())]
    assert len(set(blobs)) == len(blobs) == 5
    assert Image.open(served / "files" / "00000.jpeg").size == (300, 220)


def test_the_plain_script_says_what_predict_says(served):
    """Otherwise they would not do the same work. It rounds and resizes in its own way."""
    run = runs.load()
    words = [str(served / "plain.pt"), str(run.card.image.size), str(served / "files")]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.plain", *words],
        capture_output=True,
        text=True,
        cwd=runs.REPOSITORY,
        check=True,
    )
    said = {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}
    for path, result in batch.diagnose_files(run, sorted((served / "files").iterdir())):
        plain = 1 / (1 + np.exp(-result.logit))  # before calibration
        assert said[str(path)] == pytest.approx(plain, abs=0.02)


def test_rows_of_folders_and_of_one_file(served, monkeypatch):
    """Without the processes: what is made of their seconds."""
    seconds = {"benchmarks.plain": 4.0, "pneumo": 1.0}
    monkeypatch.setattr(
        serving, "process", lambda words: serving.Process(seconds[words[1]], 2 * seconds[words[1]], 300.0 + len(words))
    )
    rows = {row.what: row for row in serving.folders(served / "files", served / "fewer", served / "plain.pt", 2)}
    assert rows["plain, 5 files"].value == 1.25 and rows["predict, 5 files"].value == 5
    assert rows["predict, times as fast as plain"].value == 4 and rows["predict, times as fast as plain"].met
    assert rows["plain, cores busy for"].value == 1600
    assert rows["predict, more than of 2 files"].met
    seconds["pneumo"] = 6.0
    rows = {row.what: row for row in serving.folders(served / "files", served / "fewer", served / "plain.pt", 1)}
    assert rows["predict, times as fast as plain"].met is False
    [*_, last] = serving.one_file(served / "files" / "00000.jpeg", served / "plain.pt", 1)
    assert (last.value, last.met) == (1.5, False)
    assert serving.line(last).endswith("missed")


def test_each_stage_of_an_image_takes_time(served):
    rows = list(serving.stages(sorted((served / "files").iterdir())))
    assert [row.what.split(",")[0] for row in rows] == ["decode", "resize", "classifier", "input check"]
    assert all(row.value > 0 and row.unit == "ms" for row in rows)


def test_a_process_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"ended with 2.*no file or folder"):
        serving.process(["-m", "pneumo", "predict", str(tmp_path / "nothing")])


def test_the_command_line_of_serving(capsys):
    for wrong in (["--files", "2"], ["--rounds", "0"]):
        with pytest.raises(SystemExit) as ended:
            serving.arguments(wrong)
        assert ended.value.code == 2
    assert "five files" in capsys.readouterr().err
    assert (serving.arguments([]).files, serving.arguments(["--files", "9"]).files) == (1000, 9)
