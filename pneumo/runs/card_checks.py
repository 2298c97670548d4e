"""What a card must hold beyond its schema, so that whoever reads it can rely on it.

The schema says of which kind each value is. Whether a classifier has operating points, and whether a confusion matrix adds up
to its number of images, is checked here, when a card is read and before it is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from pneumo.formatting import nearest
from pneumo.schema import CHARACTERS, CLASS_NAMES, Interval, Metrics, OperatingPoint, PneumoError, RunCard

TASKS = ("characters", "classification", "contrastive", "gan", "reconstruction")
CELLS = ("tn", "fp", "fn", "tp")
SHARES = (
    "threshold", "accuracy", "sensitivity", "specificity", "precision", "f1", "auroc", "auprc", "brier", "ece",
    "balanced_accuracy", "ece_uncalibrated", "majority_accuracy",
)  # fmt: skip
EXTREME = 1000.0  # of temperature and bias: beyond it every probability is 0 or 1


def check(card: RunCard) -> None:
    """Raises PneumoError that names the first place which does not fit, and what was expected there."""
    if card.task not in TASKS:
        expected = ", ".join(map(repr, TASKS))
        raise PneumoError(f"task is {card.task!r}; expected one of {expected}{nearest(card.task, TASKS)}")
    expected = CHARACTERS if card.task == "characters" else CLASS_NAMES
    if card.class_names != expected:
        raise PneumoError(f"class_names is {list(card.class_names)}; expected {list(expected)}")
    _check_numbers(card)
    for name, metrics in card.metrics.items():
        _check_metrics(metrics, f"metrics.{name}")
    if card.task == "classification":
        _check_classifier(card)


def _check_numbers(card: RunCard) -> None:
    numbers = {
        "epochs_run": card.epochs_run,
        "best_epoch": card.best_epoch,
        "minutes": card.minutes,
        "weights.parameters": card.weights.parameters,
        "weights.size_bytes": card.weights.size_bytes,
        **{f"data.patients.{split}": count for split, count in card.data.patients.items()},
        **{f"data.counts.{split}.{name}": n for split, each in card.data.counts.items() for name, n in each.items()},
    }
    for place, value in numbers.items():
        _expect(place, value, value >= 0, "0 or more")
    _expect("temperature", card.temperature, card.temperature <= EXTREME, f"a number above 0, up to {EXTREME:,.0f}")
    _expect("bias", card.bias, abs(card.bias) <= EXTREME, f"{-EXTREME:,.0f} to {EXTREME:,.0f}")


def _check_classifier(card: RunCard) -> None:
    """Pages and commands take for granted that a classifier has a threshold, and that it was measured on held-out patients."""
    if not card.operating_points:
        raise PneumoError("operating_points is empty; a classifier has one or more")
    _check_once("operating_points", (point.name for point in card.operating_points))
    for number, point in enumerate(card.operating_points):
        _check_point(point, f"operating_points[{number}]")
    if not card.metrics.keys() & {"validation", "test"}:
        raise PneumoError(f"metrics has {list(card.metrics)}; a classifier has validation or test")
    counts = card.data.counts.get("train", {})
    missing = [name for name in CLASS_NAMES if name not in counts]
    if missing or "train" not in card.data.patients:
        raise PneumoError(
            f"data.counts.train has {list(counts)} and data.patients {list(card.data.patients)}; a classifier has the counts "
            f"of {' and '.join(CLASS_NAMES)} and of the patients of train"
        )
    if card.indeterminate is not None:
        _check_interval(card.indeterminate, "indeterminate", low=0, high=1)


def _check_point(point: OperatingPoint, place: str) -> None:
    for name in ("threshold", "sensitivity", "specificity"):
        value = getattr(point, name)
        _expect(f"{place}.{name}", value, 0 <= value <= 1, "0 to 1")
    for name in ("n_positive", "n_negative"):
        value = getattr(point, name)
        _expect(f"{place}.{name}", value, value >= 0, "0 or more")


def _check_metrics(metrics: Metrics, place: str) -> None:
    _expect(f"{place}.n", metrics.n, metrics.n >= 1, "1 or more")
    _expect(f"{place}.patients", metrics.patients, 1 <= metrics.patients <= metrics.n, f"1 to n, which is {metrics.n}")
    if set(metrics.confusion) != set(CELLS):
        raise PneumoError(f"{place}.confusion has {sorted(metrics.confusion)}; expected {', '.join(CELLS)}")
    for name, count in metrics.confusion.items():
        _expect(f"{place}.confusion.{name}", count, count >= 0, "0 or more")
    total = sum(metrics.confusion.values())
    _expect(f"{place}.confusion", f"of {total} images", total == metrics.n, f"n, which is {metrics.n}")
    for name in SHARES:
        value = getattr(metrics, name)
        _expect(f"{place}.{name}", value, value is None or 0 <= value <= 1, "0 to 1")
    _expect(f"{place}.mcc", metrics.mcc, metrics.mcc is None or -1 <= metrics.mcc <= 1, "-1 to 1")
    for name, interval in metrics.ci95.items():
        _check_interval(interval, f"{place}.ci95.{name}")
    for number, group in enumerate(metrics.subgroups):
        _expect(f"{place}.subgroups[{number}].value", group.value, 0 <= group.value <= 1, "0 to 1")
        _expect(f"{place}.subgroups[{number}].n", group.n, group.n >= 1, "1 or more")
        _check_interval(group.ci95, f"{place}.subgroups[{number}].ci95")


def _check_interval(interval: Interval, place: str, low: float = -math.inf, high: float = math.inf) -> None:
    words = "low up to high" if math.isinf(low) else f"{low} to {high}, low first"
    _expect(place, f"{interval.low} to {interval.high}", low <= interval.low <= interval.high <= high, words)


def _check_once(place: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise PneumoError(f"{place} has {name!r} twice; expected every name once")
        seen.add(name)


def _expect(place: str, value: object, fits: bool, words: str) -> None:
    if not fits:
        raise PneumoError(f"{place} is {value}; expected {words}")
