"""From notebook to production: what saving keeps, what a pickle can do, what monitoring sees, when a new model is better, how long one waits."""

from __future__ import annotations

import io
import math
import pickletools  # nosec B403: takes a pickle apart, runs nothing of it
import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from safetensors.torch import save as save_tensors

from pneumo import runs
from pneumo.images import transforms
from pneumo.metrics import calibration
from pneumo.runs import Run, evaluations, forward
from pneumo.schema import PneumoError

RUN = "pneumonia_cnn"  # small enough to save a dozen times while one waits
MONITORED = "resnet18_fine_tuned"
DAYS, CHANGE, PER_DAY, DELAY = 60, 30, 40, 7  # the hospital changes on day CHANGE; labels come DELAY days later
WINDOW, SIGMAS = 7, 3.0  # days that are read together; an alert lies so many standard errors from what was promised
SERVICE_S, SPREAD = 0.2, 0.25  # of one request: median, and standard deviation of its logarithm
REQUESTS = 4000


# --- saving ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Saved:
    """One way of saving a model. load_ms: median of five. code: whether loading it can run code of whoever made it."""

    name: str
    keeps: str
    size_bytes: int
    load_ms: float
    code: bool


def ways(run: Run) -> list[Saved]:
    """The ways of the course notes, and the one used here, measured on a run now and in memory."""
    model, state = run.model, run.model.state_dict()
    found = []

    def written(obj: object) -> bytes:
        buffer = io.BytesIO()
        with run.lock:
            torch.save(obj, buffer)
        return buffer.getvalue()

    def timed(load: object, blob: bytes) -> float:
        taken = []
        for _ in range(5):
            started = time.perf_counter()
            load(blob)
            taken.append(time.perf_counter() - started)
        return 1000 * float(np.median(taken))

    # These pickles were written three lines above, by this process; no other is ever loaded in this project.
    def anything(blob: bytes) -> object:
        return torch.load(io.BytesIO(blob), weights_only=False)  # nosec B614: of bytes that this process has just written

    def tensors(blob: bytes) -> object:
        return torch.load(io.BytesIO(blob), weights_only=True)

    from safetensors.torch import load as load_tensors

    checkpoint = {"state": state, "epoch": run.card.best_epoch, "metadata": run.card.model}
    for name, keeps, blob, load, code in (
        ("Whole model", "weights and a reference to its class, by pickle", written(model), anything, True),
        ("State dict", "weights by name, by pickle; read with weights_only", written(state), tensors, False),
        ("Checkpoint", "the same with epoch and metadata, to go on training", written(checkpoint), tensors, False),
        (
            "safetensors, float32",
            "numbers and their names, nothing else",
            save_tensors(_plain(state)),
            load_tensors,
            False,
        ),
        ("safetensors, float16", "half the digits", runs.serialise(state, "float16"), runs.deserialise, False),
        (
            "safetensors, int8",
            "whole numbers and one scale a channel",
            runs.serialise(state, "int8"),
            runs.deserialise,
            False,
        ),
    ):
        found.append(Saved(name, keeps, len(blob), timed(load, blob), code))
    return found


def _plain(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.contiguous() for name, value in state.items()}


