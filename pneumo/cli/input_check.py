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
    parser.add_argument("--data", metavar="SOURCE", help="measure on this source; default: print the stored results")
    parser.add_argument("--fit", action="store_true", help="first fit distributions and thresholds to SOURCE")
    parser.add_argument("--encoder", metavar="RUN", help="with --fit: the run whose features are used")
    parser.add_argument(
        "--layers", nargs="+", metavar="LAYER", help="with --fit: whose features, e.g. backbone.layer1 or blocks.0"
    )
    parser.add_argument(
        "--save", type=place, nargs="?", const=Path(), metavar="DIR", help="keep it; default: weights/input_check"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo.codec import encode
    from pneumo.inference import input_check, input_check_report

    if (options.fit or options.save) and not options.data:
        raise PneumoError("--fit and --save need --data SOURCE, the source that the encoder was trained on")
    if options.save:
        files.check_folder(input_check.folder() if options.save == Path() else options.save)
    check = _fitted(options) if options.fit else input_check.load()
    if check is None:
        raise PneumoError(
            f"no input check in {input_check_report.folder()}; fit one: python -m pneumo input-check --data SOURCE --fit --save"
        )
    if options.data:
        check = _measured(check, options.data)
    if options.save:
        input_check.save(check, input_check_report.folder() if options.save == Path() else options.save)
    if options.json:
        print_json({name: value for name, value in encode(check.about).items() if name != "validation"})
    else:
        _print_about(check.about)
    return FINE


def _fitted(options: argparse.Namespace) -> Any:
    from pneumo import runs
    from pneumo.inference import input_check_fit

    encoder = runs.load(options.encoder or input_check_fit.ENCODER)
    layers = options.layers or input_check_fit.LAYERS
    return input_check_fit.fit(options.data, encoder, layers, progress_bar("fitting", "step"))


def _measured(check: Any, source: str) -> Any:
    from pneumo.inference import input_check_fit

    measured = input_check_fit.measure(check, source, progress_bar("measuring", "step"))
    return replace(check, about=replace(check.about, measured=measured))


def _print_about(about: Any) -> None:
    """about: an input_check_report.About."""
    from pneumo.inference import input_check_report

    print(
        f"input check: features of {about.encoder} ({', '.join(about.layers)}), main components, "
        f"thresholds from {about.n_validation:,} validation radiographs"
    )
    if about.measured is None:
        print("nothing was measured yet; add --data SOURCE")
        return
    result = about.measured
    print(f"  accepted      {_share(result.accepted)}  internal test radiographs of {result.patients:,} patients")
    print(f"  with warning  {_share(result.unusual)}  the same radiographs")
    print(f"  refused       {rate(result.refused_mean)}, mean over {len(result.refused)} kinds of other images:")
    for kind, share in input_check_report.kinds_of(result):
        print(f"    {_share(share)}  {kind}" + (f" (from {share.bases:,} originals)" if share.bases < share.n else ""))
    print(f"  recognised    {_share(result.phantoms_named)}  phantoms")
    for kind, share in result.others.items():
        print(f"  accepted      {_share(share)}  {kind}")


def _share(share: Any) -> str:
    return f"{rate(share.value):>6} ({span(share.ci95)}, n = {share.n:,})"
