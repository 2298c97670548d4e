"""A walk through the folders of a data set: what is read, and what is passed over and why.

Links: a file that a link leads to is read wherever it lies (hub caches and annexes are made of such links). A folder that
a link leads to is read where it lies outside the source; one inside it, or above it, would be read twice or under the
wrong class, and is passed over.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pneumo.data import folder_names
from pneumo.data.dataset import Note
from pneumo.formatting import counted, listed, printable, shortened
from pneumo.schema import CLASS_NAMES, PneumoError

DEEPEST = 4  # levels below a source in which class folders are looked for, to name them
MOST_FOLDERS = 2000  # looked into for that: somebody may give the whole disk
MOST_COUNTED = 100_000  # files of a folder that is passed over
REPEATED = "links to folders of the same source, which would be read twice"
DEAD_END = "links that lead nowhere, and other entries that are no files"
OUTSIDE = "images outside the class folders"
LINKED = "folders that a link leads to, outside the source"


@dataclass(frozen=True)
class Found:
    """One file of a class folder. split: the source's own, "" where it has none."""

    path: Path
    label: int
    split: str


@dataclass
class Scan:
    """What a walk found. files: in no order. notes: of folders; kinds: files and entries passed over, by reason."""

    root: Path
    files: list[Found] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    kinds: dict[str, list[str]] = field(default_factory=dict)
    seen: set[tuple[int, int]] = field(default_factory=set)
    class_folders: list[Path] = field(default_factory=list)

    def name(self, path: Path) -> str:
        return printable(path.relative_to(self.root))

    def passed(self, reason: str, path: Path, files: int = 1) -> None:
        """Counts files of a kind that is passed over; the first is the example."""
        if files:
            self.kinds.setdefault(reason, []).extend([self.name(path)] * files)

    def everything(self) -> tuple[Note, ...]:
        """The notes of folders, then one a kind of files, then classes without an image."""
        notes = [*self.notes, *(_kind_note(reason, names) for reason, names in sorted(self.kinds.items()))]
        there = {found.label for found in self.files}
        return tuple(notes + [self._missing(label) for label in range(len(CLASS_NAMES)) if label not in there])

    def _missing(self, label: int) -> Note:
        name = CLASS_NAMES[label]
        empty = [path for path in self.class_folders if folder_names.class_of(path.name) == label]
        if empty:
            return Note("missing", self.name(empty[0]), f"the folder holds no image of {name}")
        return Note("missing", name, f"there is no folder {name}")


def scan(root: Path) -> Scan:
    """Walks through a source. Raises PneumoError where the source itself cannot be listed."""
    result = Scan(root)
    _scan_level(result, root, "", top=True)
    return result


def _scan_level(result: Scan, folder: Path, split: str, *, top: bool) -> None:
    """The class folders of one level, and the split folders of the topmost."""
    for path in _listed(result, folder, top=top):
        name = path.name
        if not path.is_dir():
            if folder_names.no_image(name) == "" and path.suffix.casefold() in folder_names.IMAGE_ENDINGS:
                result.passed(OUTSIDE, path)
            continue
        label, own_split = folder_names.class_of(name), folder_names.split_of(name) if top else None
        if label is not None and _may_enter(result, path, inside_is_twice=False):
            _scan_class(result, path, label, split)
        elif own_split and _may_enter(result, path, inside_is_twice=False):
            _say_if_respelt(result, path, own_split)
            _scan_level(result, path, own_split, top=False)
        elif label is None and not own_split:
            _say_unknown(result, path, top=top)


def _scan_class(result: Scan, folder: Path, label: int, split: str) -> None:
    result.class_folders.append(folder)
    before, waiting = len(result.files), [folder]
    while waiting:
        for path in _listed(result, waiting.pop(), top=False):
            if folder_names.is_system(path.name):
                result.passed(folder_names.SYSTEM, path)
            elif path.is_dir():
                if folder_names.is_mask_folder(path.name):
                    result.passed(folder_names.MASKS, path, _count(path))
                elif _may_enter(result, path, inside_is_twice=True):
                    waiting.append(path)
            elif not path.is_file():
                result.passed(DEAD_END, path)
            elif reason := folder_names.no_image(path.name):
                result.passed(reason, path)
            else:
                result.files.append(Found(path, label, split))
    _say_if_respelt(result, folder, CLASS_NAMES[label], len(result.files) - before)


