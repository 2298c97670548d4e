"""python -m pneumo evaluations: what runs say of sets they were not trained on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pneumo.cli.arguments import FINE, SOME_FAILED, USAGE, add_json
from pneumo.cli.printing import print_json
from pneumo.formatting import counted, printable, score, with_interval

SUMMARY = "list what runs say of other sets (list), or bring in what was measured elsewhere (import)"
REFEREE = Path("../shared/referee")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "import"), help="list them, or bring them in from a folder")
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help=f"for import: the folder with summary.json and RUN/SET.csv; default: {REFEREE}",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    if options.action == "import":
        return _import(options)
    if options.folder is not None:
        print("pneumo evaluations: list takes no folder", file=sys.stderr)
        return USAGE
    return _list(options)


def _import(options: argparse.Namespace) -> int:
    from pneumo.inference import imported

    results = imported.bring_in(options.folder or REFEREE)
    bad = [each for each in results if each.problem]
    if options.json:
        print_json(results)
    else:
        print(f"brought in {counted(len(results) - len(bad), 'set')}")
    for each in bad:
        print(
            f"not brought in: {printable(each.run)}, {printable(each.set)}: {printable(each.problem)}", file=sys.stderr
        )
    return SOME_FAILED if bad else FINE


def _list(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.runs import evaluations

    rows, broken = [], {}
    for name in runs.available("classification"):
        found = evaluations.look(runs.resolve(name))
        rows += [{"run": name, "stale": False} | vars(each) for each in found.current.values()]
        rows += [{"run": name, "stale": True, "set": each} for each in found.stale]
        broken |= {f"{name}, {each}": reason for each, reason in found.broken.items()}
    if options.json:
        print_json(rows)
    else:
        for row in rows:
            print(_line(row))
    for name, reason in broken.items():
        print(f"{printable(name)} cannot be used: {printable(reason)}", file=sys.stderr)
    return SOME_FAILED if broken else FINE


def _line(row: dict) -> str:
    start = f"{printable(row['run']):<24} {row['set']:<16} "
    if row["stale"]:
        return f"{start}out of date: measured with other weights; measure it again"
    metrics = row["metrics"]
    area = with_interval(metrics.auroc, metrics.ci95.get("auroc"), score)
    return f"{start}AUROC {area}, n = {metrics.n:,}, {row['measured']}"
