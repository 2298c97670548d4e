"""docs/results.md and the table in the README, written again from the files in weights/: python docs/results.py"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))  # a script has its own folder there, not the repository's

from pneumo import runs  # noqa: E402
from pneumo.formatting import counted, metric, score, span, with_interval  # noqa: E402
from pneumo.generators import latent_report, quality_report  # noqa: E402
from pneumo.inference import input_check_report, robustness  # noqa: E402
from pneumo.runs import evaluations, names  # noqa: E402
from pneumo.runs.evaluations import ADULTS, OFFICIAL  # noqa: E402
from pneumo.schema import Interval, RunCard  # noqa: E402

FILE = REPOSITORY / "docs" / "results.md"
README = REPOSITORY / "README.md"
IN_SHORT = re.compile(r"(\| measured on \|.*\n\| ---.*\n)((?:.+\n)+)")  # the README's table: its head, its rows
PLACES = {ADULTS: "adults of another hospital", OFFICIAL: "official test", "test": "internal test"}
TEXT = """# Results

Written by `python docs/results.py` from the files in `weights/`. Everything is measured on radiographs that the run did not learn from. The app shows them on the pages Results, Model cards, Autoencoder and GAN.

**How far to trust them.** The patients are children of one to five from one hospital. On the official test, other children that the collection sets apart, false alarms are many times as frequent as on patients kept back from the
training set; on adults of another hospital every run is near chance. [travel.md](travel.md) says why, and what a few local radiographs repair. No run was trained or tuned on either set.

## Data and splits

The Guangzhou set (Kermany, Zhang, Goldbaum 2018, doi:10.17632/rscbjbr9sj.2, CC BY 4.0): {images:,} frontal radiographs of {patients:,} patients, split by patient into {counts}. Each finished training reads the
internal test set once, and no choice was made on it.

## Classifiers

Official test: n = {n_official} radiographs of {official_patients} patients. Adults: n = {n_adults:,}, another hospital. Internal test: n = {n} radiographs of {n_patients} patients ({positive} PNEUMONIA, {negative} NORMAL). At each run's default threshold, the lowest AUROC on the official test first.
95% intervals: Wilson for rates, DeLong for AUROC. A dash: not measured yet.
Robustness is the mean AUROC over eleven corruptions (all but inversion) in up to three severities, on {n_robust} validation radiographs. Weights are stored as float16 or int8 and measured as stored.

{classifiers}

The default threshold was chosen on {n_validation} validation radiographs: it has the best mean Youden index over clean and corrupted images, with sensitivity never below 95% on the clean ones. On the internal test most rows are a tie; the default run (`{default}`) was chosen for its robustness ([training-notes.md](training-notes.md) has the search, what helped and what did not). `first_steps` was trained on phantoms and says nothing about people.
Minutes are of one or two cores. ResNet-18 frozen, last third and fine-tuned start from an encoder that took 45 minutes more, without labels.

## Autoencoders

Held-out radiographs: n = {n_latent:,} of {latent_patients} patients (validation and internal test set). 95% intervals over patients. The principal components are as many as the code has numbers.

{autoencoders}

## GANs

Samples against as many held-out radiographs, in the features of `{encoder}`: mean, lowest and highest of three seeds. Beneath each value stands what real radiographs reach: training
against held-out ones.
The recipe of `conv_gan` was chosen on the validation set, which is part of the held-out radiographs. Distances in another network's features cannot be compared with these.

{gans}

{transfer}

## Input check

Before a result, the input check asks whether an image is a frontal chest radiograph, and whether it is like those of the training population. What is no frontal chest radiograph is refused; one from
elsewhere gets its result under a warning. No image below set a limit of the check, but for one number: how sure its network has to be before it refuses was settled on the sources left out. [adr/0018](adr/0018-three-verdicts.md) says how it works.

