"""Convolution: one taken apart, number by number, in the browser."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import address, images, stage
from pneumo import runs
from pneumo.lessons import convolution
from pneumo.runs import Run
from pneumo.schema import PneumoError

SIDE = 24  # every cell can be seen and pointed at
NOTES = "4 × 4 of the notes"
LIMITS = {"padding": (0, 3), "stride": (1, 4), "dilation": (1, 3)}
KERNEL_SIDES = (1, 2, 3, 4, 5, 7)
MOST = 99.0  # a kernel's number, either way; as in convolution.js
START = {"padding": 0, "stride": 1, "dilation": 1, "bias": 0.0}
FIRST_PLACE = (18, 5)  # at the edge of the diaphragm, where sums are large
CHANNELS = (("Horizontal edges", "horizontal"), ("Vertical edges", "vertical"), ("Blurred", "blur"))


def main() -> None:
    stage.show(
        "convolution",
        {"slide": show_slide, "channels": show_channels, "steps": show_steps, "learned": show_learned},
        convolution.facts(),
    )


def show_slide() -> None:
    title, example = images.choose("convolution.slide_image", more=[NOTES])
    notes = example is None
    plane = convolution.NOTES if notes else convolution.shrink(images.pixels(example), SIDE)
    first = convolution.NOTES_KERNEL if notes else np.array(convolution.KERNELS["horizontal"].values, np.float32)
    start = START | {"kernel": len(first), "kernels": [_flat(first)], "channels": [True]}
    start |= dict(zip(("row", "column"), (0, 0) if notes else FIRST_PLACE, strict=True))
    presets = [(each.title, np.array(each.values, np.float32)) for each in convolution.KERNELS.values()]
    presets.append(("1 0 / 0 1", convolution.NOTES_KERNEL))
    _mount(
        "slide",
        [(NOTES if notes else "The image", plane)],
        start,
        presets=presets,
        value_range=None if notes else (0, 1),
        settings="notes" if notes else "slide",
    )
    if not notes:
        st.caption(f"{shared.plain(title)}, reduced to {SIDE} × {SIDE} pixels so that every number can be seen.")


def show_channels() -> None:
    _, example = images.choose()
    plane = convolution.shrink(images.pixels(example), SIDE)
    planes = [
        (title, convolution.convolve(plane, np.array(convolution.KERNELS[name].values, np.float32), padding=1))
        for title, name in CHANNELS
    ]
    kernels = [np.array(convolution.KERNELS[name].values, np.float32) for _, name in CHANNELS]
    start = START | {"padding": 1, "kernel": 3, "kernels": [_flat(each) for each in kernels], "channels": [True] * 3}
    _mount("channels", planes, start | dict(zip(("row", "column"), FIRST_PLACE, strict=True)))


def show_steps() -> None:
    _, example = images.choose()
    plane = convolution.shrink(images.pixels(example), SIDE)
    edges = convolution.convolve(plane, np.array(convolution.KERNELS["horizontal"].values, np.float32), padding=1)
    start = {"step": "relu", "seed": 1, "row": FIRST_PLACE[0], "column": FIRST_PLACE[1]}
    _mount("steps", [("The convolution's result (horizontal edges)", edges)], start)


def show_learned() -> None:
    left, right = st.columns(2)
    with left:
        _, example = images.choose()
    with right:
        run = _pick_run()
    layer = None if run is None else convolution.learned(run, images.pixels(example))
    if layer is None:
        st.info("No model with grey input can be looked into: its first layer would be shown here.")
        return
    strongest = int(np.square(layer.kernels).sum((1, 2)).argmax())
    sent = address.settings("learned")
    chosen = sent.get("chosen")
    chosen = chosen if address.whole(chosen, 0, len(layer.kernels) - 1) else strongest
    size = len(layer.kernels[0])
    start = START | {
        "kernel": size,
        "kernels": [_flat(layer.kernels[chosen])],
        "bias": float(layer.bias[chosen]),
        "padding": layer.padding,
        "stride": layer.stride,
        "channels": [True],
        "chosen": chosen,
        "row": 18,
        "column": 18,
    }
    learned = {
        "kernels": [_flat(each) for each in layer.kernels],
        "bias": layer.bias.tolist(),
        "kernel": size,
        "chosen": chosen,
    }
    _mount(
        "learned", [("The radiograph as the model gets it", layer.plane)], start, learned=learned, value_range=(-1, 1)
    )
    st.caption(
        f"{len(layer.kernels)} kernels of {size} × {size}, stride {layer.stride}, padding {layer.padding}. White is positive, black negative."
    )


def _pick_run() -> Run | None:
    """A classifier to look into, the default run first; None where there is none, and the lesson goes on without."""
    try:
        names = shared.by_name(runs.available("classification"))
    except PneumoError:
        names = []
    names = [
        name for name in names if not shared.load_card(name).members and shared.load_card(name).image.channels == 1
    ]
    return address.pick_model("convolution.run", names) if names else None


# --- to the browser and back ----------------------------------------------------------------------------------


def _mount(
    mode: str,
    planes: list[tuple[str, np.ndarray]],
    start: dict[str, Any],
    *,
    presets: list[tuple[str, np.ndarray]] = (),
    learned: dict[str, Any] | None = None,
    value_range: tuple[float, float] | None = None,
    settings: str = "",
) -> None:
    """The component with these planes (S, S); what the address says under `settings`, or the mode's name, stands before `start`."""
    key, side, settings = f"convolution.{mode}", len(planes[0][1]), settings or mode
    said = checked(mode, address.settings(settings), len(start.get("kernels", ())))
    drawn = hashlib.sha256(b"".join(np.ascontiguousarray(plane).tobytes() for _, plane in planes))
    if learned:
        drawn.update(np.array(learned["kernels"], np.float32).tobytes())
    components.mount(
        "convolution",
        key=key,
        data={
            "mode": mode,
            "identity": drawn.hexdigest(),
            "planes": [{"title": title, "values": _flat(plane)} for title, plane in planes],
            "side": side,
            "range": value_range,
            "presets": [{"title": title, "kernel": len(values), "values": _flat(values)} for title, values in presets],
            "learned": learned,
            "start": start | said,
        },
        default={"settings": None},
        on_settings_change=address.remember(
            key, settings, lambda sent: checked(mode, sent, len(start.get("kernels", ())))
        ),
    )


