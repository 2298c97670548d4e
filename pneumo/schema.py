"""The nouns that pass between the floors: frozen dataclasses, no behaviour beyond checking themselves.

`pneumo.codec` writes and reads them, and names an unknown or a missing key. The `Range` of a number stands beside its field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np

from pneumo import checks
from pneumo.checks import ABOVE_ZERO, BELOW_ONE, SEED, SHARE, PneumoError, Range, above_zero, from_to, up_to

CLASS_NAMES = ("NORMAL", "PNEUMONIA")
CHARACTERS = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")  # the classes of models that read characters
POSITIVE = 1  # the index of PNEUMONIA: probabilities, sensitivity and thresholds refer to it
HEATMAP_METHODS = ("gradcam", "gradcam++", "hirescam", "layercam", "xgradcam", "eigencam", "random")
Progress = Callable[[int, int], None]  # called with (done, total) while long work goes on


@dataclass(frozen=True)
class ImageWarning:
    """Something a reader of a radiograph should know: a stable code, and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A decoded radiograph. warnings: what was noticed while reading, in a fixed order.

    pixels: (H, W) uint8, 0 black to 255 white, white is dense (bone), read-only.
    """

    pixels: np.ndarray
    warnings: tuple[ImageWarning, ...] = ()


@dataclass(frozen=True)
class Assessment:
    """What the input check says of an image before a diagnosis.

    verdict: "training population"; "elsewhere", a frontal chest radiograph unlike those (accepted with a warning); "phantom"
    (accepted and named); or "refused". reason: half a sentence, empty for the training population. scores: what it rests on, by
    name; larger is less typical. turned_deg, inverted, margins: of a refused radiograph, by how much it is turned to the left,
    whether black and white are swapped, whether it lies in wide empty margins. mirrored: of an accepted one, left and right seem
    to be swapped.
    """

    verdict: Literal["training population", "elsewhere", "phantom", "refused"]
    reason: str
    scores: dict[str, float]
    turned_deg: int = 0
    inverted: bool = False
    margins: bool = False
    mirrored: bool = False

    @property
    def can_be_put_right(self) -> bool:
        return self.turned_deg != 0 or self.inverted or self.margins


@dataclass(frozen=True)
class ImageSpec:
    """What a model expects to see; training and serving both follow it.

    size: side of the resized image in pixels. The aspect ratio is not kept, in training as in serving.
    mean, std: one number per channel, in units of intensity / 255.
    interpolation: "bilinear" (antialiased) or "nearest".
    intensity: "raw" leaves grey values alone; "stretch" maps the radiograph's 1st to 99th percentile to 0..255.
    """

    size: Annotated[int, from_to(8, 1024, "pixels")] = 128
    channels: Annotated[int, from_to(1, 4, "(1 is grey, 3 red, green and blue)")] = 1
    mean: Annotated[tuple[float, ...], checks.INTENSITY] = (0.5,)
    std: Annotated[tuple[float, ...], above_zero(1000)] = (0.5,)
    interpolation: Literal["bilinear", "nearest"] = "bilinear"
    intensity: Literal["raw", "stretch"] = "raw"

    def __post_init__(self) -> None:
        checks.check_ranges(self, "image.")
        n, m, s = self.channels, len(self.mean), len(self.std)
        if not m == s == n:
            raise PneumoError(f"image.mean has {m} and image.std {s} values for {n} channels; give one per channel")


@dataclass(frozen=True)
class AugmentSpec:
    """How far a training radiograph may be changed; every image draws its own values, uniformly.

    Fractions are of the image side; probabilities in 0..1. The defaults change nothing.
    """

    rotation_deg: Annotated[float, up_to(180)] = 0.0
    shift: Annotated[float, SHARE] = 0.0
    zoom: Annotated[float, up_to(0.9)] = 0.0  # scale drawn from [1 - zoom, 1 + zoom]; at 1 there may be no image left
    stretch: Annotated[float, up_to(0.9)] = 0.0  # aspect ratio drawn from [1 - stretch, 1 + stretch]
    shear_deg: Annotated[float, up_to(60)] = 0.0
    flip: Annotated[float, SHARE] = 0.0  # probability of a left-right mirror
    gamma: Annotated[float, up_to(5)] = 0.0  # exponent drawn from exp(+-gamma)
    contrast: Annotated[float, SHARE] = 0.0  # factor drawn from [1 - contrast, 1 + contrast]
    brightness: Annotated[float, SHARE] = 0.0  # offset drawn from +-brightness, in units of full scale
    equalise: Annotated[float, SHARE] = 0.0  # probability of (partial) histogram equalisation
    exchange: Annotated[float, SHARE] = 0.0  # probability of taking over the histogram of another image of the batch
    blur: Annotated[float, SHARE] = 0.0  # probability of a Gaussian blur
    sharpen: Annotated[float, SHARE] = 0.0  # probability of an unsharp mask
    noise: Annotated[float, SHARE] = 0.0  # probability of Gaussian noise, sigma up to .06 of full scale
    border: Annotated[float, SHARE] = 0.0  # probability of painting the margins (up to 12% a side) in one grey
    marker: Annotated[float, SHARE] = 0.0  # probability of a bright patch near an edge, where side markers sit

    def __post_init__(self) -> None:
        checks.check_ranges(self, "augment.")


@dataclass(frozen=True)
class DataSpec:
    """Which radiographs a recipe is trained on, and how patients are split.

    validation, test: shares of the patients. Split once by split_seed, never by the training seed.
    folds, fold: with folds of 2 or more, the patients outside the internal test are split into that many folds, and
    fold number `fold` (from 0) is the validation set.
    labels: share of the training patients that is used, the same patients for the same training seed.
    leave_out: a cluster of images that is kept out of training and validation and measured apart as "left_out":
    family:IM-, family:NORMAL2-, subtype:bacteria, subtype:virus, or exposure:0 to exposure:3. Empty leaves none out.
    only: radiographs of this class alone, in every split; not for classifiers.
    """

    source: str = "phantom"
    validation: float = 0.15
    test: float = 0.10
    split_seed: Annotated[int, SEED] = 42
    folds: Annotated[int, up_to(100)] = 0
    fold: Annotated[int, up_to(99)] = 0
    labels: Annotated[float, Range("a share of the patients above 0, up to 1", lambda value: 0 < value <= 1)] = 1.0
    leave_out: str = ""
    only: Literal["", "NORMAL", "PNEUMONIA"] = ""

    def __post_init__(self) -> None:
        checks.check_ranges(self, "data.")
        if self.folds and not (self.folds >= 2 and 0 <= self.fold < self.folds):
            raise PneumoError(f"data.folds is {self.folds}, data.fold {self.fold}; expected 2 or more, counted from 0")
        if not (0 < self.validation < 1 and 0 <= self.test < 1 and self.validation + self.test < 1):
            came = f"data.validation is {self.validation} and data.test {self.test}"
            raise PneumoError(f"{came}; expected shares that leave some for training, e.g. 0.15 and 0.10")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run. The same recipe, data and seed give the same weights on a CPU.

    epoch_images: images an epoch sees, in as many rounds over the training set as that takes; 0 is one round.
    learning_rate_min: cosine's floor and one-cycle's end, as a share of learning_rate.
    step_epochs, gamma: StepLR and exponential; gamma multiplies the rate (exponential: over step_epochs epochs).
    criterion: which validation metric chooses the weights that are kept ("loss" low, others high); "last" keeps the last.
    positive_weight: factor on the loss of PNEUMONIA images; 0 computes NORMAL / PNEUMONIA from the training set.
    sampling: "shuffle" sees each image once an epoch; "balanced" draws both classes alike, with replacement.
    precision: "auto" is float32 or bfloat16 autocast, whichever two real steps show to be faster on the machine.
    pretrained: where the backbone starts: "none" (random), "imagenet", a run with the same backbone, or a file of weights (docs/transfer.md).
    initial_bias: "prior" starts the last layer's bias at log(positives / negatives) of the training set.
    gan_augment: both networks of a GAN see images changed by differentiable augmentation only (Zhao et al. 2020).
    storage: how weights lie on disk. Calibration, thresholds and metrics are those of the stored weights.
    """

    name: str = "custom"
    summary: str = ""
    task: str = "classification"
    model: str = "pneumonia_cnn"
    model_args: dict[str, Any] = field(default_factory=dict)
    image: ImageSpec = ImageSpec()
    augment: AugmentSpec = AugmentSpec()
    data: DataSpec = DataSpec()
    batch_size: Annotated[int, from_to(1, 4096)] = 32
    epochs: Annotated[int, from_to(1, 100_000)] = 15
    epoch_images: Annotated[int, up_to(100_000_000)] = 0
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: Annotated[float, above_zero(100)] = 1e-3
    weight_decay: Annotated[float, up_to(100)] = 0.0
    l1: Annotated[float, up_to(100)] = (
        0.0  # factor on the sum of the absolute weights, added to the loss of a classifier
    )
    momentum: Annotated[float, BELOW_ONE] = 0.9
    nesterov: bool = False
    beta1: Annotated[float, BELOW_ONE] = 0.9  # Adam's and AdamW's decay of the first moment
    beta2: Annotated[float, BELOW_ONE] = 0.999  # and of the second moment
    schedule: Literal["constant", "plateau", "step", "exponential", "cosine", "onecycle"] = "constant"
    learning_rate_min: Annotated[float, SHARE] = 0.0
    step_epochs: Annotated[int, from_to(1, 100_000)] = 5
    gamma: Annotated[float, up_to(10)] = 0.5
    plateau_patience: Annotated[int, up_to(100_000)] = (
        3  # epochs without a better validation loss before the rate falls
    )
    patience: Annotated[int, up_to(100_000)] = 0  # epochs without a better criterion before training stops; 0: never
    criterion: Literal["loss", "accuracy", "f1", "auroc", "last"] = "auroc"
    positive_weight: Annotated[float, up_to(1000)] = 1.0
    class_weights: Literal["none", "balanced"] = "none"  # "balanced": total / (2 count)
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    label_smoothing: Annotated[float, BELOW_ONE] = 0.0
    ema_decay: Annotated[float, BELOW_ONE] = 0.0  # moving average of the weights per step; 0 is off
    clip_norm: Annotated[float, up_to(1_000_000)] = 0.0  # largest gradient norm; 0 is off
    precision: Literal["auto", "bf16", "float32"] = "auto"
    channels_last: bool = True
    pretrained: str = "none"
    initial_bias: Literal["zero", "prior"] = "zero"
    contrastive_temperature: Annotated[float, above_zero(100)] = 0.2  # small ones look at the hardest negatives
    gan_loss: Literal["bce", "hinge"] = "bce"  # non-saturating, or that of Lim and Ye 2017
    gan_augment: bool = False
    gan_r1: Annotated[float, up_to(10_000)] = 0.0  # gradient penalty on real images (Mescheder et al. 2018)
    gan_rate: Annotated[float, above_zero(1000)] = 1.0  # factor on the discriminator's rate (Heusel et al. 2017)
    snapshot_epochs: Annotated[
        tuple[int, ...], checks.EPOCHS
    ] = ()  # after these, and the last, a GAN leaves a sheet of the same samples
    kl_weight: Annotated[float, up_to(10_000)] = 1.0  # how strongly a VAE's codes are drawn to a standard normal
    denoise: Annotated[float, up_to(10)] = 0.0  # noise on an autoencoder's input (sd, of full scale); 0 is off
    storage: Literal["float32", "float16", "int8"] = "float16"
    seed: Annotated[int, SEED] = 42

    def __post_init__(self) -> None:
        checks.check_ranges(self)
        checks.check_folder_name(self.name, "name")
        checks.check_batch(self.batch_size, self.image.channels, self.image.size)


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
    """One rate on some of the images, e.g. the sensitivity to bacterial pneumonia."""

    name: str
    rate: str
    n: int
    value: float
    ci95: Interval


