"""Grad-CAM taken apart, the last part: a grey patch that one drags, and what the model says wherever it lies."""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import address, images
from pneumo.inference.examples import Example
from pneumo.lessons import gradcam
from pneumo.runs import Run


def show(example: Example, run: Run) -> None:
    pixels = images.pixels(example)
    found = _covered(run, example, pixels)
    digest = hashlib.sha256(found.probabilities.tobytes()).hexdigest()
    seen = gradcam.seen(run, pixels)
    key = "gradcam.cover"
    start = address.place(address.settings("square"), len(found.probabilities))
    components.mount(
        "occlusion",
        key=key,
        data={
            "identity": f"{run.card.weights.sha256} {example.digest} {digest}",
            "picture": images.url(seen),
            "alt": "The image as the model gets it",
            "probabilities": np.round(found.probabilities, 6).tolist(),
            "clean": round(found.clean, 6),
            "side": found.side,
            "threshold": run.card.point().threshold,
            "start": start or None,
        },
        default={"settings": None},
        on_settings_change=address.remember(key, "square", lambda said: address.place(said, len(found.probabilities))),
    )
    st.caption(
        f"{gradcam.PLACES} × {gradcam.PLACES} places, computed before you dragged: {shared.title(run.card.name)} at its default threshold "
        f"{run.card.point().threshold:.3f}. The grey is the image's mean."
    )


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
