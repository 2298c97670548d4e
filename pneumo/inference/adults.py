"""What is known of a run on radiographs from elsewhere: a sentence for the warning above such a result."""

from __future__ import annotations

import functools
from pathlib import Path

from pneumo.formatting import metric
from pneumo.runs import evaluations, measured, names
from pneumo.runs.evaluations import ADULTS, Evaluation
from pneumo.schema import PneumoError, RunCard

UNKNOWN = "Expect far more errors on such radiographs"


def known_text(folder: Path, card: RunCard) -> str:
    """What the run did on adults, where it was measured with these very weights; else what is to be expected. No full stop."""
    path = folder / evaluations.FOLDER / f"{ADULTS}.json"
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return UNKNOWN
    return _known_text(path, card.weights.sha256, names.name_of(card), changed)


@functools.lru_cache(maxsize=64)
def _known_text(path: Path, sha256: str, title: str, changed: int) -> str:
    """title: the run's name for people. changed: when the file was written, so that a new one is read."""
    try:
        found = measured.read_json(path, Evaluation)
    except PneumoError:  # a damaged file never costs a result
        return UNKNOWN
    if found is None or found.weights_sha256 != sha256:
        return UNKNOWN
    metrics = found.metrics
    if metrics.auroc is None:
        return UNKNOWN
    return (
        f"On {metrics.n:,} adults’ radiographs of another hospital the model ({title}) had an AUROC of {metric(metrics, 'auroc')}; "
        "0.5 is chance"
    )
