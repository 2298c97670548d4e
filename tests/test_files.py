"""A file is whole under its name, or what was there before."""

import pytest

from pneumo import files
from pneumo.schema import PneumoError


@pytest.mark.parametrize(
    ("place", "remedy"),
    [("no/such/file", "there is no folder"), ("folder", "it is a folder"), ("file/below", "there is no folder")],
)
def test_what_cannot_be_written_says_why_and_leaves_nothing(tmp_path, place, remedy):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("here before")
    with pytest.raises(PneumoError, match=remedy):
        files.write(tmp_path / place, b"new")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_failing_disk_leaves_the_former_file_and_nothing_else(tmp_path, monkeypatch):
    def fail(number: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("here before")
    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(PneumoError, match="No space left on device; free the place"):
        files.write(tmp_path / "file", b"new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "here before")]
