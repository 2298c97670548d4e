"""python -m pneumo gallery: trains the exhibits of the classroom's gallery anew and writes their recordings."""

from __future__ import annotations

import argparse
import json
import sys

from pneumo import files
from pneumo.cli.arguments import FINE, SOME_FAILED, place
from pneumo.schema import PneumoError

SUMMARY = "train the recordings of the classroom's gallery anew"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="which of them; all by default")
    parser.add_argument("--out", type=place, metavar="DIR", help="default: where the app reads them")


def run(options: argparse.Namespace) -> int:
    from pneumo.lessons import gallery, gallery_exhibits

    unknown = [name for name in options.names if name not in gallery_exhibits.EXHIBITS]
    if unknown:
        raise PneumoError(
            f"no exhibit {', '.join(map(repr, unknown))}; there are: {', '.join(gallery_exhibits.EXHIBITS)}"
        )
    folder = options.out or gallery.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in options.names or gallery_exhibits.EXHIBITS:
        try:
            recording = gallery_exhibits.record(name)
        except PneumoError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed += 1
            continue
        files.write(folder / f"{name}.json", json.dumps(recording, separators=(",", ":"), allow_nan=False).encode())
        print(f"{name}: {recording['found']} ({recording['seconds']} s)")
    return SOME_FAILED if failed else FINE
