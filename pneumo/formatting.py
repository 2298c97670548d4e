"""How numbers and hints are written for people, everywhere the same."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def chance(probability: float) -> str:
    """ "0.934"; never 0.000 or 1.000, which no model may claim. The one way a probability is written for people."""
    return "<0.001" if probability < 0.0005 else ">0.999" if probability >= 0.9995 else f"{probability:.3f}"


def nearest(word: str, known: Iterable[str]) -> str:
    """', did you mean X?' for the closest known word, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