class _Booby:
    """What a pickle may ask of whoever loads it: here the harmless `print`, which is never called."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("your files could be gone now",)


def pickle_taken_apart() -> str:
    """The instructions in a pickle that would run code on loading; they are listed, and nothing is loaded."""
    import pickle  # nosec B403: writes one to be listed; nothing is unpickled

    text = io.StringIO()
    pickletools.dis(pickle.dumps(_Booby(), protocol=2), text)
    return text.getvalue()


# --- one request ------------------------------------------------------------------------------------------------------


def careful(run: Run, pixels: np.ndarray) -> tuple[float, float]:
    """(calibrated probability, the sigmoid of the logit alone) of an image resized as in training. pixels: (H, W) uint8."""
    return _both(run, transforms.resize(pixels, run.card.image))


def careless(run: Run, pixels: np.ndarray) -> tuple[float, float]:
    """The same where whoever serves resizes otherwise than training did: every n-th pixel is taken."""
    side = run.card.image.size
    rows, columns = (np.arange(side) * length // side for length in pixels.shape)
    return _both(run, np.ascontiguousarray(pixels[rows][:, columns]))


def _both(run: Run, seen: np.ndarray) -> tuple[float, float]:
    logit = forward.logits(run, seen[None])
    calibrated = calibration.calibrated(logit, run.card.temperature, run.card.bias)
    return float(calibrated[0]), float(calibration.calibrated(logit, 1.0)[0])


# --- monitoring ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Day:
    """What a monitor sees on a day, over the last WINDOW of them.

    predicted: mean probability; observed: share with pneumonia among the labels that have come by then, None before any has;
    expected: mean probability of those same radiographs. elsewhere: share that the input check calls "from elsewhere".
    drifted, uncalibrated: whether each raises an alert.
    """

    day: int
    predicted: float
    expected: float | None
    observed: float | None
    elsewhere: float
    drifted: bool
    uncalibrated: bool


@cache
def stream(at_home: float, away: float, seed: int = 1, change: int = CHANGE) -> tuple[Day, ...]:
    """A simulated stream: PER_DAY radiographs a day drawn from the run's held-out test patients, from day `change` on from adults of
    another hospital, each with the run's own recorded prediction. change: DAYS or more for a hospital that never changes.

    at_home, away: how often the input check says "from elsewhere" of the one and the other; each verdict is drawn with it.
    """
    folder = runs.resolve(MONITORED)
    home, other = runs.read_predictions(folder).split("test"), evaluations.predictions(folder, "nih_adult")
    rng = np.random.default_rng(seed)
    probabilities, labels, flags = [], [], []
    for day in range(DAYS):
        source, rate = (home, at_home) if day < change else (other, away)
        rows = rng.integers(len(source.labels), size=PER_DAY)
        probabilities.append(source.probabilities[rows])
        labels.append(source.labels[rows])
        flags.append(rng.random(PER_DAY) < rate)
    residual = float((home.labels - home.probabilities).std())  # of one radiograph, as it was measured at home
    return tuple(_day(n, probabilities, labels, flags, at_home, residual) for n in range(DAYS))


def _day(
    n: int,
    probabilities: list[np.ndarray],
    labels: list[np.ndarray],
    flags: list[np.ndarray],
    promised: float,
    residual: float,
) -> Day:
    now = slice(max(0, n + 1 - WINDOW), n + 1)
    seen, flagged = np.concatenate(probabilities[now]), np.concatenate(flags[now])
    share = float(flagged.mean())
    most = _limit(promised, len(flagged))
    known = slice(max(0, n + 1 - DELAY - WINDOW), max(0, n + 1 - DELAY))
    expected = observed = None
    uncalibrated = False
    if probabilities[known]:
        chance, truth = np.concatenate(probabilities[known]), np.concatenate(labels[known])
        expected, observed = float(chance.mean()), float(truth.mean())
        spread = residual / math.sqrt(len(chance))
        uncalibrated = abs(observed - expected) > SIGMAS * spread
    return Day(n, float(seen.mean()), expected, observed, share, share > most, uncalibrated)


@cache
def _limit(promised: float, count: int) -> float:
    """The share that so many draws exceed as rarely as a normal value exceeds SIGMAS; exact, for few are promised."""
    from scipy.stats import binom, norm

    return float(binom.ppf(norm.cdf(SIGMAS), count, promised)) / count


def first_alert(days: tuple[Day, ...], kind: str) -> int | None:
    """The first day with an alert. kind: "drifted" or "uncalibrated"."""
    return next((each.day for each in days if getattr(each, kind)), None)


# --- promoting a model ------------------------------------------------------------------------------------------------


def mcnemar(mended: int, spoilt: int) -> float:
    """The exact two-sided p of McNemar's test: whether so uneven a split is likely where both models are equally good."""
    if mended < 0 or spoilt < 0:
        raise PneumoError(f"{mended} mended and {spoilt} spoilt; expected 0 or more")
    if mended + spoilt == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(mended, mended + spoilt, 0.5).pvalue)


def arm(key: str, share: float) -> str:
    """Which of two models a visitor gets, "new" or "old": the same for the same key, without anything being remembered."""
    import hashlib

    drawn = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    return "new" if drawn < share else "old"


# --- waiting -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Waits:
    """Latencies of simulated requests, in seconds. served: requests a second that were finished. most: that could be."""

    seconds: np.ndarray
    most: float

    def at(self, percent: float) -> float:
        return float(np.percentile(self.seconds, percent))


def waits(per_second: float, replicas: int, seed: int = 0) -> Waits:
    """Requests that come at random, and wait for the first of some replicas to be free."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / per_second, REQUESTS))
    services = SERVICE_S * np.exp(SPREAD * rng.standard_normal(REQUESTS))
    free = np.zeros(replicas)
    taken = np.empty(REQUESTS)
    for n, (came, service) in enumerate(zip(arrivals, services, strict=True)):
        one = int(free.argmin())
        free[one] = max(free[one], came) + service
        taken[n] = free[one] - came
    return Waits(taken, replicas / SERVICE_S)


def facts() -> dict[str, str]:
    run = runs.load(RUN, "classification")
    sizes = {each.name: each.size_bytes / 1e6 for each in ways(run)}
    return {
        "run": RUN,
        "float32": f"{sizes['safetensors, float32']:.1f}",
        "float16": f"{sizes['safetensors, float16']:.1f}",
        "int8": f"{sizes['safetensors, int8']:.1f}",
        "p_82": f"{mcnemar(8, 2):.3f}",
        "p_91": f"{mcnemar(9, 1):.3f}",
        "replicas": "4",
        "service": f"{SERVICE_S:g}",
        "most": f"{4 / SERVICE_S:.0f}",
        "change": str(CHANGE),
        "days": str(DAYS),
        "per_day": str(PER_DAY),
        "delay": str(DELAY),
        "window": str(WINDOW),
        "sigmas": f"{SIGMAS:g}",
        "monitored": MONITORED,
    }
