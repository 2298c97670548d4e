"""A data set summary in sentences, each computed from its numbers."""

from __future__ import annotations

from collections.abc import Iterator

from pneumo.inference.dataset_summary import UNUSED, Cue, DataSetSummary
from pneumo.schema import CLASS_NAMES

SPLIT_NAMES = {"train": "training", "validation": "validation", "test": "the internal test"}
KINDS = {"bacteria": "bacterial pneumonia", "virus": "viral pneumonia"}
EVEN = 1.05  # at most so many images of one class for each of the other: balanced in words
MISLEADING = 0.6  # share of the larger class from which accuracy misleads
HARDLY, WEAKLY = 0.55, 0.7  # an AUROC below the first is not called a separation, one below the second a weak one
WIDER = 1.25  # times the other class's standard deviation


def findings(summary: DataSetSummary) -> list[str]:
    """What the numbers say, one string a topic."""
    return list(findings_by_topic(summary).values())


def findings_by_topic(summary: DataSetSummary) -> dict[str, str]:
    """The sentences by what they are about: classes, kinds, split, patients, sizes, duplicates, brightness, grey_levels, files.

    A topic the summary has no numbers for is left out.
    """
    topics = {
        "classes": _classes,
        "kinds": _kinds,
        "split": _split,
        "patients": _patients,
        "sizes": _sizes,
        "duplicates": _duplicates,
        "brightness": _brightness,
        "grey_levels": _grey_levels,
        "files": _files,
    }
    result = {topic: " ".join(sentences(summary)) for topic, sentences in topics.items()}
    return {topic: text for topic, text in result.items() if text}


def conclusions(summary: DataSetSummary) -> list[tuple[str, str]]:
    """What to conclude before anything is trained, as headline and reason, the most important first."""
    found = (_misleading(summary), _by_patient(summary), _shortcut(summary), _copies(summary))
    return [each for each in found if each]


def _misleading(summary: DataSetSummary) -> tuple[str, str] | None:
    (small, fewer), (large, more) = sorted(summary.classes.items(), key=lambda each: each[1])
    if not fewer or more < MISLEADING * summary.images:
        return None
    return "Accuracy alone misleads.", (
        f"There are {more / fewer:.1f} {large} images for every {small} image: always guessing {large} would be right "
        f"{more / summary.images:.1%} of the time."
    )


def _by_patient(summary: DataSetSummary) -> tuple[str, str] | None:
    most, expected = max(map(len, summary.images_per_patient.values()), default=0), summary.random_split
    if most < 2:
        return None
    return "Split by patient, not by image.", (
        f"One patient has up to {most} images. If single images were split at random, {expected.seen:.1%} of the held-out "
        "images would show a patient who is also in the training set."
    )


def _shortcut(summary: DataSetSummary) -> tuple[str, str] | None:
    cue, brightness = summary.cue("grey_levels"), summary.cue("brightness")
    if cue is None:
        return None
    headline = "The grey levels offer a shortcut." if _separates(cue) else "The grey levels offer no clear shortcut."
    text = (
        f"Eight grey-level statistics per image, which know nothing of anatomy, {_verb(cue, plural=True)} the classes: AUROC "
        f"{cue.auroc:.3f} (n = {cue.n:,}; 0.5 is chance)."
    )
    if brightness:
        text += f" Mean brightness alone {_verb(brightness)} them: {brightness.auroc:.3f}."
    return headline, text


def _copies(summary: DataSetSummary) -> tuple[str, str] | None:
    groups = summary.duplicate_groups
    if not groups:
        return None
    across = sum(kind.groups for kind in summary.duplicates if len(set(kind.splits) - {UNUSED}) > 1)
    return "Some files occur more than once.", (
        f"{_images(groups)} {'has' if groups == 1 else 'have'} identical copies, "
        f"{f'{across:,} of them' if across else 'none'} in more than one split."
    )


