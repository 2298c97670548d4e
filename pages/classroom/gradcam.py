"""Grad-CAM taken apart: the steps in the browser, hits on phantoms, forgetting, and a patch that one drags."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import address, gradcam_cover, images, stage, values
from pneumo import runs
from pneumo.formatting import with_interval
from pneumo.images import overlays
from pneumo.inference import comparison, heatmap_report, pointing
from pneumo.inference.examples import Example
from pneumo.inference.explanation import Heatmap
from pneumo.inference.heatmap_checks import Stage
from pneumo.lessons import gradcam
from pneumo.metrics import significance
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES

STEPS = 8
START = {"step": 7, "method": "gradcam", "sign": 1, "relu": True, "smooth": True, "off": []}
PHANTOMS = 40


def main() -> None:
    stage.show(
        "gradcam",
        {
            "steps": show_steps,
            "lesion": show_lesion,
            "forget": show_forgetting,
            "cover": lambda: gradcam_cover.show(*_pick()),
        },
        values.gradcam(),
    )


def _pick() -> tuple[Example, Run]:
    left, right = st.columns(2)
    with left:
        _, example = images.choose("gradcam.image", phantoms_first=True)
    names = values.heatmap_models()
    if not names:
        shared.stop_without("classification run")
    with right:
        return example, address.pick_model("gradcam.run", names)


# --- five steps -------------------------------------------------------------------------------------------------


def show_steps() -> None:
    example, run = _pick()
    trace = gradcam.trace(run, images.pixels(example))
    side = trace.seen.shape[-1]
    channels, height, width = trace.activations.shape
    lesion = "" if example.lesion is None else components.packed(_mask(example.lesion, side))
    key = "gradcam.steps"
    components.mount(
        "gradcam",
        key=key,
        data={
            "identity": f"{run.card.weights.sha256} {example.digest}",
            "seen": components.packed(trace.seen.reshape(-1, side, side)[0]),
            "side": side,
            "activations": components.packed(trace.activations.astype(np.float32)),
            "gradients": components.packed(trace.gradients.astype(np.float32)),
            "channels": channels,
            "height": height,
            "width": width,
            "layer": trace.layer,
            "lesion": lesion,
            "colours": components.packed(np.round(overlays.heat_colours()).astype(np.uint8)),
            "classes": list(CLASS_NAMES),
            "start": START | {"top": channels} | checked(address.settings("cam")),
        },
        default={"settings": None},
        on_settings_change=address.remember(key, "cam", checked),
    )


def _mask(lesion: np.ndarray, side: int) -> np.ndarray:
    """(side, side) uint8, 1 in the lesion: by the pixel nearest to each middle."""
    rows, columns = (((np.arange(side) + 0.5) / side * length).astype(int) for length in lesion.shape)
    return lesion[np.ix_(rows, columns)].astype(np.uint8)


def checked(said: dict[str, Any]) -> dict[str, Any]:
    """Of settings from an address or a browser, those that are what they should be."""
    good: dict[str, Any] = {}
    for name, low, high in (("step", 0, STEPS - 1), ("top", 0, 100_000)):
        if address.whole(said.get(name), low, high):
            good[name] = said[name]
    for name, allowed in (
        ("method", values.METHODS),
        ("sign", (1, -1)),
        ("relu", (True, False)),
        ("smooth", (True, False)),
    ):
        if said.get(name) in allowed and isinstance(said[name], type(allowed[0])):
            good[name] = said[name]
    off = said.get("off")
    if isinstance(off, list) and len(off) <= 40 and all(address.whole(n, 0, 99_999) for n in off):
        good["off"] = off
    return good


# --- on the lesion? -----------------------------------------------------------------------------------------------


def show_lesion() -> None:
    if not stage.unlocked("gradcam"):
        return
    measured = {
        name: found
        for name in values.heatmap_models()
        if (found := heatmap_report.read(runs.resolve(name))) is not None and len(found.rows) > 1
    }
    if not measured:
        st.info("No model's heatmaps have been measured on phantoms.")
        return
    table = []
    for name, found in measured.items():
        rows = {row.method: row for row in found.rows if row.layer == found.rows[0].layer}
        table.append(
            {"Model": shared.title(name), "n": found.phantoms}
            | {
                title: with_interval(rows[method].hits / found.phantoms, rows[method].hits_ci95)
                if method in rows
                else "-"
                for method, title in heatmap_report.TITLES.items()
            }
        )
    table.sort(key=lambda row: not row["Model"].startswith(shared.title(values.TAUGHT)))
    st.dataframe(table, hide_index=True, width="stretch")
    st.caption(
        "Hits with 95% intervals (Wilson), phantoms with pneumonia, each map at the layer that the model's own entry names. A dash: not among the maps measured for this model. Most models learned from "
        "radiographs and never saw a phantom: their maps cannot be expected to find a lesion."
    )
    _measure_now()


@st.fragment
@shared.guarded
def _measure_now() -> None:
    st.markdown(f"**Measure it yourself** on {PHANTOMS} other phantoms, with a network of random weights beside it.")
    names = values.heatmap_models()
    shared.keep("gradcam.measured", names[0], names)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.selectbox("Model to measure", names, key="gradcam.measured", format_func=shared.title)
    kept = _hits(name)
    if kept.result is None and right.button("Measure", key="gradcam.measure", type="primary"):
        bar = st.progress(0.0, "Measuring ...")
        with kept.lock:
            if kept.result is None:
                kept.result = pointing.hit_rates(
                    shared.load_run(name),
                    PHANTOMS,
                    lambda done, total: bar.progress(done / total, f"Phantom {done} of {total}"),
                )
        bar.empty()
    if kept.result is None:
        return
    titles = heatmap_report.TITLES | {pointing.UNTRAINED: "Grad-CAM, random weights"}
    for column, (method, hits) in zip(st.columns(len(kept.result)), kept.result.items(), strict=True):
        column.metric(titles[method], f"{hits} of {PHANTOMS}", border=True)
        column.caption(with_interval(hits / PHANTOMS, significance.wilson(hits, PHANTOMS)))


@shared.kept_for_run()
def _hits(folder: str) -> shared.SharedCache:
    """What somebody measured of a run, for all visitors."""
    return shared.SharedCache()


# --- forgetting -----------------------------------------------------------------------------------------------------


def show_forgetting() -> None:
    example, run = _pick()
    shared.keep("gradcam.method", values.METHODS[0], values.METHODS)
    method = st.segmented_control(
        "Method", values.METHODS, key="gradcam.method", format_func=heatmap_report.TITLES.get, required=True
    )
    pixels = images.pixels(example)
    trained, stages = _forgotten(run, example, pixels, method)
    seen = gradcam.seen(run, pixels)
    pictures = [
        images.url(overlays.overlay(seen, each.values)) for each in (trained, *(stage.heatmap for stage in stages))
    ]
    captions = ["The trained network."] + [
        f"Random from the head down to {each.layer}. Rank correlation with the trained network's map: {each.similarity:+.2f}."
        for each in stages
    ]
    components.mount(
        "flipbook",
        key="gradcam.cascade",
        data={
            "identity": f"{run.card.weights.sha256} {example.digest} {method}",
            "pictures": pictures,
            "captions": captions,
            "label": "Layers forgotten",
            "title": "layers that forget, from the head down",
            "first": 0,
            "rate": 1,
            "loop": False,
        },
        default={"settings": None},
        on_settings_change=lambda: None,
    )
    st.caption("Each map is on its own scale, one draw of random weights: single steps scatter.")


def _forgotten(run: Run, example: Example, pixels: np.ndarray, method: str) -> tuple[Heatmap, list[Stage]]:
    """Of built-in images for everybody, of the visitor's own in the session."""
    key = (run.card.weights.sha256, example.digest, method)
    if example.synthetic:
        return _forgotten_by_all(*key, run, pixels)
    kept = st.session_state.setdefault("gradcam.forgotten", {})
    if key not in kept:
        kept.clear()
        kept[key] = comparison.forgetting(run, pixels, method)
    return kept[key]


@st.cache_resource(show_spinner="Letting the layers forget ...", max_entries=48)
def _forgotten_by_all(
    weights: str, digest: str, method: str, _run: Run, _pixels: np.ndarray
) -> tuple[Heatmap, list[Stage]]:
    """weights, digest, method: the cache's key."""
    return comparison.forgetting(_run, _pixels, method)


main()
