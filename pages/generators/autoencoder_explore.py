"""Exploring the code: edit it, add the difference between the classes, interpolate, sample."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pages.generators.autoencoder_runs import SELECTOR_PX, choose_image, offered_images, pick_code
from pages.generators.gallery import SMALL_TILE_PX, Tile, show_gallery, show_image
from pneumo.formatting import rate
from pneumo.generators import directions, latent
from pneumo.generators.latent_report import Space
from pneumo.images import sheets
from pneumo.runs import Run

STARTS = ("the chosen image", "the average code")
REACH = 3.0  # standard deviations a slider goes to either side
STEPS = 7  # from one image to another, ends included
AMOUNTS = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
SAMPLES = 16


@st.fragment
@shared.guarded
def show_exploration(names: list[str]) -> None:
    image, title = choose_image(names)
    run, space = pick_code("autoencoder.code", names)
    code = latent.code_of(run, image)
    show_sliders(run, space, code, title)
    show_class_difference(run, space, code)
    show_interpolation(run, names, code, title)
    show_samples(run, space)


# --- editing ----------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_sliders(run: Run, space: Space, code: np.ndarray, title: str) -> None:
    st.subheader("Edit the code", divider="gray")
    left, right = st.columns([2, 3], gap="large")
    with right:
        shared.keep("autoencoder.start", STARTS[0], STARTS)
        start = st.segmented_control("Start from", STARTS, key="autoencoder.start", required=True)
        along = _choose_directions(run, space)
    with left.container(key="autoencoder.edited"):
        edited = latent.moved(run, space, code if start == STARTS[0] else None, along)
        what = shared.plain(title) if start == STARTS[0] else "the average code"
        show_image(
            edited,
            f"Image decoded from the edited code; started from {title if start == STARTS[0] else 'the average code'}",
            f"Decoded by {shared.title(run.card.name)}, starting from {what}",
        )


def _choose_directions(run: Run, space: Space) -> list[float]:
    """How far along each direction, in standard deviations."""
    words = _direction_words(run.card.weights.sha256, run, space)
    keys = [f"autoencoder.direction.{n}" for n in range(len(space.directions))]
    shared.keep_all(dict.fromkeys(keys, 0.0))
    columns = st.columns(2)
    along = [
        columns[2 * n // len(keys)].slider(
            f"{n + 1}: {words[n]}" if words[n] else f"Direction {n + 1}",
            -REACH,
            REACH,
            step=0.1,
            key=key,
            format="%.1f",
        )
        for n, key in enumerate(keys)
    ]
    st.button("Reset", key="autoencoder.reset", icon=":material/restart_alt:", on_click=_reset, args=(keys,))
    st.caption(
        "The directions in which the code changes images most, strongest first, in standard deviations. "
        + directions_text("reconstructed radiographs")
    )
    return along


def directions_text(what: str) -> str:
    """Where the words of directions come from."""
    return (
        f"The word names the property that a direction mostly changes, measured on {directions.BASES} {what}. A direction "
        "without a word changes none of the measured properties by much."
    )


@st.cache_data(show_spinner="Measuring what each direction changes ...", max_entries=32)
def _direction_words(weights: str, _run: Run, _space: Space) -> list[str | None]:
    """weights: the cache's key."""
    return directions.of_code(_run, _space)


def _reset(keys: list[str]) -> None:
    for key in keys:
        st.session_state[key] = 0.0


# --- between and beyond -----------------------------------------------------------------------------------


def show_class_difference(run: Run, space: Space, code: np.ndarray) -> None:
    st.subheader("From NORMAL to PNEUMONIA", divider="gray")
    images = latent.towards(run, space, code, AMOUNTS)
    show_gallery(
        (
            Tile(each, f"The image plus {n:.1f} times the class difference", (f"{n:+.1f}" if n else "unchanged",))
            for n, each in zip(AMOUNTS, images, strict=True)
        ),
        SMALL_TILE_PX,
    )
    st.caption(
        "The code of the image, plus a multiple of the difference between the mean codes of NORMAL and PNEUMONIA training radiographs. "
        "This difference contains everything in which the two groups differ: whiter lungs, but also exposure, size and position of the "
        "child. It does not add a disease to a patient."
    )


@st.fragment
@shared.guarded
def show_interpolation(run: Run, names: list[str], code: np.ndarray, title: str) -> None:
    st.subheader("Interpolate between two images", divider="gray")
    offered = {name: pixels for name, pixels in offered_images(names).items() if name != title}
    shared.keep("autoencoder.other", next(iter(offered)), offered)
    other = st.selectbox("Other image", list(offered), key="autoencoder.other", width=SELECTOR_PX)
    images = latent.between(run, code, latent.code_of(run, offered[other]), STEPS)
    shares = [rate(n / (STEPS - 1), 0) for n in range(STEPS)]
    show_gallery(
        (Tile(each, f"{share} of the way to {other}", (share,)) for share, each in zip(shares, images, strict=True)),
        SMALL_TILE_PX,
    )
    st.caption(
        "Each image is decoded from a code on the straight line between the two codes. A cross-fade would show two chests at once."
    )


@st.fragment
@shared.guarded
def show_samples(run: Run, space: Space) -> None:
    st.subheader("Random samples", divider="gray")
    shared.keep("autoencoder.seed", 0)
    seed = st.number_input("Seed", 0, 9999, key="autoencoder.seed", width=160)
    name = shared.title(run.card.name)
    show_image(
        sheets.grid(latent.sample(run, space, SAMPLES, seed), columns=SAMPLES // 2),
        f"{SAMPLES} synthetic radiographs decoded by {name} from random codes",
    )
    st.caption(
        f"{name} was trained so that its codes follow a standard normal distribution. These codes are drawn from it."
        if latent.is_variational(run)
        else f"The training of {name} does not say where codes lie. These codes are drawn from a normal distribution that was "
        "fitted to the codes of its training radiographs afterwards. A variational autoencoder is trained for sampling."
    )
