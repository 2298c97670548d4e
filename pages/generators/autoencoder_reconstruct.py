"""One image through all autoencoders, and nine images through one."""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st

from pages import shared
from pages.generators.autoencoder_runs import (
    SELECTOR_PX,
    choose_image,
    code_text,
    held_out,
    short_title,
)
from pages.generators.gallery import Tile, show_gallery, show_image
from pneumo.formatting import listed, score
from pneumo.generators import reconstruction
from pneumo.generators.reconstruction import Reconstruction
from pneumo.images import sheets
from pneumo.images.overlays import heat_image
from pneumo.inference import dataset_audit, examples

VIEWS = ("Reconstruction", "Error")
BRIGHTEST = 1 / 3  # of the grey scale: an error that is shown brightest
NINE = 9
RESULTS = "autoencoder.results"  # session_state: digest of the image, and its reconstructions by run and weights


@st.fragment
@shared.guarded
def show_reconstructions(names: list[str]) -> None:
    image, title = choose_image(names, preview=False)
    show_models(names, image, title)
    st.subheader("Nine originals and their reconstructions", divider="gray")
    show_nine(names)


@st.fragment
@shared.guarded
def show_models(names: list[str], image: np.ndarray, title: str) -> None:
    shared.keep("autoencoder.view", VIEWS[0], VIEWS)
    view = st.segmented_control("Show", VIEWS, key="autoencoder.view", required=True)
    left, right = st.columns([2, 5], gap="large")
    with left:
        original = reconstruction.resized_image(shared.load_run(names[0]), image)
        show_gallery([Tile(original, f"The original: {title}", ("Original", title))])
    with right:
        place, done = st.empty(), []
        for name in names:  # the gallery grows as results come
            done.append(_tile(name, _result(name, image), view))
            with place.container():
                show_gallery(done)
    st.caption(
        "Errors are shown from black (no error) to bright (a third of the grey scale or more). "
        "PSNR and SSIM are of this image alone; Code size has their means over held-out radiographs. "
        + _trained_on(names)
    )


def _result(name: str, image: np.ndarray) -> Reconstruction:
    """Kept for this visitor as long as the image stays: switching the view computes nothing."""
    digest = hashlib.sha256(image.tobytes() + str(image.shape).encode()).hexdigest()
    of, results = st.session_state.get(RESULTS, ("", {}))
    if of != digest:
        results = {}
        st.session_state[RESULTS] = (digest, results)
    key = (name, shared.load_card(name).weights.sha256)
    if key not in results:
        results[key] = reconstruction.reconstruct(shared.load_run(name), image)
    return results[key]


def _tile(name: str, result: Reconstruction, view: str) -> Tile:
    return Tile(
        result.result if view == VIEWS[0] else heat_image(result.error / BRIGHTEST),
        f"{view} by {shared.title(name)}",
        (
            short_title(name),
            code_text(reconstruction.code_size(shared.load_run(name))),
            f"PSNR {score(result.psnr, 1)} dB",
            f"SSIM {score(result.ssim)}",
        ),
    )


def _trained_on(names: list[str]) -> str:
    """Which models learned from less than the others, or from noisy images."""
    cards = {name: shared.load_card(name) for name in names}
    sentences = []
    for kind in dict.fromkeys(card.recipe.data.only for card in cards.values() if card.recipe.data.only):
        mine = [short_title(name) for name, card in cards.items() if card.recipe.data.only == kind]
        sentences.append(f"Trained on {kind} only: {listed(mine)}.")
    denoising = [short_title(name) for name, card in cards.items() if card.recipe.denoise]
    if denoising:
        sentences.append(f"Trained to remove noise: {listed(denoising)}.")
    return shared.plain(" ".join(sentences))


@st.fragment
@shared.guarded
def show_nine(names: list[str]) -> None:
    shared.keep("autoencoder.nine", names[0], names)
    name = st.selectbox("Model", names, key="autoencoder.nine", format_func=shared.title, width=SELECTOR_PX)
    real, images = _nine_images(names)
    results = _reconstructed(name, shared.load_card(name).weights.sha256, dataset_audit.named_source(), images)
    rows = np.stack([each.original for each in results] + [each.result for each in results])
    show_image(
        sheets.grid(rows, columns=len(results)),
        f"Above, {len(results)} originals; below each, its reconstruction by {shared.title(name)}",
    )
    st.caption(
        f"Top row: {'held-out radiographs' if real else 'phantoms, which no autoencoder here was trained on'}. Bottom row: "
        f"reconstructions, on average at PSNR {score(np.mean([each.psnr for each in results]), 1)} dB and "
        f"SSIM {score(np.mean([each.ssim for each in results]))} (n = {len(results)})."
    )


@st.cache_resource(show_spinner=False, max_entries=32)
def _reconstructed(name: str, weights: str, source: str | None, _images: list[np.ndarray]) -> list[Reconstruction]:
    """The same nine for everyone. weights, source: the cache's key beside the name."""
    return [reconstruction.reconstruct(shared.load_run(name), each) for each in _images]


def _nine_images(names: list[str]) -> tuple[bool, list[np.ndarray]]:
    real = list(held_out(names).values())
    return (True, real[:NINE]) if real else (False, _phantoms())


@st.cache_resource(show_spinner=False)
def _phantoms() -> list[np.ndarray]:
    return examples.phantom_images(NINE)
