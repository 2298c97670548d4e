"""The training of a GAN replayed: samples, losses and the discriminator's output move together, epoch by epoch."""

from __future__ import annotations

import time

import numpy as np
import streamlit as st

from pages import shared
from pages.generators.gallery import show_image
from pneumo import plots, runs
from pneumo.formatting import counted
from pneumo.generators import sampling
from pneumo.images import sheets
from pneumo.runs import Run

OTHER, EPOCH = "gan.other", "gan.epoch"
PLAYING, TICKED = "gan.playing", "gan.ticked"
TICK_S = 0.8


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
    playing = st.session_state.get(PLAYING, False)
    st.fragment(shared.guarded(_replay), run_every=TICK_S if playing else None)(kept)
    st.caption(
        "Neither loss falls to zero: in a balanced training both stay about level. A discriminator that is right about training images "
        "and wrong about held-out ones has memorised the training images. **Spread** is the standard deviation between samples. "
        "If it falls to zero, the generator makes the same image every time (mode collapse)."
    )


@st.cache_resource(show_spinner=False, max_entries=16)
def _snapshots(name: str, weights: str) -> dict[int, np.ndarray]:
    """Samples by epoch; weights: the cache's key beside the name."""
    return sampling.snapshots(shared.load_run(name))


def _replay(kept: dict[str, dict[int, np.ndarray]]) -> None:
    epochs = sorted({epoch for images in kept.values() for epoch in images})
    shared.keep(EPOCH, epochs[-1], epochs)
    if st.session_state.get(PLAYING):
        _advance(epochs)
    _show_buttons(epochs)
    epoch = st.select_slider("Epoch", epochs, key=EPOCH)
    for (name, images), column in zip(kept.items(), st.columns(len(kept), gap="large"), strict=True):
        with column:
            _show_moment(name, images, epoch, wide=len(kept) == 1)


def _show_buttons(epochs: list[int]) -> None:
    row = st.container(horizontal=True, gap="small")
    row.button("Back", key="gan.step_back", icon=":material/skip_previous:", on_click=_step, args=(epochs, -1))
    playing = st.session_state.get(PLAYING, False)
    if row.button(
        "Pause" if playing else "Play",
        key="gan.play",
        icon=":material/pause:" if playing else ":material/play_arrow:",
        type="primary",
    ):
        _toggle(epochs)
        st.rerun()
    row.button("Forward", key="gan.step_on", icon=":material/skip_next:", on_click=_step, args=(epochs, 1))


def _show_moment(name: str, images: dict[int, np.ndarray], epoch: int, *, wide: bool) -> None:
    """A training at an epoch: the last samples kept by then, and its curves."""
    at = max((each for each in images if each <= epoch), default=min(images, default=0))
    card, title = shared.load_card(name), shared.title(name)
    left, right = st.columns(2, gap="large") if wide else (st.container(), st.container())
    if images:
        with left:
            told = f"{title}: the same {len(images[at])} samples after {counted(at, 'epoch')}"
            show_image(sheets.grid(images[at]), told, shared.plain(told))
    right.plotly_chart(
        plots.gan_training(shared.load_history(name), epoch), key=f"gan.curves.{name}", config={"displayModeBar": False}
    )
    right.caption(
        f"{shared.plain(title)}: {shared.plain(card.recipe.summary)} Trained for {counted(card.epochs_run, 'epoch')} in "
        f"{counted(round(card.minutes), 'minute')} on {shared.plain(card.hardware)}."
    )


def _advance(epochs: list[int]) -> None:
    """The next epoch when its time has come; touching a control is no tick."""
    now = time.monotonic()
    if now - st.session_state.get(TICKED, 0.0) < 0.8 * TICK_S:
        return
    st.session_state[TICKED] = now
    _step(epochs, 1)
    if st.session_state[EPOCH] == epochs[-1]:
        st.session_state[PLAYING] = False
        st.rerun()


def _step(epochs: list[int], way: int) -> None:
    place = epochs.index(st.session_state[EPOCH]) + way
    st.session_state[EPOCH] = epochs[min(max(place, 0), len(epochs) - 1)]


def _toggle(epochs: list[int]) -> None:
    """Play or pause; from the start where the end was reached."""
    st.session_state[PLAYING] = not st.session_state.get(PLAYING, False)
    st.session_state[TICKED] = time.monotonic()
    if st.session_state[PLAYING] and st.session_state[EPOCH] == epochs[-1]:
        st.session_state[EPOCH] = epochs[0]