def _flat(plane: np.ndarray) -> list[float]:
    return [round(float(value), 7) for value in np.asarray(plane).ravel()]


def checked(mode: str, said: dict[str, Any], channels: int) -> dict[str, Any]:
    """Of settings from an address or a browser, those that are what they should be; the rest is left out."""
    good: dict[str, Any] = {}
    for name in ("row", "column", "seed"):
        if address.whole(said.get(name), 0, 10_000):
            good[name] = said[name]
    if mode == "learned":
        return good | ({"chosen": said["chosen"]} if address.whole(said.get("chosen"), 0, 10_000) else {})
    if mode == "steps":
        return good | ({"step": said["step"]} if said.get("step") in ("relu", "max", "mean", "norm", "dropout") else {})
    for name, (low, high) in LIMITS.items():
        if address.whole(said.get(name), low, high):
            good[name] = said[name]
    if _number(said.get("bias")):
        good["bias"] = said["bias"]
    kernels, side = said.get("kernels"), said.get("kernel", 3)
    if side in KERNEL_SIDES and isinstance(kernels, list) and len(kernels) == channels and _are_kernels(kernels, side):
        good |= {"kernel": side, "kernels": kernels}
    shown = said.get("channels")
    if (
        mode == "channels"
        and isinstance(shown, list)
        and len(shown) == channels
        and all(isinstance(each, bool) for each in shown)
    ):
        good["channels"] = shown
    return good


def _are_kernels(kernels: list[object], side: int) -> bool:
    return all(isinstance(each, list) and len(each) == side**2 and all(map(_number, each)) for each in kernels)


def _number(value: object) -> bool:
    return address.number(value, -MOST, MOST)


main()