def _classes(summary: DataSetSummary) -> Iterator[str]:
    (small, fewer), (large, more) = sorted(summary.classes.items(), key=lambda each: each[1])
    if not fewer:
        yield f"All {_images(more)} are {large}: a classifier needs both classes."
        return
    counts = " and ".join(f"{summary.classes[name]:,} {name}" for name in CLASS_NAMES)
    if more <= EVEN * fewer:
        yield f"The classes are balanced: {counts} (n = {summary.images:,})."
    else:
        yield f"The classes are imbalanced: {counts}, or {more / fewer:.1f} {large} images for every {small} image."
    if more >= MISLEADING * summary.images:
        yield (
            f"Always guessing {large} would be right {more / summary.images:.1%} of the time (n = {summary.images:,}), so "
            "accuracy alone is misleading."
        )


def _kinds(summary: DataSetSummary) -> Iterator[str]:
    known, total = sum(summary.subtypes.values()), summary.classes[CLASS_NAMES[1]]
    if known and total:
        kinds = [f"{n:,} show {KINDS.get(kind, kind)} ({n / total:.1%})" for kind, n in summary.subtypes.items()]
        rest = [f"for {total - known:,} the kind is unknown"] * (known < total)
        yield f"Of the {total:,} {CLASS_NAMES[1]} images, {_listed(kinds + rest)}."


def _split(summary: DataSetSummary) -> Iterator[str]:
    images = {split: sum(count.values()) for split, count in summary.data.counts.items()}
    named = [
        f"{_patients_of(summary.data.patients[split])} ({_images(n)}) for {SPLIT_NAMES.get(split, split)}"
        for split, n in images.items()
        if n
    ]
    if named:
        yield f"The split is by patient, not by image: {_listed(named)}."
    if len(named) > 1:
        shared = summary.patients_shared
        yield (
            "No patient is in more than one of these."
            if not shared
            else f"{_patients_of(shared)} {'is' if shared == 1 else 'are'} in more than one of these, which makes metrics too optimistic."
        )
    several = summary.patients_in_several_own
    if several:
        yield f"In the source's own splits, {_patients_of(several)} {'is' if several == 1 else 'are'} in more than one."


def _patients(summary: DataSetSummary) -> Iterator[str]:
    tallies = {name: counts for name, counts in summary.images_per_patient.items() if counts}
    most = max(map(len, tallies.values()), default=0)
    if not most:
        return
    if most == 1:
        yield f"Every patient has one image (n = {summary.patients:,}), as far as the file names tell."
        return
    means = [
        f"{sum((k + 1) * n for k, n in enumerate(counts)) / sum(counts):.1f} {name} images (n = {_patients_of(sum(counts))})"
        for name, counts in tallies.items()
    ]
    yield f"A patient has on average {_listed(means, 'or')}, and at most {most}."
    expected = summary.random_split
    if expected.patients >= 0.5:
        yield (
            f"If single images were split at random, with {expected.held_out:.1%} of them held out, about "
            f"{_patients_of(round(expected.patients))} would be on both sides: {expected.seen:.1%} of the held-out images "
            "would show a patient who is also in the training set."
        )


def _sizes(summary: DataSetSummary) -> Iterator[str]:
    sizes, n = summary.sizes, summary.readable
    if not n:
        return
    if sizes.distinct == 1:
        width, height = next(iter(sizes.median.values()))
        yield f"All {_images(n)} are stored at {width:.0f} × {height:.0f} pixels, so their size cannot give the class away."
        return
    medians = [f"{width:.0f} × {height:.0f} for {name}" for name, (width, height) in sizes.median.items()]
    yield f"The {_images(n)} come in {sizes.distinct:,} sizes; the median width and height are {_listed(medians)} pixels."
    for name, words in (("pixels", "The number of pixels"), ("aspect", "The aspect ratio")):
        cue = summary.cue(name)
        if cue:
            yield _separation(cue, words)


