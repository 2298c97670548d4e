"""What is known of a run on radiographs from elsewhere: a sentence for the warning above such a result."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from pneumo.codec import decode
from pneumo.formatting import metric
from pneumo.runs import names
from pneumo.schema import Metrics, PneumoError, RunCard

ADULTS = Path("evaluations", "nih_adult.json")  # of a run's folder, where that was measured
UNKNOWN = "Expect far more errors on such radiographs"


def known_text(folder: Path, card: RunCard) -> str:
    """What the run did on adults, where it was measured with these very weights; else what is to be expected. No full stop."""
    path = folder / ADULTS
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return UNKNOWN
    return _known_text(path, card.weights.sha256, names.name_of(card), changed)


@functools.lru_cache(maxsize=64)
def _known_text(path: Path, sha256: str, title: str, changed: int) -> str:
    """title: the run's name for people. changed: when the file was written, so that a new one is read."""
    try:
        found = json.loads(path.read_bytes())
        if found["weights_sha256"] != sha256:
            return UNKNOWN
        metrics = decode(Metrics, found["metrics"])
    except (OSError, ValueError, LookupError, TypeError, PneumoError):  # a damaged file never costs a result
        return UNKNOWN
    if metrics.auroc is None:
        return UNKNOWN
    return (
        f"On {metrics.n:,} adults’ radiographs of another hospital the model ({title}) had an AUROC of {metric(metrics, 'auroc')}; "
        "0.5 is chance"
    )
