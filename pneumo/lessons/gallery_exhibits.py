"""How the recordings of the gallery are made, and what must be seen in each.

    python -m pneumo gallery          trains all of them anew, checks each symptom, and writes content/gallery/

Phantoms, 64 px, 600 to train and 200 to validate with, split by patient, the small net, Adam 1e-3, batch 32, unless an exhibit says
otherwise. One seed shows *that* it happens, not how often.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from pneumo import data
from pneumo.images import phantom, transforms
from pneumo.lessons import gallery_mistakes as mistakes
from pneumo.lessons import watched
from pneumo.lessons.gallery_training import LIGHT, SEED, SMALL, Exhibit, Films, Recorded, column, phantoms, train
from pneumo.metrics import classification
from pneumo.schema import AugmentSpec, DataSpec, ImageSpec, PneumoError, Recipe
from pneumo.training.recognition import CharacterTask
from pneumo.training.tasks import ClassificationTask
from pneumo.training.trainer import Trainer

STRONG = AugmentSpec(
    rotation_deg=25, shift=0.2, zoom=0.3, gamma=0.8, contrast=0.6, brightness=0.3, noise=0.8, border=0.5
)
GOOD = replace(  # with 8-16-32 channels the same training ends at a validation AUROC of .82
    SMALL, augment=LIGHT, schedule="onecycle", learning_rate=1e-2, epochs=30, model_args={"channels": [8, 16, 32, 64]}
)
FEW = 60  # films to learn by heart


# --- the exhibits ---------------------------------------------------------------------------------------------------


def good() -> Exhibit:
    one, _, _ = train(GOOD, phantoms())
    area = column(one, "validation_auroc")[-1]
    return Exhibit([one], area > 0.95, f"validation AUROC {area:.3f} at the end")


def too_high() -> Exhibit:
    one, _, _ = train(replace(SMALL, optimiser="sgd", learning_rate=3.0, momentum=0.9, epochs=10), phantoms())
    losses = column(one, "train_loss")
    holds = bool(one.diverged) or np.nanmax(losses) > 2 * losses[0]
    return Exhibit(
        [one], holds, one.diverged or f"training loss {losses[0]:.2f} at first, {np.nanmax(losses):.3g} at most"
    )


def too_low() -> Exhibit:
    one, _, _ = train(replace(SMALL, learning_rate=1e-6, epochs=12), phantoms())
    losses = column(one, "train_loss")
    return Exhibit(
        [one], losses[0] - losses[-1] < 0.02, f"training loss {losses[0]:.3f} at first, {losses[-1]:.3f} at the end"
    )


def _by_heart() -> Recipe:
    return replace(SMALL, model="pneumonia_cnn", model_args={"spatial_dropout": 0.0, "dropout": 0.0}, epochs=80)


@cache
def _learnt_by_heart() -> Recorded:
    return train(_by_heart(), phantoms(few=FEW))[0]


def by_heart() -> Exhibit:
    one = _learnt_by_heart()
    losses = column(one, "validation_loss")
    best = int(np.nanargmin(losses))
    found = (
        f"validation loss {losses[best]:.2f} after epoch {best}, {losses[-1]:.2f} at the end; "
        f"training loss {column(one, 'train_loss')[-1]:.4f}"
    )
    return Exhibit([one], losses[-1] / losses[best] - 1 > 0.3, found)


def less_memory() -> Exhibit:
    changes = replace(LIGHT, rotation_deg=10, shift=0.1, gamma=0.2, contrast=0.2)
    one, _, _ = train(
        replace(_by_heart(), model_args={}, augment=changes, patience=20, criterion="loss"), phantoms(few=FEW)
    )
    last = float(column(_learnt_by_heart(), "validation_loss")[-1])
    kept = float(np.nanmin(column(one, "validation_loss")))
    return Exhibit(
        [one],
        kept < last,
        f"validation loss {kept:.2f} in the epoch that is kept, {last:.2f} at the end of the training before",
    )


def rare() -> Exhibit:
    one, _, _ = train(replace(SMALL, epochs=12), phantoms("phantom:800:0:5"))
    tn, fp, fn, tp = one.looks[-1]["matrix"]
    recall, accuracy = tp / (tp + fn), (tn + tp) / (tn + fp + fn + tp)
    return Exhibit(
        [one],
        recall < 0.5 and accuracy >= 0.93,
        f"accuracy {accuracy:.3f}, {tp} of {tp + fn} films with pneumonia found",
    )


def leak() -> Exhibit:
    """Labels mean nothing here: they are dealt out to patients at random. Only who knows the patient can be right."""
    patients, films, side = 80, 3, 48
    rng = np.random.default_rng(SEED)
    truth = np.arange(patients) % 2
    dealt = rng.permutation(truth)
    image = ImageSpec(size=side)
    drawn = [
        (p, phantom.draw(p, n, int(truth[p]), size_px=224, seed=SEED)) for p in range(patients) for n in range(films)
    ]
    resized = np.stack([transforms.resize(each.pixels, image) for _, each in drawn])
    owner = np.array([p for p, _ in drawn])
    labels = dealt[owner].astype(np.int64)
    films_order, patients_order = rng.permutation(len(labels)), rng.permutation(patients)
    cut = len(labels) // 4
    held = np.isin(owner, patients_order[: patients // 4])
    recipe = replace(
        SMALL, image=image, epochs=40, model_args={"channels": [16, 32, 64], "flatten": True}, learning_rate=1e-3
    )
    leaky, _, _ = train(
        recipe, Films(resized, labels, {"validation": films_order[:cut], "train": films_order[cut:]}), "split by film"
    )
    honest, _, _ = train(
        recipe,
        Films(resized, labels, {"validation": np.flatnonzero(held), "train": np.flatnonzero(~held)}),
        "split by patient",
    )
    a, b = (float(np.nanmean(column(each, "validation_auroc")[-5:])) for each in (leaky, honest))
    return Exhibit(
        [leaky, honest],
        a > 0.65 and b < 0.6,
        f"validation AUROC over the last five epochs {a:.2f} by film, {b:.2f} by patient",
    )


def letter() -> Exhibit:
    """An R on nine of ten films with pneumonia and on no other."""
    films = phantoms()
    rng = np.random.default_rng(SEED)
    image, marked, plain = SMALL.image, [], []
    for each in phantom.draw_set(800, size_px=224, seed=0):
        patient, which = int(each.patient[-4:]), int(each.name.split("-")[2])
        has = bool(each.label) and rng.random() < 0.9
        marked.append(
            transforms.resize(phantom.draw(patient, which, each.label, size_px=224, seed=0, marker=has).pixels, image)
        )
        plain.append(
            transforms.resize(phantom.draw(patient, which, each.label, size_px=224, seed=0, marker=False).pixels, image)
        )
    with_r, without = Films(np.stack(marked), films.labels, films.splits), np.stack(plain)

    def unmarked(task: Any, predict: Any) -> dict[str, float]:
        rows = task.measured["validation"]
        planes = transforms.normalise(torch.from_numpy(without[rows]), image)
        logits = predict(lambda model: model(planes)[:, 0]).double().numpy()
        return {"plain_auroc": classification.auroc(task.labels[rows], logits)}

    one, _, _ = train(replace(SMALL, epochs=12), with_r, more=unmarked)
    a, b = column(one, "validation_auroc")[-1], column(one, "plain_auroc")[-1]
    return Exhibit(
        [one],
        a - b > 0.2,
        f"validation AUROC {a:.2f} with the letter, {b:.2f} on the same films without it",
        {"plain_auroc": "the same films without the R"},
    )


def no_eval() -> Exhibit:
    """Validation films lie sorted by class, as folders give them; each batch is of one class."""
    films = phantoms()
    rows = films.splits["validation"]
    ordered = rows[np.argsort(films.labels[rows], kind="stable")]
    sorted_films = Films(films.resized, films.labels, {**films.splits, "validation": ordered})

    class InBatches(ClassificationTask):
        def logits(self, model: torch.nn.Module, indices: np.ndarray, device: torch.device) -> torch.Tensor:
            parts = [indices[n : n + 32] for n in range(0, len(indices), 32)]
            return torch.cat([model(self.normalised(part, device))[:, 0].float().cpu() for part in parts])

    def right(task: Any, predict: Any) -> dict[str, float]:
        model = task.modules["classifier"].eval()
        with torch.inference_mode():
            logits = model(task.normalised(task.measured["validation"]))[:, 0].double().numpy()
        return {"eval_auroc": classification.auroc(task.labels[task.measured["validation"]], logits)}

    one, task, _ = train(
        replace(SMALL, augment=LIGHT, learning_rate=3e-3),
        sorted_films,
        kind=InBatches,
        trainer=mistakes.WithoutEval,
        more=right,
    )
    model = task.modules["classifier"].train()
    film, rng = int(ordered[0]), np.random.default_rng(0)
    with torch.inference_mode():
        among_own = model(task.normalised(ordered[:32]))[0, 0].sigmoid().item()
        among_others = (
            model(task.normalised(np.concatenate([[film], rng.permutation(ordered[-80:])[:31]])))[0, 0].sigmoid().item()
        )
    moved = abs(among_own - among_others)
    return Exhibit(
        [one], moved > 0.1, f"the same film gets {among_own:.2f} among NORMAL films and {among_others:.2f} among films with pneumonia",
        {"eval_auroc": "measured in eval mode"},
    )  # fmt: skip


def softmax_twice() -> Exhibit:
    dataset = data.open_source("characters:3600")
    image = ImageSpec(size=32)
    recipe = Recipe(
        name="gallery", task="characters", model="ocr_cnn", image=image, data=DataSpec(source="characters:3600", test=0.0),
        epochs=12, optimiser="adam", criterion="last", precision="float32", seed=SEED,
    )  # fmt: skip
    resized = data.resized(dataset, image)
    splits = data.training_splits(dataset, recipe, resized.errors)
    trainings = []
    for line, kind in (("softmax before the loss", mistakes.SoftmaxTwice), ("logits into the loss", CharacterTask)):
        torch.manual_seed(SEED)
        task = kind(recipe, np.asarray(resized.array), dataset.labels, splits, SEED)
        with TemporaryDirectory() as folder:
            state = Trainer(task, recipe, Path(folder), checkpoint_every_s=1e9).fit()
        rows = [
            {key: round(value, 5) for key, value in row.items() if key in (*watched.CURVES, "epoch")}
            for row in state.history
        ]
        trainings.append(Recorded(line, [], [{"row": row, "matrix": [], "cases": [], "kernels": []} for row in rows]))
    lowest = min(float(np.nanmin(column(trainings[0], f"{split}_loss"))) for split in ("train", "validation"))
    first = column(trainings[0], "train_loss")[0]
    return Exhibit(
        trainings,
        lowest > 2.63 and first > 3.5,
        f"its loss falls from {first:.2f} to {lowest:.2f} and never below 2.630",
    )


def no_zero_grad() -> Exhibit:
    recipe = replace(SMALL, optimiser="sgd", momentum=0.0, learning_rate=0.05, epochs=20)
    one, _, _ = train(recipe, phantoms(), trainer=mistakes.WithoutZeroGrad)
    losses = column(one, "train_loss")
    swing = losses / np.minimum.accumulate(losses)
    worst = int(np.argmax(swing))
    found = f"training loss {losses[:worst].min():.2f} at first best, {losses[worst]:.2f} after epoch {worst}"
    return Exhibit([one], bool(one.diverged) or swing.max() > 2, one.diverged or found)


def augmented_test() -> Exhibit:
    again: list[float] = []

    def second(task: Any, predict: Any) -> dict[str, float]:
        rows = task.measured["validation"]
        logits = predict(lambda model: task.logits(model, rows, torch.device("cpu"))).double().numpy()
        again.append(float(classification.auroc(task.labels[rows], logits)))
        return {"second_auroc": again[-1]}

    one, _, _ = train(
        replace(SMALL, augment=STRONG, learning_rate=3e-3), phantoms(), kind=mistakes.AugmentedTest, more=second
    )
    first = column(one, "validation_auroc")
    moved = float(np.nanmax(np.abs(first[1:] - np.array(again)[1:])))
    return Exhibit(
        [one],
        moved > 0.01,
        f"two looks at the same weights and films differ by up to {moved:.3f} in AUROC",
        {"second_auroc": "the same weights and films once more"},
    )


def sixteen() -> Exhibit:
    """As `good`, read on sixteen films, eight of each class: the official validation set has as many."""
    films = phantoms()
    rows = films.splits["validation"]
    few = np.concatenate([rows[films.labels[rows] == label][:8] for label in (0, 1)])

    def on_few(task: Any, predict: Any) -> dict[str, float]:
        logits = predict(lambda model: task.logits(model, few, torch.device("cpu")))
        return {"few_accuracy": float(((logits > 0).long() == torch.from_numpy(task.labels[few])).float().mean())}

    one, _, _ = train(GOOD, films, more=on_few)
    jumps = float(np.abs(np.diff(column(one, "few_accuracy"))).max())
    return Exhibit(
        [one],
        jumps >= 0.125,
        f"the accuracy on sixteen films jumps by up to {100 * jumps:.1f} points from one epoch to the next",
        {"few_accuracy": "on sixteen films"},
    )


EXHIBITS: dict[str, Callable[[], Exhibit]] = {
    each.__name__: each
    for each in (
        good, too_high, too_low, by_heart, less_memory, rare, leak, letter, no_eval, softmax_twice, no_zero_grad, augmented_test, sixteen,
    )
}  # fmt: skip


def record(name: str) -> dict[str, Any]:
    """Trains an exhibit and gives what its file holds. PneumoError where the symptom does not show: then the recipe must change."""
    started = time.monotonic()
    exhibit = EXHIBITS[name]()
    if not exhibit.holds:
        raise PneumoError(f"{name} does not show what it should: {exhibit.found}; change its recipe")
    return {
        "name": name,
        "found": exhibit.found,
        "seconds": round(time.monotonic() - started),
        "seed": SEED,
        "extra": exhibit.extra,
        "trainings": [
            {"line": each.line, "cases": each.cases, "looks": each.looks, "diverged": each.diverged}
            for each in exhibit.trainings
        ],
    }
