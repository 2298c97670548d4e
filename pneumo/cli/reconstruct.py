"""python -m pneumo reconstruct: a radiograph through an autoencoder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pneumo.cli.arguments import FINE, SOME_FAILED, add_image_out
from pneumo.formatting import printable
from pneumo.schema import PneumoError

SUMMARY = "write a radiograph, its reconstruction by an autoencoder, and the error, as one image file"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="one file")
    add_image_out(parser)
    parser.add_argument("--run", required=True, metavar="RUN", help="a run of an autoencoder")


def run(options: argparse.Namespace) -> int:
    from pneumo.images import image_files

    image_files.check(options.out)
    import numpy as np

    from pneumo import runs
    from pneumo.generators import reconstruction
    from pneumo.images import radiograph, sheets

    run = runs.load(options.run, "reconstruction")
    try:
        pixels = radiograph.read(radiograph.file_bytes(options.path), options.path.name).pixels
    except PneumoError as error:
        print(f"{printable(options.path)}: {printable(error)}", file=sys.stderr)
        return SOME_FAILED
    result = reconstruction.reconstruct(run, pixels)
    error = (result.error * 255).round().clip(0, 255).astype(np.uint8)
    sheet = sheets.grid(np.stack([result.original, result.result, error]), columns=3)
    runs.write(options.out, image_files.encode(sheet, options.out, sheets.SYNTHETIC))
    print(
        f"{printable(options.out)}: original, reconstruction, error; PSNR {result.psnr:.1f} dB, SSIM {result.ssim:.3f}"
    )
    return FINE
