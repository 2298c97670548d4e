"""How numbers, names and hints are written for people, everywhere the same."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pneumo.schema import Interval, Metrics

NOT_DEFINED = "–"


def probability(value: float) -> str:
    """ "0.934"; never 0.000 or 1.000, which no model may claim."""
    return "<0.001" if value < 0.0005 else ">0.999" if value >= 0.9995 else f"{value:.3f}"


def rate(value: float | None, digits: int = 1) -> str:
    """A share as a percentage: "93.4%"; a dash where it is not defined."""
    return NOT_DEFINED if value is None else f"{value:.{digits}%}"


def score(value: float | None, places: int = 3) -> str:
    """What is no share of anything (AUROC, calibration error, correlation): "0.997"; a dash where it is not defined."""
    return NOT_DEFINED if value is None else f"{value:.{places}f}"


def span(interval: Interval | None, write: Callable[[float], str] = rate) -> str:
    """ "90.3% to 95.5%"; empty where there is no interval. write: how each end is written, e.g. `rate` or `score`."""
    return "" if interval is None else f"{write(interval.low)} to {write(interval.high)}"


def with_interval(value: float | None, interval: Interval | None, write: Callable[[float | None], str] = rate) -> str:
    """ "93.4% (90.3% to 95.5%)"; the value alone where it has no interval."""
    return write(value) + (f" ({span(interval, write)})" if interval and value is not None else "")


METRICS: dict[str, tuple[str, Callable[[float | None], str]]] = {  # field of Metrics: its title, how it is written
    "auroc": ("AUROC", score),
    "auprc": ("Average precision", score),
    "sensitivity": ("Sensitivity", rate),
    "specificity": ("Specificity", rate),
    "precision": ("Precision", rate),
    "f1": ("F1", score),
    "accuracy": ("Accuracy", rate),
    "brier": ("Brier score", score),
    "ece": ("Calibration error", score),
}


def metric(metrics: Metrics, name: str) -> str:
    """ "93.4% (90.3% to 95.5%)" for a rate, "0.997 (0.994 to 0.999)" for a score; a dash where it is not defined."""
    return with_interval(getattr(metrics, name), metrics.ci95.get(name), METRICS[name][1])


def counted(n: int, noun: str, plural: str = "") -> str:
    """ "1 file", "1,300 files". plural: where an s does not make it."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def listed(words: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def nearest(word: str, known: Iterable[str]) -> str:
    """', did you mean X?' for the closest known word, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def printable(text: Path | str) -> str:
    """A name as a line of a table or a terminal can hold it: line breaks, other control characters, and bytes that are no
    UTF-8 (old archives) become escapes."""
    unprintable = (
        "Cc",
        "Cs",
        "Zl",
        "Zp",
    )  # control characters; surrogates, which stand for such bytes; line separators
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in unprintable else c for c in str(text)
    )


def shortened(text: Path | str, longest: int = 120) -> str:
    """What somebody typed, as a message can repeat it: printable, in quotation marks, the middle of a long text left out."""
    text = str(text)
    half = longest // 2
    return f"'{printable(text if len(text) <= longest else f'{text[:half]} ... {text[-half:]}')}'"
