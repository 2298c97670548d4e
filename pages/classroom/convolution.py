"""Classroom: one convolution taken apart, number by number."""

import streamlit as st

from pages import shared
from pneumo import plots
from pneumo.images import sheets
from pneumo.inference import diagnosis
from pneumo.lessons import convolution
from pneumo.schema import PneumoError

SIZE = 24  # every cell can be seen and pointed at
PLAY_S = 0.4

INPUT = {"convolution.picture": 0, "convolution.kernel": next(iter(convolution.KERNELS))}
SIZES = {"convolution.padding": 1, "convolution.stride": 1}
FIRST_PLACE = {"convolution.row": 9, "convolution.column": 6}

run = shared.default_run()
examples = shared.phantom_examples()
shared.keep_all(INPUT)

st.title("One convolution, by hand")
st.markdown(
    "Every network here begins like this: a small **kernel** slides over the picture; at each place nine pixels are multiplied by nine "
    "numbers and added up. The sum is one pixel of a new picture. Nothing else happens in a convolution layer, only many times."
)

left, right = st.columns([2, 3], gap="large")
with left:
    index = st.selectbox(
        "Picture", range(len(examples)), format_func=lambda n: f"Phantom {n + 1}", key="convolution.picture"
    )
    name = st.selectbox(
        "Kernel",
        list(convolution.KERNELS),
        format_func=lambda key: convolution.KERNELS[key].title,
        key="convolution.kernel",
    )
    st.caption(convolution.KERNELS[name].effect)
with right:
    st.markdown("The nine numbers; change any of them.")
    typed = st.data_editor(
        [list(map(float, row)) for row in convolution.KERNELS[name].values],
        key=f"convolution.values.{name}",
        hide_index=True,
        column_config={str(n): st.column_config.NumberColumn(" ", format="%.2f", step=0.01) for n in range(3)},
    )
try:
    kernel = convolution.as_kernel([list(row.values()) if isinstance(row, dict) else list(row) for row in typed])
except PneumoError as error:
    st.error(str(error))
    st.stop()

result = diagnosis.diagnose(run, examples[index].data, examples[index].name, synthetic=True)
plane = convolution.shrink(result.radiograph.pixels, SIZE)
output = convolution.convolve(plane, kernel)
last = len(output) - 1


def advance(by: int) -> None:
    """The window goes on, line by line, and starts again at the end."""
    place = st.session_state["convolution.row"] * (last + 1) + st.session_state["convolution.column"] + by
    row, column = divmod(place % (last + 1) ** 2, last + 1)
    st.session_state["convolution.row"], st.session_state["convolution.column"] = row, column


st.subheader("1. Slide, multiply, add", divider="gray")
playing = st.toggle("Play", key="convolution.play", help="Moves the window by itself; switch off to stop.")


@st.fragment(run_every=PLAY_S if playing else None)
def stepper() -> None:
    """The window and its numbers; the only part that is drawn again at each step."""
    shared.keep_all(FIRST_PLACE)
    if playing:
        advance(1)
    controls = st.columns([3, 3, 1, 1], vertical_alignment="bottom")
    controls[0].slider("Row", 0, last, key="convolution.row")
    controls[1].slider("Column", 0, last, key="convolution.column")
    controls[2].button("Back", key="convolution.back", on_click=advance, args=(-1,), icon=":material/chevron_left:")
    controls[3].button("Step", key="convolution.step", on_click=advance, args=(1,), icon=":material/chevron_right:")
    row, column = st.session_state["convolution.row"], st.session_state["convolution.column"]
    taken = convolution.step(plane, kernel, row, column)
    one, two = st.columns(2)
    one.plotly_chart(plots.numbers(plane, (row, column, 3)), key="convolution.input", config={"displayModeBar": False})
    one.caption(f"The picture, {SIZE} x {SIZE} pixels, black 0 to white 1; the kernel's window is framed.")
    two.plotly_chart(
        plots.numbers(output, (row, column, 1)), key="convolution.output", config={"displayModeBar": False}
    )
    two.caption(
        f"The result, {len(output)} x {len(output)}; the framed cell is the sum below. Mid-grey is zero if there are negatives."
    )
    splits = st.columns(3)
    shown = (("Nine pixels", taken.patch), ("times the kernel", kernel), ("give nine products", taken.products))
    for split, (title, values) in zip(splits, shown, strict=True):
        split.markdown(f"**{title}**")
        split.plotly_chart(
            plots.numbers(values, text=True),
            key=f"convolution.{title.replace(' ', '_')}",
            config={"displayModeBar": False},
        )
    st.markdown(f"Their sum is **{taken.total:.3f}**.")


stepper()

st.subheader("2. ReLU and max pooling", divider="gray")
rectified = convolution.relu(output)
pooled = convolution.max_pool(rectified)
one, two = st.columns(2)
one.plotly_chart(plots.numbers(rectified), key="convolution.relu", config={"displayModeBar": False})
one.caption(
    f"ReLU: {(output < 0).mean():.0%} of the sums were negative and became 0. What is left says: here is what I look for."
)
two.plotly_chart(plots.numbers(pooled), key="convolution.pool", config={"displayModeBar": False})
two.caption(
    f"Max pooling keeps the largest of each 2 x 2 block: {len(rectified)} x {len(rectified)} become {len(pooled)} x {len(pooled)}."
)

st.subheader("3. How large is the result?", divider="gray")
shared.keep_all(SIZES)
one, two, three = st.columns([1, 1, 2], vertical_alignment="bottom")
padding = one.slider("Padding", 0, 3, key="convolution.padding", help="Rows of zeros put around the picture.")
stride = two.slider("Stride", 1, 4, key="convolution.stride", help="How far the window moves at each step.")
side = convolution.output_size(SIZE, 3, padding, stride)
three.markdown(f"({SIZE} + 2 · {padding} − 3) / {stride} + 1, rounded down = **{side}**")
st.plotly_chart(
    plots.numbers(convolution.convolve(plane, kernel, padding, stride)),
    key="convolution.sized",
    config={"displayModeBar": False},
)

st.subheader("4. What the trained model's first layer sees", divider="gray")
maps = convolution.first_layer(run, result.seen)
st.image(sheets.mosaic(maps), width="stretch")
st.caption(
    f"The {len(maps)} kernels of the first layer of {run.card.name} were not written by anyone: training found them. Some look for edges, "
    "as above, some for brightness; the next layers combine them."
)
