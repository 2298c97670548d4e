"""The autoencoders there are, what was measured of them, and the image that the sections look at."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import streamlit as st

from pages import shared
from pages.clinic.diagnose_input import READ
from pages.generators.gallery import show_image
from pneumo import runs
from pneumo.formatting import counted
from pneumo.generators import latent_report
from pneumo.generators.latent_report import Space
from pneumo.inference import dataset_audit, examples, latent_map
from pneumo.inference.examples import Example
from pneumo.runs import Run, names
from pneumo.schema import CLASS_NAMES, PneumoError

UPLOAD, IMAGE = "autoencoder.upload", "autoencoder.image"
OWN = "autoencoder.own"  # session_state: name and bytes of the visitor's file, which outlast the uploader
PREFERRED = "bottleneck_32"  # short enough to be a code, long enough to see a chest
HELD_OUT = 5  # radiographs of either class offered where the data folder is at hand
PREVIEW_PX, SELECTOR_PX = 96, 400


# --- runs -------------------------------------------------------------------------------------------------


def known_runs() -> list[str]:
    """Autoencoders by family and length of code, the one without a bottleneck last; stops the page where there is none.

    Those that cannot be loaded, and measurements that cannot be read, are named here and left out everywhere.
    """
    bad = runs.unusable()
    loaded, damaged = shared.those_that_work(
        [name for name in runs.available("reconstruction") if name not in bad], shared.load_run
    )
    found = list(loaded)
    _, unread = shared.those_that_work(found, _read_space)
    shared.tell_unusable(damaged | unread)
    if not found:
        st.info(
            "There is no trained autoencoder in the weights folder yet. Two epochs on phantoms take a minute: "
            "`python -m pneumo train bottleneck_32 epochs=2 image_size=64 --out weights/bottleneck_32`"
        )
        st.stop()
    return sorted(found, key=_order)


def _order(name: str) -> tuple[bool, str, bool, int, str]:
    card = shared.load_card(name)
    code = int(card.model_args.get("code", 0))
    return (code == 0, card.model, bool(card.recipe.denoise), code, name)


def short_title(name: str) -> str:
    """ "Bottleneck 32"."""
    return names.short_name(shared.load_card(name))


def code_text(size: int) -> str:
    """ "code of 32 numbers"."""
    return f"code of {counted(size, 'number')}"


@st.cache_resource(show_spinner=False, max_entries=32)
def _space(name: str, weights: str, written_ns: int) -> Space | None:
    """weights, written_ns: the cache's key beside the name."""
    return latent_report.read(runs.resolve(name))


def space_of(name: str) -> Space | None:
    """What was measured of a run's code; None where nothing was, or where it cannot be read, which `known_runs` says. It may be
    measured, or measured again, while the app is open."""
    try:
        return _read_space(name)
    except PneumoError:
        return None


def _read_space(name: str) -> Space | None:
    written = latent_map.written_at(name)
    return None if written is None else _space(name, shared.load_card(name).weights.sha256, written)


def pick_model(key: str, usable: list[str], all_names: list[str]) -> str:
    """A selector over measured models; stops the section where none was measured."""
    if not usable:
        st.info(f"No code has been measured yet. Run `python -m pneumo latent {all_names[0]} --data FOLDER --save`.")
        st.stop()
    shared.keep(key, PREFERRED if PREFERRED in usable else usable[0], usable)
    return st.selectbox("Model", usable, key=key, format_func=shared.title, width=SELECTOR_PX)


def pick_code(key: str, all_names: list[str]) -> tuple[Run, Space]:
    """A model whose code is short enough to be explored."""
    usable = [name for name in all_names if (space := space_of(name)) is not None and "codes" in space.arrays]
    name = pick_model(key, usable, all_names)
    return shared.load_run(name), space_of(name)


# --- the image --------------------------------------------------------------------------------------------


