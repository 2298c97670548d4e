"""Fitting the input check: its network learns from the training children and from a folder of images from elsewhere, and its
limits come from validation children. `input_check_measure` says what it is worth.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from pneumo import data
from pneumo.data import elsewhere
from pneumo.data.elsewhere import Elsewhere
from pneumo.images import transforms
from pneumo.inference import input_check_net as net
from pneumo.inference import input_check_training as training
from pneumo.inference.input_check import IMAGE, InputCheck, made, scores_of
from pneumo.inference.input_check_report import SCHEMA_VERSION, About
from pneumo.runs import measured
from pneumo.schema import PneumoError, Progress, RunCard

# Of validation children these shares are told the wrong thing. 3% of other children may be called from elsewhere or refused; half
# of that is kept for their being others.
CALLED_ELSEWHERE, REFUSED, MISTURNED, MIRRORED = 0.015, 0.002, 0.002, 0.005
# In log odds: a limit lies here at least, because hundreds of children alone say little about their rarest. That for `frontal`
# was settled on sources left out of the fit: there 1 in 100 radiographs lies above it, and 1 in 100 of the others below.
LEAST = {"frontal": -0.5, "turned": 1.0, "inverted": 1.0, "mirrored": 2.0}
PHANTOM = 0.0


def fit(
    card: RunCard,
    source: str,
    folder: Path,
    *,
    seed: int = 0,
    steps: int = training.STEPS,
    progress: Progress | None = None,
) -> InputCheck:
    """An input check for the children of a source and the images of a folder (`data.elsewhere`), of its part "fit" alone.

    card: of a run that was trained on the source; its split of the patients is used.
    """
    own, found = children(card, source), elsewhere.read(folder, "fit")
    return fit_to(own, found, squares_of(found), card, seed=seed, steps=steps, progress=progress)


def fit_to(
    own: data.TrainingData,
    found: Elsewhere,
    squares: np.ndarray,
    card: RunCard,
    *,
    seed: int,
    steps: int,
    without: Collection[str] = (),
    progress: Progress | None = None,
) -> InputCheck:
    """As `fit`, of what has been read already. squares: (N, S, S) uint8, of `found`. without: groups that are left out, to
    measure the result on them."""
    train, validation = (np.array(own.resized[own.rows(split)]) for split in ("train", "validation"))
    pools = training.pools_of(train, found, squares, without)
    if not pools.elsewhere:
        raise PneumoError("no frontal chest radiograph from elsewhere is left to learn from")
    arrays = training.train(pools, seed, steps, progress)
    said = net.answers(net.from_arrays(arrays), validation)
    kept = found.groups[~np.isin(found.groups, list(without))]
    about = About(
        schema_version=SCHEMA_VERSION,
        arrays_sha256=measured.arrays_digest(arrays),
        seed=seed,
        steps=steps,
        source=card.data.source,
        split_digest=card.data.split_digest,
        n_train=len(train),
        n_validation=len(validation),
        elsewhere={str(group): int((kept == group).sum()) for group in sorted(set(kept))},
        limits=limits_of(said),
        validation={
            name: tuple(round(float(v), 3) for v in np.sort(values)) for name, values in scores_of(said).items()
        },
    )
    return made(about, arrays)


def limits_of(said: net.Answers) -> dict[str, float]:
    """The limits that validation children set."""
    scores = scores_of(said)
    turned = net.log_odds_against(said.turns, 0).double().numpy()
    wrong = {"frontal": (scores["frontal"], REFUSED), "turned": (turned, MISTURNED)}
    wrong |= {
        "inverted": (said.inverted.double().numpy(), MISTURNED),
        "mirrored": (said.mirrored.double().numpy(), MIRRORED),
    }
    limits = {name: max(LEAST[name], float(np.quantile(values, 1 - share))) for name, (values, share) in wrong.items()}
    return limits | {"elsewhere": float(np.quantile(scores["elsewhere"], 1 - CALLED_ELSEWHERE)), "phantom": PHANTOM}


def children(card: RunCard, source: str) -> data.TrainingData:
    """The training hospital's children, split as for a run, at the size the check looks at."""
    return data.open_as_trained(replace(card, image=IMAGE), source)


def squares_of(found: Elsewhere) -> np.ndarray:
    return transforms.resize_all([image.pixels for image in found.images], IMAGE)


def folds(found: Elsewhere) -> list[tuple[str, ...]]:
    """Groups that are left out together: one source of frontal radiographs each, and the other groups spread over them."""
    groups: Mapping[bool, list[str]] = {
        frontal: sorted({str(group) for group in found.groups[found.frontal == frontal]}) for frontal in (True, False)
    }
    count = len(groups[True])
    return [(groups[True][n], *groups[False][n::count]) for n in range(count)]
