"""Samples of a GAN: new ones, one of them edited, and the way from one to another."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pages.generators.gallery import SMALL_TILE_PX, Tile, show_gallery, show_image
from pages.generators.gan_neighbours import show_neighbours
from pneumo.formatting import rate
from pneumo.generators import directions, sampling
from pneumo.images import sheets
from pneumo.runs import Run

SHOWN = 16
DIRECTIONS, REACH = 4, 4.0  # sliders, and how far they go in standard deviations
STEPS = 21  # of an interpolation, both ends included: 5% apart
LARGEST_SEED = 9999
CLASS, SEED, NUMBER = "gan.class", "gan.seed", "gan.number"
TRUNCATION, BY_HAND = "gan.truncation", "gan.by_hand"


@st.fragment
@shared.guarded
def show_samples(run: Run) -> None:
    known = sampling.classes(run)
    left, middle, right = st.columns([2, 1, 1], vertical_alignment="bottom")
    shared.keep(CLASS, known[0], known)
    wanted = left.segmented_control("Class", known, key=CLASS, required=True)
    shared.keep(SEED, 0)
    seed = middle.number_input("Seed", 0, LARGEST_SEED, key=SEED, help="The same seed gives the same samples.")
    right.button("New samples", key="gan.new", icon=":material/casino:", on_click=_next_seed)
    images = _samples(run.card.weights.sha256, run, wanted, seed)
    show_gallery(
        (
            Tile(each, f"Sample {number}: a synthetic radiograph, {wanted}", (str(number),))
            for number, each in enumerate(images)
        ),
        SMALL_TILE_PX,
    )
    st.caption(
        f"{SHOWN} samples of {wanted} by {shared.plain(shared.title(run.card.name))}, {run.card.image.size} x {run.card.image.size} pixels."
    )
    st.download_button(
        "Download samples (PNG)",
        sheets.png(sheets.grid(images)),
        f"synthetic_{wanted}_{seed}.png",
        "image/png",
        key="gan.download",
        icon=":material/download:",
        on_click="ignore",
        help="The metadata of the file say that the images are synthetic.",
    )
    show_one(run, wanted, seed)
    show_interpolation(run, wanted, seed)


def _next_seed() -> None:
    st.session_state[SEED] = (st.session_state.get(SEED, 0) + 1) % (LARGEST_SEED + 1)


@st.cache_data(show_spinner="Generating samples ...", max_entries=64)
def _samples(weights: str, _run: Run, wanted: str, seed: int) -> np.ndarray:
    """Samples are synthetic and follow from the seed: all visitors may share them. weights: the cache's key."""
    return sampling.samples(_run, SHOWN, seed, wanted)


# --- editing one ------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_one(run: Run, wanted: str, seed: int) -> None:
    number = shared.keep(NUMBER, 0, range(SHOWN))
    st.subheader(f"Edit sample {number}", divider="gray")
    st.segmented_control(
        "Sample", range(SHOWN), key=NUMBER, required=True, label_visibility="collapsed", on_change=_reset
    )
    left, right = st.columns([2, 3], gap="large")
    with right:
        shared.keep(TRUNCATION, 1.0)
        truncation = st.slider(
            "Truncation",
            0.0,
            1.0,
            step=0.05,
            key=TRUNCATION,
            help="How far from the average the sample starts. Lower values give safer, more similar images; higher values more variety.",
        )
        along = _choose_directions(run)
        replaced = _choose_number(run)
        st.button("Reset", key="gan.reset", icon=":material/restart_alt:", on_click=_reset)
    edited = sampling.one(run, seed, number, wanted, truncation, along, replaced)
    with left.container(key="gan.edited"):
        show_image(
            edited,
            f"Sample {number} of {wanted}, edited: a synthetic radiograph",
            f"Sample {number} of {wanted}, synthetic",
        )
        st.download_button(
            "Download image (PNG)",
            sheets.png(edited),
            f"synthetic_{wanted}_{seed}_{number}.png",
            "image/png",
            key="gan.download_one",
            icon=":material/download:",
            on_click="ignore",
        )
    show_neighbours(run, edited)


def _reset() -> None:
    st.session_state[TRUNCATION], st.session_state[BY_HAND] = 1.0, False
    for n in range(DIRECTIONS):
        st.session_state[f"gan.direction.{n}"] = 0.0


def _choose_directions(run: Run) -> list[float]:
    """How far along each direction, in standard deviations of z."""
    words, along = _direction_words(run.card.weights.sha256, run), []
    columns = st.columns(2)
    for n, word in enumerate(words):
        key = f"gan.direction.{n}"
        shared.keep(key, 0.0)
        label = f"{n + 1}: {word}" if word else f"Direction {n + 1}"
        along.append(columns[2 * n // DIRECTIONS].slider(label, -REACH, REACH, step=0.25, key=key))
    st.caption(
        "The directions to which the first layer of the generator responds most (SeFa, Shen and Zhou 2021), in standard deviations. "
        f"The word names the property that a direction mostly changes, measured on {directions.BASES} samples. A direction without a "
        "word changes none of the measured properties by much."
    )
    return along


@st.cache_data(show_spinner="Measuring what each direction changes ...", max_entries=16)
def _direction_words(weights: str, _run: Run) -> list[str | None]:
    """weights: the cache's key."""
    return directions.of_gan(_run, DIRECTIONS)


def _choose_number(run: Run) -> dict[int, float]:
    """One latent number set by hand: most of them alone do next to nothing, which is a lesson too."""
    size = directions.z_size(run)
    shared.keep(BY_HAND, False)
    if not st.toggle("Set one latent number by hand", key=BY_HAND, help=f"A sample starts from {size} random numbers."):
        return {}
    shared.keep("gan.z_index", 0, range(size))
    shared.keep("gan.z_value", 0.0)
    left, right = st.columns([1, 2])
    index = left.number_input(f"Number (0 to {size - 1})", 0, size - 1, key="gan.z_index")
    return {int(index): right.slider("Value", -REACH, REACH, step=0.1, key="gan.z_value")}


# --- interpolation ----------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_interpolation(run: Run, wanted: str, seed: int) -> None:
    st.subheader("Interpolate between two samples", divider="gray")
    left, right = st.columns([2, 3], gap="large")
    with right:
        shared.keep_all({"gan.from": 0, "gan.to": 1, "gan.position": 50})
        first = st.slider("From sample", 0, SHOWN - 1, key="gan.from")
        second = st.slider("To sample", 0, SHOWN - 1, key="gan.to")
        position = st.slider("Position", 0, 100, step=100 // (STEPS - 1), key="gan.position", format="%d%%")
        st.caption("The generator makes every image on the way. None is a blend of two others.")
    frames = _interpolation(run.card.weights.sha256, run, wanted, seed, first, second)
    with left:
        where = f"{rate(position / 100, 0)} of the way from sample {first} to sample {second}"
        show_image(frames[position * (STEPS - 1) // 100], f"A synthetic radiograph {where}", where)
        st.download_button(
            "Download animation (GIF)",
            lambda: sheets.gif(frames, side=320),
            f"synthetic_{wanted}_{seed}_{first}_to_{second}.gif",
            "image/gif",
            key="gan.download_gif",
            icon=":material/download:",
            on_click="ignore",
        )


@st.cache_data(show_spinner="Interpolating ...", max_entries=32)
def _interpolation(weights: str, _run: Run, wanted: str, seed: int, first: int, second: int) -> np.ndarray:
    """weights: the cache's key."""
    return sampling.walk(_run, seed, first, second, wanted, STEPS)
