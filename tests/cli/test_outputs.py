"""Where a command writes to is checked before it works, and what it prints can be printed anywhere."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumo import cli, files, runs
from pneumo.images import image_files, sheets
from pneumo.schema import PneumoError
from tests.data.test_data import png

FILE_COMMANDS = {  # words before --out; none of the named files and runs is looked at before the output is
    "explain": ["explain", "no.png"],
    "sample": ["sample", "no_run"],
    "reconstruct": ["reconstruct", "no.png", "--run", "no_run"],
    "card": ["card", "no_run"],
}
FOLDER_COMMANDS = {
    "train": ["train", "simple_cnn", "--data", "no folder"],
    "folds": ["train", "simple_cnn", "--data", "no folder", "folds=3"],
    "ensemble": ["ensemble", "no_run", "other", "--data", "no folder"],
}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("here before")
    (tmp_path / "dead.png").symlink_to(tmp_path / "nowhere" / "x.png")
    os.mkfifo(tmp_path / "pipe.png")
    return tmp_path


@pytest.mark.parametrize("command", FILE_COMMANDS)
@pytest.mark.parametrize(
    ("out", "remedy"),
    [
        ("file/below.png", "there is no folder"), ("no/such/x.png", "there is no folder"), ("folder.png", "it is a folder"),
        ("pipe.png", "it is a device or a pipe"), ("x" * 300 + ".png", "File name too long; choose a shorter one"),
        ("/proc/x.png", "cannot be written"), ("/dev/null", "expected one of|it is a device"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_written_is_refused_before_anything_else(place, run, command, out, remedy):
    before = sorted(place.rglob("*"))
    code, text, err = run(*FILE_COMMANDS[command], "--out", place / out)
    assert (code, text) == (cli.USAGE, "")
    assert any(each in err for each in remedy.split("|"))
    assert len(err.splitlines()) == 1
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("command", FOLDER_COMMANDS)
@pytest.mark.parametrize(
    ("out", "remedy"),
    [("file", "is a file; name a folder"), ("file/below/x", "is a file; name a folder"), ("/proc/x/y", "cannot be written to"),
     ("new/" + "x" * 300, "File name too long"), ("dead.png", "is a file; name a folder")],
)  # fmt: skip
def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_else(place, run, command, out, remedy):
    before = sorted(place.rglob("*"))
    code, text, err = run(*FOLDER_COMMANDS[command], "--out", place / out)
    assert (code, text) == (cli.USAGE, "")
    assert remedy in err
    assert len(err.splitlines()) == 1
    assert sorted(place.rglob("*")) == before


def test_a_read_only_folder_is_refused_whoever_asks(place, run, monkeypatch):
    """Root may write anywhere, so the system's answer is put in its place."""

    def refuse(**options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(files.tempfile, "NamedTemporaryFile", refuse)
    for words, out in ((FILE_COMMANDS["explain"], "x.png"), (FOLDER_COMMANDS["train"], "run")):
        code, _, err = run(*words, "--out", place / out)
        assert code == cli.USAGE
        assert "Read-only file system; choose another place" in err
    assert not (place / "run").exists()


@pytest.mark.parametrize("word", ["", "   ", "a\0b"])
@pytest.mark.parametrize(
    "words", [*FILE_COMMANDS.values(), *FOLDER_COMMANDS.values()], ids=[*FILE_COMMANDS, *FOLDER_COMMANDS]
)
def test_an_empty_name_is_not_the_folder_one_is_in(words, word, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*words, "--out", word])
    assert stop.value.code == cli.USAGE
    assert "expected a name" in capsys.readouterr().err


def test_what_is_saved_beside_a_run_is_checked_first(weights, run, monkeypatch):
    def refuse(folder):
        raise PneumoError(f"{folder.name} is read-only")

    monkeypatch.setattr(files, "check_folder", refuse)
    for words in (
        ["robustness", "small", "--data", "no folder", "--adopt"],
        ["heatmap-check", "small", "--save"],
        ["data", "phantom:60", "--save", "phantoms", "--run", "small"],
        ["input-check", "--data", "no folder", "--elsewhere", "none", "--fit", "--save"],
    ):
        code, _, err = run(*words)
        assert code == cli.USAGE, words
        assert "is read-only" in err, words


# --- the format that the ending names ---------------------------------------------------------------------


