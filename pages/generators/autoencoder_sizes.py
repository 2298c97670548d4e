"""How much of a radiograph survives, by the length of the code; beside principal components and JPEG."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.generators.autoencoder_runs import short_title, space_of
from pneumo import plots
from pneumo.formatting import listed, score, with_interval
from pneumo.generators.latent_report import Latent, Mean
from pneumo.runs import names as run_names

PLAIN_CHART = {"displayModeBar": False}


@st.fragment
@shared.guarded
def show_code_sizes(names: list[str]) -> None:
    measured = {name: space.about for name in names if (space := space_of(name))}
    if not measured:
        st.info(f"Nothing has been measured yet. Run `python -m pneumo latent {names[0]} --data FOLDER --save`.")
        return
    short = {name: about for name, about in measured.items() if about.pca and not shared.load_card(name).recipe.denoise}
    if short:
        st.markdown(_conclusion(short))
        models = {name: run_names.MODELS.get(model := shared.load_card(name).model, model) for name in short}
        for column, metric in zip(st.columns(2, gap="large"), ("psnr", "ssim"), strict=True):
            column.plotly_chart(
                plots.code_sizes(short, models, metric), key=f"autoencoder.sizes.{metric}", config=PLAIN_CHART
            )
    st.dataframe([_row(name, about) for name, about in measured.items()], hide_index=True, key="autoencoder.fidelity")
    st.caption(
        f"Means over {_n(measured)} held-out radiographs; 95% intervals from resampling patients. **PCA**: as many principal components "
        "of the same training radiographs as the code has numbers. The bottleneck models start from these components and "
        "learn what they miss. **JPEG**: the best combination of image size and quality whose coded data fit into two bytes per number "
        "of the code. JPEG headers and tables are not counted, nor are the weights of an autoencoder."
    )
    for name, about in measured.items():
        if about.code_size >= about.input_size:
            _show_long_code(name, about)


def _row(name: str, about: Latent) -> dict[str, object]:
    return {
        "model": short_title(name),
        "code size": about.code_size,
        "PSNR, dB": _mean(about.model.psnr, 2),
        "SSIM": _mean(about.model.ssim, 3),
        "PSNR gain over PCA, dB": _mean(about.gain.psnr, 2) if about.gain else "",
        "SSIM gain over PCA": _mean(about.gain.ssim, 3) if about.gain else "",
    }


def _n(measured: dict[str, Latent]) -> str:
    """ "n = 1,351"; every number there is where models were measured on different sets."""
    return " or ".join(f"n = {n:,}" for n in sorted({about.n for about in measured.values()}))


def _mean(mean: Mean, places: int) -> str:
    return with_interval(mean.value, mean.ci95, lambda value: score(value, places))


def _conclusion(short: dict[str, Latent]) -> str:
    """What the curves say, in two sentences computed from them."""
    first, last = (choose(short, key=lambda name: short[name].code_size) for choose in (min, max))
    sentence = (
        f"With {short[first].code_size} numbers a radiograph is reconstructed at a PSNR of {score(short[first].model.psnr.value, 1)} dB "
        f"({shared.title(first)}), with {short[last].code_size} at {score(short[last].model.psnr.value, 1)} dB ({shared.title(last)}). "
        if short[first].code_size < short[last].code_size
        else ""
    )
    ahead = [name for name, about in short.items() if about.jpeg and about.jpeg.psnr.value > about.model.psnr.value]
    beaten = listed([short_title(name) for name in ahead])
    return sentence + (
        f"JPEG of the same size has a {f'higher PSNR than {beaten}' if ahead else 'lower PSNR than all of them'}. "
        "JPEG knows nothing about chests: there is no image between two JPEG files."
    )


def _show_long_code(name: str, about: Latent) -> None:
    st.subheader("A code that is larger than its image", divider="gray")
    left, right = st.columns(2, gap="large")
    grey = shared.load_card(name).image.size ** 2
    left.plotly_chart(
        plots.code_against_input(grey, about.input_size, about.code_size),
        key=f"autoencoder.long.{name}",
        config=PLAIN_CHART,
    )
    right.markdown(
        f"**{shared.plain(shared.title(name))}** has the architecture of the course project. It turns a grey radiograph of {grey:,} pixels, given as "
        f"{about.input_size:,} numbers in three equal channels, into a code of **{about.code_size:,}** numbers. Its PSNR on held-out "
        f"radiographs is {_mean(about.model.psnr, 1)} dB (n = {about.n:,}). That says little: nothing is compressed, so the network "
        "need not understand anything. It was meant to generate synthetic radiographs. But without a bottleneck hardly any of the "
        "possible codes belongs to a chest, and nothing tells which ones do, so it cannot be sampled."
    )
