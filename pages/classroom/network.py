"""Inside the network: every layer of a trained model, down to one product, and the last sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import address, images, network_parts, stage
from pages.generators.gallery import SMALL_TILE_PX, Tile, show_gallery
from pneumo import runs
from pneumo.inference import examples
from pneumo.inference.examples import Example
from pneumo.lessons import network
from pneumo.runs import Run

PREFERRED = "pneumonia_cnn"
FIRST_LAYER = "blocks.2.0"  # of PneumoniaCNN: its third block
SHOWN = 5  # images that excite a channel
PHANTOMS, SEED = 24, 3


def main() -> None:
    stage.show(
        "network",
        {
            "model": show_model,
            "sum": lambda: network_parts.show_sum(*_pick()),
            "parameters": lambda: network_parts.show_parameters(_models()),
            "skips": lambda: network_parts.show_skips(*_pick(wanted=_residual, key="network.residual")),
            "before": lambda: network_parts.show_before(*_pick()),
        },
        network.facts(),
    )


def _models() -> list[str]:
    """Single classifiers, the plain one first: it is the easiest to read."""
    names = [name for name in shared.by_name(runs.available("classification")) if not shared.load_card(name).members]
    return sorted(names, key=lambda name: name != PREFERRED)


def _residual(name: str) -> bool:
    return shared.load_card(name).model == "resnet18"


def _pick(wanted: Any = None, key: str = "network.run") -> tuple[Run, Example]:
    left, right = st.columns(2)
    with left:
        _, example = images.choose()
    names = [name for name in _models() if wanted is None or wanted(name)]
    if not names:
        shared.stop_without("model of this kind")
    with right:
        return address.pick_model(key, names), example


@st.fragment
@shared.guarded
def show_model() -> None:
    run, example = _pick()
    seen, batch = network.prepared(run, images.pixels(example))
    found = layers_of(run.card.weights.sha256, run)
    said = checked(address.settings("look"), found)
    layer = next((each for each in found if each.name == said.get("layer")), None) or _first(found)
    output = network.output_of(run, batch, layer.name)[0]
    places = output.ndim == 3 and output.shape[-1] > 1
    channel = said.get("channel", -1)
    if places and not 0 <= channel < len(output):
        channel = int(output.reshape(len(output), -1).max(1).argmax())
    row, column = (said.get(name, -1) for name in ("row", "column"))
    if not (places and 0 <= row < output.shape[1] and 0 <= column < output.shape[2]):
        row = column = -1
    pixel, why = None, ""
    if row >= 0 and layer.kind == "convolution":
        pixel = _pixel(run, batch, layer.name, channel, row, column)
    elif row >= 0:
        why = f"{layer.kind.capitalize()} adds nothing up. Choose a convolution to see a sum over a patch."
    key = "network.model"
    components.mount(
        "network",
        key=key,
        data={
            "identity": f"{run.card.weights.sha256} {len(found)}",
            "layers": _described(run, found),
            "seen": components.packed(seen),
            "side": seen.shape[-1],
            "layer": layer.name,
            "maps": components.packed(output.astype(np.float16)) if places else "",
            "vector": [] if places else [round(float(value), 4) for value in output.ravel()[:512]],
            "channel": channel,
            "row": row,
            "column": column,
            "pixel": pixel,
            "why": why,
        },
        default={"settings": None},
        on_settings_change=address.remember(key, "look", lambda sent: checked(sent, found)),
    )
    if places:
        show_exciting(run, layer, channel)


@st.cache_resource(show_spinner=False, max_entries=32)
def layers_of(weights: str, _run: Run) -> list[network.Layer]:
    """weights: the cache's key."""
    return network.layers(_run)


def _first(found: list[network.Layer]) -> network.Layer:
    """What the page opens with: the third block of PneumoniaCNN, of other models a convolution in the middle."""
    named = [each for each in found if each.name == FIRST_LAYER]
    convolutions = [each for each in found if each.kind == "convolution" and not each.beside]
    return named[0] if named else convolutions[len(convolutions) // 2]


def _described(run: Run, found: list[network.Layer]) -> list[dict[str, Any]]:
    """The layers as the picture draws them, in groups named after the part of the model."""
    return [
        {
            "name": each.name,
            "title": f"{each.name.removeprefix('backbone.')}, {each.kind}",
            "kind": each.kind,
            "shape": each.shape if len(each.shape) in (1, 3) else (int(np.prod(each.shape)),),
            "parameters": each.parameters,
            "field": (each.field.size, each.field.jump, each.field.start) if each.field else None,
            "beside": each.beside,
            "group": group_of(each.name),
        }
        for each in found
    ]


def group_of(name: str) -> str:
    """ "block 3" of "blocks.2.0"; "layer1" of "backbone.layer1.0.conv1"; "stem" and "head" of what stands alone."""
    parts = name.split(network.AGAIN)[0].removeprefix("backbone.").split(".")
    if parts[0] in ("head", "fc"):
        return "head"
    if parts[0] == "blocks" and len(parts) > 1:
        return f"block {int(parts[1]) + 1}"
    if parts[0] == "trunk_output" and len(parts) > 1:
        return parts[1]
    return parts[0] if parts[0].startswith(("layer", "features")) else "features" if parts[0].isdigit() else "stem"


def _pixel(run: Run, batch: Any, name: str, channel: int, row: int, column: int) -> dict[str, Any]:
    found = network.pixel(run, batch, name, channel, row, column)
    count, size = len(found.partial), found.kernels.shape[-1] ** 2
    first = min(found.channels) - min(found.channels) % max(count, 1)
    shown = [float(found.partial[each - first]) for each in found.channels]
    return {
        "channels": list(found.channels),
        "partial": shown,
        "patches": found.patches.reshape(-1, size).astype(float).tolist(),
        "kernels": found.kernels.reshape(-1, size).astype(float).tolist(),
        "bias": found.bias,
        "total": found.total,
        "others": found.total - found.bias - sum(shown),
        "count": count,
    }


def checked(said: dict[str, Any], found: list[network.Layer]) -> dict[str, Any]:
    """Of settings from an address or a browser, those that are what they should be."""
    good: dict[str, Any] = {}
    if said.get("layer") in {each.name for each in found}:
        good["layer"] = said["layer"]
        for name in ("channel", "row", "column"):
            value = said.get(name)
            if address.whole(value, -1, 9_999):
                good[name] = value
    return good


# --- what excites a channel -----------------------------------------------------------------------------------------


def show_exciting(run: Run, layer: network.Layer, channel: int) -> None:
    order, places, pictures = _excitement(run.card.weights.sha256, layer.name, run)
    st.markdown(f"**What excites channel {channel} most**, among {len(pictures)} phantoms and generated radiographs")
    tiles = []
    for rank, number in enumerate(order[channel][:SHOWN], 1):
        shown = network.framed(pictures[number], layer.field, places[number, channel])
        tiles.append(
            Tile(shown, f"The image that excites channel {channel} most, number {rank}, with the place", (f"{rank}",))
        )
    show_gallery(tiles, SMALL_TILE_PX)


@st.cache_resource(show_spinner="Looking for the images that excite it ...", max_entries=64)
def _excitement(weights: str, layer: str, _run: Run) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """weights, layer: the cache's key. The images as the model gets them."""
    generated = [examples.read_pixels(each.data, each.name) for each in shared.generated_examples()]
    prepared = [network.prepared(_run, each) for each in [*generated, *examples.phantom_images(PHANTOMS)]]
    order, places = network.exciting(_run, network.stacked([batch for _, batch in prepared]), layer)
    return order, places, [seen for seen, _ in prepared]


main()
