"""The training of a GAN replayed in the browser: samples, losses and the discriminator's output move together, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pneumo import runs
from pneumo.formatting import counted
from pneumo.generators import sampling
from pneumo.images import sheets
from pneumo.plots.style import style
from pneumo.runs import Run

OTHER = "gan.other"
SHEET_PX = 420  # of a sheet of samples, at most: twenty of them travel to the browser
PANELS = (  # title, range, the history's columns and what they are called
    ("Loss", None, {"step_discriminator.loss": "discriminator", "step_generator.loss": "generator"}),
    (
        "Probability of real",
        (0, 1),
        {
            "train_real": "training images",
            "validation_real": "held-out images",
            "generated_real": "generated images",
        },
    ),
    ("Spread", None, {"spread": "spread of samples"}),
)


@st.fragment
@shared.guarded
def show_training(run: Run) -> None:
    """One slider for one training, or for two side by side."""
    others = [name for name in runs.available("gan") if name != run.card.name]
    shared.keep(OTHER, None, [None, *others])
    other = st.selectbox(
        "Compare with",
        others,
        index=None,
        key=OTHER,
        placeholder="no other model",
        format_func=shared.title,
        width=400,
    )
    shown = [run.card.name, *([other] if other else [])]
    kept, damaged = shared.those_that_work(shown, lambda name: _snapshots(name, shared.load_card(name).weights.sha256))
    for reason in damaged.values():
        st.warning(shared.plain(reason), icon=":material/heart_broken:")
    if not kept.get(run.card.name):
        st.caption("This run kept no samples from its training.")
        return
    epochs = sorted({epoch for images in kept.values() for epoch in images})
    components.mount(
        "replay",
        key="gan.replay",
        data={
            "identity": " ".join(f"{name} {shared.load_card(name).weights.sha256}" for name in kept),
            "label": "Moment",
            "frames": epochs,
            "trainings": [_training(name, images) for name, images in kept.items()],
        },
    )
    st.caption(
        "Neither loss falls to zero: in a balanced training both stay about level. A discriminator that is right about training images "
        "and wrong about held-out ones has memorised the training images. **Spread** is the standard deviation between samples. "
        "If it falls to zero, the generator makes the same image every time (mode collapse)."
    )


@st.cache_resource(show_spinner=False, max_entries=16)
def _snapshots(name: str, weights: str) -> dict[int, np.ndarray]:
    """Samples by epoch; weights: the cache's key beside the name."""
    return sampling.snapshots(shared.load_run(name))


def _training(name: str, images: dict[int, np.ndarray]) -> dict[str, Any]:
    """What the replay shows of one run."""
    card, title = shared.load_card(name), shared.title(name)
    rows = shared.load_history(name)
    number, panels = 0, []
    for heading, span, lines in PANELS:
        drawn = []
        for key, called in lines.items():
            look = style(number)
            values = [
                each if each is not None and math.isfinite(each) else None for each in (row.get(key) for row in rows)
            ]
            drawn.append({"name": called, "colour": look["color"], "dash": look["dash"], "values": values})
            number += 1
        panels.append({"title": heading, "range": span, "lines": drawn})
    count = len(next(iter(images.values())))
    return {
        "title": title,
        "text": f"{card.recipe.summary} Trained for {counted(card.epochs_run, 'epoch')} in "
        f"{counted(round(card.minutes), 'minute')} on {card.hardware}.",
        "alt": f"The same {counted(count, 'sample')}",
        "pictures": _pictures(name, card.weights.sha256, list(images)),
        "epochs": [row["epoch"] for row in rows],
        "panels": panels,
    }


@st.cache_resource(show_spinner=False, max_entries=16)
def _pictures(name: str, weights: str, epochs: Sequence[int]) -> list[dict[str, Any]]:
    """Sheets of samples as data URLs, by epoch. weights: the cache's key beside the name."""
    kept = _snapshots(name, weights)
    return [
        {
            "epoch": epoch,
            "address": shared.data_url(sheets.for_screen(sheets.grid(kept[epoch]), SHEET_PX, SHEET_PX, quality=85)),
        }
        for epoch in epochs
    ]
