"""Curves, matrix, kernels and followed images of trainings, recorded or running, as the player takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pages import components
from pneumo.palette import COLOURS
from pneumo.plots.style import style
from pneumo.schema import CLASS_NAMES

TRAIN = {"color": COLOURS["train"], "dash": "dash"}
VALIDATION = {"color": COLOURS["validation"], "dash": "solid"}
EXTRA = 2  # the first number of further line styles
PANELS = (("Loss", None, "loss"), ("Accuracy", (0, 1), "accuracy"), ("AUROC", (0, 1), "auroc"))


def show(
    key: str, identity: str, trainings: Sequence[dict[str, Any]], *, rate: float = 4, follow: bool = False
) -> None:
    """One player for these trainings. identity: of what is shown; a running training keeps it while it grows."""
    frames = sorted({int(epoch) for each in trainings for epoch in each["frames"]}) or [0]
    components.mount(
        "replay",
        key=key,
        data={
            "identity": identity,
            "label": "Epoch",
            "frames": frames,
            "first": 0,
            "rate": rate,
            "follow": follow,
            "trainings": [{name: value for name, value in each.items() if name != "frames"} for each in trainings],
        },
    )


def recorded(
    training: dict[str, Any], extra: dict[str, str], until: int | None = None, *, title: str = "", bare: bool = False
) -> dict[str, Any]:
    """A recording as the player takes it. until: so many epochs of it; bare: without matrix and images, and only losses and accuracy."""
    looks = training["looks"][:until]
    result = of_looks(title or _capital(training["line"]), training["cases"], looks, extra)
    if bare:
        result["panels"] = result["panels"][:2]
        result |= {"cases": [], "matrix": [], "chances": [], "kernels": []}
    result["text"] = training["diverged"] and f"{training['diverged']}"
    return result


def of_looks(
    title: str,
    cases: Sequence[dict[str, Any]],
    looks: Sequence[dict[str, Any]],
    extra: dict[str, str],
    overlays: Sequence[tuple[str, Sequence[dict[str, Any]]]] = (),
) -> dict[str, Any]:
    """looks: one for each epoch, as `watched.Look`. extra: further columns of the history, with what they are called. overlays: looks of
    kept trainings by name, whose validation curves are drawn as well."""
    longest = max([len(looks), *(len(each) for _, each in overlays), 1])

    def values(of: Sequence[dict[str, Any]], column: str) -> list[float | None]:
        return [each["row"].get(column) for each in of] + [None] * (longest - len(of))

    panels = []
    for heading, span, metric in PANELS:
        columns = [
            ("training", looks, f"train_{metric}", TRAIN),
            ("validation", looks, f"validation_{metric}", VALIDATION),
        ]
        columns += [
            (called, looks, column, style(EXTRA)) for column, called in extra.items() if column.endswith(metric)
        ]
        columns += [
            (f"validation of {name}", of, f"validation_{metric}", style(EXTRA + n))
            for n, (name, of) in enumerate(overlays)
        ]
        lines = [
            {"name": called, "colour": look["color"], "dash": look["dash"], "values": values(of, column)}
            for called, of, column, look in columns
            if any(each["row"].get(column) is not None for each in of)
        ]
        if lines:
            panels.append({"title": heading, "range": span, "lines": lines})
    return {
        "frames": [each["row"]["epoch"] for each in looks],
        "title": title,
        "text": "",
        "alt": "",
        "pictures": [],
        "epochs": list(range(longest)),
        "panels": panels,
        "names": list(CLASS_NAMES),
        "colours": [COLOURS[name] for name in CLASS_NAMES],
        "cases": list(cases),
        "matrix": [each["matrix"] for each in looks],
        "chances": [each["cases"] for each in looks],
        "kernels": [each["kernels"] for each in looks],
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
