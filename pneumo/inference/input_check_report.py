"""What is known of the input check: its file input_check.json beside the runs, and what a card says of it.

`input_check` uses it, `input_check_fit` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pneumo import runs
from pneumo.formatting import rate, span
from pneumo.runs import measured
from pneumo.runs.model_card import INPUT_CHECK, Section
from pneumo.schema import Interval, PneumoError, RunCard

FOLDER, ABOUT_FILE, ARRAYS_FILE = "input_check", "input_check.json", "input_check.safetensors"
AGAIN = "fit the input check again: python -m pneumo input-check --data SOURCE --fit --save"  # for damaged files
SCHEMA_VERSION = 2  # 1 had an autoencoder in place of the main components
SCORES = ("features", "unexplained", "position")
TITLES = {
    "features": "Distance in features",
    "unexplained": "Not explained",
    "position": "Looks rotated or cropped",
}


@dataclass(frozen=True)
class Limit:
    """Of one score: above `typical` an image is unusual, above `refused` it is refused."""

    typical: float
    refused: float


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
class Measured:
    """What the input check does with images that set none of its thresholds.

    accepted: of the internal test radiographs. unusual: of these, accepted with a warning. refused: of out-of-distribution
    samples, by kind. others: share accepted of images that are neither, for information.
    """

    accepted: Share
    patients: int
    unusual: Share
    refused: dict[str, Share]
    phantoms_named: Share
    others: dict[str, Share]

    @property
    def refused_mean(self) -> float:
        """Mean over the kinds, so that the many made from radiographs do not outweigh the others."""
        return float(np.mean([share.value for share in self.refused.values()]))


@dataclass(frozen=True)
class About:
    """input_check.json. layers: of the encoder, whose features are used. validation: every score of the validation
    radiographs, ascending, for histograms."""

    schema_version: int
    encoder: str
    encoder_sha256: str
    layers: tuple[str, ...]
    arrays_sha256: str
    split_digest: str
    n_train: int
    n_validation: int
    limits: dict[str, Limit]
    phantom_limit: float
    validation: dict[str, tuple[float, ...]]
    measured: Measured | None = None

    def __post_init__(self) -> None:
        for name, each in (("limits", self.limits), ("validation", self.validation)):
            missing = [score for score in SCORES if not each.get(score)]
            if missing:
                raise PneumoError(f"{name} lacks {', '.join(missing)}; expected {', '.join(SCORES)}")
        if self.measured and not self.measured.refused:
            raise PneumoError("measured.refused is empty; expected one kind of images or more")


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


def kinds_of(measured: Measured) -> list[tuple[str, Share]]:
    """The kinds that should be refused with their shares, the least often refused first."""
    return sorted(measured.refused.items(), key=lambda pair: pair[1].value)


def card_sections(card: RunCard) -> list[Section]:
    """What a classifier's card says of the input check; nothing for other runs, or where none was measured."""
    about = read_about(folder()) if card.task == "classification" else None
    if about is None or about.measured is None:
        return []
    result = about.measured
    rows = [
        ("accepted", "internal test radiographs", result.accepted),
        ("accepted with a warning", "of these", result.unusual),
        *(("refused", kind, share) for kind, share in kinds_of(result)),
        ("recognised", "phantoms", result.phantoms_named),
        *(("accepted", kind, share) for kind, share in result.others.items()),
    ]
    table = "\n".join(
        f"| {what} | {kind} | {rate(each.value)} | {span(each.ci95, rate)} | {each.n:,} |" for what, kind, each in rows
    )
    text = (
        "Before a diagnosis each image is compared with the training radiographs: by its distance in features, by what the "
        "main components of radiographs do not explain, and by whether it looks rotated or cropped. The limits come from "
        f"{about.n_validation:,} validation radiographs; none of the images below set them. A person can overrule a refusal. "
        f"Mean rate of refusal over {len(result.refused)} kinds of out-of-distribution samples: {rate(result.refused_mean)}.\n\n"
        f"| | images | share | 95% (Wilson) | n |\n| --- | --- | --- | --- | --- |\n{table}"
    )
    return [Section(INPUT_CHECK, text)]
