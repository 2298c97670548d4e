"""What the server never writes down: what a visitor typed or uploaded, not even where it stands in an error's message."""

from __future__ import annotations

import functools
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

LIBRARIES = (
    "PIL",
    "pydicom",
    "tifffile",
    "matplotlib",
)  # at debug level they write tags of files, names of patients among them


def keep_visitors_out() -> None:
    """Once a process: every exception that is logged, by whomever, is logged without its message.

    A message may repeat a name, a path or a number that somebody entered. Where the exception arose is enough to mend it.
    """
    former = logging.getLogRecordFactory()
    if getattr(former, "without_messages", False):
        return
    logging.setLogRecordFactory(_without_messages(former))
    sys.excepthook = lambda kind, error, trace: print(place_of(error), file=sys.stderr)
    threading.excepthook = lambda args: print(place_of(args.exc_value, args.exc_traceback), file=sys.stderr)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)


def _without_messages(former: Any) -> Any:
    @functools.wraps(former)
    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = former(*args, **kwargs)
        if made.exc_info and made.exc_info[1]:
            made.exc_text, made.exc_info = place_of(made.exc_info[1], made.exc_info[2]), None
        if isinstance(made.msg, BaseException):
            made.msg, made.args = type(made.msg).__name__, ()
        if isinstance(made.args, tuple):
            made.args = tuple(type(each).__name__ if isinstance(each, BaseException) else each for each in made.args)
        return made

    record.without_messages = True
    return record


def place_of(error: BaseException | None, trace: TracebackType | None = None) -> str:
    """The traceback of an exception and of its causes: files, lines and code, no message and no value."""
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = "".join(traceback.format_tb(trace or error.__traceback__))
        parts.append(f"{frames}{type(error).__module__}.{type(error).__qualname__} (its message is not logged)")
        error, trace = error.__cause__ or (None if error.__suppress_context__ else error.__context__), None
    return "Traceback (most recent call last):\n" + "\nduring or because of\n".join(parts)
