"""python -m pneumo sample: radiographs of a GAN."""

from __future__ import annotations

import argparse
from pathlib import Path

from pneumo.cli.arguments import FINE
from pneumo.formatting import counted, listed
from pneumo.schema import CLASS_NAMES

SUMMARY = "generate radiographs with a GAN, as one PNG"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run of a GAN: a name in weights/ or a folder")
    parser.add_argument("--count", type=int, default=16, metavar="N")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same radiographs")
    parser.add_argument("--class", dest="wanted", choices=CLASS_NAMES, help="default: every class that the run knows")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")


def run(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.generators import sampling
    from pneumo.images import sheets

    run = runs.load(options.run, "gan")
    images = sampling.samples(run, options.count, options.seed, options.wanted)
    runs.write(options.out, sheets.png(sheets.grid(images)))
    known = options.wanted or listed(sampling.classes(run))
    print(f"{options.out}: {counted(len(images), 'synthetic radiograph')}, {known}")
    return FINE
