"""python -m pneumo data: what a data set holds."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pneumo import files
from pneumo.cli.arguments import FINE, SOME_FAILED, add_json
from pneumo.cli.printing import print_json, progress_bar
from pneumo.formatting import counted, printable, rate
from pneumo.schema import PneumoError

SUMMARY = "count images, classes, sizes, duplicates and patients of a data set"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder, hub:<dataset id>, phantom[:count[:seed]], or phantom-marked[:count[:seed]]",
    )
    parser.add_argument(
        "--save",
        metavar="NAME",
        help="also write these numbers to weights/datasets/NAME.json, which the Data page shows",
    )
    parser.add_argument("--run", metavar="RUN", help="with --save: whose split is stored; default: the default run's")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo import data

    if options.run and not options.save:
        raise PneumoError("--run says whose split is stored, so it needs --save NAME")
    if options.save:
        _check_save(options)  # before the images are read
    dataset = data.open_source(options.source)
    audit = _save(options, dataset) if options.save else data.audit(dataset, progress_bar("reading"))
    if options.json:
        print_json(audit)
    else:
        _print_audit(audit, data.audit_warnings(audit))
    return SOME_FAILED if audit["unreadable"] else FINE


def _check_save(options: argparse.Namespace) -> None:
    from pneumo import runs
    from pneumo.inference import dataset_measures, dataset_summary

    dataset_measures.check(options.save, runs.read_card(runs.resolve(options.run)))
    files.check_folder(dataset_summary.folder())


def _save(options: argparse.Namespace, dataset: Any) -> dict[str, Any]:
    """Reads every image once, for the audit and for the stored summary. Returns the audit."""
    from pneumo import runs
    from pneumo.inference import dataset_audit, dataset_measures, dataset_summary

    card = runs.read_card(runs.resolve(options.run))
    survey = dataset_audit.take(options.source, progress_bar("reading"))
    summary = dataset_measures.summary_of(survey, dataset, card, name=options.save)
    path = dataset_summary.save(dataset_summary.folder(), summary)
    print(f"wrote {printable(path)}", file=sys.stderr)
    return survey.audit


def _print_audit(audit: dict[str, Any], warnings: list[str]) -> None:
    print(
        f"{printable(audit['source'])}: {counted(audit['images'], 'image')} of {counted(audit['patients'], 'patient')} ({audit['licence']})"
    )
    for name, count in audit["classes"].items():
        print(f"  {name:<10} {count:>7,}  {rate(count / audit['images'])}")
    print(f"  imbalance  {audit['imbalance']:.2f} to 1")
    print("splits:     " + ", ".join(f"{name} {sum(each.values()):,}" for name, each in audit["splits"].items()))
    print("subtypes:   " + ", ".join(f"{name} {count:,}" for name, count in audit["subtypes"].items()))
    print("sizes:      " + ", ".join(f"{s['width']}x{s['height']} ({s['images']:,})" for s in audit["sizes"]))
    print(
        f"duplicates: {audit['duplicate_groups']:,} groups of identical files, {audit['duplicate_images']:,} superfluous images, "
        f"{audit['duplicates_with_two_labels']:,} groups with two labels"
    )
    print(f"patients in several splits: {audit['patients_in_several_splits']:,}")
    for sentence in warnings:
        print(f"warning: {printable(sentence)}")
    print(f"unreadable: {len(audit['unreadable']):,}")
    for name, error in audit["unreadable"].items():
        print(f"  {printable(name)}: {printable(error)}")
