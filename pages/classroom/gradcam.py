"""Grad-CAM taken apart: the steps in the browser, hits on phantoms, forgetting, and a patch that one drags."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import gradcam_cover, images, stage
from pneumo import runs
from pneumo.formatting import with_interval
from pneumo.images import overlays
from pneumo.inference import heatmap_report, pointing
from pneumo.inference.examples import Example
from pneumo.lessons import gradcam
from pneumo.metrics import significance
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES

TAUGHT = "first_steps"  # learned from phantoms, and its maps fail in the way the lesson is about
STEPS = 8
START = {"step": 7, "method": "gradcam", "sign": 1, "relu": True, "smooth": True, "off": []}
METHODS = ("gradcam", "hirescam", "layercam")
PHANTOMS = 40
SHOWN_PX = 480


def main() -> None:
    stage.show(
        "gradcam",
        {
            "steps": show_steps,
            "lesion": show_lesion,
            "forget": show_forgetting,
            "cover": lambda: gradcam_cover.show(*_pick()),
        },
        values(),
    )


def values() -> dict[str, object]:
    """What fills the lesson's text: the measured hits of the run it is about."""
    name = TAUGHT if TAUGHT in _models() else next(iter(_models()), "")
    found = heatmap_report.read(runs.resolve(name)) if name else None
    hits = dict.fromkeys(METHODS, "?") | ({row.method: row.hits for row in found.rows} if found else {})
    return gradcam.facts() | hits | {"name": shared.title(name) if name else "?", "n": found.phantoms if found else "?"}


def _models() -> list[str]:
    """Single classifiers that can be looked into, the one that learned from phantoms first."""
    names = [name for name in shared.by_name(runs.available("classification")) if not shared.load_card(name).members]
    return sorted(names, key=lambda name: name != TAUGHT)


def _pick() -> tuple[Example, Run]:
    left, right = st.columns(2)
    with left:
        _, example = images.choose("gradcam.image", phantoms_first=True)
    names = _models()
    if not names:
        shared.stop_without("classification run")
    with right:
        return example, stage.pick_model("gradcam.run", names)


# --- five steps -------------------------------------------------------------------------------------------------


def show_steps() -> None:
    example, run = _pick()
    trace = gradcam.trace(run, images.pixels(example))
    side = trace.seen.shape[-1]
    channels, height, width = trace.activations.shape
    lesion = "" if example.lesion is None else _packed(_mask(example.lesion, side))
    key = "gradcam.steps"
    components.mount(
        "gradcam",
        key=key,
        data={
            "identity": f"{run.card.weights.sha256} {example.digest}",
            "seen": _packed(trace.seen.reshape(-1, side, side)[0]),
            "side": side,
            "activations": _packed(trace.activations.astype("<f4")),
            "gradients": _packed(trace.gradients.astype("<f4")),
            "channels": channels,
            "height": height,
            "width": width,
            "layer": trace.layer,
            "lesion": lesion,
            "colours": _packed(np.round(overlays.heat_colours()).astype(np.uint8)),
            "classes": list(CLASS_NAMES),
            "start": START | {"top": channels} | checked(stage.settings("cam")),
        },
        default={"settings": None},
        on_settings_change=stage.remember(key, "cam", checked),
    )


def _packed(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _mask(lesion: np.ndarray, side: int) -> np.ndarray:
    """(side, side) uint8, 1 in the lesion: by the pixel nearest to each middle."""
    rows, columns = (((np.arange(side) + 0.5) / side * length).astype(int) for length in lesion.shape)
    return lesion[np.ix_(rows, columns)].astype(np.uint8)


def checked(said: dict[str, Any]) -> dict[str, Any]:
    """Of settings from an address or a browser, those that are what they should be."""
    good: dict[str, Any] = {}
    for name, low, high in (("step", 0, STEPS - 1), ("top", 0, 100_000)):
        if isinstance(said.get(name), int) and not isinstance(said[name], bool) and low <= said[name] <= high:
            good[name] = said[name]
    for name, allowed in (("method", METHODS), ("sign", (1, -1)), ("relu", (True, False)), ("smooth", (True, False))):
        if said.get(name) in allowed and isinstance(said[name], type(allowed[0])):
            good[name] = said[name]
    off = said.get("off")
    if isinstance(off, list) and len(off) <= 40 and all(isinstance(n, int) and 0 <= n < 100_000 for n in off):
        good["off"] = off
    return good


# --- on the lesion? -----------------------------------------------------------------------------------------------


def show_lesion() -> None:
    if not stage.unlocked("gradcam"):
        return
    measured = {
        name: found
        for name in _models()
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
    table.sort(key=lambda row: not row["Model"].startswith(shared.title(TAUGHT)))
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
    names = _models()
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
    shared.keep("gradcam.method", METHODS[0], METHODS)
    method = st.segmented_control(
        "Method", METHODS, key="gradcam.method", format_func=heatmap_report.TITLES.get, required=True
    )
    frames = _forgotten(run, example, images.pixels(example))
    pictures, captions = [], []
    trained = _signed(frames[0][1], method)
    for number, (layer, trace) in enumerate(frames):
        signed = _signed(trace, method)
        positive = np.maximum(signed, 0)
        shown = (positive / max(float(np.abs(signed).max()), 1e-12)).astype(np.float32)
        seen = trace.seen.reshape(-1, *trace.seen.shape[-2:])[0]
        pictures.append(images.address(overlays.overlay(seen, shown)))
        alike = gradcam.likeness(trained, signed)
        captions.append(
            "The trained network."
            if not number
            else f"Random from the head down to {layer}. Rank correlation with the trained network's map: {alike:+.2f}."
        )
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


def _forgotten(run: Run, example: Example, pixels: np.ndarray) -> list[tuple[str, gradcam.Trace]]:
    """The cascade of this image: of built-in ones for everybody, of the visitor's own in the session."""
    if example.synthetic:
        return _forgotten_by_all(run.card.weights.sha256, example.digest, run, pixels)
    kept, key = st.session_state.setdefault("gradcam.forgotten", {}), (run.card.weights.sha256, example.digest)
    if key not in kept:
        kept.clear()
        kept[key] = gradcam.cascade(run, pixels)
    return kept[key]


@st.cache_resource(show_spinner="Letting the layers forget ...", max_entries=16)
def _forgotten_by_all(weights: str, digest: str, _run: Run, _pixels: np.ndarray) -> list[tuple[str, gradcam.Trace]]:
    """weights, digest: the cache's key."""
    return gradcam.cascade(_run, _pixels)


def _signed(trace: gradcam.Trace, method: str) -> np.ndarray:
    return gradcam.signed_map(trace.activations, trace.gradients, method)


main()
