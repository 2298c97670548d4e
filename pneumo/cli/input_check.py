"""python -m pneumo input-check: the check before a result, measured or fitted again."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from pneumo import files
from pneumo.cli.arguments import FINE, add_json, place
from pneumo.cli.printing import print_json, progress_bar
from pneumo.formatting import rate, span
from pneumo.schema import PneumoError

SUMMARY = "show how well the input check tells frontal chest radiographs from other images, or fit it again"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="SOURCE",
        help="measure on this source, which the run was trained on; default: print the stored results",
    )
    parser.add_argument(
        "--elsewhere",
        type=Path,
        metavar="FOLDER",
        help="images from elsewhere: a folder with labels.csv (file, part, kind, source)",
    )
    parser.add_argument(
        "--fit", action="store_true", help="first fit the network and its limits to SOURCE and FOLDER, part fit"
    )
    parser.add_argument(
        "--left-out",
        action="store_true",
        help="also measure on sources that are left out of the fit; takes a fit for each",
    )
    parser.add_argument(
        "--test", action="store_true", help="also read FOLDER's part test: once, when nothing is to be changed any more"
    )
    parser.add_argument("--run", metavar="RUN", help="the run whose split of SOURCE is used; default: the default run")
    parser.add_argument("--seed", type=int, help="with --fit: of the network; default: 0")
    parser.add_argument("--steps", type=int, help="with --fit: batches to learn from")
    parser.add_argument(
        "--save", type=place, nargs="?", const=Path(), metavar="DIR", help="keep it; default: weights/input_check"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo.codec import encode
    from pneumo.inference import input_check, input_check_report

    _check_options(options)
    where = input_check_report.folder() if options.save == Path() else options.save
    if options.save:
        files.check_folder(where)
    check = _fitted(options) if options.fit else input_check.load()
    if check is None:
        raise PneumoError(
            f"no input check in {input_check_report.folder()}; fit one: python -m pneumo input-check --data SOURCE --elsewhere FOLDER --fit --save"
        )
    check = _measured(check, options)
    if options.save:
        input_check.save(check, where)
    if options.json:
        print_json({name: value for name, value in encode(check.about).items() if name != "validation"})
    else:
        _print_about(check.about)
    return FINE


def _check_options(options: argparse.Namespace) -> None:
    """PneumoError where one option needs another, so that no fit of minutes ends without what it was for."""
    if (options.fit or options.left_out) and not (options.data and options.elsewhere):
        raise PneumoError("--fit and --left-out need --data SOURCE and --elsewhere FOLDER")
    if options.test and not options.elsewhere:
        raise PneumoError("--test needs --elsewhere FOLDER")
    if options.save and not (options.data or options.test):
        raise PneumoError("--save needs something new to keep: --data SOURCE, or --test")


def _card(options: argparse.Namespace) -> Any:
    from pneumo import runs

    return runs.read_card(runs.resolve(options.run or runs.default_name()))


def _fitted(options: argparse.Namespace) -> Any:
    from pneumo.inference import input_check_fit, input_check_training

    return input_check_fit.fit(
        _card(options),
        options.data,
        options.elsewhere,
        seed=options.seed or 0,
        steps=options.steps or input_check_training.STEPS,
        progress=progress_bar("fitting", "step"),
    )


def _measured(check: Any, options: argparse.Namespace) -> Any:
    """The check with new rates in the place of those that were measured again."""
    from pneumo.inference import input_check_measure as measure

    rates: tuple[Any, ...] = ()
    if options.data:
        rates += measure.of_children(check, _card(options), options.data, progress_bar("measuring", "step"))
    if options.left_out:
        about, told = check.about, progress_bar("leaving sources out", "step")
        rates += measure.left_out(
            _card(options), options.data, options.elsewhere, seed=about.seed, steps=about.steps, progress=told
        )
    if options.test:
        rates += measure.kept_for_the_end(check, options.elsewhere)
    again = {each.place for each in rates}
    kept = tuple(each for each in check.about.rates if each.place not in again)
    return replace(check, about=replace(check.about, rates=(*kept, *rates)))


def _print_about(about: Any) -> None:
    """about: an input_check_report.About."""
    from pneumo.inference import input_check_report

    print(
        f"input check: a network of its own, fitted to {about.n_train:,} children of {about.source} and "
        f"{sum(about.elsewhere.values()):,} images from elsewhere; limits from {about.n_validation:,} validation radiographs"
    )
    if not about.rates:
        print("nothing was measured yet; add --data SOURCE")
    for where, rates in input_check_report.by_place(about).items():
        print(f"{input_check_report.PLACES[where]}, the least flattering first:")
        for each in rates:
            made = f" (from {each.share.bases:,} originals)" if each.share.bases < each.share.n else ""
            print(f"  {_share(each.share)}  {each.said}: {each.group}{made}")


def _share(share: Any) -> str:
    return f"{rate(share.value):>6} ({span(share.ci95)}, n = {share.n:,})"