def _listed(result: Scan, folder: Path, *, top: bool) -> list[Path]:
    """The entries of a folder in order. One that cannot be opened is passed over and said; PneumoError for the source itself."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        if top:
            raise PneumoError(
                f"{shortened(folder)} cannot be read: {error.strerror}; check the permissions, or that the drive is connected"
            ) from error
        result.notes.append(
            Note("passed_over", result.name(folder), f"the folder cannot be opened ({error.strerror})", 0, "check it")
        )
        return []


def _may_enter(result: Scan, folder: Path, *, inside_is_twice: bool) -> bool:
    """False, and said, for a folder that would be read twice. inside_is_twice: a link to a folder of the source is one."""
    try:
        status = folder.stat()
        target, root = Path(os.path.realpath(folder)), Path(os.path.realpath(result.root))
    except OSError:  # gone since it was listed
        result.passed(DEAD_END, folder)
        return False
    again = (status.st_dev, status.st_ino) in result.seen
    if folder.is_symlink():
        again = again or root.is_relative_to(target) or (inside_is_twice and target.is_relative_to(root))
    if again:
        result.passed(REPEATED, folder)
        return False
    if folder.is_symlink() and not target.is_relative_to(root):
        result.notes.append(Note("read", result.name(folder), "a link led to it, out of the source", _count(folder)))
    result.seen.add((status.st_dev, status.st_ino))
    return True


def _say_if_respelt(result: Scan, folder: Path, name: str, files: int = 0) -> None:
    """A name that differs in more than case was read as what it must mean; people should know."""
    if folder.name.casefold() not in (name.casefold(), *folder_names.SPLIT_FOLDERS):
        result.notes.append(Note("read", result.name(folder), f"the name was taken for {name}", files, "rename it"))


def _say_unknown(result: Scan, folder: Path, *, top: bool) -> None:
    """A folder whose name is no class and no split; silent where it holds nothing that could be an image."""
    name, path = folder.name, result.name(folder)
    if folder_names.is_system(name):
        if name[:1] != ".":
            result.passed(folder_names.SYSTEM, folder, max(1, _count(folder)))
        return
    files = _count(folder)
    if not files:
        return
    if folder_names.is_mask_folder(name):
        result.passed(folder_names.MASKS, folder, files)
        return
    split = folder_names.likely_split(name) if top else ""
    if _holds_classes(folder):
        reason = "the name is no split; expected train, val or test" if split else "it holds class folders of its own"
        remedy = f"rename it {split}" if split else "to read it, give that folder instead"
    else:
        reason = f"the name is no class; expected {' or '.join(CLASS_NAMES)}"
        meant = folder_names.likely_class(name)
        remedy = f"rename it {meant}" if meant else "rename it, if its images belong to one of them"
        remedy += f", or move its files into {meant}" if meant and (folder.parent / meant).is_dir() else ""
    result.notes.append(Note("passed_over", path, reason, files, remedy))


def _kind_note(reason: str, names: list[str]) -> Note:
    suggestion = ""
    if reason == folder_names.TEXT:
        endings = Counter(Path(name).suffix.casefold() for name in names)
        reason += f" ({listed([f'{n} {ending}' for ending, n in sorted(endings.items())])})"
    elif reason == folder_names.ARCHIVE:
        suggestion = "unpack them, if they hold images"
    elif reason == OUTSIDE:
        suggestion = f"move them into {' or '.join(CLASS_NAMES)}"
    return Note("passed_over", names[0], reason, len(names), suggestion)


def _count(folder: Path) -> int:
    """Files below a folder that could be images, links to folders not followed; counting ends at MOST_COUNTED."""
    total = 0
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not folder_names.is_system(name)]
        total += sum(folder_names.no_image(name) in ("", folder_names.MASKS) for name in files)
        if total >= MOST_COUNTED:
            break
    return total


# --- one level too high, or too low -----------------------------------------------------------------------


def nothing_found(result: Scan) -> PneumoError:
    """Why a source has no images, and what would do instead."""
    root, shown = result.root, shortened(result.root)
    itself = Path(os.path.realpath(root))  # "." has no name of its own
    if folder_names.class_of(itself.name) is not None and not result.class_folders:
        above = itself.parent.name or itself.parent
        return PneumoError(f"{shown} is a class folder itself; give the folder above it, {shortened(above)}, instead")
    if result.class_folders:
        there = listed([shortened(path.relative_to(root)) for path in result.class_folders[:4]])
        return PneumoError(f"{shown} has class folders, but no image in {there}{_passed(result)}")
    below = [shortened(path) for path in _candidates(root)]
    expected = f"expected {CLASS_NAMES[0]}/ and {CLASS_NAMES[1]}/ in it, or in train/, val/ and test/ below it"
    if len(below) == 1:
        return PneumoError(f"{shown} has no class folders, but {below[0]} below it has; give that folder instead")
    if below:
        more = f" and {counted(len(below) - 5, 'other')}" if len(below) > 5 else ""
        return PneumoError(
            f"{shown} has no class folders, but {counted(len(below), 'folder')} below it have; give one of them instead: "
            f"{', '.join(below[:5])}{more}"
        )
    return PneumoError(f"{shown} has no files in class folders; {expected}{_passed(result)}")


def _passed(result: Scan) -> str:
    """The first few things that were passed over, as the end of a sentence."""
    passed = [note for note in result.everything() if note.kind == "passed_over"]
    return "".join(f"; {sentence(note)}" for note in passed[:4])


def sentence(note: Note) -> str:
    """A note for people, without a full stop."""
    remedy = f"; {note.suggestion}" if note.suggestion else ""
    if note.kind == "missing":
        return f"{note.reason}{remedy}"
    files = f" ({counted(note.files, 'file')})" if note.files else ""
    verb = "read" if note.kind == "read" else "passed over"
    return f"{verb} '{note.path}'{files}: {note.reason}{remedy}"


def _candidates(root: Path) -> list[Path]:
    """The folders below that have class folders, uppermost first; those inside another are left out."""
    result, level, looked = [], [root], 0
    for _ in range(DEEPEST):
        following = []
        for folder in level:
            for path in _subfolders(folder):
                looked += 1
                if looked > MOST_FOLDERS:
                    return result
                (result if _holds_classes(path) else following).append(path)
        level = following
    return result


def _holds_classes(folder: Path) -> bool:
    inside = list(_subfolders(folder))
    below = [path for split in inside if folder_names.split_of(split.name) for path in _subfolders(split)]
    return any(folder_names.class_of(path.name) is not None for path in [*inside, *below])


def _subfolders(folder: Path) -> Iterator[Path]:
    """In order, without links, masks and what belongs to the system; none where the folder cannot be opened."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for path in entries:
        skipped = folder_names.is_system(path.name) or folder_names.is_mask_folder(path.name)
        if not skipped and not path.is_symlink() and path.is_dir():
            yield path
