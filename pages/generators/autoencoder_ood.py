"""The reconstruction error as a sign that an image is out of distribution, and where it fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from pages import shared
from pages.generators.autoencoder_runs import choose_image, pick_model, space_of
from pages.generators.gallery import SMALL_TILE_PX, Tile, show_gallery
from pneumo import plots
from pneumo.formatting import counted, rate
from pneumo.generators import latent, reconstruction
from pneumo.generators.latent_report import Space
from pneumo.inference import dataset_audit
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES

FAILURES = 8
LOWEST_SHARE = 50  # percent of held-out radiographs accepted, at least
PLAIN_CHART = {"displayModeBar": False}
Changed = dict[str, tuple[np.ndarray, float]]  # by what was done to the image: what the model saw, and its error


@st.fragment
@shared.guarded
def show_ood(names: list[str]) -> None:
    image, title = choose_image(names)
    usable = [name for name in names if space_of(name)]
    name = pick_model("autoencoder.ood", usable, names)
    run, space = shared.load_run(name), space_of(name)
    st.markdown(
        "An autoencoder reconstructs images badly when they differ from its training images. This is the oldest way to detect "
        "out-of-distribution (OOD) samples. Ideally all radiographs lie left of the threshold and all OOD samples right of it."
    )
    _, own = _seen(run, image)
    changed = {kind: _seen(run, pixels) for kind, pixels in reconstruction.changed(image).items()}
    show_threshold(run, space, own, changed, title)
    show_class_auroc(usable)


def _seen(run: Run, pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """What the model saw of an image, (S, S) uint8, and its mean squared error."""
    result = reconstruction.reconstruct(run, pixels)
    return result.original, float(np.square(result.error).mean())


@st.fragment
@shared.guarded
def show_threshold(run: Run, space: Space, own: float, changed: Changed, title: str) -> None:
    """All that follows the slider."""
    name, errors, about = run.card.name, space.errors, space.about
    ood = {kind: np.array(each.errors) for kind, each in about.ood.items()}
    shared.keep(f"autoencoder.share.{name}", 95)
    share = st.slider(
        "Percentage of held-out radiographs accepted", LOWEST_SHARE, 100, key=f"autoencoder.share.{name}", format="%d%%"
    )
    threshold = float(np.quantile(errors, share / 100))
    rejected = {kind: float((values > threshold).mean()) for kind, values in ood.items()}
    st.markdown(
        f"At this threshold {rate(np.mean(list(rejected.values())))} of the OOD samples are rejected (mean over {len(ood)} kinds). "
        f"The chosen image, {shared.plain(title)}, has an error of {_error(own)} and is **{_verdict(own, threshold)}**."
    )
    by_class = {kind: errors[space.labels == n] for n, kind in enumerate(CLASS_NAMES)}
    st.plotly_chart(
        plots.anomaly_histogram(by_class, np.concatenate(list(ood.values())), threshold, own),
        key="autoencoder.anomaly",
        config=PLAIN_CHART,
    )
    st.dataframe(
        [
            {"OOD sample": kind, "n": len(ood[kind]), "AUROC": about.ood[kind].auroc, "rejected": 100 * rejected[kind]}
            for kind in ood
        ],
        hide_index=True,
        key="autoencoder.ood_table",
        column_config={
            "AUROC": st.column_config.NumberColumn(format="%.3f"),
            "rejected": st.column_config.NumberColumn(format="%.1f%%"),
        },
    )
    st.caption(
        f"{shared.plain(shared.title(name))}: mean squared errors of n = {about.n:,} held-out radiographs, and of OOD samples drawn by a program."
    )
    st.subheader("The chosen image, altered", divider="gray")
    show_gallery(
        Tile(seen, f"{title}, {kind}", (kind, f"{_error(error)}: {_verdict(error, threshold)}"))
        for kind, (seen, error) in changed.items()
    )
    show_failures(run, space, ood, threshold)


def _error(value: float) -> str:
    return f"{value:.5f}"


def _verdict(error: float, threshold: float) -> str:
    return "rejected" if error > threshold else "accepted"


# --- where it fails ---------------------------------------------------------------------------------------


def show_failures(run: Run, space: Space, ood: dict[str, np.ndarray], threshold: float) -> None:
    st.subheader("Where it fails", divider="gray")
    missed = sorted((float(e), kind, n) for kind, values in ood.items() for n, e in enumerate(values) if e <= threshold)
    st.markdown(f"**{counted(len(missed), 'OOD sample')} accepted**" + _first(len(missed)))
    drawn = _ood_samples()
    show_gallery(
        (
            Tile(
                reconstruction.resized_image(run, drawn[kind][n]),
                f"An accepted OOD sample: {kind}",
                (kind, _error(error)),
            )
            for error, kind, n in missed[:FAILURES]
        ),
        SMALL_TILE_PX,
    )
    worst = [int(n) for n in np.argsort(-space.errors) if space.errors[n] > threshold]
    st.markdown(f"**{counted(len(worst), 'radiograph')} rejected**" + _first(len(worst)))
    _show_rejected(run, space, worst[:FAILURES])
    st.caption(
        "The error grows with contrast and detail, not with how unusual an image is: a smooth blob is easy to reconstruct, even for a "
        "network that has never seen one. The input check on Diagnose therefore uses two more criteria."
    )


def _first(count: int) -> str:
    return f", the first {FAILURES} shown" if count > FAILURES else ""


def _show_rejected(run: Run, space: Space, worst: list[int]) -> None:
    names = [space.about.names[n] for n in worst]
    images = _radiographs(dataset_audit.named_source(), tuple(names))
    tiles = []
    for n, name in zip(worst, names, strict=True):
        label = CLASS_NAMES[space.labels[n]]
        if name in images:
            seen = reconstruction.resized_image(run, images[name])
            tiles.append(
                Tile(
                    seen,
                    f"A rejected radiograph, {label}",
                    (f"{shared.SYMBOLS[label]} {label}", _error(space.errors[n])),
                )
            )
    show_gallery(tiles, SMALL_TILE_PX)
    if names and not tiles:
        st.caption(
            "To see these radiographs, set PNEUMO_DATA to their folder before you start the app: "
            + ", ".join(f"`{Path(name).name}`" for name in names)
            + "."
        )


@st.cache_resource(show_spinner=False)
def _ood_samples() -> dict[str, list[np.ndarray]]:
    """The drawn samples, the same for everyone."""
    return latent.ood_images()


@st.cache_resource(show_spinner=False, max_entries=64)
def _radiographs(source: str | None, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """source: the cache's key."""
    return dataset_audit.case_images(names)


# --- as a sign of pneumonia -------------------------------------------------------------------------------


def show_class_auroc(usable: list[str]) -> None:
    """Whether the error separates the classes, by what each network was trained on."""
    st.subheader("As a sign of pneumonia", divider="gray")
    rows = [
        {
            "model": shared.title(name),
            "trained on": shared.load_card(name).recipe.data.only or "both classes",
            "n": space_of(name).about.n,
            "AUROC": space_of(name).about.class_auroc,
        }
        for name in usable
    ]
    st.dataframe(
        rows,
        hide_index=True,
        key="autoencoder.class_auroc",
        column_config={"AUROC": st.column_config.NumberColumn(format="%.3f")},
    )
    st.caption(
        "AUROC of the reconstruction error for PNEUMONIA on held-out radiographs: 0.5 is chance; below 0.5, NORMAL radiographs are reconstructed "
        "worse. It is often said that a network trained on one class detects the other by its error. Compare it with the networks "
        "trained on both classes: where these do as well, the error measures contrast and detail, not novelty."
    )
