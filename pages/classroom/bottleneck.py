"""Through a bottleneck: a radiograph through 8, 32 and 128 numbers, a walk through the code, and random codes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import components, shared
from pages.classroom import address, images, stage, values
from pages.generators.gallery import SMALL_TILE_PX, Tile, show_gallery, show_image
from pneumo import runs
from pneumo.formatting import score
from pneumo.generators import reconstruction
from pneumo.generators.latent_report import Space
from pneumo.images import overlays, sheets
from pneumo.lessons import bottleneck
from pneumo.runs import Run

SHEET_PX = 1200
SAMPLES = 8
BRIGHTEST_ERROR = 0.25  # of the grey range: white in the maps of errors
SIZES = ("bottleneck_8", "bottleneck_32", "bottleneck_128")


def main() -> None:
    spaces = values.spaces()
    stage.show(
        "bottleneck",
        {"size": show_sizes, "code": show_code, "sample": show_samples},
        bottleneck.facts(spaces),
    )


def show_sizes() -> None:
    _, example = images.choose()
    pixels = images.pixels(example)
    known = [name for name in SIZES if name in runs.available("reconstruction")]
    if not known:
        shared.stop_without("autoencoder with a short code")
    results = {name: reconstruction.reconstruct(shared.load_run(name), pixels) for name in known}
    columns = st.columns(len(results) + 1)
    first = next(iter(results.values()))
    with columns[0]:
        show_image(first.original, "The X-ray as the networks get it", f"The X-ray, {first.original.size:,} numbers")
    for column, (name, found) in zip(columns[1:], results.items(), strict=True):
        with column:
            numbers = name.rsplit("_", 1)[1]
            show_image(
                found.result, f"Rebuilt from {numbers} numbers", f"From {numbers} numbers: {score(found.psnr, 1)} dB"
            )
            show_image(
                overlays.heat_image(found.error / BRIGHTEST_ERROR),
                f"Where it differs: {numbers} numbers",
                "Where it differs, from black (not at all)",
            )


@st.fragment
@shared.guarded
def show_code() -> None:
    spaces = values.spaces()
    if not spaces:
        st.info("No code has been measured: `python -m pneumo latent RUN --data FOLDER --save`.")
        return
    run = address.pick_model("bottleneck.run", list(spaces))
    key = "bottleneck.pad"
    middle = bottleneck.PLACES // 2
    components.mount(
        "pad",
        key=key,
        data={
            "identity": run.card.weights.sha256,
            "sheet": _sheet(run.card.weights.sha256, run, spaces[run.card.name]),
            "places": bottleneck.PLACES,
            "reach": bottleneck.REACH,
            "x": "first direction",
            "y": "second direction",
            "alt": "The decoded code",
            "start": {"row": middle, "column": middle} | checked(address.settings("pad")),
        },
        default={"settings": None},
        on_settings_change=address.remember(key, "pad", checked),
    )
    st.caption(
        f"{shared.title(run.card.name)}. The page *Autoencoder* has every direction, the way between two X-rays, and the map of all codes."
    )


def checked(said: dict[str, Any]) -> dict[str, int]:
    """A place of the pad, or nothing."""
    return address.place(said, bottleneck.PLACES)


@st.cache_resource(show_spinner="Decoding the codes of the pad ...", max_entries=8)
def _sheet(weights: str, _run: Run, _space: Space) -> str:
    """weights: the cache's key. A data URL."""
    image = bottleneck.pad(_run, _space)
    blob = sheets.for_screen(image, SHEET_PX, SHEET_PX, quality=85)
    return shared.data_url(blob)


@st.fragment
@shared.guarded
def show_samples() -> None:
    spaces = values.spaces()
    plain = next((name for name in ("bottleneck_32", *spaces) if name in spaces and not name.startswith("vae")), None)
    variational = next((name for name in ("vae_32", *spaces) if name in spaces and name.startswith("vae")), None)
    if plain is None or variational is None:
        st.info("This part compares a plain with a variational autoencoder; one of them is not there.")
        return
    shared.keep("bottleneck.seed", 1)
    st.number_input("Seed of the codes", 0, 10**6, key="bottleneck.seed", width=200)
    seed = st.session_state["bottleneck.seed"]
    rows = (
        (plain, False, "standard normal codes; nothing in its training says that X-rays lie there"),
        (plain, True, "codes from a normal distribution laid over those of real X-rays afterwards"),
        (variational, True, "standard normal codes, as in its training"),
    )
    for name, fitted, told in rows:
        run = shared.load_run(name)
        st.markdown(f"**{shared.title(name)}**: {told}")
        drawn = bottleneck.random_codes(run, spaces[name], SAMPLES, int(seed), fitted=fitted)
        show_gallery(
            [Tile(image, f"{shared.title(name)}, random code {n}") for n, image in enumerate(drawn, 1)], SMALL_TILE_PX
        )


main()
