"""The command line, `python -m pneumo COMMAND`: one module a command, each with SUMMARY, `add_options(parser)` and
`run(options)`, which returns the exit code; `arguments` and `printing` hold what several commands share.

Results go to stdout, progress and messages to stderr. Exit codes: 0 fine, 1 some file failed, 2 wrong usage, 130 interrupted. Heavy
imports happen inside `run`, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pneumo
from pneumo import files
from pneumo.cli import (
    card,
    data,
    ensemble,
    evaluate,
    evaluations,
    explain,
    gallery,
    heatmap_check,
    input_check,
    latent,
    predict,
    quality,
    reconstruct,
    robustness,
    runs,
    sample,
    train,
)
from pneumo.cli.arguments import FINE, INTERRUPTED, SOME_FAILED, USAGE
from pneumo.formatting import printable, shortened
from pneumo.schema import PneumoError

COMMANDS = {
    "data": data,
    "train": train,
    "ensemble": ensemble,
    "evaluate": evaluate,
    "evaluations": evaluations,
    "robustness": robustness,
    "predict": predict,
    "explain": explain,
    "heatmap-check": heatmap_check,
    "sample": sample,
    "reconstruct": reconstruct,
    "quality": quality,
    "latent": latent,
    "input-check": input_check,
    "card": card,
    "gallery": gallery,
    "runs": runs,
}

# What torch says instead of MemoryError, on a CPU and on a GPU, and what the C++ library says.
OUT_OF_MEMORY = ("can't allocate memory", "CUDA out of memory", "std::bad_alloc", "can't start new thread")

__all__ = ["COMMANDS", "FINE", "INTERRUPTED", "SOME_FAILED", "USAGE", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code. argparse itself exits with 2 where the words do not fit."""
    _write_any_character()
    options = _parse(arguments)
    try:
        code = COMMANDS[options.command].run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader (head, less) has seen enough
        _forget_output()
        return FINE
    except (PneumoError, OSError, MemoryError, RuntimeError, KeyboardInterrupt) as error:
        code, sentence = _explained(error)
        if not sentence:
            raise
        print(f"pneumo {options.command}: {printable(sentence)}", file=sys.stderr)
        return code


def _write_any_character() -> None:
    """A character that the terminal's encoding lacks becomes an escape, not an error in the middle of a list."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _explained(error: BaseException) -> tuple[int, str]:
    """Exit code and sentence for what may happen on any machine; an empty sentence for an error in the program."""
    if isinstance(error, PneumoError):
        return USAGE, str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    if isinstance(error, OSError):
        place = f"{shortened(error.filename)}: " if isinstance(error.filename, str | Path) else ""
        if error.errno in files.FULL:  # standard output may be the file that is full
            _forget_output()
        return SOME_FAILED, f"{place}{files.obstacle(error)}"
    if isinstance(error, MemoryError) or any(text in str(error) for text in OUT_OF_MEMORY):
        return (
            SOME_FAILED,
            "there is not enough memory; choose a smaller batch_size, image_size or model, or fewer images",
        )
    return SOME_FAILED, ""


def _forget_output() -> None:
    """What is still to be written to stdout is dropped; the interpreter would try again as it ends, and complain."""
    with suppress(OSError, ValueError):  # a stream without a file, in tests
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options. argparse takes a list of words in one place only; `train` takes key=value anywhere."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if options.command == "train":
        rest = train.take_overrides(options, rest)
    if rest:
        parser.error(f"unrecognised arguments: {' '.join(rest)}")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pneumo", description=pneumo.__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        sentence = f"{module.SUMMARY[0].upper()}{module.SUMMARY[1:]}."
        module.add_options(commands.add_parser(name, help=module.SUMMARY, description=sentence))
    return parser
