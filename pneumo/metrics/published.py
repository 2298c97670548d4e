"""Published results on the 624 images of the official test set, from the literature, to stand beside ours. Not checked by us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reported:
    """One published result; None where the source does not give the metric."""

    name: str
    source: str
    accuracy: float
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    auroc: float | None = None
    specificity: float | None = None


OFFICIAL_TEST_N = 624
OFFICIAL_TEST_POSITIVE = 390
_KERMANY = "Kermany et al. 2018, Cell 172"
_MEDMNIST = "Yang et al. 2023, MedMNIST v2"
_COURSE = "the course project that this one grew out of"

REPORTED = (
    Reported("VGG-like CNN", _COURSE, 0.809, 0.774, 0.982, 0.866),
    Reported("EfficientNet-B7, frozen", _COURSE, 0.777, 0.772, 0.913, 0.837),
    Reported("EfficientNet-B7, fine-tuned", _COURSE, 0.859, 0.837, 0.962, 0.895),
    Reported("InceptionV3, transfer", _KERMANY, 0.928, recall=0.932, auroc=0.968, specificity=0.901),
    Reported("ResNet-18, 224 px", _MEDMNIST, 0.864, auroc=0.956),
    Reported("ResNet-50, 224 px", _MEDMNIST, 0.884, auroc=0.962),
    Reported("AutoML Vision", _MEDMNIST, 0.946, auroc=0.991),
    Reported(
        "Always PNEUMONIA",
        "the share of pneumonia in the set",
        OFFICIAL_TEST_POSITIVE / OFFICIAL_TEST_N,
        recall=1.0,
        specificity=0.0,
    ),
)
