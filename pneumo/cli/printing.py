"""What several commands print: JSON, metrics with intervals, progress bars."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from pneumo.formatting import METRICS, metric, printable, probability
from pneumo.schema import Metrics


def print_json(value: Any) -> None:
    """Dataclasses and plain values as one JSON document on stdout."""
    from pneumo.codec import encode

    print(json.dumps(encode(value), indent=2))


def print_metrics(title: str, metrics: Metrics) -> None:
    """Every metric with its 95% interval, one a line, and the confusion matrix."""
    print(
        f"{printable(title)}: n = {metrics.n:,} images of {metrics.patients:,} patients, "
        f"threshold {probability(metrics.threshold)}, 95% intervals in brackets"
    )
    for name, (title, _) in METRICS.items():
        print(f"  {title:<18} {metric(metrics, name)}")
    print("  Confusion matrix   " + ", ".join(f"{name.upper()} {count:,}" for name, count in metrics.confusion.items()))


def print_unreadable(errors: dict[str, str]) -> None:
    """On stderr, one line a file that was left out. errors: by file name."""
    for name, error in errors.items():
        print(f"left out {printable(name)}: {printable(error)}", file=sys.stderr)


class Warnings:
    """Prints sentences about a source on stderr, each once, however often the source is opened."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def __call__(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            if sentence not in self.said:
                self.said.add(sentence)
                print(f"warning: {printable(sentence)}", file=sys.stderr)


def progress_bar(description: str, unit: str = "image") -> Callable[[int, int], None]:
    """A bar on stderr for callbacks (done, total); silent where stderr is no terminal."""
    from tqdm import tqdm

    bar = tqdm(desc=description, unit=unit, leave=False, disable=None, file=sys.stderr)

    def update(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return update


class TrainingBar:
    """Steps, images a second, time left and the loss; a line an epoch with the validation metrics."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self.bar = tqdm(unit="step", disable=None, file=sys.stderr, leave=False)
        self.rows = 0
        self.precision = ""

    def __call__(self, progress: Any) -> None:
        """progress: a training.Progress."""
        if progress.precision != self.precision:
            self.precision = progress.precision
            self.bar.write(f"precision: {self.precision}", file=sys.stderr)
        self.bar.total = progress.epochs * progress.steps
        self.bar.set_description(f"epoch {progress.epoch}/{progress.epochs}")
        self.bar.n = (progress.epoch - 1) * progress.steps + progress.step
        if progress.losses:
            loss = " ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
            self.bar.set_postfix_str(
                f"{progress.images_per_s:.0f} images/s, {progress.seconds_left:.0f} s left, {loss}"
            )
        if len(progress.history) < self.rows:  # the next training of several
            self.rows = 0
        for row in progress.history[self.rows :]:
            self.bar.write(f"epoch {int(row['epoch']):>3}  validation: {_validation(row)}", file=sys.stderr)
        self.rows = len(progress.history)


def _validation(row: dict[str, float]) -> str:
    named = {key.removeprefix("validation_"): value for key, value in row.items() if key.startswith("validation_")}
    return " ".join(f"{key} {value:.4f}" for key, value in named.items())
