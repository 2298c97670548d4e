"""Transfer learning: a head that learns in the browser, which part of a network learns, and recorded trainings with few labels."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages import components, shared
from pages.classroom import address, answers, images, stage
from pneumo import plots, runs
from pneumo.inference import examples
from pneumo.inference.examples import Example
from pneumo.lessons import transfer
from pneumo.lessons.transfer import ARCHITECTURES, PER_CLASS, Pictures, Pool
from pneumo.palette import COLOURS
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, PneumoError

SOURCES = {"generated": ("Generated radiographs", "generated radiographs"), "phantoms": ("Phantoms", "phantoms")}
REPEATS = {"sizes": [1, 2, 4, 8, PER_CLASS], "times": 30}
PROBES = "transfer.probes"  # session_state: features of the images this visitor asked about, which may be their own
MOST_PROBES = 24
NO_BAR = {"displayModeBar": False}


def main() -> None:
    stage.show("transfer", {"head": show_head, "layers": show_layers, "labels": show_labels}, _facts())


def _facts() -> dict[str, str]:
    run = _encoder()
    known = {"features": "some", "encoder": "none"}
    if run is not None:
        known = {"features": f"{_pool(run, 'phantoms').features.shape[1]:,}", "encoder": run.card.name}
    return transfer.facts() | known | {"tiles": str(2 * PER_CLASS)}


# --- a head -----------------------------------------------------------------------------------------------------


def _encoders() -> list[str]:
    """The runs whose features are on offer; others where the weights folder has none of these."""
    try:
        known = runs.available("classification")
    except PneumoError:
        return []
    usable = [name for name in known if name not in runs.unusable() and not shared.load_card(name).members]
    return [name for name in transfer.ENCODERS if name in usable] or usable


def _encoder() -> Run | None:
    """The one that is chosen, before its selector is drawn."""
    names = _encoders()
    chosen = st.session_state.get("transfer.run", names[0] if names else None)
    return shared.load_run(chosen if chosen in names else names[0]) if names else None


@st.cache_resource(show_spinner="Drawing images to learn from ...")
def _pictures(source: str, gan: str) -> Pictures:
    """gan: the folder's finest, and part of the cache's key."""
    return transfer.phantom_pictures() if source == "phantoms" else transfer.generated_pictures(shared.load_run(gan))


@st.cache_resource(show_spinner="Computing the encoder's features ...")
def _pool_of(folder: str, weights: str, source: str, gan: str) -> Pool:
    """weights: the cache's key, as the folder may change. Built-in images only."""
    return transfer.pool(shared.load_run(folder), _pictures(source, gan))


def _pool(run: Run, source: str) -> Pool:
    return _pool_of(str(run.folder), run.card.weights.sha256, source, examples.finest_gan() or "")


def show_head() -> None:
    names = _encoders()
    if not names or examples.finest_gan() is None:
        st.info(
            "This part needs a classifier for its features and a GAN that knows both classes, and the weights folder lacks one. "
            "Restore the folder, or train them: `python -m pneumo train NAME`, with the recipes resnet18_frozen and conv_gan."
        )
        return
    left, right = st.columns(2)
    with left:
        run = address.pick_model("transfer.run", names)
    with right:
        title, example = images.choose("transfer.probe")
    pools = {name: _pool(run, name) for name in SOURCES}
    start = {"source": 0, "picks": _first(pools["generated"]), "at": 10_000} | checked(address.settings("head"))
    if "picks" not in checked(address.settings("head")):
        start["picks"] = _first(list(pools.values())[start["source"]])
    key = "transfer.head"
    components.mount(
        "transfer",
        key=key,
        data={
            "identity": run.card.weights.sha256,
            "side": transfer.TILE_PX,
            "sources": [_source(name, pools[name]) for name in SOURCES],
            "options": {
                "steps": transfer.STEPS,
                "record": transfer.RECORD,
                "rate": transfer.RATE,
                "decay": transfer.DECAY,
                "least": transfer.LEAST_SPREAD,
            },
            "repeats": REPEATS,
            "names": list(CLASS_NAMES),
            "colours": [COLOURS[name] for name in CLASS_NAMES],
            "probe": _probe(run, title, example),
            "start": start,
        },
        default={"settings": None},
        on_settings_change=address.remember(key, "head", checked),
    )