def _duplicates(summary: DataSetSummary) -> Iterator[str]:
    groups = summary.duplicate_groups
    if not groups:
        yield f"No file occurs twice (n = {summary.images:,})."
        return
    surplus = summary.surplus_images
    yield (
        f"{_images(groups)} {'is' if groups == 1 else 'are'} stored more than once, byte for byte, which makes {surplus:,} surplus "
        f"{'copy' if surplus == 1 else 'copies'} (n = {summary.images:,})."
    )
    two_labels = sum(kind.groups for kind in summary.duplicates if len(kind.classes) > 1)
    across = sum(kind.groups for kind in summary.duplicates if len(set(kind.splits) - {UNUSED}) > 1)
    if two_labels:
        yield f"{_images(two_labels)} {'carries' if two_labels == 1 else 'carry'} both labels: one of the two is wrong."
    else:
        yield "No image carries two labels."
    if across:
        yield f"{_images(across)} {'has' if across == 1 else 'have'} copies in more than one split."
    else:
        yield "No image has copies in more than one split."
    expected = summary.random_split.duplicate_groups
    if expected >= 0.5:
        yield f"If single images were split at random, copies of about {round(expected):,} would be on both sides."


def _brightness(summary: DataSetSummary) -> Iterator[str]:
    cue = summary.cue("brightness")
    if cue is None:
        return
    yield _separation(cue, "Brightness")
    if _separates(cue):
        yield f"{cue.higher_in} images tend to be brighter, a shortcut that a model can take without looking at the lungs."
    (small, less), (large, more) = sorted(summary.brightness.items(), key=lambda each: each[1].deviation)
    if more.deviation > WIDER * less.deviation:
        yield (
            f"{large} images vary more in brightness than {small} images (standard deviation {more.deviation:.1f} against "
            f"{less.deviation:.1f} grey levels)."
        )


def _grey_levels(summary: DataSetSummary) -> Iterator[str]:
    cue = summary.cue("grey_levels")
    if cue is None:
        return
    yield (
        f"A logistic regression on eight grey-level statistics per image, which knows nothing of anatomy, {_verb(cue)} the "
        f"classes on patients it was not fitted to: {_area(cue)}."
    )
    if _separates(cue):
        yield (
            "The disease may explain some of it, since it whitens the lungs; whatever the exposure explains is a shortcut "
            "that a model can take."
        )


def _files(summary: DataSetSummary) -> Iterator[str]:
    if summary.unreadable:
        was = "was" if summary.unreadable == 1 else "were"
        yield f"{summary.unreadable:,} of {summary.images:,} files could not be read and {was} left out."


def _separates(cue: Cue) -> bool:
    """Not where chance lies within the interval."""
    return cue.auroc >= HARDLY and (cue.ci95 is None or cue.ci95.low > 0.5)


def _verb(cue: Cue, *, plural: bool = False) -> str:
    s, does = ("", "do") if plural else ("s", "does")
    if _separates(cue):
        return f"weakly separate{s}" if cue.auroc < WEAKLY else f"separate{s}"
    return f"hardly separate{s}" if cue.auroc < HARDLY else f"{does} not measurably separate"


def _separation(cue: Cue, what: str) -> str:
    return f"{what} alone {_verb(cue)} the classes: {_area(cue)}."


def _area(cue: Cue) -> str:
    """An AUROC for people, with its interval, n and what chance is."""
    ends = f"95% CI {cue.ci95.low:.3f} to {cue.ci95.high:.3f}, " if cue.ci95 else ""
    return f"AUROC {cue.auroc:.3f} ({ends}n = {cue.n:,}; 0.5 is chance)"


def _images(n: int) -> str:
    return f"{n:,} image{'s' * (n != 1)}"


def _patients_of(n: int) -> str:
    return f"{n:,} patient{'s' * (n != 1)}"


def _listed(words: list[str], last: str = "and") -> str:
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
