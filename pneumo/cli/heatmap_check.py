"""python -m pneumo heatmap-check: which heatmap becomes a run's default."""

from __future__ import annotations

import argparse

from pneumo.cli.arguments import FINE, add_json
from pneumo.cli.printing import print_json, progress_bar
from pneumo.formatting import counted, printable, rate

SUMMARY = "measure finer heatmaps beside Grad-CAM, and choose a run's default one"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="a name in weights/ or a folder; default: the default run"
    )
    parser.add_argument(
        "--data",
        metavar="SOURCE",
        help="the source that the run was trained on: its validation images are used beside generated radiographs",
    )
    parser.add_argument("--save", action="store_true", help="write heatmap.json into the run's folder")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo.inference import heatmap_measure, heatmap_report

    result = heatmap_measure.command(options.run, options.data, options.save, progress_bar("measuring", "heatmap"))
    if options.json:
        print_json(result)
        return FINE
    print(f"{printable(result.run)}: {heatmap_report.conclusion(result)}")
    print(
        f"  {counted(result.phantoms, 'phantom')}, {counted(result.radiographs, 'validation image')}, "
        f"{counted(result.generated, 'generated radiograph')}"
    )
    for row in result.rows:
        print(
            f"  {heatmap_report.name_of(row):<40} {row.cells:>3} cells  lesions met {row.hits:>3}  "
            f"deletion {row.deletion:.3f} ({row.deletion_change:+.3f})  insertion {row.insertion:.3f} ({row.insertion_change:+.3f})  "
            f"likeness {'   –' if row.likeness is None else f'{row.likeness:.2f}'}  visible {rate(row.visible)}"
            + (f"  worse in {', '.join(row.worse_in)}" if row.worse_in else "")
        )
    return FINE
