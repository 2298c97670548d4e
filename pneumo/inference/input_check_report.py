"""What is known of the input check: its file input_check.json beside the runs, and what a card says of it.

`input_check` uses it, `input_check_fit` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pneumo import runs
from pneumo.formatting import rate, span
from pneumo.runs import measured
from pneumo.runs.model_card import INPUT_CHECK, Section
from pneumo.schema import Interval, PneumoError, RunCard

FOLDER, ABOUT_FILE, ARRAYS_FILE = "input_check", "input_check.json", "input_check.safetensors"
AGAIN = "fit the input check again: python -m pneumo input-check --data SOURCE --elsewhere FOLDER --fit --save"
SCHEMA_VERSION = 3  # 1 and 2 had no network of their own, and two verdicts
SCORES = ("frontal", "elsewhere")  # larger is less like a frontal chest radiograph, less like the training population
LIMITS = (*SCORES, "turned", "inverted", "mirrored", "phantom")
TITLES = {"frontal": "Not a frontal chest X-ray", "elsewhere": "From elsewhere"}
# Where the images of a rate come from; what is hardest, and nearest to a new hospital, first.
PLACES = {
    "left_out": "sources left out of the fit",
    "test": "more images of the sources it was fitted to, kept for the end and read once",
    "internal": "patients of the training hospital that set nothing",
    "drawn": "drawn anew",
}
# Groups that more than one place asks for.
CHILDREN = "children of the training hospital"
FRONTAL = "all frontal radiographs from elsewhere"
OTHERS = "all images that are no frontal radiograph"


@dataclass(frozen=True)
class Share:
    """`count` of n images, with Wilson's interval. bases: how many different originals the images were made from."""

    count: int
    n: int
    ci95: Interval
    bases: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.n or not self.n:
            raise PneumoError(f"a share is {self.count} of {self.n}; expected 0 to n, of 1 or more")

    @property
    def value(self) -> float:
        return self.count / self.n


@dataclass(frozen=True)
class Rate:
    """How often images of one group were called something.

    place: a key of PLACES. group: what the images are, e.g. "frontal adult, nih". said: what was said of them, e.g. "refused".
    wanted: "high" or "low"; "" where neither is right or wrong.
    """

    place: Literal["test", "left_out", "internal", "drawn"]
    group: str
    said: str
    wanted: Literal["high", "low", ""]
    share: Share

    @property
    def shortfall(self) -> float:
        """How far from perfect, 0..1; -1 where there is no right and wrong, so that these come last."""
        return {"high": 1 - self.share.value, "low": self.share.value, "": -1.0}[self.wanted]


@dataclass(frozen=True)
class About:
    """input_check.json. limits: by name, of LIMITS. validation: both scores of the validation radiographs, ascending, for
    histograms. elsewhere: how many images of each group it was fitted to. rates: of images that set none of its limits."""

    schema_version: int
    arrays_sha256: str
    seed: int
    steps: int
    source: str
    split_digest: str
    n_train: int
    n_validation: int
    elsewhere: dict[str, int]
    limits: dict[str, float]
    validation: dict[str, tuple[float, ...]]
    rates: tuple[Rate, ...] = ()

    def __post_init__(self) -> None:
        for name, each, expected in (("limits", self.limits, LIMITS), ("validation", self.validation, SCORES)):
            missing = [key for key in expected if key not in each or each[key] == ()]
            if missing:
                raise PneumoError(f"{name} lacks {', '.join(missing)}; expected {', '.join(expected)}")


def folder() -> Path:
    """Where the input check lies: beside the runs."""
    return runs.weights_folder() / FOLDER


def read_about(place: Path) -> About | None:
    """input_check.json of a folder, or None where there is none. RunError where it has another form."""
    path = place / ABOUT_FILE
    version = measured.version_of(path)
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise runs.RunError(
            f"{path} has the form of version {version}, this one reads version {SCHEMA_VERSION}; {AGAIN}"
        )
    return measured.read_json(path, About, AGAIN)


def by_place(about: About) -> dict[str, list[Rate]]:
    """The rates by place, in the order of PLACES, in each the least flattering first."""
    found = {place: [rate for rate in about.rates if rate.place == place] for place in PLACES}
    return {place: sorted(rates, key=lambda each: -each.shortfall) for place, rates in found.items() if rates}


def rate_of(about: About, place: str, group: str, said: str) -> Rate | None:
    return next((each for each in about.rates if (each.place, each.group, each.said) == (place, group, said)), None)


def card_sections(card: RunCard) -> list[Section]:
    """What a classifier's card says of the input check; nothing for other runs, or where none was measured."""
    about = read_about(folder()) if card.task == "classification" else None
    if about is None or not about.rates:
        return []
    text = (
        "Before a diagnosis a small network of its own asks two questions of each image: is it a frontal chest radiograph, upright "
        "and not inverted, and is it like those of the training population. What is no frontal chest radiograph is refused; a person "
        "can overrule that. What is one from elsewhere gets its result under a warning. The limits come from "
        f"{about.n_validation:,} validation radiographs of the training hospital; no image below set them, but for one number: how "
        "sure the network has to be before it refuses was settled on the sources left out."
    )
    for place, rates in by_place(about).items():
        rows = "\n".join(
            f"| {each.group} | {each.said} | {rate(each.share.value)} | {span(each.share.ci95, rate)} | {each.share.n:,} |"
            for each in rates
        )
        text += (
            f"\n\n**{PLACES[place][0].upper()}{PLACES[place][1:]}**, the least flattering first:\n\n"
            f"| images | said | share | 95% (Wilson) | n |\n| --- | --- | --- | --- | --- |\n{rows}"
        )
    return [Section(INPUT_CHECK, text)]
