"""python -m pneumo explain: a heatmap over a radiograph."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pneumo.cli.arguments import FINE, SOME_FAILED
from pneumo.formatting import probability
from pneumo.schema import CLASS_NAMES, HEATMAP_METHODS, POSITIVE, PneumoError

SUMMARY = "write a heatmap over a radiograph, as PNG"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="one file")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
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
    if options.path.is_dir():  # said at once: what is below may be large
        raise PneumoError(f"{options.path} is a folder; explain takes one file")
    if not options.path.exists():
        raise PneumoError(f"no file {str(options.path)!r}")
    from pneumo import runs
    from pneumo.images import overlays, radiograph
    from pneumo.inference import batch, diagnosis

    run = runs.load(options.run, "classification")
    [(_, result)] = batch.diagnose_files(run, [options.path])
    if result.error:
        print(f"{options.path}: {result.error}", file=sys.stderr)
        return SOME_FAILED
    heatmap = diagnosis.explain(run, result, options.method)[options.target]
    runs.write(options.out, radiograph.encode_png(overlays.overlay(result.radiograph.pixels, heatmap.values)))
    notes = [f"probability of {CLASS_NAMES[POSITIVE]} {probability(result.probability)}"]
    if not heatmap.has_evidence:
        notes.append(f"no region supports {options.target}")
    reason = diagnosis.no_result(result)
    notes += [f"no result: {reason}"] if reason else []
    print(f"{options.out}: {'; '.join(notes)}")
    return FINE
