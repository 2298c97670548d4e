"""Inside the network, the other parts: the last sum, the parameters, shortcuts, and the network before training."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import images
from pages.generators.gallery import show_image
from pneumo.images import sheets
from pneumo.inference.examples import Example
from pneumo.lessons import network
from pneumo.runs import Run

TERMS = 16  # bars of the last sum
MAPS = 16  # tiles of one layer before and after training
NONE = {"default": {"settings": None}, "on_settings_change": lambda: None}


def show_sum(run: Run, example: Example) -> None:
    _, batch = network.prepared(run, images.pixels(example))
    found = network.last_sum(run, batch)
    order = np.argsort(-np.abs(found.terms))
    shown, others = order[:TERMS], order[TERMS:]
    rows = [
        {
            "name": f"Feature {n}",
            "value": float(found.terms[n]),
            "note": f"{found.features[n]:.3f} × {found.weights[n]:+.3f}".replace("-", "−"),
        }
        for n in shown
    ]
    rows += (
        [{"name": f"{len(others)} others", "value": float(found.terms[others].sum()), "sum": True}]
        if len(others)
        else []
    )
    rows += [{"name": "Bias", "value": found.bias, "sum": True}]
    rows.append({"name": "Logit", "value": found.logit, "sum": True, "strong": True})
    components.mount("bars", key="network.sum", data={"rows": rows, "scale": "signed"})
    st.markdown(
        f"{len(found.terms)} terms and the bias add up to the logit **{found.logit:+.3f}**. Calibration, which was fitted on validation patients, makes "
        f"{found.logit:+.3f} / {run.card.temperature:.3f} {run.card.bias:+.3f} = {found.logit / run.card.temperature + run.card.bias:+.3f} of it; through the sigmoid this is a probability of **{shared.probability(network.probability(run, batch))}**."
    )


def show_parameters(names: list[str]) -> None:
    shared.keep("network.counted", names[0], names)
    name = st.selectbox("Model", names, key="network.counted", format_func=shared.title, width=420)
    rows = _counted(name)
    total = sum(row["value"] for row in rows)
    for row in rows:
        row["note"] = f"{row['value'] / total:.1%}"
    components.mount("bars", key="network.parameters", data={"rows": rows, "scale": "share"})
    heaviest = max(rows, key=lambda row: row["value"])
    st.markdown(f"**{total:,} parameters**, {heaviest['value'] / total:.1%} of them in {heaviest['name']}.")


@shared.kept_for_run()
def _counted(folder: str) -> list[dict[str, object]]:
    found = [each for each in network.layers(shared.load_run(folder)) if each.parameters]
    unique = {each.name.split(network.AGAIN)[0]: each for each in found}
    if len(unique) <= 24:
        return [
            {"name": f"{name.removeprefix('backbone.')} ({each.kind})", "value": each.parameters}
            for name, each in unique.items()
        ]
    grouped: dict[str, int] = {}
    for name, each in unique.items():
        parts = name.removeprefix("backbone.").split(".")
        group = ".".join(parts[:2]) if len(parts) > 2 else parts[0]
        grouped[group] = grouped.get(group, 0) + each.parameters
    return [{"name": name, "value": count} for name, count in grouped.items()]


def show_skips(run: Run, example: Example) -> None:
    _, batch = network.prepared(run, images.pixels(example))
    blocks = network.skips(run, batch)
    if not blocks:
        st.info("This model has no skip connections. Choose a ResNet.")
        return
    clean = network.last_sum(run, batch).logit
    pictures, captions = [], []
    for block in blocks:
        channel = int(np.abs(block.residual).reshape(len(block.residual), -1).max(1).argmax())
        three = np.stack([block.shortcut[channel], block.residual[channel], block.after[channel]])
        sheet = sheets.grid(sheets.stretched(three), columns=3, gap=1, background=sheets.GREY)
        pictures.append(images.url(np.kron(sheet, np.ones((max(1, 420 // sheet.shape[1]),) * 2, np.uint8))))
        captions.append(
            f"{block.name.removeprefix('backbone.')}, channel {channel}. From the left: what passes by, what the block adds, their sum after ReLU. "
            f"If this connection were cut, the logit would be {block.without:+.2f} instead of {clean:+.2f}."
        )
    components.mount(
        "flipbook",
        key="network.skips",
        data={
            "identity": f"{run.card.weights.sha256} {example.digest}",
            "pictures": pictures,
            "captions": captions,
            "label": "Block",
            "title": "the residual blocks",
            "rate": 0.5,
            "wide": True,
        },
        **NONE,
    )
    st.caption(
        "Each map is on its own scale, with zero as mid-grey where there are negative values. The channel shown is the one to which the block adds most."
    )


def show_before(run: Run, example: Example) -> None:
    _, batch = network.prepared(run, images.pixels(example))
    names = [each.name for each in network.layers(run) if each.kind == "convolution" and not each.beside]
    key = f"network.before.{run.card.name}"
    shared.keep(key, names[min(1, len(names) - 1)], names)
    name = st.select_slider("Layer", names, key=key, format_func=lambda name: name.removeprefix("backbone."))
    before = network.output_of(run, batch, name, _untrained(run.card.weights.sha256, run))[0]
    after = network.output_of(run, batch, name)[0]
    chosen = np.argsort(-after.reshape(len(after), -1).std(1))[:MAPS]
    for column, title, maps in zip(
        st.columns(2, gap="large"), ("Before training", "After training"), (before, after), strict=True
    ):
        with column:
            shown = sheets.grid(sheets.stretched(maps[np.sort(chosen)]), columns=4, background=sheets.GREY)
            show_image(
                shown, f"{title}: {len(chosen)} feature maps of {name}", f"{title}: the same {len(chosen)} channels"
            )
    began = run.card.recipe.pretrained
    st.caption(
        f"The random weights of seed {run.card.seed}, as this architecture draws them."
        + (
            ""
            if began == "none"
            else f" This run's training itself began with weights that were trained before ({began})."
        )
    )


@st.cache_resource(show_spinner=False, max_entries=8)
def _untrained(weights: str, _run: Run):
    """weights: the cache's key."""
    return network.untrained(_run)
