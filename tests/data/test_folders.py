"""Folders as people have them: what is read, and that nothing is passed over without a word."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo import data
from pneumo.data import folder_names, scan
from pneumo.images import radiograph
from pneumo.schema import ImageSpec, PneumoError
from tests.data.test_data import png, write

PLAIN = {"NORMAL/a.png": 1, "NORMAL/b.png": 2, "PNEUMONIA/c.png": 3, "PNEUMONIA/d.png": 4}


def opened(folder: Path) -> data.DataSet:
    return data.open_source(str(folder))


def said(folder: Path) -> str:
    return "\n".join(data.sentences(opened(folder).notes))


def test_a_folder_as_it_should_be_needs_no_word(tmp_path):
    write(tmp_path, PLAIN | {"README.txt": 1, "metadata.csv": 2})
    assert opened(tmp_path).notes == ()
    write(tmp_path / "b", {f"{split}/{name}": n for split in ("train", "Val", "TEST") for name, n in PLAIN.items()})
    assert opened(tmp_path / "b").notes == ()
    assert {item.split for item in opened(tmp_path / "b").items} == {"train", "validation", "test"}


# --- class folders ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["PNEUMONIA ", " pneumonia", "Pneumonia\u00a0", "ＰＮＥＵＭＯＮＩＡ", "pneumo\u200bnia"]
)
def test_a_class_folder_with_blanks_or_other_forms_is_read_and_said(tmp_path, name):
    write(tmp_path, {"NORMAL/a.png": 1, f"{name}/b.png": 2, f"{name}/c.png": 3})
    assert opened(tmp_path).labels.tolist().count(1) == 2
    assert "was taken for PNEUMONIA" in said(tmp_path)
    assert "(2 files)" in said(tmp_path)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BACTERIAL", "PNEUMONIA"), ("VIRUS", "PNEUMONIA"), ("Viral Pneumonia", "PNEUMONIA"), ("virus", "PNEUMONIA"),
        ("pneumonia_bacteria", "PNEUMONIA"), ("PNEUMONA", "PNEUMONIA"), ("Pneumonia cases", "PNEUMONIA"),
        ("no pneumonia", "NORMAL"), ("Non-Pneumonia", "NORMAL"), ("healthy", "NORMAL"), ("NORMALS", "NORMAL"),
        (unicodedata.normalize("NFD", "pneumonía"), "PNEUMONIA"), ("COVID", ""), ("Lung_Opacity", ""), ("1", ""),
    ],
)  # fmt: skip
def test_a_class_folder_of_another_name_is_named_with_the_nearest_right_one(tmp_path, name, meant):
    write(tmp_path, {"NORMAL/a.png": 1, f"{name}/b.png": 2, f"{name}/deep/c.png": 3})
    [note] = [note for note in opened(tmp_path).notes if note.kind == "passed_over"]
    assert (note.path, note.files) == (name, 2)
    assert (f"rename it {meant}" if meant else "if its images belong to one of them") in note.suggestion
    assert "there is no folder PNEUMONIA" in said(tmp_path)


def test_class_folders_of_other_names_within_a_split_are_named(tmp_path):
    write(tmp_path, {f"train/{name}": n for name, n in PLAIN.items()} | {"train/COVID/x.png": 9})
    assert "passed over 'train/COVID' (1 file)" in said(tmp_path)


def test_an_empty_class_folder_and_a_missing_one_are_told_apart(tmp_path):
    write(tmp_path / "a", {"NORMAL/a.png": 1})
    assert "there is no folder PNEUMONIA" in said(tmp_path / "a")
    (tmp_path / "a" / "PNEUMONIA").mkdir()
    assert "the folder holds no image of PNEUMONIA" in said(tmp_path / "a")


def test_folders_without_an_image_are_not_mentioned(tmp_path):
    write(tmp_path, PLAIN)
    (tmp_path / "empty").mkdir()
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("")
    assert opened(tmp_path).notes == ()


def test_images_beside_the_class_folders_are_counted(tmp_path):
    write(tmp_path, PLAIN | {"x.png": 5, "y.JPG": 6})
    assert "passed over 'x.png' (2 files): images outside the class folders; move them into" in said(tmp_path)


# --- splits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [("training", "train"), ("Training set", "train"), ("testing", "test"), ("dev", "val"), ("holdout", "test"),
     ("val_set", "val"), ("hold-out", "test")],
)  # fmt: skip
def test_a_split_of_another_name_is_named_with_the_nearest_right_one(tmp_path, name, meant):
    write(tmp_path, {f"train/{n}": k for n, k in PLAIN.items()} | {f"{name}/{n}": k + 9 for n, k in PLAIN.items()})
    dataset = opened(tmp_path)
    assert len(dataset.items) == 4
    assert f"passed over '{name}' (4 files): the name is no split" in said(tmp_path)
    assert f"rename it {meant}" in said(tmp_path)


@pytest.mark.parametrize("name", ["val ", " Valid", "validation\u00a0"])
def test_a_split_with_blanks_is_read_and_said(tmp_path, name):
    write(tmp_path, {f"{name}/{n}": k for n, k in PLAIN.items()})
    assert {item.split for item in opened(tmp_path).items} == {"validation"}
    assert "was taken for validation" in said(tmp_path)


# --- what is no radiograph --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["masks", "Mask", "lung masks", "lung_masks", "Segmentation", "infection-masks", "Ground Truth", "seg"]
)
def test_mask_folders_are_left_out_and_said(tmp_path, name):
    write(tmp_path, {f"NORMAL/images/{n}.png": n for n in range(3)} | {f"NORMAL/{name}/{n}.png": n for n in range(3)})
    assert len(opened(tmp_path).items) == 3
    assert f"passed over 'NORMAL/{name}' (3 files): masks, not radiographs" in said(tmp_path)


@pytest.mark.parametrize("name", ["a_mask.png", "a-Masks.tif", "mask_0.png", "a_segmentation.png"])
def test_mask_files_are_left_out_and_said(tmp_path, name):
    write(tmp_path, PLAIN | {f"NORMAL/{name}": 9})
    assert len(opened(tmp_path).items) == 4
    assert f"passed over 'NORMAL/{name}' (1 file): masks" in said(tmp_path)


@pytest.mark.parametrize("name", ["unmasked.png", "damask.png", "no_mask/a.png", "without masks/a.png"])
def test_names_that_only_sound_like_masks_are_read(tmp_path, name):
    write(tmp_path, PLAIN | {f"NORMAL/{name}": 9})
    assert len(opened(tmp_path).items) == 5


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Thumbs.db", folder_names.SYSTEM), ("desktop.ini", folder_names.SYSTEM), (".DS_Store", folder_names.SYSTEM),
        ("._a.png", folder_names.SYSTEM), ("Photos.lnk", folder_names.SYSTEM), ("index.db", folder_names.SYSTEM), ("~$notes.docx", folder_names.SYSTEM), ("DICOMDIR", folder_names.DICOM_INDEX),
        ("dicomdir;1", folder_names.DICOM_INDEX), ("set.zip", folder_names.ARCHIVE), ("a.png.part", folder_names.UNFINISHED),
    ],
)  # fmt: skip
def test_what_is_no_image_by_name_is_passed_over_and_said(tmp_path, name, reason):
    write(tmp_path, PLAIN)
    (tmp_path / "NORMAL" / name).write_bytes(b"nothing that could be read")
    assert len(opened(tmp_path).items) == 4
    [note] = opened(tmp_path).notes
    assert (note.kind, note.reason, note.files) == ("passed_over", reason, 1)


def test_texts_are_counted_by_kind(tmp_path):
    write(tmp_path, PLAIN)
    for name in ("a.txt", "b.TXT", "c.csv", "d.json", "e.md"):
        (tmp_path / "NORMAL" / name).write_text("")
    assert "(5 files): texts and tables, not images (1 .csv, 1 .json, 1 .md and 2 .txt)" in said(tmp_path)


def test_a_broken_image_stays_an_error_of_its_own(tmp_path):
    write(tmp_path, PLAIN)
    (tmp_path / "NORMAL" / "broken.png").write_bytes(b"no image")
    dataset = opened(tmp_path)
    assert dataset.notes == ()
    assert list(data.audit(dataset)["unreadable"]) == ["NORMAL/broken.png"]


def test_macos_folders_are_no_data(tmp_path):
    write(tmp_path, PLAIN | {f"__MACOSX/{name}": n for name, n in PLAIN.items()} | {"NORMAL/__MACOSX/z.png": 7})
    assert len(opened(tmp_path).items) == 4
    assert "__MACOSX" in said(tmp_path)


def test_control_characters_of_names_are_escaped(tmp_path):
    write(tmp_path, {"NORMAL/a\nb.png": 1, "PNEUMONIA/\x1b[31m.png": 2, "COVID\n/x.png": 3})
    text = said(tmp_path) + "".join(item.name for item in opened(tmp_path).items)
    assert "\x1b" not in text
    assert "COVID\\n" in text


# --- links ------------------------------------------------------------------------------------------------


def test_links_to_files_are_read_wherever_they_lead(tmp_path):
    write(tmp_path / "set", PLAIN)
    write(tmp_path / "store", {"x.png": 8})
    (tmp_path / "set" / "NORMAL" / "link.png").symlink_to(tmp_path / "store" / "x.png")
    assert len(opened(tmp_path / "set").items) == 5
    (tmp_path / "set" / "NORMAL" / "dead.png").symlink_to(tmp_path / "nowhere")
    assert len(opened(tmp_path / "set").items) == 5
    assert "links that lead nowhere" in said(tmp_path / "set")


def test_a_linked_folder_outside_is_read_once_and_said(tmp_path):
    write(tmp_path / "set", PLAIN)
    write(tmp_path / "store", {"x.png": 8, "y.png": 9})
    for name in ("more", "again"):
        (tmp_path / "set" / "NORMAL" / name).symlink_to(tmp_path / "store")
    (tmp_path / "store" / "back").symlink_to(tmp_path / "set")  # a loop
    assert len(opened(tmp_path / "set").items) == 6
    assert "a link led to it, out of the source" in said(tmp_path / "set")
    assert "links to folders of the same source" in said(tmp_path / "set")


@pytest.mark.parametrize("target", [".", "..", "../PNEUMONIA", "../.."])
def test_links_within_the_source_never_bring_images_under_another_class(tmp_path, target):
    write(tmp_path / "set", PLAIN)
    (tmp_path / "set" / "NORMAL" / "loop").symlink_to(target)
    dataset = opened(tmp_path / "set")
    assert [(item.name, item.label) for item in dataset.items] == [
        (name, n) for name, n in zip(PLAIN, (0, 0, 1, 1), strict=True)
    ]
    assert "which would be read twice" in said(tmp_path / "set")


def test_class_and_split_folders_may_be_links(tmp_path):
    write(tmp_path / "store", {"healthy/a.png": 1, "ill/b.png": 2})
    (tmp_path / "set" / "train").mkdir(parents=True)
    (tmp_path / "set" / "train" / "NORMAL").symlink_to(tmp_path / "store" / "healthy")
    (tmp_path / "set" / "train" / "PNEUMONIA").symlink_to(tmp_path / "store" / "ill")
    (tmp_path / "set" / "test").symlink_to(tmp_path / "set" / "train")
    names = [item.name for item in opened(tmp_path / "set").items]
    assert len(names) == 2, "the same images are not read as two splits"


def test_pipes_are_not_waited_for(tmp_path):
    write(tmp_path, PLAIN)
    os.mkfifo(tmp_path / "NORMAL" / "pipe.png")
    assert len(opened(tmp_path).items) == 4


def test_a_folder_that_cannot_be_opened_is_said_and_the_rest_is_read(tmp_path, monkeypatch):
    write(tmp_path, PLAIN | {"NORMAL/private/x.png": 9})
    listed = Path.iterdir

    def refuse(path):
        if path.name == "private":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert len(opened(tmp_path).items) == 4
    assert "passed over 'NORMAL/private': the folder cannot be opened (Permission denied)" in said(tmp_path)


def test_a_drive_that_vanishes_is_a_sentence(tmp_path, monkeypatch):
    write(tmp_path, PLAIN)

    def gone(path):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(Path, "iterdir", gone)
    with pytest.raises(PneumoError, match=r"cannot be read: Stale file handle.*drive is connected"):
        opened(tmp_path)
    monkeypatch.undo()
    dataset = opened(tmp_path)
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    result = data.resized(dataset, ImageSpec(size=16))
    assert len(result.errors) == 4
    assert "No such file" in result.errors[0]


# --- too high, too low ------------------------------------------------------------------------------------


def test_one_level_too_high_names_the_folder_that_would_do(tmp_path):
    write(tmp_path, {f"chest_xray/train/{name}": n for name, n in PLAIN.items()} | {"__MACOSX/train/NORMAL/a.png": 1})
    with pytest.raises(PneumoError, match=r"has no class folders, but '.*chest_xray' below it has; give that folder"):
        opened(tmp_path)
    write(tmp_path / "up" / "and up", {"below/" + name: n for name, n in PLAIN.items()})
    with pytest.raises(PneumoError, match=r"but '.*and up/below' below it has"):
        opened(tmp_path / "up")


def test_several_that_would_do_are_listed(tmp_path):
    write(tmp_path, {f"set {k}/{name}": n for k in range(7) for name, n in PLAIN.items()})
    with pytest.raises(
        PneumoError, match=r"7 folders below it have; give one of them instead: .*set 0.*set 4' and 2 others"
    ):
        opened(tmp_path)


def test_a_set_within_a_set_is_said(tmp_path):
    """What unzipping the archive on Kaggle leaves: the set, and the set once more inside."""
    write(
        tmp_path, {f"train/{n}": k for n, k in PLAIN.items()} | {f"chest_xray/train/{n}": k for n, k in PLAIN.items()}
    )
    assert len(opened(tmp_path).items) == 4
    assert (
        "passed over 'chest_xray' (4 files): it holds class folders of its own; to read it, give that folder"
        in said(tmp_path)
    )


def test_a_class_folder_itself_names_the_one_above(tmp_path, monkeypatch):
    write(tmp_path / "set", PLAIN)
    with pytest.raises(PneumoError, match="is a class folder itself; give the folder above it, 'set'"):
        opened(tmp_path / "set" / "NORMAL")
    monkeypatch.chdir(tmp_path / "set" / "NORMAL")
    with pytest.raises(PneumoError, match="give the folder above it, 'set'"):
        data.open_source(".")


def test_class_folders_without_an_image_say_what_was_there(tmp_path):
    (tmp_path / "NORMAL").mkdir()
    (tmp_path / "NORMAL" / "notes.txt").write_text("")
    with pytest.raises(
        PneumoError, match=r"has class folders, but no image in 'NORMAL'; passed over .*texts and tables"
    ):
        opened(tmp_path)


def test_only_other_names_are_in_the_message(tmp_path):
    write(tmp_path, {"BACTERIAL/a.png": 1, "healthy/b.png": 2})
    with pytest.raises(PneumoError, match=r"BACTERIAL.*rename it PNEUMONIA.*healthy.*rename it NORMAL"):
        opened(tmp_path)


def test_a_file_is_no_source(tmp_path):
    (tmp_path / "set.zip").write_bytes(b"PK")
    with pytest.raises(PneumoError, match="is a file; a SOURCE is a folder"):
        opened(tmp_path / "set.zip")


def test_a_whole_disk_is_not_searched_through(tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "MOST_FOLDERS", 5)
    write(tmp_path, {f"{n}/x.png": n for n in range(9)} | {f"z/{name}": n for name, n in PLAIN.items()})
    with pytest.raises(PneumoError, match="no files in class folders"):
        opened(tmp_path)


# --- typed sources ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    ["", " ", "a\0b", "x" * 300_000, "x" * 300, "a/" * 2000, "\ud800", "hub:\0", "hub:" + "x" * 300_000, "/" * 3000 + "x"],
)  # fmt: skip
def test_what_no_system_takes_as_a_name_is_one_short_sentence(source, caplog):
    with pytest.raises(PneumoError) as refused:
        data.open_source(source)
    assert len(str(refused.value)) < 400
    assert "\n" not in str(refused.value)
    assert not caplog.records


@given(st.text(max_size=60) | st.text(st.characters(codec=None), max_size=20).map(lambda text: f"hub:{text}/"))
def test_any_typed_source_is_a_set_or_a_sentence(source):
    try:
        data.open_source(source)
    except PneumoError as error:
        assert "\n" not in str(error) or "\n" in source


@pytest.mark.parametrize(
    "source",
    ["phantom:1000000000000", "phantom:3", "phantom:20001", "phantom:-5", "phantom:1e3", "phantom:١٢", "phantom:1_000",
     "phantom: 60", "phantom:60:", "phantom:60:-1", f"phantom:60:{2**32}", "phantom:" + "9" * 5000, "phantom:60:1:0", "phantom:60:1:100", "phantom:60:1:50:1",
     "phantoms", "phantom:60.5", "phantom:nan"],
)  # fmt: skip
def test_absurd_phantoms_are_refused_with_the_permitted_range(source):
    expected = (
        "a SOURCE is a folder"
        if source == "phantoms" or len(source) > 4096
        else "4 to 20,000|0 to 4,294,967,295|1 to 99"
    )
    with pytest.raises(PneumoError, match=expected):
        data.open_source(source)


# --- what the reader noticed ------------------------------------------------------------------------------


def coloured() -> bytes:
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[50:, :, 0] = 200
    return radiograph.encode_png(pixels)


def test_the_readers_warnings_are_counted_and_kept_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "set", PLAIN)
    (tmp_path / "set" / "NORMAL" / "e.png").write_bytes(coloured())
    dataset = opened(tmp_path / "set")
    fresh, kept = (data.resized(dataset, ImageSpec(size=16)) for _ in range(2))
    assert fresh.warnings == kept.warnings
    assert isinstance(kept.array, np.memmap)
    of = {each.code: each for each in data.noticed(dataset.items, kept.warnings)}
    assert (of["colour"].images, of["colour"].example) == (1, "NORMAL/e.png")
    assert of["small"].images == 4
    assert data.noticed(dataset.items, kept.warnings, rows=[0, 1])[0].images == 2
    audit = data.audit(dataset)
    assert {each["code"]: each["images"] for each in audit["warnings"]} == {
        code: each.images for code, each in of.items()
    }
    assert any("4 images (NORMAL/a.png, ...): The image is under 128" in line for line in data.audit_warnings(audit))


def test_an_altered_list_of_warnings_or_errors_is_noticed(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("PNEUMO_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "set", PLAIN)
    (tmp_path / "set" / "NORMAL" / "broken.png").write_bytes(png(1)[:60])
    dataset = opened(tmp_path / "set")
    good = data.resized(dataset, ImageSpec(size=16))
    [about] = (tmp_path / "cache").glob("*.json")
    for old, new in (("ends too early", "ends too earlY"), ('"errors": {"2"', '"errors": {"3"'), ("small", "smell")):
        text = about.read_text()
        assert old in text
        about.write_text(text.replace(old, new, 1))
        again = data.resized(dataset, ImageSpec(size=16))
        assert (again.errors, again.warnings) == (good.errors, good.warnings)
        assert "does not match its checksum" in caplog.records[-1].message