@dataclass(frozen=True)
class SyntheticTransfer:
    """AUROC with DeLong's interval of a classifier on n images; trained_on, tested_on: "generated" or "real".

    ci95: None where every image was classified correctly, and no interval can be estimated.
    """

    trained_on: str
    tested_on: str
    n_train: int
    n: int
    auroc: float
    ci95: Interval | None


@dataclass(frozen=True)
class Metrics:
    """What was measured of one run on one evaluation set at one threshold; None where they are not defined.

    ci95: Wilson intervals for the rates, DeLong's for auroc, patient-level bootstrap for the others (none for ece) and, as
    auroc_by_patient, for auroc too; none where it cannot be estimated. ece_uncalibrated: before temperature and bias.
    majority_accuracy: of always guessing the more common class.
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
    """What a run was trained on. split_digest identifies which image is in which split."""

    source: str
    counts: dict[str, dict[str, int]]
    patients: dict[str, int]
    split_digest: str
    licence: str
    citation: str


@dataclass(frozen=True)
class RunCard:
    """card.json: everything a page says about a run comes from here.

    temperature, bias: the calibrated probability is sigmoid(logit / temperature + bias). Runs that do not classify have
    no operating points, no indeterminate band and no metrics.
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
    temperature: Annotated[float, ABOVE_ZERO]
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
        checks.check_ranges(self)
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
    """What a run says of one file. Either error is set, or everything else that was asked for is.

    probability: calibrated probability of PNEUMONIA, 0..1. logit: before calibration.
    stability: lowest and highest probability under small harmless changes of the image; None where it was not computed.
    radiograph: as read. seen: (S, S) uint8, the resized image the model was given.
    assessment: what the input check says of it; None where it was not asked. overridden: a result was asked for anyway.
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
        """The images of one split: "validation" or "test"."""
        return Predictions(*(column[self.splits == name] for column in vars(self).values()))
