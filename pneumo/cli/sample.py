"""python -m pneumo sample: radiographs of a GAN."""

from __future__ import annotations

import argparse
import sys

from pneumo.cli.arguments import FINE, MAX_SEED, add_image_out, whole
from pneumo.formatting import counted, listed, printable
from pneumo.schema import CLASS_NAMES

MAX_SAMPLES = 4096  # as in generators.sampling, which checks it again
SUMMARY = "generate radiographs with a GAN, as one image file"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run of a GAN: a name in weights/ or a folder")
    parser.add_argument("--count", type=whole(1, MAX_SAMPLES), default=16, metavar="N", help=f"1 to {MAX_SAMPLES:,}")
    parser.add_argument("--seed", type=whole(0, MAX_SEED), default=0, help="the same seed gives the same radiographs")
    parser.add_argument("--class", dest="wanted", choices=CLASS_NAMES, help="default: every class that the run knows")
    add_image_out(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.generators import sampling
    from pneumo.images import image_files, sheets

    image_files.check(options.out)
    run = runs.load(options.run, "gan")
    images = sampling.samples(run, options.count, options.seed, options.wanted)
    runs.write(options.out, image_files.encode(sheets.grid(images), options.out, sheets.SYNTHETIC))
    if image_files.check_ending(options.out) in image_files.SILENT:
        print("this format holds no text, so the file does not say that it is synthetic; PNG does", file=sys.stderr)
    known = options.wanted or listed(sampling.classes(run))
    print(f"{printable(options.out)}: {counted(len(images), 'synthetic radiograph')}, {known}")
    return FINE
