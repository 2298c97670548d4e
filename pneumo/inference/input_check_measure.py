"""What the input check is worth: rates on images that set none of its limits.

Sources of images from elsewhere are left out of the fit, a few at a time, and the check that never saw them is asked about them:
that is the rate to expect of a hospital nobody has seen. The part "test" of the folder is read once, when all is decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pneumo import data, runs
from pneumo.data import elsewhere
from pneumo.generators import sampling
from pneumo.images import corruptions, ood_samples, phantom
from pneumo.inference import input_check_fit as fitting
from pneumo.inference.input_check import InputCheck, assess_squares, verdicts
from pneumo.inference.input_check_report import CHILDREN, FRONTAL, OTHERS, Rate, Share
from pneumo.metrics import significance
from pneumo.schema import CLASS_NAMES, Assessment, PneumoError, Progress, RunCard

SEED = 3  # of what is drawn anew: not that of the fit
DRAWN, PHANTOMS, GENERATED = 20, 200, 200
BY_OTHERS = "children, by the checks that sources were left out of"


def refused(told: Assessment) -> bool:
    return told.verdict == "refused"


def from_elsewhere(told: Assessment) -> bool:
    return told.verdict == "elsewhere"


# --- images from elsewhere --------------------------------------------------------------------------------


def left_out(
    card: RunCard, source: str, folder: Path, *, seed: int, steps: int, progress: Progress | None = None
) -> tuple[Rate, ...]:
    """Rates on sources that a check fitted like the real one never saw. Takes a fit for each source of radiographs."""
    own, found = fitting.children(card, source), elsewhere.read(folder, "fit")
    squares, parts = fitting.squares_of(found), fitting.folds(found)
    if len(parts) < 2:
        raise PneumoError(f"{folder} has one source of frontal radiographs; none can be left out")
    rates: list[Rate] = []
    test = np.array(own.resized[own.rows("test")]) if "test" in own.splits else None
    wrong: list[Assessment] = []
    children: list[Rate] = []
    for number, without in enumerate(parts):
        step = _part_of(progress, number, len(parts))
        check = fitting.fit_to(own, found, squares, card, seed=seed, steps=steps, without=without, progress=step)
        chosen = np.isin(found.groups, without)
        told = assess_squares(check, squares[chosen])
        rates += _of_groups("left_out", found.groups[chosen], found.frontal[chosen], told)
        wrong += assess_squares(check, test) if test is not None else []
    if wrong:
        children = list(_of_children("left_out", BY_OTHERS, wrong, len(wrong) // len(parts)))
    return (*_together("left_out", rates), *rates, *children)


def _part_of(progress: Progress | None, number: int, parts: int) -> Progress | None:
    return (lambda done, total: progress(number * total + done, parts * total)) if progress else None


def kept_for_the_end(check: InputCheck, folder: Path) -> tuple[Rate, ...]:
    """Rates on the part "test" of a folder: to be read once, when nothing is to be changed any more."""
    found = elsewhere.read(folder, "test")
    told = verdicts(check, [image.pixels for image in found.images])
    rates = list(_of_groups("test", found.groups, found.frontal, told))
    return (*_together("test", rates), *rates)


def _of_groups(place: str, groups: np.ndarray, frontal: np.ndarray, told: Sequence[Assessment]) -> Iterator[Rate]:
    for group in sorted(set(groups)):
        mine = [each for each, of in zip(told, groups, strict=True) if of == group]
        chest = bool(frontal[groups == group][0])
        yield Rate(place, str(group), "refused", "low" if chest else "high", share([refused(each) for each in mine]))
        if chest:
            yield Rate(place, str(group), "from elsewhere", "high", share([from_elsewhere(each) for each in mine]))
            yield Rate(place, str(group), "mirrored", "low", share([each.mirrored for each in mine]))
        if place != "left_out" and str(group).startswith("lateral"):  # who saw none cannot name them
            named = [refused(each) and "lateral" in each.reason for each in mine]
            yield Rate(place, str(group), "named as lateral", "high", share(named))


def _together(place: str, rates: Sequence[Rate]) -> Iterator[Rate]:
    """The sums over all groups: of radiographs, and of images that are none."""
    for group, chest in ((FRONTAL, True), (OTHERS, False)):
        for said in ("refused", "from elsewhere", "mirrored"):
            wanted = "high" if not chest or said == "from elsewhere" else "low"
            mine = [
                each.share for each in rates if each.said == said and each.group.startswith(elsewhere.FRONTAL) == chest
            ]
            if mine:
                count, n = sum(each.count for each in mine), sum(each.n for each in mine)
                yield Rate(place, group, said, wanted, Share(count, n, significance.wilson(count, n), n))


# --- the training hospital's children, and what is made of them ---------------------------------------------


def of_children(check: InputCheck, card: RunCard, source: str, progress: Progress | None = None) -> tuple[Rate, ...]:
    """Rates on the internal test radiographs of a source, as they are and changed, and on what is drawn anew."""
    if card.data.split_digest != check.about.split_digest:
        raise PneumoError(
            f"run {card.name!r} has another split of the patients than the input check was fitted to: some of its test patients "
            "may have been learned from. Name the run of the same split with --run, or fit the check again"
        )
    own = fitting.children(card, source)
    if not len(own.splits.get("test", ())):
        raise PneumoError(f"{source} leaves no test set; there is nothing left to measure the input check on")
    return tuple(_rates_of(check, own, progress or (lambda done, total: None)))


def _rates_of(check: InputCheck, own: data.TrainingData, progress: Progress) -> Iterator[Rate]:
    squares = np.array(own.resized[own.rows("test")])
    n, steps = len(squares), 5
    yield from _of_children("internal", CHILDREN, assess_squares(check, squares), n)
    progress(1, steps)
    for name, each in corruptions.CORRUPTIONS.items():
        if name == "inverted":
            continue
        planes = corruptions.corrupt(squares, name, 2, SEED)
        told = assess_squares(check, (planes.clamp(0, 1) * 255).round().byte().numpy())
        changed = [refused(one) or from_elsewhere(one) for one in told]
        title = each.title if each.title[1].isupper() else each.title[0].lower() + each.title[1:]  # JPEG stays
        yield Rate(
            "internal",
            f"children, changed: {title}",
            "refused or from elsewhere",
            "low",
            share(changed),
        )
    progress(2, steps)
    for degrees, words in ((90, "turned to the left"), (180, "turned by 180 degrees"), (270, "turned to the right")):
        changed = np.ascontiguousarray(np.rot90(squares, degrees // 90, (1, 2)))
        named = [
            refused(each) and each.turned_deg == degrees and not each.inverted
            for each in assess_squares(check, changed)
        ]
        yield Rate("internal", f"children, {words}", "named so", "high", share(named))
    told = assess_squares(check, 255 - squares)
    yield Rate(
        "internal",
        "children, inverted",
        "named so",
        "high",
        share([refused(one) and one.inverted and not one.turned_deg for one in told]),
    )
    told = assess_squares(check, np.ascontiguousarray(squares[:, :, ::-1]))
    yield Rate("internal", "children, mirrored", "named so", "high", share([one.mirrored for one in told]))
    images = [own.dataset.read(index) for index in own.splits["test"]]
    crops = [each for each in ood_samples.transformed(images, SEED) if each.kind == "strongly cropped"]
    told = verdicts(check, [each.pixels for each in crops])
    yield Rate(
        "internal", "children, cropped to 40% of the sides", "refused", "high", share([refused(one) for one in told])
    )
    progress(3, steps)
    yield from _drawn(check)
    progress(4, steps)
    yield from _generated(check)
    progress(steps, steps)


def _of_children(place: str, group: str, told: Sequence[Assessment], bases: int) -> Iterator[Rate]:
    yield Rate(
        place,
        group,
        "refused or from elsewhere",
        "low",
        share([refused(one) or from_elsewhere(one) for one in told], bases),
    )
    yield Rate(place, group, "refused", "low", share([refused(one) for one in told], bases))
    yield Rate(place, group, "mirrored", "low", share([one.mirrored for one in told], bases))


def _drawn(check: InputCheck) -> Iterator[Rate]:
    kinds: dict[str, list[np.ndarray]] = {}
    for each in ood_samples.drawn(DRAWN, SEED):
        kinds.setdefault(each.kind, []).append(each.pixels)
    for kind, images in kinds.items():
        yield Rate("drawn", kind, "refused", "high", share([refused(one) for one in verdicts(check, images)]))
    phantoms = [each.pixels for each in phantom.draw_set(PHANTOMS, seed=SEED, prevalence=0.5)]
    told = verdicts(check, phantoms)
    yield Rate("drawn", "phantoms", "named so", "high", share([one.verdict == "phantom" for one in told]))


def _generated(check: InputCheck) -> Iterator[Rate]:
    for name in runs.available("gan"):
        gan = runs.load(name)
        if sampling.classes(gan) == CLASS_NAMES:
            told = verdicts(check, list(sampling.samples(gan, GENERATED, 0)))
            yield Rate("drawn", f"generated by {name}", "refused", "", share([refused(one) for one in told]))
            yield Rate(
                "drawn", f"generated by {name}", "from elsewhere", "", share([from_elsewhere(one) for one in told])
            )


def share(hits: Sequence[bool], bases: int = 0) -> Share:
    count, n = int(sum(hits)), len(hits)
    return Share(count, n, significance.wilson(count, n), bases or n)
