"""The nouns that pass between the floors: frozen dataclasses, no behaviour beyond checking themselves.

What is written to disk goes through `pneumo.codec`, which finds an unknown or a missing key and names it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

CLASS_NAMES = ("NORMAL", "PNEUMONIA")
HEATMAP_METHODS = ("gradcam", "gradcam++", "hirescam", "layercam", "xgradcam", "eigencam", "random")
AUGMENT_LIMITS = {  # the others are shares and probabilities, up to 1
    "rotation_deg": 180.0,
    "shear_deg": 60.0,
    "zoom": 0.9,  # at 1 the scale may be 0: no picture
    "stretch": 0.9,
    "gamma": 5.0,
}
NOT_NEGATIVE = (
    "weight_decay",
    "momentum",
    "learning_rate_min",
    "gamma",
    "plateau_patience",
    "patience",
    "positive_weight",
    "clip_norm",
    "seed",
    "epoch_images",
    "gan_r1",
    "kl_weight",
    "denoise",
)
Progress = Callable[[int, int], None]  # called with (done, total) while long work goes on
POSITIVE = 1  # the index of PNEUMONIA: probabilities, sensitivity and thresholds refer to it


class PneumoError(ValueError):
    """Base of the errors a user can mend: the message says what came, what was expected, and the remedy."""


@dataclass(frozen=True)
class ImageWarning:
    """Something a reader of a radiograph should know: a stable code, and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A decoded radiograph.

    pixels: (H, W) uint8, 0 black to 255 white, white is dense (bone), read-only.
    cautions: what was noticed while reading, in a fixed order.
    """

    pixels: np.ndarray
    warnings: tuple[ImageWarning, ...] = ()


@dataclass(frozen=True)
class Assessment:
    """What the gate says of a picture before a diagnosis.

    verdict: "radiograph", "unusual" (let in with a warning), "phantom" (let in and named), or "refused".
    reason: half a sentence, empty for a radiograph. scores: the figures it rests on, by name, larger is odder.
    """

    verdict: Literal["radiograph", "unusual", "phantom", "refused"]
    reason: str
    scores: dict[str, float]


@dataclass(frozen=True)
class ImageSpec:
    """What a model expects to see; training and serving both follow it.

    size: side of the square in pixels. The aspect ratio is not kept, as in the training set.
    mean, std: one number per channel, in units of intensity / 255.
    interpolation: "bilinear" (antialiased) or "nearest".
    intensity: "raw" leaves grey values alone; "stretch" maps the 1st to the 99th percentile of the
        radiograph to 0..255, which takes the exposure out of the picture.
    """

    size: int = 128
    channels: int = 1
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    interpolation: Literal["bilinear", "nearest"] = "bilinear"
    intensity: Literal["raw", "stretch"] = "raw"

    def __post_init__(self) -> None:
        if self.size < 8:
            raise PneumoError(f"image.size is {self.size}; expected 8 or more pixels")
        if self.channels < 1:
            raise PneumoError(f"image.channels is {self.channels}; expected 1 (grey) or more")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise PneumoError(
                f"image.mean has {len(self.mean)} and image.std {len(self.std)} values for "
                f"{self.channels} channels; give one per channel"
            )
        if min(self.std) <= 0:
            raise PneumoError(f"image.std is {self.std}; every value must be above 0")


@dataclass(frozen=True)
class AugmentSpec:
    """How far a training radiograph may be changed; every image draws its own values, uniformly.

    Fractions are of the image side; probabilities in 0..1. The defaults change nothing.
    """

    rotation_deg: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0  # scale drawn from [1 - zoom, 1 + zoom]
    stretch: float = 0.0  # aspect ratio drawn from [1 - stretch, 1 + stretch]
    shear_deg: float = 0.0
    flip: float = 0.0  # probability of a left-right mirror
    gamma: float = 0.0  # exponent drawn from exp(+-gamma)
    contrast: float = 0.0  # factor drawn from [1 - contrast, 1 + contrast]
    brightness: float = 0.0  # offset drawn from +-brightness, in units of full scale
    equalise: float = 0.0  # probability of (partial) histogram equalisation
    blur: float = 0.0  # probability of a Gaussian blur
    noise: float = 0.0  # probability of Gaussian noise, sigma up to .06 of full scale
    border: float = 0.0  # probability of painting the margins (up to 12% a side) in one grey
    marker: float = 0.0  # probability of a bright patch near an edge, where side markers sit

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):
            value, limit = getattr(self, f.name), AUGMENT_LIMITS.get(f.name, 1.0)
            if not 0 <= value <= limit:
                raise PneumoError(f"augment.{f.name} is {value}; expected 0 to {limit:g}")


@dataclass(frozen=True)
class DataSpec:
    """Which radiographs a recipe is trained on, and how patients are divided.

    validation, test: shares of the patients. Divided once by split_seed, never by the training seed.
    folds, fold: with folds of 2 or more, the patients outside the internal test are divided into that many parts, and
    part `fold` (from 0) takes the place of the validation part.
    labels: share of the training patients that is used, the same patients for the same training seed.
    leave_out: a cluster of pictures that is kept out of training and validation and measured apart as "left_out":
    family:IM-, family:NORMAL2-, subtype:bacteria, subtype:virus, or exposure:0 to exposure:3. Empty leaves none out.
    only: radiographs of this class alone, in every part; not for classifiers.
    """

    source: str = "phantom"
    validation: float = 0.15
    test: float = 0.10
    split_seed: int = 42
    folds: int = 0
    fold: int = 0
    labels: float = 1.0
    leave_out: str = ""
    only: Literal["", "NORMAL", "PNEUMONIA"] = ""

    def __post_init__(self) -> None:
        if self.folds and not (self.folds >= 2 and 0 <= self.fold < self.folds):
            raise PneumoError(
                f"data.folds is {self.folds} and data.fold {self.fold}; expected 2 or more folds, counted from 0"
            )
        if not 0 < self.labels <= 1:
            raise PneumoError(f"data.labels is {self.labels}; expected a share of the patients above 0, up to 1")
        if not (0 < self.validation < 1 and 0 <= self.test < 1 and self.validation + self.test < 1):
            raise PneumoError(
                f"data.validation is {self.validation} and data.test {self.test}; expected shares of the "
                "patients that leave some for training, e.g. 0.15 and 0.10"
            )


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run. The same recipe, data and seed give the same weights on a CPU.

    epoch_images: images an epoch sees, in as many rounds over the training part as that takes; 0 is one round.
    learning_rate_min: cosine's floor and one-cycle's end, as a share of learning_rate.
    beta1, beta2: Adam's and AdamW's decay of the first and second moment.
    step_epochs, gamma: StepLR and exponential; gamma multiplies the rate (exponential: over step_epochs epochs).
    plateau_patience: epochs without a better validation loss before the rate is multiplied by gamma.
    patience: epochs without a better criterion before training stops; 0 never stops early.
    criterion: which validation figure picks the weights that are kept ("loss" low, the others high); "last" keeps the last.
    positive_weight: factor on the loss of PNEUMONIA images; 0 computes NORMAL / PNEUMONIA from the training part.
    class_weights: "balanced" weighs each class by total / (2 count).
    sampling: "shuffle" sees each image once an epoch; "balanced" draws both classes alike, with replacement.
    ema_decay: exponential moving average of the weights per step; 0 is off.
    clip_norm: largest gradient norm; 0 is off.
    precision: "auto" is bfloat16 autocast where the machine computes it natively, else float32.
    pretrained: where the backbone starts: "none" (random), "imagenet", or a run (name or folder) with the same backbone.
    initial_bias: "prior" starts the last layer's bias at log(positives / negatives) of the training part.
    contrastive_temperature: of the contrastive loss; small ones look at the hardest negatives.
    gan_loss: "bce" is the non-saturating loss, "hinge" that of Lim and Ye 2017.
    gan_augment: both networks of a GAN see pictures changed by differentiable augmentation only (Zhao et al. 2020).
    gan_r1: weight of the gradient penalty on real pictures (Mescheder et al. 2018); 0 is off.
    gan_rate: factor on the discriminator's learning rate (two time scales, Heusel et al. 2017).
    snapshot_epochs: after these epochs, and the last, a GAN leaves a sheet of the same samples.
    kl_weight: how strongly a variational autoencoder's codes are drawn to a standard normal distribution.
    denoise: standard deviation of noise on an autoencoder's input, in units of full scale; 0 is off.
    storage: how weights lie on disk. Calibration, thresholds and figures are those of the stored weights.
    """

    name: str = "custom"
    summary: str = ""
    task: str = "classification"
    model: str = "pneumonia_cnn"
    model_args: dict[str, Any] = field(default_factory=dict)
    image: ImageSpec = ImageSpec()
    augment: AugmentSpec = AugmentSpec()
    data: DataSpec = DataSpec()
    batch_size: int = 32
    epochs: int = 15
    epoch_images: int = 0
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    schedule: Literal["constant", "plateau", "step", "exponential", "cosine", "onecycle"] = "constant"
    learning_rate_min: float = 0.0
    step_epochs: int = 5
    gamma: float = 0.5
    plateau_patience: int = 3
    patience: int = 0
    criterion: Literal["loss", "accuracy", "f1", "auroc", "last"] = "auroc"
    positive_weight: float = 1.0
    class_weights: Literal["none", "balanced"] = "none"
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    label_smoothing: float = 0.0
    ema_decay: float = 0.0
    clip_norm: float = 0.0
    precision: Literal["auto", "bf16", "float32"] = "auto"
    channels_last: bool = True
    pretrained: str = "none"
    initial_bias: Literal["zero", "prior"] = "zero"
    contrastive_temperature: float = 0.2
    gan_loss: Literal["bce", "hinge"] = "bce"
    gan_augment: bool = False
    gan_r1: float = 0.0
    gan_rate: float = 1.0
    snapshot_epochs: tuple[int, ...] = ()
    kl_weight: float = 1.0
    denoise: float = 0.0
    storage: Literal["float32", "float16", "int8"] = "float16"
    seed: int = 42

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "step_epochs"):
            if getattr(self, name) < 1:
                raise PneumoError(f"{name} is {getattr(self, name)}; expected 1 or more")
        for name in NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise PneumoError(f"{name} is {getattr(self, name)}; expected 0 or more")
        if not 0 <= self.label_smoothing < 1:
            raise PneumoError(f"label_smoothing is {self.label_smoothing}; expected 0 (off) up to, not including, 1")
        if self.contrastive_temperature <= 0:
            raise PneumoError(f"contrastive_temperature is {self.contrastive_temperature}; expected a number above 0")
        if self.gan_rate <= 0:
            raise PneumoError(f"gan_rate is {self.gan_rate}; expected a number above 0, e.g. 1")
        if self.learning_rate <= 0:
            raise PneumoError(f"learning_rate is {self.learning_rate}; expected a number above 0, e.g. 1e-3")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise PneumoError(f"{name} is {getattr(self, name)}; expected 0 up to, not including, 1")
        if not 0 <= self.ema_decay < 1:
            raise PneumoError(f"ema_decay is {self.ema_decay}; expected 0 (off) up to, not including, 1")


