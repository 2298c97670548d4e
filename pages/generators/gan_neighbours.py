"""Is a sample a copy? The training radiographs nearest to it, where they are at hand."""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st

from pages import shared
from pages.generators.gallery import SMALL_TILE_PX, Tile, show_gallery
from pneumo import runs
from pneumo.generators import memorisation, quality_report
from pneumo.generators.memorisation import Neighbour
from pneumo.inference import dataset_audit
from pneumo.runs import Run
from pneumo.schema import PneumoError

NEAREST = 5
FOUND = "gan.neighbours"  # session_state: digest of the image, and its neighbours in pixels


def show_neighbours(run: Run, image: np.ndarray) -> None:
    """For the image as it is now; a slider makes another image, for which the visitor asks again."""
    source = dataset_audit.named_source()
    with st.expander("Is it a copy? Compare with training radiographs", icon=":material/search:"):
        if source is None:
            st.caption(
                "The training radiographs are not available. To see the nearest ones, set PNEUMO_DATA to their folder before you start "
                "the app. Quality has the distances of many samples."
            )
            return
        digest = hashlib.sha256(image.tobytes()).hexdigest()
        asked = st.button("Find the nearest training radiographs", key="gan.nearest", icon=":material/search:")
        try:
            near = _neighbours(source, run, image, digest) if asked or _found(digest) else None
        except PneumoError as error:
            st.caption(f"The nearest training radiographs cannot be shown: {shared.plain(str(error))}")
            return
        if near is not None:
            result = _measured(run)
            _show_row("in pixels", near, result and result.memory.pixel.held_out, 3)
            _show_by_features(source, run, image, result)


def _found(digest: str) -> bool:
    return st.session_state.get(FOUND, ("",))[0] == digest


def _neighbours(source: str, run: Run, image: np.ndarray, digest: str) -> list[Neighbour]:
    if not _found(digest):
        known = _training_images(source, run.card.weights.sha256, run)
        st.session_state[FOUND] = (digest, memorisation.neighbours(known, image, NEAREST))
    return st.session_state[FOUND][1]


@st.cache_resource(show_spinner="Reading the training radiographs ...", max_entries=4)
def _training_images(source: str, weights: str, _run: Run) -> memorisation.Known:
    """The same for all visitors. weights: the cache's key."""
    return memorisation.training_images(_run, source)


@st.cache_resource(show_spinner=False, max_entries=4)
def _features(source: str, weights: str) -> shared.SharedCache:
    """source, weights: the cache's key."""
    return shared.SharedCache()


def _show_by_features(source: str, run: Run, image: np.ndarray, result: quality_report.Quality | None) -> None:
    place = _features(source, run.card.weights.sha256)
    if place.result is None and not st.button(
        "Compare features too",
        key="gan.features",
        icon=":material/bolt:",
        help="Takes about a minute the first time.",
    ):
        return
    encoder = shared.load_run(result.encoder if result else quality_report.ENCODER)
    with place.lock:
        if place.result is None:
            bar = st.progress(0.0, "Computing features ...")
            place.result = memorisation.with_features(
                _training_images(source, run.card.weights.sha256, run),
                encoder,
                lambda done, total: bar.progress(done / total, f"Features of {done:,} of {total:,} radiographs"),
            )
            bar.empty()
    near = memorisation.neighbours(place.result, image, NEAREST, encoder)
    where = f"in the features of {shared.plain(shared.title(encoder.card.name))}"
    _show_row(where, near, result and result.memory.feature.held_out, 2)


def _show_row(where: str, near: list[Neighbour], typical: float | None, places: int) -> None:
    st.markdown(
        f"**Nearest {where}**"
        + (f" (median distance of held-out radiographs to their nearest: {typical:.{places}f})" if typical else "")
    )
    show_gallery(
        (
            Tile(
                each.resized_image,
                f"A training radiograph at distance {each.distance:.{places}f}",
                (f"{each.distance:.{places}f}",),
            )
            for each in near
        ),
        SMALL_TILE_PX,
    )


def _measured(run: Run) -> quality_report.Quality | None:
    try:
        return quality_report.read(runs.resolve(run.card.name))
    except PneumoError:
        return None  # the section Quality says what is wrong with the file
