"""What the names of folders and files in a data set say: class, split, mask, metadata, or nothing that is known."""

from __future__ import annotations

import difflib
import re
import unicodedata
from pathlib import PurePath

from pneumo.images.beside import SYSTEM_ENDINGS, is_dicom_index
from pneumo.images.beside import is_system as is_system  # for all of this wing
from pneumo.schema import CLASS_NAMES

SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".dcm", ".dicom", ".jp2", ".heic", ".avif")
TEXT_ENDINGS = {
    ".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".ini", ".md", ".rst", ".html", ".htm",
    ".log", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ods", ".py", ".ipynb", ".sha256", ".md5", ".license",
}  # fmt: skip
ARCHIVE_ENDINGS = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"}
UNFINISHED_ENDINGS = {".part", ".partial", ".crdownload", ".download", ".tmp", ".filepart"}
MASK_WORDS = {"mask", "masks", "lungmask", "lungmasks", "segmentation", "segmentations"}
MASK_FOLDER_WORDS = MASK_WORDS | {"seg", "segs", "groundtruth", "annotation", "annotations", "contours"}
NOT_WORDS = {"no", "non", "not", "without"}
PNEUMONIA_STEMS = ("pneumon", "neumon", "bacteri", "viral", "virus")
NORMAL_WORDS = {"normal", "normals", "healthy", "negative", "control", "controls"}
SPLIT_STEMS = {"train": ("train",), "val": ("val", "dev"), "test": ("test", "hold", "eval")}

SYSTEM = "files of the operating system, not images"
TEXT = "texts and tables, not images"
ARCHIVE = "archives, not images"
UNFINISHED = "unfinished downloads"
DICOM_INDEX = "an index of DICOM files, not an image"
MASKS = "masks, not radiographs"


def plain(name: str) -> str:
    """A name as it is compared: one Unicode form, no blanks or invisible characters around it, case folded."""
    visible = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) not in ("Cf", "Cc"))
    return visible.strip().casefold()


def class_of(name: str) -> int | None:
    """The label that a folder's name says: 0 NORMAL, 1 PNEUMONIA, in any case, with blanks around it; None for others."""
    known = [each.casefold() for each in CLASS_NAMES]
    return known.index(plain(name)) if plain(name) in known else None


def split_of(name: str) -> str | None:
    """The split that a folder's name says: "train", "validation", "test"; None for others."""
    return SPLIT_FOLDERS.get(plain(name))


def likely_class(name: str) -> str:
    """The class that is most likely meant by a folder's name; empty where nothing speaks for one of them."""
    words = _words(name)
    about_pneumonia = any(word.startswith(PNEUMONIA_STEMS) for word in words)
    if about_pneumonia:
        return CLASS_NAMES[0 if NOT_WORDS & set(words) else 1]
    if NORMAL_WORDS & set(words):
        return CLASS_NAMES[0]
    close = difflib.get_close_matches(plain(name), [each.casefold() for each in CLASS_NAMES], n=1, cutoff=0.7)
    return close[0].upper() if close else ""


def likely_split(name: str) -> str:
    """The split folder ("train", "val", "test") that is most likely meant by a name; empty where none is."""
    for split, stems in SPLIT_STEMS.items():
        if any(word.startswith(stems) for word in _words(name)):
            return split
    return ""


def is_mask_folder(name: str) -> bool:
    """Whether a folder's name says that it holds masks: "masks", "lung masks", "Segmentation"."""
    words = set(_words(name))
    known = bool(MASK_FOLDER_WORDS & words) or {"ground", "truth"} <= words
    return known and not NOT_WORDS & words


def no_image(name: str) -> str:
    """Why a file of a class folder is no radiograph, by its name alone; empty where it may be one."""
    stem, ending = PurePath(name).stem, PurePath(name).suffix.casefold()
    if is_system(name):
        return SYSTEM
    if is_dicom_index(name):
        return DICOM_INDEX
    words = _words(stem)
    if ending in IMAGE_ENDINGS and words and (words[-1] in MASK_WORDS or words[0] in MASK_WORDS):
        return MASKS
    kinds = (
        (SYSTEM_ENDINGS, SYSTEM),
        (TEXT_ENDINGS, TEXT),
        (ARCHIVE_ENDINGS, ARCHIVE),
        (UNFINISHED_ENDINGS, UNFINISHED),
    )
    return next((reason for endings, reason in kinds if ending in endings), "")


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_\d]+", plain(name)) if word]
