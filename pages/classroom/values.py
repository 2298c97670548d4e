"""What fills the texts of those lessons whose numbers were measured on shipped runs; the pages and the worksheets share it."""

from __future__ import annotations

from pathlib import Path

from pages import shared
from pages.classroom import shortcuts_rates
from pneumo import runs
from pneumo.generators import latent_report
from pneumo.generators.latent_report import Space
from pneumo.inference import heatmap_report
from pneumo.lessons import bottleneck as bottleneck_lesson
from pneumo.lessons import gradcam as gradcam_lesson
from pneumo.schema import PneumoError

TAUGHT = "first_steps"  # learned from phantoms, and its maps fail in the way the lesson is about
METHODS = ("gradcam", "hirescam", "layercam")
EXPLORED = ("vae_8", "bottleneck_8", "vae_32", "bottleneck_32", "vae_128", "bottleneck_128")


def heatmap_models() -> list[str]:
    """Single classifiers that can be looked into, the one that learned from phantoms first."""
    names = [name for name in shared.by_name(runs.available("classification")) if not shared.load_card(name).members]
    return sorted(names, key=lambda name: name != TAUGHT)


def gradcam() -> dict[str, object]:
    """The measured hits of the run that the lesson on heatmaps is about."""
    known = heatmap_models()
    name = TAUGHT if TAUGHT in known else next(iter(known), "")
    found = heatmap_report.read(runs.resolve(name)) if name else None
    hits = dict.fromkeys(METHODS, "?") | ({row.method: row.hits for row in found.rows} if found else {})
    about = {"name": shared.title(name) if name else "?", "n": found.phantoms if found else "?"}
    return gradcam_lesson.facts() | hits | about


def spaces() -> dict[str, Space]:
    """What was measured of the autoencoders of the lesson on bottlenecks, of those that can be read."""
    found = {}
    for name in EXPLORED:
        if name not in runs.available("reconstruction"):
            continue
        try:
            space = _space(name)
        except PneumoError:
            continue
        if space is not None and space.codes is not None:
            found[name] = space
    return found


@shared.kept_for_run()
def _space(folder: str) -> Space | None:
    return latent_report.read(Path(folder))


def measured() -> dict[str, dict[str, object]]:
    """By lesson, of those whose values stand here."""
    return {"gradcam": gradcam(), "shortcuts": shortcuts_rates.facts(), "bottleneck": bottleneck_lesson.facts(spaces())}
