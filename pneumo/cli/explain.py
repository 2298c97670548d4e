"""python -m pneumo explain: a heatmap over a radiograph."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pneumo.cli.arguments import FINE, SOME_FAILED, add_image_out
from pneumo.formatting import printable, probability
from pneumo.schema import CLASS_NAMES, HEATMAP_METHODS, POSITIVE, PneumoError

SUMMARY = "write a heatmap over a radiograph, as an image file"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="one file")
    add_image_out(parser)
    parser.add_argument("--run", metavar="RUN", help="a name in weights/ or a folder; default: the default run")
    parser.add_argument(
        "--method",
        choices=HEATMAP_METHODS,
        help="default: the one that the run's own checks favour (see heatmap-check)",
    )
    parser.add_argument(
        "--target", choices=CLASS_NAMES, default=CLASS_NAMES[POSITIVE], help="the class whose evidence is shown"
    )


def run(options: argparse.Namespace) -> int:
    from pneumo.images import image_files

    image_files.check(options.out)
    if options.path.is_dir():  # said at once: what is below may be large
        raise PneumoError(f"{options.path} is a folder; explain takes one file")
    if not options.path.exists():
        raise PneumoError(f"no file {str(options.path)!r}")
    from pneumo import runs
    from pneumo.images import overlays
    from pneumo.inference import batch, diagnosis

    run = runs.load(options.run, "classification")
    [(_, result)] = batch.diagnose_files(run, [options.path])
    if result.error:
        print(f"{printable(options.path)}: {printable(result.error)}", file=sys.stderr)
        return SOME_FAILED
    heatmap = diagnosis.explain(run, result, options.method)[options.target]
    painted = overlays.overlay(result.radiograph.pixels, heatmap.values)
    runs.write(options.out, image_files.encode(painted, options.out))
    notes = [f"probability of {CLASS_NAMES[POSITIVE]} {probability(result.probability)}"]
    if not heatmap.has_evidence:
        notes.append(f"no region supports {options.target}")
    reason = diagnosis.no_result(result)
    notes += [f"no result: {reason}"] if reason else []
    print(f"{printable(options.out)} ({image_files.check_ending(options.out)}): {'; '.join(notes)}")
    return FINE
