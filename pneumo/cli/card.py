"""python -m pneumo card: a run's model card."""

from __future__ import annotations

import argparse
import sys

from pneumo import files
from pneumo.cli.arguments import FINE, SOME_FAILED, place

SUMMARY = "print a run's model card as Markdown, in the format of the Hugging Face hub"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="a name in weights/ or a folder; default: the default run"
    )
    parser.add_argument("--out", type=place, metavar="FILE", help="default: stdout")


def run(options: argparse.Namespace) -> int:
    if options.out:
        files.check_file(options.out)
    from pneumo import runs
    from pneumo.generators import latent_report, quality_report
    from pneumo.inference import heatmap_report, input_check_report
    from pneumo.runs import character_report, evaluations, model_card

    folder = runs.resolve(options.run)
    card = runs.read_card(folder)
    sets = evaluations.look(folder, card)
    card = evaluations.with_sets(card, sets.current)
    looks = (
        lambda: character_report.card_sections(folder),
        lambda: quality_report.card_sections(folder),
        lambda: latent_report.card_sections(folder),
        lambda: input_check_report.card_sections(card),
        lambda: heatmap_report.card_sections(folder),
    )
    measured, code = [], FINE
    for name in sets.stale:
        print(f"left out: {name} was measured with other weights; measure it again", file=sys.stderr)
    for reason in sets.broken.values():
        print(f"left out: {reason}", file=sys.stderr)
        code = SOME_FAILED
    for look in looks:
        try:
            measured += look()
        except runs.RunError as error:  # one damaged file leaves out its own section
            print(f"left out: {error}", file=sys.stderr)
            code = SOME_FAILED
    text = model_card.markdown(card, measured)
    if options.out:
        runs.write(options.out, text.encode())
    else:
        print(text, end="")
    return code