def _first(pool: Pool) -> str:
    return transfer.first_picks(pool.labels)


def _source(name: str, pool: Pool) -> dict[str, Any]:
    title, short = SOURCES[name]
    return {
        "title": title,
        "short": short,
        "width": pool.features.shape[1],
        "tiles": components.packed(pool.tiles),
        "labels": pool.labels.tolist(),
        "features": components.packed(pool.features),
        "held": components.packed(pool.held),
        "heldLabels": pool.held_labels.tolist(),
        "first": _first(pool),
    }


def _probe(run: Run, title: str, example: Example) -> dict[str, str]:
    """An image for the new head: a visitor's own stays in this session."""
    kept = st.session_state.setdefault(PROBES, {})
    key = (example.digest, run.card.weights.sha256)
    if key not in kept:
        if len(kept) >= MOST_PROBES:
            kept.clear()
        pixels = images.pixels(example)
        kept[key] = components.packed(transfer.features(run, [pixels])), components.packed(transfer.tile(pixels))
    features, tile = kept[key]
    return {"title": title, "features": features, "tile": tile}


def checked(said: dict[str, Any]) -> dict[str, Any]:
    """Of settings from an address or a browser, those that are what they should be; the rest is left out."""
    good: dict[str, Any] = {}
    if address.whole(said.get("source"), 0, len(SOURCES) - 1):
        good["source"] = said["source"]
    if address.whole(said.get("at"), 0, 10_000):
        good["at"] = said["at"]
    picks = said.get("picks")
    if isinstance(picks, str) and len(picks) == 2 * PER_CLASS and set(picks) <= set("NP-"):
        good["picks"] = picks
    return good


# --- which part learns --------------------------------------------------------------------------------------------


def show_layers() -> None:
    key = "transfer.layers"
    start = {"name": next(iter(ARCHITECTURES)), "share": transfer.FROZEN_SHARE} | checked_layers(
        address.settings("layers")
    )
    found = {name: transfer.architecture(name) for name in ARCHITECTURES}
    components.mount(
        "tensors",
        key=key,
        data={
            "identity": " ".join(found),
            "third": transfer.FROZEN_SHARE,
            "architectures": [
                {"name": name, "title": each.title, "sizes": list(each.sizes), "head": each.head}
                for name, each in found.items()
            ],
            "start": start,
        },
        default={"settings": None},
        on_settings_change=address.remember(key, "layers", checked_layers),
    )


def checked_layers(said: dict[str, Any]) -> dict[str, Any]:
    """As `checked`."""
    good: dict[str, Any] = {}
    if said.get("name") in tuple(ARCHITECTURES):
        good["name"] = said["name"]
    share = said.get("share")
    if address.number(share, 0, 1):
        good["share"] = share
    return good


# --- recorded trainings -------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_labels() -> None:
    if not answers.committed("transfer"):
        st.info("These curves answer the question above. Predict first, or choose *Show me anyway* there.")
        return
    table = transfer.table()
    st.plotly_chart(
        plots.label_efficiency(table.rows),
        key="transfer.curves",
        config=NO_BAR,
        alt="AUROC against the share of labelled training patients, one line for each way to start.",
    )
    rows = transfer.recorded(table.rows)
    st.dataframe(
        [
            {
                "patients with a label": f"{each.share:.0%}",
                "starts": each.arm,
                "mean AUROC": f"{each.mean:.3f}",
                "lowest": f"{each.low:.3f}",
                "highest": f"{each.high:.3f}",
                "trainings": each.trainings,
            }
            for each in sorted(rows, key=lambda each: (each.share, -each.mean))
        ],
        hide_index=True,
        height="content",
        key="transfer.table",
    )
    st.caption(shared.plain(table.note))


main()
