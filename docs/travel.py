"""docs/travel.md, written again from the evaluations in weights/: python docs/travel.py

What recalibration would gain is a demonstration on the official test; nothing that ships was fitted to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))  # a script has its own folder there, not the repository's

from pneumo import runs  # noqa: E402
from pneumo.formatting import metric, rate, score  # noqa: E402
from pneumo.metrics import recalibration  # noqa: E402
from pneumo.runs import evaluations, names  # noqa: E402
from pneumo.runs.evaluations import ADULTS, OFFICIAL  # noqa: E402
from pneumo.schema import Predictions, RunCard  # noqa: E402

FILE = REPOSITORY / "docs" / "travel.md"
HOME = "test"
SIZES = (20, 50, 100)
ROUNDS = 100
TEXT = """# How far the models travel

Written by `python docs/travel.py` from `weights/*/evaluations/`. A referee read every run once on two sets that stay out of reach; nothing was chosen on them. `python -m pneumo evaluations import` brings such
figures in and checks them against the predictions and the weights; `python -m pneumo evaluate RUN --data FOLDER --save NAME` adds a set of your own.

- **Official test**: {n} radiographs of {patients} children that the collection sets apart ({prevalence} with pneumonia).
- **Adults elsewhere**: {n_adults:,} adults of another hospital in another country (NIH), half of them labelled pneumonia by a program that read the reports.
- **Internal test**: {n_home} radiographs of {patients_home} children kept back from the training set ({prevalence_home} with pneumonia).

## Every run

{every}

At each run's default threshold. 95% intervals: DeLong for AUROC, Wilson for rates, none for the calibration error. At home the runs look the same; on the official test a NORMAL radiograph is called PNEUMONIA in one of six cases at best and in nearly one of two at worst.

## What differs

Median logits before calibration, and by how much they move from the internal to the official test:

{shifts}

- NORMAL radiographs of the official test score higher in every run: they move towards pneumonia, while pneumonias stay or move less. The order survives (AUROC), the threshold does not (specificity).
- Pneumonia is rarer on the official test ({prevalence} against {prevalence_home}), so calibrated probabilities come out too high there even where the logits stay.
- Among adults, the logits of NORMAL and PNEUMONIA radiographs lie together, or the wrong way round. There is no order left that a threshold could use.

## What a few local radiographs repair

`{default}`, recalibrated (temperature, offset, and the highest threshold that keeps 95% sensitivity) on so many labelled radiographs of the official test, measured on all other patients: mean and middle 95% of {rounds} draws.
A demonstration by resampling: it shows what a hospital could gain with its own radiographs. The run that ships was not touched. Results has a tool for it, *Recalibrate for my hospital*.

{learning}

The same on the adults, where it repairs the probabilities and nothing else:

{adults}

With twenty radiographs the new threshold is a lottery: in the worst draws it loses more than it gains. A hundred give most of what there is.

## What it cannot repair

An AUROC near .5 on adults means that the order of the radiographs is lost. Threshold and calibration never change an order. A model for adults has to learn from adults.
"""


def main() -> None:
    FILE.write_text(text(), encoding="utf-8")


def text() -> str:
    """The whole page."""
    cards = {name: _card(name) for name in runs.available("classification")}
    cards = {name: card for name, card in cards.items() if OFFICIAL in card.metrics and ADULTS in card.metrics}
    default = runs.default_name()
    official, adults, home = (cards[default].metrics[which] for which in (OFFICIAL, ADULTS, HOME))
    return TEXT.format(
        n=official.n,
        patients=official.patients,
        prevalence=_prevalence(official.confusion),
        n_adults=adults.n,
        n_home=home.n,
        patients_home=home.patients,
        prevalence_home=_prevalence(home.confusion),
        every="\n".join(_every(cards)),
        shifts="\n".join(_shifts(cards)),
        default=default,
        rounds=ROUNDS,
        learning="\n".join(_learning(cards[default], OFFICIAL)),
        adults="\n".join(_learning(cards[default], ADULTS)),
    )


def _card(name: str) -> RunCard:
    folder = runs.resolve(name)
    card = runs.read_card(folder)
    return evaluations.with_sets(card, evaluations.look(folder, card).current)


def _prevalence(counts: dict[str, int]) -> str:
    return rate((counts["tp"] + counts["fn"]) / sum(counts.values()))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"


def _every(cards: dict[str, RunCard]) -> Iterator[str]:
    rows = []
    for name, card in sorted(cards.items(), key=lambda pair: -pair[1].metrics[OFFICIAL].auroc):
        official, adults, home = (card.metrics[which] for which in (OFFICIAL, ADULTS, HOME))
        rows.append(
            (
                f"{names.name_of(card)}<br>`{name}`",
                *(metric(official, field) for field in ("auroc", "specificity", "sensitivity")),
                score(official.ece),
                metric(adults, "auroc"),
                *(metric(home, field) for field in ("auroc", "specificity")),
            )
        )
    head = ("model", "official: AUROC", "specificity", "sensitivity", "calibration error", "adults: AUROC", "internal: AUROC", "specificity")  # fmt: skip
    return _table(head, rows)


def _predictions(card: RunCard, which: str) -> Predictions:
    folder = runs.resolve(card.name)
    return runs.read_predictions(folder).split(which) if which == HOME else evaluations.predictions(folder, which)


def _shifts(cards: dict[str, RunCard]) -> Iterator[str]:
    rows = []
    for card in cards.values():
        medians = {
            which: [float(np.median(found.logits[found.labels == label])) for label in (0, 1)]
            for which in (HOME, OFFICIAL, ADULTS)
            for found in [_predictions(card, which)]
        }
        moved = [medians[OFFICIAL][label] - medians[HOME][label] for label in (0, 1)]
        rows.append(
            (
                f"`{card.name}`",
                *(
                    f"{medians[HOME][label]:.1f} to {medians[OFFICIAL][label]:.1f} ({moved[label]:+.1f})"
                    for label in (0, 1)
                ),
                f"{medians[ADULTS][0]:.1f}",
                f"{medians[ADULTS][1]:.1f}",
            )
        )
    return _table(("run", "NORMAL", "PNEUMONIA", "adults: NORMAL", "PNEUMONIA"), rows)


def _learning(card: RunCard, which: str) -> Iterator[str]:
    known = _predictions(card, which)
    logits = recalibration.logits_of(known.probabilities)
    metrics = card.metrics[which]
    rows = [("none", rate(metrics.sensitivity, 0), rate(metrics.specificity, 0), f"{metrics.ece:.2f}")]
    for size, found in recalibration.learning(known.labels, logits, known.patients, SIZES, rounds=ROUNDS).items():
        cells = (
            f"{write(found[field].value)} ({write(found[field].ci95.low)} to {write(found[field].ci95.high)})"
            for field, write in (("sensitivity", _percent), ("specificity", _percent), ("ece", "{:.2f}".format))
        )
        rows.append((str(size), *cells))
    return _table(("local radiographs", "sensitivity", "specificity", "calibration error"), rows)


def _percent(value: float) -> str:
    return rate(value, 0)


if __name__ == "__main__":
    main()
