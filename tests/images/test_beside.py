"""What lies beside images is known by its name, wherever it lies, and nothing else is taken for it."""

from pathlib import PurePath

import pytest

from pneumo.images import beside


@pytest.mark.parametrize(
    "path",
    [
        "Thumbs.db", "THUMBS.DB", "a/desktop.ini", ".DS_Store", "._scan.png", "__MACOSX/scan.png", "__macosx/a/scan.png",
        "@eaDir/scan.png", "$RECYCLE.BIN/scan.png", "~$notes.dcm", "link.lnk", "DICOMDIR", "cd/dicomdir", "DICOMDIR;1", ".git/a.png",
    ],
)  # fmt: skip
def test_passed_over(path):
    assert beside.is_beside(PurePath(path))


@pytest.mark.parametrize(
    "path",
    [
        "scan.png",
        "IMG0001",
        "a.b/c.dcm",
        "thumbs.db.png",
        "MACOSX/scan.png",
        "dicomdir.png",
        "database.png",
        "notes.txt",
    ],
)
def test_read(path):
    assert not beside.is_beside(PurePath(path))
