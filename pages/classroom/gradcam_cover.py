"""Grad-CAM taken apart, the last part: a grey patch that one drags, and what the model says wherever it lies."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import images, stage
from pneumo.inference.examples import Example
from pneumo.lessons import gradcam
from pneumo.runs import Run


def show(example: Example, run: Run) -> None:
    pixels = images.pixels(example)
    found = _covered(run, example, pixels)
    digest = hashlib.sha256(found.probabilities.tobytes()).hexdigest()
    seen = gradcam.seen(run, pixels)
    key = "gradcam.cover"
    start = checked_place(stage.settings("square"), len(found.probabilities))
    components.mount(
        "occlusion",
        key=key,
        data={
            "identity": f"{run.card.weights.sha256} {example.digest} {digest}",
            "picture": images.address(seen),
            "alt": "The image as the model gets it",
            "probabilities": np.round(found.probabilities, 6).tolist(),
            "clean": round(found.clean, 6),
            "side": found.side,
            "threshold": run.card.point().threshold,
            "start": start or None,
        },
        default={"settings": None},
        on_settings_change=stage.remember(key, "square", lambda said: checked_place(said, len(found.probabilities))),
    )
    st.caption(
        f"{gradcam.PLACES} × {gradcam.PLACES} places, computed before you dragged: {shared.title(run.card.name)} at its default threshold "
        f"{run.card.point().threshold:.3f}. The grey is the image's mean."
    )


def checked_place(said: dict[str, Any], places: int) -> dict[str, int]:
    """A place of the square, or nothing."""
    place = {name: said.get(name) for name in ("row", "column")}
    whole = all(isinstance(each, int) and not isinstance(each, bool) and 0 <= each < places for each in place.values())
    return place if whole else {}


def _covered(run: Run, example: Example, pixels: np.ndarray) -> gradcam.Occlusion:
    if example.synthetic:
        return _covered_by_all(run.card.weights.sha256, example.digest, run, pixels)
    kept, key = st.session_state.setdefault("gradcam.covered", {}), (run.card.weights.sha256, example.digest)
    if key not in kept:
        bar = st.progress(0.0, "Covering one place after the other ...")
        kept.clear()
        kept[key] = gradcam.occlusion(run, pixels, lambda done, total: bar.progress(done / total))
        bar.empty()
    return kept[key]


@st.cache_resource(show_spinner="Covering one place after the other ...", max_entries=64)
def _covered_by_all(weights: str, digest: str, _run: Run, _pixels: np.ndarray) -> gradcam.Occlusion:
    """weights, digest: the cache's key."""
    return gradcam.occlusion(_run, _pixels)