@dataclass(frozen=True)
class Interval:
    """A 95% interval, both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold on the calibrated probability, with the rates it had where it was chosen."""

    name: str
    title: str
    threshold: float
    sensitivity: float
    specificity: float
    n_positive: int
    n_negative: int
    chosen_on: str


@dataclass(frozen=True)
class Subgroup:
    """One rate on a part of the images, e.g. the sensitivity to bacterial pneumonia."""

    name: str
    rate: str
    n: int
    value: float
    ci95: Interval


@dataclass(frozen=True)
class SyntheticTransfer:
    """AUROC with DeLong's interval of a classifier on n pictures; trained_on, tested_on: "generated" or "real".

    ci95: None where every picture was told right, and no interval can be estimated.
    """

    trained_on: str
    tested_on: str
    n_train: int
    n: int
    auroc: float
    ci95: Interval | None


@dataclass(frozen=True)
class Metrics:
    """Figures of one run on one evaluation set at one threshold; None where they are not defined.

    ci95: Wilson intervals for the rates, DeLong's for auroc, patient-level bootstrap for the others (none for ece) and,
    as auroc_by_patient, for auroc too; none where it cannot be estimated. ece_uncalibrated: before temperature and bias. majority_accuracy: of always answering
    with the commoner class.
    """

    n: int
    patients: int
    threshold: float
    accuracy: float
    sensitivity: float | None
    specificity: float | None
    precision: float | None
    f1: float | None
    auroc: float | None
    auprc: float | None
    brier: float
    ece: float
    confusion: dict[str, int]
    ci95: dict[str, Interval]
    balanced_accuracy: float | None = None
    mcc: float | None = None
    ece_uncalibrated: float | None = None
    majority_accuracy: float | None = None
    subgroups: tuple[Subgroup, ...] = ()