def choose_image(all_names: list[str], *, preview: bool = True) -> tuple[np.ndarray, str]:
    """The image that the sections look at, (H, W) uint8, and what to call it; stops the section where it is unreadable."""
    offered = offered_images(all_names)
    small, left, right = st.columns([1, 3, 4], gap="medium") if preview else (None, *st.columns(2, gap="medium"))
    with right:
        upload = st.file_uploader("Or upload your own", READ, key=UPLOAD, on_change=_take_upload)
    own = st.session_state.get(OWN)
    shared.keep(IMAGE, next(iter(offered)), offered)
    title = left.selectbox("Image", list(offered), key=IMAGE, disabled=own is not None)
    if own is None:
        pixels = offered[title]
    else:
        title, blob = own
        if upload is None:  # the visitor was on another page meanwhile, and the uploader came back empty
            right.button(
                f"Remove {shared.plain(title)}", key="autoencoder.forget", icon=":material/close:", on_click=_forget
            )
        try:
            pixels = examples.read_pixels(blob, title)
        except PneumoError as error:
            st.error(
                f"**{shared.plain(title)}** could not be read: {shared.plain(str(error))}", icon=":material/block:"
            )
            st.stop()
    if small:
        with small:
            show_image(pixels, f"The chosen image: {title}", width=PREVIEW_PX)
    return pixels, title


def offered_images(all_names: list[str]) -> dict[str, np.ndarray]:
    """By what they are called: the visitor's own, radiographs where there are any, samples of a GAN, phantoms."""
    return (
        own_images()
        | held_out(all_names)
        | _titled("Real case", shared.real_cases())
        | _titled("Generated radiograph", shared.generated_examples())
        | _titled("Phantom", shared.phantom_examples())
    )


def own_images() -> dict[str, np.ndarray]:
    """What this visitor uploaded on any page, without what cannot be read; that page said so."""
    found = {}
    for title, each in shared.titled_own_files().items():
        with suppress(PneumoError):
            found[title] = _own_pixels(each)
    return found


def _own_pixels(file: Example) -> np.ndarray:
    """Read once a session; nothing of a visitor goes into a cache for all."""
    kept = st.session_state.setdefault("autoencoder.own_pixels", {})
    if file.digest not in kept:
        kept[file.digest] = examples.read_pixels(file.data, file.name)
    return kept[file.digest]


def held_out(all_names: list[str]) -> dict[str, np.ndarray]:
    """Radiographs that no model here was trained on; empty where they are not at hand."""
    measured = next((name for name in all_names if space_of(name)), None)
    return {} if measured is None else _real(dataset_audit.named_source(), measured, latent_map.written_at(measured))


@st.cache_resource(show_spinner=False, max_entries=4)
def _real(source: str | None, name: str, written_ns: int) -> dict[str, np.ndarray]:
    """source, written_ns: the cache's key beside the name."""
    images = latent_map.held_out(space_of(name), HELD_OUT) if source else {}
    return {f"Radiograph {Path(file).stem}, {CLASS_NAMES[label]}": pixels for file, (pixels, label) in images.items()}


def _titled(kind: str, found: list[Example]) -> dict[str, np.ndarray]:
    """ "Phantom 1, NORMAL": here nobody has to guess what an image shows."""
    return {f"{kind} {n}, {each.label_name}": _pixels(each.data, each.name) for n, each in enumerate(found, 1)}


@st.cache_data(show_spinner=False, max_entries=64)
def _pixels(blob: bytes, name: str) -> np.ndarray:
    return examples.read_pixels(blob, name)


def _take_upload() -> None:
    """Called when the visitor adds or removes a file, not when the uploader comes back empty from another page."""
    upload = st.session_state[UPLOAD]
    st.session_state[OWN] = (upload.name, upload.getvalue()) if upload else None
    if upload:
        shared.add_file(upload)  # offered on the other pages, too


def _forget() -> None:
    st.session_state[OWN] = None
