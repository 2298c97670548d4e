"""The map of codes: hover for a thumbnail, draw a loop around points to see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from pages import shared
from pages.generators.autoencoder_runs import pick_code, space_of
from pages.generators.gallery import SMALL_TILE_PX, Tile, show_gallery
from pneumo.formatting import counted
from pneumo.generators.latent_report import Space
from pneumo.inference import dataset_audit, latent_map
from pneumo.inference.latent_map import Thumbnails
from pneumo.palette import COLOURS
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES

CHOSEN = "autoencoder.chosen"  # session_state: the chosen points of the map, by run
NEAREST = "autoencoder.nearest"  # the point whose neighbours are shown
COMPONENTS = Path(__file__).parents[1] / "components"
THUMBNAIL_PX, SHEET_COLUMNS = 40, 40
GALLERY = 32
NEIGHBOURS = 16
POLL_S = 1.5  # between two looks at whether the thumbnails are complete


@st.fragment
@shared.guarded
def show_map(names: list[str]) -> None:
    run, space = pick_code("autoencoder.map_code", names)
    name, real = run.card.name, latent_map.at_hand(space)
    key = (name, run.card.weights.sha256, dataset_audit.named_source() if real else None)
    thumbnails = _thumbnails(*key)
    st.caption(
        f"{counted(space.about.n, 'held-out radiograph')}, arranged so that neighbours in the code are neighbours here (t-SNE; distances "
        f"between groups mean nothing). {shared.SYMBOLS['NORMAL']} NORMAL, {shared.SYMBOLS['PNEUMONIA']} PNEUMONIA: the network never saw these labels. "
        "**Hover** or tap to see a thumbnail. **Draw a loop** around points to see their images (on a touch screen, start sideways)."
        + ("" if real else " The images are decoded from codes: the radiographs are not part of this project.")
    )
    _mount(name, space, _sheet(*key, thumbnails) if thumbnails.complete else "")
    if thumbnails.failed:
        st.warning("The thumbnails could not be prepared. The map and the images below it work without them.")
    elif not thumbnails.complete:
        st.fragment(_show_progress, run_every=POLL_S)(thumbnails)
    with st.expander("Without a mouse", icon=":material/keyboard:"):
        shared.keep(NEAREST, None, range(space.about.n))
        st.number_input(
            f"Show the {NEIGHBOURS} nearest neighbours of radiograph number",
            0,
            space.about.n - 1,
            value=None,  # may be emptied
            key=NEAREST,
            on_change=lambda: _take_nearest(name, space),
        )
    _show_chosen(run, space, real)


def _show_progress(thumbnails: Thumbnails) -> None:
    """Looked at again and again; the map itself is drawn again only once, when they are complete."""
    if thumbnails.complete or thumbnails.failed:
        st.rerun()
    done = f"Preparing thumbnails: {thumbnails.done:,} of {thumbnails.total:,}"
    st.progress(thumbnails.done / thumbnails.total, done)


@st.cache_resource(show_spinner=False, max_entries=8)
def _thumbnails(name: str, weights: str, source: str | None) -> Thumbnails:
    """Made in the background for all visitors. weights, source: the cache's key beside the name."""
    return Thumbnails(shared.load_run(name), space_of(name), THUMBNAIL_PX, real=source is not None)


@st.cache_resource(show_spinner=False, max_entries=8)
def _sheet(name: str, weights: str, source: str | None, _thumbnails: Thumbnails) -> str:
    """All thumbnails as one image, a data URL. name, weights, source: the cache's key."""
    return latent_map.sheet_url(_thumbnails.images, SHEET_COLUMNS)


def _mount(name: str, space: Space, sheet: str) -> None:
    count, drawn = space.about.n, f"autoencoder.map.{name}"
    chosen = st.session_state.setdefault(CHOSEN, {}).get(name, [])
    _component((COMPONENTS / "latent_map.js").read_text())(
        key=drawn,
        data={
            "x": space.map[:, 0].tolist(),
            "y": space.map[:, 1].tolist(),
            "kind": space.labels.tolist(),
            "names": list(CLASS_NAMES),
            "colours": [COLOURS[name] for name in CLASS_NAMES],
            "sheet": sheet,
            "side": THUMBNAIL_PX,
            "columns": SHEET_COLUMNS,
            "selected": chosen,
        },
        default={"selected": chosen},
        on_selected_change=lambda: _take_loop(drawn, name, count),
    )


@st.cache_resource(show_spinner=False)
def _component(script: str):
    """Registered once a process. script: its JavaScript."""
    return st.components.v2.component(
        "pneumo_latent_map",
        html='<canvas role="img" aria-label="Map of codes; draw a loop around points to see their images"></canvas>'
        '<div class="tip" hidden></div>',
        css=(COMPONENTS / "latent_map.css").read_text(),
        js=script,
    )


def _take_loop(drawn: str, name: str, count: int) -> None:
    """The points inside the loop that the visitor drew; what came from the browser is checked."""
    result = st.session_state[drawn].get("selected") or []
    st.session_state[CHOSEN][name] = [n for n in result if isinstance(n, int) and 0 <= n < count]
    st.session_state[NEAREST] = None


def _take_nearest(name: str, space: Space) -> None:
    number = st.session_state[NEAREST]
    near = [] if number is None else np.argsort(np.square(space.map - space.map[number]).sum(1))[:NEIGHBOURS].tolist()
    st.session_state[CHOSEN][name] = near


def _show_chosen(run: Run, space: Space, real: bool) -> None:
    chosen = st.session_state[CHOSEN].get(run.card.name, [])
    if not chosen:
        st.info(
            "No points chosen. Draw a loop around some, or enter a number below the map.", icon=":material/gesture:"
        )
        return
    positive = int(space.labels[chosen].sum())
    st.markdown(
        f"**{len(chosen):,} chosen**: {len(chosen) - positive:,} NORMAL, {positive:,} PNEUMONIA"
        + (f". {GALLERY} of them, evenly spaced, are shown." if len(chosen) > GALLERY else "")
    )
    # The radiographs are sorted by class: the first ones would all be of one class.
    at = np.linspace(0, len(chosen) - 1, min(GALLERY, len(chosen))).astype(int)
    shown = [chosen[n] for n in at]
    tiles = []
    for n, image in zip(shown, latent_map.images_of(run, space, shown, real=real), strict=True):
        label = CLASS_NAMES[space.labels[n]]
        tiles.append(Tile(image, f"Radiograph number {n}, {label}", (f"{shared.SYMBOLS[label]} {n}",)))
    show_gallery(tiles, SMALL_TILE_PX)
