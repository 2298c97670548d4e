"""Reading a file of a run, whatever lies under its name: a folder, a pipe, a loop of links, or far more than belongs there."""

from __future__ import annotations

import stat
from pathlib import Path

from pneumo.schema import PneumoError

AGAIN = "train the run again"  # the remedy where a file cannot be restored
LARGEST = 64_000_000  # bytes; a hundred times the largest table or card there is, and still no burden


class RunError(PneumoError):
    """A run that cannot be used: names the file and the remedy."""


def read_file(path: Path, again: str = AGAIN, most: int = LARGEST) -> bytes:
    """The bytes of a regular file. RunError names it, what is wrong, and the remedy: to restore it, or `again`.

    most: a larger file is refused before it is read. Pipes and devices are refused, because reading one might never end.
    """
    size = size_of(path, again)
    if size > most:
        raise RunError(f"{path} has {size:,} bytes, at most {most:,} were expected; restore the file, or {again}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error.strerror, again) from error


def size_of(path: Path, again: str = AGAIN) -> int:
    """The size of a regular file in bytes. RunError as `read_file`."""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise RunError(f"{path} is missing; restore the file, or {again}") from None
    except (OSError, ValueError) as error:  # a loop of links, no permission; ValueError: a NUL in its name
        raise _unreadable(path, getattr(error, "strerror", None) or str(error), again) from error
    if not stat.S_ISREG(found.st_mode):
        raise _unreadable(path, "a folder" if stat.S_ISDIR(found.st_mode) else "not a file", again)
    return found.st_size


def _unreadable(path: Path, why: str | None, again: str) -> RunError:
    return RunError(f"{path} cannot be read ({why}); restore the file, or {again}")
