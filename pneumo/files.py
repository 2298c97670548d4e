"""Files that are whole or not there: written aside, flushed, renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pneumo.schema import PneumoError


def write(path: Path, blob: bytes) -> None:
    """Writes bytes under a name; a kill, or a full disk, leaves what was there before.

    Raises PneumoError with the obstacle and the remedy, and leaves nothing behind.
    """
    try:
        write_with(path, lambda file: file.write(blob))
    except OSError as error:
        raise PneumoError(f"{path} cannot be written: {_why_not(path, error)}") from error


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


def _why_not(path: Path, error: OSError) -> str:
    """The obstacle and the remedy."""
    if path.is_dir():
        return "it is a folder; name a file"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; make it first, or choose another place"
    return f"{error.strerror}; free the place, or choose another one"