@dataclass(frozen=True)
class WeightsInfo:
    """The weights file as it was when the run was saved."""

    sha256: str
    size_bytes: int
    parameters: int


@dataclass(frozen=True)
class DataInfo:
    """What a run was trained on. split_digest identifies which image went to which part."""

    source: str
    counts: dict[str, dict[str, int]]
    patients: dict[str, int]
    split_digest: str
    licence: str
    citation: str


@dataclass(frozen=True)
class RunCard:
    """card.json: everything a page says about a run comes from here.

    temperature, bias: the calibrated probability is sigmoid(logit / temperature + bias). Runs that do not classify have no
    operating points, no indeterminate band and no metrics.
    members: the runs whose calibrated probabilities an ensemble averages, with the sha256 of their weights.
    """

    schema_version: int
    name: str
    task: str
    model: str
    model_args: dict[str, Any]
    image: ImageSpec
    class_names: tuple[str, ...]
    recipe: Recipe
    data: DataInfo
    metrics: dict[str, Metrics]
    operating_points: tuple[OperatingPoint, ...]
    default_point: str
    indeterminate: Interval | None
    temperature: float
    bias: float
    best_epoch: int
    epochs_run: int
    seed: int
    versions: dict[str, str]
    hardware: str
    minutes: float
    weights: WeightsInfo
    intended_use: str
    limits: tuple[str, ...]
    members: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise PneumoError(f"temperature is {self.temperature}; expected a number above 0")
        if self.operating_points:
            self.point()  # the default one is there

    def point(self, name: str | None = None) -> OperatingPoint:
        """The operating point of that name; the default one without a name. Unknown names raise PneumoError."""
        wanted = name or self.default_point
        for point in self.operating_points:
            if point.name == wanted:
                return point
        known = ", ".join(point.name for point in self.operating_points)
        raise PneumoError(f"run {self.name!r} has no operating point {wanted!r}; it has: {known}")


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a run says of one file. Either error is set, or everything else is.

    probability: calibrated probability of PNEUMONIA, 0..1. logit: before calibration.
    stability: lowest and highest probability under small harmless changes of the picture.
    radiograph: as read. seen: (S, S) uint8, the square the model was given.
    assessment: the input check's; None where it was not asked. overridden: a person wants the result all the same.
    indeterminate: the run's indeterminate zone, which decides the label together with the threshold.
    """

    name: str
    error: str | None = None
    probability: float | None = None
    logit: float | None = None
    stability: Interval | None = None
    radiograph: Radiograph | None = None
    seen: np.ndarray | None = None
    assessment: Assessment | None = None
    overridden: bool = False
    indeterminate: Interval | None = None

    @property
    def warnings(self) -> tuple[ImageWarning, ...]:
        return self.radiograph.warnings if self.radiograph else ()


@dataclass(frozen=True, eq=False)
class Predictions:
    """predictions.csv by column; every array has one entry per image."""

    names: np.ndarray
    splits: np.ndarray
    patients: np.ndarray
    labels: np.ndarray
    subtypes: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray

    def split(self, name: str) -> Predictions:
        """The images of one part: "validation" or "test"."""
        chosen = self.splits == name
        return Predictions(*(column[chosen] for column in vars(self).values()))
