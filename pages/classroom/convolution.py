"""Convolution: one taken apart, number by number."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pneumo import plots, runs
from pneumo.images import sheets
from pneumo.inference import examples
from pneumo.inference.examples import Example
from pneumo.lessons import convolution
from pneumo.runs import Run, names
from pneumo.schema import PneumoError

SIZE = 24  # every cell can be seen and pointed at
PLAY_S = 0.4
PLAIN_CHART = {"displayModeBar": False}
SIZES = {"convolution.padding": 1, "convolution.stride": 1}
FIRST_PLACE = {"convolution.row": 18, "convolution.column": 5}  # at the edge of the diaphragm, where sums are large


@shared.guarded
def main() -> None:
    st.title("Convolution")
    run = run_to_look_into()
    first = "some with larger kernels."
    if run is not None:
        first = "some with larger kernels: {} uses {}\u00a0×\u00a0{}.".format(
            "the default model" if run.card.name == shared.default_name() else names.name_of(run.card),
            *convolution.first_kernel(run),
        )
    st.markdown(
        "A small **kernel** slides over the image. At each place nine pixels are multiplied by nine numbers and added up: the "
        "sum is one pixel of a new image. A layer repeats this for many kernels and sums over its input channels, plus a bias. "
        f"The convolutional networks here begin with this step, {first}"
    )
    example, kernel = choose_input()
    pixels = examples.read_pixels(example.data, example.name)
    plane = convolution.shrink(pixels, SIZE)
    show_steps(plane, kernel)
    show_activation(convolution.convolve(plane, kernel))
    show_sizes(plane, kernel)
    if run is not None:
        show_first_layer(run, pixels)


def run_to_look_into() -> Run | None:
    """The default run, or the first classifier that can be loaded; None where there is none, and the lesson goes on without."""
    found, damaged = None, {}
    for name in shared.by_name(runs.available("classification")):
        try:
            found = shared.load_run(name)
            break
        except PneumoError as error:
            damaged[name] = str(error)
    shared.tell_unusable(damaged)
    return found


# --- what goes in -----------------------------------------------------------------------------------------


def choose_input() -> tuple[Example, np.ndarray]:
    """The image, and the kernel (3, 3) float32 as the visitor left it. PneumoError where a number is missing."""
    offered = titled_examples()
    shared.keep("convolution.image", next(iter(offered)), offered)
    shared.keep("convolution.kernel", next(iter(convolution.KERNELS)), convolution.KERNELS)
    left, right = st.columns([2, 3], gap="large")
    with left:
        title = st.selectbox("Image", list(offered), key="convolution.image")
        name = st.selectbox(
            "Kernel",
            list(convolution.KERNELS),
            format_func=lambda key: convolution.KERNELS[key].title,
            key="convolution.kernel",
        )
        st.caption(convolution.KERNELS[name].effect)
    with right:
        st.markdown("The kernel's nine numbers. Change any of them.")
        typed = st.data_editor(
            [list(map(float, row)) for row in convolution.KERNELS[name].values],
            key=f"convolution.values.{name}",
            hide_index=True,
            column_config={str(n): st.column_config.NumberColumn(" ", format="%.2f", step=0.01) for n in range(3)},
        )
    rows = [list(row.values()) if isinstance(row, dict) else list(row) for row in typed]
    return offered[title], convolution.as_kernel(rows)


def titled_examples() -> dict[str, Example]:
    """Generated radiographs first: they look like what the default model learned from. Then phantoms."""
    generated, phantoms = shared.generated_examples(), shared.phantom_examples()
    return {f"Generated radiograph {n}": each for n, each in enumerate(generated, 1)} | {
        f"Phantom {n}": each for n, each in enumerate(phantoms, 1)
    }


# --- step by step -----------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_steps(plane: np.ndarray, kernel: np.ndarray) -> None:
    st.subheader("1. Slide, multiply, add", divider="gray")
    playing = st.toggle("Play", key="convolution.play", help="Moves the window by itself. Switch it off to stop.")
    st.fragment(step, run_every=PLAY_S if playing else None)(plane, kernel, playing)


def step(plane: np.ndarray, kernel: np.ndarray, playing: bool) -> None:
    """The window and its numbers; the only thing that is drawn again at each step."""
    output = convolution.convolve(plane, kernel)
    last = len(output) - 1

    def advance(by: int) -> None:
        """On, line by line, and from the end to the beginning."""
        place = st.session_state["convolution.row"] * (last + 1) + st.session_state["convolution.column"] + by
        put(*divmod(place % (last + 1) ** 2, last + 1))

    def put(row: int, column: int) -> None:
        st.session_state["convolution.row"] = min(max(row, 0), last)
        st.session_state["convolution.column"] = min(max(column, 0), last)

    def take_pixel() -> None:
        """The pixel that was clicked becomes the window's middle."""
        for point in st.session_state["convolution.input"].selection.points:
            put(point["y"] - 1, point["x"] - 1)

    shared.keep_all(FIRST_PLACE)
    if playing:
        advance(1)
    controls = st.columns([3, 3, 2], vertical_alignment="bottom")
    controls[0].slider("Row", 0, last, key="convolution.row")
    controls[1].slider("Column", 0, last, key="convolution.column")
    with controls[2].container(horizontal=True, gap="small"):
        st.button("Back", key="convolution.back", on_click=advance, args=(-1,), icon=":material/chevron_left:")
        st.button("Step", key="convolution.step", on_click=advance, args=(1,), icon=":material/chevron_right:")
    row, column = st.session_state["convolution.row"], st.session_state["convolution.column"]
    taken = convolution.step(plane, kernel, row, column)
    left, right = st.columns(2)
    left.plotly_chart(
        plots.numbers(plane, (row, column, 3), pick=True),
        key="convolution.input",
        config=PLAIN_CHART,
        on_select=take_pixel,
        selection_mode="points",
        alt=f"The image as {SIZE} × {SIZE} grey cells; the window begins at row {row}, column {column}.",
    )
    left.caption(
        f"The image, {SIZE} × {SIZE} pixels, from black (0) to white (1). Click a pixel to move the window there."
    )
    right.plotly_chart(
        plots.numbers(output, (row, column, 1)),
        key="convolution.output",
        config=PLAIN_CHART,
        alt=f"The result as grey cells; the cell at row {row}, column {column} is {written(taken.total)}.",
    )
    zero = " Zero is mid-grey." if output.min() < 0 else ""
    right.caption(f"The result, {len(output)} × {len(output)}. The framed cell is the sum below.{zero}")
    shown = (("Nine pixels", taken.patch), ("times the kernel", kernel), ("give nine products", taken.products))
    for place, (title, values) in zip(st.columns(3), shown, strict=True):
        place.markdown(f"**{title}**")
        place.plotly_chart(
            plots.numbers(values, text=True),
            key=f"convolution.{title.replace(' ', '_')}",
            config=PLAIN_CHART,
            alt=f"{title}: " + "; ".join(" ".join(f"{value:.2f}" for value in line) for line in values),
        )
    st.markdown(f"Their sum is **{written(taken.total)}**.")