{check}"""


def main() -> None:
    FILE.write_text(text(), encoding="utf-8")
    README.write_text(IN_SHORT.sub(lambda found: f"{found[1]}{in_short()}\n", README.read_text()), encoding="utf-8")


def text() -> str:
    """The whole page."""
    cards = [_with_sets(name) for name in runs.available()]
    classifiers = [
        card for card in cards if card.task == "classification" and not card.data.source.startswith("phantom")
    ]
    default = _with_sets(runs.default_name())
    test, official, adults = (default.metrics[which] for which in ("test", OFFICIAL, ADULTS))
    measured = robustness.read(runs.resolve())
    check = input_check_report.read_about(input_check_report.folder())
    spaces = [(card, latent_report.read(runs.resolve(card.name))) for card in cards if card.task == "reconstruction"]
    spaces = [(card, space.about) for card, space in spaces if space]
    made = [(card, quality_report.read(runs.resolve(card.name))) for card in cards if card.task == "gan"]
    made = [(card, result) for card, result in made if result]
    return TEXT.format(
        images=sum(n for counts in default.data.counts.values() for n in counts.values()),
        patients=sum(default.data.patients.values()),
        counts=", ".join(f"{sum(counts.values()):,} {split}" for split, counts in default.data.counts.items()),
        n_official=official.n,
        official_patients=official.patients,
        n_adults=adults.n,
        n=test.n,
        n_patients=test.patients,
        positive=test.confusion["tp"] + test.confusion["fn"],
        negative=test.confusion["tn"] + test.confusion["fp"],
        n_robust=measured.n,
        classifiers="\n".join(_classifiers(classifiers)),
        n_validation=default.metrics["validation"].n,
        default=default.name,
        n_latent=spaces[0][1].n,
        latent_patients=spaces[0][1].patients,
        autoencoders="\n".join(_autoencoders(spaces)),
        encoder=made[0][1].encoder,
        gans="\n".join(_gans(made)),
        transfer="\n".join(_transfer(made)),
        check="\n".join(_check(check)),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"


def _classifiers(cards: Sequence[RunCard]) -> Iterator[str]:
    rows = []
    for card in sorted(cards, key=lambda card: (OFFICIAL not in card.metrics, _area(card))):
        robust = robustness.read(runs.resolve(card.name))
        areas = [row.auroc for row in robust.rows if row.severity and row.corruption != "inverted"] if robust else []
        rows.append(
            (
                f"{names.name_of(card)}<br>`{card.name}`",
                *(_cell(card, OFFICIAL, field) for field in ("auroc", "specificity", "sensitivity", "ece")),
                _cell(card, ADULTS, "auroc"),
                *(_cell(card, "test", field) for field in ("auroc", "specificity", "sensitivity")),
                score(sum(areas) / len(areas)) if areas else "–",
                f"{card.weights.parameters:,}",
                str(card.image.size),
                f"{card.minutes:.0f}",
                f"{card.weights.size_bytes / 1e6:.1f}",
            )
        )
    head = (
        "model", "official: AUROC", "specificity", "sensitivity", "calibration error", "adults: AUROC", "internal: AUROC", "specificity",
        "sensitivity", "robustness", "parameters", "px", "minutes", "MB",
    )  # fmt: skip
    return _table(head, rows)


def _area(card: RunCard) -> float:
    return card.metrics[OFFICIAL].auroc if OFFICIAL in card.metrics else 0.0


def _cell(card: RunCard, which: str, field: str) -> str:
    return metric(card.metrics[which], field) if which in card.metrics else "–"


def in_short() -> str:
    """The rows of the README's table: the default run on every set, the least flattering first."""
    card = _with_sets(runs.default_name())
    rows = []
    for which in (ADULTS, OFFICIAL, "test"):
        if which in card.metrics:
            found = card.metrics[which]
            cells = (metric(found, field) for field in ("specificity", "sensitivity", "auroc"))
            rows.append(
                f"| {PLACES[which]} | {found.n:,} of {counted(found.patients, 'patient')} | {' | '.join(cells)} |"
            )
    return "\n".join(rows)


def _with_sets(name: str) -> RunCard:
    folder = runs.resolve(name)
    card = runs.read_card(folder)
    return evaluations.with_sets(card, evaluations.look(folder, card).current)


def _mean(mean: object, places: int) -> str:
    ends: Interval = mean.ci95
    return f"{mean.value:.{places}f} ({ends.low:.{places}f} to {ends.high:.{places}f})"


def _autoencoders(spaces: Sequence[tuple[RunCard, latent_report.Latent]]) -> Iterator[str]:
    rows = [
        (
            f"{names.name_of(card)}<br>`{card.name}`",
            f"{about.code_size:,}",
            _mean(about.model.psnr, 2),
            _mean(about.pca.psnr, 2) if about.pca else "–",
            _mean(about.model.ssim, 3),
            _mean(about.pca.ssim, 3) if about.pca else "–",
        )
        for card, about in sorted(spaces, key=lambda pair: (pair[1].code_size, pair[0].name))
    ]
    return _table(("model", "code", "PSNR, dB", "of components", "SSIM", "of components"), rows)


def _gans(made: Sequence[tuple[RunCard, quality_report.Quality]]) -> Iterator[str]:
    rows = []
    for card, result in made:
        near, memory = result.distances, result.memory
        rows.append(
            (
                f"{names.name_of(card)}<br>`{card.name}`",
                f"{near.n:,}",
                f"{quality_report.told(near.frechet, 1)}<br>{near.frechet_floor:.1f}",
                f"{quality_report.told(near.precision, 3)}<br>{near.precision_floor:.3f}",
                f"{quality_report.told(near.recall, 3)}<br>{near.recall_floor:.3f}",
                f"{quality_report.told(memory.pixel.generated, 4)}<br>{memory.pixel.held_out:.4f} ({span(memory.pixel.held_out_ci95, lambda end: f'{end:.4f}')})",
            )
        )
    head = ("model", "n", "Frechet distance", "precision", "recall", "nearest training radiograph (pixels)")
    return _table(head, rows)


def _transfer(made: Sequence[tuple[RunCard, quality_report.Quality]]) -> Iterator[str]:
    for card, result in made:
        for each in result.tstr:
            yield (
                f"- Trained on {each.trained_on}, tested on {each.tested_on} radiographs (`{card.name}`): AUROC "
                f"{with_interval(each.auroc, each.ci95, score)}, n = {each.n:,}."
            )


def _check(check: input_check_report.About) -> Iterator[str]:
    """A table for each place that images came from, the least flattering row first."""
    for place, rates in input_check_report.by_place(check).items():
        rows = [
            [each.group, each.said, with_interval(each.share.value, each.share.ci95), f"{each.share.n:,}"]
            for each in rates
        ]
        title = input_check_report.PLACES[place]
        yield f"{title[0].upper()}{title[1:]}, the least flattering first:\n"
        yield from _table(("images", "said", "share", "n"), rows)
        yield ""


if __name__ == "__main__":
    main()
