"""What finished weights show on the patients held out: predictions, metrics, operating points, indeterminate zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pneumo import data
from pneumo.metrics import calibration, classification, thresholds
from pneumo.schema import Interval, Metrics, OperatingPoint, Predictions

MEASURED_SPLITS = ("validation", "test", "left_out")


@dataclass(frozen=True)
class Measurement:
    """What a card says of a classifier. Runs that do not classify have nothing of it."""

    predictions: Predictions | None = None
    metrics: dict[str, Metrics] = field(default_factory=dict)
    points: tuple[OperatingPoint, ...] = ()
    indeterminate: Interval | None = None
    temperature: float = 1.0
    bias: float = 0.0


def measured_splits(splits: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The splits with images that a run is measured on, validation first."""
    return {name: splits[name] for name in MEASURED_SPLITS if len(splits.get(name, ()))}


def measure(
    dataset: data.DataSet,
    splits: Mapping[str, np.ndarray],
    logits: Mapping[str, np.ndarray],
    temperature: float = 1.0,
    bias: float = 0.0,
) -> Measurement:
    """Thresholds are chosen on validation patients alone. splits: indices; logits: (N,) float64 of each of them."""
    rows = [(dataset.items[i], name) for name in logits for i in splits[name]]
    flat = np.concatenate(list(logits.values()))
    predictions = Predictions(
        names=np.array([item.name for item, _ in rows]),
        splits=np.array([name for _, name in rows]),
        patients=np.array([item.patient for item, _ in rows]),
        labels=np.array([item.label for item, _ in rows], dtype=np.int64),
        subtypes=np.array([item.subtype for item, _ in rows]),
        logits=flat,
        probabilities=calibration.calibrated(flat, temperature, bias),
    )
    validation = predictions.split("validation")
    points = thresholds.operating_points(validation.labels, validation.probabilities)
    return Measurement(
        predictions,
        classification.measure(predictions, points[0].threshold),
        points,
        thresholds.indeterminate_band(validation.labels, validation.probabilities),
        temperature,
        bias,
    )
