"""What file systems, archives and CDs put beside images, by its name alone."""

from __future__ import annotations

import unicodedata
from pathlib import PurePath

SYSTEM_NAMES = {
    "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin", "lost+found",
    "system volume information", "__pycache__", "#recycle", "#snapshot", "picasa.ini", "zbthumbnail.info", "autorun.inf",
}  # fmt: skip
SYSTEM_ENDINGS = {".db", ".db-journal", ".lnk", ".url", ".thm", ".bak", ".lock", ".swp"}


def is_system(name: str) -> bool:
    """Whether a file or folder belongs to the operating system or a program: hidden, Thumbs.db, __MACOSX and their kind."""
    return name[:1] == "." or name.casefold() in SYSTEM_NAMES or name.startswith("~$")


def is_dicom_index(name: str) -> bool:
    """Whether a file is the table of contents of a folder of DICOM files: DICOMDIR, on a CD also with a version."""
    return unicodedata.normalize("NFKC", name).strip().casefold().split(";")[0] == "dicomdir"


def is_beside(path: PurePath) -> bool:
    """Whether a file is no image by its own name, or by that of a folder that it lies in. path: within the folder that is read."""
    return any(map(is_system, path.parts)) or path.suffix.casefold() in SYSTEM_ENDINGS or is_dicom_index(path.name)