@pytest.mark.parametrize("ending", [*image_files.FORMATS, ".PNG", ".JPG"])
def test_the_ending_says_the_format(tmp_path, ending):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
    for image in (pixels, np.stack([pixels, pixels // 2, pixels // 3], axis=-1)):
        blob = image_files.encode(image, Path(f"x{ending}"), sheets.SYNTHETIC)
        with Image.open(io.BytesIO(blob)) as found:
            assert found.format == image_files.FORMATS[ending.lower()]
            assert found.size == (30, 40)
            again = np.asarray(found.convert("L" if image.ndim == 2 else "RGB")).astype(int)
            text = str(found.info) + str(dict(found.getexif()))
        assert np.abs(again - image).max() <= (0 if found.format != "JPEG" else 40)
        assert found.format == "BMP" or "Not a radiograph of a person" in text


@pytest.mark.parametrize(
    ("name", "came"), [("x.gif", "ends in '.gif'"), ("x", "has no ending"), ("x.png.", "ending|ends in")]
)
@pytest.mark.parametrize("command", ["explain", "sample", "reconstruct"])
def test_other_endings_are_refused_with_the_list(tmp_path, run, command, name, came):
    code, _, err = run(*FILE_COMMANDS[command], "--out", tmp_path / name)
    assert code == cli.USAGE
    assert any(each in err for each in came.split("|"))
    assert "expected one of .png, .jpg, .jpeg, .webp, .tif, .tiff, .bmp" in err


def test_explain_writes_a_jpeg_where_the_name_says_so(weights, images, tmp_path, run):
    source = next((images / "PNEUMONIA").iterdir())
    code, out, _ = run("explain", source, "--out", tmp_path / "heat.jpg")
    assert code == cli.FINE
    assert "heat.jpg (JPEG): probability" in out
    assert (tmp_path / "heat.jpg").read_bytes()[:3] == b"\xff\xd8\xff"


# --- what is printed --------------------------------------------------------------------------------------


@pytest.fixture
def odd_names(tmp_path):
    (tmp_path / "röntgen 🫁").mkdir()
    for label in ("NORMAL", "PNEUMONIA", "COVID 🫁\x1b[31m\nx"):
        (tmp_path / "röntgen 🫁" / label).mkdir()
        (tmp_path / "röntgen 🫁" / label / "a\n→.png").write_bytes(png(len(label)))
    (tmp_path / "röntgen 🫁" / "NORMAL" / "broken\r\n.png").write_bytes(b"x")
    return tmp_path / "röntgen 🫁"


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "cp1252"}, {"PYTHONIOENCODING": "ascii"},
                                       {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])  # fmt: skip
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_any_encoding_of_the_terminal_will_do(tmp_path, odd_names, variables, words):
    done = subprocess.run(
        [sys.executable, "-m", "pneumo", "data", str(odd_names), *words], cwd=runs.REPOSITORY, capture_output=True,
        env=os.environ | variables, timeout=120, check=False,
    )  # fmt: skip
    out, err = done.stdout.decode("ascii", "replace"), done.stderr.decode("ascii", "replace")
    assert done.returncode == cli.SOME_FAILED, err
    assert "Traceback" not in err
    assert "\x1b" not in out
    if words:
        audit = json.loads(out)
        assert os.fsencode(audit["source"]) == os.fsencode(
            odd_names
        )  # bytes that the locale lacks as Python escapes them
        assert list(audit["unreadable"]) == ["NORMAL/broken\\r\\n.png"]
        [note] = [note for note in audit["notes"] if note["kind"] == "passed_over"]
        assert note["files"] == 1
        assert note["path"].endswith("\\x1b[31m\\nx")
    else:
        assert "broken\\r\\n.png" in out
        assert "warning: passed over" in out


def test_evaluate_and_train_say_what_data_says_once(weights, odd_names, tmp_path, run):
    for n in range(12):
        for label in ("NORMAL", "PNEUMONIA"):
            (odd_names / label / f"{label}{n}.png").write_bytes(png(100 + n + len(label)))
    code, out, err = run("evaluate", "--data", odd_names, "--json")
    result = json.loads(out)
    assert code == cli.SOME_FAILED
    assert [note["path"] for note in result["notes"]] == ["COVID 🫁\\x1b[31m\\nx"]
    assert {each["code"]: each["images"] for each in result["warnings"]}["small"] == 26
    assert err.count("warning: passed over") == 1
    words = [
        "train",
        "simple_cnn",
        "--data",
        odd_names,
        "--out",
        tmp_path / "run",
        "image_size=16",
        "epochs=1",
        "batch_size=4",
    ]
    for more in ([], ["folds=2"]):
        code, _, err = run(*words[:5], f"{words[5]}{len(more)}", *words[6:], *more)
        assert code == cli.FINE, err
        assert err.count("warning: passed over 'COVID") == 1
        assert err.count("The image is under 128 pixels") == 1


# --- what may happen on any machine -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/y"),
            1,
            "'/x/y': No space left on device; free the place",
        ),
        (OSError(errno.EROFS, "Read-only file system"), 1, "Read-only file system; choose another place"),
        (PermissionError(errno.EACCES, "Permission denied", "a\nb"), 1, "'a\\nb': Permission denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (PneumoError("line\nbreak"), 2, "line\\nbreak"),
    ],
)
def test_what_may_happen_anywhere_is_one_sentence(monkeypatch, run, error, code, sentence):
    def fail(options):
        raise error

    monkeypatch.setattr(cli.COMMANDS["runs"], "run", fail)
    found, out, err = run("runs")
    assert (found, out) == (code, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("error", [RuntimeError("a mistake in the program"), ValueError("another"), KeyError("third")])
def test_a_mistake_in_the_program_is_not_hidden(monkeypatch, error):
    def fail(options):
        raise error

    monkeypatch.setattr(cli.COMMANDS["runs"], "run", fail)
    with pytest.raises(type(error)):
        cli.main(["runs"])


def test_names_of_trainings_stay_one_level_below(tmp_path):
    from pneumo.training import experiments

    for text in ("data.source=../../x", "source=/abs", "a=..", "x" * 300, "pretrained=C:\\x", "a=b\0c", "a=b\nc"):
        name = experiments.folder_name(text)
        assert Path(name).name == name
        assert (tmp_path / name).parent == tmp_path
        assert len(name) <= experiments.LONGEST_NAME
        (tmp_path / name).mkdir(exist_ok=True)
    assert experiments.folder_name("learning_rate=0.1 seed=3") == "learning_rate=0.1_seed=3"


def test_an_experiment_without_end_is_refused(run, tmp_path):
    values = ",".join(f"{n / 10_000}" for n in range(1, 600))
    code, _, err = run("train", "first_steps", f"sweep.learning_rate={values}", "folds=2", "--out", tmp_path / "x")
    assert code == cli.USAGE
    assert "1,198 trainings; expected up to 1,000" in err
