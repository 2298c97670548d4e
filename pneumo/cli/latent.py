"""python -m pneumo latent: how much of a radiograph an autoencoder keeps."""

from __future__ import annotations

import argparse
from typing import Any

from pneumo import files
from pneumo.cli.arguments import FINE, add_json
from pneumo.cli.printing import print_json, progress_bar
from pneumo.formatting import printable, score, with_interval
from pneumo.schema import PneumoError

SUMMARY = "measure an autoencoder on held-out radiographs, against principal components and JPEG"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run of an autoencoder")
    parser.add_argument(
        "--data", metavar="SOURCE", help="the source that the run was trained on; default: print the stored results"
    )
    parser.add_argument(
        "--save", action="store_true", help="write latent.json and latent.safetensors into the run's folder"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from pneumo import runs
    from pneumo.codec import encode
    from pneumo.generators import latent_measures, latent_report

    run = runs.load(options.run, "reconstruction")
    if options.save and not options.data:
        raise PneumoError("--save needs --data SOURCE, the source that the run was trained on")
    if options.save:
        files.check_folder(run.folder)
    if options.data:
        space = latent_measures.measure(run, options.data, progress_bar("measuring", "step"))
    else:
        space = latent_report.read(run.folder)
    if space is None:
        raise PneumoError(
            f"run {run.card.name!r} was not measured yet; add --data SOURCE, and --save to keep the results"
        )
    if options.save:
        latent_report.save(run.folder, space)
    if options.json:
        print_json({name: value for name, value in encode(space.about).items() if name != "names"})
    else:
        _print_latent(run.card.name, space.about)
    return FINE


def _print_latent(name: str, about: Any) -> None:
    """about: a Latent."""
    print(
        f"{printable(name)}: {about.input_size:,} pixels in a code of {about.code_size:,} numbers, "
        f"n = {about.n:,} held-out radiographs of {about.patients:,} patients, 95% intervals in brackets"
    )
    for title, each in (
        ("autoencoder", about.model),
        ("principal components", about.pca),
        ("JPEG", about.jpeg),
        ("gain over components", about.gain),
    ):
        if each:
            print(f"  {title:<21} PSNR {_mean(each.psnr, 2)} dB   SSIM {_mean(each.ssim, 3)}")
    if about.class_auroc is not None:
        print(f"  telling PNEUMONIA from NORMAL by the error: AUROC {score(about.class_auroc)}")
    for kind, ood in about.ood.items():
        print(
            f"  telling {kind} from radiographs by the error: AUROC {score(ood.auroc)} "
            f"(n = {len(ood.errors):,} and {about.n:,})"
        )


def _mean(mean: Any, places: int) -> str:
    return with_interval(mean.value, mean.ci95, lambda value: score(value, places))
