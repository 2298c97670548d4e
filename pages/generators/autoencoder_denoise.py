"""What autoencoders make of a noisy image."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pages.generators.autoencoder_runs import choose_image, short_title
from pages.generators.gallery import Tile, show_gallery
from pneumo.formatting import score
from pneumo.generators import latent
from pneumo.generators.reconstruction import Reconstruction

SHOWN = 4  # models at first: each takes a tenth of a second on a busy server


@st.fragment
@shared.guarded
def show_denoising(names: list[str]) -> None:
    image, title = choose_image(names)
    show_noise(names, image, title)


@st.fragment
@shared.guarded
def show_noise(names: list[str], image: np.ndarray, title: str) -> None:
    trained = [name for name in names if shared.load_card(name).recipe.denoise]
    ordered = trained + [name for name in names if name not in trained]
    shared.keep_all({"autoencoder.noise": 0.15, "autoencoder.noise_seed": 0})
    kept = shared.keep("autoencoder.denoisers", _first_shown(ordered, trained))
    st.session_state["autoencoder.denoisers"] = [name for name in kept if name in ordered]  # a run may be gone by now
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    strength = left.slider(
        "Noise: standard deviation as a share of the grey scale",
        0.0,
        latent.MAX_NOISE,
        step=0.01,
        key="autoencoder.noise",
    )
    seed = right.number_input("Seed", 0, 9999, key="autoencoder.noise_seed")
    chosen = st.multiselect("Models", ordered, key="autoencoder.denoisers", format_func=shared.title)
    if not chosen:
        st.info("Choose one model or more.")
        return
    results = {name: latent.denoise(shared.load_run(name), image, strength, seed) for name in chosen}
    noisy = next(iter(results.values()))[0]
    tiles = [_tile("With noise", noisy, f"{title} with noise")]
    for name, (_, result) in results.items():
        tiles.append(_tile(short_title(name), result, f"The noisy image reconstructed by {shared.title(name)}"))
    show_gallery(tiles)
    st.caption(_explanation(trained))


def _first_shown(ordered: list[str], trained: list[str]) -> list[str]:
    """The denoising models, then the longest codes: with short ones little of any image survives."""
    others = [name for name in ordered if name not in trained]
    others.sort(key=lambda name: -shared.load_card(name).model_args.get("code", float("inf")))
    return [*trained, *others][:SHOWN]


def _tile(name: str, result: Reconstruction, alt: str) -> Tile:
    return Tile(result.result, alt, (name, f"PSNR {score(result.psnr, 1)} dB", f"SSIM {score(result.ssim)}"))


def _explanation(trained: list[str]) -> str:
    seen = "".join(
        f"{shared.title(name)} was trained with noise of {shared.load_card(name).recipe.denoise:g}. "
        for name in trained
    )
    return (
        "PSNR and SSIM compare with the image without noise. A short code has no room for noise: it removes some of it, and "
        "fine detail too. A code larger than the image can pass the noise on. "
        + shared.plain(seen)
        + "What replaces the noise is what chests usually look like, not what this one looks like."
    )
