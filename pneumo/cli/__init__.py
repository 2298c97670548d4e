"""The command line, `python -m pneumo COMMAND`: one module a command, each with SUMMARY, `add_options(parser)` and
`run(options)`, which returns the exit code; `arguments` and `printing` hold what several commands share.

Results go to stdout, progress and messages to stderr. Exit codes: 0 fine, 1 some file failed, 2 wrong usage. Heavy
imports happen inside `run`, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import pneumo
from pneumo.cli import (
    card,
    data,
    ensemble,
    evaluate,
    explain,
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
from pneumo.cli.arguments import FINE, SOME_FAILED, USAGE
from pneumo.schema import PneumoError

COMMANDS = {
    "data": data,
    "train": train,
    "ensemble": ensemble,
    "evaluate": evaluate,
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
    "runs": runs,
}

__all__ = ["COMMANDS", "FINE", "SOME_FAILED", "USAGE", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code. argparse itself exits with 2 where the words do not fit."""
    options = _parse(arguments)
    try:
        return COMMANDS[options.command].run(options)
    except PneumoError as error:
        print(f"pneumo {options.command}: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # the reader (head, less) has seen enough
        sys.stderr.close()
        return FINE


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
