"""Files that are whole or not there: written aside, flushed, renamed; and whether a place can be written to at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pneumo.formatting import shortened
from pneumo.schema import PneumoError

LEFT_BEHIND_S = 3600.0  # a temporary file that much older than its successor belongs to nobody
LOCK_FILE = ".lock"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write(path: Path, blob: bytes) -> None:
    """Writes bytes under a name; a kill, or a full disk, leaves what was there before.

    Raises PneumoError with the obstacle and the remedy, and leaves nothing behind.
    """
    try:
        write_with(path, lambda file: file.write(blob))
    except OSError as error:
        raise _cannot(path, error) from error


def write_with(path: Path, content: Callable[[BinaryIO], object]) -> None:
    """The same for what writes itself into an open file, e.g. a large array. Raises OSError."""
    aside = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            aside = Path(file.name)
            content(file)
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(0o644)
        aside.replace(path)
    finally:
        if aside:
            aside.unlink(missing_ok=True)  # renamed, it is gone


def remove_leftovers(path: Path, older_s: float = LEFT_BEHIND_S) -> None:
    """Removes what kills left of former attempts to write this file. Compares the files' own times, not the clock."""
    if not path.is_file():
        return
    written = path.stat().st_mtime
    for aside in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError):
            if aside.stat().st_mtime <= written - older_s:
                aside.unlink()


# --- before the work --------------------------------------------------------------------------------------


def check_file(path: Path) -> None:
    """Raises PneumoError where `write` would fail, by trying: an empty temporary file is made beside it and removed.

    Nothing but an ordinary file is replaced, so --out /dev/null is refused.
    """
    _check_text(path)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise PneumoError(f"{shortened(path)} cannot be written: it is a device or a pipe; name a file")
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise _cannot(path, error) from error


def check_folder(path: Path) -> None:
    """Raises PneumoError where no files can be written into a folder, by trying. Missing folders on the way are made, and
    removed again."""
    _check_text(path)
    made = []
    try:
        for folder in [*reversed(path.parents), path]:
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                made.append(folder)
        with tempfile.NamedTemporaryFile(dir=path, prefix=".try."):
            pass
    except OSError as error:
        raise PneumoError(f"{shortened(path)} cannot be written to: {_no_folder(path, error)}") from error
    finally:
        for folder in reversed(made):
            with suppress(OSError):  # another process has written into it
                folder.rmdir()


def is_folder(text: str) -> bool:
    """Whether a text names a folder that is there; never raises, whatever was typed."""
    try:
        return bool(text) and Path(text).is_dir()
    except (OSError, ValueError):  # too long, no name at all, a drive that is gone
        return False


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Holds a folder, which is made where it is missing, against another process that writes a run there.

    Raises PneumoError where another one holds it. The system lets go of the lock when a process ends, however it ends. Where
    a file system knows no locks, nothing is held.
    """
    import filelock

    check_folder(folder)
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / LOCK_FILE, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise PneumoError(
            f"another process is writing to {shortened(folder)}; wait for it, stop it, or choose another --out"
        ) from None
    except (NotImplementedError, OSError):  # some network drives
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / LOCK_FILE).unlink(missing_ok=True)
        lock.release()
        if new:
            with suppress(OSError):  # something was written
                folder.rmdir()


def _check_text(path: Path) -> None:
    if "\0" in str(path):
        raise PneumoError(f"{shortened(path)} cannot be written: it holds a NUL character, which no name has")


def _cannot(path: Path, error: OSError) -> PneumoError:
    return PneumoError(f"{shortened(path)} cannot be written: {_why_not(path, error)}")


def _why_not(path: Path, error: OSError) -> str:
    """The obstacle and the remedy."""
    with suppress(OSError):
        if path.is_dir():
            return "it is a folder; name a file"
        if not path.parent.is_dir():
            return f"there is no folder {shortened(path.parent)}; make it first, or choose another place"
    return obstacle(error)


def _no_folder(path: Path, error: OSError) -> str:
    with suppress(OSError):
        for folder in (path, *path.parents):
            if not folder.is_dir() and (folder.exists() or folder.is_symlink()):
                return f"{shortened(folder)} is a file; name a folder"
    return obstacle(error)


def obstacle(error: OSError) -> str:
    """What the system says, and the remedy."""
    why = error.strerror or type(error).__name__
    if error.errno == errno.ENAMETOOLONG:
        return f"{why}; choose a shorter one"
    return f"{why}; free the place, or choose another one" if error.errno in FULL else f"{why}; choose another place"