def written(total: float) -> str:
    """ "0.662"; never a negative zero."""
    return f"{round(total, 3) + 0.0:.3f}"


# --- what follows -----------------------------------------------------------------------------------------


def show_activation(output: np.ndarray) -> None:
    st.subheader("2. ReLU and max pooling", divider="gray")
    rectified = convolution.relu(output)
    pooled = convolution.max_pool(rectified)
    left, right = st.columns(2)
    left.plotly_chart(
        plots.numbers(rectified),
        key="convolution.relu",
        config=PLAIN_CHART,
        alt="The result with every negative cell set to black, which is zero.",
    )
    left.caption(
        f"ReLU: {(output < 0).mean():.0%} of the sums were negative and became 0. What is left marks where the kernel found its "
        "pattern."
    )
    right.plotly_chart(
        plots.numbers(pooled),
        key="convolution.pool",
        config=PLAIN_CHART,
        alt=f"The same at {len(pooled)} × {len(pooled)} cells, each the largest of four.",
    )
    right.caption(
        f"Max pooling keeps the largest value of each 2 × 2 block: {len(rectified)} × {len(rectified)} become {len(pooled)} × "
        f"{len(pooled)}."
    )


@st.fragment
@shared.guarded
def show_sizes(plane: np.ndarray, kernel: np.ndarray) -> None:
    st.subheader("3. How large is the result?", divider="gray")
    shared.keep_all(SIZES)
    controls, result = st.columns([2, 3], gap="large", vertical_alignment="center")
    padding = controls.slider("Padding", 0, 3, key="convolution.padding", help="Rows of zeros added around the image.")
    stride = controls.slider("Stride", 1, 4, key="convolution.stride", help="How far the window moves at each step.")
    side = convolution.output_size(SIZE, 3, padding, stride)
    controls.markdown(f"({SIZE} + 2 · {padding} − 3) / {stride} + 1, rounded down: **{side} × {side}**")
    result.plotly_chart(
        plots.numbers(convolution.convolve(plane, kernel, padding, stride)),
        key="convolution.sized",
        config=PLAIN_CHART,
        alt=f"The result with padding {padding} and stride {stride}: {side} × {side} cells.",
    )


@shared.guarded
def show_first_layer(run: Run, pixels: np.ndarray) -> None:
    st.subheader("4. The first layer of the trained model", divider="gray")
    maps = convolution.first_layer(run, pixels)
    height, width = convolution.first_kernel(run)
    st.image(
        sheets.grid(sheets.stretched(maps), columns=8, background=sheets.GREY),
        width="stretch",
        alt=f"{len(maps)} small images: what each kernel of the first layer makes of this radiograph.",
    )
    st.caption(
        f"Nobody wrote the {len(maps)} kernels ({height} × {width}) of the first layer of {names.name_of(run.card)}: training "
        "found them. Some respond to edges, as above, some to brightness; the next layers combine them."
    )


main()
